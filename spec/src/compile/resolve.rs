//! From a playbook as written to the playbook of the plan: names, paths and `next` resolved.
//!
//! A name that leads nowhere stays as written; the checks of links report it. So this never fails, and the checks of flow run
//! over the same types that the plan holds.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    homes::{Home, Homes, place_of},
    nest::{self, Nested},
};
use crate::{
    check::{
        flow,
        names::{self, Found},
    },
    draft::{At, Draft, Kind, RawKind, RawPlaybook, RawStep, RawTrigger},
    plan::{
        Agent, Backoff, Effect, Id, Input, Playbook, RecordOp, Retry, Step, StepId, StepKind, Trigger, Undo,
        Until,
    },
    value::{Period, Privacy, Template},
};

/// A playbook with its names resolved, and where its steps stand in the file.
#[derive(Debug, PartialEq)]
pub(crate) struct Resolved {
    /// As read.
    pub(crate) at: Arc<At<RawPlaybook>>,
    /// As resolved; steps of kinds that this version refuses are left out.
    pub(crate) playbook: Arc<Playbook>,
    /// Every step as it is written, in the order of the file: what checks look at. Those in containers are beside the others, and
    /// read by the names that people wrote.
    pub(crate) flat: Vec<Step>,
    /// What each of them stands in.
    pub(crate) homes: Homes,
    /// The templates that read otherwise in a branch, by the names that its `render` steps have for them.
    pub(crate) texts: BTreeMap<String, Template>,
    /// The positions of steps whose templates are too large to stand in a branch.
    pub(crate) unfit: Vec<usize>,
    /// The position in the file of each step.
    pub(crate) index: Vec<usize>,
    /// Whether every step is there and in its place, so that flow can be judged.
    pub(crate) whole: bool,
    /// What its steps name.
    pub(crate) names: Names,
}

/// The objects that the steps of a playbook name, so that questions about all playbooks need not go through all steps.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Names {
    pub(crate) agents: Vec<Id>,
    pub(crate) routes: Vec<Id>,
    /// The paths of templates.
    pub(crate) texts: Vec<String>,
    pub(crate) playbooks: Vec<Id>,
    /// What items are called, and their places.
    pub(crate) items: Vec<String>,
    /// Whether there is an `each` that could not be read, whose item may have any name.
    pub(crate) has_unread_items: bool,
}

impl Names {
    fn of(raw: &[RawStep], steps: &[Step]) -> Self {
        let is_unread = |step: &RawStep| matches!(step.kind, RawKind::Unsupported { word: "each", .. });
        let mut names = Self { has_unread_items: raw.iter().any(is_unread), ..Self::default() };
        for step in steps {
            match &step.kind {
                StepKind::Agent { agent, .. } => names.agents.push(agent.clone()),
                StepKind::Route { route, .. } => names.routes.push(route.clone()),
                StepKind::Render { render } => names.texts.push(render.clone()),
                StepKind::Run { run, .. } => names.playbooks.push(run.clone()),
                StepKind::Each { item, .. } => names.items.extend([item.clone(), place_of(item)]),
                _ => {}
            }
        }
        names
    }
}

/// Resolves one playbook.
pub(crate) fn playbook(draft: &Draft, at: &Arc<At<RawPlaybook>>) -> Resolved {
    let raw = &at.value;
    let known = |(index, step)| known_step(draft, raw, step).map(|step| (index, step));
    let (index, mut flat): (Vec<usize>, Vec<Step>) = raw.steps.iter().enumerate().filter_map(known).unzip();
    let homes = Homes::of(&raw.steps, &index);
    let whole = flat.len() == raw.steps.len() && homes.is_whole();
    link_next(draft, &mut flat, &homes);
    bound_visits(draft, &mut flat, &homes);
    let names = Names::of(&raw.steps, &flat);
    let Nested { steps, texts, unfit } = nest::nest(draft, raw, &flat, &homes);
    let playbook = Playbook {
        id: raw.id.clone(),
        was: raw.was.clone(),
        slice: raw.slice.clone(),
        title: raw.title.clone(),
        owner: raw.owner.clone(),
        on_update: raw.on_update,
        deadline: raw.deadline,
        outcome: raw.outcome.clone(),
        about: raw.about.clone(),
        trigger: trigger(draft, raw),
        inputs: inputs(raw),
        steps,
    };
    Resolved {
        at: Arc::clone(at),
        playbook: Arc::new(playbook),
        flat,
        homes,
        texts,
        unfit,
        index,
        whole,
        names,
    }
}

