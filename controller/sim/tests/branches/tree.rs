//! A run with its branches, and a world that does what the test says.

use std::sync::Arc;

use adjutant_machine::{
    Verdict,
    call::{Call, Perform},
    event::{BranchEnded, Decision, Event, GateDecided, RunStarted},
    fact::Fact,
    id::{EffectId, Stamp},
    run::Run,
    trust::Speaker,
};
use adjutant_sim::{Company, Many, MemoryHost};
use adjutant_spec::plan::{Fragment, StepKind};
use serde_json::{Value, json};

/// A run with its branches.
pub(crate) struct Tree {
    host: MemoryHost,
    root: String,
    acts: Vec<(String, String)>,
}

impl Tree {
    /// Starts a run that digs; its first act is done.
    pub(crate) fn digs(places: &[Value], many: Many) -> Self {
        Self::of(&Company::digs(places, many))
    }

    /// Starts a company's run, and does its first act.
    pub(crate) fn of(company: &Company) -> Self {
        let mut tree = Self::standing(company);
        let root = tree.root.clone();
        // Where it stands in a queue its turn comes with the first look.
        tree.settle();
        tree.act(&root);
        tree
    }

    /// Starts a company's run, and delivers nothing.
    pub(crate) fn standing(company: &Company) -> Self {
        let mut host = MemoryHost::seeded(3);
        for bundle in company.plan.bundles.values() {
            host.define(Arc::clone(bundle));
        }
        let started = company.started(1);
        let mut tree = Self { host, root: started.run.clone(), acts: Vec::new() };
        assert_eq!(tree.host.start(started), Ok(Verdict::Applied));
        tree
    }

    pub(crate) fn host(&self) -> &MemoryHost {
        &self.host
    }

    pub(crate) fn root(&self) -> &Run {
        self.run(&self.root)
    }

    pub(crate) fn run(&self, id: &str) -> &Run {
        self.host.run(id).unwrap_or_else(|| panic!("{id} never began: {:?}", self.host.runs.keys()))
    }

