//! Admission: may this effect start now? Pauses, freezes, policies, breakers, rates and money, all read live.
//!
//! Whatever is taken here (a rate's slot, money) is a row in the batch that leases the effect, so a crash can neither lose nor
//! leak it. The order matters: what can refuse without changing anything comes first, money comes last. What only has to wait
//! stands in a line (`machine::wait`): nothing is written for it.

use std::sync::Arc;

use adjutant_machine::{
    call::{Call, Perform},
    event::{Denial, Envelope, ErrorClass, Event},
    id::{EffectId, Stamp},
    journal::{JournalError, Table},
    life::{
        Driven, Lifecycle,
        breaker::{Breaker, BreakerAction, BreakerEvent, BreakerPhase},
    },
    money::{
        budget::{self, Account},
        permission::{Asking, effect, permission, verb},
        policy::Permission,
    },
    projection::connector,
    run::{EffectPhase, Run},
    wait::{Cause, Ticket, Until},
};
use adjutant_spec::{
    plan::{Effect, OldestId, OnExceed, Plan, Stage, Subject},
    value::Money,
};
use jiff::Timestamp;

use super::{
    Worst,
    draft::Draft,
    loops,
    money::{Reservation, Spender, SumsKey, places},
    pauses,
    rates::{self, CountedBy, RatePlace},
    rows,
};

/// What admission says.
pub(super) enum Admitted {
    /// It starts now, with so much money held, and is performed under the plan that let it.
    Go { reserved: Option<Money>, plan: Arc<Plan> },
    /// It never starts, or not without a person: this event says why.
    Stop { event: Event },
    /// It stands in the line of what holds it back; it stays queued, and its outbox row stays.
    Wait(Ticket),
}

/// One look at one effect.
struct Look<'a> {
    perform: &'a Perform,
    plan: &'a Arc<Plan>,
    /// What had moved before anything was read: a wait that is decided on older things is decided again.
    seen: u64,
    /// The playbook of its run, by the id that never changes.
    playbook: &'a OldestId,
    /// How far the run may reach the world.
    stage: Stage,
}

impl Look<'_> {
    fn go(&self, reserved: Option<Money>) -> Admitted {
        Admitted::Go { reserved, plan: Arc::clone(self.plan) }
    }

    fn wait(&self, cause: Cause, until: impl Into<Until>) -> Admitted {
        Admitted::Wait(Ticket { cause, seen: self.seen, until: until.into() })
    }

    /// Sends an effect to the end of a line where others wait already.
    fn behind(&self, draft: &Draft<'_>, cause: &Cause) -> Option<Admitted> {
        let is_first = draft.core.is_first(cause, &self.perform.effect);
        (!is_first).then(|| self.wait(cause.clone(), Until::Others))
    }
}

/// Returns the verdict on an effect, and takes in the draft what it needs.
pub(super) fn decide(draft: &mut Draft<'_>, perform: &Perform) -> Result<Admitted, JournalError> {
    let seen = draft.core.moves();
    let live = draft.core.live();
    let Some(plan) = live.plan.clone() else {
        return Ok(Admitted::Wait(Ticket { cause: Cause::NoRevision, seen, until: Until::Moved }));
    };
    let Some(run) = &draft.run else { return Ok(Admitted::Go { reserved: None, plan }) };
    let (run, playbook, stage, purses) = (run.id.clone(), run.oldest(), run.stage, run.purses().collect());
    let look = Look { perform, plan: &plan, seen, playbook: &playbook, stage };
    if let Some(cause) = pauses::holds(&live, &playbook, reaches(&plan, &perform.call)) {
        return Ok(look.wait(cause, None));
    }
    if let Some(stop) = forbidden(&look, draft.now) {
        return Ok(stop);
    }
    if let Some(stop) = outdated(draft, &run, perform)? {
        return Ok(stop);
    }
    if let Some(event) = loops::stop(draft, &plan, perform)? {
        return Ok(Admitted::Stop { event });
    }
    let pass = match passes(draft, &look)? {
        Ok(pass) => pass,
        Err(stop) => return Ok(stop),
    };
    let spender = Spender { run: &run, playbook: &playbook, agent: agent(&perform.call), purses };
    let admitted = reserve(draft, &look, &spender)?;
    // What waits, or never starts, uses up nothing.
    if matches!(admitted, Admitted::Go { .. }) {
        pass.take(draft);
        loops::count(draft, &plan, perform)?;
    }
    Ok(admitted)
}

