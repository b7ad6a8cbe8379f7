//! Templates whose paths begin otherwise: what stands in a branch reads what the branch was given, under the names of its inputs.
//!
//! The text is changed where a path stands and nowhere else, so that what people wrote stays as they wrote it. Names that a template
//! makes itself are no paths of its context and are left alone.

use std::{collections::BTreeMap, ops::Range};

use super::{
    fault::TemplateError,
    paths::{self, Path, Site},
    template::{Arg, Template},
};

/// What stands in place of the beginning of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instead {
    /// How many names of the path it replaces.
    pub(crate) names: usize,
    /// The names that it stands for, `input` first.
    pub(crate) with: Vec<String>,
}

impl Instead {
    /// Returns the text of an expression that reads it.
    pub(crate) fn text(&self) -> String {
        let mut names = self.with.iter();
        let root = names.next().cloned().unwrap_or_default();
        names.fold(
            root,
            |text, name| {
                if is_word(name) { format!("{text}.{name}") } else { format!("{text}['{name}']") }
            },
        )
    }
}

/// A name that can stand behind a dot.
fn is_word(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Says what stands in place of the beginning of a path, by its names; nothing where it stays.
pub(crate) type Rename<'a> = dyn FnMut(&[&str]) -> Option<Instead> + 'a;

/// Returns a path under other names.
pub(crate) fn path(path: &Path, rename: &mut Rename<'_>) -> Path {
    let names: Vec<&str> = path.split('.').collect();
    match rename(&names) {
        Some(instead) => {
            let rest = names.get(instead.names..).unwrap_or_default();
            instead.with.iter().map(String::as_str).chain(rest.iter().copied()).collect::<Vec<_>>().join(".")
        }
        None => path.clone(),
    }
}

/// Returns a template under other names.
///
/// # Errors
/// What the longer text is refused for: it may be past a bound that the written one kept. Or a path that would be read otherwise
/// begins with a name that the template may have set by then.
pub(crate) fn template(written: &Template, rename: &mut Rename<'_>) -> Result<Template, TemplateError> {
    let text = written.expression.as_deref().unwrap_or(&written.source);
    let sites = match &written.expression {
        Some(expression) => paths::of_expression(expression)?.sites,
        None => paths::of_text(text)?.sites,
    };
    let changes = changes(text, &sites, rename)?;
    if changes.is_empty() {
        return Ok(written.clone());
    }
    let changed = replaced(text, changes);
    match &written.expression {
        // One that was written in braces keeps its type by them.
        Some(_) if written.source.trim_start().starts_with("{{") => {
            Template::parse(&format!("{{{{ {changed} }}}}"))
        }
        Some(_) => Template::parse_expression(&changed),
        None => Template::parse(&changed),
    }
}

/// Returns an argument under other names.
///
/// # Errors
/// Where a text in it, under its other names, is no template: see [`template`].
pub(crate) fn arg(written: &Arg, rename: &mut Rename<'_>) -> Result<Arg, TemplateError> {
    Ok(match written {
        Arg::Literal(value) => Arg::Literal(value.clone()),
        Arg::Template(text) => Arg::Template(template(text, rename)?),
        Arg::List(items) => Arg::List(items.iter().map(|item| arg(item, rename)).collect::<Result<_, _>>()?),
        Arg::Table(fields) => Arg::Table(args(fields, rename)?),
    })
}

/// Returns a table of arguments under other names.
///
/// # Errors
/// Where a text in them, under its other names, is no template: see [`template`].
pub(crate) fn args(
    written: &BTreeMap<String, Arg>,
    rename: &mut Rename<'_>,
) -> Result<BTreeMap<String, Arg>, TemplateError> {
    written.iter().map(|(name, value)| Ok((name.clone(), arg(value, rename)?))).collect()
}

/// Bytes of a text, and what stands there instead.
struct Change {
    span: Range<usize>,
    text: String,
}

fn changes(text: &str, sites: &[Site], rename: &mut Rename<'_>) -> Result<Vec<Change>, TemplateError> {
    let mut changes = Vec::new();
    for site in sites {
        changes.extend(change(text, site, rename)?);
    }
    changes.sort_by_key(|change| change.span.start);
    // A place may be walked over twice, as the default of a macro is.
    changes.dedup_by(|one, other| one.span == other.span);
    Ok(changes)
}

fn change(text: &str, site: &Site, rename: &mut Rename<'_>) -> Result<Option<Change>, TemplateError> {
    let names: Vec<&str> = site.names.iter().map(|name| name.name.as_str()).collect();
    let Some(instead) = rename(&names) else { return Ok(None) };
    // The tree tells of each name where it ends, and of the first one alone where it begins.
    let last = instead.names.checked_sub(1).and_then(|last| site.names.get(last));
    let Some((first, last)) = site.names.first().zip(last) else { return Ok(None) };
    let span = first.span.start..last.span.end;
    if site.is_contested {
        let message = format!("`{}` may be a name that the template sets itself", first.name);
        return Err(TemplateError { message, range: Some(span) });
    }
    Ok(Some(Change { span: with_braces(text, span), text: instead.text() }))
}

/// Takes in the braces that were opened before a path and are closed inside it: `(steps.a).b`.
fn with_braces(text: &str, span: Range<usize>) -> Range<usize> {
    let inside = text.get(span.clone()).unwrap_or_default();
    let closed = inside.matches(')').count().saturating_sub(inside.matches('(').count());
    let mut start = span.start;
    for _ in 0..closed {
        let before = text.get(..start).unwrap_or_default().trim_end();
        if before.ends_with('(') {
            start = before.len() - 1;
        }
    }
    start..span.end
}

fn replaced(text: &str, changes: Vec<Change>) -> String {
    let mut out = String::new();
    let mut from = 0;
    for Change { span, text: new } in changes {
        out.push_str(text.get(from..span.start).unwrap_or_default());
        out.push_str(&new);
        from = span.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `topic` is an input, and of step "outer" every field is one.
    fn rename(names: &[&str]) -> Option<Instead> {
        let with = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match names {
            ["topic", ..] => Some(Instead { names: 1, with: with(&["input", "topic"]) }),
            ["steps", "outer", field, ..] => {
                Some(Instead { names: 3, with: with(&["input", &format!("steps:outer:{field}")]) })
            }
            ["steps", "outer"] => Some(Instead { names: 2, with: with(&["input", "steps:outer"]) }),
            _ => None,
        }
    }

    #[test]
    fn a_path_is_renamed_where_it_stands_and_nowhere_else() {
        let cases = [
            ("{{ topic }}", "{{ input.topic }}"),
            ("{{ topic.name | upper }} and topic", "{{ input.topic.name | upper }} and topic"),
            ("{{ \"topic\" ~ topic['name'] }}", "{{ \"topic\" ~ input.topic['name'] }}"),
            ("ä {{ steps.outer.text }}", "ä {{ input['steps:outer:text'] }}"),
            ("{{ steps['outer']['text'].x }}!", "{{ input['steps:outer:text'].x }}!"),
            ("{{ steps.outer.items[topic.at].x }}!", "{{ input['steps:outer:items'][input.topic.at].x }}!"),
            ("{{ steps.outer is defined }}", "{{ input['steps:outer'] is defined }}"),
            ("{{ (steps.outer).text }}!", "{{ input['steps:outer:text'] }}!"),
            ("{{ steps.inner.text ~ input.topic }}", "{{ steps.inner.text ~ input.topic }}"),
            (
                "{% for topic in topic.all %}{{ topic.x }}{% endfor %}",
                "{% for topic in input.topic.all %}{{ topic.x }}{% endfor %}",
            ),
            ("{% set topic = topic.name %}{{ topic }}", "{% set topic = input.topic.name %}{{ topic }}"),
            ("{{ topic.name.upper() }}!", "{{ input.topic.name.upper() }}!"),
            (
                "{% macro m(a, b=topic.c) %}{{ a }}{% endmacro %}{{ m(topic.d) }}",
                "{% macro m(a, b=input.topic.c) %}{{ a }}{% endmacro %}{{ m(input.topic.d) }}",
            ),
            ("{# topic #}{% raw %}{{ topic }}{% endraw %}", "{# topic #}{% raw %}{{ topic }}{% endraw %}"),
            ("{{ topic . name -}} x", "{{ input.topic . name -}} x"),
        ];
        for (written, expected) in cases {
            let written = Template::parse(written).expect("parses");
            let renamed = template(&written, &mut rename).expect("renamed");
            assert_eq!(renamed.source, expected);
            let reads = written.reads.iter().map(|read| path(read, &mut rename)).collect();
            assert_eq!(renamed.reads, reads, "{expected}");
            assert_eq!(renamed.expression.is_some(), written.expression.is_some(), "{expected}");
        }
    }

    #[test]
    fn a_name_that_the_template_has_set_is_left_alone() {
        for written in [
            "{% if input.a %}{% set topic = 'a' %}{% else %}{% set topic = 'b' %}{% endif %}{{ topic }}",
            "{% set all %}{% set topic = 'a' %}{{ topic }}{% endset %}{{ topic }}",
            "{% filter upper %}{% set topic = 'a' %}{% endfilter %}{{ topic }}",
            "{% with topic = 'a' %}{{ topic }}{% endwith %}",
        ] {
            let written = Template::parse(written).expect("parses");
            assert_eq!(template(&written, &mut rename), Ok(written));
        }
        let kept = "{% if topic %}{% set x = topic %}{% endif %}{{ topic }}{% for topic in [1] %}{{ topic }}{% endfor %}";
        let renamed = "{% if input.topic %}{% set x = input.topic %}{% endif %}{{ input.topic }}{% for topic in [1] %}{{ topic }}{% endfor %}";
        let kept = Template::parse(kept).expect("parses");
        assert_eq!(template(&kept, &mut rename).expect("renamed").source, renamed);
    }

    #[test]
    fn what_may_be_either_is_refused() {
        for written in [
            "{% if input.a %}{% set topic = 'a' %}{% endif %}{{ topic }}",
            "{% if input.a %}{% set steps = {} %}{% elif input.b %}{% set steps = {} %}{% endif %}{{ steps.outer }}",
            "{% for x in input.a %}{% else %}{% set topic = 'a' %}{% endfor %}{{ topic }}",
            "{% macro m() %}{{ topic }}{% endmacro %}{% set topic = 'a' %}{{ m() }}",
            "{% for input in topic.all %}{{ topic.name }}{% endfor %}",
            "{% macro m() %}{{ topic }}{% endmacro %}{% set input = 'a' %}{{ m() }}",
        ] {
            let written = Template::parse(written).expect("parses");
            assert!(template(&written, &mut rename).is_err(), "{}", written.source);
        }
    }

    #[test]
    fn a_condition_stays_one() {
        let written = Template::parse_expression("topic.amount < 20 and steps.outer.ok").expect("parses");
        let renamed = template(&written, &mut rename).expect("renamed");
        assert_eq!(
            renamed.expression.as_deref(),
            Some("input.topic.amount < 20 and input['steps:outer:ok']")
        );
    }

    #[test]
    fn arguments_are_renamed_however_deep() {
        let text = |text: &str| Arg::Template(Template::parse(text).expect("parses"));
        let written = Arg::Table(BTreeMap::from([("a".to_owned(), Arg::List(vec![text("{{ topic.x }}")]))]));
        let renamed = arg(&written, &mut rename).expect("renamed");
        assert_eq!(renamed.reads(), ["input.topic.x".to_owned()].into());
    }
}
