//! One run: as it is, as it was, and its log.

use std::collections::BTreeMap;

use adjutant_machine::{
    branch::steps_of,
    call::Call,
    codec,
    fact::{Entry, Fact},
    fold,
    id::{EffectId, InstanceId},
    journal::{Content, JournalError},
    projection,
    run::{
        Correction, EffectPhase, EffectState, Gate, GatePhase, Part, Phase, Purpose, Run, StepState, WakeUp,
    },
    wait::InLine,
};
use adjutant_spec::plan::{Bundle, Step};
use serde_json::Value;

use super::{
    part, queue, said,
    whom::{Called, called},
};
use crate::runtime::{
    Error,
    core::Core,
    head::Head,
    reads,
    views::{
        EffectView, GateView, JudgedView, LogView, RunLine, RunView, StepView, TimelineLine, TimerView, Way,
        When, mark,
    },
};

/// The most lines of a timeline: the newest.
const MOST_LINES: usize = 1_000;

/// Shows a run as it is, without the branches that are not over.
pub(super) fn run(core: &Core, id: &str) -> Result<RunView, Error> {
    let state = reads::load(core, id)?;
    let first = state.seq.saturating_sub(MOST_LINES as u64) + 1;
    let entries: Vec<(u64, Entry)> = readable(core, id, first, MOST_LINES)?
        .into_iter()
        .filter_map(|(seq, entry)| Some((seq, entry.ok()?)))
        .collect();
    let mut view = show(core, &state, &entries)?;
    for effect in &mut view.effects {
        if let Some(place) = place(core, &state, &effect.id) {
            (effect.phase, effect.until) = (place.cause.word().to_owned(), place.until.map(When));
        }
    }
    view.waiting = state.waiting().iter().map(|cause| cause_now(core, &state, cause)).collect();
    Ok(view)
}

/// Returns where an effect stands in line: it is queued, and the line is no part of the run.
fn place(core: &Core, run: &Run, effect: &EffectId) -> Option<InLine> {
    let is_queued = run.effects.get(effect).is_some_and(|state| state.life.phase == EffectPhase::Queued);
    is_queued.then(|| core.place(effect)).flatten()
}

/// Says why a run waits now: for what, behind how many others, and until when.
pub(super) fn cause_now(core: &Core, run: &Run, cause: &WakeUp) -> String {
    let effect = match cause {
        WakeUp::Effect { effect, .. } => effect,
        WakeUp::Turn { until } => return queue::in_words(core, run, *until),
        _ => return self::cause(cause),
    };
    let Some(place) = place(core, run, effect) else { return self::cause(cause) };
    let before = match place.before {
        0 => String::new(),
        1 => ", behind one other".to_owned(),
        many => format!(", behind {many} others"),
    };
    let until =
        place.until.map_or_else(String::new, |until| format!("; the first goes on at {}", When(until)));
    format!("effect {effect} waits{before}: {}{until}", place.cause)
}

/// Shows a run as it was after one of its entries, by folding them.
pub(in crate::runtime) fn run_at(core: &Core, id: &str, seq: u64) -> Result<RunView, Error> {
    reads::exists(core, &InstanceId::run(id))?;
    let count = usize::try_from(seq).unwrap_or(usize::MAX);
    let entries = entries(core, id, 1, count)?;
    if entries.len() as u64 != seq {
        return Err(Error::NotFound { what: "entry", id: format!("{id}@{seq}") });
    }
    let state = fold(entries.iter().map(|(_, entry)| entry));
    let state = state.ok_or_else(|| Error::NotFound { what: "entry", id: format!("{id}@{seq}") })?;
    show(core, &state, &entries)
}

/// A place in a log with what stands there, or why that cannot be read.
type Line<T> = (u64, Result<T, String>);

