//! The matcher that is always there: no model file, no training run, a page of arithmetic.
//!
//! Each class is judged by the examples nearest to the text, and "none of them" is judged beside the classes by a fixed
//! floor. A softmax turns the scores into probabilities; its temperature is fitted by leaving out one example at a
//! time. The threshold of abstention is the least probability at which the left-out examples reach the wanted precision.

use std::collections::BTreeMap;

use crate::{
    embed::{EmbedError, Model},
    router::{Decision, Example, FitError, Neighbour, Router, Score, rounded},
    tokens::{Rarity, Vector, cosine, count, counts, segments, vector},
};

/// The method and its constants; a change here changes every digest.
const METHOD: &str = "token-overlap/1";

/// The score of "none of the classes": a text this little alike to every example is a stranger.
const FLOOR: f64 = 0.18;

/// A class is judged by so many of its nearest examples.
const NEAREST: usize = 3;

/// Descriptions are about a class instead of in it.
const DESCRIPTION_WEIGHT: f64 = 0.7;

/// Softmax temperatures that are tried, from sure to doubtful.
const TEMPERATURES: [f64; 7] = [0.03, 0.045, 0.06, 0.08, 0.1, 0.13, 0.17];

/// With fewer left-out decisions than this the fit proves nothing, and these stand in for it.
const ENOUGH_EVIDENCE: usize = 8;
const PRIOR_TEMPERATURE: f64 = 0.06;
const PRIOR_THRESHOLD: f64 = 0.75;

/// Never surer than this to act, whatever the examples say.
const LEAST_THRESHOLD: f64 = 0.55;

/// Compares words and trigrams with examples.
pub struct TokenOverlap {
    examples: Vec<Known>,
    rarity: Rarity,
    temperature: f64,
    threshold: f64,
    digest: String,
    model: Model,
}

struct Known {
    example: Example,
    vector: Vector,
}

/// A text's score in one class, or in none.
struct Scores {
    by_class: BTreeMap<String, f64>,
    neighbours: Vec<Neighbour>,
}

/// One left-out example: the scores that the others give it, and its true class.
struct LeftOut {
    by_class: BTreeMap<String, f64>,
    truth: String,
}

impl TokenOverlap {
    /// Fits a matcher to examples, for a precision between 0.5 and 1.
    ///
    /// # Errors
    /// [`FitError::TooFewClasses`] where there is nothing to choose between.
    pub fn fit(examples: Vec<Example>, precision: f64) -> Result<Self, FitError> {
        let classes: std::collections::BTreeSet<&str> =
            examples.iter().map(|example| example.class.as_str()).collect();
        if classes.len() < 2 {
            return Err(FitError::TooFewClasses(classes.len()));
        }
        let digest = digest(&examples, precision);
        let all: Vec<Vector> = examples.iter().map(|example| counts(&example.text)).collect();
        let rarity = Rarity::of_all(&all);
        let vectors = all.iter().map(|counts| vector(counts, &rarity));
        let examples: Vec<Known> = examples
            .iter()
            .cloned()
            .zip(vectors)
            .map(|(example, vector)| Known { example, vector })
            .collect();
        let mut fitted = Self {
            examples,
            rarity,
            temperature: PRIOR_TEMPERATURE,
            threshold: PRIOR_THRESHOLD,
            digest,
            model: Model { name: "token-overlap".to_owned(), digest: METHOD.to_owned() },
        };
        fitted.calibrate(precision);
        Ok(fitted)
    }

    fn calibrate(&mut self, precision: f64) {
        let left_out = self.leave_one_out();
        if left_out.len() < ENOUGH_EVIDENCE {
            self.threshold = PRIOR_THRESHOLD.max(precision.min(0.9));
            return;
        }
        let loss = |temperature: f64| -> f64 {
            left_out
                .iter()
                .map(|one| -probability_of(&one.by_class, &one.truth, temperature).max(1e-6).ln())
                .sum()
        };
        let best = TEMPERATURES.into_iter().min_by(|left, right| loss(*left).total_cmp(&loss(*right)));
        self.temperature = best.unwrap_or(PRIOR_TEMPERATURE);
        self.threshold = threshold(&left_out, self.temperature, precision);
    }

