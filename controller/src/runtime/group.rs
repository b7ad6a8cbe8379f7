//! A group of jobs of one run becomes one batch: each is stepped on what the one before it left, and all are durable together.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use adjutant_machine::{
    codec,
    event::Event,
    id::InstanceId,
    journal::{
        Append, Batch, Content, JournalError, RowWrite, SMALLEST_TAIL, Stored, Table, is_snapshot_due,
    },
    projection::Lane,
    run::Run,
    verdict::Verdict,
};
use adjutant_spec::plan::OldestId;

use super::{
    Error,
    core::Core,
    crash::Point,
    draft::{Action, Draft},
    identity::Started,
    keys,
    mailbox::{Job, Written},
    project::{self, Difference, Rows},
    retention,
    shared::Changes,
    turns,
    wheel::Turns,
};

/// A decoded state takes about so many times the bytes of its stored form.
const DECODED: usize = 3;

/// How much a run takes in the store: what decides when its next snapshot is due, and what memory is counted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// The bytes of its last snapshot.
    snapshot: u64,
    /// The stored bytes of the entries behind it.
    tail: u64,
    /// The bytes of the entries behind it, as they are.
    behind: u64,
}

impl Weight {
    /// Returns the weight of a run as it is stored.
    pub(super) fn of(stored: &Stored) -> Self {
        let snapshot = stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.state.len() as u64);
        let behind = stored.tail.iter().map(|(_, content)| content.payload.len() as u64).sum();
        // Where the snapshot cannot be read another is due at once.
        let tail = if stored.flaw.is_some() { behind } else { stored.bytes };
        Self { snapshot, tail, behind }
    }

    /// Returns the weight with these entries more, and the snapshot where one is written.
    fn with(self, entries: &[Content], snapshot: Option<&Vec<u8>>) -> Self {
        match snapshot {
            Some(state) => Self { snapshot: state.len() as u64, tail: 0, behind: 0 },
            None => {
                let more: u64 = entries.iter().map(|content| content.payload.len() as u64).sum();
                Self { behind: self.behind + more, ..self }
            }
        }
    }

    /// Returns the weight with the tail that the store counts.
    pub(super) fn stored(self, tail: u64) -> Self {
        Self { tail, ..self }
    }

    /// Returns about how many bytes of memory the run takes.
    pub(super) fn in_memory(self) -> usize {
        usize::try_from(self.snapshot + self.behind).unwrap_or(usize::MAX / DECODED) * DECODED
    }
}

/// What memory holds of a run.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) run: Option<Arc<Run>>,
    /// The run, where it is on its way out of the store: for everybody but retention it is not there any more.
    pub(super) going: Option<Arc<Run>>,
    /// Whether there was a run of this name that is not there any more: its name is not given again.
    pub(super) is_gone: bool,
    pub(super) rows: Rows,
    pub(super) weight: Weight,
    pub(super) is_loaded: bool,
    pub(super) queue: VecDeque<Job>,
    pub(super) flight: Option<Flight>,
    pub(super) tries: u32,
    pub(super) tick: u64,
}

/// A batch under way.
pub(super) struct Flight {
    pub(super) jobs: Vec<Job>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) run: Option<Arc<Run>>,
    pub(super) rows: Rows,
    pub(super) weight: Weight,
    pub(super) turns: Turns,
    pub(super) shared: Vec<(Table, Vec<u8>)>,
    pub(super) actions: Vec<Action>,
    pub(super) word: &'static str,
    pub(super) decides: bool,
    pub(super) buries: bool,
    /// Whether what memory holds of the run is out of date once the batch is durable.
    pub(super) forgets: bool,
    /// The queues in which somebody comes, goes or begins with the batch.
    pub(super) queues: BTreeSet<OldestId>,
}

/// What a job's caller will be told.
pub(super) enum Outcome {
    Told(Result<Verdict, Error>),
    Started(Result<Started, Error>),
    Removed(bool),
    Nothing,
}

/// What came of a group of jobs.
pub(super) enum Made {
    Nothing { outcomes: Vec<Outcome>, actions: Vec<Action> },
    Submitted(Box<Flight>),
}

/// Steps the jobs and submits the batch.
pub(super) fn make(
    core: &Arc<Core>,
    instance: &InstanceId,
    slot: &mut Slot,
    jobs: &mut [Job],
) -> Result<Made, JournalError> {
    let mut draft = draft_of(core, instance, slot);
    let mut outcomes = decide(&mut draft, jobs)?;
    if draft.has_moved() {
        // Another shard changed a shared row after this one had looked at it. Once more, and nothing moves this time.
        draft = draft_of(core, instance, slot);
        draft.hold_shared();
        outcomes = decide(&mut draft, jobs)?;
    }
    draft.queue_rest(slot.run.as_deref());
    let lines = std::mem::take(&mut draft.lines);
    let is_nothing =
        draft.entries.is_empty() && draft.writes.is_empty() && !draft.changes_shared_rows() && !draft.forgets;
    let made = if is_nothing {
        let actions = std::mem::take(&mut draft.actions);
        drop(draft);
        Made::Nothing { outcomes, actions }
    } else {
        Made::Submitted(Box::new(submit(slot, draft, outcomes)))
    };
    // The shared rows are free again, and hold what was decided: now others may decide on them.
    lines.act(core);
    Ok(made)
}

