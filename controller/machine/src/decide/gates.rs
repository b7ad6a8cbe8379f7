//! Gates: opening them, deciding them, letting them lapse, asking again when what they showed has changed.

use std::collections::BTreeMap;

use adjutant_spec::{
    advice::Advice,
    plan::{Auto, Risk, Step, StepId, StepKind},
    schema::Schema,
    value::{Path, Template},
};
use serde_json::{Value, json};

use super::{Decider, Decision, ask::Wish, flow::Then};
use crate::{
    call::{Approval, Call, Notice},
    definition::Definition,
    event::{Decision as Answered, GateDecided, Labelled, TimerId},
    fact::Fact,
    id::EffectId,
    life::{
        Driven, Kind, Lifecycle,
        effect::EffectEvent,
        gate::{GateEvent, GateLife},
    },
    run::{
        Card, Coverage, CoveredCall, CoveredUndo, Decided, EffectPhase, Gate, GatePhase, GateSubject,
        Position, Wait,
    },
    sample,
    verdict::{First, Refusal, Verdict},
};

const HOUR: u64 = 3_600_000;

/// What a card is made of.
pub(super) struct CardDraft {
    pub(super) subject: GateSubject,
    pub(super) question: String,
    pub(super) risk: Risk,
    pub(super) why: String,
    pub(super) show: Vec<Path>,
    pub(super) effects: Vec<CoveredCall>,
    pub(super) expires: u64,
    pub(super) form: Option<Value>,
    pub(super) changed: BTreeMap<String, Value>,
    pub(super) resume: Option<StepId>,
}

/// An effect that is put before a person.
pub(super) struct Asked {
    /// What it will do.
    pub(super) call: CoveredCall,
    /// Why it is asked: a rule, or what the run is about to do.
    pub(super) why: String,
}

/// A call in words.
pub(super) struct Described {
    /// The verb's full name; of what is no verb, what stands for it.
    pub(super) verb: String,
    /// What it is called with.
    pub(super) args: Value,
}

/// The written part of a gate step.
pub(super) struct Written<'a> {
    question: &'a Template,
    show: &'a [Path],
    risk: Risk,
    expires: u64,
    pub(super) auto: Option<&'a Auto>,
    form: Option<&'a Value>,
}

fn written(step: &Step) -> Option<Written<'_>> {
    let StepKind::Gate { gate, show, risk, expires, auto, form } = &step.kind else { return None };
    let expires = expires.millis();
    Some(Written { question: gate, show, risk: *risk, expires, auto: auto.as_ref(), form: form.as_ref() })
}

impl<'a> Decider<'a> {
    /// Enters a gate step.
    pub(super) fn gate(&mut self, step: &'a Step) -> Then {
        let Some(gate) = written(step) else { return Then::Stop };
        if self.draft.run.only_observes() {
            let form = gate.form.map_or(Value::Null, sample::of);
            return self.pass(step, "observe", &form);
        }
        match self.passes(&gate) {
            Ok(false) => self.open_step_gate(step, "gate", BTreeMap::new(), None),
            Ok(true) => self.pass_covered(step),
            Err(message) => self.fail_step(&step.id, "error", message),
        }
    }

    pub(super) fn covered_calls(&self, gate: &str) -> Result<Vec<CoveredCall>, String> {
        let covered = self.def.covers.get(gate).into_iter().flatten();
        covered.map(|call| self.covered_call(&call.step)).collect()
    }

    pub(super) fn open_step_gate(
        &mut self,
        step: &'a Step,
        why: &str,
        changed: BTreeMap<String, Value>,
        resume: Option<StepId>,
    ) -> Then {
        let Some(gate) = written(step) else { return Then::Stop };
        let question = self.scope().text(gate.question).map_err(|error| error.to_string());
        let (question, effects) = match (question, self.covered_calls(&step.id)) {
            (Ok(question), Ok(effects)) => (question, effects),
            (Err(message), _) | (_, Err(message)) => return self.fail_step(&step.id, "error", message),
        };
        let id = self.open_gate(
            step,
            CardDraft {
                subject: GateSubject::Step,
                question,
                risk: gate.risk,
                why: why.to_owned(),
                show: gate.show.to_vec(),
                effects,
                expires: gate.expires,
                form: gate.form.cloned(),
                changed,
                resume,
            },
        );
        self.stop_at(step, Wait::Gate(id))
    }

