//! Turns in queues: whose run works next.
//!
//! ```text
//!   start, retry ──► a run that stands ──its batch──► its row ┐
//!   end, cancel, kill, pause, resume of a run ──its batch──►  ├──► look: nobody works, and this one is first ──TurnCame──► it works
//!   a quarantine, the end of a pause of the playbook, a start ┘
//! ```
//! Who is next is read off the rows that are durable, under one lock for each queue, and the lock is held until the turn is durable:
//! two never work at once. A turn that dies with its process is found by the next one.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{
    event::{Envelope, Event},
    id::InstanceId,
    journal::{self, Batch, RowWrite, Table},
    run::{Member, Place, Run, next},
    verdict::Verdict,
};
use adjutant_spec::plan::OldestId;
use tokio::sync::oneshot;

use super::{
    Error,
    core::Core,
    deliveries,
    mailbox::Job,
    pauses,
    places::members,
    queues::MOST,
    reads,
    rows::{self, index::QueueRow},
};

/// Returns the playbooks of which any run has a place.
fn all(core: &Core) -> Result<BTreeSet<OldestId>, Error> {
    let mut found = BTreeSet::new();
    for row in journal::rows(core.journal.as_ref(), Table::Index, rows::index::QUEUES) {
        let row = row?;
        found.extend(rows::index::queued(&row.key, &row.value).map(|row| row.oldest));
    }
    Ok(found)
}

/// Looks whose turn it is in a queue in which something moved.
pub(super) fn look(core: &Arc<Core>, oldest: OldestId) {
    let own = Arc::clone(core);
    core.spawn(async move { give_turn(&own, &oldest).await });
}

/// Looks whose turn it is in every queue.
pub(super) fn look_at_all(core: &Arc<Core>) {
    let own = Arc::clone(core);
    core.spawn(async move {
        match own.read(all).await {
            Ok(queues) => queues.into_iter().for_each(|oldest| look(&own, oldest)),
            Err(error) => tracing::error!(%error, "the queues cannot be read"),
        }
    });
}

/// As [`look_at_all`] at the start of a process: a place that its run does not have any more is given up first.
pub(super) fn open(core: &Arc<Core>) -> Result<(), Error> {
    for oldest in all(core)? {
        // Whoever stands further behind is looked at when its turn comes: a thousand states are not read for one turn.
        let standing = |member: &Member| member.place != Place::Works;
        let mut members = members(core, &oldest)?;
        members.truncate(members.partition_point(|member| !standing(member)) + 1);
        for member in members {
            give_up_lost(core, &oldest, &member)?;
        }
        look(core, oldest);
    }
    Ok(())
}

