//! A pass of retention: by the hour, and when the operator asks for one.

use std::sync::Arc;

use adjutant_machine::{
    id::{InstanceId, InstanceKind, Stamp},
    journal::{self, Batch, JournalError, Removal, RowWrite, Table},
    life::delivery::DeliveryPhase,
};
use adjutant_spec::plan::RetentionClass;
use futures::{StreamExt, stream};
use tokio::sync::oneshot;

use super::{
    cutoff,
    tree::{self, Going, Search, Tree},
};
use crate::runtime::{
    Error,
    core::Core,
    mailbox::{Job, Removing},
    rows, view,
    views::{RemovedView, When},
};

/// How long between two passes, in milliseconds.
const EVERY: u64 = 3_600_000;
/// By how much a pass goes further than the one before it, at most. A clock that is far ahead for some hours would make everything
/// old at once: so it takes away what would have gone in the next days, and not what is kept for years.
const STRIDE: i64 = 86_400_000;
/// Which part of the runs that are left makes a compaction worth it: a tenth.
const WORTH_IT: u64 = 10;
/// How many trees are removed side by side.
const AT_ONCE: usize = 16;

/// Removes by the hour what is kept long enough, for as long as the runtime is there.
pub(in crate::runtime) async fn keep_watch(core: Arc<Core>) {
    let (mut plans, mut begins) = (core.live.subscribe(), true);
    while !core.is_closing() && !core.is_stopped() {
        // What comes into force from here on is heard of.
        plans.mark_unchanged();
        // By a clock that nobody sets: one that was ahead for a while holds nothing up when it is right again.
        let (has_rules, next) = (has_rules(&core), core.clock.steady().saturating_add(EVERY));
        if has_rules && let Err(error) = by_the_hour(&core, begins).await {
            tracing::warn!(%error, "retention did not finish: it is tried again");
        }
        begins &= !has_rules;
        while core.clock.steady() < next {
            let left = next.saturating_sub(core.clock.steady());
            tokio::select! {
                () = core.clock.wait_until(core.clock.now().plus(left)) => {}
                // Another revision may have another word on it.
                changed = plans.changed() => {
                    if changed.is_err() || self::has_rules(&core) != has_rules { break }
                }
                () = core.gone() => return,
            }
        }
    }
}

fn has_rules(core: &Core) -> bool {
    core.live().plan.as_ref().is_some_and(|plan| !plan.policies.retention.is_empty())
}

/// A pass that no clock that is ahead can lead astray: it counts from at most a day after the one before.
/// What begins goes no further than the one before it: a process that is started again and again does not run ahead.
async fn by_the_hour(core: &Arc<Core>, begins: bool) -> Result<(), Error> {
    let now = core.clock.now();
    let row = core.read(|core| Ok(core.journal.row(Table::Host, rows::host::RETENTION)?)).await?;
    let last = row.and_then(|row| serde_json::from_slice::<When>(&row.value).ok());
    let stride = if begins { 0 } else { STRIDE };
    let counted = last.map_or(now, |When(last)| Stamp(now.0.min(last.0.saturating_add(stride))));
    let value = serde_json::to_vec(&When(counted)).ok();
    let row = RowWrite { table: Table::Host, key: rows::host::RETENTION.to_vec(), value };
    core.write(Batch { writes: vec![row], ..Batch::default() }).await?;
    let removed = pass(core, counted).await?;
    if removed.is_any() && core.read(move |core| is_worth_tidying(core, removed)).await? {
        tidy(core).await?;
    }
    if removed.is_any() {
        tracing::info!(
            runs = removed.runs,
            deliveries = removed.deliveries,
            "retention removed what is kept no longer"
        );
    }
    Ok(())
}

/// Returns whether so much was removed that the store is compacted for it. The store's own compaction finds the rest in time: a large
/// store is not written anew each hour for a handful of runs.
fn is_worth_tidying(core: &Core, removed: RemovedView) -> Result<bool, Error> {
    let left: u64 = core.counts(rows::index::STATUS)?.values().map(|count| count.members).sum();
    Ok(removed.runs > 0 && removed.runs.saturating_mul(WORTH_IT) >= left)
}

/// Gives the disk back what was removed.
pub(super) async fn tidy(core: &Arc<Core>) -> Result<(), Error> {
    let _one_at_a_time = core.retention.lock().await;
    core.read(|core| Ok(core.journal.tidy()?)).await
}

/// Removes what is kept no longer, counted from a moment.
pub(in crate::runtime) async fn pass(core: &Arc<Core>, now: Stamp) -> Result<RemovedView, Error> {
    let _one_at_a_time = core.retention.lock().await;
    let plan = core.live().plan.clone();
    let mut removed = RemovedView::default();
    finish_earlier(core).await?;
    if let Some(before) = cutoff(plan.as_deref(), RetentionClass::Runs, now) {
        removed.runs = runs(core, before).await?;
    }
    if let Some(before) = cutoff(plan.as_deref(), RetentionClass::Deliveries, now) {
        removed.deliveries = deliveries(core, before).await?;
    }
    Ok(removed)
}

