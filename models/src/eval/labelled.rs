//! Messages whose class is known, as JSON lines: `{"text": "…", "label": "class"}`, label `null` for none of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::BufRead,
};

use serde::{Deserialize, Serialize};

use crate::router::{Example, Lessons};

/// A message whose class is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labelled {
    /// The message.
    pub text: String,
    /// Its class, or `None` where it is of none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub label: Option<String>,
}

/// Why labelled messages cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LabelledError {
    /// A line is no labelled message.
    #[error("line {line} is not `{{\"text\": \"…\", \"label\": \"…\" or null}}`")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Reading failed.
    #[error("line {line} cannot be read")]
    Read {
        /// The line, from 1.
        line: usize,
        /// What reading said.
        source: std::io::Error,
    },
    /// There is no message.
    #[error("there is no labelled message")]
    Empty,
}

/// Reads labelled messages; empty lines are skipped.
///
/// # Errors
/// [`LabelledError`], naming the line.
pub fn read_labelled(lines: impl BufRead) -> Result<Vec<Labelled>, LabelledError> {
    let mut messages = Vec::new();
    for (at, text) in lines.lines().enumerate() {
        let line = at + 1;
        let text = text.map_err(|source| LabelledError::Read { line, source })?;
        if text.trim().is_empty() {
            continue;
        }
        messages.push(serde_json::from_str(&text).map_err(|source| LabelledError::Line { line, source })?);
    }
    if messages.is_empty() { Err(LabelledError::Empty) } else { Ok(messages) }
}

/// Returns messages as lessons: those of no class are strangers.
#[must_use]
pub fn lessons_of(messages: &[Labelled]) -> Lessons {
    let mut lessons = Lessons::default();
    for Labelled { text, label } in messages {
        match label {
            Some(class) => lessons.examples.push(Example {
                class: class.clone(),
                text: text.clone(),
                is_description: false,
            }),
            None => lessons.strangers.push(text.clone()),
        }
    }
    lessons
}

/// Returns `shots` messages of each class and none of no class, drawn by a seed.
#[must_use]
pub fn few(messages: &[Labelled], shots: usize, seed: u64) -> Vec<Labelled> {
    let mut by_class: BTreeMap<&str, BTreeSet<([u8; 32], &str)>> = BTreeMap::new();
    for message in messages {
        let Some(class) = &message.label else { continue };
        let key = blake3::hash(format!("{seed}:{}", message.text).as_bytes());
        by_class.entry(class).or_default().insert((*key.as_bytes(), &message.text));
    }
    let draw = |(class, texts): (&str, BTreeSet<([u8; 32], &str)>)| {
        let label = |text: &str| Labelled { text: text.to_owned(), label: Some(class.to_owned()) };
        texts.into_iter().take(shots).map(|(_, text)| label(text)).collect::<Vec<_>>()
    };
    by_class.into_iter().flat_map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_with_its_class_or_none() {
        let lines = "{\"text\":\"hello\",\"label\":\"greet\"}\n\n{\"text\":\"?\",\"label\":null}\n";
        let lessons = lessons_of(&read_labelled(lines.as_bytes()).unwrap());
        assert_eq!((lessons.examples.len(), lessons.strangers), (1, vec!["?".to_owned()]));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (bad, line) in [("{\"text\":\"a\"}", 1), ("{\"text\":\"a\",\"label\":null}\n[]", 2), ("\nx", 2)] {
            let error = read_labelled(bad.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(&format!("line {line} ")), "{bad}: {error}");
        }
        assert!(matches!(read_labelled("\n".as_bytes()), Err(LabelledError::Empty)));
    }

    #[test]
    fn few_are_drawn_by_the_seed_alone() {
        let all: Vec<Labelled> = (0..40)
            .map(|at| Labelled { text: format!("text {at}"), label: Some(format!("class {}", at % 2)) })
            .collect();
        let reversed: Vec<Labelled> = all.iter().rev().cloned().collect();
        assert_eq!(few(&all, 5, 1).len(), 10);
        assert_eq!(few(&all, 5, 1), few(&reversed, 5, 1));
        assert_ne!(few(&all, 5, 1), few(&all, 5, 2));
    }
}
