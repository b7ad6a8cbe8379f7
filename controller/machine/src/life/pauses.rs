//! Pauses of an effect: how long it waits before it is tried again, and the pause of its run.

use statig::Outcome;

use super::{
    Answer,
    effect::{EffectAction, EffectEvent},
};
use crate::{
    id::EffectId,
    run::{EffectPhase, Life, Traits},
};

/// Full jitter: uniform between one millisecond and the doubled pause, drawn from the effect's id, the attempt and the seed.
#[must_use]
pub fn jitter(traits: &Traits, attempt: u32, seed: u64) -> u64 {
    let backoff = traits.retry.backoff;
    let doubled = backoff.first.millis().saturating_mul(1_u64.checked_shl(attempt - 1).unwrap_or(u64::MAX));
    let longest = doubled.min(backoff.longest.millis()).max(1);
    1 + draw(&traits.id, attempt, seed) % longest
}

fn draw(effect: &EffectId, attempt: u32, seed: u64) -> u64 {
    let hash = blake3::hash(format!("{effect}#{attempt}#{seed}").as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_be_bytes(bytes)
}

/// Takes an effect out of the way while its run is paused, and puts it back.
pub(super) fn held(life: &Life, event: &EffectEvent, answer: &mut Answer<EffectAction>) -> Outcome<Life> {
    match (&life.phase, event) {
        (
            EffectPhase::Queued | EffectPhase::Deferred { .. } | EffectPhase::BackingOff { .. },
            EffectEvent::Hold,
        ) => Outcome::Transition(life.to(EffectPhase::Held)),
        (EffectPhase::Held, EffectEvent::Release) => {
            answer.act(EffectAction::Enqueue);
            Outcome::Transition(life.to(EffectPhase::Queued))
        }
        (_, EffectEvent::Release) | (EffectPhase::Held, EffectEvent::Hold) => answer.repeated(),
        _ => Outcome::Super,
    }
}