fn known_step(draft: &Draft, playbook: &RawPlaybook, raw: &RawStep) -> Option<Step> {
    let slice = playbook.slice.as_str();
    let RawKind::Known(kind) = &raw.kind else { return None };
    let mut kind = kind.clone();
    resolve_kind(draft, slice, &mut kind);
    let retry = raw.retry.clone().unwrap_or_else(|| default_retry(draft, &kind, playbook.deadline));
    Some(Step {
        id: raw.id.clone(),
        title: raw.title.clone(),
        kind,
        when: raw.when.clone(),
        timeout: raw.timeout,
        retry,
        undo: raw.undo.as_ref().map(|undo| self::undo(draft, slice, undo)),
        max_cost: raw.max_cost,
        tier: raw.tier,
        visits: raw.visits.unwrap_or(1),
        next: raw.next.clone(),
        on: raw.on.clone(),
    })
}

fn resolve_kind(draft: &Draft, slice: &str, kind: &mut StepKind) {
    match kind {
        StepKind::Agent { agent, .. } => settle(agent, names::find(draft, Kind::Agent, slice, agent)),
        StepKind::Call { call, .. } => settle(call, names::find_verb(draft, slice, call)),
        StepKind::Route { route, .. } => settle(route, names::find(draft, Kind::Route, slice, route)),
        StepKind::Render { render } => settle(render, names::find_text(draft, slice, render)),
        StepKind::Run { run, .. } => settle(run, names::find(draft, Kind::Playbook, slice, run)),
        StepKind::Record { op } => {
            let record = record_of(op);
            let found = names::find(draft, Kind::Record, slice, record);
            settle(record, found);
        }
        // What stands in them is written beside them, and put there when its own names are resolved.
        StepKind::Each { .. } | StepKind::Parallel { .. } | StepKind::Scope { .. } => {}
        StepKind::Wait { wait: Until::Signal { signal, .. } } => settle_event(draft, slice, signal),
        StepKind::Gate { .. }
        | StepKind::Wait { .. }
        | StepKind::Signal { .. }
        | StepKind::Emit { .. }
        | StepKind::Choose { .. }
        | StepKind::End { .. } => {}
    }
}

fn record_of(op: &mut RecordOp) -> &mut String {
    match op {
        RecordOp::ReadOne { record, .. }
        | RecordOp::ReadList { record, .. }
        | RecordOp::Write { record, .. } => record,
    }
}

/// Resolves the connector of a signal that is an event, `connector.event`; any other signal is what it is called.
fn settle_event(draft: &Draft, slice: &str, signal: &mut String) {
    let Some((connector, event)) = signal.split_once('.') else { return };
    if let Found::Id(id) | Found::Broken(id) = names::find(draft, Kind::Connector, slice, connector) {
        *signal = format!("{id}.{event}");
    }
}

fn settle(name: &mut String, found: Found) {
    if let Found::Id(id) | Found::Broken(id) = found {
        *name = id;
    }
}

fn undo(draft: &Draft, slice: &str, written: &Undo) -> Undo {
    let mut undo = written.clone();
    let found = names::find_verb(draft, slice, &undo.call);
    settle(&mut undo.call, found);
    undo
}

/// Returns what a run is given. What a record holds is the client's and the company's, whatever an input declares: it is no more
/// public for having started a run.
fn inputs(raw: &RawPlaybook) -> BTreeMap<Id, Input> {
    let mut inputs = raw.inputs.clone();
    if matches!(raw.trigger, RawTrigger::Record { .. }) {
        for input in inputs.values_mut().filter(|input| input.from.is_some()) {
            input.privacy = input.privacy.max(Privacy::Client);
        }
    }
    inputs
}

