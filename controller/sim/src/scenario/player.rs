//! The player: does what a runtime does, with the scenario in place of the world, the clock and the people.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{
    call::{Call, Perform},
    event::{Denial, Event, Finding as Found},
    id::{EffectId, Stamp},
    money::{
        permission::{Asking, permission},
        policy::Permission,
    },
    run::Run,
};
use adjutant_spec::{plan::Plan, scenario::Scenario};

use super::{
    agenda::{Agenda, Answered, Due},
    calls::Called,
    course::Course,
    faults::Faults,
    finding::{Stop, finding},
    reply::{self, Doing},
    script::{Asked, Question, Script, Taken},
    store::{Store, Unanswered},
    unsaid,
};
use crate::{
    host::{Host, Kept},
    memory::MemoryHost,
    recorded::{Recorded, RecordedRun},
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

/// What one play of a scenario needs while its time goes on.
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
    pub(super) agenda: Agenda,
    /// Gates that were answered, or that nobody answers.
    pub(super) dealt: BTreeSet<String>,
    /// The verbs that were called.
    pub(super) calls: Vec<Called>,
    /// The attempts of which nobody knows whether they happened.
    pub(super) doubts: Vec<Perform>,
    /// The most that may happen in it.
    pub(super) most: u32,
    /// What is disturbed; nothing in a play.
    pub(super) faults: Faults,
    /// What nobody answers before the run is cancelled, in a play of a run that was: `None` where each question must be answered.
    pub(super) left_open: Option<BTreeSet<EffectId>>,
    /// The moment after which nothing of a run is known that goes on: what would come later is not played.
    pub(super) horizon: Option<Stamp>,
    /// Whether the play came there.
    pub(super) is_at_horizon: bool,
    /// What was assumed where nothing was answered; `None` where nothing may be.
    pub(super) assumed: Option<Vec<String>>,
}

/// What a turn comes to; what does not hold ends the play.
pub(super) type Turn<T = ()> = Result<T, Box<Stop>>;

impl<'a> Player<'a> {
    pub(super) fn new(plan: &'a Plan, scenario: &'a Scenario, host: MemoryHost, props: Props) -> Self {
        let Props { world, store, script, agenda, course } = props;
        let (dealt, doubts) = (BTreeSet::new(), Vec::new());
        Self {
            plan,
            scenario,
            host,
            world,
            store,
            script,
            course,
            has_stopped: false,
            agenda,
            dealt,
            calls: Vec::new(),
            doubts,
            most: MOST,
            faults: Faults::default(),
            left_open: None,
            horizon: None,
            is_at_horizon: false,
            assumed: None,
        }
    }

    /// Plays to the end, or to the step at which the play stops.
    pub(super) fn play(&mut self) -> Turn {
        let most = self.most;
        for _ in 0..most {
            self.host.deliver_post()?;
            self.look();
            if self.stops() || self.is_at_horizon || self.is_over() {
                return self.uncancelled();
            }
            if !self.disturb()? {
                self.turn()?;
            }
        }
        Err(Stop::endless(format!("the run does not end: {most} things have happened")))
    }

    /// Returns the logs of all that was played.
    pub(super) fn recorded(&mut self) -> Option<Recorded> {
        let kept = std::mem::take(&mut self.host.runs);
        let of = |kept: Kept| {
            let definition = Arc::clone(self.host.definitions.get(&kept.run.bundle)?);
            Some(RecordedRun { run: kept.run, definition, log: kept.log })
        };
        let (root, below): (Vec<_>, Vec<_>) =
            kept.into_values().filter_map(of).partition(|one| one.run.id == self.course.root);
        Some(Recorded { root: root.into_iter().next()?, below })
    }

    /// Takes down what has happened.
    fn look(&mut self) {
        for kept in self.host.runs.values() {
            let definition = self.host.definitions.get(&kept.run.bundle);
            let definition = definition.expect("a run goes on by the definition of its bundle");
            self.course.observe(&kept.run, definition, &kept.log);
        }
    }

    fn stops(&mut self) -> bool {
        // What is disturbed is played to its end.
        let Some(until) = self.scenario.until.as_ref().filter(|_| !self.faults.is_on) else { return false };
        let root = self.host.run(&self.course.root);
        let position = root.and_then(|run| run.position.as_ref());
        self.has_stopped = position.is_some_and(|position| position.step == *until);
        self.has_stopped
    }

    fn is_over(&self) -> bool {
        self.host.post.is_empty() && self.host.runs.values().all(|kept| kept.run.is_ended())
    }