    fn leave_one_out(&self) -> Vec<LeftOut> {
        let indexes = 0..self.examples.len();
        let candidates = indexes.filter(|index| {
            let example = &self.examples[*index].example;
            let siblings = self.examples.iter().filter(|other| other.example.class == example.class).count();
            !example.is_description && siblings > 1
        });
        let judge = |index: usize| {
            let known = &self.examples[index];
            let by_class = self.score(std::slice::from_ref(&known.vector), Some(index)).by_class;
            LeftOut { by_class, truth: known.example.class.clone() }
        };
        candidates.map(judge).collect()
    }

    /// Scores the segments of a text; `without` leaves one example out.
    fn score(&self, segments: &[Vector], without: Option<usize>) -> Scores {
        let mut similarities: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut neighbours = Vec::new();
        for (index, known) in self.examples.iter().enumerate().filter(|(index, _)| Some(*index) != without) {
            let weight = if known.example.is_description { DESCRIPTION_WEIGHT } else { 1.0 };
            let nearest =
                segments.iter().map(|segment| cosine(segment, &known.vector)).fold(0.0, f64::max) * weight;
            similarities.entry(&known.example.class).or_default().push(nearest);
            neighbours.push((index, nearest));
        }
        let by_class =
            similarities.into_iter().map(|(class, all)| (class.to_owned(), class_score(all))).collect();
        neighbours.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        let neighbours = neighbours.into_iter().take(NEAREST).filter(|(_, similarity)| *similarity > 0.0);
        let neighbours = neighbours.map(|(index, similarity)| self.neighbour(index, similarity)).collect();
        Scores { by_class, neighbours }
    }

    fn neighbour(&self, index: usize, similarity: f64) -> Neighbour {
        let example = &self.examples[index].example;
        Neighbour {
            class: example.class.clone(),
            text: example.text.clone(),
            similarity: rounded(similarity),
        }
    }
}

impl Router for TokenOverlap {
    fn decide(&self, text: &str) -> Result<Decision, EmbedError> {
        let vectors: Vec<Vector> =
            segments(text).iter().map(|segment| vector(&counts(segment), &self.rarity)).collect();
        let scores = self.score(&vectors, None);
        let mut ranked: Vec<(&String, f64)> = scores
            .by_class
            .keys()
            .map(|class| (class, probability_of(&scores.by_class, class, self.temperature)))
            .collect();
        ranked.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(right.0)));
        let probability = ranked.first().map_or(0.0, |(_, probability)| *probability);
        let runner_up = ranked.get(1).map_or(0.0, |(_, probability)| *probability);
        let is_alike = !scores.neighbours.is_empty();
        let top = ranked.iter().take(NEAREST);
        Ok(Decision {
            class: ranked.first().filter(|_| is_alike).map(|(class, _)| (*class).clone()),
            runner_up: ranked.get(1).filter(|_| is_alike).map(|(class, _)| (*class).clone()),
            probability: rounded(probability),
            margin: rounded(probability - runner_up),
            abstains: !is_alike || probability < self.threshold,
            scores: top
                .map(|(class, one)| Score { class: (*class).clone(), probability: rounded(*one) })
                .collect(),
            features: BTreeMap::new(),
            neighbours: scores.neighbours,
        })
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn model(&self) -> &Model {
        &self.model
    }

    fn threshold(&self) -> f64 {
        self.threshold
    }
}

/// The nearest example counts for more than half; further ones confirm it.
fn class_score(mut similarities: Vec<f64>) -> f64 {
    similarities.sort_by(|left, right| right.total_cmp(left));
    let nearest = similarities.first().copied().unwrap_or(0.0);
    let considered = similarities.len().min(NEAREST);
    let mean = similarities.iter().take(NEAREST).sum::<f64>() / count(considered.max(1));
    0.7 * nearest + 0.3 * mean
}

/// Softmax over the classes and "none of them".
fn probability_of(scores: &BTreeMap<String, f64>, class: &str, temperature: f64) -> f64 {
    let power = |score: f64| ((score - FLOOR) / temperature).exp();
    let total: f64 = scores.values().map(|score| power(*score)).sum::<f64>() + power(FLOOR);
    scores.get(class).map_or(0.0, |score| power(*score) / total)
}

/// Returns the least threshold at which the left-out decisions above it reach the precision.
fn threshold(left_out: &[LeftOut], temperature: f64, precision: f64) -> f64 {
    let mut decisions: Vec<(f64, bool)> = left_out.iter().filter_map(|one| best(one, temperature)).collect();
    decisions.sort_by(|left, right| right.0.total_cmp(&left.0));
    let mut lowest = None;
    let (mut taken, mut right) = (0.0, 0.0);
    for (probability, is_right) in decisions {
        taken += 1.0;
        right += f64::from(u8::from(is_right));
        if right / taken >= precision {
            lowest = Some(probability);
        }
    }
    lowest.map_or(0.95, |found| found.clamp(LEAST_THRESHOLD, 0.95))
}

