//! The oracle: what must be true of the world and the logs after any simulation.

use std::collections::BTreeMap;

use adjutant_machine::{
    fact::Fact,
    run::{EffectPhase, UndoState},
};
use adjutant_spec::plan::{Effect, Idempotency};

use crate::{
    chaos::Chaos,
    host::{Host, Kept},
    world::Act,
};

/// Returns every promise that was broken, for people; empty when all hold.
#[must_use]
pub fn judge<H: Host>(chaos: &Chaos<H>) -> Vec<String> {
    let acts = &chaos.world.acts;
    let mut broken = Vec::new();
    broken.extend(acted_twice(acts));
    broken.extend(acted_unwanted(acts));
    for (id, kept) in chaos.host.ids().into_iter().filter_map(|id| Some((id.clone(), chaos.host.kept(&id)?)))
    {
        let own: Vec<&Act> = acts.iter().filter(|act| act.effect.run == id).collect();
        broken.extend(unapproved(&kept, &own));
        broken.extend(forgotten(&kept, &own));
        broken.extend(unwound(&kept, &own));
        broken.extend(outlived(&kept, chaos));
        if !kept.run.is_ended() {
            broken.push(format!("{id} has not ended: {:?}", kept.run.waiting()));
        }
    }
    broken
}

/// Nothing that must not be repeated was; what may be was repeated under its own key only, while the other side knew the key.
fn acted_twice(acts: &[Act]) -> Vec<String> {
    let mut first: BTreeMap<&str, (u32, &Act)> = BTreeMap::new();
    for act in acts {
        first.entry(&act.key).or_insert((0, act)).0 += 1;
    }
    let mut broken = Vec::new();
    for (key, (count, act)) in &first {
        if *count > 1 && matches!(act.idempotency, Idempotency::AtMostOnce | Idempotency::Probe) {
            broken.push(format!("{key} ({:?}) acted {count} times", act.idempotency));
        }
    }
    for act in acts {
        let since = first[act.key.as_str()].1.at;
        if act.key_valid.is_some_and(|valid| act.at > since.plus(valid)) {
            broken.push(format!("{} was sent again with a key that had lapsed", act.key));
        }
    }
    broken
}

/// A run that unwinds, or has ended, sends nothing but what takes something back.
fn acted_unwanted(acts: &[Act]) -> Vec<String> {
    let changes = |act: &&Act| act.class != Effect::Read && !act.is_undo && act.is_unwanted;
    acts.iter().filter(changes).map(|act| format!("{} acted while its run unwound", act.effect)).collect()
}

/// A run that has ended leaves nothing in the outbox: nobody could lease it any more.
fn outlived<H: Host>(kept: &Kept, chaos: &Chaos<H>) -> Vec<String> {
    let rows = chaos.host.outbox().into_iter();
    let left = rows.filter(|effect| kept.run.is_ended() && effect.run == kept.run.id);
    left.map(|effect| format!("{effect} waits in the outbox, and its run has ended")).collect()
}

/// What happened never counts as what did not: a doubt ends by knowledge.
fn forgotten(kept: &Kept, acts: &[&Act]) -> Vec<String> {
    let changing = acts.iter().filter(|act| act.class != Effect::Read);
    let forgotten = changing.filter(|act| {
        kept.run.effects.get(&act.effect).is_some_and(|state| {
            matches!(
                state.life.phase,
                EffectPhase::Withdrawn
                    | EffectPhase::Failed { .. }
                    | EffectPhase::Denied { .. }
                    | EffectPhase::Dead { .. }
            )
        })
    });
    forgotten.map(|act| format!("{} happened and counts as if it had not", act.effect)).collect()
}

/// No guarded call acted without an approval of exactly its payload, written before it.
fn unapproved(kept: &Kept, acts: &[&Act]) -> Vec<String> {
    let decided: Vec<&String> = facts(kept)
        .filter_map(|fact| match fact {
            Fact::GateMoved { decided: Some(decided), .. } => Some(&decided.approved),
            _ => None,
        })
        .collect();
    let guarded = acts.iter().filter(|act| act.class.is_guarded());
    let naked = guarded.filter(|act| act.approval.as_ref().is_none_or(|digest| !decided.contains(&digest)));
    naked.map(|act| format!("{} acted without an approval", act.effect)).collect()
}

/// A run that did not end well has taken back, in reverse order and once each, what happened, or the operator let it be.
fn unwound(kept: &Kept, acts: &[&Act]) -> Vec<String> {
    let mut broken = Vec::new();
    let run = &kept.run;
    let is_open = |state: &UndoState| matches!(state, UndoState::Registered | UndoState::Running(_));
    let ended_badly = run.is_ended() && !matches!(run.status(), "done" | "killed");
    for entry in run.undo.iter().filter(|_| ended_badly) {
        if is_open(&entry.state) {
            broken.push(format!("{} ended and did not take {} back", run.id, entry.effect));
        }
        let state = &run.effects[&entry.effect];
        if entry.state == UndoState::Done && state.life.phase != EffectPhase::Undone {
            broken.push(format!("{} was taken back and is {}", entry.effect, state.life.phase.word()));
        }
    }
    broken.extend(out_of_order(kept));
    let mut undone: BTreeMap<&str, u32> = BTreeMap::new();
    for act in acts.iter().filter(|act| act.is_undo && act.idempotency != Idempotency::NativeKey) {
        *undone.entry(&act.key).or_default() += 1;
    }
    broken
        .extend(undone.iter().filter(|(_, count)| **count > 1).map(|(key, _)| format!("{key} undid twice")));
    broken
}

/// Within one unwinding, undos begin in the reverse order of what they take back.
fn out_of_order(kept: &Kept) -> Vec<String> {
    let mut broken = Vec::new();
    let mut last = None;
    for fact in facts(kept) {
        match fact {
            Fact::Retried { .. } => last = None,
            Fact::UndoMoved { effect, state: UndoState::Running(_) } => {
                let place = (effect.seq, effect.index);
                if last.is_some_and(|before| place > before) {
                    broken.push(format!("{effect} was taken back too late"));
                }
                last = Some(place);
            }
            _ => {}
        }
    }
    broken
}

fn facts(kept: &Kept) -> impl Iterator<Item = &Fact> {
    kept.log.iter().flat_map(|entry| &entry.facts)
}
