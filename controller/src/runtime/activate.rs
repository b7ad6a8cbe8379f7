//! What is in force: a revision's plan, and the pauses that the operator set. Both are rows; memory holds a copy.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use adjutant_machine::{
    id::{InstanceId, InstanceKind},
    journal::{Append, Batch, Guard, Journal, Row, RowWrite, Scan, Table},
};
use adjutant_spec::plan::{Bundle, BundleId, Id, Plan};
use serde::{Deserialize, Serialize};

use super::{
    Error,
    core::{Core, Live},
    request::{Activation, Answer, PauseScope},
    rows, schedule,
    views::{AppliedView, PauseView, QuarantineView, When},
};

/// The row of the revision in force.
#[derive(Debug, Serialize, Deserialize)]
struct AppliedRow {
    view: AppliedView,
    /// The digest of the plan's blob.
    plan: String,
}

fn log() -> InstanceId {
    InstanceId { kind: InstanceKind::Revision, name: "company".to_owned() }
}

/// Puts a revision in force: one batch holds its plan, its bundles, its schedules and its row.
pub(super) async fn activate(core: &Arc<Core>, wish: Activation) -> Result<(), Error> {
    core.check_open()?;
    let _one_at_a_time = core.host.lock().await;
    let applied = core.live().applied.clone();
    let current = applied.as_ref().map(|applied| applied.revision.clone());
    if current != wish.expected {
        let found = current.unwrap_or_else(|| "none".to_owned());
        return Err(Error::Conflict { reason: format!("the revision in force is {found}") });
    }
    let view = AppliedView {
        revision: wish.revision,
        at: When(core.clock.now()),
        by: wish.by,
        held: wish.held,
        detail: wish.detail,
    };
    let plan = Arc::clone(&wish.plan);
    let (batch, ids) = {
        let (view, plan) = (view.clone(), Arc::clone(&plan));
        core.read(move |core| batch(core, view, &plan)).await?
    };
    let timers = batch.writes.clone();
    core.write(batch).await?;
    for (playbook, bundle) in &plan.bundles {
        core.keep_bundle(&ids[playbook], bundle);
    }
    core.pools.set_agents(most_agents(core, &plan));
    core.set_live(|live| {
        live.plan = Some(plan);
        live.bundles = ids;
        live.applied = Some(view);
    });
    schedule::turn(core, &timers);
    Ok(())
}

/// Returns the most agents at once: the plan's limit, else the process's own.
pub(super) fn most_agents(core: &Core, plan: &Plan) -> usize {
    let limit = plan.policies.limits.iter().find(|limit| limit.name == "active_agents");
    limit.and_then(|limit| usize::try_from(limit.max).ok()).unwrap_or(core.most_agents)
}

fn batch(core: &Core, view: AppliedView, plan: &Plan) -> Result<(Batch, BTreeMap<Id, BundleId>), Error> {
    let journal = core.journal.as_ref();
    let bytes =
        serde_json::to_vec(plan).map_err(|error| Error::Bug(format!("a plan has no JSON form: {error}")))?;
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let mut blobs = vec![(digest.clone(), bytes)];
    let mut ids = BTreeMap::new();
    let live = core.live();
    for (playbook, bundle) in &plan.bundles {
        if let Some(id) = kept(&live, playbook, bundle) {
            ids.insert(playbook.clone(), id);
            continue;
        }
        let canonical = bundle.canonical();
        let id = blake3::hash(&canonical).to_hex().to_string();
        blobs.push((id.clone(), canonical));
        ids.insert(playbook.clone(), id);
    }
    let row = journal.row(Table::Host, rows::host::APPLIED)?;
    let version = row.map_or(0, |row| row.version);
    let guards = vec![Guard { table: Table::Host, key: rows::host::APPLIED.to_vec(), version }];
    let state = serde_json::to_vec(&view).unwrap_or_default();
    let value = serde_json::to_vec(&AppliedRow { view, plan: digest }).ok();
    let mut writes = vec![RowWrite { table: Table::Host, key: rows::host::APPLIED.to_vec(), value }];
    writes.extend(schedule::arm(core, plan)?.writes);
    let expected = journal.last(&log())?;
    let appends = vec![Append { instance: log(), expected, entries: vec![state.clone()], state }];
    Ok((Batch { appends, writes, guards, blobs, ..Batch::default() }, ids))
}

/// Returns the id of a bundle that is in force already: the store holds it, so it is neither written nor digested again.
fn kept(live: &Live, playbook: &str, bundle: &Bundle) -> Option<BundleId> {
    let before = live.plan.as_ref()?.bundles.get(playbook)?;
    (**before == *bundle).then(|| live.bundles.get(playbook).cloned())?
}

