//! The player: does what a runtime does, with the scenario in place of the world, the clock and the people.

use std::collections::BTreeSet;

use adjutant_machine::{
    call::{Call, Perform},
    eval,
    event::{Decision, Event, Finding as Found, GateDecided, RunStarted, Settlement},
    given::handed,
    id::EffectId,
    money::{
        permission::{Asking, permission},
        policy::Permission,
    },
    run::{EffectPhase, Gate, Run},
    trust::Speaker,
    verdict::Verdict,
};
use adjutant_spec::{
    plan::{Plan, Renamed, Stage},
    scenario::{Finding, Reply, Scenario},
};
use serde_json::{Value, json};

use super::{
    agenda::{Agenda, Answered, ChildEnd, Decided, Due},
    course::Course,
    reply::{self, Doing},
    script::{Asked, Question, Script, Taken},
    store::{Store, Unanswered},
    verdict::{self, finding},
};
use crate::{
    host::{Broken, Host},
    memory::MemoryHost,
    world::World,
};

/// The most that a play does: a year of hourly slots is far below.
const MOST: u32 = 200_000;

/// What a player plays with.
pub(super) struct Props {
    pub(super) world: World,
    pub(super) store: Store,
    pub(super) script: Script,
    pub(super) agenda: Agenda,
    pub(super) course: Course,
}

/// One play.
pub(super) struct Player<'a> {
    pub(super) plan: &'a Plan,
    pub(super) scenario: &'a Scenario,
    pub(super) host: MemoryHost,
    pub(super) world: World,
    pub(super) store: Store,
    pub(super) script: Script,
    pub(super) course: Course,
    /// Whether the run came to the step at which the play stops.
    pub(super) has_stopped: bool,
    agenda: Agenda,
    /// Gates that were answered, or that nobody answers.
    dealt: BTreeSet<String>,
    /// The attempts of which nobody knows whether they happened.
    doubts: Vec<Perform>,
}

impl From<Broken> for Box<Finding> {
    fn from(broken: Broken) -> Self {
        Box::new(verdict::our_bug(&broken.to_string()))
    }
}

/// What a turn comes to; what does not hold ends the play.
type Turn<T = ()> = Result<T, Box<Finding>>;

impl<'a> Player<'a> {
    pub(super) fn new(plan: &'a Plan, scenario: &'a Scenario, host: MemoryHost, props: Props) -> Self {
        let Props { world, store, script, agenda, course } = props;
        let (dealt, doubts) = (BTreeSet::new(), Vec::new());
        Self { plan, scenario, host, world, store, script, course, has_stopped: false, agenda, dealt, doubts }
    }

    /// Plays to the end, or to the step at which the play stops.
    pub(super) fn play(&mut self) -> Turn {
        for _ in 0..MOST {
            self.host.deliver_post()?;
            self.look();
            if self.stops() || self.is_over() {
                return self.uncancelled();
            }
            self.turn()?;
        }
        Err(Box::new(finding("playbook", format!("the run does not end: {MOST} things have happened"))))
    }

    /// Takes down what has happened.
    fn look(&mut self) {
        for kept in self.host.runs.values() {
            self.course.observe(&kept.run, &kept.log);
        }
    }

    fn stops(&mut self) -> bool {
        let Some(until) = &self.scenario.until else { return false };
        let root = self.host.run(&self.course.root);
        let position = root.and_then(|run| run.position.as_ref());
        self.has_stopped = position.is_some_and(|position| position.step == *until);
        self.has_stopped
    }

    fn is_over(&self) -> bool {
        self.host.post.is_empty() && self.host.runs.values().all(|kept| kept.run.is_ended())
    }

    fn uncancelled(&self) -> Turn {
        if !self.agenda.has_cancel() || self.has_stopped {
            return Ok(());
        }
        Err(Box::new(finding("cancel", "the run had ended before it could be cancelled".to_owned())))
    }

