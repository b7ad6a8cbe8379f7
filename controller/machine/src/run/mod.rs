//! The state of a run: everything that a transition may change, and nothing else.
//!
//! A run is linear: it stands at one step, or unwinds, or has ended. Its effects, gates and timers are sub-machines that
//! live in the same state, so that a completion and the start of the next step are one transition. The state only changes
//! by [`crate::evolve`], from facts; this module holds the words and what can be read from them.

mod branches;
mod effect;
mod gate;
mod part;
mod queue;
mod scope;
mod scoped;
mod waiting;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use adjutant_spec::{
    plan::{BundleId, OldestId, Stage, StepId, Undo},
    value::{Labels, Path},
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    about::About,
    branch::Round,
    call::Approval,
    event::{Labelled, TimerId},
    id::{EffectId, Stamp},
    life::mailbox::MailboxId,
    purse::Purse,
    trust::Speaker,
};

pub use branches::{Bits, Branches, Results};
pub use effect::{Child, Close, EffectPhase, EffectState, Life, Purpose, Traits};
pub use gate::{Card, Coverage, CoveredCall, CoveredUndo, Decided, Gate, GatePhase, GateSubject, Shown};
pub use part::Part;
pub use queue::{MOST_STANDING, Member, Place, next};
pub use scope::{Failing, OpenScope};
pub use waiting::WakeUp;

/// How long after its timeout an attempt counts as lost, in milliseconds.
pub const LEASE_GRACE: u64 = 5_000;

/// How many event ids a run remembers; older repetitions are recognised by the machines' own phases.
pub const SEEN: usize = 32;

/// One execution of a playbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id: `<playbook>-<letters>`, and of a branch its name.
    pub id: String,
    /// The playbook's id when it began: for people. What rules, lists and rows compare is [`Run::oldest`].
    pub playbook: String,
    /// The playbook's oldest id, where the run was told of it.
    #[serde(default, rename = "oldest", skip_serializing_if = "Option::is_none")]
    pub began_as: Option<OldestId>,
    /// The bundle that it pins: its playbook and everything structural, by content.
    pub bundle: BundleId,
    /// Its idempotency key: the same key is the same run.
    pub key: String,
    /// The company revision that was in force when it started.
    pub revision: String,
    /// How far its effects reach the world.
    pub stage: Stage,
    /// Whether effects other than reads are only logged.
    pub dry: bool,
    /// The trigger's event.
    pub trigger: Part<Value>,
    /// The effect of the parent run that started it.
    pub parent: Option<EffectId>,
    /// Its inputs by name, with their labels.
    pub input: Part<BTreeMap<String, Labelled>>,
    /// Whom it is about, where its playbook says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// How many runs in a row led to it, each begun by a record that the one before it wrote.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub chain: u32,
    /// Whether it belongs to the queue of its playbook: [`Run::place`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queues: bool,
    /// Whether it goes beside that queue until it is tried again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
    /// When its turn came last, where it had to wait for it: its deadline counts from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Stamp>,
    /// When it started.
    pub started_at: Stamp,
    /// When its last entry happened.
    pub updated_at: Stamp,
    /// The sequence number of its last entry.
    pub seq: u64,
    /// Where its life stands.
    pub phase: Phase,
    /// Where it stands in the playbook; `None` while it or a scope of it unwinds, and after its end.
    pub position: Option<Position>,
    /// What is known of each step that was reached.
    pub steps: BTreeMap<StepId, Part<StepState>>,
    /// What it asked of the world, by id; settled ones go when there are many.
    pub effects: BTreeMap<EffectId, Part<EffectState>>,
    /// Its gates by id.
    pub gates: BTreeMap<String, Part<Gate>>,
    /// The payload that is approved for each covered step.
    pub coverage: BTreeMap<StepId, Part<Coverage>>,
    /// The approvals that calls have used up; a call that did not happen gives its own back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub used: BTreeMap<EffectId, Part<Coverage>>,
    /// How to take back what was started, in the order in which it started.
    pub undo: Vec<Part<UndoEntry>>,
    /// The branches of its `each` and `parallel` steps: those of each step's last round, and those that can still be taken back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub branches: BTreeMap<Round, Part<Branches>>,
    /// The scopes that it is in, the innermost last. Those that it was in when it ended are kept for a retry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Part<OpenScope>>,
    /// The caps on money that hold for all of it, because it is a branch.
    #[serde(default, rename = "purses", skip_serializing_if = "Vec::is_empty")]
    pub given_purses: Vec<Purse>,
    /// The number of the last signal that it was given by each mailbox, by the names of their instances.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heard: BTreeMap<String, u64>,
    /// When the run began that this branch is a part of; absent of a run that is no branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hears_since: Option<Stamp>,
    /// The timers that wake it, each with the moment at which it fires.
    #[serde(with = "pairs")]
    pub timers: BTreeMap<TimerId, Stamp>,
    /// Values that the operator changed, by full path such as `steps.quote.text`.
    pub edits: BTreeMap<Path, Edit>,
    /// What people said of its routes' decisions, by the effect that asked the route.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub corrections: BTreeMap<EffectId, Correction>,
    /// What it cost, by currency.
    pub spent: BTreeMap<String, Decimal>,
    /// Why it failed, where it did.
    pub failure: Option<Failure>,
    /// What was wrong with its state when it was killed: what it did before is not known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buried: Option<String>,
    /// The last event ids.
    pub seen: VecDeque<String>,
}

