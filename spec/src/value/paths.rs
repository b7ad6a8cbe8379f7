//! What a template reads: the walk over its syntax tree that labels and references rest on.
//!
//! minijinja's own `undeclared_variables` leaves out what a slice, a filter block, an include or a variable that shadows its
//! own source reads. A label that is computed from too few paths launders a value, so this walk over-approximates instead:
//! every path is found, a path behind an index that is not a literal counts as what stands before the index, and a name that the
//! template sets on some ways only counts as read.

use std::{collections::BTreeSet, ops::Range};

use minijinja::machinery::{
    Span,
    ast::{self, BinOpKind, CallArg, CallType, Expr, Stmt, UnaryOpKind},
};

use super::{
    fault::TemplateError,
    locals::{Arm, Locals, Whose},
    syntax,
};

/// A dotted reference, such as `steps.qualify.lead.email`.
pub type Path = String;

/// What a template or expression reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Every path.
    pub(crate) all: BTreeSet<Path>,
    /// The paths that are read at least once without `is defined` or `default()` around them.
    pub(crate) certain: BTreeSet<Path>,
    /// Statements that reach into other templates: `include`, `extends`, `import`, `block`.
    pub(crate) outside: BTreeSet<&'static str>,
    /// Where the paths stand in the text, in the order of the walk.
    pub(crate) sites: Vec<Site>,
}

/// A path where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// The names that it is made of, the root first; what stands behind an index that is no name is not among them.
    pub(crate) names: Vec<Name>,
    /// Whether its root, or [`GIVEN`], may be a name of the template's own there: then nothing else can be written in its place.
    pub(crate) is_contested: bool,
}

/// The root of what a branch is given, under which its templates read what stands outside.
const GIVEN: &str = "input";

/// One name of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// The name without its dot, brackets or quotes.
    pub(crate) name: String,
    /// The bytes where it stands; of all but the first only the end can be told.
    pub(crate) span: Range<usize>,
}

/// Returns what a text with holes reads.
pub(crate) fn of_text(source: &str) -> Result<Reads, TemplateError> {
    let tree = syntax::text(source)?;
    let mut walk = Walk::default();
    walk.stmt(&tree);
    Ok(walk.done())
}

/// Returns what a bare expression reads.
pub(crate) fn of_expression(source: &str) -> Result<Reads, TemplateError> {
    let tree = syntax::expression(source)?;
    let mut walk = Walk::default();
    walk.expr(&tree);
    Ok(walk.done())
}

/// Functions that read nothing of the context; `debug()` is not among them, it would print all of it.
const HARMLESS: [&str; 3] = ["range", "dict", "namespace"];

#[derive(Default)]
struct Walk {
    reads: Reads,
    locals: Locals,
    guards: Vec<Path>,
    /// How many macros are around.
    macros: usize,
    /// The sites that stand in macros, by their positions: what is set after a macro is there when it is called.
    late: Vec<usize>,
}

impl Walk {
    fn done(mut self) -> Reads {
        for late in self.late {
            let site = &mut self.reads.sites[late];
            let is_set = |name: &Name| self.locals.sets(&name.name);
            site.is_contested |= site.names.first().is_some_and(is_set) || self.locals.sets(GIVEN);
        }
        self.reads
    }

    fn read(&mut self, path: Path) {
        let guarded = self.guards.iter().any(|guard| covers(guard, &path));
        if !guarded {
            self.reads.certain.insert(path.clone());
        }
        self.reads.all.insert(path);
    }

