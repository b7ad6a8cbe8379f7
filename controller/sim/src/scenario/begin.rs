//! How a play begins: the run is started as the runtime starts it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use adjutant_machine::{
    Definition, Verdict, eval,
    event::RunStarted,
    given::{Fired, Giver, fired, given},
    id::Stamp,
    trust::Speaker,
};
use adjutant_spec::{
    kinds::Role,
    plan::{Automatic, Bundle, BundleId, Id, Plan, Renamed, Trigger},
    scenario::{self, Begin, Finding, Scenario},
    value,
};
use serde_json::{Value, json};

use super::{
    agenda::{Agenda, Due},
    course::Course,
    finding::finding,
    player::Player,
    script::Script,
    store::Store,
};
use crate::{memory::MemoryHost, world::World};

/// The definitions of a plan, each made ready once, for plays that come one after the other.
#[derive(Debug)]
pub struct Playhouse<'a> {
    pub(super) plan: &'a Plan,
    definitions: BTreeMap<Id, Arc<Definition>>,
}

impl<'a> Playhouse<'a> {
    /// Returns the playhouse of a plan.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, definitions: BTreeMap::new() }
    }

    /// Returns what a playbook and those that it runs pin, ready to be played.
    pub(crate) fn definitions(&mut self, playbook: &str) -> BTreeMap<BundleId, Arc<Definition>> {
        let (mut open, mut names) = (vec![playbook.to_owned()], BTreeSet::new());
        let mut ready = BTreeMap::new();
        while let Some(name) = open.pop() {
            let Some(bundle) = self.plan.bundles.get(&name) else { continue };
            if !names.insert(name.clone()) {
                continue;
            }
            open.extend(bundle.children.keys().cloned());
            let known =
                self.definitions.entry(name).or_insert_with(|| Arc::new(Definition::new(Arc::clone(bundle))));
            ready.insert(known.bundle().id(), Arc::clone(known));
        }
        ready
    }
}

/// What a run is started with.
struct Started {
    key: String,
    input: BTreeMap<Id, adjutant_machine::event::Labelled>,
    trigger: Value,
    speaker: Speaker,
}

/// Returns a player whose run has begun.
pub(super) fn begin<'a>(house: &'a mut Playhouse<'_>, scenario: &'a Scenario) -> Result<Player<'a>, Finding> {
    let definitions = house.definitions(&scenario.playbook);
    let plan = house.plan;
    let missing = || finding("playbook", format!("there is no playbook \"{}\"", scenario.playbook));
    let bundle = plan.bundles.get(&scenario.playbook).ok_or_else(missing)?;
    let started = started(plan, bundle, scenario)?;
    let started = run_of(plan, bundle, started);
    begun(Stage { plan, scenario, definitions }, started)
}

/// Where a run is played.
pub(crate) struct Stage<'a> {
    /// The rules of the company.
    pub(crate) plan: &'a Plan,
    /// What is answered.
    pub(crate) scenario: &'a Scenario,
    /// What the run and those that it runs are decided by.
    pub(crate) definitions: BTreeMap<BundleId, Arc<Definition>>,
}