    fn uncancelled(&self) -> Turn {
        if !self.agenda.has_cancel() || self.has_stopped || self.is_at_horizon || self.faults.is_on {
            return Ok(());
        }
        Err(finding("cancel", "the run had ended before it could be cancelled".to_owned()).into())
    }

    fn turn(&mut self) -> Turn {
        if let Some(effect) = self.host.outbox.keys().find(|effect| !self.is_left_open(effect)).cloned() {
            return self.effect(&effect);
        }
        if let Some(gate) = self.open_gate() {
            return self.gate(&gate);
        }
        if let Some(effect) = self.doubt() {
            return self.settle(&effect);
        }
        if let Some(awaited) = self.awaited() {
            self.expect_signal(&awaited);
            return Ok(());
        }
        let (due, timer) = (self.agenda.next(), self.host.timers.values().min().copied());
        let next = due.into_iter().chain(timer).min();
        if self.horizon.is_some_and(|horizon| next.is_none_or(|next| next > horizon)) {
            self.is_at_horizon = true;
            return Ok(());
        }
        match (due, timer) {
            (Some(due), timer) if timer.is_none_or(|timer| due <= timer) => {
                self.host.now = self.host.now.max(due);
                self.due()
            }
            _ if self.host.fire_next()? => Ok(()),
            _ => Err(Stop::endless("nothing happens any more, and the run has not ended".to_owned())),
        }
    }

