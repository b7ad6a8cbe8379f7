//! What is read off a run: which effects wait for the world, which timers are set, what lists say of it, whom an entry tells.
//!
//! Every host (the runtime, the simulator, whatever comes) stores or keeps these next to the state and never decides them: each
//! batch carries the difference between the projections before and after it. So a host cannot obey one wish and skip another.

use adjutant_spec::plan::{BundleId, OldestId, StepId};

use crate::{
    branch::BranchId,
    call::{Call, Notice, Perform},
    event::{Event, TimerId},
    fact::{Entry, Fact},
    id::{EffectId, InstanceId, Stamp},
    run::{EffectPhase, EffectState, Place, Run},
};

/// The line in which an effect waits for its place: one side that hangs holds up its own line and no other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A connector's verbs.
    Connector(String),
    /// The agents that ask one model endpoint; the usual one where they name none.
    Agent(String),
    /// The questions to one route.
    Route(String),
    /// What the host does itself: it needs no place.
    Local,
}

impl Lane {
    /// Returns the lane of a call.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        match call {
            Call::Verb(call) => Self::Connector(connector(&call.verb).to_owned()),
            Call::Probe { probe, .. } => Self::Connector(connector(probe).to_owned()),
            Call::Route { route, .. } => Self::Route(route.clone()),
            Call::Agent(call) => Self::Agent(call.connector.clone().unwrap_or_default()),
            Call::RecordRead { .. }
            | Call::RecordList { .. }
            | Call::RecordWrite { .. }
            | Call::Signal { .. }
            | Call::FindChild { .. }
            | Call::StartRun { .. } => Self::Local,
        }
    }
}

/// Returns the connector of a verb.
#[must_use]
pub fn connector(verb: &str) -> &str {
    verb.split_once('.').map_or(verb, |(connector, _)| connector)
}

/// A row of the outbox: an effect that may be leased, or is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whether an attempt is under way: after a crash it is lost, and must not be taken for one that never left.
    pub is_leased: bool,
    /// The attempt that is under way, or the one that the next lease begins.
    pub attempt: u32,
    /// Where it waits for its place.
    pub lane: Lane,
}

/// Returns the outbox of a run: what may be leased now, and what is leased.
///
/// An effect that is put off, held or paused before another attempt is not here: the run's own timer or event brings it back.
pub fn outbox(run: &Run) -> impl Iterator<Item = (&EffectId, Waiting)> {
    run.effects.iter().filter_map(|(id, state)| Some((id, waiting(state)?)))
}

/// Returns the row of the outbox that an effect has.
#[must_use]
pub fn waiting(state: &EffectState) -> Option<Waiting> {
    let is_leased = match state.life.phase {
        EffectPhase::Queued => false,
        EffectPhase::Leased { .. } => true,
        _ => return None,
    };
    let lane = Lane::of(state.call.as_ref()?);
    Some(Waiting { is_leased, attempt: state.life.attempt, lane })
}

/// Returns what the lease of a queued effect takes up; `None` where the effect is not queued.
#[must_use]
pub fn perform(run: &Run, effect: &EffectId) -> Option<Perform> {
    let state = run.effects.get(effect)?;
    if !matches!(state.life.phase, EffectPhase::Queued) {
        return None;
    }
    Some(Perform {
        effect: effect.clone(),
        step: state.step.clone(),
        attempt: state.life.attempt,
        call: state.call.clone()?,
        labels: state.labels,
        approval: state.approval.clone(),
        timeout: state.timeout,
        dry: run.only_observes(),
        chain: run.chain,
    })
}

/// Returns the timers of a run.
pub fn timers(run: &Run) -> impl Iterator<Item = (&TimerId, Stamp)> {
    run.timers.iter().map(|(timer, at)| (timer, *at))
}

