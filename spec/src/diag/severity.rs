//! Whether a diagnostic refuses the revision.

/// Whether a diagnostic refuses the revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The revision, or the slice, is refused.
    Error,
    /// The revision is accepted.
    Warning,
}

impl Severity {
    /// Returns the word that is printed.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}
