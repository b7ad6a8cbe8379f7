//! The sentence router's promises, with vectors that are computed from words alone.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use adjutant_models::{
    Calibration, EmbedError, Embedder, Embedding, Example, FitError, Lessons, Model, Outcome, Promise,
    Router, SentenceRouter,
    eval::{Labelled, evaluate},
};

const DIMS: usize = 64;

/// Each word has a direction of its own; a text is the sum of its words.
struct Words(Model);

impl Words {
    fn of(text: &str) -> Vec<f32> {
        let mut sum = vec![0.0_f32; DIMS];
        for word in text.split(|one: char| !one.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let hash = blake3::hash(word.to_lowercase().as_bytes());
            let mut bytes = vec![0_u8; DIMS];
            blake3::Hasher::new().update(hash.as_bytes()).finalize_xof().fill(&mut bytes);
            sum.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum += f32::from(byte) - 127.5);
        }
        let length = sum.iter().map(|one| one * one).sum::<f32>().sqrt();
        if length > 0.0 {
            sum.iter_mut().for_each(|one| *one /= length);
        }
        sum
    }
}

impl Embedder for Words {
    fn model(&self) -> &Model {
        &self.0
    }

    fn dims(&self) -> usize {
        DIMS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        Ok(texts.iter().map(|text| Embedding { sentence: Self::of(text), words: Vec::new() }).collect())
    }
}

fn embedder() -> Arc<dyn Embedder> {
    Arc::new(Words(Model { name: "words".into(), digest: "sha256:0".into() }))
}

fn example(class: &str, text: &str) -> Example {
    Example { class: class.to_owned(), text: text.to_owned(), is_description: false }
}

const TOPICS: [(&str, [&str; 6]); 4] = [
    ("lead", ["quote", "website", "price", "offer", "logo", "redesign"]),
    ("support", ["broken", "login", "error", "down", "password", "form"]),
    ("billing", ["invoice", "refund", "payment", "receipt", "charge", "overdue"]),
    ("jobs", ["internship", "apply", "vacancy", "salary", "career", "resume"]),
];

/// Texts of three words of a topic, with words around that mean nothing.
fn texts(topic: usize, from: usize, to: usize) -> Vec<String> {
    let words = TOPICS[topic].1;
    let text = |at: usize| {
        let pick = |step: usize| words[(at * step + at / 6) % 6];
        format!("please {} about the {} and {} {at}", pick(1), pick(5), words[(at + 2) % 6])
    };
    (from..to).map(text).collect()
}

fn lessons(topics: usize, count: usize) -> Vec<Example> {
    let of =
        |topic: usize| texts(topic, 0, count).into_iter().map(move |text| example(TOPICS[topic].0, &text));
    (0..topics).flat_map(of).collect()
}

fn fitted(topics: usize, count: usize, precision: f64) -> SentenceRouter {
    SentenceRouter::fit(embedder(), lessons(topics, count), Promise::of(precision)).unwrap()
}

fn in_threads<T: Send>(threads: usize, job: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(job)
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let asked: Vec<String> = (0..4).flat_map(|topic| texts(topic, 20, 30)).collect();
    let answers = |threads: usize| {
        let router = in_threads(threads, || fitted(4, 12, 0.9));
        let decisions: Vec<_> = asked.iter().map(|text| router.decide(text).unwrap()).collect();
        (router.digest().to_owned(), router.threshold().to_bits(), decisions)
    };
    assert_eq!(answers(1), answers(2));
}

#[test]
fn neither_order_nor_repetition_of_lessons_matters() {
    let mut shuffled = lessons(3, 8);
    shuffled.reverse();
    shuffled.push(shuffled[3].clone());
    let other = SentenceRouter::fit(embedder(), shuffled, Promise::of(0.9)).unwrap();
    let router = fitted(3, 8, 0.9);
    assert_eq!(router.digest(), other.digest());
    let asked = "what is the price of a logo";
    assert_eq!(router.decide(asked).unwrap(), other.decide(asked).unwrap());
}

#[test]
fn messages_of_a_class_are_decided_and_strangers_are_not() {
    let router = fitted(2, 12, 0.9);
    let lead = router.decide("please offer a price for the website redesign").unwrap();
    assert_eq!((lead.class.as_deref(), lead.abstains), (Some("lead"), false), "{lead:?}");
    assert_eq!(lead.runner_up.as_deref(), Some("support"));
    assert!(lead.neighbours.iter().all(|near| near.class == "lead"));
    for stranger in ["will it rain tomorrow afternoon", "Guten Tag, ich möchte kündigen", "the cat sleeps"]
    {
        let decision = router.decide(stranger).unwrap();
        assert!(decision.abstains, "{stranger}: {decision:?}");
    }
}

