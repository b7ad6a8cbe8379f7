//! What is in force: a revision's plan. It is a row; memory holds a copy, changed in the moment in which the row is durable.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::journal::{self, Batch, Guard, Journal, JournalError, Row, RowWrite, Table};
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
    request::{Activation, Story},
    rows, schedule,
    views::{AppliedView, QuarantineView, When},
};

/// The row of the revision in force.
#[derive(Debug, Serialize, Deserialize)]
struct AppliedRow {
    view: AppliedView,
    /// The digest of the blob of [`StoredPlan`].
    plan: String,
}

/// A plan as it is stored: what its runs pin is stored by itself, holds the playbooks, and is the same from plan to plan.
#[derive(Debug, Serialize, Deserialize)]
struct StoredPlan {
    /// Without playbooks and bundles.
    plan: Plan,
    bundles: BTreeMap<Id, BundleId>,
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
    let ActivationBatch { mut batch, bundles: ids } = {
        let (view, plan) = (view.clone(), Arc::clone(&plan));
        core.read(move |core| batch(core, view, &plan)).await?
    };
    if let Some(Story { append, blobs }) = wish.story {
        batch.appends.push(append);
        batch.blobs.extend(blobs);
    }
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

/// The batch of an activation, with what runs pin from then on.
struct ActivationBatch {
    batch: Batch,
    bundles: BTreeMap<Id, BundleId>,
}

fn batch(core: &Core, view: AppliedView, plan: &Plan) -> Result<ActivationBatch, Error> {
    let journal = core.journal.as_ref();
    let (mut blobs, mut ids) = (Vec::new(), BTreeMap::new());
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
    let PlanBlob { digest, bytes } = stored(plan, &ids)?;
    blobs.push((digest.clone(), bytes));
    let row = journal.row(Table::Host, rows::host::APPLIED)?;
    let version = row.map_or(0, |row| row.version);
    let guards = vec![Guard { table: Table::Host, key: rows::host::APPLIED.to_vec(), version }];
    let value = serde_json::to_vec(&AppliedRow { view, plan: digest }).ok();
    let mut writes = vec![RowWrite { table: Table::Host, key: rows::host::APPLIED.to_vec(), value }];
    writes.extend(schedule::arm(core, plan)?.writes);
    Ok(ActivationBatch { batch: Batch { writes, guards, blobs, ..Batch::default() }, bundles: ids })
}

/// A plan in the form in which it is stored.
struct PlanBlob {
    digest: String,
    bytes: Vec<u8>,
}

/// Returns a plan in the form in which it is stored.
fn stored(plan: &Plan, bundles: &BTreeMap<Id, BundleId>) -> Result<PlanBlob, Error> {
    let plan = Plan {
        playbooks: BTreeMap::new(),
        bundles: BTreeMap::new(),
        company: plan.company.clone(),
        slices: plan.slices.clone(),
        agents: plan.agents.clone(),
        connectors: plan.connectors.clone(),
        routes: plan.routes.clone(),
        records: plan.records.clone(),
        policies: plan.policies.clone(),
        prices: plan.prices.clone(),
        models: plan.models.clone(),
        secrets: plan.secrets.clone(),
    };
    let bytes = serde_json::to_vec(&StoredPlan { plan, bundles: bundles.clone() })
        .map_err(|error| Error::Bug(format!("a plan has no JSON form: {error}")))?;
    Ok(PlanBlob { digest: blake3::hash(&bytes).to_hex().to_string(), bytes })
}

/// Reads a plan that was stored, with what its runs pin. A playbook whose bundle cannot be read is left out, and all else goes on:
/// the plan is not what the revision says then, so the reconciler brings that in force once more.
fn restored(journal: &dyn Journal, digest: &str) -> Result<StoredPlan, PlanFlaw> {
    let StoredPlan { mut plan, bundles } = serde_json::from_slice(&stored_blob(journal, digest)?)?;
    let mut found = BTreeMap::new();
    for (playbook, id) in bundles {
        let bundle: Bundle =
            match stored_blob(journal, &id).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?)) {
                Ok(bundle) => bundle,
                Err(PlanFlaw::Damaged(problem)) => {
                    tracing::error!(
                        playbook,
                        bundle = id,
                        problem,
                        "a playbook is out of force: its bundle cannot be read"
                    );
                    continue;
                }
                Err(flaw) => return Err(flaw),
            };
        plan.playbooks.insert(playbook.clone(), Arc::new(bundle.playbook.clone()));
        plan.bundles.insert(playbook.clone(), Arc::new(bundle));
        found.insert(playbook, id);
    }
    Ok(StoredPlan { plan, bundles: found })
}

fn stored_blob(journal: &dyn Journal, digest: &str) -> Result<Vec<u8>, PlanFlaw> {
    journal.blob(digest)?.ok_or_else(|| PlanFlaw::Damaged("the store does not hold it".to_owned()))
}

/// Why a stored plan cannot be read.
enum PlanFlaw {
    Store(JournalError),
    Damaged(String),
}

impl From<JournalError> for PlanFlaw {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Corrupt { problem, .. } => Self::Damaged(problem),
            other => Self::Store(other),
        }
    }
}

impl From<serde_json::Error> for PlanFlaw {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Returns the id of a bundle that is in force already: the store holds it, so it is neither written nor digested again.
fn kept(live: &Live, playbook: &str, bundle: &Arc<Bundle>) -> Option<BundleId> {
    let before = live.plan.as_ref()?.bundles.get(playbook)?;
    let is_same = Arc::ptr_eq(before, bundle) || before == bundle;
    is_same.then(|| live.bundles.get(playbook).cloned())?
}

/// Reads what was in force when the last process ended.
pub(super) fn load(journal: &dyn Journal) -> Result<Live, Error> {
    let mut live = Live::default();
    if let Some(row) = journal.row(Table::Host, rows::host::APPLIED)? {
        let row: AppliedRow = parse(rows::host::APPLIED, &row.value)?;
        let StoredPlan { plan, bundles } = restored(journal, &row.plan).map_err(|flaw| match flaw {
            PlanFlaw::Store(error) => Error::Journal(error),
            PlanFlaw::Damaged(problem) => {
                let place = format!("the plan of revision {}", row.view.revision);
                Error::Journal(JournalError::Corrupt { place, problem })
            }
        })?;
        (live.bundles, live.plan) = (bundles, Some(Arc::new(plan)));
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