/// Reads what was in force when the last process ended.
pub(super) fn load(journal: &dyn Journal) -> Result<Live, Error> {
    let mut live = Live::default();
    if let Some(row) = journal.row(Table::Host, rows::host::APPLIED)? {
        let row: AppliedRow = parse(rows::host::APPLIED, &row.value)?;
        let damaged = |problem: String| {
            let place = format!("the plan of revision {}", row.view.revision);
            Error::Journal(adjutant_machine::journal::JournalError::Corrupt { place, problem })
        };
        let bytes =
            journal.blob(&row.plan)?.ok_or_else(|| damaged("the store does not hold it".to_owned()))?;
        let plan: Plan = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        live.bundles =
            plan.bundles.iter().map(|(playbook, bundle)| (playbook.clone(), bundle.id())).collect();
        live.plan = Some(Arc::new(plan));
        live.applied = Some(row.view);
    }
    for row in all(journal, rows::host::PAUSES)? {
        let view: PauseView = parse(&row.key, &row.value)?;
        // The key holds the oldest id, the view the one that was typed: a rename in between changes neither.
        let scope = row.key.get(rows::host::PAUSES.len()..).map(String::from_utf8_lossy);
        live.pauses.insert(scope.unwrap_or_default().into_owned(), view);
    }
    for row in all(journal, rows::host::QUARANTINES)? {
        // A row that cannot be read still says by its key who is set aside.
        if let Some(view) = set_aside(&row) {
            live.quarantined.insert(view.instance.clone(), view);
        }
    }
    Ok(live)
}

fn set_aside(row: &Row) -> Option<QuarantineView> {
    serde_json::from_slice(&row.value).ok().or_else(|| {
        let instance =
            std::str::from_utf8(row.key.get(rows::host::QUARANTINES.len()..)?).ok()?.parse().ok()?;
        let reason = "it was set aside, and the row that says why is damaged".to_owned();
        Some(QuarantineView { instance, reason, at: When(Default::default()) })
    })
}

fn all(journal: &dyn Journal, prefix: &[u8]) -> Result<Vec<Row>, Error> {
    Ok(journal.scan(Table::Host, &Scan { prefix: prefix.to_vec(), limit: 1_000, ..Scan::default() })?)
}

fn parse<T: serde::de::DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("the host row \"{}\"", String::from_utf8_lossy(key).replace('\0', " "));
        Error::Journal(adjutant_machine::journal::JournalError::Corrupt { place, problem: error.to_string() })
    })
}

/// Pauses everything, a playbook, or a connector.
pub(super) async fn pause(
    core: &Arc<Core>,
    scope: PauseScope,
    reason: &str,
    by: &str,
) -> Result<Answer, Error> {
    core.check_open()?;
    let _one_at_a_time = core.host.lock().await;
    let (name, shown) = (core.live().scope(&scope), scope.to_string());
    known(&core.live(), &scope)?;
    if let Some(old) = core.live().pauses.get(&name) {
        let message = format!("already paused at {} by {}", old.at, old.by);
        return Ok(Answer { applied: false, message });
    }
    let at = When(core.clock.now());
    let view = PauseView { scope: shown.clone(), reason: reason.to_owned(), by: by.to_owned(), at };
    let value = serde_json::to_vec(&view).ok();
    let row = RowWrite { table: Table::Host, key: rows::host::pause(&name), value };
    core.write(Batch { writes: vec![row], ..Batch::default() }).await?;
    core.set_live(|live| drop(live.pauses.insert(name.clone(), view)));
    Ok(Answer { applied: true, message: format!("{shown} is paused: no further effect of it starts") })
}

fn known(live: &Live, scope: &PauseScope) -> Result<(), Error> {
    let (what, id, is_known) = match scope {
        PauseScope::Everything => return Ok(()),
        PauseScope::Playbook(id) => ("playbook", id, live.playbook(id).is_some()),
        PauseScope::Connector(id) => {
            ("connector", id, live.plan.as_ref().is_some_and(|plan| plan.connector(id).is_some()))
        }
    };
    if is_known { Ok(()) } else { Err(Error::NotFound { what, id: id.clone() }) }
}

/// Ends such a pause: what it held back asks for its place again.
pub(super) async fn resume(core: &Arc<Core>, scope: &PauseScope) -> Result<Answer, Error> {
    core.check_open()?;
    let _one_at_a_time = core.host.lock().await;
    let (name, shown) = (core.live().scope(scope), scope.to_string());
    if !core.live().pauses.contains_key(&name) {
        return Ok(Answer { applied: false, message: format!("{shown} is not paused") });
    }
    let row = RowWrite { table: Table::Host, key: rows::host::pause(&name), value: None };
    core.write(Batch { writes: vec![row], ..Batch::default() }).await?;
    // First the pause goes, then what it parked: nothing can be parked in between and forgotten.
    core.set_live(|live| drop(live.pauses.remove(&name)));
    let parked = core.parked.lock().unwrap_or_else(PoisonError::into_inner).remove(&name).unwrap_or_default();
    let count = parked.len();
    for (effect, class) in parked {
        core.enqueue(effect, class);
    }
    Ok(Answer { applied: true, message: format!("{shown} goes on; {count} effects had waited") })
}