    pub(crate) fn status(&self, id: &str) -> &'static str {
        self.run(id).status()
    }

    /// Returns the names of all branches that began, in order.
    pub(crate) fn branches(&self) -> Vec<String> {
        self.host.runs.keys().filter(|id| id.contains('~')).cloned().collect()
    }

    /// Delivers what runs told each other.
    pub(crate) fn settle(&mut self) {
        self.host.deliver_post().unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// Sends an event and returns what became of it.
    pub(crate) fn verdict(&mut self, run: &str, event: Event) -> Verdict {
        self.host.send(run, "operator", event).unwrap_or_else(|broken| panic!("{broken}"))
    }

    /// Sends an event that is taken, and lets everybody hear of it.
    pub(crate) fn send(&mut self, run: &str, event: Event) {
        assert_eq!(self.verdict(run, event), Verdict::Applied);
        self.settle();
    }

    pub(crate) fn cancel(&mut self, run: &str) {
        self.send(run, Event::RunCancelled { reason: "not wanted".to_owned() });
    }

    /// Takes up the next effect of a run.
    pub(crate) fn take(&mut self, run: &str) -> Perform {
        let next = self
            .ready(run)
            .unwrap_or_else(|| panic!("{run} waits for nothing: {:?}", self.run(run).position));
        let leased = self.host.lease(&next).unwrap_or_else(|broken| panic!("{broken}"));
        leased.expect("the lease is granted")
    }

    fn ready(&self, run: &str) -> Option<EffectId> {
        self.host.outbox.keys().find(|effect| effect.run == run).cloned()
    }

    /// Answers what was taken up: it happened.
    pub(crate) fn answer(&mut self, perform: &Perform) {
        let (effect, attempt) = (perform.effect.clone(), perform.attempt);
        let Call::Verb(call) = &*perform.call else { panic!("no verb: {:?}", perform.call) };
        self.acts.push((effect.run.clone(), call.verb.clone()));
        let (run, value) = (effect.run.clone(), json!({ "id": effect.run }));
        let event = Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null };
        assert_eq!(self.host.send(&run, "host", event), Ok(Verdict::Applied));
    }

    /// Does everything that a run wants now, and tells the verbs.
    pub(crate) fn act(&mut self, run: &str) -> Vec<String> {
        let mut verbs = Vec::new();
        if let Some(effect) = self.ready(run) {
            let leased = self.host.lease(&effect).unwrap_or_else(|broken| panic!("{broken}"));
            let perform = leased.expect("the lease is granted");
            self.answer(&perform);
            verbs.extend(self.acts.last().map(|(_, verb)| verb.clone()));
        }
        self.settle();
        verbs
    }

    /// Does what a run wants, again and again, until it wants nothing.
    pub(crate) fn finish(&mut self, run: &str) {
        self.settle();
        loop {
            if !self.act(run).is_empty() {
                continue;
            }
            // A wait is over at once; nothing else of a test has a timer that matters.
            let waits = self
                .host
                .timers
                .keys()
                .find(|(of, timer)| of == run && timer.to_string().starts_with("the wait"));
            let Some((_, timer)) = waits.cloned() else { return };
            let at = self.host.timers[&(run.to_owned(), timer.clone())];
            self.wait_until(at);
            self.send(run, Event::TimerFired { timer });
        }
    }

    /// Lets time pass.
    pub(crate) fn wait_until(&mut self, moment: Stamp) {
        self.host.now = self.host.now.max(moment);
    }

    /// Approves the open gate of a run.
    pub(crate) fn approve(&mut self, run: &str) {
        let gate = self.run(run).open_gates().next().expect("a gate is open").clone();
        let decision = Decision::Approved { form: None };
        let (gate, digest) = (gate.id, gate.digest);
        let decided = GateDecided { gate, digest, decision, reason: None, speaker: Speaker::Operator };
        self.send(run, Event::GateDecided(Box::new(decided)));
    }

    /// Returns what took something back for a run, in order.
    pub(crate) fn undone(&self, run: &str) -> Vec<String> {
        let undos = ["desk.erase", "desk.unmark", "desk.unbook"];
        acted(self, run).into_iter().filter(|verb| undos.contains(&verb.as_str())).collect()
    }

    fn posted(&self, by: &str, is_meant: impl Fn(&Event) -> bool) -> Event {
        let facts = self.host.runs[by].log.iter().flat_map(|entry| &entry.facts);
        let mut posts = facts.filter_map(|fact| match fact {
            Fact::Posted { event, .. } if is_meant(event) => Some((**event).clone()),
            _ => None,
        });
        posts.next().unwrap_or_else(|| panic!("{by} told no such thing"))
    }

    /// Returns what a branch told its parent when it ended.
    pub(crate) fn end_of(&self, branch: &str) -> BranchEnded {
        match self.posted(branch, |event| matches!(event, Event::BranchEnded(_))) {
            Event::BranchEnded(ended) => *ended,
            other => panic!("{other:?}"),
        }
    }

    /// Returns what a branch was told to begin with.
    pub(crate) fn start_of(&self, branch: &str) -> RunStarted {
        let is_meant = |event: &Event| matches!(event, Event::RunStarted(started) if started.run == branch);
        match self.posted(&self.root, is_meant) {
            Event::RunStarted(started) => *started,
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the verbs that were done for a run, in order.
pub(crate) fn acted(tree: &Tree, run: &str) -> Vec<String> {
    tree.acts.iter().filter(|(of, _)| of == run).map(|(_, verb)| verb.clone()).collect()
}

/// Returns so many good places.
pub(crate) fn places(count: usize) -> Vec<Value> {
    ended(&vec![false; count])
}

/// Returns places, good and bad.
pub(crate) fn ended(bad: &[bool]) -> Vec<Value> {
    bad.iter().enumerate().map(|(at, bad)| json!({ "name": format!("place {at}"), "bad": bad })).collect()
}

/// Returns a company whose items hold items, so many levels deep; nothing in them acts.
pub(crate) fn nested(levels: usize) -> Company {
    let mut company = Company::digs(&places(1), Many { max_parallel: 1, min_ok: None });
    company.change(|playbook| {
        let step = playbook.steps.iter_mut().find(|step| step.id == "dig").expect("it is there");
        let StepKind::Each { items, body, .. } = &step.kind else { panic!("it has items") };
        let (items, done) = (items.clone(), body.steps.iter().find(|step| step.id == "dig-done").cloned());
        let done = done.expect("it is there");
        let inputs = [("places".to_owned(), adjutant_spec::value::Arg::Template(items.clone()))];
        let mut steps = vec![done.clone()];
        for level in (1..levels).rev() {
            let inner = Fragment { inputs: inputs.clone().into(), steps };
            let mut holder = step.clone();
            holder.id = format!("dig-{level}");
            holder.next = Some(format!("end-{level}"));
            holder.kind = StepKind::Each {
                budget: None,
                items: items.clone(),
                item: "item".to_owned(),
                max_items: 1,
                max_parallel: 1,
                min_ok: None,
                body: inner,
            };
            let mut end = done.clone();
            end.id = format!("end-{level}");
            steps = vec![holder, end];
        }
        let StepKind::Each { body, .. } = &mut step.kind else { panic!("it has items") };
        *body = Fragment { inputs: inputs.into(), steps };
    });
    company
}
