//! Telling the operator of what was done under a grant of level `notify`: one notice for one effect, in the batch that says
//! that it happened, so that neither a crash nor a repetition loses or doubles it.

use adjutant_machine::{
    call::Notice,
    id::EffectId,
    money::{
        permission::{Asking, name, permission},
        policy::Permission,
    },
    run::{EffectPhase, EffectState, Purpose, Run},
};
use adjutant_spec::{
    advice::Advice,
    plan::{Level, Plan},
};

use super::draft::Draft;

/// Its place among the messages of an entry: after everything that the machine says.
const PLACE: u16 = u16::MAX;

/// Puts the notices of a transition into the outbox.
pub(super) fn tell(draft: &mut Draft<'_>, before: Option<&Run>) {
    let live = draft.core.live();
    let (Some(plan), Some(before), Some(run)) = (&live.plan, before, &draft.run) else { return };
    if !plan.policies.autonomy.iter().any(|grant| grant.level == Level::Notify) {
        return;
    }
    let seq = run.seq;
    let done = before
        .effects
        .iter()
        .filter(|(id, old)| has_happened(old, run.effects.get(id).map(|state| &**state)));
    let notices: Vec<Notice> = done.filter_map(|(id, old)| notice(plan, run, (id, old))).collect();
    for (place, notice) in (0..=PLACE).rev().zip(notices) {
        draft.notice(seq, place, notice);
    }
}

fn has_happened(old: &EffectState, new: Option<&EffectState>) -> bool {
    let is_done = |state: &EffectState| state.life.phase == EffectPhase::Succeeded;
    old.purpose == Purpose::Step && !is_done(old) && new.is_some_and(is_done)
}

fn notice(plan: &Plan, run: &Run, (id, effect): (&EffectId, &EffectState)) -> Option<Notice> {
    let call = effect.call.as_deref()?;
    let (approval, playbook) = (effect.approval.as_ref(), &run.oldest());
    match permission(plan, &Asking { call, approval, playbook, stage: run.stage }) {
        Permission::Allow { tells: true, .. } => Some(Notice {
            id: format!("{id}#act"),
            topic: "act".to_owned(),
            risk: None,
            title: format!("{} was done by step \"{}\" of {}", name(call), effect.step, run.id),
            action: Advice::Log(&run.id).into(),
        }),
        _ => None,
    }
}