fn trigger(draft: &Draft, raw: &RawPlaybook) -> Trigger {
    match &raw.trigger {
        RawTrigger::Manual | RawTrigger::Unsupported => Trigger::Manual,
        RawTrigger::Event { connector, event, key, overlap, accept } => {
            let mut id = connector.clone();
            settle(&mut id, names::find(draft, Kind::Connector, &raw.slice, connector));
            let (event, key, accept) = (event.clone(), key.clone(), accept.clone());
            Trigger::Event { connector: id, event, key, overlap: *overlap, accept }
        }
        RawTrigger::Signal { signal, key, overlap } => {
            Trigger::Signal { signal: signal.clone(), key: key.clone(), overlap: *overlap }
        }
        RawTrigger::Record { record, on, when, key, overlap } => {
            let mut id = record.clone();
            settle(&mut id, names::find(draft, Kind::Record, &raw.slice, record));
            Trigger::Record { record: id, on: *on, when: when.clone(), key: key.clone(), overlap: *overlap }
        }
        RawTrigger::Schedule { cron, zone, catch_up, key, overlap } => Trigger::Schedule {
            cron: cron.clone(),
            zone: zone.clone().or_else(|| Some(draft.company.as_ref()?.zone.clone())).unwrap_or_default(),
            catch_up: catch_up.clone(),
            key: key.clone(),
            overlap: *overlap,
        },
    }
}

/// Returns the attempts of a step that says nothing of them.
///
/// A message gets ten over about six hours, where the deadline leaves so much: mail servers put unknown senders off for minutes and
/// hours (greylisting, RFC 6647), and a message that is given up within a second is lost. Everything else gets three: enough for
/// a hiccup of the network, too few to hammer a service that is down.
fn default_retry(draft: &Draft, kind: &StepKind, deadline: Option<Period>) -> Retry {
    let usual = retry(3, 1, 60);
    let StepKind::Call { call, .. } = kind else { return usual };
    let Some(verb) = names::verb(draft, call).filter(|verb| verb.effect == Effect::Send) else {
        return usual;
    };
    let fits =
        |retry: &Retry| deadline.is_none_or(|deadline| retry.longest(verb.timeout) <= deadline.millis());
    [retry(10, 60, 7_200), retry(8, 30, 900)].into_iter().find(fits).unwrap_or(usual)
}

fn retry(attempts: u32, first: u64, longest: u64) -> Retry {
    let period = |seconds| Period::from_millis(seconds * 1_000).expect("seconds and hours are periods");
    Retry { attempts, backoff: Backoff { first: period(first), longest: period(longest) } }
}

/// Sets `next` where it is not written: the step that follows in the same container, unless nothing falls through.
fn link_next(draft: &Draft, steps: &mut [Step], homes: &Homes) {
    let mut following: BTreeMap<Option<Home>, StepId> = BTreeMap::new();
    for (place, step) in steps.iter_mut().enumerate().rev() {
        let next = following.insert(homes.home(place), step.id.clone());
        if step.next.is_none() && flow::falls_through(draft, step) {
            step.next = next;
        }
    }
}

/// Gives the steps of a bounded cycle that name no bound the most visits that the bounded ones allow them.
///
/// Between two visits of bounded steps such a step is passed at most once, for without them there is no cycle.
fn bound_visits(draft: &Draft, steps: &mut [Step], homes: &Homes) {
    let written: Vec<u32> = steps.iter().map(|step| step.visits).collect();
    for cycle in flow::Flow::of(draft, steps, homes).graph().cycles() {
        let bounds = cycle.iter().map(|node| written[*node]).filter(|visits| *visits > 1);
        let most = bounds.fold(1_u32, u32::saturating_add);
        for node in cycle.iter().filter(|node| written[**node] == 1) {
            steps[*node].visits = most;
        }
    }
}

/// An agent with the path of its prompt and the id of its connector in place of the written names.
pub(super) fn agent(draft: &Draft, at: &At<Agent>) -> Agent {
    let mut agent = at.value.clone();
    if let Found::Id(path) = names::find_text(draft, &agent.slice, &agent.prompt) {
        agent.prompt = path;
    }
    if let Some(written) = &agent.model.connector
        && let Found::Id(id) = names::find(draft, Kind::Connector, &agent.slice, written)
    {
        agent.model.connector = Some(id);
    }
    agent
}