    fn turn(&mut self) -> Turn {
        if let Some(effect) = self.host.outbox.keys().next().cloned() {
            return self.effect(&effect);
        }
        if let Some(gate) = self.open_gate() {
            return self.gate(&gate);
        }
        if let Some(effect) = self.doubt() {
            return self.settle(&effect);
        }
        match (self.agenda.next(), self.host.timers.values().min().copied()) {
            (Some(due), timer) if timer.is_none_or(|timer| due <= timer) => {
                self.host.now = self.host.now.max(due);
                self.due()
            }
            _ if self.host.fire_next()? => Ok(()),
            _ => Err(Box::new(finding(
                "playbook",
                "nothing happens any more, and the run has not ended".to_owned(),
            ))),
        }
    }

    /// Asks somebody who is asked about a step.
    fn ask(&mut self, run: &Run, step: &str, who: Who) -> Option<Taken> {
        let visit = run.steps.get(step).map_or(1, |state| state.visits);
        let question = Question { playbook: &run.playbook, step, visit, undo: who.undo, asked: who.asked };
        self.script.take(&question)
    }

    fn run_of(&self, effect: &EffectId) -> Turn<std::sync::Arc<Run>> {
        let run = Host::run(&self.host, &effect.run);
        run.ok_or_else(|| Box::new(verdict::our_bug(&format!("there is no run of {effect}"))))
    }

    fn effect(&mut self, effect: &EffectId) -> Turn {
        let Some(perform) = self.host.outbox.get(effect).cloned() else { return Ok(()) };
        let run = self.run_of(effect)?;
        if let Some(stop) = self.forbidden(&run, &perform) {
            self.host.send(&effect.run, "host", stop)?;
            return Ok(());
        }
        match &*perform.call {
            Call::RecordRead { .. } | Call::RecordList { .. } | Call::RecordWrite { .. } => {
                self.record(&run, &perform)
            }
            Call::FindChild { of } => self.find_child(&perform, &of.clone()),
            Call::StartRun { .. } => self.child(&run, &perform),
            Call::Probe { .. } => self.world(&run, &perform, Asked::Probe),
            Call::Verb(_) | Call::Agent(_) | Call::Route { .. } => self.world(&run, &perform, Asked::World),
        }
    }

    /// Returns what the company's rules say against a call, and whether the records moved that it was approved with.
    fn forbidden(&self, run: &Run, perform: &Perform) -> Option<Event> {
        let effect = perform.effect.clone();
        if is_undo(perform) {
            // Taking back is never in the way of a rule: what it takes back was allowed.
            return None;
        }
        let (call, approval, playbook) = (&*perform.call, perform.approval.as_ref(), &run.oldest());
        match permission(self.plan, &Asking { call, approval, playbook, stage: run.stage }) {
            Permission::Allow { .. } => {}
            Permission::Deny { rule } => {
                return Some(Event::EffectDenied {
                    effect,
                    denial: adjutant_machine::event::Denial::Policy,
                    message: rule,
                });
            }
            Permission::Ask { rule } => return Some(Event::EffectNeedsApproval { effect, rule }),
        }
        let basis =
            run.effects.get(&effect).filter(|_| approval.is_some()).map(|state| state.basis.as_slice());
        let moved = self.store.moved(&run.id, basis.unwrap_or_default());
        (!moved.is_empty()).then_some(Event::EffectOutdated { effect, moved })
    }

    fn record(&mut self, run: &Run, perform: &Perform) -> Turn {
        let who = Who { undo: false, asked: Asked::World };
        if let Some(taken) = self.ask(run, &perform.step, who) {
            return self.answered(perform, &taken);
        }
        let Some(perform) = self.host.lease(&perform.effect)? else { return Ok(()) };
        let Some(definition) = self.host.definitions.get(&run.bundle).cloned() else { return Ok(()) };
        let Some(answer) = self.store.perform(definition.bundle(), &perform) else { return Ok(()) };
        let doing = match answer {
            Ok(value) => reply::succeeded(&perform, value),
            Err(Unanswered { class, message }) => reply::failed(&perform, class, &message),
        };
        self.does(&perform, doing)
    }