/// Goes on with what a process that died had begun, counted from where that had counted.
async fn finish_earlier(core: &Arc<Core>) -> Result<(), Error> {
    for Going { run, before } in core.read(|core| tree::unfinished(core.journal.as_ref())).await? {
        rest(core, &run, before).await?;
    }
    Ok(())
}

async fn runs(core: &Arc<Core>, before: Stamp) -> Result<u64, Error> {
    let (mut search, mut removed) = (Search::new(before), 0);
    loop {
        core.check_open()?;
        let (next, trees) = core
            .read(move |core| {
                let trees = search.next(core)?;
                Ok((search, trees))
            })
            .await?;
        search = next;
        let Some(trees) = trees else { return Ok(removed) };
        let mut gone = stream::iter(trees).map(|tree| async move { one(core, &tree, before).await });
        let mut gone = gone.by_ref().buffer_unordered(AT_ONCE);
        while let Some(one) = gone.next().await {
            removed += u64::from(one?);
        }
    }
}

/// Removes a tree; `false` where it stays, because something of it is open after all. Each run of it goes by itself, who began it
/// first: one that goes on after all is its own root from then on, with all that is its own.
async fn one(core: &Arc<Core>, tree: &Tree, before: Stamp) -> Result<bool, Error> {
    if !run(core, &tree.root, before).await? {
        return Ok(false);
    }
    for child in &tree.children {
        run(core, child, before).await?;
    }
    Ok(true)
}

/// Removes a run with its branches; `false` where it stays.
async fn run(core: &Arc<Core>, run: &InstanceId, before: Stamp) -> Result<bool, Error> {
    let instance = run.clone();
    let is_alone = core.read(move |core| Ok(tree::branches(core, &instance)?.is_empty())).await?;
    if is_alone {
        return ask(core, run, Removing::Whole, before).await;
    }
    if !ask(core, run, Removing::First, before).await? {
        return Ok(false);
    }
    rest(core, run, before).await?;
    Ok(true)
}

/// Removes the branches of a run that has left the lists, each after its own, and then the run.
async fn rest(core: &Arc<Core>, run: &InstanceId, before: Stamp) -> Result<(), Error> {
    let instance = run.clone();
    for branch in core.read(move |core| tree::branches(core, &instance)).await? {
        if !ask(core, &branch, Removing::Whole, before).await? {
            tracing::warn!(
                branch = branch.name,
                "a branch of a run that is removed stays: the next pass tries again"
            );
            return Ok(());
        }
    }
    ask(core, run, Removing::Last, before).await.map(drop)
}

/// Asks the shard of a run to remove it.
async fn ask(core: &Arc<Core>, run: &InstanceId, part: Removing, before: Stamp) -> Result<bool, Error> {
    let (sender, receiver) = oneshot::channel();
    core.send(run.clone(), Job::Remove { part, before, reply: Some(sender) });
    match receiver.await.map_err(|_| Error::unavailable("the runtime is closing"))? {
        Err(Error::Quarantined { .. }) => Ok(false),
        answer => answer,
    }
}

/// Removes deliveries that were started or dropped before a moment: what they brought. That they were here stays known by their ids.
async fn deliveries(core: &Arc<Core>, before: Stamp) -> Result<u64, Error> {
    let all = core.read(move |core| settled(core, before)).await?;
    let mut removed = 0;
    for some in all.chunks(journal::PAGE) {
        for removal in some {
            let batch = Batch { removals: vec![removal.clone()], ..Batch::default() };
            match core.write(batch).await {
                Ok(_) => removed += 1,
                // Something happened to it meanwhile.
                Err(Error::Journal(JournalError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(removed)
}

fn settled(core: &Core, before: Stamp) -> Result<Vec<Removal>, Error> {
    let first = InstanceId { kind: InstanceKind::Delivery, name: String::new() };
    let mut found = Vec::new();
    for instance in journal::instances(core.journal.as_ref(), Some(first)) {
        let instance = instance?;
        if instance.kind != InstanceKind::Delivery {
            break;
        }
        // One that cannot be read stays for whoever repairs it.
        let Ok(Some(at)) = view::kept(core, &instance.name) else { continue };
        let is_settled = matches!(at.kept.phase, DeliveryPhase::Started | DeliveryPhase::Dropped { .. });
        if is_settled && at.kept.changed.1 < before {
            found.push(Removal { instance, last: at.seq });
        }
    }
    Ok(found)
}