/// Takes a place away that its run does not have, or that nobody can tell of because the run cannot be read; tells whether it did.
/// Rows follow from states, so there is none: but a queue that nobody leaves is the worst that a wrong row could do.
fn give_up_lost(core: &Arc<Core>, oldest: &OldestId, member: &Member) -> Result<bool, Error> {
    let is_lost = match reads::load(core, &member.run) {
        Ok(run) => !is_at(&run, member.place),
        Err(Error::NotFound { .. } | Error::Gone { .. }) => true,
        Err(Error::Quarantined { reason, .. }) => {
            // Nothing else may ever touch a run that waits for a person or is paused: nobody would find out.
            core.quarantine(&InstanceId::run(&member.run), &reason);
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    if is_lost {
        tracing::error!(
            run = member.run,
            playbook = oldest.as_str(),
            "a place in a queue is nobody's: it is given up"
        );
        let key = rows::index::queue(oldest, member.place, &member.run);
        let row = RowWrite { table: Table::Index, key, value: None };
        core.journal.append(Batch { writes: vec![row], ..Batch::default() })?;
    }
    Ok(is_lost)
}

/// Whether it is paused is another matter: that may change while somebody looks.
fn is_at(run: &Run, place: Place) -> bool {
    match (run.place(), place) {
        (Some(Place::Works), Place::Works) => true,
        (Some(Place::Stands { since, .. }), Place::Stands { since: known, .. }) => since == known,
        _ => false,
    }
}

async fn give_turn(core: &Arc<Core>, oldest: &OldestId) {
    match try_turns(core, oldest).await {
        Ok(()) | Err(Error::Unavailable { .. }) => {}
        Err(error) => {
            tracing::error!(%error, playbook = oldest.as_str(), "nobody was given the turn in a queue");
        }
    }
}

/// Tells who is first that its turn came, until somebody works.
async fn try_turns(core: &Arc<Core>, oldest: &OldestId) -> Result<(), Error> {
    let lock = core.queues.lock_of(oldest);
    let _one_at_a_time = lock.lock().await;
    let mut refused = None;
    loop {
        let queue = oldest.clone();
        let members = core.read(move |core| members(core, &queue)).await?;
        let standing = members.iter().filter(|member| member.place != Place::Works).count();
        if standing < MOST && core.queues.has_room_again(oldest) {
            deliveries::wake_for(core, oldest.clone());
        }
        // Who is begun under a pause would only be held at its first call: it stands, and its time does not run.
        if core.is_closing() || pauses::of_playbook(&core.live(), oldest).next().is_some() {
            return Ok(());
        }
        let Some(run) = next(members.iter().cloned()) else { return Ok(()) };
        if refused.as_ref() == Some(&run) {
            let (queue, lost) = (oldest.clone(), members.into_iter().find(|member| member.run == run));
            let own = Arc::clone(core);
            let given_up = core.read(move |_| lost.map(|lost| give_up_lost(&own, &queue, &lost)).transpose());
            if given_up.await? != Some(true) {
                return Err(Error::Bug(format!("run \"{run}\" is first in its queue, and does not begin")));
            }
        }
        match tell(core, &run).await {
            Ok(Verdict::Applied) => refused = None,
            Ok(_) => refused = Some(run),
            // It is set aside from now on, and the next one is first.
            Err(Error::Quarantined { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Tells a run that its turn came, and waits until that is durable.
async fn tell(core: &Arc<Core>, run: &str) -> Result<Verdict, Error> {
    let (sender, receiver) = oneshot::channel();
    let (at, id) = (core.clock.now(), core.unique("turn"));
    let envelope = Box::new(Envelope { at, id, by: "host".to_owned(), event: Event::TurnCame });
    core.send(InstanceId::run(run), Job::Event { envelope, consume: None, reply: Some(sender) });
    receiver.await.map_err(|_| Error::unavailable("the runtime is closing"))?
}

/// Lets a run that was set aside go on by `release`, unless another one works in its place; nobody gets the turn in between.
pub(super) async fn released<T>(
    core: &Arc<Core>,
    run: &Run,
    release: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(place) = run.place() else { return release.await };
    let oldest = run.oldest();
    let lock = core.queues.lock_of(&oldest);
    let _one_at_a_time = lock.lock().await;
    let queue = oldest.clone();
    let members = core.read(move |core| members(core, &queue)).await?;
    let working = members.into_iter().find(|member| member.place == Place::Works);
    if let Some(other) = working.filter(|_| place == Place::Works) {
        let reason = format!(
            "\"{}\" cannot be released yet: run \"{}\" works in its place, and one run of playbook \"{}\" works at a time; \
             release it once that one has ended",
            run.id, other.run, run.playbook
        );
        return Err(Error::Conflict { reason });
    }
    let released = release.await?;
    look(core, oldest);
    Ok(released)
}

/// Returns the queues in which a batch moves somebody.
pub(super) fn moved_by(writes: &[RowWrite]) -> BTreeSet<OldestId> {
    let rows = writes.iter().filter(|write| write.table == Table::Index);
    rows.filter_map(|write| rows::index::queued(&write.key, &[]))
        .map(|QueueRow { oldest, .. }| oldest)
        .collect()
}
