//! The places in queues: given to those that begin, and read.
//!
//! There is no counter and no second list. A place is an index row that follows from the state of its run, in the same batch, so it
//! goes with whatever ends the run.

use std::sync::Arc;

use adjutant_machine::{
    id::Stamp,
    journal::{self, Table},
    run::{Member, Place},
};
use adjutant_spec::plan::OldestId;

use super::{
    Error,
    begin::begin_run,
    core::Core,
    identity::{NewRun, Started},
    queues::MOST,
    rows,
};

/// What became of a run that was to stand.
pub(super) enum Placed {
    /// It stands, or has its run already.
    Begun(Started),
    /// There is no place for it now: why, for people.
    Full(String),
}

impl Placed {
    /// Refuses what has no place: its sender is there, and is told.
    pub(super) fn or_refused(self) -> Result<Started, Error> {
        match self {
            Self::Begun(started) => Ok(started),
            Self::Full(reason) => Err(Error::Conflict { reason }),
        }
    }
}

/// Starts a run at the end of the queue of its playbook; the same key is the same run, wherever that stands.
pub(super) async fn begin(core: &Arc<Core>, run: NewRun) -> Result<Placed, Error> {
    // Places are given one after the other: the order in which they came is the order in which they stand.
    let _one_at_a_time = core.host.lock().await;
    let (oldest, key) = (run.oldest.clone(), rows::dedupe::run(&run.oldest, &run.started.key));
    let standing = core.read(move |core| {
        let is_known = core.journal.row(Table::Dedupe, &key)?.is_some();
        Ok((!is_known).then(|| members(core, &oldest)).transpose()?.map(standing))
    });
    let mut run = run;
    let Some(standing) = standing.await? else { return begin_run(core, run).await.map(Placed::Begun) };
    if standing.len() >= MOST {
        let playbook = &run.started.playbook;
        let reason = format!(
            "{MOST} runs of playbook \"{playbook}\" stand in its queue, and no more may: `adjutant runs --status queued` lists them"
        );
        return Ok(Placed::Full(reason));
    }
    let now = core.clock.now();
    let last = standing.last().map_or(now, |since| since.plus(1));
    run.started.queue = Some(now.max(last));
    begin_run(core, run).await.map(Placed::Begun)
}

/// Returns whether one more may stand in a queue.
pub(super) fn has_room(core: &Core, oldest: &OldestId) -> Result<bool, Error> {
    Ok(standing(members(core, oldest)?).len() < MOST)
}

/// Returns since when those stand who stand, in their order.
fn standing(members: Vec<Member>) -> Vec<Stamp> {
    let since = |member: Member| match member.place {
        Place::Stands { since, .. } => Some(since),
        Place::Works => None,
    };
    members.into_iter().filter_map(since).collect()
}

/// Returns the members of a queue in their order, without those that are set aside: they hold nobody up.
pub(super) fn members(core: &Core, oldest: &OldestId) -> Result<Vec<Member>, Error> {
    let mut found = Vec::new();
    for row in journal::rows(core.journal.as_ref(), Table::Index, &rows::index::queue_of(oldest)) {
        let row = row?;
        let member = rows::index::queued(&row.key, &row.value).map(|row| row.member);
        found.extend(member.filter(|member| !core.is_quarantined(&member.run)));
    }
    Ok(found)
}