    fn find_child(&mut self, perform: &Perform, of: &EffectId) -> Turn {
        let Some(perform) = self.host.lease(&perform.effect)? else { return Ok(()) };
        let child = self.host.runs.values().find(|kept| kept.run.parent.as_ref() == Some(of));
        let finding =
            child.map_or(Found::DidNotHappen, |kept| Found::Happened(json!({ "run": kept.run.id })));
        let effect = perform.effect.clone();
        Ok(self.host.answer(&perform, Event::EffectProbed { effect, finding })?)
    }

    /// A child run is played, unless the scenario answers for it.
    fn child(&mut self, run: &Run, perform: &Perform) -> Turn {
        let who = Who { undo: false, asked: Asked::World };
        let taken = self.ask(run, &perform.step, who);
        let stands_in =
            matches!(taken.as_ref().map(|taken| &taken.answer.reply), Some(Reply::Outcome { .. }));
        match taken {
            Some(taken) if stands_in => self.stand_in(perform, &taken),
            Some(taken) => self.answered(perform, &taken),
            None => self.start_child(run, perform),
        }
    }

    fn start_child(&mut self, parent: &Run, perform: &Perform) -> Turn {
        let Call::StartRun { playbook, bundle, input } = &*perform.call else { return Ok(()) };
        let Some(perform) = self.host.lease(&perform.effect)? else { return Ok(()) };
        let Some(definition) = self.host.definitions.get(bundle).cloned() else {
            return Err(Box::new(verdict::our_bug(&format!(
                "there is no bundle of playbook \"{playbook}\""
            ))));
        };
        let child = &definition.bundle().playbook;
        let input = match handed(child, input, Some(self.plan.company.currency)) {
            Ok(input) => input,
            Err(problems) => {
                let class = adjutant_machine::event::ErrorClass::Invalid;
                let doing = reply::failed(&perform, class, &problems.join("; "));
                return self.does(&perform, doing);
            }
        };
        let oldest = child.oldest();
        let run = format!("{playbook}-of-{}-{}", parent.id, perform.effect.seq);
        let started = RunStarted {
            run: run.clone(),
            about: eval::about(definition.bundle(), &input),
            playbook: playbook.clone(),
            stage: self.plan.slice_of(&oldest).map_or(Stage::Act, |slice| slice.stage),
            oldest: Some(oldest),
            bundle: bundle.clone(),
            key: perform.effect.key(),
            revision: parent.revision.clone(),
            input,
            trigger: json!({ "parent": perform.effect }),
            parent: Some(perform.effect.clone()),
            dry: perform.dry,
            speaker: None,
        };
        self.host.start(started)?;
        let doing = reply::succeeded(&perform, json!({ "run": run }));
        self.does(&perform, doing)
    }

    /// Answers for a child run that is not played.
    fn stand_in(&mut self, perform: &Perform, taken: &Taken) -> Turn {
        let Some(perform) = self.host.lease(&perform.effect)? else { return Ok(()) };
        let Reply::Outcome { word, with, .. } = &taken.answer.reply else { return Ok(()) };
        let effect = perform.effect.clone();
        let run = format!("not-played-{}", effect.seq);
        let status = if word == "ok" { "done" } else { "failed" };
        let event = Event::ChildEnded {
            effect: effect.clone(),
            status: status.to_owned(),
            output: with.clone().unwrap_or_else(|| json!({})),
        };
        let doing = reply::succeeded(&perform, json!({ "run": run }));
        self.does(&perform, doing)?;
        let at = taken.answer.after.map_or(self.host.now, |after| self.host.now.plus(after.millis()));
        self.agenda.put(at, Due::ChildEnd(Box::new(ChildEnd { run: effect.run, event })));
        Ok(())
    }

    /// Asks the outside.
    fn world(&mut self, run: &Run, perform: &Perform, asked: Asked) -> Turn {
        let who = Who { undo: is_undo(perform), asked };
        match self.ask(run, &perform.step, who) {
            Some(taken) => self.answered(perform, &taken),
            None => Err(Box::new(verdict::unanswered(self, run, perform))),
        }
    }

