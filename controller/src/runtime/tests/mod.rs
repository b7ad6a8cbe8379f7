//! A world for tests: a company written as TOML, a store in memory that can crash, a clock that stands still, and a scripted outside.

mod approvals;
mod branches;
mod causes;
mod chaos;
mod control;
mod crashes;
mod damage;
mod deliveries;
mod doubts;
mod loops;
mod money;
mod origins;
mod overlap;
mod pages;
mod places;
mod plans;
mod queues;
mod rates;
mod record_triggers;
mod renames;
mod replays;
mod retention;
mod rollback;
mod runs;
mod schedules;
mod scopes;
mod signals;
mod signals_outside;
mod switches;
mod texts;
mod waits;
mod written;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use adjutant_machine::{
    call::{Call, Notice, Perform},
    event::{Decision, ErrorClass, Event, Finding, GateDecided},
    id::Stamp,
    journal::Journal,
    memory::MemoryJournal,
    trust::Speaker,
};
use adjutant_spec::{
    plan::{NotifyRule, Plan},
    value::Money,
};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::{switches::pause, texts::*};

use super::{
    Activation, Handle, ManualClock, NotifyFailure, PageWish, Performer, Runtime, Settings, StartRun,
    Started, Worst,
    views::{DeadView, GateView, RunView},
};

/// How one attempt goes.
#[derive(Debug, Clone)]
enum Turn {
    Ok(Value),
    Costs(Value, &'static str),
    Fail(ErrorClass),
    Unknown,
    Found(Option<Value>),
    /// Never answers.
    Silent,
    /// Answers once the script is released.
    Held(Value),
    /// Finds the door shut before anything leaves.
    Shut,
}

/// What the outside saw, and what it will do.
#[derive(Default)]
struct Script {
    turns: Mutex<BTreeMap<String, VecDeque<Turn>>>,
    seen: Mutex<Vec<(String, String, u32)>>,
    notices: Mutex<Vec<Notice>>,
    /// Addresses that notices do not reach yet.
    unreachable: Mutex<Vec<String>>,
    /// Which address was told of what, tries that failed too.
    told: Mutex<Vec<(String, String)>>,
    /// Whether the door of notices is shut.
    is_shut: Mutex<bool>,
    /// After how many milliseconds there is room for notices, where there is none.
    full: Mutex<Option<u64>>,
    worst: Mutex<Option<&'static str>>,
    /// The companies under whose plans it was asked.
    plans: Mutex<Vec<String>>,
    released: watch::Sender<bool>,
}

impl Script {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn will(&self, target: &str, turns: impl IntoIterator<Item = Turn>) {
        self.turns.lock().unwrap().entry(target.to_owned()).or_default().extend(turns);
    }

    fn calls(&self, target: &str) -> Vec<(String, u32)> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|(name, ..)| name == target)
            .map(|(_, key, attempt)| (key.clone(), *attempt))
            .collect()
    }

    fn take(&self, target: &str) -> Turn {
        let mut turns = self.turns.lock().unwrap();
        turns.get_mut(target).and_then(VecDeque::pop_front).unwrap_or_else(|| Turn::Ok(json!({ "id": "1" })))
    }
}

fn target(call: &Call) -> String {
    match call {
        Call::Verb(verb) => verb.verb.clone(),
        Call::Probe { probe, .. } => probe.clone(),
        Call::Agent(agent) => agent.agent.clone(),
        Call::Route { route, .. } => route.clone(),
        other => format!("{other:?}"),
    }
}

impl Performer for Script {
    fn perform(&self, plan: Arc<Plan>, job: Perform, _until: Stamp) -> BoxFuture<'static, Event> {
        self.plans.lock().unwrap().push(plan.company.name.clone());
        let name = target(&job.call);
        let key = if let Call::Verb(verb) = &*job.call { verb.key.clone() } else { job.effect.key() };
        self.seen.lock().unwrap().push((name.clone(), key, job.attempt));
        let (turn, mut released) = (self.take(&name), self.released.subscribe());
        let (effect, attempt) = (job.effect, job.attempt);
        Box::pin(async move {
            let (value, cost) = match turn {
                Turn::Ok(value) => (value, None),
                Turn::Costs(value, cost) => (value, Some(cost.parse().unwrap())),
                Turn::Held(value) => {
                    released.wait_for(|released| *released).await.unwrap();
                    (value, None)
                }
                Turn::Silent => std::future::pending().await,
                Turn::Shut => {
                    let reason = "connector:desk is paused".to_owned();
                    return Event::EffectHeldBack { effect, attempt, reason };
                }
                Turn::Fail(class) => {
                    let message = "scripted".to_owned();
                    return Event::EffectFailed {
                        effect,
                        attempt,
                        class,
                        message,
                        retry_after: None,
                        cost: None,
                    };
                }
                Turn::Unknown => {
                    return Event::EffectUnknown {
                        effect,
                        attempt,
                        message: "scripted".to_owned(),
                        host_died: false,
                    };
                }
                Turn::Found(found) => {
                    let finding = found.map_or(Finding::DidNotHappen, Finding::Happened);
                    return Event::EffectProbed { effect, finding };
                }
            };
            Event::EffectSucceeded { effect, attempt, value, cost, provenance: Value::Null }
        })
    }

    fn worst_case(&self, _plan: &Plan, call: &Call) -> Worst {
        // An amount that is none is a mistake of ours, which must not spoil the script.
        let worst = *self.worst.lock().unwrap();
        match (call, worst) {
            (Call::Agent(_), Some(amount)) => Worst::AtMost(amount.parse::<Money>().unwrap()),
            _ => Worst::Nothing,
        }
    }

    fn notify(
        &self,
        plan: Arc<Plan>,
        notice: Notice,
        rule: Option<NotifyRule>,
    ) -> BoxFuture<'static, Result<(), NotifyFailure>> {
        self.plans.lock().unwrap().push(plan.company.name.clone());
        let to = rule.and_then(|rule| rule.to).unwrap_or_default();
        self.told.lock().unwrap().push((to.clone(), notice.id.clone()));
        if self.unreachable.lock().unwrap().contains(&to) {
            let message = "scripted".to_owned();
            return Box::pin(std::future::ready(Err(NotifyFailure {
                retry: true,
                is_held: false,
                after: None,
                message,
            })));
        }
        if *self.is_shut.lock().unwrap() {
            let message = "connector:mail is paused".to_owned();
            return Box::pin(std::future::ready(Err(NotifyFailure {
                retry: true,
                is_held: true,
                after: None,
                message,
            })));
        }
        if let after @ Some(_) = *self.full.lock().unwrap() {
            let message = "the rate of \"mail\" is used up".to_owned();
            return Box::pin(std::future::ready(Err(NotifyFailure {
                retry: true,
                is_held: true,
                after,
                message,
            })));
        }
        self.notices.lock().unwrap().push(notice);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Eight in the morning of a Monday in Berlin.