    /// Opens the gate of a covered step again, because what it approved is not what would happen, or was used.
    pub(super) fn reopen(&mut self, gate: &str, wanted_by: &str, changed: BTreeMap<String, Value>) -> Then {
        let Some(step) = self.step(gate) else {
            return self.fail_step(
                wanted_by,
                "denied",
                format!("its gate \"{gate}\" is not in the playbook"),
            );
        };
        let reason = if changed.is_empty() { "used" } else { "what it showed has changed" };
        let covered: Vec<StepId> = self
            .draft
            .run
            .coverage
            .iter()
            .filter(|(_, held)| held.gate_step == gate)
            .map(|(id, _)| id.clone())
            .collect();
        for id in covered {
            self.supersede(&id);
            self.fact(Fact::CoverageLost { step: id, reason: reason.to_owned() });
        }
        self.open_step_gate(step, reason, changed, Some(wanted_by.to_owned()))
    }

    fn supersede(&mut self, covered: &str) {
        let Some(gate) = self.draft.run.coverage.get(covered).map(|held| held.gate.clone()) else { return };
        if self.draft.run.gates.contains_key(&gate) {
            self.move_gate(&gate, GateEvent::Supersede, None);
        }
    }

    /// Writes a gate down, arms its expiry and tells the operator.
    pub(super) fn open_gate(&mut self, step: &Step, ask: CardDraft) -> String {
        let number = self.draft.run.steps.get(&step.id).map_or(0, |state| state.gates) + 1;
        let id = format!("{}.{}.{number}", self.draft.run.id, step.id);
        let editable = if ask.subject == GateSubject::Step { ask.show.clone() } else { Vec::new() };
        let card = Card {
            step: step.id.clone(),
            question: ask.question,
            risk: ask.risk,
            why: ask.why,
            show: self.shown(&ask.show),
            effects: ask.effects,
            expires: self.draft.at().plus(ask.expires),
            form: ask.form,
            editable,
            changed: ask.changed,
        };
        let digest = self.digest(&step.id, number, &card);
        let (expires, title) = (card.expires, card.question.clone());
        let opened = self.draft.at();
        let (subject, phase, resume) = (ask.subject, GatePhase::Open, ask.resume);
        let gate = Gate { id: id.clone(), subject, card, digest, opened, phase, decided: None, resume };
        self.fact(Fact::GateOpened { gate: gate.into() });
        self.draft.set_timer(TimerId::Gate(id.clone()), expires);
        let action = Advice::Show(&id).into();
        let (topic, risk) = ("gate".to_owned(), Some(ask.risk));
        self.draft.notify(Notice { id: id.clone(), topic, risk, title, action });
        id
    }

    /// Puts an effect before a person.
    pub(super) fn propose(&mut self, step: &Step, wish: Wish, why: &str) -> EffectId {
        let gate = self.next_gate(step);
        let call = proposal(step, &wish);
        let effect = self.put(step, wish, EffectPhase::WaitingForApproval { gate });
        self.open_effect_gate(step, &effect, Asked { call, why: why.to_owned() });
        effect
    }

    pub(super) fn next_gate(&self, step: &Step) -> String {
        let number = self.draft.run.steps.get(&step.id).map_or(0, |state| state.gates) + 1;
        format!("{}.{}.{number}", self.draft.run.id, step.id)
    }

    /// Opens the gate of one effect.
    pub(super) fn open_effect_gate(&mut self, step: &Step, effect: &EffectId, asked: Asked) {
        let Asked { call, why } = asked;
        let risk = if call.effect.is_guarded() { Risk::High } else { Risk::Medium };
        self.open_gate(
            step,
            CardDraft {
                subject: GateSubject::Effect(effect.clone()),
                question: format!("{} by step \"{}\"?", call.verb, step.id),
                risk,
                why,
                show: Vec::new(),
                effects: vec![call],
                expires: expiry(risk),
                form: None,
                changed: BTreeMap::new(),
                resume: None,
            },
        );
    }

    /// Hands an event to a gate's life machine; returns what became of it.
    pub(super) fn move_gate(&mut self, id: &str, event: GateEvent, decided: Option<Decided>) -> Kind {
        let Some(gate) = self.draft.run.gates.get(id) else { return Kind::Refused };
        let Driven { state: phase, answer } = GateLife.drive(&gate.phase, &event);
        if phase != gate.phase {
            self.fact(Fact::GateMoved { gate: id.to_owned(), phase, decided });
            self.draft.clear_timer(&TimerId::Gate(id.to_owned()));
        }
        answer.kind
    }

