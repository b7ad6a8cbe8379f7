//! Regular expressions: one place that compiles them, so that none is larger or looks at more than is bounded.
//!
//! The engine never goes back, so the work is at most the size of the program times the length of the text.

use regex_lite::{Regex, RegexBuilder};

/// The longest expression, and the largest program that one becomes.
const LONGEST: usize = 1_000;
const LARGEST: usize = 256 * 1024;
/// How much of a text is looked at.
const SEEN: usize = 64 * 1024;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it, or that it is too large.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it has more than {LONGEST} bytes"));
        }
        RegexBuilder::new(text).size_limit(LARGEST).build().map(Self).map_err(|error| error.to_string())
    }

    /// Returns whether the beginning of a text has a match.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let end = (0..=SEEN.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        self.0.is_match(&text[..end.unwrap_or(0)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_without_end_is_no_pattern() {
        assert!(Pattern::new("order \\d+").is_ok_and(|pattern| pattern.is_in("my order 42")));
        for large in ["(a{1000}){1000}".to_owned(), "a{100000}".to_owned(), "a".repeat(2_000)] {
            assert!(Pattern::new(&large).is_err(), "{}", large.len());
        }
        let nested = Pattern::new("(a*)*b").expect("it is small");
        assert!(!nested.is_in(&"a".repeat(2_000_000)));
        assert!(!nested.is_in(&"ä".repeat(40_000)));
    }
}
