//! A mistake of the repository, as it is shown wherever what is in force is.

use adjutant_spec::diag::{Diagnostic, LineColumn, Report, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A mistake of the repository, in the form of `check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MistakeView {
    /// Its stable code: `adjutant explain CODE` tells more.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// The path of the file from the root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to type.
    pub help: Option<String>,
}

impl MistakeView {
    /// Returns the view of what a check found.
    pub(super) fn of(report: &Report, found: &Diagnostic) -> Self {
        let LineColumn { line, column } = report.line_column(found);
        Self {
            code: found.code.name().to_owned(),
            severity: found.severity().word().to_owned(),
            file: found.file.clone(),
            line,
            column,
            message: found.message.clone(),
            help: found.help.clone(),
        }
    }

    /// Returns whether it keeps something out.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error.word()
    }
}

impl std::fmt::Display for MistakeView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, line, column, code, message, .. } = self;
        write!(f, "{file}:{line}:{column} {code} {message}")
    }
}