fn best(one: &LeftOut, temperature: f64) -> Option<(f64, bool)> {
    let ranked =
        one.by_class.iter().max_by(|left, right| left.1.total_cmp(right.1).then(right.0.cmp(left.0)))?;
    Some((probability_of(&one.by_class, ranked.0, temperature), *ranked.0 == one.truth))
}

fn digest(examples: &[Example], precision: f64) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(METHOD.as_bytes()).update(&precision.to_le_bytes());
    for example in examples {
        for part in [example.class.as_str(), example.text.as_str()] {
            hasher.update(&count(part.len()).to_le_bytes()).update(part.as_bytes());
        }
        hasher.update(&[u8::from(example.is_description)]);
    }
    format!("{METHOD}:{}", &hasher.finalize().to_hex()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(class: &str, text: &str) -> Example {
        Example { class: class.to_owned(), text: text.to_owned(), is_description: false }
    }

    fn agency() -> Vec<Example> {
        let mut all = vec![
            example("lead", "We need a new website, can you send us a quote?"),
            example("lead", "How much would a redesign of our shop cost?"),
            example("lead", "I would like an offer for a logo and a landing page"),
            example("lead", "Looking for somebody to build our web shop, what are your prices?"),
            example("lead", "Could you quote for a website for our bakery?"),
            example("support", "The login on our site is broken"),
            example("support", "The contact form does not send mails any more"),
            example("support", "Our website is down, please help"),
            example("support", "I get an error when I upload a picture"),
            example("support", "The newsletter page shows an error"),
        ];
        all.push(Example {
            class: "lead".into(),
            text: "somebody asks what new work would cost".into(),
            is_description: true,
        });
        all
    }

    fn fitted() -> TokenOverlap {
        TokenOverlap::fit(agency(), 0.9).unwrap()
    }

    #[test]
    fn clear_messages_are_decided_and_strangers_are_not() {
        let router = fitted();
        let table = [
            ("We need a new website for our bakery. Could you send a quote?", Some("lead")),
            ("Hi! The login is broken again, please help.", Some("support")),
            ("Ganz etwas anderes und nichts davon.", None),
            ("Shall we have lunch on Tuesday?", None),
            ("", None),
        ];
        for (text, expected) in table {
            let decision = router.decide(text).unwrap();
            let decided = decision.class.as_deref().filter(|_| !decision.abstains);
            assert_eq!(decided, expected, "{text}: {decision:?} at {}", router.threshold());
        }
    }

    #[test]
    fn the_same_examples_give_the_same_bits() {
        let texts = ["a quote for a website", "the form is broken", "maybe", "ümläut ☃"];
        let (one, other) = (fitted(), fitted());
        assert_eq!(one.digest(), other.digest());
        for text in texts {
            assert_eq!(one.decide(text), other.decide(text));
        }
    }

    #[test]
    fn other_examples_have_another_digest() {
        let mut more = agency();
        more.push(example("support", "it is slow"));
        assert_ne!(TokenOverlap::fit(more, 0.9).unwrap().digest(), fitted().digest());
        assert_ne!(TokenOverlap::fit(agency(), 0.98).unwrap().digest(), fitted().digest());
    }

    #[test]
    fn a_higher_precision_never_decides_more() {
        let texts = ["quote website", "error form", "our site", "prices of the site", "help", "shop is down"];
        let decided = |precision: f64| {
            let router = TokenOverlap::fit(agency(), precision).unwrap();
            texts.iter().filter(|text| !router.decide(text).unwrap().abstains).count()
        };
        assert!(decided(0.99) <= decided(0.6), "{} > {}", decided(0.99), decided(0.6));
    }

    #[test]
    fn one_class_is_nothing_to_choose_from() {
        let one = TokenOverlap::fit(vec![example("lead", "a"), example("lead", "b")], 0.9);
        assert_eq!(one.err(), Some(FitError::TooFewClasses(1)));
    }

    proptest::proptest! {
        #[test]
        fn every_text_gets_a_probability(text in "\\PC{0,200}") {
            let decision = fitted().decide(&text).unwrap();
            proptest::prop_assert!((0.0..=1.0).contains(&decision.probability));
            proptest::prop_assert!(decision.margin >= 0.0);
        }
    }
}