/// Where a run's life stands; the states of the life-cycle machine of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// Steps are taken.
    Active,
    /// No further effect starts.
    Paused {
        /// Why it was paused, for people.
        reason: String,
        /// Whether the deadline passed meanwhile; it acts on resume.
        overdue: bool,
        /// Since when it stood in the queue of its playbook when it was paused; absent where its turn had come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queued: Option<Stamp>,
    },
    /// It stands in the queue of its playbook: its turn has not come.
    Queued {
        /// Since when: who stands for longer goes first.
        since: Stamp,
    },
    /// What was done is taken back.
    Unwinding {
        /// How the run ends afterwards.
        to: Status,
        /// Why it ends so, for people.
        reason: String,
    },
    /// It is over: nothing follows any more.
    Ended {
        /// The way in which it ended.
        status: Status,
        /// When it ended.
        at: Stamp,
        /// Why, where it was not the playbook's own end.
        reason: Option<String>,
    },
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As the playbook wished.
    Done,
    /// It could not go on; what was done is taken back.
    Failed,
    /// Somebody, or the playbook, gave up; what was done is taken back.
    Cancelled,
    /// The operator ended it at once; nothing is taken back.
    Killed,
    /// Somebody took it back, whether it went on or had ended; of a branch, its run took it back.
    RolledBack,
}

/// Where a run stands in its playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The id of the step that it stands at.
    pub step: StepId,
    /// Which visit of it, from 1; 0 while it has not begun.
    pub visit: u32,
    /// When it came to this step.
    pub since: Stamp,
    /// What it waits for.
    pub wait: Wait,
}

/// What a step waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "wait", content = "of")]
pub enum Wait {
    /// The end of an effect.
    Effect(EffectId),
    /// The decision of a gate.
    Gate(String),
    /// A moment that has to come.
    Until {
        /// The moment that is waited for.
        at: Stamp,
        /// The outcome that the step has when the moment has come.
        outcome: String,
    },
    /// A signal, or the moment at which the step gives up.
    Signal {
        /// Where it is sent.
        mailbox: MailboxId,
        /// When the step gives up.
        until: Stamp,
    },
    /// The end of a pause: the step has not begun.
    Resume,
    /// The end of branches.
    Branches(Round),
}

/// What is known of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepState {
    /// How often it began.
    pub visits: u32,
    /// Its last outcome.
    pub outcome: Option<String>,
    /// Its last result.
    pub value: Option<Labelled>,
    /// When it last began.
    pub started: Option<Stamp>,
    /// When it last ended.
    pub ended: Option<Stamp>,
    /// Its effects, in order.
    pub effects: Vec<EffectId>,
    /// How many gates were opened for it: part of the next one's id.
    pub gates: u32,
    /// How many rounds of branches it began, or how often its scope was entered, retries of the run among them: part of the next ones'
    /// names.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounds: u32,
}

/// A value that the operator changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// What was there; readable as `.original`.
    pub original: Value,
    /// Who changed it.
    pub by: String,
    /// The gate, or `retry`.
    pub at_gate: String,
    /// How far the changed value is trusted.
    #[serde(default)]
    pub speaker: Speaker,
}

/// What a person said of a route's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The id of the route step that decided.
    pub step: StepId,
    /// The route that decided.
    pub route: String,
    /// The right class, which may be the one that was decided; `None`: none of the route's.
    pub class: Option<String>,
    /// Who says so.
    pub by: String,
    /// When the person said so.
    pub at: Stamp,
}

/// How to take back one effect, or the branches of one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoEntry {
    /// The step that is taken back.
    pub step: StepId,
    /// The effect that is taken back; for branches the id that stands for their round, and no effect's.
    pub effect: EffectId,
    /// The call that takes it back, with its holes; `None` where the verb's default undo does.
    pub undo: Option<Arc<Undo>>,
    /// The verb's full name.
    pub verb: String,
    /// The approval that covers it with the payload that was shown, where a gate did.
    pub covered: Option<(Approval, CoveredUndo)>,
    /// How far that is.
    pub state: UndoState,
    /// The round of the step whose branches are taken back, where it has branches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// Whether a scope took it back, or let it be, and the run went on: the run has nothing to do with it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_scope: bool,
}

