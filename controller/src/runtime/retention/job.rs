//! What a shard does for retention: it is the only writer of its runs, so it is the one that removes them.

use adjutant_machine::{
    id::Stamp,
    journal::{self, JournalError, Removal, RowWrite, Table},
    projection,
    run::{Phase, Run},
};

use crate::runtime::{draft::Draft, gone::Gone, mailbox::Removing, rows, views::When};

/// Returns whether nothing of a run is open: it ended before a moment, and nobody waits for anything of it.
pub(super) fn is_over(run: &Run, before: Stamp) -> bool {
    let is_old = matches!(run.phase, Phase::Ended { at, .. } if at < before);
    is_old
        && !run.is_in_doubt()
        && projection::outbox(run).next().is_none()
        && projection::timers(run).next().is_none()
        && run.open_gates().next().is_none()
        && run.dead_letters().next().is_none()
}

/// Removes a run; `false` where it has to stay, because something of it is open after all.
pub(in crate::runtime) fn remove(
    draft: &mut Draft<'_>,
    part: Removing,
    before: Stamp,
) -> Result<bool, JournalError> {
    // What another job of the batch has changed is looked at again once that is durable.
    let is_touched = !draft.entries.is_empty() || !draft.writes.is_empty();
    let run = if part == Removing::Last { draft.going.clone() } else { draft.run.clone() };
    let Some(run) = run.filter(|run| !is_touched && is_over(run, before)) else { return Ok(false) };
    if is_still_heard(draft)? {
        return Ok(false);
    }
    let instance = draft.instance.clone();
    let row = |key: Vec<u8>, value: Option<Vec<u8>>| RowWrite { table: Table::Host, key, value };
    let going = rows::host::going(&run.id);
    if part == Removing::Last {
        draft.writes.push(row(going, None));
    } else if instance == instance.root() {
        let gone = Gone::of(&run, draft.now);
        let gone = gone.and_then(|gone| serde_json::to_vec(&gone).ok());
        draft.writes.push(row(rows::host::gone(&run.id), gone));
        if part == Removing::First {
            draft.writes.push(row(going, serde_json::to_vec(&When(before)).ok()));
        }
    }
    if part != Removing::First {
        draft.removal = Some(Removal { instance, last: run.seq });
    }
    // Its rows go with its state: the projection of nothing is nothing.
    draft.run = None;
    draft.forgets = true;
    draft.word = "run_removed";
    Ok(true)
}

/// Returns whether a message of the run is still on its way.
fn is_still_heard(draft: &Draft<'_>) -> Result<bool, JournalError> {
    let prefix = rows::outbox::messages_of(&draft.instance);
    journal::rows(draft.core.journal.as_ref(), Table::Outbox, &prefix)
        .next()
        .transpose()
        .map(|row| row.is_some())
}