/// Returns a player whose run has begun with this.
pub(super) fn begun(stage: Stage<'_>, run: RunStarted) -> Result<Player<'_>, Finding> {
    let Stage { plan, scenario, definitions } = stage;
    let start = Stamp(scenario.starts);
    let mut host = MemoryHost::seeded(1);
    (host.now, host.definitions, host.is_quick) = (start, definitions, true);
    let id = run.run.clone();
    let mut store = Store::default();
    scenario.given.iter().filter(|given| given.after.is_none()).for_each(|given| store.put(given));
    let verdict = host.start(run).map_err(|broken| finding("playbook", broken.to_string()))?;
    if verdict != Verdict::Applied {
        return Err(finding("playbook", format!("the run does not begin: {verdict:?}")));
    }
    let course = Course::of(id, start);
    let script = Script::of(scenario);
    let agenda = agenda(scenario, start);
    let world = World::default();
    Ok(Player::new(plan, scenario, host, super::player::Props { world, store, script, agenda, course }))
}

/// Returns what comes by itself.
fn agenda(scenario: &Scenario, start: Stamp) -> Agenda {
    let mut agenda = Agenda::default();
    for (place, given) in scenario.given.iter().enumerate() {
        if let Some(after) = given.after {
            agenda.put(start.plus(after.millis()), Due::Record(place));
        }
    }
    if let Some(after) = scenario.cancel {
        agenda.put(start.plus(after.millis()), Due::Cancel);
    }
    agenda
}

fn started(plan: &Plan, bundle: &Bundle, scenario: &Scenario) -> Result<Started, Finding> {
    let currency = Some(plan.company.currency);
    let giver = |speaker| Giver { speaker, currency };
    let of = |key: &'static str| move |problems: Vec<String>| finding(key, problems.join("; "));
    match &scenario.begin {
        Begin::Input(values) => {
            let input =
                given(&bundle.playbook, values.clone(), giver(Speaker::Operator)).map_err(of("input"))?;
            let (key, trigger) = ("scenario".to_owned(), Value::Null);
            Ok(Started { key, input, trigger, speaker: Speaker::Operator })
        }
        Begin::Event(event) => {
            let event = told(plan, bundle, event);
            let speaker = taken(plan, bundle, &event)?;
            let Fired { key, input, .. } = fired(bundle, &event, giver(speaker)).map_err(of("event"))?;
            Ok(Started { key, input, trigger: event, speaker })
        }
        Begin::Slot(slot) => {
            let Trigger::Schedule { zone, .. } = &bundle.playbook.trigger else {
                return Err(finding("slot", "no schedule starts this playbook".to_owned()));
            };
            let event = json!({ "slot": value::civil(*slot, zone), "late_by": 0 });
            let speaker = Speaker::Operator;
            let Fired { key, input, .. } = fired(bundle, &event, giver(speaker)).map_err(of("slot"))?;
            Ok(Started { key, input, trigger: event, speaker })
        }
    }
}

/// Returns an event as its connector tells it.
fn told(plan: &Plan, bundle: &Bundle, event: &Value) -> Value {
    match &bundle.playbook.trigger {
        Trigger::Event { connector, event: name, .. } => {
            scenario::told(plan.connectors.get(connector), name, event)
        }
        Trigger::Manual | Trigger::Schedule { .. } | Trigger::Signal { .. } | Trigger::Record { .. } => {
            event.clone()
        }
    }
}

/// Returns who speaks through the connector of a trigger that takes an event.
fn taken(plan: &Plan, bundle: &Bundle, event: &Value) -> Result<Speaker, Finding> {
    let Trigger::Event { connector, accept, .. } = &bundle.playbook.trigger else {
        return Err(finding("event", "no event starts this playbook".to_owned()));
    };
    let known = plan.connectors.get(connector);
    let automatic =
        known.filter(|known| known.is_for(Role::TakesMails)).and_then(|_| Automatic::of_mail(event));
    match automatic.filter(|kind| !accept.contains(kind)) {
        Some(kind) => {
            let message = format!("the trigger takes no such mail: {}", kind.sentence());
            Err(finding("event", format!("{message}; `accept = [\"{}\"]` would", kind.word())))
        }
        None => Ok(Speaker::of_connector(known)),
    }
}

/// Returns what the run begins with.
fn run_of(plan: &Plan, bundle: &Bundle, started: Started) -> RunStarted {
    let Started { key, input, trigger, speaker } = started;
    let playbook = &bundle.playbook;
    let oldest = playbook.oldest();
    RunStarted {
        run: format!("{}-1", playbook.id),
        playbook: playbook.id.clone(),
        stage: plan.slice_of(&oldest).map_or(plan.company.stage, |slice| slice.stage),
        oldest: Some(oldest),
        bundle: bundle.id(),
        key,
        revision: "scenario".to_owned(),
        about: eval::about(bundle, &input),
        input,
        trigger,
        parent: None,
        dry: false,
        speaker: Some(speaker),
        hearing: None,
        queue: None,
        chain: 0,
        purses: Vec::new(),
    }
}