/// How far an undo is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "undo", content = "of")]
pub enum UndoState {
    /// Noted when its step began.
    Registered,
    /// The effect that takes it back is under way.
    Running(EffectId),
    /// What it takes back is taken back.
    Done,
    /// Nothing was to be taken back: the effect never happened.
    NotNeeded,
    /// The operator let it be.
    Dropped,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The id of the step that failed; absent where the whole run did.
    pub step: Option<StepId>,
    /// The effect, where one failed.
    pub effect: Option<EffectId>,
    /// The outcome that had no edge, or what stood in the way.
    pub outcome: String,
    /// What went wrong, for people.
    pub message: String,
}

impl Run {
    /// Returns whether the run is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// Returns the identity of its playbook.
    #[must_use]
    pub fn oldest(&self) -> OldestId {
        self.began_as.clone().unwrap_or_else(|| OldestId::never_renamed(&self.playbook))
    }

    /// Returns whether effects other than reads stay inside.
    #[must_use]
    pub fn only_observes(&self) -> bool {
        self.dry || self.stage == Stage::Observe
    }

    /// Returns the word for lists: `queued`, `waiting`, `running`, `paused`, `unwinding`, or the way it ended.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match &self.phase {
            Phase::Active => self.active_word(),
            Phase::Paused { .. } => "paused",
            Phase::Queued { .. } => "queued",
            Phase::Unwinding { .. } => "unwinding",
            Phase::Ended { status, .. } => status.word(),
        }
    }

    fn active_word(&self) -> &'static str {
        match self.position.as_ref().map(|position| &position.wait) {
            Some(Wait::Gate(_) | Wait::Until { .. } | Wait::Signal { .. }) => "waiting",
            Some(Wait::Effect(_) | Wait::Resume | Wait::Branches(_)) | None => "running",
        }
    }

    /// Returns the gates that wait for a person, in the order of their ids.
    pub fn open_gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates.values().map(|gate| &**gate).filter(|gate| gate.phase == GatePhase::Open)
    }

    /// Returns the effects that nobody can settle but the operator, or that ended in the dead-letter list.
    pub fn dead_letters(&self) -> impl Iterator<Item = (&EffectId, &EffectState)> {
        let all = self.effects.iter().map(|(id, state)| (id, &**state));
        all.filter(|(_, state)| {
            matches!(
                state.life.phase,
                EffectPhase::Dead { .. } | EffectPhase::Unknown { asked_operator: true, .. }
            )
        })
    }

    /// Returns whether an event with this id was applied lately.
    #[must_use]
    pub fn has_seen(&self, id: &str) -> bool {
        self.seen.iter().any(|seen| seen == id)
    }

    /// Returns whether nobody knows yet of something that it began, or one of its branches, whether it happened.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        let unknown = |state: &Part<EffectState>| matches!(state.life.phase, EffectPhase::Unknown { .. });
        self.effects.values().any(unknown) || self.branches.values().any(|branches| branches.is_in_doubt())
    }

    /// Returns whether it did something that stands and could be taken back.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.undo.iter().filter(|entry| entry.state == UndoState::Registered).any(|entry| match entry.round {
            Some(number) => {
                let round = Round { step: entry.step.clone(), number };
                self.branches.get(&round).is_some_and(|branches| !branches.stands.is_empty())
            }
            None => {
                let effect = self.effects.get(&entry.effect);
                effect.is_some_and(|effect| effect.life.phase == EffectPhase::Succeeded)
            }
        })
    }

    /// Returns the last values by step, as a parent run receives them.
    #[must_use]
    pub fn output(&self) -> Value {
        let values =
            self.steps.iter().filter_map(|(id, step)| Some((id.clone(), step.value.as_ref()?.value.clone())));
        Value::Object(values.collect())
    }

    /// Returns the join of the labels of all step results.
    #[must_use]
    pub fn output_labels(&self) -> Labels {
        let labels = self.steps.values().filter_map(|step| step.value.as_ref().map(|value| value.labels));
        labels.fold(Labels::OPERATOR, Labels::join)
    }
}

impl Status {
    /// Returns the word for lists.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Killed => "killed",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Returns the word for sentences.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::RolledBack => "taken back",
            Self::Done | Self::Failed | Self::Cancelled | Self::Killed => self.word(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// JSON has no keys but texts: timers are stored as a list of pairs, in order.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::{event::TimerId, id::Stamp};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<TimerId, Stamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<TimerId, Stamp>, D::Error> {
        Ok(Vec::<(TimerId, Stamp)>::deserialize(deserializer)?.into_iter().collect())
    }
}
