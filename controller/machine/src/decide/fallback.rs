//! The person who stands in for a model: an agent step becomes a gate whose form is the output schema.

use std::collections::BTreeMap;

use adjutant_spec::plan::{AgentContract, Fallback, Risk, Step, StepKind};
use serde_json::Value;

use super::{
    Decider,
    flow::{Then, Trouble},
    gates::CardDraft,
};
use crate::{
    event::{Decision as Answered, Labelled},
    evolve::raised,
    id::EffectId,
    run::{Gate, GatePhase, GateSubject},
};

impl<'a> Decider<'a> {
    /// An agent gave no answer: a person stands in, where the contract says so.
    pub(super) fn without_agent(&mut self, step: &'a Step, effect: &EffectId, trouble: Trouble<'_>) -> Then {
        let Trouble { outcome, message } = trouble;
        let contract = self.contract_of(step).filter(|contract| contract.fallback == Fallback::Operator);
        // A run that only observes must not wait for a person about nothing.
        let Some(contract) = contract.filter(|_| !self.draft.run.only_observes()) else {
            return self.trouble(step, outcome, message);
        };
        let StepKind::Agent { agent, .. } = &step.kind else { return Then::Stop };
        let ask = CardDraft {
            subject: GateSubject::Agent(effect.clone()),
            question: asked_of(agent, &message),
            risk: Risk::Low,
            why: message,
            show: self.inputs_read(step),
            effects: Vec::new(),
            expires: contract.fallback_expires.millis(),
            form: Some(contract.output.clone()),
            changed: BTreeMap::new(),
            resume: None,
        };
        let gate = self.open_gate(step, ask);
        self.stand_at_gate(step, gate);
        Then::Stop
    }

    fn contract_of(&self, step: &Step) -> Option<&'a AgentContract> {
        let StepKind::Agent { agent, .. } = &step.kind else { return None };
        self.def.agents.get(agent)
    }

    /// Returns the paths that the agent would have read: they are what the person needs to see.
    fn inputs_read(&self, step: &Step) -> Vec<String> {
        let StepKind::Agent { with, .. } = &step.kind else { return Vec::new() };
        let reads: std::collections::BTreeSet<_> =
            with.values().flat_map(adjutant_spec::value::Arg::reads).collect();
        reads.into_iter().collect()
    }

    /// The person answered for the model, refused, or let it lapse.
    pub(super) fn after_agent_gate(&mut self, gate: &Gate) {
        let Some(step) = self.step(&gate.card.step) else { return };
        let form = match gate.decided.as_ref().map(|decided| &decided.decision) {
            Some(Answered::Approved { form: Some(form) }) if gate.phase == GatePhase::Approved => {
                Some(form.clone())
            }
            _ => None,
        };
        let then = match (gate.phase, form) {
            (_, Some(value)) => self.end_step(step, "ok", Some(self.stood_in(gate, value))),
            (GatePhase::Denied, None) => {
                self.trouble(step, "refused", format!("gate \"{}\" was denied", gate.id))
            }
            _ => self.trouble(step, "error", format!("nobody answered gate \"{}\" in time", gate.id)),
        };
        self.follow(then);
    }

    /// What a person filled in is theirs, as far as that person is trusted; it stays as private as what they read.
    fn stood_in(&self, gate: &Gate, value: Value) -> Labelled {
        let GateSubject::Agent(effect) = &gate.subject else { return Labelled::ours(value) };
        let speaker = gate.decided.as_ref().map(|decided| decided.speaker).unwrap_or_default();
        let labels = self.draft.run.effects.get(effect).map(|state| speaker.cap(raised(state.labels)));
        Labelled { value, labels: labels.unwrap_or_default() }
    }

    /// Judges an agent's answer by the confidence that it gives itself.
    pub(super) fn agent_answered(&mut self, step: &'a Step, answer: Labelled) -> Then {
        let least = self.contract_of(step).and_then(|contract| contract.confidence);
        let given = answer.value.get("confidence").and_then(Value::as_f64);
        let is_low = matches!((least, given), (Some(least), Some(given)) if given < least);
        let outcome = if is_low { "low_confidence" } else { "ok" };
        self.end_step(step, outcome, Some(answer))
    }
}

/// Says what went wrong: nobody answered, or somebody did and it cannot be used.
fn asked_of(agent: &str, message: &str) -> String {
    if message.contains("broke its contract") {
        return format!("The model's answer for \"{agent}\" cannot be used: what is the answer?");
    }
    format!("No model answered for \"{agent}\": what is the answer?")
}
