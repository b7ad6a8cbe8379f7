//! Ids of objects and of steps.

/// The id of an object: its file's stem, unique in a company.
pub type Id = String;

/// The id of a step, unique in its playbook.
pub type StepId = String;

/// Returns whether a text has the form of an id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= 64
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
}