    /// A person decides a gate.
    pub(super) fn decided(&mut self, answer: &GateDecided) -> Decision {
        let id = &answer.gate;
        let Some(gate) = self.draft.run.gates.get(id).cloned() else {
            return Err(Refusal::NoSuchGate { gate: id.clone() });
        };
        if let Some(first) = &gate.decided {
            return already(&gate, first, answer);
        }
        if gate.phase != GatePhase::Open {
            return Err(self.closed(&gate));
        }
        if gate.digest != answer.digest {
            let (shown, found) = (answer.digest.clone(), gate.digest.clone());
            return Err(Refusal::StaleDigest { gate: id.clone(), shown, found });
        }
        match &answer.decision {
            Answered::Denied => self.close_gate(&gate, answer, GateEvent::Deny),
            Answered::Approved { form } => {
                check_form(self.def, &gate, form.as_ref())?;
                self.close_gate(&gate, answer, GateEvent::Approve)
            }
            Answered::Edited { values } => {
                // Whoever goes on reads the form, so an edit alone is no answer.
                check_form(self.def, &gate, None)?;
                self.edit(&gate, values, answer.speaker)?;
                self.close_gate(&gate, answer, GateEvent::Edit)
            }
        }
    }

    fn closed(&self, gate: &Gate) -> Refusal {
        let later = self.draft.run.gates.values().filter(|other| other.card.step == gate.card.step);
        let instead =
            later.filter(|other| other.phase == GatePhase::Open).map(|other| other.id.clone()).next();
        let phase = gate.phase.outcome().unwrap_or("superseded").to_owned();
        Refusal::GateClosed { gate: gate.id.clone(), phase, instead }
    }

    /// Writes the decision down and lets whoever asked go on.
    fn close_gate(&mut self, gate: &Gate, answer: &GateDecided, event: GateEvent) -> Decision {
        let approved = match event {
            GateEvent::Edit => self.digest_after_edit(gate)?,
            _ => gate.digest.clone(),
        };
        let decided = Decided {
            decision: answer.decision.clone(),
            by: self.draft.envelope.by.clone(),
            at: self.draft.at(),
            reason: answer.reason.clone(),
            digest: gate.digest.clone(),
            approved,
            speaker: answer.speaker,
        };
        self.move_gate(&gate.id, event, Some(decided));
        self.after_gate(&gate.id)?;
        Ok(Verdict::Applied)
    }

    /// A gate's time is over.
    pub(super) fn gate_lapsed(&mut self, id: &str) -> Decision {
        if self.move_gate(id, GateEvent::Expire, None) != Kind::Taken {
            return Ok(Verdict::Stale);
        }
        self.after_gate(id)?;
        Ok(Verdict::Applied)
    }

    /// Lets whoever asked go on with the answer.
    fn after_gate(&mut self, id: &str) -> Result<(), Refusal> {
        let Some(gate) = self.draft.run.gates.get(id).cloned() else { return Ok(()) };
        match &gate.subject {
            GateSubject::Step => self.after_step_gate(&gate),
            GateSubject::Agent(_) => {
                self.after_agent_gate(&gate);
                Ok(())
            }
            GateSubject::Effect(effect) => self.after_effect_gate(&gate, &effect.clone()),
        }
    }

    fn after_step_gate(&mut self, gate: &Gate) -> Result<(), Refusal> {
        let Some(step) = self.step(&gate.card.step) else { return Ok(()) };
        let outcome = gate.phase.outcome().unwrap_or("withdrawn");
        let is_yes = matches!(gate.phase, GatePhase::Approved | GatePhase::Edited);
        if is_yes {
            self.cover(gate)?;
        }
        // What a person fills in is trusted as that person is.
        let mut value = Labelled::ours(result(gate, outcome, self.draft.at()));
        value.labels =
            gate.decided.as_ref().map_or(value.labels, |decided| decided.speaker.cap(value.labels));
        let then = self.end_step(step, outcome, Some(value));
        match &gate.resume {
            Some(resume) if is_yes && then != Then::Stop => self.again(resume),
            _ => self.follow(then),
        }
        Ok(())
    }

    /// Takes a step again that waited for its gate to be opened once more: that visit had done nothing.
    fn again(&mut self, step: &StepId) {
        self.fact(Fact::VisitReturned { step: step.clone() });
        self.walk(step.clone());
    }

    /// Writes the approved payload of every covered step down.
    fn cover(&mut self, gate: &Gate) -> Result<(), Refusal> {
        let invalid = |problem| Refusal::Invalid { path: gate.card.step.clone(), problem };
        let Some(decided) = gate.decided.clone() else { return Ok(()) };
        let calls = self.covered_calls(&gate.card.step).map_err(invalid)?;
        let shown: BTreeMap<Path, Value> =
            self.shown(&gate.card.editable).into_iter().map(|(path, shown)| (path, shown.value)).collect();
        for call in calls {
            let coverage = Coverage {
                gate: gate.id.clone(),
                gate_step: gate.card.step.clone(),
                digest: decided.approved.clone(),
                by: decided.by.clone(),
                raises_trust: true,
                args: call.args,
                undo: call.undo,
                shown: shown.clone(),
            };
            self.fact(Fact::Covered { step: call.step, coverage: coverage.into() });
        }
        Ok(())
    }

