//! Texts as sparse vectors: words and character trigrams, weighed by how rare they are.

use std::collections::BTreeMap;

/// A unit vector over tokens; empty for a text without letters and digits.
pub(crate) type Vector = BTreeMap<String, f64>;

/// Words count more than the trigrams inside them, which carry endings and typing mistakes.
const WORD_WEIGHT: f64 = 1.0;
const TRIGRAM_WEIGHT: f64 = 0.35;

/// The longest text that is looked at, in characters: a message says what it is about before that.
const MAX_CHARS: usize = 4_000;

/// Returns the parts of a text that are judged on their own: each sentence or line, and the whole.
pub(crate) fn segments(text: &str) -> Vec<String> {
    let text: String = text.chars().take(MAX_CHARS).collect();
    let parts = text.split(['.', '!', '?', '\n', ';']).map(str::trim).filter(|part| words(part).count() >= 2);
    let mut segments: Vec<String> = parts.map(str::to_owned).collect();
    segments.insert(0, text);
    segments
}

/// Returns how often each token occurs, dampened.
pub(crate) fn counts(text: &str) -> Vector {
    let mut counts = Vector::new();
    for word in words(text) {
        let framed: Vec<char> =
            std::iter::once('^').chain(word.chars()).chain(std::iter::once('$')).collect();
        for trigram in framed.windows(3) {
            *counts.entry(format!("3:{}", trigram.iter().collect::<String>())).or_default() += TRIGRAM_WEIGHT;
        }
        *counts.entry(format!("w:{word}")).or_default() += WORD_WEIGHT;
    }
    counts
}

/// Returns the counts weighed by rarity and brought to length one.
pub(crate) fn vector(counts: &Vector, rarity: &Rarity) -> Vector {
    let weighed: Vector =
        counts.iter().map(|(token, count)| (token.clone(), count.sqrt() * rarity.of(token))).collect();
    let length = weighed.values().map(|weight| weight * weight).sum::<f64>().sqrt();
    if length == 0.0 {
        return Vector::new();
    }
    weighed.into_iter().map(|(token, weight)| (token, weight / length)).collect()
}

/// Returns the cosine of two unit vectors.
pub(crate) fn cosine(left: &Vector, right: &Vector) -> f64 {
    let (short, long) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    short.iter().filter_map(|(token, weight)| long.get(token).map(|other| weight * other)).sum()
}

/// How rare each token is among the examples.
pub(crate) struct Rarity {
    weights: BTreeMap<String, f64>,
    unseen: f64,
}

impl Rarity {
    /// Counts in how many texts each token occurs.
    pub(crate) fn of_all(texts: &[Vector]) -> Self {
        let mut frequency: BTreeMap<String, u32> = BTreeMap::new();
        for token in texts.iter().flat_map(BTreeMap::keys) {
            *frequency.entry(token.clone()).or_default() += 1;
        }
        let total = count(texts.len());
        let weigh = |seen: f64| ((total + 1.0) / (seen + 0.5)).ln().max(0.05);
        let weights = frequency.into_iter().map(|(token, seen)| (token, weigh(f64::from(seen)))).collect();
        // What no example says speaks against every class, but not as loudly as the rarest known word: most words of a
        // longer message are unknown.
        Self { weights, unseen: 0.5 * weigh(1.0) }
    }

    fn of(&self, token: &str) -> f64 {
        self.weights.get(token).copied().unwrap_or(self.unseen)
    }
}

/// Returns a count as a number to compute with.
pub(crate) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|one: char| !one.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_words_is_like_nothing() {
        let rarity = Rarity::of_all(&[counts("a quote")]);
        assert!(vector(&counts("… !"), &rarity).is_empty());
    }

    #[test]
    fn endings_and_typing_mistakes_stay_alike() {
        let rarity = Rarity::of_all(&[counts("website quote"), counts("login broken")]);
        let of = |text: &str| vector(&counts(text), &rarity);
        assert!(cosine(&of("websites quotes"), &of("website quote")) > 0.3);
        assert!(cosine(&of("wbsite quot"), &of("website quote")) > 0.1);
        assert!(cosine(&of("login broken"), &of("website quote")) < 0.05);
    }

    #[test]
    fn a_long_message_is_judged_by_its_sentences_too() {
        let parts = segments("Hello there.\nWe need a new website! Thanks");
        assert_eq!(parts[1..], ["Hello there".to_owned(), "We need a new website".to_owned()]);
    }
}