/// What a person approved was made of records: where one has moved since, it does not leave before they were asked again.
fn outdated(draft: &Draft<'_>, run: &str, perform: &Perform) -> Result<Option<Admitted>, JournalError> {
    if perform.approval.is_none() {
        return Ok(None);
    }
    let state = draft.run.as_ref().and_then(|run| run.effects.get(&perform.effect));
    let basis = state.map(|state| state.basis.as_slice()).unwrap_or_default();
    let moved = super::records::moved(draft, run, basis)?;
    let effect = perform.effect.clone();
    Ok((!moved.is_empty()).then(|| Admitted::Stop { event: Event::EffectOutdated { effect, moved } }))
}

fn deny(perform: &Perform, denial: Denial, message: String) -> Admitted {
    Admitted::Stop { event: Event::EffectDenied { effect: perform.effect.clone(), denial, message } }
}

fn agent(call: &Call) -> Option<&str> {
    if let Call::Agent(agent) = call { Some(&agent.agent) } else { None }
}

/// Returns the connector that a call always reaches. A route may reach some more: each hop is asked for at its own door.
fn reaches<'a>(plan: &'a Plan, call: &'a Call) -> Option<&'a str> {
    match call {
        Call::Agent(agent) => plan.model_connector(agent.connector.as_deref()).map(|found| found.id.as_str()),
        other => verb(other).map(connector),
    }
}

/// Returns what a freeze or a policy says against the call.
fn forbidden(look: &Look<'_>, now: Stamp) -> Option<Admitted> {
    let Look { perform, plan, playbook, stage, .. } = *look;
    let effect = effect(&perform.call);
    let is_undo = matches!(&*perform.call, Call::Verb(verb) if verb.undo_of.is_some());
    if effect != Effect::Read || agent(&perform.call).is_some() {
        let agent = agent(&perform.call);
        let spender = Spender { run: "", playbook, agent, purses: Vec::new() };
        if let Some(until) = frozen(plan, &spender.scopes(plan), now) {
            return Some(look.wait(Cause::Freeze, Some(until)));
        }
    }
    if is_undo {
        // Taking back is never in the way of a policy: what it takes back was allowed.
        return None;
    }
    let asked = Asking { call: &perform.call, approval: perform.approval.as_ref(), playbook, stage };
    match permission(plan, &asked) {
        Permission::Allow { .. } => None,
        Permission::Deny { rule } => Some(deny(perform, Denial::Policy, rule)),
        Permission::Ask { rule } => {
            let effect = perform.effect.clone();
            Some(Admitted::Stop { event: Event::EffectNeedsApproval { effect, rule } })
        }
    }
}

/// Returns when the freeze that holds now ends.
fn frozen(plan: &Plan, scopes: &[Subject], now: Stamp) -> Option<Stamp> {
    let moment = |text: &str| text.parse::<Timestamp>().ok().map(|moment| Stamp(moment.as_millisecond()));
    let freezes = plan.policies.freezes.iter();
    freezes
        .filter(|freeze| scopes.contains(&plan.subject(&freeze.scope)))
        .filter_map(|freeze| Some((moment(&freeze.from)?, moment(&freeze.until)?)))
        .filter(|(from, until)| *from <= now && now < *until)
        .map(|(_, until)| until)
        .max()
}

/// A call that is a trial of a breaker.
struct Trial {
    /// The key of the breaker's row.
    key: Vec<u8>,
    /// The phase that the row holds once the call starts.
    phase: BreakerPhase,
}

/// What a call takes of its breaker and its rates once it starts.
#[derive(Default)]
struct Pass {
    trial: Option<Trial>,
    places: Vec<RatePlace>,
}

impl Pass {
    fn take(self, draft: &mut Draft<'_>) {
        for place in &self.places {
            place.write(draft.shared());
        }
        if let Some(Trial { key, phase }) = &self.trial {
            draft.put(Table::Admission, key, Some(phase));
        }
    }
}

/// Asks the breaker and the rates of a call.
fn passes(draft: &mut Draft<'_>, look: &Look<'_>) -> Result<Result<Pass, Admitted>, JournalError> {
    let mut pass = Pass::default();
    if let Some(verb) = verb(&look.perform.call) {
        let verb = look.plan.oldest_verb(verb);
        match tried(draft, look, &verb)? {
            Ok(trial) => {
                pass.trial = trial.map(|phase| Trial { key: rows::admission::breaker(&verb), phase });
            }
            Err(stop) => return Ok(Err(stop)),
        }
    }
    for rate in rates::of(look.plan, counted(look)) {
        let cause = Cause::Rate(rate.name.clone());
        if let Some(stop) = look.behind(draft, &cause) {
            return Ok(Err(stop));
        }
        let (core, now) = (draft.core, draft.now);
        match rates::ask(draft.shared(), core.journal.as_ref(), &rate, now)? {
            Ok(place) => pass.places.push(place),
            Err(until) => return Ok(Err(look.wait(cause, Some(until)))),
        }
    }
    Ok(Ok(pass))
}

