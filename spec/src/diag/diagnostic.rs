//! One mistake: its code, its place, what to type.

use std::ops::Range;

use super::{codes::Code, severity::Severity};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// The path of the file from the root.
    pub file: String,
    /// The bytes meant, counted after a byte order mark; the whole file when absent.
    pub span: Option<Range<usize>>,
    /// What is wrong: a lower case fragment without final period.
    pub message: String,
    /// The short text beside the caret.
    pub label: String,
    /// What to type.
    pub help: Option<String>,
    /// Other places that take part.
    pub related: Vec<Related>,
}

/// Another place that takes part in a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The path of the file from the root.
    pub file: String,
    /// The bytes meant.
    pub span: Option<Range<usize>>,
    /// What it has to do with the mistake.
    pub message: String,
}

/// Where something is: a file, and the bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The path of the file from the root.
    pub file: String,
    /// The bytes meant; the whole file when absent.
    pub span: Option<Range<usize>>,
}

impl Spot {
    /// Returns the spot that is a whole file.
    #[must_use]
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), span: None }
    }

    /// Returns the spot of these bytes of a file.
    #[must_use]
    pub fn new(file: impl Into<String>, span: Range<usize>) -> Self {
        Self { file: file.into(), span: Some(span) }
    }
}

impl Diagnostic {
    /// Returns a diagnostic at a spot.
    #[must_use]
    pub fn new(code: Code, at: Spot, message: impl Into<String>) -> Self {
        Self {
            code,
            file: at.file,
            span: at.span,
            message: message.into(),
            label: String::new(),
            help: None,
            related: Vec::new(),
        }
    }

    /// Sets the short text beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets what to type.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets what to type, if there is something to say.
    #[must_use]
    pub fn help_if(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Adds another place that takes part.
    #[must_use]
    pub fn related(mut self, at: Spot, message: impl Into<String>) -> Self {
        self.related.push(Related { file: at.file, span: at.span, message: message.into() });
        self
    }

    /// Returns whether it refuses the revision.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    pub(super) fn sort_key(&self) -> (&str, usize, usize, Code, &str) {
        let span = self.span.clone().unwrap_or(0..0);
        (&self.file, span.start, span.end, self.code, &self.message)
    }
}
