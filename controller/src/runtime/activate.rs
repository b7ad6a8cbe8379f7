//! What is in force: a revision's plan. It is a row; memory holds a copy, changed in the moment in which the row is durable.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    id::{InstanceId, InstanceKind},
    journal::{self, Append, Batch, Content, Guard, Journal, Row, RowWrite, Table},
};
use adjutant_spec::{
    kinds::Role,
    plan::{Bundle, BundleId, Id, Plan},
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::{Deserialize, Serialize};

use super::{
    Error,
    core::{Core, Live},
    deliveries,
    request::Activation,
    rows, schedule,
    views::{AppliedView, QuarantineView, When},
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
    let commit = core.commit(batch, move |core| {
        for (playbook, bundle) in &plan.bundles {
            drop(core.keep_bundle(&ids[playbook], bundle));
        }
        size_pools(core, &plan);
        core.set_live(|live| {
            live.plan = Some(plan);
            live.bundles = ids;
            live.applied = Some(view);
        });
        schedule::turn(core, &timers);
        // A freeze may be gone, a budget raised, a rate changed: whoever waits asks again.
        core.all_moved();
    });
    commit.await?;
    // After the plan is in force: what was open then is tried on it, and what comes open later sees it.
    deliveries::wake(core);
    Ok(())
}

/// Gives agents as many places as the plan allows, shared by the model endpoints that it has.
pub(super) fn size_pools(core: &Core, plan: &Plan) {
    let endpoints =
        plan.connectors.values().filter(|connector| connector.is_for(Role::AnswersAgents)).count();
    core.pools.set_agents(most_agents(core, plan), endpoints);
}

/// Returns the most agents at once: the plan's limit, else the process's own.
fn most_agents(core: &Core, plan: &Plan) -> usize {
    let limit = plan.policies.limits.iter().find(|limit| limit.name == "active_agents");
    limit.and_then(|limit| usize::try_from(limit.max).ok()).unwrap_or(core.most_agents)
}

/// Returns the plan in force, if any, then each other one that comes; of those that come faster than they are taken, the newest.
pub(super) fn plans(core: &Core) -> BoxStream<'static, Arc<Plan>> {
    let none: Option<Arc<Plan>> = None;
    let plans = stream::unfold((core.live.subscribe(), none), |(mut live, known)| async move {
        let is_another = |live: &Arc<Live>| match (&live.plan, &known) {
            (Some(plan), Some(known)) => !Arc::ptr_eq(plan, known),
            (plan, _) => plan.is_some(),
        };
        let plan = live.wait_for(is_another).await.ok()?.plan.clone()?;
        Some((Arc::clone(&plan), (live, Some(plan))))
    });
    plans.boxed()
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
    let entries = vec![Content::bare(state.clone())];
    let appends = vec![Append { instance: log(), expected, entries, snapshot: Some(state) }];
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
    super::switch::load(journal, &mut live)?;
    for row in journal::rows(journal, Table::Host, rows::host::QUARANTINES) {
        // A row that cannot be read still says by its key who is set aside.
        if let Some(view) = set_aside(&row?) {
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

pub(super) fn parse<T: serde::de::DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("the host row \"{}\"", String::from_utf8_lossy(key).replace('\0', " "));
        Error::Journal(adjutant_machine::journal::JournalError::Corrupt { place, problem: error.to_string() })
    })
}
