//! A group of jobs of one run becomes one batch: each is stepped on what the one before it left, and all are durable together.

use std::{collections::VecDeque, sync::Arc};

use adjutant_machine::{
    codec,
    event::{Envelope, Event},
    id::InstanceId,
    journal::{Append, Batch, Guard, JournalError, RowWrite, Table},
    run::Run,
    verdict::Verdict,
};

use super::{
    Error,
    core::{Core, Job, Message, Reply, Told},
    crash::Point,
    draft::{Action, Draft},
    identity::{KeyRow, NewRun},
    project::{self, Rows},
    request::Started,
    rows,
};

/// A decoded state takes about so many times the bytes of its stored form.
pub(super) const DECODED: usize = 3;

/// What memory holds of a run.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) run: Option<Run>,
    pub(super) rows: Rows,
    pub(super) bytes: usize,
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
    pub(super) run: Option<Run>,
    pub(super) rows: Rows,
    pub(super) bytes: usize,
    pub(super) timers: Vec<RowWrite>,
    pub(super) shared: Vec<(Table, Vec<u8>)>,
    pub(super) actions: Vec<Action>,
    pub(super) word: &'static str,
    pub(super) decides: bool,
    pub(super) buries: bool,
}

/// What a job's caller will be told.
pub(super) enum Outcome {
    Told(Result<Told, Error>),
    Started(Result<Started, Error>),
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
    let mut draft = Draft::new(core, instance.clone(), slot.run.clone());
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        outcomes.push(one(&mut draft, job)?);
        if draft.is_full() {
            break;
        }
    }
    draft.ride()?;
    draft.queue_rest(slot.run.as_ref());
    if draft.entries.is_empty() && draft.writes.is_empty() {
        return Ok(Made::Nothing { outcomes, actions: draft.actions });
    }
    Ok(Made::Submitted(Box::new(submit(slot, draft, outcomes))))
}

fn one(draft: &mut Draft<'_>, job: &mut Job) -> Result<Outcome, JournalError> {
    match job {
        Job::Event { envelope, consume, .. } => {
            let verdict = draft.apply(envelope)?;
            if let Some((table, key)) = consume {
                draft.writes.push(RowWrite { table: *table, key: key.clone(), value: None });
            }
            draft.completes |= is_answer(&envelope.event);
            Ok(Outcome::Told(Ok(Told { verdict })))
        }
        Job::Start { wish, reply } => start(draft, wish, reply),
        Job::Lease { effect, permit } => {
            let taken = permit.take().or_else(|| {
                let class = super::pools::Class::of(&draft.queued(effect)?.call);
                draft.core.pools.try_take(class)
            });
            if let Some(permit) = taken {
                draft.lease(effect, permit)?;
            } else if let Some(perform) = draft.queued(effect) {
                let class = super::pools::Class::of(&perform.call);
                draft.actions.push(Action::Enqueue { effect: effect.clone(), class });
            }
            Ok(Outcome::Nothing)
        }
    }
}

fn is_answer(event: &Event) -> bool {
    matches!(event, Event::EffectSucceeded { .. } | Event::EffectFailed { .. } | Event::EffectUnknown { .. })
}

/// Begins a run, finds the one that the key means, or goes on to a longer name.
fn start(
    draft: &mut Draft<'_>,
    wish: &Arc<NewRun>,
    reply: &mut Reply<Started>,
) -> Result<Outcome, JournalError> {
    let key = rows::dedupe::run(&wish.oldest, &wish.started.key);
    if draft.writes.iter().any(|write| write.table == Table::Dedupe && write.key == key) {
        return Ok(Outcome::Started(Ok(Started { run: draft.instance.name.clone(), created: false })));
    }
    if let Some(row) = draft.core.journal.row(Table::Dedupe, &key)? {
        let known: KeyRow = serde_json::from_slice(&row.value).map_err(|error| JournalError::Corrupt {
            place: format!("the key \"{}\" of playbook \"{}\"", wish.started.key, wish.oldest),
            problem: error.to_string(),
        })?;
        return Ok(Outcome::Started(Ok(Started { run: known.run, created: false })));
    }
    let name = draft.instance.name.clone();
    if draft.run.is_some() {
        let longer = wish.name(name.len() + 1 - wish.name(0).len());
        let job = Job::Start { wish: Arc::clone(wish), reply: reply.take() };
        draft.core.send(InstanceId::run(longer), job);
        return Ok(Outcome::Nothing);
    }
    let event = Event::RunStarted(Box::new(wish.named(&name)));
    let envelope = Envelope { at: draft.now, id: "start".to_owned(), by: wish.by.clone(), event };
    match draft.apply(&envelope)? {
        Verdict::Applied => {
            let value =
                serde_json::to_vec(&KeyRow { run: name.clone() }).expect("a key's row has a JSON form");
            draft.guards.push(Guard { table: Table::Dedupe, key: key.clone(), version: 0 });
            draft.writes.push(RowWrite { table: Table::Dedupe, key, value: Some(value) });
            Ok(Outcome::Started(Ok(Started { run: name, created: true })))
        }
        Verdict::Refused(refusal) => Ok(Outcome::Started(Err(Error::invalid(refusal.to_string())))),
        other => Ok(Outcome::Started(Err(Error::Bug(format!("a start was answered {other:?}"))))),
    }
}

/// Builds the batch and hands it to the store.
pub(super) fn submit(slot: &Slot, mut draft: Draft<'_>, outcomes: Vec<Outcome>) -> Flight {
    let core = Arc::clone(draft.core);
    let mut batch = Batch { guards: std::mem::take(&mut draft.guards), ..Batch::default() };
    let rows = draft.run.as_ref().map(project::rows).unwrap_or_default();
    batch.writes = project::difference(&slot.rows, &rows);
    let timers = batch.writes.iter().filter(|write| write.table == Table::Timer).cloned().collect();
    batch.writes.append(&mut draft.writes);
    let mut bytes = slot.bytes;
    let entries = std::mem::take(&mut draft.entries);
    if let Some(run) = draft.run.as_ref().filter(|_| !entries.is_empty()) {
        let state = codec::encode_run(run);
        bytes = state.len() * DECODED;
        let expected = draft.expected;
        batch.appends.push(Append { instance: draft.instance.clone(), expected, entries, state });
    }
    draft.release_unchanged();
    let mut held = draft.take_held();
    let mut shared = Vec::new();
    if let Some(held) = &mut held {
        let (mut writes, mut guards, keys) = held.seal();
        batch.writes.append(&mut writes);
        batch.guards.append(&mut guards);
        shared = keys;
    }
    if draft.completes {
        core.crash.at(Point::BeforeComplete);
    }
    core.crash.at(Point::BeforeAppend);
    let (back, instance) = (core.door(&draft.instance), draft.instance.clone());
    core.journal.submit(
        batch,
        Box::new(move |outcome| {
            // A shard that has ended needs no message.
            drop(back.send(Message::Written { instance, outcome }));
        }),
    );
    if let Some(held) = held {
        held.submitted();
    }
    let Draft { run, actions, word, decides, buries, .. } = draft;
    Flight { jobs: Vec::new(), outcomes, run, rows, bytes, timers, shared, actions, word, decides, buries }
}
