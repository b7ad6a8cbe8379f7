//! From files to a plan: read, check, compile.

use jiff::Timestamp;

use crate::{diag::Report, draft::Draft, files::FileSet, plan::Plan};

/// What loading a revision gives.
#[derive(Debug)]
pub struct Loaded {
    /// The plan; absent while the report has errors.
    pub plan: Option<Plan>,
    /// Every mistake.
    pub report: Report,
    /// What was read.
    pub draft: Draft,
}

/// As [`load`], for somebody who knows what time it is: what was written for a time that is over is told too.
#[must_use]
pub fn load_at(files: &FileSet, now: Timestamp) -> Loaded {
    let mut loaded = load(files);
    crate::check::times::check_at(&loaded.draft, now, &mut loaded.report);
    loaded
}

/// Reads, checks and compiles a company repository, and reports all mistakes at once.
#[must_use]
pub fn load(files: &FileSet) -> Loaded {
    let mut report = Report::new();
    let draft = crate::read::read(files, &mut report);
    crate::check::check(&draft, &mut report);
    let plan = if report.has_errors() { None } else { crate::compile::compile(&draft) };
    Loaded { plan, report, draft }
}
