//! Facts: what the machine concluded, as stored; and entries, which hold them.
//!
//! A fact carries its result, so that applying it ([`crate::evolve`]) decides nothing. Variants and fields are only added.
//! What a run wants of its host follows from its state ([`crate::projection`]); only what is told to others is a fact of its
//! own, [`Fact::Posted`] and [`Fact::Told`], since no state keeps it.

use adjutant_spec::{
    plan::StepId,
    value::{Money, Path},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    branch::Round,
    call::{Approval, Call, Notice},
    event::{Basis, Envelope, Event, Labelled, RunStarted, TimerId},
    id::{EffectId, InstanceId, Stamp},
    run::{
        Branches, Close, Correction, Coverage, Decided, Edit, EffectState, Failing, Failure, Gate, GatePhase,
        Life, OpenScope, Part, Phase, Position, UndoEntry, UndoState,
    },
};

/// One transition, as stored: what happened, and what was concluded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The event, with its moment, its id and who caused it.
    pub envelope: Envelope,
    /// What the machine concluded, in order.
    pub facts: Vec<Fact>,
}

/// One conclusion that the machine drew from an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The run exists.
    RunOpened {
        /// What it was started with.
        started: Box<RunStarted>,
        /// The moment of its start.
        at: Stamp,
    },
    /// The run's state could not be read: what the host's rows still tell of it stands for all that was.
    Buried {
        /// With what it began, as far as that is known.
        started: Box<RunStarted>,
        /// The moment of the tombstone.
        at: Stamp,
        /// The number of the last entry before.
        seq: u64,
        /// What was wrong with it.
        problem: String,
    },
    /// The run's life went on.
    RunMoved {
        /// The phase that the run is in from now on.
        phase: Phase,
    },
    /// The run stands elsewhere.
    Positioned {
        /// Here; `None` while it unwinds and at its end.
        position: Option<Position>,
    },
    /// A step began.
    StepStarted {
        /// The step that began.
        step: StepId,
        /// When it began.
        at: Stamp,
    },
    /// A step's condition did not hold.
    StepSkipped {
        /// The step that is passed over.
        step: StepId,
    },
    /// A step ended.
    StepEnded {
        /// The step that ended.
        step: StepId,
        /// The word by which its edge is chosen, such as `ok` or `error`.
        outcome: String,
        /// What it yields, with its labels; nothing where it yields nothing.
        value: Option<Labelled>,
        /// When it ended.
        at: Stamp,
    },
    /// A visit that only opened a gate again does not count.
    VisitReturned {
        /// The step whose visit is taken off its count.
        step: StepId,
    },
    /// An effect is wanted.
    EffectAsked {
        /// The id under which the effect is known from now on, inside and outside.
        effect: EffectId,
        /// It; shared with the state until that changes.
        state: Part<EffectState>,
    },
    /// An effect's life went on.
    EffectMoved {
        /// The effect whose life went on.
        effect: EffectId,
        /// Its life from now on: its phase, its attempts and its doubts.
        life: Life,
    },
    /// A person agreed to an effect.
    EffectApproved {
        /// The effect that may be sent now.
        effect: EffectId,
        /// Who, and to what.
        approval: Approval,
    },
    /// Records that an approved payload was made of have moved, and a person is asked about it as they are now.
    BasisMoved {
        /// The effect whose approval rested on those records.
        effect: EffectId,
        /// What it rests on from now on.
        basis: Vec<Basis>,
    },
    /// A child run exists.
    ChildStarted {
        /// The effect that started it.
        effect: EffectId,
        /// The id of the child run.
        run: String,
        /// What becomes of it when its parent ends before it.
        #[serde(default)]
        close: Close,
    },
    /// A child run is over.
    ChildEnded {
        /// The effect that started it.
        effect: EffectId,
    },
    /// An effect was logged and did not leave: the run only observes.
    Observed {
        /// The step whose effect did not leave.
        step: StepId,
        /// What would have been done.
        call: Box<Call>,
    },
    /// A person is asked.
    GateOpened {
        /// The gate with its card, as the person sees it.
        gate: Part<Gate>,
    },
    /// A gate closed.
    GateMoved {
        /// The id of the gate that closed.
        gate: String,
        /// The phase that the gate is in from now on.
        phase: GatePhase,
        /// The answer, where a person gave one.
        decided: Option<Decided>,
    },
    /// A gate passed without a person.
    GatePassed {
        /// The step that wants it.
        step: StepId,
        /// The condition or rule.
        rule: String,
    },
    /// A payload is approved for a step.
    Covered {
        /// The step that may act with this payload.
        step: StepId,
        /// The payload that is approved, with the gate and the person.
        coverage: Part<Coverage>,
    },
    /// An approval holds no longer.
    CoverageLost {
        /// The step whose approval is gone.
        step: StepId,
        /// What has changed since it was approved, in words.
        reason: String,
    },
    /// An approval is used up by a call.
    CoverageUsed {
        /// The effect whose call used it.
        effect: EffectId,
        /// The step that the approval covered.
        step: StepId,
    },
    /// An approved call definitely did not happen: its approval was not used and covers the same payload again.
    CoverageReturned {
        /// The effect whose call did not happen.
        effect: EffectId,
    },
    /// The operator changed a value.
    Edited {
        /// The full path of the value, such as `steps.quote.text`.
        path: Path,
        /// What it is now.
        value: Value,
        /// What it was, and who changed it.
        edit: Edit,
    },
    /// How to take an effect back is noted.
    UndoRegistered {
        /// The call that takes it back, and how far that is.
        entry: Part<UndoEntry>,
    },
    /// An undo went on.
    UndoMoved {
        /// The effect that is taken back.
        effect: EffectId,
        /// How far the undo is from now on.
        state: UndoState,
    },
    /// A timer is stored.
    TimerSet {
        /// The timer that is stored; one of the same name is moved.
        timer: TimerId,
        /// The moment at which it fires.
        at: Stamp,
    },
    /// A timer is gone.
    TimerCleared {
        /// The timer that does not fire any more.
        timer: TimerId,
    },
    /// Money was spent.
    Spent {
        /// What the call cost, in its currency.
        cost: Money,
        /// The effect whose attempt cost it.
        effect: EffectId,
    },
    /// The run cannot go on.
    Failed {
        /// The step, the effect and the outcome that stopped it.
        failure: Failure,
    },
    /// The run is tried again.
    Retried {
        /// The step at which the run goes on.
        step: StepId,
    },
    /// What a route step classified has another class, or was confirmed.
    Corrected {
        /// The effect that asked the route.
        effect: EffectId,
        /// What is right, and who says so.
        correction: Correction,
    },
    /// Another instance is told something: a message that its batch brings with it.
    Posted {
        /// Its place among what the entry tells others; part of the message's key.
        index: u16,
        /// The instance that is told.
        to: InstanceId,
        /// What happened, for them.
        event: Box<Event>,
    },
    /// The operator is told something.
    Told {
        /// Its place among what the entry tells others; part of the message's key.
        index: u16,
        /// What they are told.
        notice: Box<Notice>,
    },
    /// An answer came too late to matter.
    Ignored {
        /// What came too late, in words.
        reason: String,
    },
    /// A step that has branches began.
    BranchesOpened {
        /// The step and its round.
        round: Round,
        /// What they are given, and how many must end well.
        state: Box<Branches>,
    },
    /// More branches began, in their order.
    BranchesStarted {
        /// The step and its round.
        round: Round,
        /// All before this one have begun.
        through: u32,
    },
    /// A branch ended.
    BranchEnded {
        /// The step and its round.
        round: Round,
        /// Which of its branches.
        index: u32,
        /// Whether it ended well, and what it yielded.
        end: Box<BranchEnd>,
    },
    /// The branches that go on were told to take back what they did, and no other begins.
    BranchesStopped {
        /// The step and its round.
        round: Round,
    },
    /// Of the branches that ended well, those from one on were told to take back what they did.
    BranchesTold {
        /// The step and its round.
        round: Round,
        /// The first of them.
        from: u32,
    },
    /// A branch that had ended well has taken back what it did, or was ended by the operator while it did so.
    BranchTakenBack {
        /// The step and its round.
        round: Round,
        /// Which of its branches.
        index: u32,
        /// Whether something of it is in doubt.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        doubt: bool,
    },
    /// All branches are over: what they were given and yielded is not needed here any more.
    BranchesClosed {
        /// The step and its round.
        round: Round,
    },
    /// The run was killed, and its branches with it: nobody waits for them.
    BranchesLetGo {
        /// The step and its round.
        round: Round,
    },
    /// The run was given a signal, and is given none up to it again.
    SignalTaken {
        /// The name of the mailbox's instance.
        mailbox: String,
        /// The signal's number in it.
        number: u64,
    },
    /// The run is in a scope from now on.
    ScopeEntered {
        /// The scope, and what was before it.
        scope: Part<OpenScope>,
    },
    /// Something went wrong in a scope, or its time is over: it takes back what it did. Those inside it are left.
    ScopeFailing {
        /// The step of the scope.
        step: StepId,
        /// The edge that is taken afterwards, and why.
        failing: Failing,
    },
    /// The run is not in a scope any more, and in none that stands in it.
    ScopeLeft {
        /// The step of the scope.
        step: StepId,
        /// Whether it has taken back what it did.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undone: bool,
    },
    /// A child run, whether it has ended or not, was told to take back what it did: it is waited for.
    ChildCalledBack {
        /// The effect that started it.
        effect: EffectId,
    },
    /// The run's turn in the queue of its playbook came.
    TurnTaken {
        /// When it came: the run's deadline counts from then.
        at: Stamp,
    },
    /// The run has no place in the queue of its playbook any more: it goes beside it.
    QueueLeft {
        /// Whether a retry puts it back; absent of records from before that was so, whose runs stay beside for good.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        for_now: bool,
    },
    /// Nothing that a branch began is in doubt any more.
    BranchCleared {
        /// The step and its round.
        round: Round,
        /// Which of its branches.
        index: u32,
    },
}

/// How a branch ended, as its parent keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchEnd {
    /// Whether it ended well.
    pub ok: bool,
    /// Whether it did something that can be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands: bool,
    /// Whether nobody knows yet of something that it began whether it happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubt: bool,
    /// Why not, where it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// What the branch yielded, with its labels.
    pub output: Labelled,
}