/// Begins a draft of what memory holds of a run.
fn draft_of<'a>(core: &'a Arc<Core>, instance: &InstanceId, slot: &Slot) -> Draft<'a> {
    let mut draft = Draft::new(core, instance.clone(), slot.run.clone());
    (draft.going, draft.is_gone) = (slot.going.clone(), slot.is_gone);
    draft
}

/// Steps the jobs one after the other, and what may ride with them.
fn decide(draft: &mut Draft<'_>, jobs: &mut [Job]) -> Result<Vec<Outcome>, JournalError> {
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        outcomes.push(one(draft, job)?);
        if draft.is_full() {
            break;
        }
    }
    draft.ride()?;
    Ok(outcomes)
}

fn one(draft: &mut Draft<'_>, job: &mut Job) -> Result<Outcome, JournalError> {
    match job {
        Job::Event { envelope, consume, .. } => {
            let verdict = draft.apply(envelope)?;
            if let Some((table, key)) = consume {
                draft.writes.push(RowWrite { table: *table, key: key.clone(), value: None });
            }
            draft.completes |= is_answer(&envelope.event);
            Ok(Outcome::Told(Ok(verdict)))
        }
        Job::Start { wish, reply } => Ok(match keys::start(draft, wish, reply)? {
            Some(started) => Outcome::Started(started),
            None => Outcome::Nothing,
        }),
        Job::Lease { effect, permit } => {
            let taken =
                permit.take().or_else(|| draft.core.pools.try_take(&Lane::of(&draft.queued(effect)?.call)));
            if let Some(permit) = taken {
                draft.lease(effect, permit)?;
            } else if let Some(perform) = draft.queued(effect) {
                let (effect, lane) = (effect.clone(), Lane::of(&perform.call));
                draft.actions.push(Action::Enqueue { effect, lane, attempt: perform.attempt });
            } else {
                draft.core.decided(effect);
            }
            Ok(Outcome::Nothing)
        }
        Job::Remove { part, before, .. } => Ok(Outcome::Removed(retention::remove(draft, *part, *before)?)),
    }
}

fn is_answer(event: &Event) -> bool {
    matches!(event, Event::EffectSucceeded { .. } | Event::EffectFailed { .. } | Event::EffectUnknown { .. })
}

/// Builds the batch and hands it to the store.
pub(super) fn submit(slot: &Slot, mut draft: Draft<'_>, outcomes: Vec<Outcome>) -> Flight {
    let core = Arc::clone(draft.core);
    let mut batch = Batch { guards: std::mem::take(&mut draft.guards), ..Batch::default() };
    let rows = draft.run.as_deref().map(project::rows).unwrap_or_default();
    let Difference { writes, counts, turns } = project::difference(&slot.rows, &rows);
    (batch.writes, batch.counts) = (writes, counts);
    batch.writes.append(&mut draft.writes);
    batch.counts.extend(std::mem::take(&mut draft.counts));
    let entries = std::mem::take(&mut draft.entries);
    let mut weight = slot.weight;
    if let Some(run) = draft.run.as_deref().filter(|_| !entries.is_empty()) {
        let snapshot = is_due(slot, &draft, run).then(|| codec::encode_run(run));
        weight = weight.with(&entries, snapshot.as_ref());
        let (instance, expected) = (draft.instance.clone(), draft.expected);
        batch.appends.push(Append { instance, expected, entries, snapshot });
    }
    batch.removals.extend(draft.removal.take());
    let mut view = draft.take_shared();
    let Changes { mut writes, mut guards, keys: shared } = view.seal();
    batch.writes.append(&mut writes);
    batch.guards.append(&mut guards);
    if draft.completes {
        core.crash.at(Point::BeforeComplete);
    }
    core.crash.at(Point::BeforeAppend);
    let queues = turns::moved_by(&batch.writes);
    let (back, instance) = (core.door(&draft.instance), draft.instance.clone());
    core.journal.submit(
        batch,
        Box::new(move |outcome| {
            back.answer(Written { instance, outcome });
        }),
    );
    view.submitted();
    let Draft { run, actions, word, decides, buries, forgets, .. } = draft;
    Flight {
        jobs: Vec::new(),
        outcomes,
        run,
        rows,
        weight,
        turns,
        shared,
        actions,
        word,
        decides,
        buries,
        forgets,
        queues,
    }
}

/// Returns whether the state is stored with this batch: when its log has grown enough, when the run ends with a log worth it, and
/// with a tombstone, since what lies before one cannot be read.
fn is_due(slot: &Slot, draft: &Draft<'_>, run: &Run) -> bool {
    let Weight { snapshot, tail, .. } = slot.weight;
    draft.buries || is_snapshot_due(tail, snapshot) || (run.is_ended() && tail > SMALLEST_TAIL)
}
