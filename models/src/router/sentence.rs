//! The router that reads sentence vectors.
//!
//! ```text
//!   text ─► embedder ─► judge ─► features ─► gate ─► (calibration) ─► at least the threshold? class, else abstain
//! ```
//! Fitting is a rehearsal: judges that have not seen a text say what they think of it, the gate learns when they are
//! right, and the threshold is the least at which the rehearsal keeps the promise.

use std::sync::Arc;

use rayon::prelude::*;

use super::{
    Router,
    calibration::Calibration,
    corpus::{Corpus, view},
    decision::{Decision, Neighbour, Score, rounded},
    gate::{Features, Gate, Known, features, named},
    judge::{Glance, Judge, NearRow, Placed, highest},
    lessons::{FitError, Lessons, Promise},
    matrix::{Matrix, count},
    outside::Outside,
    regression::softmax,
    rehearsal::{Played, deals},
    statistics::{Case, NEVER, threshold},
    weighing::{Traffic, temperature, weigh},
};
use crate::embed::{EmbedError, Embedder, Embedding, Model};

/// The method and its constants; a change here changes every digest.
const METHOD: &str = "sentence/2";

/// So many of the likeliest classes and of the nearest examples are recorded.
const RECORDED: usize = 3;

/// The rehearsal's precision is believed less by so many standard errors.
const DOUBT: f64 = 0.3;

/// Of the allowed errors so much is not spent with hardly any classes, and half of that with `FEW_CLASSES`.
const UNSPENT: f64 = 0.25;
const FEW_CLASSES: f64 = 40.0;

/// A class that is likelier wrong than right is never decided, however much of the promise is left to spend: the promise
/// is about all decisions together, and the operator reads them one by one.
const LEAST_THRESHOLD: f64 = 0.5;

/// Decides by sentence vectors.
pub struct SentenceRouter {
    embedder: Arc<dyn Embedder>,
    corpus: Corpus,
    judge: Judge,
    temperature: f32,
    gate: Gate,
    rehearsed: Vec<Case>,
    promise: Promise,
    calibration: Option<Calibration>,
    threshold: f64,
    digest: String,
}

impl SentenceRouter {
    /// Fits a router to lessons, so that it keeps a promise.
    ///
    /// # Errors
    /// [`FitError`]: fewer than two classes, a promise that nobody can keep, or no vectors.
    pub fn fit(
        embedder: Arc<dyn Embedder>,
        lessons: impl Into<Lessons>,
        promise: Promise,
    ) -> Result<Self, FitError> {
        let lessons = lessons.into();
        if !promise.is_sound() {
            return Err(FitError::Promise(promise));
        }
        let corpus = Corpus::of(embedder.as_ref(), &lessons)?;
        let outside = Outside::of(embedder.as_ref(), &corpus, &lessons.strangers)?;
        let FirstFit { judge, played } = rehearse(&corpus, &outside);
        let temperature = temperature(&played);
        let known = weigh(&played, temperature, &Traffic::of(&played, corpus.classes.len(), promise));
        let gate = Gate::fit(&known);
        let case = |one: &Known| Case {
            probability: rounded(gate.probability(&one.features, one.is_strange)),
            is_right: one.is_right,
            weight: one.weight,
        };
        let rehearsed: Vec<Case> = known.iter().map(case).collect();
        let threshold = threshold_of(&rehearsed, corpus.classes.len(), promise.precision);
        let digest = digest(embedder.model(), &corpus, &lessons.strangers, promise);
        let calibration = None;
        Ok(Self {
            embedder,
            corpus,
            judge,
            temperature,
            gate,
            rehearsed,
            promise,
            calibration,
            threshold,
            digest,
        })
    }
}

/// What a fit begins with.
struct FirstFit {
    /// The judge that will decide.
    judge: Judge,
    /// What others, who had not seen them, said of texts whose class is known.
    played: Vec<Played>,
}

/// Fits the judge that will decide and, beside it, those of the rehearsal; the results do not depend on who is first.
fn rehearse(corpus: &Corpus, outside: &Outside) -> FirstFit {
    let deals = deals(corpus, outside);
    let all: Vec<usize> = (0..corpus.examples.len()).collect();
    let (judge, played) = rayon::join(
        || Judge::fit(corpus, &all, outside.strangers_without(&[])),
        || deals.par_iter().with_max_len(1).map(|deal| deal.play(corpus, outside)).collect::<Vec<_>>(),
    );
    FirstFit { judge, played: played.into_iter().flatten().collect() }
}

