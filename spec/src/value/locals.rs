//! The names that a template makes itself, and how far each of them reaches: as minijinja keeps them, where a loop, a `with` and a macro
//! open a scope, and an `if` or a block that is caught does not.

use std::collections::BTreeSet;

/// What a name is at a place of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// One of the context.
    Context,
    /// The template's own, if it came there by a way that sets it; else one of the context.
    Either,
    /// The template's own.
    Template,
}

/// The names that are the template's own where a walk over it is.
#[derive(Debug, Default)]
pub(super) struct Locals {
    here: Vec<Local>,
    /// Every name that is set anywhere: a macro reads what a name is when it is called.
    ever: BTreeSet<String>,
}

#[derive(Debug)]
struct Local {
    name: String,
    is_sure: bool,
}

/// Where a scope or an arm of an `if` begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(usize);

/// What was set in an arm.
#[derive(Debug, Default)]
pub(super) struct Arm(Vec<Local>);

impl Locals {
    /// Adds a name of the innermost scope.
    pub(super) fn add(&mut self, name: &str) {
        self.here.push(Local { name: name.to_owned(), is_sure: true });
    }

    /// Returns where the walk is.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.here.len())
    }

    /// Ends a scope: its names are gone.
    pub(super) fn end(&mut self, mark: Mark) {
        self.here.truncate(mark.0);
    }

    /// Notes that the names since a mark outlive a statement.
    pub(super) fn note(&mut self, mark: Mark) {
        self.ever.extend(self.here[mark.0..].iter().map(|local| local.name.clone()));
    }

    /// Takes out what was set since a mark: another way leads past it.
    pub(super) fn arm(&mut self, mark: Mark) -> Arm {
        Arm(self.here.split_off(mark.0))
    }

    /// Goes on after two ways of which one was taken: a name is sure that both of them set.
    pub(super) fn join(&mut self, one: Arm, other: Arm) {
        let sure = |arm: &Arm| -> BTreeSet<String> {
            arm.0.iter().filter(|local| local.is_sure).map(|local| local.name.clone()).collect()
        };
        let both: BTreeSet<String> = sure(&one).intersection(&sure(&other)).cloned().collect();
        let all: BTreeSet<String> = one.0.into_iter().chain(other.0).map(|local| local.name).collect();
        self.here.extend(all.into_iter().map(|name| Local { is_sure: both.contains(&name), name }));
    }

    /// Returns whose a name is here.
    pub(super) fn whose(&self, name: &str) -> Whose {
        let found = self.here.iter().filter(|local| local.name == name).map(|local| local.is_sure);
        match found.reduce(|one, other| one || other) {
            None => Whose::Context,
            Some(true) => Whose::Template,
            Some(false) => Whose::Either,
        }
    }

    /// Returns whether a template sets a name anywhere; asked after the walk.
    pub(super) fn sets(&self, name: &str) -> bool {
        self.ever.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use minijinja::{Environment, context};

    use crate::value::Template;

    /// The engine has the last word: a name counts as read where some run of the template prints the context's.
    #[test]
    fn a_name_reaches_as_far_as_the_engine_lets_it() {
        for source in [
            "{% if t %}{% set x = 1 %}{% endif %}{{ x }}",
            "{% if t %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
            "{% if t %}{% set x = 1 %}{% elif u %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
            "{% if t %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
            "{% if t %}{% with x = 1 %}{% endwith %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
            "{% for a in l %}{% set x = 1 %}{% endfor %}{{ x }}",
            "{% for a in l %}{% set x = 1 %}{{ x }}{% else %}1{% endfor %}",
            "{% for a in [1, 2] %}{{ x }}{% set x = 1 %}{% endfor %}",
            "{% for a in l %}{% else %}{% set x = 1 %}{% endfor %}{{ x }}",
            "{% with %}{% set x = 1 %}{% endwith %}{{ x }}",
            "{% with %}{% set x = 1 %}{{ x }}{% endwith %}",
            "{% filter upper %}{% set x = 1 %}{% endfilter %}{{ x }}",
            "{% filter replace('a', x) %}{% set x = 1 %}{% endfilter %}",
            "{% set y %}{% set x = 1 %}{% endset %}{{ x }}",
            "{% set x %}{{ x }}{% endset %}{{ x }}",
            "{% macro m() %}{% set x = 1 %}{{ x }}{% endmacro %}{{ m() }}",
            "{% macro m() %}{% set x = 1 %}{% endmacro %}{{ m() }}{{ x }}",
            "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(1) }}",
            "{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}",
        ] {
            let printed = [(true, true), (false, true), (false, false)].map(|(t, u)| {
                let l = if t { vec![1] } else { Vec::new() };
                let given = context! { t, u, l, x => "theirs" };
                Environment::new().render_str(source, given).expect("renders")
            });
            let is_read = Template::parse(source).expect("parses").reads.contains("x");
            assert_eq!(is_read, printed.iter().any(|text| text.contains("theirs")), "{source}: {printed:?}");
        }
    }
}
