//! What steps were answered, in the order in which they asked.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_machine::{
    branch::BranchId,
    call::Call,
    event::{Decision, Denial, Envelope, Event, Finding, Settlement, TimerId},
    fact::Fact,
    id::{EffectId, Stamp},
    life::mailbox::SignalCame,
    run::{EffectState, Gate, GatePhase, Run},
};
use adjutant_spec::{
    plan::{
        Id, Idempotency, StepId,
        scenario::{Answer, BranchOf, Reply},
    },
    value::Period,
};
use serde_json::{Value, json};

use crate::{
    recorded::{Moment, Recorded},
    scenario::{changes_nothing, is_undo, word_of},
};

/// What an effect is, as far as its answers need it.
struct Asking {
    playbook: Id,
    step: StepId,
    undo: bool,
    call: Call,
    timeout: u64,
    /// The attempt that is out.
    leased: Option<Place>,
    /// When the last attempt came to its end: since then it is in doubt or dead, where it is.
    over: Option<Stamp>,
}

/// A place among the answers that is kept free until the answer is known.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    asked: Stamp,
}

/// A step that waits for a signal.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    run: String,
    step: StepId,
}

/// The answers that the logs of a run tell of.
pub(super) struct Answers<'a> {
    recorded: &'a Recorded,
    began: Stamp,
    effects: BTreeMap<EffectId, Asking>,
    gates: BTreeMap<String, (StepId, Place)>,
    waits: BTreeMap<Waiting, Place>,
    /// The answers in their order; nothing where none came.
    rows: Vec<Option<Answer>>,
    /// How many there were when the run came to the step where it stands.
    stood: usize,
    /// The signals that came from outside, by mailbox and number.
    signals: BTreeSet<(String, u64)>,
    /// How long after the begin the run was cancelled.
    pub(super) cancel: Option<u64>,
    /// What happened and is not played.
    pub(super) unplayed: Vec<String>,
}

impl<'a> Answers<'a> {
    pub(super) fn of(recorded: &'a Recorded) -> Self {
        Self {
            recorded,
            began: recorded.root.run.started_at,
            effects: BTreeMap::new(),
            gates: BTreeMap::new(),
            waits: BTreeMap::new(),
            rows: Vec::new(),
            stood: 0,
            signals: BTreeSet::new(),
            cancel: None,
            unplayed: Vec::new(),
        }
    }

    /// Takes one entry: first what its event answers, then what its facts ask.
    pub(super) fn take(&mut self, moment: Moment<'_>) {
        let (run, at) = (&moment.of.run, moment.entry().envelope.at);
        self.event(moment, run, at);
        for fact in &moment.entry().facts {
            self.fact(run, at, fact);
        }
    }

    fn fact(&mut self, run: &Run, at: Stamp, fact: &Fact) {
        match fact {
            Fact::EffectAsked { effect, state } => self.asks(run, effect, state),
            Fact::GateOpened { gate } => self.opens(gate, at),
            // Nobody decided it, and nobody will: it lapsed, or what it was for is over.
            Fact::GateMoved {
                gate,
                phase: GatePhase::Expired | GatePhase::Withdrawn | GatePhase::Superseded,
                ..
            } => self.decided(run, gate, at, outcome("expired")),
            Fact::StepStarted { step, .. } => {
                if run.id == self.recorded.root.run.id {
                    self.stood = self.rows.len();
                }
                let place = self.keep_free(at);
                self.waits.insert(Waiting { run: run.id.clone(), step: step.clone() }, place);
            }
            _ => {}
        }
    }

    fn asks(&mut self, run: &Run, effect: &EffectId, state: &EffectState) {
        let Some(call) = state.call.as_deref() else { return };
        let undo = is_undo(call);
        let (step, timeout) = (state.step.clone(), state.timeout);
        let playbook = run.playbook.clone();
        let asking = Asking { playbook, step, undo, call: call.clone(), timeout, leased: None, over: None };
        self.effects.insert(effect.clone(), asking);
    }

    fn opens(&mut self, gate: &Gate, at: Stamp) {
        let place = self.keep_free(at);
        self.gates.insert(gate.id.clone(), (gate.card.step.clone(), place));
    }

    /// Returns the answers in their order. A play that stops at a step does not ask what was answered since the run came there.
    pub(super) fn rows(&mut self, until: Option<&StepId>) -> Vec<Answer> {
        if until.is_some() {
            self.rows.truncate(self.stood);
        }
        std::mem::take(&mut self.rows).into_iter().flatten().collect()
    }