    /// Lets an attempt begin, and brings the scenario's answer when it is time.
    fn answered(&mut self, perform: &Perform, taken: &Taken) -> Turn {
        let doing = reply::doing(perform, &taken.answer.reply);
        if let Doing::Forbid(event) = doing {
            self.host.send(&perform.effect.run, "host", event)?;
            return Ok(());
        }
        let Some(perform) = self.host.lease(&perform.effect)? else { return Ok(()) };
        let Some(after) = taken.answer.after.map(|after| after.millis()) else {
            return self.does(&perform, doing);
        };
        // Nobody waits for an answer longer than an attempt may take: it is lost then.
        let is_late = after >= perform.timeout;
        let doing = if is_late { reply::lost(&perform, "there was no answer in time") } else { doing };
        let at = self.host.now.plus(after.min(perform.timeout));
        if let Doing::Answer { event, acts } = doing {
            self.agenda.put(at, Due::Answer(Box::new(Answered { perform, event, acts })));
        }
        Ok(())
    }

    fn does(&mut self, perform: &Perform, doing: Doing) -> Turn {
        let Doing::Answer { event, acts } = doing else { return Ok(()) };
        self.arrive(Answered { perform: perform.clone(), event, acts })
    }

    /// Brings an answer.
    fn arrive(&mut self, answered: Answered) -> Turn {
        let Answered { perform, event, acts } = answered;
        if let (true, Call::Verb(call)) = (acts, &*perform.call) {
            self.world.act(&perform, call, self.host.now);
        }
        match &event {
            Event::EffectUnknown { .. } => self.doubts.push(perform.clone()),
            Event::EffectProbed { finding: Found::Happened(_), .. } => self.it_happened(&perform),
            _ => {}
        }
        Ok(self.host.answer(&perform, event)?)
    }

    /// What was in doubt happened, as it turns out: the world knew it all the time.
    fn it_happened(&mut self, probe: &Perform) {
        let Call::Probe { of, .. } = &*probe.call else { return };
        let lost = self.doubts.iter().rev().find(|perform| perform.effect.key() == of.key);
        let lost =
            lost.or_else(|| self.doubts.iter().rev().find(|perform| perform.step == probe.step)).cloned();
        self.happens(lost.as_ref());
    }

    fn happens(&mut self, lost: Option<&Perform>) {
        if let Some(perform) = lost
            && let Call::Verb(call) = &*perform.call
        {
            self.world.act(perform, call, self.host.now);
        }
    }

    fn open_gate(&self) -> Option<Gate> {
        let mut gates = self.host.runs.values().flat_map(|kept| kept.run.open_gates());
        gates.find(|gate| !self.dealt.contains(&gate.id)).cloned()
    }

    fn gate(&mut self, gate: &Gate) -> Turn {
        let run = self.host.runs.values().find(|kept| kept.run.gates.contains_key(&gate.id));
        let Some(run) = run.map(|kept| std::sync::Arc::clone(&kept.run)) else { return Ok(()) };
        let who = Who { undo: false, asked: Asked::Person };
        let Some(taken) = self.ask(&run, &gate.card.step, who) else {
            return Err(Box::new(verdict::undecided(self, &run, gate)));
        };
        self.dealt.insert(gate.id.clone());
        let Some(decision) = decision(&taken.answer.reply) else { return Ok(()) };
        let at = taken.answer.after.map_or(self.host.now, |after| self.host.now.plus(after.millis()));
        let (run, gate) = (run.id.clone(), gate.id.clone());
        self.agenda.put(at, Due::Decision(Box::new(Decided { run, gate, decision, place: taken.place })));
        Ok(())
    }

