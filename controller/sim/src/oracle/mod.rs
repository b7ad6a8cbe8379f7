//! The oracle: what must be true of the world and the logs after any simulation.

mod approvals;
mod branches;
mod case;
mod history;
mod returning;
mod scopes;
mod unwinding;

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{Definition, id::EffectId, run::EffectPhase};
use adjutant_spec::plan::{BundleId, Effect, Idempotency};

use crate::{
    chaos::Chaos,
    host::{Host, Kept},
    recorded::RecordedRun,
    redecide::redecided,
    world::Act,
};

use case::Case;
use history::History;

/// Returns every promise that was broken, for people; empty when all hold.
#[must_use]
pub fn judge<H: Host>(chaos: &Chaos<H>) -> Vec<String> {
    let mut broken = judge_acts(&chaos.host, &chaos.world.acts);
    broken.extend(decided_otherwise(&chaos.host));
    broken
}

/// What is decided again is decided as it was: nothing but the definition, the log and the seed decides.
fn decided_otherwise<H: Host>(host: &H) -> Vec<String> {
    let definitions: BTreeMap<BundleId, Arc<Definition>> =
        host.bundles().into_iter().map(|bundle| (bundle.id(), Arc::new(Definition::new(bundle)))).collect();
    let runs = host.ids().into_iter().filter_map(|id| host.kept(&id));
    let judged = runs.filter_map(|Kept { run, log }| {
        let definition = Arc::clone(definitions.get(&run.bundle)?);
        let again = redecided(&RecordedRun { run, definition, log }, host.seed());
        (!again.is_equal()).then_some(again)
    });
    judged.map(|again| format!("it is decided otherwise the second time: {again:?}")).collect()
}

/// As [`judge`], of a host and of what happened in its world.
pub(crate) fn judge_acts<H: Host>(host: &H, acts: &[Act]) -> Vec<String> {
    let cases = cases(host, acts);
    let outbox = host.outbox();
    let mut broken = acted_twice(acts);
    for (id, case) in &cases {
        broken.extend(case.history.broken.iter().cloned());
        broken.extend(unsent(case));
        broken.extend(lapsed(case));
        broken.extend(repeated(case));
        broken.extend(forgotten(case));
        broken.extend(invented(case));
        broken.extend(approvals::unapproved(case));
        broken.extend(unwinding::unwound(case));
        broken.extend(scopes::scoped(case));
        broken.extend(outlived(case, &outbox));
        if !case.kept.run.is_ended() {
            broken.push(format!("{id} has not ended: {:?}", case.kept.run.waiting()));
        }
    }
    broken.extend(branches::branched(&cases));
    broken.extend(returning::left_standing(&cases));
    broken.extend(
        acts.iter()
            .filter(|act| !cases.contains_key(&act.effect.run))
            .map(|act| format!("{} acted, and nothing is kept of its run", act.effect)),
    );
    broken
}

fn cases<'a, H: Host>(host: &H, acts: &'a [Act]) -> BTreeMap<String, Case<'a>> {
    let kept = host.ids().into_iter().filter_map(|id| Some((host.kept(&id)?, id)));
    kept.map(|(kept, id)| {
        let history = History::of(&kept.log);
        let acts = acts.iter().filter(|act| act.effect.run == id).collect();
        (id, Case { kept, history, acts })
    })
    .collect()
}

/// Nothing that must not be repeated was; what may be was repeated as it was under its own key: the other side counts it once.
fn acted_twice(acts: &[Act]) -> Vec<String> {
    let mut first: BTreeMap<&str, &Act> = BTreeMap::new();
    let mut broken = Vec::new();
    for act in acts {
        let Some(earlier) = first.get(act.key.as_str()) else {
            first.insert(&act.key, act);
            continue;
        };
        if matches!(act.idempotency, Idempotency::AtMostOnce | Idempotency::Probe) {
            broken.push(format!("{} ({:?}) acted again", act.key, act.idempotency));
        }
        if (&earlier.verb, &earlier.args) != (&act.verb, &act.args) {
            broken.push(format!("{} was sent again as another call", act.key));
        }
    }
    broken
}