#[test]
fn a_text_without_words_is_of_no_class() {
    let decision = fitted(2, 6, 0.9).decide("… !").unwrap();
    assert!(decision.abstains && decision.class.is_none() && decision.probability == 0.0, "{decision:?}");
}

#[test]
fn a_higher_precision_never_decides_more() {
    let router = fitted(4, 12, 0.9);
    let thresholds: Vec<f64> =
        [0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.999].map(|one| router.threshold_for(one)).to_vec();
    assert!(thresholds.is_sorted(), "{thresholds:?}");
    assert_eq!(router.threshold(), router.threshold_for(0.9));
}

#[test]
fn what_is_likelier_wrong_than_right_is_never_decided() {
    // Half of the decisions may be wrong: the rehearsal alone would spend that on guesses.
    let router = fitted(2, 6, 0.5);
    assert!(router.threshold() >= 0.5 && router.threshold_for(0.5) >= 0.5, "{}", router.threshold());
}

#[test]
fn what_the_operator_calls_strange_becomes_strange() {
    let promise = Promise::of(0.9);
    let asked = "please price about the quote and offer paper";
    let before = SentenceRouter::fit(embedder(), lessons(2, 12), promise).unwrap();
    let of = |word: &str| {
        (0..4).map(|at| format!("please price about the quote and {word} paper {at}")).collect::<Vec<_>>()
    };
    let strangers: Vec<String> =
        ["offer", "price", "toner", "office", "cheap", "white"].into_iter().flat_map(of).collect();
    let taught = Lessons { examples: lessons(2, 12), strangers };
    let after = SentenceRouter::fit(embedder(), taught, promise).unwrap();
    let (was, is) = (before.decide(asked).unwrap(), after.decide(asked).unwrap());
    assert!(is.probability < was.probability - 0.1, "{was:?} became {is:?}");
    assert_ne!(before.digest(), after.digest());
}

/// What the operator corrected: letters about things that nobody here sells, in the words of those who buy.
fn corrections() -> Vec<String> {
    let things = ["toner", "paper", "envelopes", "pens", "staples", "folders", "stamps", "labels"];
    things.iter().map(|thing| format!("please price about the offer and office {thing}")).collect()
}

fn corrected(corrections: Vec<String>) -> SentenceRouter {
    let taught = Lessons { examples: lessons(2, 12), strangers: corrections };
    SentenceRouter::fit(embedder(), taught, Promise::of(0.9)).unwrap()
}

const PURCHASES: [&str; 3] = [
    "please price about the offer and office chairs",
    "please offer about the price and office desks",
    "please quote about the price and office lamps",
];

#[test]
fn what_is_like_a_correction_is_not_decided_and_the_classes_still_are() {
    let router = corrected(corrections());
    for asked in PURCHASES {
        let decision = router.decide(asked).unwrap();
        assert!(decision.abstains && decision.probability < 0.5, "{decision:?}");
    }
    for (topic, (class, _)) in TOPICS.iter().enumerate().take(2) {
        let own = texts(topic, 20, 30).iter().map(|text| router.decide(text).unwrap()).collect::<Vec<_>>();
        let decided = own.iter().filter(|one| !one.abstains && one.class.as_deref() == Some(class)).count();
        assert!(decided >= 8, "{class}: {decided} of 10");
    }
}

#[test]
fn nobody_hears_that_strangers_are_a_class() {
    let router = corrected(corrections());
    assert_eq!(router.classes(), ["lead", "support"]);
    let asked: Vec<String> = corrections().into_iter().chain(texts(0, 20, 24)).collect();
    for text in asked {
        let decision = router.decide(&text).unwrap();
        let names = decision.class.iter().chain(&decision.runner_up);
        let names = names.chain(decision.scores.iter().map(|score| &score.class));
        assert!(
            names
                .chain(decision.neighbours.iter().map(|near| &near.class))
                .all(|name| router.classes().contains(name))
        );
        let total: f64 = decision.scores.iter().map(|score| score.probability).sum();
        assert!(decision.class.is_some() && (total - 1.0).abs() < 1e-5, "{decision:?}");
        assert!(decision.features["nearest_stranger"] > 0.0, "{decision:?}");
    }
}

#[test]
fn neither_the_order_of_corrections_nor_the_number_of_threads_matters() {
    let answers = |threads: usize, corrections: Vec<String>| {
        let router = in_threads(threads, || corrected(corrections));
        let decisions = PURCHASES.map(|text| router.decide(text).unwrap());
        (router.digest().to_owned(), router.threshold().to_bits(), decisions)
    };
    let reversed: Vec<String> = corrections().into_iter().rev().chain(corrections()).collect();
    assert_eq!(answers(1, corrections()), answers(2, reversed));
}

