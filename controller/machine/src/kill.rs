//! Ends a run at once, without its definition and without its payloads.
//!
//! What was under way is not forgotten: nobody knows what became of it, so it stays in doubt until its answer comes after all or
//! the operator tells. Child runs are killed with their parent, but for those that were told to go on by themselves; branches
//! are always killed with it.

use serde_json::Value;

use crate::{
    branch::{BranchId, Round, is_branch},
    call::Notice,
    draft::Draft,
    event::{BranchEnded, Envelope, Event, Labelled},
    fact::Fact,
    id::{EffectId, InstanceId},
    life::{
        Driven, Lifecycle,
        effect::{EffectAction, EffectEvent},
    },
    output::branch_output,
    run::{Branches, Child, Close, EffectState, GatePhase, Part, Phase, Run, Status},
    verdict::{Env, Refusal, Step, Verdict},
};

/// Ends a run at once: nothing is undone, what has not left is withdrawn, what is under way is unknown, children end too.
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
    abandon_effects(&mut draft);
    end_children(&mut draft, reason);
    end_branches(&mut draft, reason);
    close_gates(&mut draft);
    clear_timers(&mut draft);
    end(&mut draft, reason.clone());
    draft.finish(Verdict::Applied)
}

/// Writes the terminal record and tells the parent run.
fn end(draft: &mut Draft<'_>, reason: String) {
    let went_back = matches!(draft.run.phase, Phase::Unwinding { to: Status::RolledBack, .. });
    let (status, at, reason) = (Status::Killed, draft.at(), Some(reason));
    draft.fact(Fact::Positioned { position: None });
    draft.fact(Fact::RunMoved { phase: Phase::Ended { status, at, reason } });
    if went_back { tell_parent_for_good(draft) } else { tell_parent(draft, status) }
}

/// Tells the parent run how this one ended.
pub(crate) fn tell_parent(draft: &mut Draft<'_>, status: Status) {
    if let Some(branch) = BranchId::of(&draft.run.id) {
        return tell_parent_of_branch(draft, branch, status);
    }
    let word = if status == Status::Killed { Status::Failed } else { status }.word();
    tell_parent_run(draft, word);
}

/// Tells the parent that this run was killed and takes nothing back any more: one that waits for that waits no longer. "It failed"
/// would not do: that may have been told before the run heard that it is to take back what it did.
pub(crate) fn tell_parent_for_good(draft: &mut Draft<'_>) {
    match BranchId::of(&draft.run.id) {
        Some(branch) => tell_parent_of_branch(draft, branch, Status::Killed),
        None => tell_parent_run(draft, Status::Killed.word()),
    }
}

fn tell_parent_run(draft: &mut Draft<'_>, word: &str) {
    let Some(effect) = draft.run.parent.clone() else { return };
    let (parent, status, output) = (effect.instance(), word.to_owned(), draft.run.output());
    let run = Some(draft.run.id.clone());
    draft.post(parent, Event::ChildEnded { effect, status, output, run });
}

/// Tells the parent of a branch that ended in doubt that nothing of it is in doubt any more.
pub(crate) fn tell_that_it_is_known(draft: &mut Draft<'_>) {
    if let (Phase::Ended { status, .. }, true) = (&draft.run.phase, is_branch(&draft.run.id)) {
        let status = *status;
        tell_parent(draft, status);
    }
}

fn tell_parent_of_branch(draft: &mut Draft<'_>, branch: BranchId, status: Status) {
    let run = &draft.run;
    let reason = match &run.phase {
        Phase::Ended { reason, .. } => reason.clone(),
        Phase::Active | Phase::Paused { .. } | Phase::Queued { .. } | Phase::Unwinding { .. } => None,
    };
    let word = status.word();
    // What a branch did that did not end well is taken back: its results say nothing any more.
    let value = match status {
        Status::Done => branch_output(word, run.output(), None),
        Status::Failed | Status::Cancelled | Status::Killed | Status::RolledBack => {
            branch_output(word, Value::Null, reason.clone())
        }
    };
    let (stands, doubt) = (status == Status::Done && run.stands(), run.is_in_doubt());
    let output = Labelled { value, labels: run.output_labels() };
    let (round, index) = (branch.round, branch.index);
    let ended = BranchEnded { round, index, status: word.to_owned(), stands, doubt, reason, output };
    draft.post(InstanceId::run(branch.parent), Event::BranchEnded(Box::new(ended)));
}

