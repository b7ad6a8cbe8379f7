//! How much each played text counts: the rehearsal's mixture is brought to the traffic's.

use super::{
    gate::{Known, features},
    judge::Glance,
    lessons::Promise,
    matrix::count,
    rehearsal::{ORIGINS, Origin, Played},
};

/// Of a route's strangers so many are near to its classes, as a left-out class is, when there are many classes; the others
/// are about anything at all, as the general store is.
const NEAR: f64 = 0.6;

/// With this many classes left-out ones play only half as many: few of them say little about what is near.
const HALF_NEAR_CLASSES: f64 = 4.0;

/// With this many classes a route is halfway between one of few and one of many: in the usual share of strangers, and in
/// how many of them mixtures play. Few left-out classes are farther from the others than what arrives on purpose.
const HALFWAY_CLASSES: f64 = 20.0;

/// The operator's own strangers outweigh the others from this number on.
const CONVINCING: f64 = 20.0;

/// Temperatures are looked for between these.
const COLDEST: f64 = 0.05;
const HOTTEST: f64 = 20.0;
const NARROWINGS: usize = 60;

/// Returns the temperature at which the held-out examples' own classes are likeliest.
pub(super) fn temperature(played: &[Played]) -> f32 {
    let own: Vec<(&Glance, usize)> =
        played.iter().filter_map(|one| Some((&one.glance, one.truth?))).collect();
    if own.is_empty() {
        return 1.0;
    }
    let loss = |logarithm: f64| -> f64 {
        own.iter().map(|(glance, truth)| surprise(glance, *truth, logarithm.exp())).sum()
    };
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (COLDEST.ln(), HOTTEST.ln());
    for _ in 0..NARROWINGS {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if loss(left) <= loss(right) { high = right } else { low = left }
    }
    f64::midpoint(low, high).exp() as f32
}

fn surprise(glance: &Glance, truth: usize, temperature: f64) -> f64 {
    let power = |logit: &f32| f64::from(*logit) / temperature;
    let logits = || glance.logits.iter().chain(&glance.strange);
    let most = logits().map(power).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logits().map(|logit| (power(logit) - most).exp()).sum();
    most + total.ln() - power(&glance.logits[truth])
}

/// Returns the played texts as cases of the traffic that the promise is about.
pub(super) fn weigh(played: &[Played], temperature: f32, traffic: &Traffic) -> Vec<Known> {
    let known: Vec<(Known, Origin)> =
        played.iter().map(|one| (known(one, temperature), one.origin)).collect();
    let of = |origin: Origin| known.iter().filter(move |one| one.1 == origin);
    let total = |origin: Origin| of(origin).map(|one| one.0.weight).sum::<f64>();
    let weight = |origin: Origin| traffic.share(origin) / total(origin).max(f64::MIN_POSITIVE);
    let weights = ORIGINS.map(|one| (one, weight(one)));
    let weight =
        |origin: Origin| weights.iter().find(|(one, _)| *one == origin).map_or(0.0, |(_, weight)| *weight);
    known
        .into_iter()
        .map(|(known, origin)| Known { weight: known.weight * weight(origin), ..known })
        .collect()
}

/// Returns a played text as a case, which weighs as much as it is more crowded among all classes.
fn known(one: &Played, temperature: f32) -> Known {
    let is_right = one.truth == Some(one.glance.best);
    let weight = if is_right || one.origin != Origin::Own { 1.0 } else { one.crowding };
    let features = features(&one.glance, temperature);
    Known { features, is_strange: one.glance.is_strange(), is_right, weight }
}

/// A few classes cover little of what arrives: four messages in ten are strangers there, two in ten with hundreds of
/// classes. To assume too many costs some share; to assume too few breaks the promise.
fn usual_strangers(classes: usize) -> f64 {
    0.17 + 0.23 * fewness(classes)
}

/// Near one with two classes, near zero with very many.
fn fewness(classes: usize) -> f64 {
    HALFWAY_CLASSES / (HALFWAY_CLASSES + count(classes))
}

/// Where the texts of the traffic come from.
pub(super) struct Traffic {
    strangers: f64,
    left_out: f64,
    mixed: f64,
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
        let mixed = some(Origin::Mixed, NEAR * fewness(classes));
        let background = some(Origin::Background, 1.0 - near - NEAR * fewness(classes));
        let known = strangers / CONVINCING * (left_out + mixed + background);
        let total = (left_out + mixed + background + known).max(f64::MIN_POSITIVE);
        Self {
            strangers: promise.strangers.unwrap_or_else(|| usual_strangers(classes)),
            left_out: left_out / total,
            mixed: mixed / total,
            background: background / total,
            known: known / total,
        }
    }

    fn share(&self, origin: Origin) -> f64 {
        match origin {
            Origin::Own => 1.0 - self.strangers,
            Origin::LeftOut => self.strangers * self.left_out,
            Origin::Mixed => self.strangers * self.mixed,
            Origin::Background => self.strangers * self.background,
            Origin::Stranger => self.strangers * self.known,
        }
    }
}