#[test]
fn a_small_route_does_not_decide_what_is_half_about_a_class() {
    let router = fitted(2, 6, 0.9);
    let halves = [
        "please write about the logo and the history of the castle",
        "the broken error of the judges and the moon about the down",
        "please talk about the quote of the poet and the play",
    ];
    for text in halves {
        let decision = router.decide(text).unwrap();
        assert!(decision.abstains, "{decision:?}");
    }
}

#[test]
fn a_description_teaches_but_is_no_neighbour() {
    let mut taught = lessons(2, 6);
    taught.push(Example {
        class: "lead".into(),
        text: "somebody wants to buy an animation".into(),
        is_description: true,
    });
    let router = SentenceRouter::fit(embedder(), taught, Promise::of(0.9)).unwrap();
    let decision = router.decide("somebody wants to buy an animation").unwrap();
    assert_eq!(decision.class.as_deref(), Some("lead"));
    assert!(decision.neighbours.iter().all(|near| !near.text.contains("animation")), "{decision:?}");
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let refused =
        |examples: Vec<Example>, promise: Promise| SentenceRouter::fit(embedder(), examples, promise).err();
    let one = vec![example("lead", "a"), example("lead", "b")];
    assert_eq!(refused(one, Promise::of(0.9)), Some(FitError::TooFewClasses(1)));
    for promise in [Promise::of(1.0), Promise::of(0.3), Promise::of(f64::NAN)] {
        assert!(matches!(refused(lessons(2, 6), promise), Some(FitError::Promise(_))), "{promise:?}");
    }
}

#[test]
fn one_example_in_a_class_is_enough_to_fit_and_too_little_to_be_sure() {
    let router = fitted(2, 1, 0.98);
    let decision = router.decide(&texts(0, 0, 1)[0]).unwrap();
    assert_eq!(decision.class.as_deref(), Some("lead"));
    assert!(decision.abstains, "{decision:?}");
}

#[test]
fn the_log_brings_probabilities_to_what_was_seen() {
    let router = fitted(2, 12, 0.9);
    let asked = "please offer a price for the website redesign";
    let told = router.decide(asked).unwrap();
    let outcome = |at| Outcome { probability: told.probability, is_right: at % 10 < 5 };
    let log: Vec<Outcome> = (0..200).map(outcome).collect();
    let digest = router.digest().to_owned();
    let calibrated = router.with_calibration(Calibration::fit(&log, 0.9));
    let after = calibrated.decide(asked).unwrap();
    assert!(after.probability < 0.65 && after.abstains, "{told:?} became {after:?}");
    assert_ne!(calibrated.digest(), digest);
}

#[test]
fn a_report_counts_what_was_decided() {
    let router = fitted(3, 12, 0.9);
    let mut messages: Vec<Labelled> = (0..3)
        .flat_map(|topic| texts(topic, 20, 32).into_iter().map(move |text| (topic, text)))
        .map(|(topic, text)| Labelled { text, label: Some(TOPICS[topic].0.to_owned()) })
        .collect();
    messages.extend(texts(3, 0, 12).into_iter().map(|text| Labelled { text, label: None }));
    let report = evaluate(&router, &messages).unwrap();
    assert_eq!((report.messages, report.strangers, report.classes), (48, 12, 3));
    assert_eq!(report.accuracy, 1.0);
    assert!(report.oos_auroc.unwrap() > 0.95, "{report:?}");
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["targets"]["98"]["precision"].is_number() && json["targets"]["98"]["share"].is_number());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn every_text_gets_numbers_in_their_ranges(text in "\\PC{0,200}") {
        static ROUTER: std::sync::LazyLock<SentenceRouter> = std::sync::LazyLock::new(|| fitted(3, 6, 0.9));
        let decision = ROUTER.decide(&text).unwrap();
        proptest::prop_assert!((0.0..1.0).contains(&decision.probability));
        proptest::prop_assert!((0.0..=1.0).contains(&decision.margin));
        proptest::prop_assert!(decision.abstains == (decision.class.is_none() || decision.probability < ROUTER.threshold()));
        proptest::prop_assert!(decision.features.values().all(|one| one.is_finite()));
        let json = serde_json::to_string(&decision).unwrap();
        proptest::prop_assert_eq!(serde_json::from_str::<adjutant_models::Decision>(&json).unwrap(), decision);
    }
}
