//! Words that the tests of the machine share: companies, hosts, answers.

#![allow(dead_code, reason = "each test binary uses some of the words")]

pub(crate) mod calls;
pub(crate) mod desk;

use std::sync::Arc;

use adjutant_machine::{
    Refusal, Verdict,
    call::{Call, Perform},
    event::{Decision, ErrorClass, Event, GateDecided},
    id::EffectId,
    run::{Gate, Run},
    trust::Speaker,
};
use adjutant_sim::{MemoryHost, companies::started};
use adjutant_spec::{
    plan::{Plan, Stage},
    value::{Labels, Privacy, Trust},
};
use serde_json::Value;

/// A host with one run of one playbook.
pub(crate) struct World {
    pub(crate) host: MemoryHost,
    pub(crate) run: String,
}

impl World {
    /// Starts a run; inputs come from outside.
    pub(crate) fn start(plan: &Plan, playbook: &str, inputs: &[(&str, Value)]) -> Self {
        Self::start_at(plan, (playbook, Stage::Act), inputs)
    }

    /// Starts a run at a stage.
    pub(crate) fn start_at(plan: &Plan, (playbook, stage): (&str, Stage), inputs: &[(&str, Value)]) -> Self {
        let outside = Labels { trust: Trust::External, privacy: Privacy::Client };
        Self::start_labelled(plan, (playbook, stage), inputs, outside)
    }

    /// Starts a run at a stage with inputs of these labels.
    pub(crate) fn start_labelled(
        plan: &Plan,
        (playbook, stage): (&str, Stage),
        inputs: &[(&str, Value)],
        labels: Labels,
    ) -> Self {
        let mut host = MemoryHost::seeded(7);
        for bundle in plan.bundles.values() {
            host.define(Arc::clone(bundle));
        }
        let mut started = started(&plan.bundles[playbook], stage, inputs);
        started.input.values_mut().for_each(|input| input.labels = labels);
        let run = started.run.clone();
        let mut world = Self { host, run };
        assert_eq!(world.host.start(started), Ok(Verdict::Applied));
        world
    }

    /// Returns the run.
    pub(crate) fn state(&self) -> &Run {
        self.host.run(&self.run).expect("it started")
    }

    /// Returns the step where the run stands.
    pub(crate) fn at(&self) -> &str {
        self.state().position.as_ref().map_or(self.state().status(), |position| &position.step)
    }

    /// Sends an event that must not break a law.
    pub(crate) fn send(&mut self, by: &str, event: Event) -> Verdict {
        let run = self.run.clone();
        self.host.send(&run, by, event).unwrap_or_else(|broken| panic!("{broken}"))
    }

    /// Returns the only effect in the outbox.
    pub(crate) fn waiting(&self) -> Perform {
        let rows: Vec<&Perform> = self.host.outbox.values().collect();
        assert_eq!(rows.len(), 1, "one effect waits at {}: {rows:#?}", self.at());
        rows[0].clone()
    }

    /// Leases the only effect in the outbox.
    pub(crate) fn lease(&mut self) -> Perform {
        let effect = self.waiting().effect;
        let leased = self.host.lease(&effect).unwrap_or_else(|broken| panic!("{broken}"));
        leased.expect("the lease is granted")
    }

    /// Leases the only effect and answers it.
    pub(crate) fn answer(&mut self, value: Value) -> Perform {
        let perform = self.lease();
        assert_eq!(self.succeed(&perform, value), Verdict::Applied);
        perform
    }

    /// Answers a leased effect.
    pub(crate) fn succeed(&mut self, perform: &Perform, value: Value) -> Verdict {
        let (effect, attempt) = (perform.effect.clone(), perform.attempt);
        self.send(
            "host",
            Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null },
        )
    }

    /// Fails a leased effect.
    pub(crate) fn fail(&mut self, perform: &Perform, class: ErrorClass) -> Verdict {
        let (effect, attempt) = (perform.effect.clone(), perform.attempt);
        let message = "as the test wishes".to_owned();
        self.send(
            "host",
            Event::EffectFailed { effect, attempt, class, message, retry_after: None, cost: None },
        )
    }

    /// Loses a leased effect.
    pub(crate) fn lose(&mut self, perform: &Perform) -> Verdict {
        let (effect, attempt) = (perform.effect.clone(), perform.attempt);
        self.send(
            "host",
            Event::EffectUnknown {
                effect,
                attempt,
                message: "the answer was lost".to_owned(),
                host_died: false,
            },
        )
    }

    /// Returns the only open gate.
    pub(crate) fn gate(&self) -> Gate {
        let gates: Vec<&Gate> = self.state().open_gates().collect();
        assert_eq!(gates.len(), 1, "one gate is open at {}: {gates:#?}", self.at());
        gates[0].clone()
    }

    /// Decides the only open gate.
    pub(crate) fn decide(&mut self, decision: Decision) -> Verdict {
        let gate = self.gate();
        self.decide_gate(&gate, decision)
    }

    /// Decides a gate as its card shows it.
    pub(crate) fn decide_gate(&mut self, gate: &Gate, decision: Decision) -> Verdict {
        let (gate, digest) = (gate.id.clone(), gate.digest.clone());
        self.send(
            "operator",
            Event::GateDecided(Box::new(GateDecided {
                gate,
                digest,
                decision,
                reason: None,
                speaker: Speaker::Operator,
            })),
        )
    }

    /// Approves the only open gate.
    pub(crate) fn approve(&mut self) {
        assert_eq!(self.decide(Decision::Approved { form: None }), Verdict::Applied);
    }

    /// Lets the earliest timer fire.
    pub(crate) fn fire(&mut self) {
        assert!(self.host.fire_next().unwrap_or_else(|broken| panic!("{broken}")), "a timer is stored");
    }

    /// Returns the refusal of a verdict.
    pub(crate) fn refusal(verdict: Verdict) -> Refusal {
        match verdict {
            Verdict::Refused(refusal) => refusal,
            other => panic!("it was not refused but {other:?}"),
        }
    }
}

/// Returns the verb of a call, else what it is.
pub(crate) fn verb(perform: &Perform) -> String {
    match &*perform.call {
        Call::Verb(call) => call.verb.clone(),
        Call::Probe { probe, .. } => format!("probe {probe}"),
        Call::FindChild { .. } => "find child".to_owned(),
        Call::Agent(call) => format!("agent {}", call.agent),
        Call::Route { route, .. } => format!("route {route}"),
        Call::RecordRead { .. } | Call::RecordList { .. } => "record.read".to_owned(),
        Call::RecordWrite { .. } => "record.write".to_owned(),
        Call::StartRun { playbook, .. } => format!("run {playbook}"),
        Call::Signal { signal, .. } => format!("signal {signal}"),
    }
}

/// Returns the arguments of a verb call.
pub(crate) fn args(perform: &Perform) -> Value {
    match &*perform.call {
        Call::Verb(call) => call.args.clone(),
        other => panic!("no verb is called: {other:?}"),
    }
}

/// Returns the effect id of a text.
pub(crate) fn effect(text: &str) -> EffectId {
    text.parse().expect("an effect id")
}