/// With few classes the rehearsal is a little too easy: a part of the errors that the promise allows is not spent.
fn threshold_of(rehearsed: &[Case], classes: usize, precision: f64) -> f64 {
    let unspent = UNSPENT * FEW_CLASSES / (FEW_CLASSES + count(classes));
    threshold(rehearsed, 1.0 - (1.0 - precision) * (1.0 - unspent), DOUBT).max(LEAST_THRESHOLD)
}

impl SentenceRouter {
    /// Returns the same router with what the log teaches about it.
    #[must_use]
    pub fn with_calibration(mut self, calibration: Calibration) -> Self {
        if let Some(threshold) = calibration.threshold {
            self.threshold = rounded(threshold).max(LEAST_THRESHOLD);
        }
        let numbers = [calibration.platt.slope, calibration.platt.offset, self.threshold];
        let taught = serde_json::json!([self.digest, numbers]).to_string();
        self.digest = format!("{METHOD}:{}", &blake3::hash(taught.as_bytes()).to_hex()[..16]);
        self.calibration = Some(calibration);
        self
    }

    /// Returns the threshold that another precision would need, by the rehearsal.
    #[must_use]
    pub fn threshold_for(&self, precision: f64) -> f64 {
        threshold_of(&self.rehearsed, self.corpus.classes.len(), precision)
    }

    /// Returns the classes, in order.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.corpus.classes
    }

    /// Returns what it promises.
    #[must_use]
    pub fn promise(&self) -> Promise {
        self.promise
    }

    /// Returns the embedder that it asks.
    #[must_use]
    pub fn embedder(&self) -> &Arc<dyn Embedder> {
        &self.embedder
    }

    /// Returns the decision about a text that is embedded already, by this router's model.
    #[must_use]
    pub fn decide_embedding(&self, embedding: &Embedding) -> Decision {
        let view = view(embedding);
        let is_alike = embedding.sentence.iter().any(|number| *number != 0.0);
        let text = Matrix::of(view.len(), view);
        let glances = self.judge.glance(&self.corpus, &text);
        let glance = &glances[0];
        let features = features(glance, self.temperature);
        let probability = if is_alike { self.probability(&features, glance.is_strange()) } else { 0.0 };
        let scores = self.scores(glance);
        let share = |at: usize| scores.get(at).map_or(0.0, |score| score.probability);
        let class = |at: usize| scores.get(at).filter(|_| is_alike).map(|score| score.class.clone());
        Decision {
            class: class(0),
            runner_up: class(1),
            probability,
            margin: rounded(share(0) - share(1)),
            abstains: !is_alike || probability < self.threshold,
            features: named(&features),
            neighbours: self.neighbours(glance),
            scores,
        }
    }

    fn probability(&self, features: &Features, is_strange: bool) -> f64 {
        let probability = self.gate.probability(features, is_strange);
        let calibrated = self.calibration.as_ref().map_or(probability, |one| one.apply(probability));
        rounded(calibrated).min(NEVER - 1e-6)
    }

    fn scores(&self, glance: &Glance) -> Vec<Score> {
        let mut shares: Vec<f32> = glance.logits.iter().map(|logit| logit / self.temperature).collect();
        softmax(&mut shares);
        let score = |class: Placed| Score {
            class: self.corpus.classes[self.judge.classes[class.place]].clone(),
            probability: rounded(f64::from(class.number)),
        };
        highest(&shares, RECORDED).into_iter().map(score).collect()
    }

    fn neighbours(&self, glance: &Glance) -> Vec<Neighbour> {
        let neighbour = |near: &NearRow| {
            let example = &self.corpus.examples[near.row];
            let similarity = rounded(f64::from(near.cosine).clamp(0.0, 1.0));
            Neighbour { class: example.class.clone(), text: example.text.clone(), similarity }
        };
        glance.nearest.iter().take(RECORDED).filter(|near| near.cosine > 0.0).map(neighbour).collect()
    }
}

impl Router for SentenceRouter {
    fn decide(&self, text: &str) -> Result<Decision, EmbedError> {
        let embeddings = self.embedder.embed(&[text])?;
        Ok(self
            .decide_embedding(embeddings.first().expect("an embedder answers one embedding for each text")))
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn model(&self) -> &Model {
        self.embedder.model()
    }

    fn threshold(&self) -> f64 {
        self.threshold
    }
}

fn digest(model: &Model, corpus: &Corpus, strangers: &[String], promise: Promise) -> String {
    let mut strangers: Vec<&String> = strangers.iter().collect();
    strangers.sort_unstable();
    strangers.dedup();
    let taught = serde_json::json!([METHOD, model.digest, corpus.examples, strangers, promise]).to_string();
    format!("{METHOD}:{}", &blake3::hash(taught.as_bytes()).to_hex()[..16])
}
