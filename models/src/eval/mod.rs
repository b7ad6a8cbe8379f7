//! How well a router does on messages whose class is known: its words for accuracy, and what its promises became.

mod labelled;
mod measures;

use std::{collections::BTreeMap, time::Instant};

use serde::{Deserialize, Serialize};

pub use labelled::{Labelled, LabelledError, few, lessons_of, read_labelled};

use crate::{
    embed::{EmbedError, Model},
    router::{Decision, Outcome, Router, SentenceRouter, rounded},
};

/// The precisions that are looked at, in percent.
const TARGETS: [u8; 3] = [95, 98, 99];

/// What became of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The share of the decided messages whose class was right; deciding about a stranger is wrong.
    pub precision: f64,
    /// The share of all messages that were decided.
    pub share: f64,
    /// The threshold of the promise.
    pub threshold: f64,
}

/// How well a router does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How many messages were decided about.
    pub messages: usize,
    /// How many of them are of no class.
    pub strangers: usize,
    /// How many classes the router knows.
    pub classes: usize,
    /// The share of the messages of a class whose likeliest class is right, abstentions or not.
    pub accuracy: f64,
    /// How often a message of a class is surer than a stranger; `None` without both.
    pub oos_auroc: Option<f64>,
    /// How far the probabilities are from the shares that are right, over 15 bins of all messages.
    pub ece: f64,
    /// Precision and share at promises of 95, 98 and 99 %.
    pub targets: BTreeMap<String, Target>,
    /// The median time of a decision beyond its embedding, in microseconds.
    pub decide_us: f64,
    /// The time that the fit took, in milliseconds, where the caller measured it.
    pub fit_ms: Option<f64>,
    /// The model whose vectors were read.
    pub model: Model,
    /// The digest of the router.
    pub router: String,
}

/// Decides about messages and says how well.
///
/// # Errors
/// [`EmbedError`] where the messages get no vectors.
pub fn evaluate(router: &SentenceRouter, messages: &[Labelled]) -> Result<Report, EmbedError> {
    let mut decided = Vec::with_capacity(messages.len());
    let mut micros = Vec::with_capacity(messages.len());
    for part in messages.chunks(64) {
        let texts: Vec<&str> = part.iter().map(|message| message.text.as_str()).collect();
        for (embedding, message) in router.embedder().embed(&texts)?.iter().zip(part) {
            let started = Instant::now();
            let decision = router.decide_embedding(embedding);
            micros.push(started.elapsed().as_secs_f64() * 1e6);
            decided.push(Judged::of(&decision, message));
        }
    }
    let of = |one: &Judged, is_right| Outcome { probability: one.probability, is_right };
    let sure: Vec<Outcome> = decided.iter().map(|one| of(one, one.is_right)).collect();
    let strange: Vec<Outcome> = decided.iter().map(|one| of(one, !one.is_stranger)).collect();
    let strangers = decided.iter().filter(|one| one.is_stranger).count();
    let right = decided.iter().filter(|one| one.is_right).count();
    let target =
        |percent: u8| (percent.to_string(), kept(&sure, router.threshold_for(f64::from(percent) / 100.0)));
    Ok(Report {
        messages: messages.len(),
        strangers,
        classes: router.classes().len(),
        accuracy: share(right, messages.len() - strangers),
        oos_auroc: measures::auroc(&strange).map(rounded),
        ece: rounded(measures::calibration_error(&sure)),
        targets: TARGETS.into_iter().map(target).collect(),
        decide_us: rounded(measures::median(micros)),
        fit_ms: None,
        model: router.model().clone(),
        router: router.digest().to_owned(),
    })
}

struct Judged {
    probability: f64,
    is_right: bool,
    is_stranger: bool,
}

impl Judged {
    fn of(decision: &Decision, message: &Labelled) -> Self {
        let is_right = message.label.is_some() && decision.class == message.label;
        Self { probability: decision.probability, is_right, is_stranger: message.label.is_none() }
    }
}

fn kept(sure: &[Outcome], threshold: f64) -> Target {
    let decided: Vec<bool> =
        sure.iter().filter(|one| one.probability >= threshold).map(|one| one.is_right).collect();
    let right = decided.iter().filter(|is_right| **is_right).count();
    // A router that decides nothing breaks no promise.
    let precision = if decided.is_empty() { 1.0 } else { share(right, decided.len()) };
    Target { precision, share: share(decided.len(), sure.len()), threshold }
}

fn share(part: usize, whole: usize) -> f64 {
    let count = |number: usize| u32::try_from(number).map_or(f64::from(u32::MAX), f64::from);
    if whole == 0 { 0.0 } else { rounded(count(part) / count(whole)) }
}
