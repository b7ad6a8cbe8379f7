//! Ends a run at once, without its definition and without its payloads.

use crate::{
    command::Command,
    draft::Draft,
    event::{Envelope, Event},
    fact::Fact,
    id::EffectId,
    run::{EffectPhase, GatePhase, Phase, Run, Status},
    verdict::{Env, Refusal, Step, Verdict},
};

/// Ends a run at once: nothing is undone, what has not left is withdrawn, what is under way is answered as stale.
///
/// It reads no definition, so that it works where the bundle is lost or the machine's other answers are wrong.
pub fn step_kill(run: &Run, envelope: &Envelope, env: &Env) -> Step {
    let Event::RunKilled { reason } = &envelope.event else {
        return Step::refused(Refusal::Phase {
            phase: "asked to be killed by an event that is no kill".to_owned(),
        });
    };
    if run.has_seen(&envelope.id) {
        return Step::nothing(Verdict::Duplicate { first: None });
    }
    if let Phase::Ended { status, .. } = &run.phase {
        return Step::refused(Refusal::Ended { status: status.word().to_owned() });
    }
    let mut draft = Draft::new(run.clone(), envelope, *env);
    withdraw_effects(&mut draft);
    close_gates(&mut draft);
    clear_timers(&mut draft);
    end(&mut draft, Status::Killed, Some(reason.clone()));
    draft.finish(Verdict::Applied)
}

/// Writes the terminal record and tells the parent run.
fn end(draft: &mut Draft<'_>, status: Status, reason: Option<String>) {
    draft.fact(Fact::Positioned { position: None });
    draft.fact(Fact::RunMoved { phase: Phase::Ended { status, at: draft.at(), reason } });
    tell_parent(draft, status);
}

/// Tells the parent run how this one ended.
pub(crate) fn tell_parent(draft: &mut Draft<'_>, status: Status) {
    let Some(parent) = draft.run.parent.clone() else { return };
    let word = if status == Status::Killed { Status::Failed } else { status }.word();
    let event =
        Event::ChildEnded { effect: parent.clone(), status: word.to_owned(), output: draft.run.output() };
    draft.command(Command::Deliver { to: parent.instance(), event });
}

/// Takes every effect that is not settled out of the outbox.
fn withdraw_effects(draft: &mut Draft<'_>) {
    let open: Vec<EffectId> =
        draft.run.effects.iter().filter(|(_, state)| !state.is_settled()).map(|(id, _)| id.clone()).collect();
    for effect in open {
        let life = draft.run.effects[&effect].life.to(EffectPhase::Withdrawn);
        draft.fact(Fact::EffectMoved { effect: effect.clone(), life });
        draft.command(Command::Withdraw { effect });
    }
}

/// Closes every open gate.
pub(crate) fn close_gates(draft: &mut Draft<'_>) {
    let open: Vec<String> = draft.run.open_gates().map(|gate| gate.id.clone()).collect();
    for gate in open {
        draft.fact(Fact::GateMoved { gate: gate.clone(), phase: GatePhase::Withdrawn, decided: None });
        draft.clear_timer(&crate::event::TimerId::Gate(gate));
    }
}

/// Removes every timer.
pub(crate) fn clear_timers(draft: &mut Draft<'_>) {
    let timers: Vec<_> = draft.run.timers.keys().cloned().collect();
    for timer in timers {
        draft.clear_timer(&timer);
    }
}