    fn due(&mut self) -> Turn {
        match self.agenda.take() {
            Some(Due::Answer(answered)) => self.arrive(*answered),
            Some(Due::Decision(decided)) => self.decide(*decided),
            Some(Due::ChildEnd(end)) => Ok(self.host.send(&end.run, "host", end.event).map(drop)?),
            Some(Due::Record(given)) => {
                self.store.put(&given);
                Ok(())
            }
            Some(Due::Cancel) => {
                let root = self.course.root.clone();
                let reason = "the scenario cancels it".to_owned();
                Ok(self.host.send(&root, "operator", Event::RunCancelled { reason }).map(drop)?)
            }
            None => Ok(()),
        }
    }

    fn decide(&mut self, decided: Decided) -> Turn {
        let Decided { run, gate, decision, place } = decided;
        let open = self.host.run(&run).and_then(|run| run.gates.get(&gate));
        let Some(digest) = open.map(|gate| gate.digest.clone()) else { return Ok(()) };
        let decided = GateDecided { gate, digest, decision, reason: None, speaker: Speaker::Operator };
        match self.host.send(&run, "operator", Event::GateDecided(Box::new(decided)))? {
            Verdict::Applied | Verdict::Duplicate { .. } | Verdict::Stale => Ok(()),
            Verdict::Refused(refusal) => {
                let message = format!("this cannot be decided so: {refusal}");
                Err(Box::new(finding(&format!("answer[{place}]"), message)))
            }
        }
    }

    /// Returns a call that only the operator can settle and whose run waits for that.
    fn doubt(&self) -> Option<EffectId> {
        let live = self.host.runs.values().filter(|kept| !kept.run.is_ended());
        let mut open = live.flat_map(|kept| kept.run.dead_letters());
        open.find(|(_, state)| {
            matches!(state.life.phase, EffectPhase::Unknown { .. } | EffectPhase::Dead { .. })
        })
        .map(|(effect, _)| effect.clone())
    }

    fn settle(&mut self, effect: &EffectId) -> Turn {
        let run = self.run_of(effect)?;
        let Some(state) = run.effects.get(effect) else { return Ok(()) };
        let undo = matches!(state.purpose, adjutant_machine::run::Purpose::Undo(_));
        let who = Who { undo, asked: Asked::Operator };
        let Some(taken) = self.ask(&run, &state.step, who) else {
            return Err(Box::new(verdict::unsettled(self, &run, state)));
        };
        let Reply::Settle { word, with } = &taken.answer.reply else { return Ok(()) };
        let settlement = settlement(word, with);
        if matches!(settlement, Settlement::Happened(_)) {
            let lost = self.doubts.iter().rev().find(|perform| perform.effect == *effect).cloned();
            self.happens(lost.as_ref());
        }
        let event = Event::EffectSettled { effect: effect.clone(), settlement };
        match self.host.send(&run.id, "operator", event)? {
            Verdict::Refused(refusal) => {
                let message = format!("this cannot be settled so: {refusal}");
                Err(Box::new(finding(&format!("answer[{}]", taken.place), message)))
            }
            _ => Ok(()),
        }
    }
}

/// Who is asked about a step.
#[derive(Debug, Clone, Copy)]
struct Who {
    /// Whether the step is taken back.
    undo: bool,
    asked: Asked,
}

fn is_undo(perform: &Perform) -> bool {
    match &*perform.call {
        Call::Verb(call) | Call::Probe { of: call, .. } => call.undo_of.is_some(),
        _ => false,
    }
}

/// Returns what a person decides; `None` where nobody answers.
fn decision(reply: &Reply) -> Option<Decision> {
    let Reply::Outcome { word, with, edit } = reply else { return None };
    match word.as_str() {
        "approved" => Some(Decision::Approved { form: with.clone() }),
        "edited" => Some(Decision::Edited { values: edit.clone() }),
        "denied" => Some(Decision::Denied),
        _ => None,
    }
}

fn settlement(word: &str, with: &Value) -> Settlement {
    match word {
        "happened" => Settlement::Happened(if with.is_null() { json!({}) } else { with.clone() }),
        "did_not_happen" => Settlement::DidNotHappen,
        "undo" => Settlement::Undo,
        _ => Settlement::Drop,
    }
}
