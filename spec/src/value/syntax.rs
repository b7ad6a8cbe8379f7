//! The one place where the text of a template becomes a syntax tree: nothing is parsed that was not measured before.

use minijinja::{
    machinery::{
        ast::{Expr, Stmt},
        parse, parse_expr,
    },
    syntax::SyntaxConfig,
};

use super::{bounds, fault::TemplateError};

/// Returns the tree of a text with holes.
pub(super) fn text(source: &str) -> Result<Stmt<'_>, TemplateError> {
    bounds::check(source, false)?;
    parse(source, "<template>", SyntaxConfig::default()).map_err(|error| TemplateError::of(&error, source))
}

/// Returns the tree of a bare expression.
pub(super) fn expression(source: &str) -> Result<Expr<'_>, TemplateError> {
    bounds::check(source, true)?;
    parse_expr(source).map_err(|error| TemplateError::of(&error, source))
}