    fn after_effect_gate(&mut self, gate: &Gate, effect: &EffectId) -> Result<(), Refusal> {
        let event = match &gate.decided {
            Some(decided) if gate.phase == GatePhase::Approved => {
                let (by, digest) = (decided.by.clone(), decided.approved.clone());
                let approval = Approval { gate: gate.id.clone(), digest, by };
                self.fact(Fact::EffectApproved { effect: effect.clone(), approval });
                self.rest_on_records(effect);
                EffectEvent::Approve
            }
            _ => EffectEvent::Deny {
                denial: crate::event::Denial::Policy,
                message: format!("gate \"{}\" was {}", gate.id, gate.phase.outcome().unwrap_or("closed")),
            },
        };
        self.drive_effect(effect, &event, None)?;
        Ok(())
    }

    /// Stands at a gate that an agent step opened.
    pub(super) fn stand_at_gate(&mut self, step: &Step, gate: String) {
        let visit = self.draft.run.steps.get(&step.id).map_or(1, |state| state.visits);
        let (since, wait) = (self.draft.at(), Wait::Gate(gate));
        self.stand(Some(Position { step: step.id.clone(), visit, since, wait }));
    }
}

/// Answers a decision on a gate that has one.
fn already(gate: &Gate, first: &Decided, second: &GateDecided) -> Decision {
    if first.decision == second.decision {
        return Ok(Verdict::Duplicate { first: Some(First { by: first.by.clone(), at: first.at }) });
    }
    let decision = match first.decision {
        Answered::Approved { .. } => "approved",
        Answered::Edited { .. } => "edited",
        Answered::Denied => "denied",
    };
    let (gate, decision) = (gate.id.clone(), decision.to_owned());
    Err(Refusal::Conflict { gate, decision, by: first.by.clone(), at: first.at })
}

fn check_form(def: &Definition, gate: &Gate, form: Option<&Value>) -> Result<(), Refusal> {
    let Some(schema) = &gate.card.form else { return Ok(()) };
    let Some(form) = form else { return Err(Refusal::FormMissing { gate: gate.id.clone() }) };
    // What the card shows is what the bundle says; a card of any other step brings its own form.
    let mismatch = match def.form_of(&gate.card.step) {
        Some(ready) => ready.first_mismatch(form),
        None => Schema::new(schema).first_mismatch(form),
    };
    match mismatch {
        None => Ok(()),
        Some(mismatch) => {
            Err(Refusal::Invalid { path: format!("form{}", mismatch.path), problem: mismatch.problem })
        }
    }
}

/// Returns the result fields of a gate step.
fn result(gate: &Gate, outcome: &str, at: crate::id::Stamp) -> Value {
    let decided = gate.decided.as_ref();
    let form = match decided.map(|decided| &decided.decision) {
        Some(Answered::Approved { form: Some(form) }) => form.clone(),
        _ => Value::Null,
    };
    json!({
        "decision": outcome,
        "by": decided.map_or("timer", |decided| decided.by.as_str()),
        "at": at,
        "reason": decided.and_then(|decided| decided.reason.clone()),
        "form": form,
    })
}

/// Returns how long a person has by risk.
fn expiry(risk: Risk) -> u64 {
    match risk {
        Risk::Low => 168 * HOUR,
        Risk::Medium => 72 * HOUR,
        Risk::High => 24 * HOUR,
    }
}

/// Returns what a proposed effect will do, as its card shows it.
fn proposal(step: &Step, wish: &Wish) -> CoveredCall {
    let Described { verb, args } = described(&wish.call);
    let undo: Option<CoveredUndo> = None;
    CoveredCall { step: step.id.clone(), verb, effect: wish.effect, args, labels: wish.labels, undo }
}

/// Returns the verb and arguments of a call, as a card shows them.
pub(super) fn described(call: &Call) -> Described {
    match call {
        Call::Verb(call) => Described { verb: call.verb.clone(), args: call.args.clone() },
        Call::RecordWrite { record, key, value, .. } => Described {
            verb: super::payload::RECORD_WRITE.to_owned(),
            args: json!({ "record": record, "key": key, "value": value }),
        },
        Call::Agent(call) => Described { verb: format!("agent {}", call.agent), args: call.input.clone() },
        other => Described { verb: "effect".to_owned(), args: json!(other) },
    }
}