/// Nothing acts without a lease that is durable; a run or a scope that unwinds, or has ended, sends nothing but what takes something
/// back, and a run that stands in a queue sends nothing.
fn unsent(case: &Case<'_>) -> Vec<String> {
    let judged = case.acts.iter().filter_map(|act| {
        let Some(sent) = case.history.sent.get(&(act.effect.clone(), act.attempt)) else {
            return Some(format!("{}#{} acted, and its log has no lease of it", act.effect, act.attempt));
        };
        let is_unwanted = act.class != Effect::Read && !act.is_undo && sent.is_unwanted;
        is_unwanted.then(|| format!("{} was sent while its run unwound, or stood in its queue", act.effect))
    });
    judged.collect()
}

/// A key is sent only while the other side knows it, counted from the first attempt that acted under it.
fn lapsed(case: &Case<'_>) -> Vec<String> {
    let mut first = BTreeMap::new();
    let mut broken = Vec::new();
    for act in &case.acts {
        let Some(sent) = case.history.sent.get(&(act.effect.clone(), act.attempt)) else { continue };
        let since = *first.entry(&act.key).or_insert(sent.at);
        let valid = case.kept.run.effects.get(&act.effect).and_then(|state| state.traits.key_valid);
        if valid.is_some_and(|valid| sent.at > since.plus(valid)) {
            broken.push(format!("{} was sent again with a key that had lapsed", act.key));
        }
    }
    broken
}

/// One visit of a step acts once, under whatever key: only the operator's retry, or the playbook's own loop, does it again.
fn repeated(case: &Case<'_>) -> Vec<String> {
    let mut acted = BTreeMap::new();
    let mut broken = Vec::new();
    for act in case.acts.iter().filter(|act| !act.is_undo) {
        let Some(wanted) = case.history.wanted.get(&act.effect) else { continue };
        let first = *acted.entry((wanted, act.args.to_string())).or_insert(&act.effect);
        if *first != act.effect {
            broken.push(format!("{first} and {} did the same", act.effect));
        }
    }
    broken
}

/// What happened never counts as what did not: a doubt ends by knowledge.
fn forgotten(case: &Case<'_>) -> Vec<String> {
    let changing = case.acts.iter().filter(|act| act.class != Effect::Read);
    let forgotten = changing.filter(|act| {
        let did_not = |phase: &EffectPhase| {
            matches!(
                phase,
                EffectPhase::Withdrawn
                    | EffectPhase::Failed { .. }
                    | EffectPhase::Denied { .. }
                    | EffectPhase::Dead { .. }
            )
        };
        case.history.phases.get(&act.effect).is_some_and(did_not)
    });
    forgotten.map(|act| format!("{} happened and counts as if it had not", act.effect)).collect()
}

/// What did not happen never counts as what did.
fn invented(case: &Case<'_>) -> Vec<String> {
    let counts = case.history.wanted.keys().filter(|effect| {
        let phase = case.history.phases.get(*effect);
        phase.is_some_and(|phase| matches!(phase, EffectPhase::Succeeded | EffectPhase::Undone))
    });
    let counts = counts.filter(|effect| !case.history.by_hand.contains(*effect));
    let invented = counts.filter(|effect| !case.acts.iter().any(|act| act.effect == **effect));
    invented.map(|effect| format!("{effect} counts as done, and never happened")).collect()
}

/// A run that has ended leaves nothing in the outbox: nobody could lease it any more.
fn outlived(case: &Case<'_>, outbox: &[EffectId]) -> Vec<String> {
    let run = &case.kept.run;
    let left = outbox.iter().filter(|effect| run.is_ended() && effect.run == run.id);
    left.map(|effect| format!("{effect} waits in the outbox, and its run has ended")).collect()
}
