//! The shapes of the runtime's views, for the description of the API alone.
//!
//! The views belong to the runtime, which knows nothing of OpenAPI; a test compares these with what the views really write.
#![allow(dead_code, reason = "only their fields' names and types are read, by the derive")]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// A line of `runs`.
#[derive(ToSchema)]
pub(super) struct RunLine {
    id: String,
    playbook: String,
    /// `running`, `waiting`, `paused`, `unwinding`, `done`, `failed`, `cancelled`, `killed`, `quarantined`.
    status: String,
    step: Option<String>,
    since: String,
    key: String,
    revision: String,
    bundle: String,
    started: String,
    /// What its playbook is called, as the run pins it.
    title: String,
    about: Option<About>,
    /// The newest amount of money that it holds.
    amount: Option<String>,
    /// `observe`, `advise`, `act`.
    stage: String,
    /// Whether effects other than reads are only logged.
    dry: bool,
}

/// Whom a run is about.
#[derive(ToSchema)]
pub(super) struct About {
    /// A kind of record, or a word of the company's own.
    kind: String,
    key: String,
}

/// A run in full.
#[derive(ToSchema)]
pub(super) struct RunView {
    id: String,
    playbook: String,
    status: String,
    step: Option<String>,
    since: String,
    key: String,
    revision: String,
    bundle: String,
    started: String,
    /// What its playbook is called, as the run pins it.
    title: String,
    about: Option<About>,
    /// The newest amount of money that it holds.
    amount: Option<String>,
    /// `observe`, `advise`, `act`.
    stage: String,
    /// Whether effects other than reads are only logged.
    dry: bool,
    seq: u64,
    ended: Option<String>,
    input: BTreeMap<String, Value>,
    steps: Vec<StepView>,
    effects: Vec<EffectView>,
    gates: Vec<GateView>,
    #[schema(value_type = Vec<Object>)]
    timers: Vec<Value>,
    waiting: Vec<String>,
    parent: Option<String>,
    children: Vec<String>,
    timeline: Vec<TimelineLine>,
}

/// One step of a run.
#[derive(ToSchema)]
pub(super) struct StepView {
    id: String,
    kind: String,
    title: Option<String>,
    visits: u32,
    outcome: Option<String>,
    value: Option<Value>,
    #[schema(value_type = Option<Object>)]
    labels: Option<Value>,
    original: Option<Value>,
    started: Option<String>,
    ended: Option<String>,
    effects: Vec<String>,
    judged: Option<JudgedView>,
}

/// What a person said of a route step's decision.
#[derive(ToSchema)]
pub(super) struct JudgedView {
    /// The right class; absent: none of the route's.
    class: Option<String>,
    by: String,
    at: String,
}

/// One effect.
#[derive(ToSchema)]
pub(super) struct EffectView {
    id: String,
    run: String,
    step: String,
    call: String,
    target: String,
    phase: String,
    attempt: u32,
    until: Option<String>,
    error: Option<String>,
    /// What can be said of it while it waits for the operator: `retry`, `happened`, `did_not_happen`, `undo`, `drop`.
    ways: Vec<String>,
}

/// A line of a run's timeline.
#[derive(ToSchema)]
pub(super) struct TimelineLine {
    seq: u64,
    at: String,
    by: String,
    event: String,
    about: Option<String>,
}

/// A question that waits for the operator, or was answered.
#[derive(ToSchema)]
pub(super) struct GateView {
    id: String,
    run: String,
    step: String,
    question: String,
    /// `dry run`, `only observes`, `only advises`, where a yes does not simply act.
    mark: Option<String>,
    /// `low`, `medium`, `high`.
    risk: String,
    digest: String,
    expires: Option<String>,
    #[schema(value_type = Object)]
    card: Value,
    given: BTreeMap<String, Value>,
    state: String,
    by: Option<String>,
    at: Option<String>,
    reason: Option<String>,
}