    /// Returns where something is asked, for what is told of it.
    pub(super) fn asker(&self) -> unsaid::Asker<'_> {
        unsaid::Asker { host: &self.host, scenario: self.scenario }
    }

    /// Asks somebody who is asked about a step.
    pub(super) fn ask(&mut self, run: &Run, step: &str, who: Who) -> Option<Taken> {
        let visit = run.steps.get(step).map_or(1, |state| state.visits);
        let question =
            Question { playbook: &run.playbook, run: &run.id, step, visit, undo: who.undo, asked: who.asked };
        self.script.take(&question).or_else(|| self.script.again(&question).filter(|_| self.faults.is_on))
    }

    /// Lets an attempt begin, and notes the verb that is called with it; `None` where the machine decided otherwise.
    pub(super) fn lease(&mut self, effect: &EffectId) -> Turn<Option<Perform>> {
        let leased = self.host.lease(effect)?;
        self.calls.extend(leased.as_ref().and_then(|perform| Called::of(perform, self.host.now)));
        Ok(leased)
    }

    /// Leaves a question open that nobody answers before the run is cancelled, where that may be.
    pub(super) fn may_stay_open(&mut self, effect: &EffectId) -> bool {
        let has_cancel = self.agenda.has_cancel();
        let left = self.left_open.as_mut().filter(|_| has_cancel);
        left.is_some_and(|left| left.insert(effect.clone()))
    }

    pub(super) fn is_left_open(&self, effect: &EffectId) -> bool {
        self.left_open.as_ref().is_some_and(|left| left.contains(effect))
    }

    /// Notes that an answer is made up, where that may be; only what is right the first time may.
    pub(super) fn assumes(&mut self, run: &str, step: &str) -> bool {
        let Some(assumed) = &mut self.assumed else { return false };
        let own = format!("{}~", self.course.root);
        let within = run.strip_prefix(&own).map_or_else(String::new, |branch| format!(" in {branch}"));
        assumed.push(format!("{step}{within}"));
        true
    }

    pub(super) fn run_of(&self, effect: &EffectId) -> Turn<std::sync::Arc<Run>> {
        let run = Host::run(&self.host, &effect.run);
        run.ok_or_else(|| Stop::our_bug(&format!("there is no run of {effect}")))
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
            Call::Signal { .. } => self.signal(&perform),
            Call::Probe { .. } => self.world(&run, &perform, Asked::Probe),
            Call::Verb(_) | Call::Agent(_) | Call::Route { .. } => self.world(&run, &perform, Asked::World),
        }
    }

    /// Returns what the company's rules say against a call, and whether the records moved that it was approved with.
    fn forbidden(&self, run: &Run, perform: &Perform) -> Option<Event> {
        let effect = perform.effect.clone();
        if is_undo(&perform.call) {
            // Taking back is never in the way of a rule: what it takes back was allowed.
            return None;
        }
        let (call, approval, playbook) = (&*perform.call, perform.approval.as_ref(), &run.oldest());
        match permission(self.plan, &Asking { call, approval, playbook, stage: run.stage }) {
            Permission::Allow { .. } => {}
            Permission::Deny { rule } => {
                return Some(Event::EffectDenied { effect, denial: Denial::Policy, message: rule });
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
        let Some(perform) = self.lease(&perform.effect)? else { return Ok(()) };
        let Some(definition) = self.host.definitions.get(&run.bundle).cloned() else { return Ok(()) };
        let Some(answer) = self.store.perform(definition.bundle(), &perform) else { return Ok(()) };
        let doing = match answer {
            Ok(value) => reply::succeeded(&perform, value),
            Err(Unanswered { class, message }) => reply::failed(&perform, class, &message),
        };
        self.does(&perform, doing)
    }

    /// Asks the outside.
    fn world(&mut self, run: &Run, perform: &Perform, asked: Asked) -> Turn {
        let who = Who { undo: is_undo(&perform.call), asked };
        if self.faults.is_on && asked == Asked::Probe {
            return self.probed(perform);
        }
        match self.ask(run, &perform.step, who) {
            Some(taken) => self.answered(perform, &taken),
            None if self.faults.is_on => self.invented(run, perform),
            None if self.assumes(&run.id, &perform.step) => self.invented(run, perform),
            None if self.may_stay_open(&perform.effect) => Ok(()),
            None => Err(unsaid::unanswered(&self.asker(), run, perform).into()),
        }
    }

    /// Lets an attempt begin, and brings the scenario's answer when it is time.
    pub(super) fn answered(&mut self, perform: &Perform, taken: &Taken) -> Turn {
        let doing = reply::doing(perform, &taken.answer.reply);
        if let Doing::Forbid(event) = doing {
            self.host.send(&perform.effect.run, "host", event)?;
            return Ok(());
        }
        let Some(perform) = self.lease(&perform.effect)? else { return Ok(()) };
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

    pub(super) fn does(&mut self, perform: &Perform, doing: Doing) -> Turn {
        let Doing::Answer { event, acts } = doing else { return Ok(()) };
        self.arrive(Answered { perform: perform.clone(), event, acts })
    }

    /// Brings an answer.
    fn arrive(&mut self, answered: Answered) -> Turn {
        let Some(answered) = self.disturbed(answered)? else { return Ok(()) };
        self.acts(&answered);
        let Answered { perform, event, .. } = answered;
        match &event {
            Event::EffectUnknown { .. } => self.doubts.push(perform.clone()),
            Event::EffectProbed { finding: Found::Happened(_), .. } => self.it_happened(&perform),
            _ => {}
        }
        Ok(self.host.answer(&perform, event)?)
    }

    /// Lets happen in the world what is answered, where it does.
    pub(super) fn acts(&mut self, answered: &Answered) {
        self.happens(Some(&answered.perform).filter(|_| answered.acts));
    }

    /// What was in doubt happened, as it turns out: the world knew it all the time.
    fn it_happened(&mut self, probe: &Perform) {
        let Call::Probe { of, .. } = &*probe.call else { return };
        let lost = self.doubts.iter().rev().find(|perform| perform.effect.key() == of.key);
        let lost =
            lost.or_else(|| self.doubts.iter().rev().find(|perform| perform.step == probe.step)).cloned();
        self.happens(lost.as_ref());
    }

    pub(super) fn happens(&mut self, attempt: Option<&Perform>) {
        if let Some(perform) = attempt {
            self.world.act(perform, self.host.now);
        }
    }

    fn due(&mut self) -> Turn {
        match self.agenda.take() {
            Some(Due::Answer(answered)) => self.arrive(*answered),
            Some(Due::Late(late)) => Ok(self.host.answer(&late.perform, late.event)?),
            Some(Due::Decision(decided)) => self.decide(*decided),
            Some(Due::Settlement(settled)) => self.settled(*settled),
            Some(Due::Signal(told)) => Ok(Host::tell_mailbox(&mut self.host, *told)?),
            Some(Due::ChildEnd(end)) => Ok(self.host.send(&end.run, "host", end.event).map(drop)?),
            Some(Due::Record(place)) => self.given_later(place),
            Some(Due::Cancel) => {
                let root = self.course.root.clone();
                // What was left open is open no longer: it is withdrawn now, or settled.
                self.left_open.iter_mut().for_each(BTreeSet::clear);
                let reason = "the scenario cancels it".to_owned();
                Ok(self.host.send(&root, "operator", Event::RunCancelled { reason }).map(drop)?)
            }
            None => Ok(()),
        }
    }
}

/// Who is asked about a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who {
    /// Whether the step is taken back.
    pub(super) undo: bool,
    pub(super) asked: Asked,
}

/// Returns whether a call takes a step back, or asks about one that does.
pub(crate) fn is_undo(call: &Call) -> bool {
    match call {
        Call::Verb(call) | Call::Probe { of: call, .. } => call.undo_of.is_some(),
        _ => false,
    }
}
