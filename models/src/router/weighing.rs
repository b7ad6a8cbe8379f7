//! How much each played text counts: the rehearsal's mixture is brought to the traffic's.

use super::{
    gate::{Features, Known, features},
    lessons::Promise,
    matrix::count,
    rehearsal::{Origin, Played},
};

/// Of a route's strangers so many are near to its classes, as a left-out class is, when there are many classes; the others
/// are about anything at all, as the general store is.
const NEAR: f64 = 0.6;

/// With this many classes only half as many: few left-out classes say little about what is near.
const HALF_NEAR_CLASSES: f64 = 4.0;

/// With this many classes the usual share of strangers is halfway between that of few and that of many.
const HALFWAY_CLASSES: f64 = 20.0;

/// The operator's own strangers outweigh the others from this number on.
const CONVINCING: f64 = 20.0;

/// Temperatures are looked for between these.
const TEMPERATURES: (f64, f64) = (0.05, 20.0);
const NARROWINGS: usize = 60;

/// Returns the temperature at which the held-out examples' own classes are likeliest.
pub(super) fn temperature(played: &[Played]) -> f32 {
    let own: Vec<(&[f32], usize)> =
        played.iter().filter_map(|one| Some((one.glance.logits.as_slice(), one.truth?))).collect();
    if own.is_empty() {
        return 1.0;
    }
    let loss = |logarithm: f64| -> f64 {
        own.iter().map(|(logits, truth)| surprise(logits, *truth, logarithm.exp())).sum()
    };
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (TEMPERATURES.0.ln(), TEMPERATURES.1.ln());
    for _ in 0..NARROWINGS {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if loss(left) <= loss(right) { high = right } else { low = left }
    }
    f64::midpoint(low, high).exp() as f32
}

fn surprise(logits: &[f32], truth: usize, temperature: f64) -> f64 {
    let power = |logit: &f32| f64::from(*logit) / temperature;
    let most = logits.iter().map(power).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logits.iter().map(|logit| (power(logit) - most).exp()).sum();
    most + total.ln() - power(&logits[truth])
}

/// Returns the played texts as cases of the traffic that the promise is about.
pub(super) fn weigh(played: &[Played], temperature: f32, traffic: &Traffic) -> Vec<Known> {
    let known: Vec<(Features, bool, Origin, f64)> = played
        .iter()
        .map(|one| {
            let is_right = one.truth == Some(one.glance.best);
            let crowding = if is_right || one.origin != Origin::Own { 1.0 } else { one.crowding };
            (features(&one.glance, temperature), is_right, one.origin, crowding)
        })
        .collect();
    let total = |origin: Origin| known.iter().filter(|one| one.2 == origin).map(|one| one.3).sum::<f64>();
    let weight = |origin: Origin| traffic.share(origin) / total(origin).max(f64::MIN_POSITIVE);
    let weights =
        [Origin::Own, Origin::LeftOut, Origin::Background, Origin::Stranger].map(|one| (one, weight(one)));
    let weight =
        |origin: Origin| weights.iter().find(|(one, _)| *one == origin).map_or(0.0, |(_, weight)| *weight);
    known
        .into_iter()
        .map(|(features, is_right, origin, crowding)| Known {
            features,
            is_right,
            weight: crowding * weight(origin),
        })
        .collect()
}

/// A few classes cover little of what arrives: four messages in ten are strangers there, two in ten with hundreds of
/// classes. To assume too many costs some share; to assume too few breaks the promise.
fn usual_strangers(classes: usize) -> f64 {
    0.17 + 0.23 * HALFWAY_CLASSES / (HALFWAY_CLASSES + count(classes))
}

/// Where the texts of the traffic come from.
pub(super) struct Traffic {
    strangers: f64,
    left_out: f64,
    background: f64,
    known: f64,
}

impl Traffic {
    /// Divides the strangers of a promise among those that were played.
    pub(super) fn of(played: &[Played], classes: usize, promise: Promise) -> Self {
        let number = |origin: Origin| count(played.iter().filter(|one| one.origin == origin).count());
        let some = |origin: Origin, weight: f64| if number(origin) > 0.0 { weight } else { 0.0 };
        let strangers = number(Origin::Stranger);
        let near = NEAR * count(classes) / (count(classes) + HALF_NEAR_CLASSES);
        let left_out = some(Origin::LeftOut, near);
        let background = some(Origin::Background, 1.0 - near);
        let known = strangers / CONVINCING * (left_out + background);
        let total = (left_out + background + known).max(f64::MIN_POSITIVE);
        Self {
            strangers: promise.strangers.unwrap_or_else(|| usual_strangers(classes)),
            left_out: left_out / total,
            background: background / total,
            known: known / total,
        }
    }

    fn share(&self, origin: Origin) -> f64 {
        match origin {
            Origin::Own => 1.0 - self.strangers,
            Origin::LeftOut => self.strangers * self.left_out,
            Origin::Background => self.strangers * self.background,
            Origin::Stranger => self.strangers * self.known,
        }
    }
}