    fn keep_free(&mut self, asked: Stamp) -> Place {
        self.rows.push(None);
        Place { row: self.rows.len() - 1, asked }
    }

    /// Takes what became of an effect.
    fn effect(&mut self, moment: Moment<'_>, at: Stamp) {
        let entry = moment.entry();
        match &entry.envelope.event {
            Event::EffectLeased { effect, .. } => {
                let place = self.keep_free(at);
                if let Some(asking) = self.effects.get_mut(effect) {
                    asking.leased = Some(place);
                }
            }
            Event::EffectSucceeded { effect, value, .. } if self.is_late(effect, &entry.facts) => {
                self.came_late(effect, value);
            }
            Event::EffectSucceeded { effect, value, .. } => {
                self.succeeded(moment, effect, value);
            }
            Event::EffectFailed { effect, class, .. } => {
                self.reply(effect, at, Reply::Error(word_of(*class).to_owned()));
            }
            Event::EffectUnknown { effect, host_died, .. } => self.lost(effect, at, *host_died),
            Event::EffectProbed { effect, finding } => self.probed(effect, at, finding),
            Event::EffectSettled { effect, settlement, .. } => self.settled(effect, at, settlement),
            // What a rule of the company denies it denies in a play too; money is not played.
            Event::EffectDenied { effect, denial: Denial::Budget, .. } => {
                let is_agent =
                    self.effects.get(effect).is_some_and(|asking| matches!(asking.call, Call::Agent(_)));
                let word = if is_agent { "over_budget" } else { "denied" };
                self.answer(effect, outcome(word));
            }
            Event::TimerFired { timer: TimerId::Lease(effect, _) } if !entry.facts.is_empty() => {
                let timeout = self.effects.get(effect).map(|asking| asking.timeout);
                self.is_over(effect, at);
                if let (Some(timeout), Some(place)) = (timeout, self.leased(effect)) {
                    self.put(effect, place, period(timeout), Reply::Error("unknown".to_owned()));
                }
            }
            Event::ChildEnded { effect, status, output, run: child } => {
                self.child_ended(effect, Ended { at, status, output, child: child.as_deref() });
            }
            _ => {}
        }
    }

    /// Takes what people decided, and what was sent.
    fn event(&mut self, moment: Moment<'_>, run: &Run, at: Stamp) {
        let entry = moment.entry();
        match &entry.envelope.event {
            event if event.effect().is_some() => self.effect(moment, at),
            Event::GateDecided(decided) => {
                let reply = match &decided.decision {
                    Decision::Approved { form } => Reply::Outcome {
                        word: "approved".to_owned(),
                        with: form.clone(),
                        edit: BTreeMap::new(),
                    },
                    Decision::Edited { values } => {
                        Reply::Outcome { word: "edited".to_owned(), with: None, edit: values.clone() }
                    }
                    Decision::Denied => outcome("denied"),
                };
                self.decided(run, &decided.gate, at, reply);
            }
            // What the run and those below it send themselves is sent in a play too; one signal that ends two waits comes once.
            Event::SignalCame(came) if self.is_from_outside(&came.signal.id, came) => {
                let waiting = Waiting { run: run.id.clone(), step: came.step.clone() };
                if let Some(place) = self.waits.remove(&waiting) {
                    let data = Some(came.signal.data.clone()).filter(Value::is_object);
                    let reply = Reply::Outcome { word: "ok".to_owned(), with: data, edit: BTreeMap::new() };
                    self.rows[place.row] =
                        Some(Asker::of(run, &came.step).answered(since(place.asked, at), reply));
                }
            }
            Event::RunCancelled { .. } if run.id == self.recorded.root.run.id => {
                self.cancel = Some(u64::try_from(at.0 - self.began.0).unwrap_or_default());
            }
            _ => {
                let is_root = run.id == self.recorded.root.run.id;
                self.unplayed.extend(unplayed(run, &entry.envelope, is_root));
            }
        }
    }

    /// Returns whether an answer settles a call whose attempt was given up before.
    fn is_late(&self, effect: &EffectId, facts: &[Fact]) -> bool {
        let asking = self.effects.get(effect);
        let is_verb =
            asking.is_some_and(|asking| asking.leased.is_none() && matches!(asking.call, Call::Verb(_)));
        let counts = |fact: &Fact| matches!(fact, Fact::EffectMoved { effect: of, .. } if of == effect);
        is_verb && facts.iter().any(counts)
    }