/// Something under which lists find a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed<'a> {
    /// By its status, the newest first.
    Status {
        /// The word for lists.
        status: &'static str,
        /// When it began.
        since: Stamp,
    },
    /// By its playbook, the newest first.
    Playbook {
        /// The playbook by the id that never changes.
        playbook: OldestId,
        /// When it began.
        since: Stamp,
    },
    /// As a child of the run whose effect started it.
    Child {
        /// The effect of the parent run that started it.
        parent: &'a EffectId,
    },
    /// As a branch of the run, or of the branch, that began it.
    Branch {
        /// The name of the parent.
        parent: String,
    },
    /// As a live run of its playbook.
    Live {
        /// The playbook by the id that never changes.
        playbook: OldestId,
        /// The id of the bundle that it pins, and its branches with it.
        bundle: &'a BundleId,
    },
    /// In the queue of its playbook.
    Queue {
        /// The playbook by the id that never changes.
        playbook: OldestId,
        /// Whether it works or stands, and since when.
        place: Place,
    },
    /// By a gate that waits for a person.
    Gate {
        /// The id of the gate.
        gate: &'a str,
        /// When it opened.
        opened: Stamp,
    },
    /// By an effect that only the operator can settle.
    Dead {
        /// The effect that nobody else can settle.
        effect: &'a EffectId,
    },
    /// By a route's decision that a person judged.
    Judged {
        /// The route whose decision was judged.
        route: &'a str,
        /// The effect that asked it.
        effect: &'a EffectId,
    },
}

/// Returns everything under which lists find a run.
///
/// A branch is part of a run: the lists of runs ([`Listed::Status`], [`Listed::Playbook`], [`Listed::Live`]) have its root alone,
/// and [`Listed::Branch`] has it under its parent. What waits for a person and what was judged is listed wherever it happens.
#[must_use]
pub fn index(run: &Run) -> Vec<Listed<'_>> {
    let mut listed = match BranchId::of(&run.id) {
        Some(branch) => vec![Listed::Branch { parent: branch.parent }],
        None => as_run(run),
    };
    listed.extend(run.open_gates().map(|gate| Listed::Gate { gate: &gate.id, opened: gate.opened }));
    listed.extend(run.dead_letters().map(|(effect, _)| Listed::Dead { effect }));
    let judged = run.corrections.iter();
    listed.extend(judged.map(|(effect, said)| Listed::Judged { route: &said.route, effect }));
    listed
}

fn as_run(run: &Run) -> Vec<Listed<'_>> {
    let (since, playbook) = (run.started_at, run.oldest());
    let mut listed = vec![Listed::Status { status: run.status(), since }];
    if !run.is_ended() {
        listed.push(Listed::Live { playbook: playbook.clone(), bundle: &run.bundle });
    }
    let place = run.place();
    listed.extend(place.map(|place| Listed::Queue { playbook: playbook.clone(), place }));
    listed.push(Listed::Playbook { playbook, since });
    listed.extend(run.parent.as_ref().map(|parent| Listed::Child { parent }));
    listed
}

/// What an entry tells others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Message<'a> {
    /// Another instance is told that something happened.
    Post {
        /// The instance that is told.
        to: &'a InstanceId,
        /// What happened, for them.
        event: &'a Event,
    },
    /// The operator is told something.
    Notice(&'a Notice),
}

/// Returns what an entry tells others, each with its place: part of its key, so that the receiver takes it once.
pub fn messages(entry: &Entry) -> impl Iterator<Item = (u16, Message<'_>)> {
    entry.facts.iter().filter_map(|fact| match fact {
        Fact::Posted { index, to, event } => Some((*index, Message::Post { to, event })),
        Fact::Told { index, notice } => Some((*index, Message::Notice(notice))),
        _ => None,
    })
}

/// Returns the calls that an entry asked for, each with the step that wants it.
pub fn calls(entry: &Entry) -> impl Iterator<Item = (&StepId, &Call)> {
    entry.facts.iter().filter_map(|fact| match fact {
        Fact::EffectAsked { state, .. } => Some((&state.step, state.call.as_deref()?)),
        _ => None,
    })
}