/// Reads entries of a run, at most so many; one that cannot be read says why, and hides no other.
pub(super) fn readable(core: &Core, id: &str, first: u64, most: usize) -> Result<Vec<Line<Entry>>, Error> {
    let instance = InstanceId::run(id);
    let last = core.journal.last(&instance)?;
    let (mut found, mut from) = (Vec::new(), first.max(1));
    while found.len() < most && from <= last {
        let limit = (most - found.len()).min(reads::PAGE);
        let page = match core.journal.entries(&instance, from, limit) {
            // One of the page is damaged: they are read one by one until it is behind.
            Err(JournalError::Corrupt { .. }) if limit > 1 => {
                one_by_one(core, &instance, (from..=last).take(limit))?
            }
            Err(JournalError::Corrupt { problem, .. }) => vec![(from, Err(problem))],
            page => page?.into_iter().map(|(seq, bytes)| (seq, Ok(bytes))).collect(),
        };
        let Some((seq, _)) = page.last() else { break };
        from = seq + 1;
        found.extend(page.into_iter().map(|(seq, bytes)| {
            let entry =
                bytes.and_then(|bytes| codec::decode_entry(&bytes).map_err(|error| error.to_string()));
            (seq, entry)
        }));
    }
    Ok(found)
}

/// Reads entries one by one.
fn one_by_one(
    core: &Core,
    instance: &InstanceId,
    seqs: impl Iterator<Item = u64>,
) -> Result<Vec<Line<Content>>, Error> {
    let mut found = Vec::new();
    for seq in seqs {
        match core.journal.entries(instance, seq, 1) {
            Ok(page) => {
                found
                    .extend(page.into_iter().filter(|(at, _)| *at == seq).map(|(at, bytes)| (at, Ok(bytes))));
            }
            Err(JournalError::Corrupt { problem, .. }) => found.push((seq, Err(problem))),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Reads entries of a run, at most so many; a damaged one among them is the run's damage.
pub(super) fn entries(core: &Core, id: &str, first: u64, most: usize) -> Result<Vec<(u64, Entry)>, Error> {
    let whole = |(seq, entry): (u64, Result<Entry, String>)| match entry {
        Ok(entry) => Ok((seq, entry)),
        Err(problem) => {
            Err(Error::Quarantined { id: id.to_owned(), reason: format!("its entry {seq}: {problem}") })
        }
    };
    readable(core, id, first, most)?.into_iter().map(whole).collect()
}

/// Returns what a run asked of the world.
pub(in crate::runtime) fn calls(core: &Core, id: &str) -> Result<Vec<Call>, Error> {
    let lines = readable(core, id, 1, reads::PAGE)?;
    let entries = lines.iter().filter_map(|(_, entry)| entry.as_ref().ok());
    Ok(entries.flat_map(projection::calls).map(|(_, call)| call.clone()).collect())
}

/// Shows entries of an instance: of a run in full, of any other as stored.
pub(in crate::runtime) fn log(
    core: &Core,
    id: &InstanceId,
    from: u64,
    limit: usize,
) -> Result<Vec<LogView>, Error> {
    let limit = if limit == 0 { reads::PAGE } else { limit.min(reads::PAGE) };
    if id.is_run() {
        reads::exists(core, id)?;
    } else if core.journal.last(id)? == 0 {
        return Err(Error::NotFound { what: id.kind.word(), id: id.name.clone() });
    } else {
        return host_log(core, id, from, limit);
    }
    let lines = readable(core, &id.name, from, limit)?;
    lines
        .into_iter()
        .map(|(seq, entry)| match entry {
            Ok(entry) => line(seq, &entry),
            Err(problem) => Ok(unreadable(seq, problem)),
        })
        .collect()
}

/// Returns the line of an entry that cannot be read: its place, and why.
fn unreadable(seq: u64, problem: String) -> LogView {
    let event = serde_json::json!({ "event": "unreadable", "problem": problem });
    let at = When(Default::default());
    let said = format!("it cannot be read: {problem}");
    LogView { seq, at, by: String::new(), said, event, facts: Value::Null }
}

fn line(seq: u64, entry: &Entry) -> Result<LogView, Error> {
    let json = |value: serde_json::Result<Value>| value.map_err(|error| Error::Bug(error.to_string()));
    Ok(LogView {
        seq,
        at: When(entry.envelope.at),
        by: entry.envelope.by.clone(),
        said: said::run(&entry.envelope.event),
        event: json(serde_json::to_value(&entry.envelope.event))?,
        facts: json(serde_json::to_value(&entry.facts))?,
    })
}

/// Schedules and revisions: their entries are plain JSON of the host.
fn host_log(core: &Core, id: &InstanceId, from: u64, limit: usize) -> Result<Vec<LogView>, Error> {
    let page = core.journal.entries(id, from.max(1), limit)?;
    if page.is_empty() && core.journal.load(id)?.is_none() {
        let reason = format!("{} \"{}\" was here, and retention removed it", id.kind.word(), id.name);
        return Err(Error::Gone { reason });
    }
    Ok(page
        .into_iter()
        .map(|(seq, content)| {
            let event: Value = serde_json::from_slice(&content.payload).unwrap_or(Value::Null);
            let (at, said) = (said::moment(&event), said::host(&event));
            let by = event["by"].as_str().unwrap_or("host").to_owned();
            LogView { seq, at, by, said, event, facts: Value::Null }
        })
        .collect())
}

fn show(core: &Core, run: &Run, entries: &[(u64, Entry)]) -> Result<RunView, Error> {
    let bundle = core.bundle(&run.bundle)?;
    let ended = if let Phase::Ended { at, .. } = &run.phase { Some(When(*at)) } else { None };
    let children = reads::children(core.journal.as_ref(), &run.id)?;
    Ok(RunView {
        line: self::line_of(core, run)?,
        seq: run.seq,
        ended,
        input: run.input.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect(),
        steps: steps(run, bundle.as_deref()),
        effects: run
            .effects
            .iter()
            .map(|(id, state)| effect(run, (id, state), asked_in(entries, id)))
            .collect(),
        gates: gates(core, run)?,
        timers: run.timers.iter().map(|(id, at)| TimerView { timer: id.clone(), at: When(*at) }).collect(),
        waiting: run.waiting().iter().map(cause).collect(),
        parent: run.parent.clone(),
        children: children.into_iter().map(|child| child.run).collect(),
        rounds: part::rounds(run),
        scopes: part::scopes(run),
        timeline: entries.iter().map(|(seq, entry)| timeline(*seq, entry)).collect(),
    })
}

/// Returns the line of a run in lists.
pub(super) fn line_of(core: &Core, run: &Run) -> Result<RunLine, Error> {
    let since = run.position.as_ref().map_or(run.updated_at, |position| position.since);
    Ok(RunLine {
        id: run.id.clone(),
        playbook: run.playbook.clone(),
        status: run.status().to_owned(),
        step: run.position.as_ref().map(|position| position.step.clone()),
        since: When(since),
        key: run.key.clone(),
        revision: run.revision.clone(),
        bundle: run.bundle.clone(),
        started: When(run.started_at),
        title: title(core, &run.bundle).unwrap_or_else(|| run.playbook.clone()),
        about: run.about.clone(),
        amount: Head::of(run).amount,
        stage: run.stage,
        dry: run.dry,
        part: part::part(core, run)?,
    })
}

/// Returns what a bundle's playbook is called; bundles are kept in memory, so a list reads each once.
pub(super) fn title(core: &Core, bundle: &str) -> Option<String> {
    Some(core.bundle(bundle).ok()??.playbook.title.clone())
}

/// Lists the steps in the order of the playbook, of a branch those of its container; those that it does not know any more come last.
fn steps(run: &Run, bundle: Option<&Bundle>) -> Vec<StepView> {
    let empty = StepState::default();
    let known: &[Step] = bundle.and_then(|bundle| steps_of(&bundle.playbook, &run.id)).unwrap_or_default();
    let listed = known.iter().map(|step| {
        let state = run.steps.get(&step.id).map_or(&empty, |state| &**state);
        NamedStep { id: &step.id, kind: step.kind.word(), title: step.title.clone(), state }
    });
    let rest = run
        .steps
        .iter()
        .filter(|(id, _)| !known.iter().any(|step| step.id == **id))
        .map(|(id, state)| NamedStep { id, kind: "", title: None, state });
    listed.chain(rest).map(|named| step(run, named)).collect()
}

/// A step of a run with what its playbook says of it.
struct NamedStep<'a> {
    id: &'a str,
    /// The word for its kind; empty where the playbook does not know it any more.
    kind: &'a str,
    title: Option<String>,
    state: &'a StepState,
}

fn step(run: &Run, named: NamedStep<'_>) -> StepView {
    let NamedStep { id, kind, title, state } = named;
    let prefix = format!("steps.{id}");
    let originals: serde_json::Map<String, Value> = run
        .edits
        .iter()
        .filter(|(path, _)| {
            path.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        .map(|(path, edit)| (path.clone(), edit.original.clone()))
        .collect();
    StepView {
        id: id.to_owned(),
        kind: kind.to_owned(),
        title,
        visits: state.visits,
        outcome: state.outcome.clone(),
        value: state.value.as_ref().map(|value| value.value.clone()),
        labels: state.value.as_ref().map(|value| value.labels),
        original: (!originals.is_empty()).then_some(Value::Object(originals)),
        started: state.started.map(When),
        ended: state.ended.map(When),
        effects: state.effects.clone(),
        judged: state.effects.iter().rev().find_map(|effect| run.corrections.get(effect)).map(judged),
    }
}

fn judged(said: &Correction) -> JudgedView {
    JudgedView { class: said.class.clone(), by: said.by.clone(), at: When(said.at) }
}

/// Returns what an effect wanted done, as its run asked for it: a settled one has forgotten what it sent.
pub(super) fn asked(core: &Core, effect: &EffectId) -> Result<Option<Part<Call>>, Error> {
    let entries = readable(core, &effect.run, effect.seq, 1)?;
    let whole = |(seq, entry): (u64, Result<Entry, String>)| Some((seq, entry.ok()?));
    Ok(asked_in(&entries.into_iter().filter_map(whole).collect::<Vec<_>>(), effect))
}

/// The same among entries that were read already; they are in the order of their numbers.
pub(super) fn asked_in(entries: &[(u64, Entry)], effect: &EffectId) -> Option<Part<Call>> {
    let place = entries.binary_search_by_key(&effect.seq, |(seq, _)| *seq).ok()?;
    entries[place].1.facts.iter().find_map(|fact| match fact {
        Fact::EffectAsked { effect: id, state } if id == effect => state.call.clone(),
        _ => None,
    })
}

/// Returns what people see of an effect; `known` is its call where it has forgotten it itself.
pub(super) fn effect(
    run: &Run,
    (id, state): (&EffectId, &EffectState),
    known: Option<Part<Call>>,
) -> EffectView {
    let call = state.call.as_deref().or(known.as_deref());
    let Called { call, target } = call.map_or(Called { call: "settled", target: "" }, called);
    let (until, error) = match &state.life.phase {
        EffectPhase::Leased { until }
        | EffectPhase::BackingOff { until }
        | EffectPhase::Deferred { until, .. } => (Some(When(*until)), None),
        EffectPhase::Unknown { message, .. }
        | EffectPhase::Dead { message, .. }
        | EffectPhase::Failed { message, .. }
        | EffectPhase::Denied { message, .. } => (None, Some(message.clone())),
        _ => (None, None),
    };
    EffectView {
        id: id.clone(),
        run: id.run.clone(),
        step: state.step.clone(),
        call: call.to_owned(),
        target: target.to_owned(),
        phase: state.life.phase.word().to_owned(),
        attempt: state.life.attempt,
        until,
        error,
        ways: ways(run, id, state),
    }
}

/// Returns what can be said of an effect, and is then not refused.
fn ways(run: &Run, id: &EffectId, state: &EffectState) -> Vec<Way> {
    let is_dead = match &state.life.phase {
        EffectPhase::Dead { .. } => true,
        EffectPhase::Unknown { .. } => false,
        _ => return Vec::new(),
    };
    // What definitely failed did not happen: its step is tried again, or let be.
    if is_dead && !matches!(state.purpose, Purpose::Undo(_)) {
        return vec![Way::Retry, Way::Drop];
    }
    let has_undo = run.undo.iter().any(|entry| entry.effect == *id) && !run.is_ended() && !is_dead;
    let undo = has_undo.then_some(Way::Undo);
    [Way::Happened, Way::DidNotHappen, Way::Drop].into_iter().chain(undo).collect()
}

fn gates(core: &Core, run: &Run) -> Result<Vec<GateView>, Error> {
    let mut gates: Vec<&Gate> = run.gates.values().map(|gate| &**gate).collect();
    gates.sort_by_key(|gate| gate.opened);
    let part = part::part(core, run)?;
    Ok(gates.into_iter().map(|gate| GateView { part: part.clone(), ..self::gate(run, gate) }).collect())
}

/// Returns what people see of a gate, but for the part of its run that it is about.
pub(in crate::runtime) fn gate(run: &Run, gate: &Gate) -> GateView {
    let state = match gate.phase {
        GatePhase::Open => "open",
        GatePhase::Superseded => "superseded",
        ended => ended.outcome().unwrap_or("ended"),
    };
    let decided = gate.decided.as_ref();
    GateView {
        id: gate.id.clone(),
        run: run.id.clone(),
        step: gate.card.step.clone(),
        question: gate.card.question.clone(),
        mark: mark(run.stage, run.dry).map(str::to_owned),
        part: None,
        risk: gate.card.risk,
        digest: gate.digest.clone(),
        expires: Some(When(gate.card.expires)),
        card: gate.card.clone(),
        given: given(run, gate),
        state: state.to_owned(),
        by: decided.map(|decided| decided.by.clone()),
        at: decided.map(|decided| When(decided.at)),
        reason: decided.and_then(|decided| decided.reason.clone()),
    }
}

/// Returns the inputs that the card does not show itself.
fn given(run: &Run, gate: &Gate) -> BTreeMap<String, Value> {
    let is_shown = |name: &str| gate.card.show.contains_key(&format!("input.{name}"));
    let inputs = run.input.iter().filter(|(name, _)| !is_shown(name));
    inputs.map(|(name, input)| (name.clone(), input.value.clone())).collect()
}

/// Says why a run waits.
pub(super) fn cause(cause: &WakeUp) -> String {
    match cause {
        WakeUp::Timer { timer, at } => format!("{timer}, over at {}", When(*at)),
        WakeUp::Effect { effect, phase, until: Some(until) } => {
            format!("effect {effect}: {}, until {}", phase_in_words(phase), When(*until))
        }
        WakeUp::Effect { effect, phase, until: None } => {
            format!("effect {effect}: {}", phase_in_words(phase))
        }
        WakeUp::Gate { gate, expires } => format!("gate {gate} waits for you until {}", When(*expires)),
        WakeUp::Operator { effect, message } => {
            format!("only you can say what became of effect {effect}: {message}")
        }
        WakeUp::Child { effect, run } => format!("run {run}, started by effect {effect}, is not over"),
        WakeUp::Branches { step, open: 1, first } => format!("branch {first} of step \"{step}\" is not over"),
        WakeUp::Branches { step, open, first } => {
            format!("{open} branches of step \"{step}\" are not over, {first} the first of them")
        }
        WakeUp::Signal { mailbox, until } => {
            format!("{}, or the end of the wait at {}", mailbox.in_words(), When(*until))
        }
        WakeUp::Paused { reason } => format!("paused: {reason}"),
        WakeUp::Turn { until } => queue::alone(*until),
    }
}

/// Says what a phase of an effect means; a word that this build does not know is shown as it is.
pub(super) fn phase_in_words(phase: &str) -> &str {
    match phase {
        "queued" => "about to be done",
        "leased" => "being done now",
        "backing_off" => "it failed and is tried again",
        "blocked_by_breaker" => "its connector fails too often and is left alone for a while",
        "waiting_for_slot" => "waiting for its turn",
        "waiting_for_budget" => "waiting for room in the budget",
        "held" => "held by a pause",
        "waiting_for_approval" => "waiting for your approval",
        "unknown" => "nobody knows whether it happened",
        "dead" => "failed for good",
        "succeeded" => "done",
        "undone" => "taken back",
        "dropped" => "left as it is, on your word",
        other => other,
    }
}

fn timeline(seq: u64, entry: &Entry) -> TimelineLine {
    TimelineLine {
        seq,
        at: When(entry.envelope.at),
        by: entry.envelope.by.clone(),
        event: entry.envelope.event.word().to_owned(),
        about: said::about(&entry.envelope.event),
    }
}