/// Returns the verb and the connector that a lease is counted by.
fn counted<'a>(look: &Look<'a>) -> CountedBy<'a> {
    let Look { perform, plan, .. } = *look;
    let connector = match &*perform.call {
        Call::Route { route, .. } if perform.counts_first_hop() => {
            let first = plan.route(route).and_then(|route| plan.hops(route).next());
            let connector = first.and_then(|agent| plan.model_connector(agent.model.connector.as_deref()));
            connector.map(|found| found.id.as_str())
        }
        call => reaches(plan, call),
    };
    CountedBy { verb: verb(&perform.call), connector }
}

/// Asks the breaker of a verb: the phase to write where the call is a trial, or the wait.
fn tried(
    draft: &mut Draft<'_>,
    look: &Look<'_>,
    verb: &str,
) -> Result<Result<Option<BreakerPhase>, Admitted>, JournalError> {
    let cause = Cause::Breaker(verb.to_owned());
    if let Some(stop) = look.behind(draft, &cause) {
        return Ok(Err(stop));
    }
    let phase = breaker(draft, verb)?;
    let Driven { state: next, answer } = Breaker::default().drive(&phase, &BreakerEvent::Admit(draft.now));
    let wait = answer.actions.iter().find_map(|action| match action {
        BreakerAction::Wait(until) => Some(*until),
        BreakerAction::Pass | BreakerAction::Opened(_) => None,
    });
    Ok(match wait {
        Some(until) => Err(look.wait(cause, Some(until))),
        None => Ok((next != phase).then_some(next)),
    })
}

fn breaker(draft: &mut Draft<'_>, verb: &str) -> Result<BreakerPhase, JournalError> {
    let key = rows::admission::breaker(verb);
    let phase = draft.get(Table::Admission, &key)?.unwrap_or_else(Breaker::beginning);
    let Some(right) = phase.drawn_in(draft.now) else { return Ok(phase) };
    draft.put(Table::Admission, &key, Some(&right));
    Ok(right)
}

/// Holds the worst case under every cap that the call falls under.
fn reserve(draft: &mut Draft<'_>, look: &Look<'_>, spender: &Spender<'_>) -> Result<Admitted, JournalError> {
    let Look { perform, plan, .. } = *look;
    let amount = match draft.core.performer.worst_case(plan, &perform.call) {
        Worst::Nothing => return Ok(look.go(None)),
        Worst::Unpriced(message) => return Ok(deny(perform, Denial::Budget, message)),
        Worst::AtMost(amount) => amount,
    };
    if let Call::Agent(call) = &*perform.call
        && let Some(most) = call.max_cost
        && !matches!(amount.exceeds(most), Ok(false))
    {
        let message = format!("asking \"{}\" may cost up to {amount}, more than its {most}", call.agent);
        return Ok(deny(perform, Denial::Budget, message));
    }
    let caps = spender.caps(plan, draft.now);
    let mut judged = Vec::with_capacity(caps.len());
    for cap in &caps {
        if cap.on_exceed == OnExceed::Wait
            && let Some(stop) = look.behind(draft, &Cause::Budget(cap.place.name()))
        {
            return Ok(stop);
        }
        judged.push(cap.with(account(draft, &cap.place, amount)?));
    }
    match budget::admit(&judged, amount) {
        budget::Verdict::Admit { .. } => {}
        budget::Verdict::Wait { cap } => {
            let place = judged.iter().position(|judged| judged.name == cap);
            let Some(place) = place.map(|place| &caps[place]) else {
                return Ok(look.wait(Cause::Budget(cap), None));
            };
            return Ok(look.wait(Cause::Budget(place.place.name()), place.ends));
        }
        budget::Verdict::Refuse { cap, reason } => {
            let message = format!("{cap} has no room for up to {amount}: {reason}");
            return Ok(deny(perform, Denial::Budget, message));
        }
    }
    hold(draft, look, amount, places(caps, spender.today(plan, draft.now)))
}

/// Writes a reservation into its rows.
fn hold(
    draft: &mut Draft<'_>,
    look: &Look<'_>,
    amount: Money,
    places: Vec<SumsKey>,
) -> Result<Admitted, JournalError> {
    for place in &places {
        let account = account(draft, place, amount)?;
        let reserved =
            account.reserved.checked_add(amount.amount).filter(|_| account.currency == amount.currency);
        let Some(reserved) = reserved else {
            let message = format!("{amount} does not add up with what {} has spent", place.scope);
            return Ok(deny(look.perform, Denial::Budget, message));
        };
        let key = place.row();
        draft.put(Table::Ledger, &key, Some(&Account { reserved, ..account }));
    }
    let key = rows::ledger::lease(&look.perform.effect, look.perform.attempt);
    draft.put(Table::Ledger, &key, Some(&Reservation { amount, places }));
    Ok(look.go(Some(amount)))
}