fn monday() -> Stamp {
    Stamp("2026-05-04T06:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// A process with its store and its outside.
struct World {
    journal: Arc<MemoryJournal>,
    clock: ManualClock,
    script: Arc<Script>,
    handle: Handle,
    /// How many calls of one connector may be under way at once.
    places: usize,
}

impl World {
    /// Opens a fresh world with a company in force.
    async fn with(more: &[(&str, &str)]) -> Self {
        let world = Self::on(MemoryJournal::new(), ManualClock::at(monday()), Script::new()).await;
        world.activate(company(more), "r1", None).await;
        world
    }

    async fn on(journal: MemoryJournal, clock: ManualClock, script: Arc<Script>) -> Self {
        Self::with_places(journal, clock, script, 64).await
    }

    /// Opens a process in which so many calls of one connector may be under way at once.
    async fn with_places(
        journal: MemoryJournal,
        clock: ManualClock,
        script: Arc<Script>,
        places: usize,
    ) -> Self {
        let journal = Arc::new(journal);
        let settings = Settings {
            journal: Arc::clone(&journal) as Arc<dyn Journal>,
            performer: Arc::clone(&script) as Arc<dyn Performer>,
            clock: Arc::new(clock.clone()),
            verbs: places,
            agents: 64,
            cache_bytes: 1 << 20,
        };
        let handle = Runtime::open(settings).await.expect("the runtime opens");
        Self { journal, clock, script, handle, places }
    }

    async fn activate(&self, plan: Arc<Plan>, revision: &str, expected: Option<&str>) {
        let activation = Activation {
            plan,
            revision: revision.to_owned(),
            expected: expected.map(str::to_owned),
            held: BTreeMap::new(),
            detail: Default::default(),
            story: None,
            by: "operator".to_owned(),
        };
        self.handle.activate(activation).await.expect("the revision is activated");
    }

    /// Kills the process and opens the next one on what was durable.
    async fn killed(self) -> Self {
        let left = self.journal.crash(0);
        Self::with_places(left, self.clock, self.script, self.places).await
    }

    async fn start(&self, playbook: &str, key: &str) -> Started {
        let wish =
            StartRun { playbook: playbook.to_owned(), key: Some(key.to_owned()), ..StartRun::default() };
        self.handle.start(wish).await.expect("the run starts")
    }

    /// Starts a run and lets everything come to rest.
    async fn ran(&self, playbook: &str, key: &str) -> RunView {
        let started = self.start(playbook, key).await;
        self.rest().await;
        self.run(&started.run).await
    }

    async fn run(&self, id: &str) -> RunView {
        self.handle.run(id).await.expect("the run is there")
    }

    /// Waits until nothing is under way.
    async fn rest(&self) {
        tokio::time::timeout(Duration::from_secs(20), self.handle.settled()).await.expect("it comes to rest");
    }

    async fn pass(&self, millis: u64) {
        self.clock.advance(millis);
        self.rest().await;
    }

    /// Waits for something that leaves work under way, without sleeping for a set time.
    async fn until(&self, what: impl Fn(&Script) -> bool) {
        let wait = async {
            while !what(&self.script) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it happens");
    }

    async fn gate(&self) -> GateView {
        let mut inbox = self.handle.inbox(PageWish::default()).await.expect("the inbox is readable").items;
        assert_eq!(inbox.len(), 1, "one gate waits: {inbox:?}");
        inbox.remove(0)
    }

    async fn dead(&self) -> Vec<DeadView> {
        self.handle.dead(PageWish::default()).await.expect("the list is readable").items
    }

    async fn sound(&self) {
        let audit = self.handle.audit().await.expect("the audit runs");
        assert!(audit.ok, "{audit:?}");
    }
}

fn decision(gate: &GateView, decision: Decision) -> GateDecided {
    GateDecided {
        gate: gate.id.clone(),
        digest: gate.digest.clone(),
        decision,
        reason: None,
        speaker: Speaker::Operator,
    }
}

fn approve(gate: &GateView) -> GateDecided {
    decision(gate, Decision::Approved { form: None })
}
