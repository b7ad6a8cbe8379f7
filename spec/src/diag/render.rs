//! Caret text, through annotate-snippets.
//!
//! Names of files and what stands in them are whoever wrote them: they are cleaned before they are laid out, and the
//! plain text once more as a whole. The coloured one is cleaned by the writer that knows which escapes are ours.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, renderer::DecorStyle};

use super::{
    diagnostic::{Diagnostic, Spot},
    report::{Report, floor_char},
    severity::Severity,
};
use crate::shown::{self, line};

/// Whether the text carries colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Readable anywhere.
    Plain,
    /// For a terminal.
    Coloured,
}

impl Report {
    /// Returns the text for people, with carets and without colour.
    #[must_use]
    pub fn render(&self) -> String {
        render(self, Style::Plain)
    }

    /// Returns the text for people, with carets and colour.
    #[must_use]
    pub fn render_coloured(&self) -> String {
        render(self, Style::Coloured)
    }
}

fn render(report: &Report, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    }
    .decor_style(DecorStyle::Ascii);
    let mut out = String::new();
    for diagnostic in report.diagnostics() {
        out.push_str(&renderer.render(&[group(report, diagnostic)]));
        out.push_str("\n\n");
    }
    match style {
        Style::Plain => shown::text(&out).into_owned(),
        Style::Coloured => out,
    }
}

fn group<'a>(report: &'a Report, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(line(&diagnostic.message)).id(diagnostic.code.name());
    let mut group = Group::with_title(title);
    let at = Spot { file: diagnostic.file.clone(), span: diagnostic.span.clone() };
    group = match caret(report, &at) {
        Some(Caret { text, span }) => {
            let annotation = AnnotationKind::Primary.span(span).label(line(&diagnostic.label));
            group.element(Snippet::source(text).path(line(&diagnostic.file)).annotation(annotation))
        }
        None => group.element(Origin::path(line(&diagnostic.file))),
    };
    for related in &diagnostic.related {
        group = with_related(group, report, related);
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(line(help))),
        None => group,
    }
}

fn with_related<'a>(group: Group<'a>, report: &'a Report, related: &'a super::Related) -> Group<'a> {
    let at = Spot { file: related.file.clone(), span: related.span.clone() };
    match caret(report, &at) {
        Some(Caret { text, span }) => {
            let annotation = AnnotationKind::Context.span(span).label(line(&related.message));
            group.element(Snippet::source(text).path(line(&related.file)).annotation(annotation))
        }
        None => {
            group.element(Level::NOTE.message(format!("{}: {}", line(&related.file), line(&related.message))))
        }
    }
}

/// What a caret stands under.
struct Caret<'a> {
    /// The text of the file.
    text: &'a str,
    /// A part of it that lies on one line.
    span: Range<usize>,
}

/// Returns what is marked of a spot.
fn caret<'a>(report: &'a Report, at: &Spot) -> Option<Caret<'a>> {
    let text = report.text_of(&at.file)?;
    let span = at.span.clone()?;
    let start = floor_char(text, span.start);
    let end = floor_char(text, span.end).max(start);
    let line_end = text[start..end].find(['\n', '\r']).map_or(end, |newline| start + newline);
    Some(Caret { text, span: start..line_end })
}