    fn body(&mut self, body: &[Stmt<'_>]) {
        body.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn scope(&mut self, inner: impl FnOnce(&mut Self)) {
        let mark = self.locals.mark();
        inner(self);
        self.locals.end(mark);
    }

    /// Walks what is done only on one way; its names are known on that way alone.
    fn arm(&mut self, inner: impl FnOnce(&mut Self)) -> Arm {
        let mark = self.locals.mark();
        inner(self);
        self.locals.arm(mark)
    }

    fn guarded(&mut self, guards: Vec<Path>, inner: impl FnOnce(&mut Self)) {
        let depth = self.guards.len();
        self.guards.extend(guards);
        inner(self);
        self.guards.truncate(depth);
    }

    fn assign(&mut self, target: &Expr<'_>) {
        match target {
            Expr::Var(var) => self.locals.add(var.id),
            Expr::List(list) => list.items.iter().for_each(|item| self.assign(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.assign(item)),
            other => self.expr(other),
        }
    }

    fn set(&mut self, target: &Expr<'_>) {
        let mark = self.locals.mark();
        self.assign(target);
        self.locals.note(mark);
    }

    fn stmt(&mut self, stmt: &Stmt<'_>) {
        match stmt {
            Stmt::Template(it) => self.body(&it.children),
            Stmt::EmitExpr(it) => self.expr(&it.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(it) => self.for_loop(it),
            Stmt::IfCond(it) => self.if_stmt(it),
            Stmt::WithBlock(it) => self.with_block(it),
            // The expression is walked before its name is known: `set input = input.x` reads `input.x`.
            Stmt::Set(it) => {
                self.expr(&it.expr);
                self.set(&it.target);
            }
            Stmt::SetBlock(it) => {
                self.body(&it.body);
                it.filter.iter().for_each(|filter| self.expr(filter));
                self.set(&it.target);
            }
            Stmt::AutoEscape(it) => {
                self.expr(&it.enabled);
                self.body(&it.body);
            }
            Stmt::FilterBlock(it) => {
                self.body(&it.body);
                self.expr(&it.filter);
            }
            Stmt::Block(it) => {
                self.reads.outside.insert("block");
                self.body(&it.body);
            }
            Stmt::Import(_) | Stmt::FromImport(_) => drop(self.reads.outside.insert("import")),
            Stmt::Extends(_) => drop(self.reads.outside.insert("extends")),
            Stmt::Include(_) => drop(self.reads.outside.insert("include")),
            Stmt::Macro(it) => self.macro_decl(it),
            Stmt::CallBlock(it) => {
                self.call(&it.call);
                self.macro_decl(&it.macro_decl);
            }
            Stmt::Do(it) => self.call(&it.call),
        }
    }

    fn for_loop(&mut self, it: &ast::ForLoop<'_>) {
        self.expr(&it.iter);
        self.scope(|walk| {
            walk.locals.add("loop");
            walk.assign(&it.target);
            it.filter_expr.iter().for_each(|filter| walk.expr(filter));
            walk.body(&it.body);
        });
        let bare = self.arm(|walk| walk.body(&it.else_body));
        self.locals.join(bare, Arm::default());
    }

    fn if_stmt(&mut self, it: &ast::IfCond<'_>) {
        self.expr(&it.expr);
        let holds =
            self.arm(|walk| walk.guarded(defined_when(&it.expr, true), |walk| walk.body(&it.true_body)));
        let not =
            self.arm(|walk| walk.guarded(defined_when(&it.expr, false), |walk| walk.body(&it.false_body)));
        self.locals.join(holds, not);
    }

    fn with_block(&mut self, it: &ast::WithBlock<'_>) {
        self.scope(|walk| {
            for (target, value) in &it.assignments {
                walk.expr(value);
                walk.assign(target);
            }
            walk.body(&it.body);
        });
    }

    fn macro_decl(&mut self, it: &ast::Macro<'_>) {
        let mark = self.locals.mark();
        self.locals.add(it.name);
        self.locals.note(mark);
        self.macros += 1;
        self.scope(|walk| {
            it.defaults.iter().for_each(|default| walk.expr(default));
            walk.locals.add("caller");
            it.args.iter().for_each(|arg| walk.assign(arg));
            walk.body(&it.body);
        });
        self.macros -= 1;
    }

    fn expr(&mut self, expr: &Expr<'_>) {
        if let Some(place) = place_of(expr) {
            return self.place(place);
        }
        match expr {
            // A path is a place, handled above.
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::GetAttr(it) => self.expr(&it.expr),
            Expr::GetItem(it) => {
                self.expr(&it.expr);
                self.expr(&it.subscript_expr);
            }
            Expr::Slice(it) => {
                self.expr(&it.expr);
                [&it.start, &it.stop, &it.step].into_iter().flatten().for_each(|bound| self.expr(bound));
            }
            Expr::UnaryOp(it) => self.expr(&it.expr),
            Expr::BinOp(it) => self.operation(it),
            Expr::Compare(it) => {
                self.expr(&it.expr);
                it.ops.iter().for_each(|op| self.expr(&op.expr));
            }
            Expr::IfExpr(it) => self.if_expr(it),
            Expr::Filter(it) => self.filter(it),
            Expr::Test(it) => self.test(it),
            Expr::Call(it) => self.call(it),
            Expr::List(it) => it.items.iter().for_each(|item| self.expr(item)),
            Expr::Tuple(it) => it.items.iter().for_each(|item| self.expr(item)),
            Expr::Map(it) => it.keys.iter().chain(&it.values).for_each(|item| self.expr(item)),
        }
    }

    fn place(&mut self, place: Rooted) {
        let whose = self.locals.whose(&place.root);
        if whose == Whose::Template {
            return;
        }
        if self.macros > 0 {
            self.late.push(self.reads.sites.len());
        }
        let is_contested = whose == Whose::Either || self.locals.whose(GIVEN) != Whose::Context;
        self.reads.sites.push(Site { names: place.names, is_contested });
        self.read(place.path);
    }

    fn operation(&mut self, it: &ast::BinOp<'_>) {
        self.expr(&it.left);
        let guards = match it.op {
            BinOpKind::ScAnd => defined_when(&it.left, true),
            BinOpKind::ScOr => defined_when(&it.left, false),
            _ => Vec::new(),
        };
        self.guarded(guards, |walk| walk.expr(&it.right));
    }

    fn if_expr(&mut self, it: &ast::IfExpr<'_>) {
        self.expr(&it.test_expr);
        self.guarded(defined_when(&it.test_expr, true), |walk| walk.expr(&it.true_expr));
        let otherwise = defined_when(&it.test_expr, false);
        self.guarded(otherwise, |walk| it.false_expr.iter().for_each(|expr| walk.expr(expr)));
    }

    fn filter(&mut self, it: &ast::Filter<'_>) {
        let guards = match (&it.expr, it.name) {
            (Some(expr), "default" | "d") => place_of(expr).map(|place| place.path).into_iter().collect(),
            _ => Vec::new(),
        };
        self.guarded(guards, |walk| it.expr.iter().for_each(|expr| walk.expr(expr)));
        self.args(&it.args);
    }

    fn test(&mut self, it: &ast::Test<'_>) {
        let guards = match it.name {
            "defined" | "undefined" => place_of(&it.expr).map(|place| place.path).into_iter().collect(),
            _ => Vec::new(),
        };
        self.guarded(guards, |walk| walk.expr(&it.expr));
        self.args(&it.args);
    }

    fn call(&mut self, it: &ast::Call<'_>) {
        match it.identify_call() {
            CallType::Function(name)
                if HARMLESS.contains(&name) || self.locals.whose(name) == Whose::Template => {}
            CallType::Function(name) => self.read(format!("{name}()")),
            CallType::Method(object, _) | CallType::Object(object) => self.expr(object),
            CallType::Block(_) => drop(self.reads.outside.insert("block")),
        }
        self.args(&it.args);
    }

    fn args(&mut self, args: &[CallArg<'_>]) {
        for arg in args {
            match arg {
                CallArg::Pos(expr)
                | CallArg::Kwarg(_, expr)
                | CallArg::PosSplat(expr)
                | CallArg::KwargSplat(expr) => self.expr(expr),
            }
        }
    }
}

/// A path with the variable that it begins with.
struct Rooted {
    root: String,
    path: Path,
    names: Vec<Name>,
}

/// Returns the path of a chain of attributes and literal indexes; a number ends the path at its list.
fn place_of(expr: &Expr<'_>) -> Option<Rooted> {
    let mut place = chain(expr)?;
    let written = place.path.trim_end_matches(ELEMENT).len();
    place.path.truncate(written);
    Some(place)
}

/// Marks, while a chain is walked, that it went into an element of a list.
const ELEMENT: &str = "[]";

fn chain(expr: &Expr<'_>) -> Option<Rooted> {
    match expr {
        Expr::Var(var) => {
            let names = vec![Name { name: var.id.to_owned(), span: bytes(var.span()) }];
            Some(Rooted { root: var.id.to_owned(), path: var.id.to_owned(), names })
        }
        Expr::GetAttr(it) => extend(&it.expr, Some(it.name), it.span()),
        Expr::GetItem(it) => match &it.subscript_expr {
            Expr::Const(index) => extend(&it.expr, index.value.as_str(), it.span()),
            _ => None,
        },
        _ => None,
    }
}

fn bytes(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

fn extend(inner: &Expr<'_>, name: Option<&str>, span: Span) -> Option<Rooted> {
    let mut place = chain(inner)?;
    match name {
        // Fields of a list's element are not told apart: the list stands for them.
        _ if place.path.ends_with(ELEMENT) => {}
        // A name with a dot in it cannot be written as a path: what stands before it stands for it.
        Some(name) if !name.contains('.') => {
            place.path.push('.');
            place.path.push_str(name);
            place.names.push(Name { name: name.to_owned(), span: bytes(span) });
        }
        _ => place.path.push_str(ELEMENT),
    }
    Some(place)
}

/// Returns the paths that are known to be defined when a condition has the given value.
fn defined_when(condition: &Expr<'_>, holds: bool) -> Vec<Path> {
    match condition {
        Expr::Test(it) if (it.name == "defined") == holds && matches!(it.name, "defined" | "undefined") => {
            place_of(&it.expr).map(|place| place.path).into_iter().collect()
        }
        Expr::UnaryOp(it) if matches!(it.op, UnaryOpKind::Not) => defined_when(&it.expr, !holds),
        Expr::BinOp(it) => {
            let both = matches!((it.op, holds), (BinOpKind::ScAnd, true) | (BinOpKind::ScOr, false));
            if !both {
                return Vec::new();
            }
            let mut paths = defined_when(&it.left, holds);
            paths.extend(defined_when(&it.right, holds));
            paths
        }
        _ => Vec::new(),
    }
}

/// Returns whether a guard on one path makes reading another safe: itself, or anything under it.
fn covers(guard: &str, path: &str) -> bool {
    path.strip_prefix(guard).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(source: &str) -> Vec<String> {
        of_text(source).expect("parses").all.into_iter().collect()
    }

    fn certain(source: &str) -> Vec<String> {
        of_text(source).expect("parses").certain.into_iter().collect()
    }

    #[test]
    fn every_read_is_found() {
        let cases: [(&str, &[&str]); 19] = [
            ("{{ steps.quote.text }}", &["steps.quote.text"]),
            ("{{ input.secret[0:3] }}", &["input.secret"]),
            ("{% set input = input.message %}{{ input }}", &["input.message"]),
            ("{% with steps = steps.a %}{{ steps.x }}{% endwith %}", &["steps.a"]),
            ("{{ steps[input.name].x }}", &["input.name", "steps"]),
            ("{{ steps['a'].x }}", &["steps.a.x"]),
            ("{{ steps.a.items[0].name }}", &["steps.a.items"]),
            ("{% for x in steps.a.items %}{{ x.name }}{{ loop.index }}{% endfor %}", &["steps.a.items"]),
            ("{{ input.name.upper() }}", &["input.name"]),
            ("{{ debug() }}", &["debug()"]),
            (
                "{% if input.a %}{% set x = input.b %}{% else %}{% set x = 1 %}{% endif %}{{ x }}",
                &["input.a", "input.b"],
            ),
            ("{% if input.a %}{% set steps = 1 %}{% endif %}{{ steps.b }}", &["input.a", "steps.b"]),
            (
                "{% if input.a %}{% set steps = 1 %}{% elif input.b %}{% set steps = 2 %}{% endif %}{{ steps.b }}",
                &["input.a", "input.b", "steps.b"],
            ),
            (
                "{% for x in input.a %}{% else %}{% set steps = 1 %}{% endfor %}{{ steps.b }}",
                &["input.a", "steps.b"],
            ),
            ("{% for x in input.a %}{% set steps = 1 %}{% endfor %}{{ steps.b }}", &["input.a", "steps.b"]),
            ("{% filter upper %}{% set steps = 1 %}{% endfilter %}{{ steps.b }}", &[]),
            ("{% set x %}{% set steps = 1 %}{% endset %}{{ steps.b }}{{ x }}", &[]),
            ("{% filter replace('a', input.b) %}x{% endfilter %}", &["input.b"]),
            ("{% macro m(a, b=input.c) %}{{ a }}{% endmacro %}{{ m(input.d) }}", &["input.c", "input.d"]),
        ];
        for (source, expected) in cases {
            assert_eq!(all(source), expected, "{source}");
        }
    }

    #[test]
    fn a_guard_holds_where_it_stands_and_nowhere_else() {
        let cases: [(&str, &[&str]); 8] = [
            ("{{ steps.a.x | default('') }}", &[]),
            ("{% if steps.a is defined %}{{ steps.a.x }}{% endif %}", &[]),
            ("{% if steps.a is defined %}{% endif %}{{ steps.a.x }}", &["steps.a.x"]),
            ("{% if steps.a is not defined %}{% else %}{{ steps.a.x }}{% endif %}", &[]),
            ("{{ steps.a.x if steps.a is defined else steps.b.y }}", &["steps.b.y"]),
            ("{{ steps.a is defined and steps.a.ok }}", &[]),
            ("{{ steps.a is undefined or steps.a.ok }}", &[]),
            ("{{ steps.a is defined or steps.a.ok }}", &["steps.a.ok"]),
        ];
        for (source, expected) in cases {
            assert_eq!(certain(source), expected, "{source}");
        }
    }

    #[test]
    fn what_reaches_into_other_templates_is_named() {
        let reads = of_text("{% include 'other.md' %}").expect("parses");
        assert!(reads.outside.contains("include"));
    }
}
