//! The mistakes of a revision, in the order of their places.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use serde_json::{Value, json};

use super::{diagnostic::Diagnostic, severity::Severity};

/// Every mistake of a revision, in the order of files and places.
#[derive(Debug, Clone, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    sources: Arc<BTreeMap<Arc<str>, Arc<str>>>,
}

impl Report {
    /// Returns an empty report.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the text of a file, without byte order mark, to print lines of it.
    pub fn source(&mut self, file: impl Into<Arc<str>>, text: Arc<str>) {
        Arc::make_mut(&mut self.sources).insert(file.into(), text);
    }

    /// Adds a mistake; the same mistake at the same place counts once.
    ///
    /// A span that reaches past its text, as parsers give for a text that ends too early, is cut to the text.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.span = self.inside(&diagnostic.file, diagnostic.span);
        for related in &mut diagnostic.related {
            related.span = self.inside(&related.file, related.span.take());
        }
        let place = self.diagnostics.partition_point(|other| other.sort_key() < diagnostic.sort_key());
        if self.diagnostics.get(place) != Some(&diagnostic) {
            self.diagnostics.insert(place, diagnostic);
        }
    }

    /// Takes the mistakes of another report, whose texts are here. Of mistakes at one place the later one goes first, so they come
    /// from the end.
    pub(crate) fn absorb(&mut self, other: &Self) {
        other.diagnostics.iter().rev().for_each(|found| self.push(found.clone()));
    }

    /// Takes the texts of another report.
    pub(crate) fn absorb_texts(&mut self, other: &Self) {
        if !other.sources.is_empty() {
            let texts = other.sources.iter().map(|(file, text)| (Arc::clone(file), Arc::clone(text)));
            Arc::make_mut(&mut self.sources).extend(texts);
        }
    }

    /// Lets go of the texts of another report.
    pub(crate) fn release_texts(&mut self, other: &Self) {
        if !other.sources.is_empty() {
            let texts = Arc::make_mut(&mut self.sources);
            other.sources.keys().for_each(|file| drop(texts.remove(file)));
        }
    }

    fn inside(&self, file: &str, span: Option<Range<usize>>) -> Option<Range<usize>> {
        let (Some(text), Some(span)) = (self.sources.get(file), &span) else { return span };
        let start = floor_char(text, span.start);
        Some(start..floor_char(text, span.end).max(start))
    }

    /// Returns the mistakes in order.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Returns whether anything refuses the revision.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
    }

    /// Returns whether there is nothing to say at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Returns the report that holds only what the condition keeps.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&Diagnostic) -> bool) -> Self {
        let diagnostics = self.diagnostics.iter().filter(|found| keep(found)).cloned().collect();
        Self { diagnostics, sources: Arc::clone(&self.sources) }
    }

    /// Returns line and column of the start of a diagnostic, both from 1, the column in characters.
    #[must_use]
    pub fn line_column(&self, diagnostic: &Diagnostic) -> LineColumn {
        match (self.sources.get(diagnostic.file.as_str()), &diagnostic.span) {
            (Some(text), Some(span)) => LineColumn::of(text, span.start),
            _ => LineColumn { line: 1, column: 1 },
        }
    }

    /// Returns the form for editors and scripts: `{ok, diagnostics: [{code, severity, file, line, column, message, help}]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rows: Vec<Value> = self.diagnostics.iter().map(|diagnostic| self.row(diagnostic)).collect();
        json!({ "ok": !self.has_errors(), "diagnostics": rows })
    }

    fn row(&self, diagnostic: &Diagnostic) -> Value {
        let LineColumn { line, column } = self.line_column(diagnostic);
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

    /// Returns the text of a file, where it was kept.
    pub(super) fn text_of(&self, file: &str) -> Option<&str> {
        self.sources.get(file).map(AsRef::as_ref)
    }
}

/// Where something stands in a text, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineColumn {
    /// How many lines are begun up to there.
    pub line: usize,
    /// How many characters of its line are begun up to there.
    pub column: usize,
}

impl LineColumn {
    fn of(text: &str, offset: usize) -> Self {
        let before = &text[..floor_char(text, offset)];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }
}

/// Returns the nearest place at or before an offset where a character begins.
pub(super) fn floor_char(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use crate::diag::{Code, Spot};

    use super::*;

    fn report(text: &str, span: Range<usize>) -> Report {
        let mut report = Report::new();
        report.source("a.toml", text.into());
        report
            .push(Diagnostic::new(Code::E0101, Spot::new("a.toml", span), "unknown key \"x\"").label("here"));
        report
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        let report = report("ä = 1\r\nöö = x\r\n", 15..16);
        assert_eq!(report.line_column(&report.diagnostics()[0]), LineColumn { line: 2, column: 6 });
    }

    #[test]
    fn the_same_mistake_counts_once_and_files_come_in_order() {
        let mut report = report("x = 1\n", 0..1);
        let again = report.diagnostics()[0].clone();
        report.push(again);
        report.push(Diagnostic::new(Code::E0010, Spot::file("A.toml"), "m"));
        let files: Vec<&str> = report.diagnostics().iter().map(|found| found.file.as_str()).collect();
        assert_eq!(files, ["A.toml", "a.toml"]);
    }

    #[test]
    fn spans_past_the_end_are_cut_to_the_text() {
        let report = report("é", 1..900);
        assert_eq!(report.diagnostics()[0].span, Some(0..2));
        assert!(report.render().contains("unknown key"));
        assert_eq!(report.line_column(&report.diagnostics()[0]), LineColumn { line: 1, column: 1 });
    }
}