fn account(draft: &mut Draft<'_>, place: &SumsKey, like: Money) -> Result<Account, JournalError> {
    let key = place.row();
    Ok(draft.get(Table::Ledger, &key)?.unwrap_or_else(|| Account::empty(like.currency)))
}

/// Settles what a transition ended: money of attempts that are over, and the breaker of the verb that answered.
pub(super) fn settle(
    draft: &mut Draft<'_>,
    before: Option<&Run>,
    envelope: &Envelope,
) -> Result<(), JournalError> {
    let Some(before) = before else { return Ok(()) };
    let mut over = Vec::new();
    for (id, old) in &before.effects {
        let (EffectPhase::Leased { .. }, Some(call)) = (&old.life.phase, &old.call) else { continue };
        let attempt = old.life.attempt;
        let new = draft.run.as_ref().and_then(|run| run.effects.get(id));
        let goes_on = new.is_some_and(|new| {
            matches!(new.life.phase, EffectPhase::Leased { .. }) && new.life.attempt == attempt
        });
        if !goes_on {
            over.push((id.clone(), attempt, call.clone()));
        }
    }
    for (id, attempt, call) in over {
        if matches!(*call, Call::Agent(_) | Call::Route { .. }) {
            release(draft, &id, attempt, &envelope.event)?;
        }
        // Our own death says nothing about the other side: it must not shut the door to it.
        if let Some(verb) = verb(&call)
            && !matches!(envelope.event, Event::EffectUnknown { host_died: true, .. })
        {
            let live = draft.core.live();
            let verb = live.plan.as_ref().map_or_else(|| verb.to_owned(), |plan| plan.oldest_verb(verb));
            feed(draft, &id, &verb, &envelope.event)?;
        }
    }
    Ok(())
}

/// Turns a reservation into what the attempt really cost; where nobody can tell, into all of it.
pub(super) fn release(
    draft: &mut Draft<'_>,
    effect: &EffectId,
    attempt: u32,
    event: &Event,
) -> Result<(), JournalError> {
    let key = rows::ledger::lease(effect, attempt);
    let Some(held) = draft.get::<Reservation>(Table::Ledger, &key)? else { return Ok(()) };
    let nothing = Money::zero(held.amount.currency);
    let cost = match event {
        Event::EffectSucceeded { effect: of, attempt: at, cost, .. } if of == effect && *at == attempt => {
            cost.unwrap_or(held.amount)
        }
        Event::EffectFailed { effect: of, attempt: at, cost, .. } if of == effect && *at == attempt => {
            cost.unwrap_or(nothing)
        }
        // Its door was shut before anything left.
        Event::EffectHeldBack { effect: of, attempt: at, .. } if of == effect && *at == attempt => nothing,
        _ => held.amount,
    };
    for place in &held.places {
        let account = account(draft, place, held.amount)?;
        let row = place.row();
        // A cost in another currency cannot be counted here: the reservation stands for it.
        let settled = budget::settle(account, held.amount, Some(cost))
            .or_else(|_| budget::settle(account, held.amount, Some(held.amount)));
        if let Ok(settled) = settled {
            draft.put(Table::Ledger, &row, Some(&settled));
            // There may be room again for who waits.
            draft.lines.moved.insert(Cause::Budget(place.name()));
        }
    }
    draft.put::<Reservation>(Table::Ledger, &key, None);
    Ok(())
}

/// Tells the breaker of a verb how a call of it went.
fn feed(draft: &mut Draft<'_>, effect: &EffectId, verb: &str, event: &Event) -> Result<(), JournalError> {
    let now = draft.now;
    let told = match event {
        Event::EffectSucceeded { effect: of, .. } | Event::EffectProbed { effect: of, .. }
            if of == effect =>
        {
            BreakerEvent::Success
        }
        Event::EffectFailed { effect: of, class, .. } if of == effect => match class {
            ErrorClass::Transient | ErrorClass::RateLimited | ErrorClass::Auth | ErrorClass::Unavailable => {
                BreakerEvent::Failure(now)
            }
            ErrorClass::Invalid | ErrorClass::Conflict | ErrorClass::Gone | ErrorClass::Refused => {
                BreakerEvent::Success
            }
        },
        Event::EffectUnknown { effect: of, .. } if of == effect => BreakerEvent::Failure(now),
        // A lease that ran out is a call that was never answered.
        Event::TimerFired { .. } => BreakerEvent::Failure(now),
        _ => return Ok(()),
    };
    let phase = breaker(draft, verb)?;
    let next = Breaker::default().drive(&phase, &told).state;
    if next != phase {
        draft.put(Table::Admission, &rows::admission::breaker(verb), Some(&next));
        draft.lines.moved.insert(Cause::Breaker(verb.to_owned()));
    }
    Ok(())
}