/// Lets every effect go that is not settled, and keeps the doubt about those that had left.
fn abandon_effects(draft: &mut Draft<'_>) {
    let open: Vec<(EffectId, Part<EffectState>)> = draft
        .run
        .effects
        .iter()
        .filter(|(_, state)| !state.is_settled())
        .map(|(id, state)| (id.clone(), state.clone()))
        .collect();
    for (effect, state) in open {
        let why = "its run was killed while it was under way".to_owned();
        let Driven { state: life, answer } = state.traits.drive(&state.life, &EffectEvent::Abandon(why));
        draft.fact(Fact::EffectMoved { effect: effect.clone(), life });
        for action in answer.actions {
            if let EffectAction::AskOperator(why) = action {
                draft.notify(doubt(draft, &effect, &why));
            }
        }
    }
}

/// Tells the operator that nobody knows whether an effect happened.
pub(crate) fn doubt(draft: &Draft<'_>, effect: &EffectId, why: &str) -> Notice {
    Notice {
        id: format!("{}.unknown.{effect}", draft.run.id),
        topic: "unknown".to_owned(),
        risk: None,
        title: format!("nobody knows whether {effect} happened: {why}"),
        action: "adjutant dead".to_owned(),
    }
}

/// Kills the child runs that have not ended. One that was to go on by itself does so, and nobody waits for it any more.
pub(crate) fn end_children(draft: &mut Draft<'_>, reason: &str) {
    let open: Vec<(EffectId, Child)> = draft
        .run
        .effects
        .iter()
        .filter_map(|(id, state)| Some((id.clone(), state.child.clone().filter(|child| !child.has_ended)?)))
        .collect();
    for (effect, child) in open {
        draft.fact(Fact::ChildEnded { effect });
        if child.close != Close::Detach {
            let reason = format!("its parent \"{}\" was killed: {reason}", draft.run.id);
            draft.post(InstanceId::run(child.run), Event::RunKilled { reason });
        }
    }
}

/// Kills the branches that go on, and those that take back what they did.
fn end_branches(draft: &mut Draft<'_>, reason: &str) {
    let open: Vec<(Round, Part<Branches>)> = draft
        .run
        .branches
        .iter()
        .filter(|(_, branches)| branches.live() + branches.returning() > 0)
        .map(|(round, branches)| (round.clone(), branches.clone()))
        .collect();
    for (round, branches) in open {
        draft.fact(Fact::BranchesLetGo { round: round.clone() });
        for index in branches.live_ones().chain(branches.returning_ones()) {
            let (parent, round) = (draft.run.id.clone(), round.clone());
            let name = BranchId { parent, round, index }.to_string();
            let reason = format!("\"{}\" was killed: {reason}", draft.run.id);
            draft.post(InstanceId::run(name), Event::RunKilled { reason });
        }
    }
}

/// Closes every open gate.
pub(crate) fn close_gates(draft: &mut Draft<'_>) {
    let open: Vec<String> = draft.run.open_gates().map(|gate| gate.id.clone()).collect();
    for gate in open {
        close_gate(draft, gate);
    }
}

/// Closes a gate.
pub(crate) fn close_gate(draft: &mut Draft<'_>, gate: String) {
    draft.fact(Fact::GateMoved { gate: gate.clone(), phase: GatePhase::Withdrawn, decided: None });
    draft.clear_timer(&crate::event::TimerId::Gate(gate));
}

/// Removes every timer.
pub(crate) fn clear_timers(draft: &mut Draft<'_>) {
    let timers: Vec<_> = draft.run.timers.keys().cloned().collect();
    for timer in timers {
        draft.clear_timer(&timer);
    }
}