    /// An answer came to what was given up as lost: in a play, whoever is asked about it says so.
    fn came_late(&mut self, effect: &EffectId, value: &Value) {
        let Some(Call::Verb(call)) = self.effects.get(effect).map(|asking| &asking.call) else { return };
        let word = "happened".to_owned();
        let reply = match call.idempotency {
            // It is sent once more, and that is answered.
            Idempotency::Pure | Idempotency::NativeKey => {
                Reply::Outcome { word: "ok".to_owned(), with: Some(value.clone()), edit: BTreeMap::new() }
            }
            Idempotency::Probe => Reply::Probe { word, with: value.clone() },
            Idempotency::AtMostOnce => Reply::Settle { word, with: value.clone() },
        };
        self.answer(effect, reply);
    }

    fn is_from_outside(&mut self, id: &str, came: &SignalCame) -> bool {
        let is_own = self.effects.keys().any(|effect| effect.key() == id);
        !is_own && self.signals.insert((came.mailbox.instance().name, came.number))
    }

    fn succeeded(&mut self, moment: Moment<'_>, effect: &EffectId, value: &Value) {
        let at = moment.entry().envelope.at;
        let Some(asking) = self.effects.get(effect) else { return };
        let reply = match &asking.call {
            Call::Route { .. } => {
                let class = value["class"].as_str().unwrap_or("unsure").to_owned();
                // A playbook can read the class and the probability; the rest is for whoever looks into the router.
                let probability = value.get("probability").filter(|known| known.as_f64() != Some(1.0));
                let with = probability.map(|known| json!({ "probability": known }));
                Reply::Outcome { word: class, with, edit: BTreeMap::new() }
            }
            Call::Verb(_) | Call::Agent(_) => {
                let with =
                    Some(value.clone()).filter(|value| value.as_object().is_some_and(|it| !it.is_empty()));
                let is_unsure = |fact: &Fact| matches!(fact, Fact::StepEnded { step, outcome, .. } if *step == asking.step && outcome == "low_confidence");
                let is_low = moment.entry().facts.iter().any(is_unsure);
                let word = if is_low { "low_confidence" } else { "ok" };
                Reply::Outcome { word: word.to_owned(), with, edit: BTreeMap::new() }
            }
            // Records are there, children are played, and a signal comes to who waits for it.
            _ => return,
        };
        self.reply(effect, at, reply);
    }

    /// What may be repeated and died with its host is asked again, and counts no attempt: its next answer is all that there is.
    fn lost(&mut self, effect: &EffectId, at: Stamp, host_died: bool) {
        let is_repeated = self.effects.get(effect).is_some_and(|asking| may_be_repeated(&asking.call));
        if !(host_died && is_repeated) {
            self.reply(effect, at, Reply::Error("unknown".to_owned()));
        }
    }

    fn probed(&mut self, effect: &EffectId, at: Stamp, finding: &Finding) {
        let is_of_child =
            self.effects.get(effect).is_some_and(|asking| matches!(asking.call, Call::FindChild { .. }));
        if is_of_child {
            return;
        }
        let (word, with) = match finding {
            Finding::Happened(value) => ("happened", value.clone()),
            Finding::DidNotHappen => ("did_not_happen", Value::Null),
            Finding::Unclear(_) => ("unclear", Value::Null),
        };
        self.reply(effect, at, Reply::Probe { word: word.to_owned(), with });
    }

    fn settled(&mut self, effect: &EffectId, at: Stamp, settlement: &Settlement) {
        let (word, with) = match settlement {
            Settlement::Happened(value) => ("happened", value.clone()),
            Settlement::DidNotHappen => ("did_not_happen", Value::Null),
            Settlement::Undo => ("undo", Value::Null),
            Settlement::Drop => ("drop", Value::Null),
        };
        let over = self.effects.get(effect).and_then(|asking| asking.over);
        let place = self.keep_free(at);
        let after = over.and_then(|over| since(over, at));
        self.put(effect, place, after, Reply::Settle { word: word.to_owned(), with });
    }

    fn decided(&mut self, run: &Run, gate: &str, at: Stamp, reply: Reply) {
        // Who decides twice is heard once.
        let Some((step, place)) = self.gates.remove(gate) else { return };
        let after = since(place.asked, at)
            .filter(|_| !matches!(&reply, Reply::Outcome { word, .. } if word == "expired"));
        self.rows[place.row] = Some(Asker::of(run, &step).answered(after, reply));
    }

    /// A child whose log is there is played; for another one its end is the answer.
    fn child_ended(&mut self, effect: &EffectId, ended: Ended<'_>) {
        let is_played = self.recorded.below.iter().any(|below| below.run.parent.as_ref() == Some(effect));
        if is_played {
            return;
        }
        let child = ended.child.unwrap_or("that it began");
        self.unplayed
            .push(format!("run {child} is not in the store any more: what it came to is the answer"));
        let word = if ended.status == "done" { "ok" } else { "failed" };
        let with = Some(ended.output.clone()).filter(Value::is_object);
        let reply = Reply::Outcome { word: word.to_owned(), with, edit: BTreeMap::new() };
        self.reply(effect, ended.at, reply);
    }

