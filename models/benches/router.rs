//! What a router costs beyond its embeddings: fitting it, and one decision.
//!
//! `cargo bench --profile dev -p adjutant-models --bench router`. Vectors are drawn around a direction for each class, as
//! wide as MiniLM's and about as hard to tell apart; costs depend on their number alone.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use adjutant_models::{EmbedError, Embedder, Embedding, Example, Model, Promise, Router, SentenceRouter};

const DIMS: usize = 384;

/// How large a route is.
struct Size {
    classes: usize,
    /// How many examples a class has.
    each: usize,
}

const SIZES: [Size; 5] = [
    Size { classes: 2, each: 6 },
    Size { classes: 20, each: 10 },
    Size { classes: 150, each: 10 },
    Size { classes: 150, each: 20 },
    Size { classes: 150, each: 100 },
];

const DECISIONS: usize = 2_000;
const ROUNDS: usize = 3;

/// Returns numbers between -1 and 1, from a seed.
fn noise(seed: &str) -> Vec<f32> {
    let mut bytes = [0_u8; DIMS * 2];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0).collect()
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|one| one * one).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|one| *one /= length);
    vector
}

fn drawn(text: &str) -> Embedding {
    let class = text.split(' ').next().unwrap();
    let around = |view: &str, spread: f32| {
        let (centre, own) = (noise(&format!("{class}{view}")), noise(&format!("{text}{view}")));
        unit(centre.iter().zip(own).map(|(centre, own)| centre + spread * own).collect())
    };
    Embedding { sentence: around("sentence", 1.2), words: around("words", 2.0) }
}

/// Answers from memory, so that drawing is no part of the fit's time.
struct Remembered {
    model: Model,
    known: BTreeMap<String, Embedding>,
}

impl Embedder for Remembered {
    fn model(&self) -> &Model {
        &self.model
    }

    fn dims(&self) -> usize {
        DIMS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        let of = |text: &&str| self.known.get(*text).cloned().unwrap_or_else(|| drawn(text));
        Ok(texts.iter().map(of).collect())
    }
}

fn examples(classes: usize, each: usize) -> Vec<Example> {
    let example = |at: usize| Example {
        class: format!("class-{}", at % classes),
        text: format!("class-{} example {at}", at % classes),
        is_description: false,
    };
    (0..classes * each).map(example).collect()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// One fit, timed.
struct Fit {
    millis: f64,
    router: SentenceRouter,
}

fn measure(Size { classes, each }: Size) {
    let examples = examples(classes, each);
    let known = examples.iter().map(|example| (example.text.clone(), drawn(&example.text))).collect();
    let model = Model { name: "drawn".to_owned(), digest: "drawn".to_owned() };
    let embedder: Arc<dyn Embedder> = Arc::new(Remembered { model, known });
    let fit = || {
        let started = Instant::now();
        let router = SentenceRouter::fit(Arc::clone(&embedder), examples.clone(), Promise::of(0.98)).unwrap();
        Fit { millis: started.elapsed().as_secs_f64() * 1e3, router }
    };
    let mut fits: Vec<Fit> = (0..ROUNDS).map(|_| fit()).collect();
    let fit_ms = median(fits.iter().map(|fit| fit.millis).collect());
    let router = fits.pop().unwrap().router;
    let decide = |at: usize| {
        let asked = drawn(&format!("class-{} question {at}", at % classes));
        let started = Instant::now();
        std::hint::black_box(router.decide_embedding(&asked));
        started.elapsed().as_secs_f64() * 1e6
    };
    let decide_us = median((0..DECISIONS).map(decide).collect());
    println!(
        "{classes:>4} classes x {each:>3}   fit {fit_ms:>8.1} ms   decide {decide_us:>6.1} us   {}",
        router.digest()
    );
}

fn main() {
    println!("threads: {}", rayon::current_num_threads());
    SIZES.into_iter().for_each(measure);
}
