//! Why a text is no template.

use std::ops::Range;

use crate::shown;

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What the template language says.
    pub message: String,
    /// The bytes of the text that are meant, where known.
    pub range: Option<Range<usize>>,
}

impl TemplateError {
    /// Reads what the template language says against a text; where it means a character, that character is named.
    pub(super) fn of(error: &minijinja::Error, source: &str) -> Self {
        let mut message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        let range = error.range();
        let meant = range.as_ref().and_then(|range| source.get(range.start..)?.chars().next());
        if let Some(meant) = meant.filter(|_| message == "unexpected character") {
            let meant = meant.to_string();
            message = format!("`{}` cannot stand here: is a brace or a quote missing?", shown::line(&meant));
        }
        Self { message, range }
    }
}
