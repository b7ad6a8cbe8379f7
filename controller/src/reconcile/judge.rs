//! What of a candidate can be in force: all of it or nothing after a push, slice by slice elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use adjutant_spec::{
    compose::compose,
    diag::{Diagnostic, Report, Severity},
    files::{FileSet, slice_of},
    load,
    plan::{Id, Plan},
};
use serde_json::{Value, json};

use super::files::Manifest;

/// What of a candidate can be in force, and what is wrong with the rest.
pub(super) struct Judged {
    /// The files that would be in force.
    pub(super) files: Arc<FileSet>,
    /// What they are, by content.
    pub(super) manifest: Manifest,
    /// What they say; absent if nothing can move and nothing was in force.
    pub(super) plan: Option<Arc<Plan>>,
    /// The slices that stay as they are, with the mistakes that their move would make.
    pub(super) held: BTreeMap<Id, Vec<Value>>,
    /// The mistakes of the candidate as a whole, in the form of `check`.
    pub(super) diagnostics: Vec<Value>,
    /// The same as text with carets.
    pub(super) text: String,
    /// How many of them are errors.
    pub(super) errors: usize,
}

impl Judged {
    /// Says in one line why nothing moves.
    pub(super) fn reason(&self) -> String {
        let first = self.diagnostics.iter().find(|row| row["severity"] == "error");
        let shown = first.map_or_else(String::new, |row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            format!(": {}:{}: {}", text("file"), row["line"], text("message"))
        });
        let word = if self.errors == 1 { "mistake" } else { "mistakes" };
        format!("{} {word}{shown}", self.errors)
    }

    /// Says in one line for each held slice why it stays.
    pub(super) fn held_lines(&self) -> BTreeMap<String, String> {
        let line = |rows: &Vec<Value>| {
            let first = rows.first().map_or_else(String::new, |row| {
                let message = row["message"].as_str().unwrap_or_default();
                format!("{}:{}: {message}", row["file"].as_str().unwrap_or_default(), row["line"])
            });
            if rows.len() > 1 { format!("{first} (and {} more)", rows.len() - 1) } else { first }
        };
        self.held.iter().map(|(slice, rows)| (slice.clone(), line(rows))).collect()
    }
}

/// Judges a candidate as a whole.
pub(super) fn whole(candidate: &Arc<FileSet>) -> Judged {
    let loaded = load(candidate);
    judged(Arc::clone(candidate), loaded.plan, BTreeMap::new(), &loaded.report)
}

/// Judges a candidate slice by slice over what is in force.
pub(super) fn by_slice(last_good: &FileSet, candidate: &Arc<FileSet>) -> Judged {
    let composite = compose(last_good, candidate);
    let report = &composite.attempted;
    let held = composite.held.iter().map(|(slice, found)| {
        let rows = found.iter().map(|diagnostic| row(report, diagnostic)).collect();
        (slice.clone(), rows)
    });
    let held: BTreeMap<Id, Vec<Value>> = held.collect();
    let files = if held.is_empty() { Arc::clone(candidate) } else { Arc::new(composite.files) };
    judged(files, composite.loaded.plan, held, report)
}

fn judged(
    files: Arc<FileSet>,
    plan: Option<Plan>,
    held: BTreeMap<Id, Vec<Value>>,
    report: &Report,
) -> Judged {
    let diagnostics = report.diagnostics();
    Judged {
        manifest: Manifest::of(&files),
        files,
        plan: plan.map(Arc::new),
        held,
        diagnostics: diagnostics.iter().map(|diagnostic| row(report, diagnostic)).collect(),
        text: report.render(),
        errors: diagnostics.iter().filter(|found| found.severity() == Severity::Error).count(),
    }
}

fn row(report: &Report, diagnostic: &Diagnostic) -> Value {
    let (line, column) = report.line_column(diagnostic);
    json!({
        "code": diagnostic.code.name(),
        "severity": diagnostic.severity().word(),
        "file": diagnostic.file,
        "line": line,
        "column": column,
        "message": diagnostic.message,
        "help": diagnostic.help,
    })
}

/// Returns the slices in which two sets of files differ.
pub(super) fn moved(old: &FileSet, new: &FileSet) -> BTreeSet<Id> {
    let paths = old.iter().chain(new.iter()).map(|(path, _)| path);
    paths.filter(|path| old.get(path) != new.get(path)).map(|path| slice_of(path).to_owned()).collect()
}
