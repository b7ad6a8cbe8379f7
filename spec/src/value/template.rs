//! Templates and expressions: minijinja text, parsed once, with the paths that it reads.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    fault::TemplateError,
    paths::{self, Path},
    rewrite,
};

/// A text with `{{ … }}` holes, or one expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The text as written.
    pub source: String,
    /// The bare expression, when the text is exactly one `{{ expression }}` (its value keeps its type) or a `when`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The paths that it reads, found statically; an index that is not a literal counts as the whole root.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reads: BTreeSet<Path>,
}

/// A value of a `with` table: literals and templates, nested as in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arg {
    /// A number, boolean, or a text without holes.
    Literal(Value),
    /// A text with holes.
    Template(Template),
    /// A list, each item of which may have holes.
    List(Vec<Arg>),
    /// A table, each value of which may have holes.
    Table(BTreeMap<String, Arg>),
}

impl Template {
    /// Parses a text that may have holes.
    ///
    /// # Errors
    /// The template language's own complaint, with its place in the text.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        if let Some(inner) = sole_expression(source)
            && let Ok(parsed) = Self::parse_expression(inner)
        {
            return Ok(Self { source: source.to_owned(), ..parsed });
        }
        let reads = paths::of_text(source)?;
        // What reaches into other templates is told by `check` with a page of its own.
        if reads.outside.is_empty() {
            drop(rewrite::text(source)?);
        }
        Ok(Self { source: source.to_owned(), expression: None, reads: reads.all })
    }

    /// Parses a bare expression, as `when` has it.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse_expression(source: &str) -> Result<Self, TemplateError> {
        let reads = paths::of_expression(source)?.all;
        drop(rewrite::expression(source)?);
        let expression = Some(source.trim().to_owned());
        Ok(Self { source: source.to_owned(), expression, reads })
    }

    /// Returns the paths that are read without `is defined` or `default()` around them.
    #[must_use]
    pub fn certain_reads(&self) -> BTreeSet<Path> {
        self.walked().certain
    }

    /// Returns the statements in it that reach into other templates, such as `include`.
    #[must_use]
    pub fn outside(&self) -> BTreeSet<&'static str> {
        self.walked().outside
    }

    /// The text was parsed before; a template built by hand that does not parse reads nothing.
    fn walked(&self) -> paths::Reads {
        match &self.expression {
            Some(expression) => paths::of_expression(expression),
            None => paths::of_text(&self.source),
        }
        .unwrap_or_default()
    }
}

/// Returns the inside of a text that is exactly one `{{ … }}`.
fn sole_expression(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then(|| inner.trim())
}

impl Arg {
    /// Returns the paths that the value reads.
    #[must_use]
    pub fn reads(&self) -> BTreeSet<Path> {
        match self {
            Self::Literal(_) => BTreeSet::new(),
            Self::Template(template) => template.reads.clone(),
            Self::List(items) => items.iter().flat_map(Self::reads).collect(),
            Self::Table(fields) => fields.values().flat_map(Self::reads).collect(),
        }
    }
}