    /// Answers the attempt that is out; a probe that was lost is asked once more, and that is all that there is.
    fn reply(&mut self, effect: &EffectId, at: Stamp, reply: Reply) {
        // What nobody sent is not answered: a late word of something that is settled.
        let is_probe = self
            .effects
            .get(effect)
            .is_some_and(|asking| matches!(asking.call, Call::Probe { .. } | Call::FindChild { .. }));
        if let Some(place) = self.leased(effect).filter(|_| !(is_probe && matches!(reply, Reply::Error(_)))) {
            self.put(effect, place, since(place.asked, at), reply);
        }
        self.is_over(effect, at);
    }

    fn is_over(&mut self, effect: &EffectId, at: Stamp) {
        if let Some(asking) = self.effects.get_mut(effect) {
            asking.over = Some(at);
        }
    }

    fn leased(&mut self, effect: &EffectId) -> Option<Place> {
        self.effects.get_mut(effect)?.leased.take()
    }

    /// Answers what no attempt asked.
    fn answer(&mut self, effect: &EffectId, reply: Reply) {
        let place = self.keep_free(Stamp(0));
        self.put(effect, place, None, reply);
    }

    fn put(&mut self, effect: &EffectId, place: Place, after: Option<Period>, reply: Reply) {
        let Some(asking) = self.effects.get(effect) else { return };
        let asker = Asker { run: &effect.run, playbook: &asking.playbook, step: &asking.step };
        let row = Answer { undo: asking.undo, ..asker.answered(after, reply) };
        self.rows[place.row] = Some(row);
    }
}

/// Who asked: the run or the branch, its playbook, and the step in it.
struct Asker<'a> {
    run: &'a str,
    playbook: &'a str,
    step: &'a str,
}

impl Asker<'_> {
    fn of<'a>(run: &'a Run, step: &'a str) -> Asker<'a> {
        Asker { run: &run.id, playbook: &run.playbook, step }
    }

    fn answered(&self, after: Option<Period>, reply: Reply) -> Answer {
        Answer {
            playbook: self.playbook.to_owned(),
            branches: branches(self.run),
            step: self.step.to_owned(),
            visit: None,
            times: 1,
            undo: false,
            after,
            reply,
        }
    }
}

/// How a child run ended.
struct Ended<'a> {
    at: Stamp,
    status: &'a str,
    output: &'a Value,
    child: Option<&'a str>,
}

fn outcome(word: &str) -> Reply {
    Reply::Outcome { word: word.to_owned(), with: None, edit: BTreeMap::new() }
}

/// Returns in which branches a run stands, the outermost first.
fn branches(run: &str) -> Vec<BranchOf> {
    let mut found = Vec::new();
    let mut name = run.to_owned();
    while let Some(BranchId { parent, round, index }) = BranchId::of(&name) {
        found.push(BranchOf { step: round.step, index });
        name = parent;
    }
    found.reverse();
    found
}

/// Returns how long an answer took, in whole seconds: less is the work of a machine, and in a play it takes none.
fn since(asked: Stamp, at: Stamp) -> Option<Period> {
    period(u64::try_from(at.0 - asked.0).unwrap_or_default() / 1_000 * 1_000)
}

fn period(millis: u64) -> Option<Period> {
    Period::from_millis(millis).ok()
}

/// Returns whether a call that was lost is simply made again: the same key again is the same call.
fn may_be_repeated(call: &Call) -> bool {
    changes_nothing(call) || matches!(call, Call::Verb(call) if call.idempotency == Idempotency::NativeKey)
}

/// Says what is not played of an event.
fn unplayed(run: &Run, envelope: &Envelope, is_root: bool) -> Option<String> {
    if envelope.by == "host" || envelope.by.starts_with("run:") {
        return None;
    }
    let what = match &envelope.event {
        Event::RunCancelled { .. } if !is_root => "was cancelled by itself",
        Event::RunPaused { .. } => "was paused",
        Event::RunKilled { .. } => "was killed",
        Event::RunRetried { .. } => "was tried again by the operator",
        Event::RunRolledBack { .. } => "was rolled back",
        Event::ClockSetBack => "was there when the clock was set back",
        _ => return None,
    };
    Some(format!("run {} {what}", run.id))
}