/// A line of the dead-letter list.
#[derive(ToSchema)]
pub(super) struct DeadView {
    id: String,
    run: String,
    step: String,
    call: String,
    target: String,
    phase: String,
    attempt: u32,
    until: Option<String>,
    error: Option<String>,
    whom: Option<String>,
    playbook: String,
    actions: Vec<String>,
}

/// A line of `deliveries`.
#[derive(ToSchema)]
pub(super) struct DeliveryLine {
    id: String,
    connector: String,
    event: String,
    /// The id that its sender gave it.
    delivery: String,
    /// `open`, `started`, `dropped`.
    state: String,
    at: String,
    reason: String,
    runs: Vec<String>,
    readable: bool,
}

/// A delivery in full.
#[derive(ToSchema)]
pub(super) struct DeliveryView {
    id: String,
    connector: String,
    event: String,
    delivery: String,
    state: String,
    at: String,
    reason: String,
    runs: Vec<String>,
    readable: bool,
    by: String,
    #[schema(value_type = Vec<Object>)]
    reasons: Vec<Value>,
    content: Value,
    changed_by: String,
    changed: String,
    actions: Vec<String>,
}

/// What the hook of a connector was told so far.
#[derive(ToSchema)]
pub(in crate::http) struct HookView {
    connector: String,
    taken: u64,
    refused: u64,
    undeclared: u64,
    /// Five in a row were refused, and none was taken since.
    failing: bool,
    refused_in_a_row: u64,
    last_reason: Option<String>,
    last_refused: Option<String>,
    last_taken: Option<String>,
    last_undeclared: Option<String>,
}

/// An entry of an instance's log.
#[derive(ToSchema)]
pub(super) struct LogView {
    seq: u64,
    at: String,
    by: String,
    said: String,
    #[schema(value_type = Object)]
    event: Value,
    #[schema(value_type = Vec<Object>)]
    facts: Value,
}

/// A business record with where it comes from.
#[derive(ToSchema)]
pub(super) struct RecordView {
    kind: String,
    key: String,
    version: u64,
    value: Value,
    effect: Option<String>,
    run: Option<String>,
    step: Option<String>,
    at: String,
}

/// What was spent against the caps in force.
#[derive(ToSchema)]
pub(super) struct SpendView {
    today: Option<String>,
    budgets: Vec<BudgetView>,
    by: BTreeMap<String, String>,
}

/// What a month cost.
#[derive(ToSchema)]
pub(super) struct MonthView {
    month: String,
    total: Option<String>,
    by: BTreeMap<String, String>,
    days: BTreeMap<String, String>,
}

/// A cap with its current window.
#[derive(ToSchema)]
pub(super) struct BudgetView {
    scope: String,
    window: String,
    slot: String,
    limit: String,
    reserved: String,
    settled: String,
}

/// The reason chain: each line is the cause of the one before it.
#[derive(ToSchema)]
pub(super) struct WhyView {
    subject: String,
    chain: Vec<WhyLine>,
}

/// One cause.
#[derive(ToSchema)]
pub(super) struct WhyLine {
    kind: String,
    id: String,
    text: String,
    at: Option<String>,
}

/// A slot of a schedule as it was dealt with.
#[derive(ToSchema)]
pub(super) struct SlotView {
    playbook: String,
    slot: String,
    /// The last slot of a span that was skipped as a whole.
    through: Option<String>,
    /// How many slots it is about.
    count: u64,
    outcome: String,
    reason: Option<String>,
    late_ms: i64,
    run: Option<String>,
}

/// What `audit verify` found.
#[derive(ToSchema)]
pub(super) struct AuditView {
    ok: bool,
    batches: u64,
    entries: u64,
    head: String,
    broken_at: Option<u64>,
    instances: u64,
    #[schema(value_type = Vec<Object>)]
    findings: Vec<Value>,
}

/// A run that was asked for.
#[derive(ToSchema)]
pub(super) struct Started {
    run: String,
    /// `false` where the key was known.
    created: bool,
}

/// What became of a command.
#[derive(ToSchema)]
pub(super) struct Answer {
    /// `false` for a repetition of what is known already.
    applied: bool,
    /// In words.
    message: String,
}
