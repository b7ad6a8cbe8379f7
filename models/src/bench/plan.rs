//! The cells, and the texts in them: made from a word list, the same in every run, no data set needed.

use serde::Serialize;

/// Words that the vocabulary of BERT has whole, so that a text of n words has n + 2 tokens.
const WORDS: [&str; 48] = [
    "the", "customer", "asks", "for", "an", "document", "from", "last", "month", "and", "wants", "to",
    "know", "whether", "our", "offer", "still", "stands", "please", "send", "report", "before", "friday",
    "because", "meeting", "moved", "next", "week", "new", "project", "will", "begin", "when", "contract",
    "is", "signed", "price", "order", "late", "delivery", "address", "changed", "bank", "account", "number",
    "first", "question", "answer",
];

/// How long the texts of a cell are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Length {
    /// 12 tokens each, as a short message has.
    #[serde(rename = "12")]
    Short,
    /// 128 tokens each, as a mail has.
    #[serde(rename = "128")]
    Long,
    /// Half of 6 to 20 tokens, a quarter of 64, a quarter of 128.
    #[serde(rename = "mixed")]
    Mixed,
}

impl Length {
    /// Returns the name in the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Length::Short => "12",
            Length::Long => "128",
            Length::Mixed => "mixed",
        }
    }

    /// Returns how many tokens the text at a place has, with the two that frame it.
    fn tokens(self, at: usize) -> usize {
        match (self, at % 4) {
            (Length::Short, _) => 12,
            (Length::Long, _) | (Length::Mixed, 3) => 128,
            (Length::Mixed, 1) => 64,
            (Length::Mixed, _) => 6 + (at * 7) % 15,
        }
    }
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cell {
    /// The length of its texts.
    #[serde(rename = "tokens")]
    pub length: Length,
    /// How many texts one call takes.
    pub batch: usize,
    /// How many threads an engine may use.
    pub threads: usize,
}

impl Cell {
    /// Returns every cell, in the order of the table.
    #[must_use]
    pub fn all() -> Vec<Cell> {
        let mut cells = Vec::new();
        for threads in THREADS {
            for length in [Length::Short, Length::Long, Length::Mixed] {
                cells.extend([1, 32].map(|batch| Cell { length, batch, threads }));
            }
        }
        cells
    }

    /// Returns the texts of one round: enough that one call does not decide, few enough for many rounds.
    pub(super) fn texts(&self) -> Vec<String> {
        let count = match (self.batch, self.length) {
            (1, Length::Short) => 24,
            (1, Length::Long) => 6,
            (1, Length::Mixed) => 12,
            // Two batches, so that sorting by length spares whoever pads most of it.
            (batch, Length::Short | Length::Mixed) => batch * 2,
            (batch, Length::Long) => batch,
        };
        (0..count).map(|at| text(self.length.tokens(at), at)).collect()
    }

    /// Returns how many tokens the first so many of those texts have.
    pub(super) fn tokens_of(&self, texts: usize) -> usize {
        (0..texts).map(|at| self.length.tokens(at)).sum()
    }
}

/// The thread counts of the table, the larger first: it is the one that serves.
pub(super) const THREADS: [usize; 2] = [2, 1];

/// Returns a text with that many tokens; another `at` gives another text.
fn text(tokens: usize, at: usize) -> String {
    let words =
        (0..tokens - 2).map(|place| WORDS[(at * 31 + place * (7 + at % 5 * 2) + place / 5) % WORDS.len()]);
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_each_time_and_differ_in_a_cell() {
        for cell in Cell::all() {
            let texts = cell.texts();
            assert_eq!(texts, cell.texts());
            let distinct: std::collections::BTreeSet<_> = texts.iter().collect();
            assert!(
                distinct.len() * 10 >= texts.len() * 9,
                "{cell:?}: {} of {}",
                distinct.len(),
                texts.len()
            );
        }
    }

    #[test]
    fn a_mixed_cell_is_half_short() {
        let short = (0..32).filter(|at| Length::Mixed.tokens(*at) <= 20).count();
        assert_eq!(short, 16);
    }

    #[test]
    fn each_word_is_one_token() {
        let vocabulary = include_str!("../../assets/static-minilm-256/vocab.txt");
        let known: std::collections::BTreeSet<_> = vocabulary.lines().collect();
        assert!(WORDS.iter().all(|word| known.contains(word)));
    }
}
