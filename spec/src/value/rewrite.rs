//! The form of a template that is evaluated: every operator, index and number literal becomes a call of a function of ours.
//!
//! minijinja has no hook for operators. Its own numbers are binary, its own text and lists grow without a bound, so nothing
//! of it may calculate: what is evaluated is this tree, in which only names, attributes, short circuits, blocks and calls
//! are left to it. What evaluates the tree registers one function per [`names`] entry.

use minijinja::{
    Value,
    machinery::{
        Span,
        ast::{self, BinOpKind, CallArg, CallType, CompareOpKind, Expr, Spanned, Stmt, UnaryOpKind},
    },
};

use super::{
    fault::TemplateError,
    syntax,
    vocabulary::{FILTERS, TESTS},
};

/// The functions that operators and literals become; no template can write these names.
pub mod names {
    /// A number with a point, given as the text that was written.
    pub const DECIMAL: &str = "[decimal]";
    /// A list literal.
    pub const LIST: &str = "[list]";
    /// A table literal.
    pub const TABLE: &str = "[table]";
    /// `a[b]`.
    pub const ITEM: &str = "[item]";
    /// `a[b:c:d]`.
    pub const SLICE: &str = "[slice]";
    /// `-a`.
    pub const NEGATE: &str = "[negate]";
    /// `b in a`, given as `b`, `a`.
    pub const CONTAINS: &str = "[in]";
    /// `a < b <= c`, given as `a`, `"<"`, `b`, `"<="`, `c`.
    pub const COMPARE: &str = "[compare]";
    /// What `a if b` is when `b` does not hold.
    pub const NOTHING: &str = "[nothing]";
    /// What a namespace may keep.
    pub const KEEP: &str = "[keep]";
    /// An argument that is handed to something that is not ours.
    pub const HAND: &str = "[hand]";
    /// The operators of two operands.
    pub const OPERATORS: [&str; 8] = ["+", "-", "*", "/", "//", "%", "**", "~"];
}

/// Returns the form of a text with holes that is evaluated.
///
/// # Errors
/// What the template language refuses, and what cannot be evaluated within bounds.
pub fn text(source: &str) -> Result<Stmt<'_>, TemplateError> {
    Rewriter { source }.stmt(&syntax::text(source)?)
}

/// Returns the form of a bare expression that is evaluated.
///
/// # Errors
/// As [`text`].
pub fn expression(source: &str) -> Result<Expr<'_>, TemplateError> {
    Rewriter { source }.expr(&syntax::expression(source)?)
}

struct Rewriter<'a> {
    source: &'a str,
}

type Rewritten<T> = Result<T, TemplateError>;

fn refuse<T>(message: impl Into<String>, span: Span) -> Rewritten<T> {
    let range = Some(span.start_offset as usize..span.end_offset as usize);
    Err(TemplateError { message: message.into(), range })
}

fn constant<'a>(value: impl Into<Value>, span: Span) -> Expr<'a> {
    Expr::Const(Spanned::new(ast::Const { value: value.into() }, span))
}

/// A call of one of our functions.
fn ours<'a>(name: &'static str, first: Expr<'a>, rest: Vec<Expr<'a>>, span: Span) -> Expr<'a> {
    let args = rest.into_iter().map(CallArg::Pos).collect();
    Expr::Filter(Spanned::new(ast::Filter { name, expr: Some(first), args }, span))
}

impl<'a> Rewriter<'a> {
    fn body(&self, body: &[Stmt<'a>]) -> Rewritten<Vec<Stmt<'a>>> {
        body.iter().map(|stmt| self.stmt(stmt)).collect()
    }

    fn stmt(&self, stmt: &Stmt<'a>) -> Rewritten<Stmt<'a>> {
        Ok(match stmt {
            Stmt::Template(it) => {
                Stmt::Template(Spanned::new(ast::Template { children: self.body(&it.children)? }, it.span()))
            }
            // As a value, so that what is written passes the one writer that counts.
            Stmt::EmitRaw(it) => {
                let expr = constant(Value::from_safe_string(it.raw.to_owned()), it.span());
                Stmt::EmitExpr(Spanned::new(ast::EmitExpr { expr }, it.span()))
            }
            Stmt::EmitExpr(it) => {
                Stmt::EmitExpr(Spanned::new(ast::EmitExpr { expr: self.expr(&it.expr)? }, it.span()))
            }
            Stmt::ForLoop(it) => Stmt::ForLoop(Spanned::new(self.for_loop(it)?, it.span())),
            Stmt::IfCond(it) => Stmt::IfCond(Spanned::new(
                ast::IfCond {
                    expr: self.expr(&it.expr)?,
                    true_body: self.body(&it.true_body)?,
                    false_body: self.body(&it.false_body)?,
                },
                it.span(),
            )),
            Stmt::WithBlock(it) => Stmt::WithBlock(Spanned::new(self.with_block(it)?, it.span())),
            Stmt::Set(it) => Stmt::Set(Spanned::new(
                ast::Set { target: self.target(&it.target)?, expr: self.assigned(&it.target, &it.expr)? },
                it.span(),
            )),
            Stmt::SetBlock(it) => Stmt::SetBlock(Spanned::new(
                ast::SetBlock {
                    target: self.target(&it.target)?,
                    filter: self.maybe(it.filter.as_ref())?,
                    body: self.body(&it.body)?,
                },
                it.span(),
            )),
            Stmt::FilterBlock(it) => Stmt::FilterBlock(Spanned::new(
                ast::FilterBlock { filter: self.expr(&it.filter)?, body: self.body(&it.body)? },
                it.span(),
            )),
            Stmt::Macro(it) => Stmt::Macro(self.macro_decl(it)?),
            Stmt::CallBlock(it) => Stmt::CallBlock(Spanned::new(
                ast::CallBlock { call: self.call(&it.call)?, macro_decl: self.macro_decl(&it.macro_decl)? },
                it.span(),
            )),
            Stmt::Do(it) => Stmt::Do(Spanned::new(ast::Do { call: self.call(&it.call)? }, it.span())),
            Stmt::AutoEscape(it) => {
                return refuse("a template writes text as it is: use the filter `escape`", it.span());
            }
            Stmt::Block(it) => return refuse("a template has no blocks that others fill in", it.span()),
            Stmt::Import(it) => return refuse("a template does not import others", it.span()),
            Stmt::FromImport(it) => return refuse("a template does not import others", it.span()),
            Stmt::Extends(it) => return refuse("a template does not extend others", it.span()),
            Stmt::Include(it) => return refuse("a template does not include others", it.span()),
        })
    }

    fn for_loop(&self, it: &ast::ForLoop<'a>) -> Rewritten<ast::ForLoop<'a>> {
        Ok(ast::ForLoop {
            target: self.target(&it.target)?,
            iter: self.handed(&it.iter)?,
            filter_expr: self.maybe(it.filter_expr.as_ref())?,
            recursive: it.recursive,
            body: self.body(&it.body)?,
            else_body: self.body(&it.else_body)?,
        })
    }

    fn with_block(&self, it: &ast::WithBlock<'a>) -> Rewritten<ast::WithBlock<'a>> {
        let assign = |(target, value): &(Expr<'a>, Expr<'a>)| Ok((self.target(target)?, self.expr(value)?));
        Ok(ast::WithBlock {
            assignments: it.assignments.iter().map(assign).collect::<Rewritten<_>>()?,
            body: self.body(&it.body)?,
        })
    }

    fn macro_decl(&self, it: &Spanned<ast::Macro<'a>>) -> Rewritten<Spanned<ast::Macro<'a>>> {
        let declared = ast::Macro {
            name: it.name,
            args: it.args.iter().map(|arg| self.target(arg)).collect::<Rewritten<_>>()?,
            defaults: self.exprs(&it.defaults)?,
            body: self.body(&it.body)?,
        };
        Ok(Spanned::new(declared, it.span()))
    }

    /// What stands left of an assignment keeps its form.
    fn target(&self, expr: &Expr<'a>) -> Rewritten<Expr<'a>> {
        let targets =
            |items: &[Expr<'a>]| items.iter().map(|item| self.target(item)).collect::<Rewritten<_>>();
        Ok(match expr {
            Expr::Var(it) => Expr::Var(Spanned::new(ast::Var { id: it.id }, it.span())),
            Expr::List(it) => Expr::List(Spanned::new(ast::List { items: targets(&it.items)? }, it.span())),
            Expr::Tuple(it) => Expr::List(Spanned::new(ast::List { items: targets(&it.items)? }, it.span())),
            Expr::GetAttr(it) => Expr::GetAttr(Spanned::new(
                ast::GetAttr { expr: self.target(&it.expr)?, name: it.name },
                it.span(),
            )),
            other => return refuse("only names are assigned to", other.span()),
        })
    }

    /// A namespace outlives the block that fills it: it keeps plain values, never itself.
    fn assigned(&self, target: &Expr<'a>, expr: &Expr<'a>) -> Rewritten<Expr<'a>> {
        let value = self.expr(expr)?;
        Ok(match target {
            Expr::Var(_) => value,
            _ => ours(names::KEEP, value, Vec::new(), expr.span()),
        })
    }

    fn maybe(&self, expr: Option<&Expr<'a>>) -> Rewritten<Option<Expr<'a>>> {
        expr.map(|expr| self.expr(expr)).transpose()
    }

    fn exprs(&self, exprs: &[Expr<'a>]) -> Rewritten<Vec<Expr<'a>>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr(&self, expr: &Expr<'a>) -> Rewritten<Expr<'a>> {
        let span = expr.span();
        Ok(match expr {
            Expr::Var(it) => Expr::Var(Spanned::new(ast::Var { id: it.id }, span)),
            Expr::Const(it) => self.literal(&it.value, span)?,
            Expr::Slice(it) => {
                let bound = |bound: &Option<Expr<'a>>| match bound {
                    Some(bound) => self.expr(bound),
                    None => Ok(constant((), span)),
                };
                let bounds = vec![bound(&it.start)?, bound(&it.stop)?, bound(&it.step)?];
                ours(names::SLICE, self.expr(&it.expr)?, bounds, span)
            }
            Expr::UnaryOp(it) => match it.op {
                UnaryOpKind::Not => Expr::UnaryOp(Spanned::new(
                    ast::UnaryOp { op: UnaryOpKind::Not, expr: self.expr(&it.expr)? },
                    span,
                )),
                UnaryOpKind::Neg => ours(names::NEGATE, self.expr(&it.expr)?, Vec::new(), span),
            },
            Expr::BinOp(it) => self.operation(it, span)?,
            Expr::Compare(it) => self.comparison(it, span)?,
            Expr::IfExpr(it) => {
                let otherwise = match &it.false_expr {
                    Some(expr) => self.expr(expr)?,
                    None => ours(names::NOTHING, constant((), span), Vec::new(), span),
                };
                let (test_expr, true_expr) = (self.expr(&it.test_expr)?, self.expr(&it.true_expr)?);
                Expr::IfExpr(Spanned::new(
                    ast::IfExpr { test_expr, true_expr, false_expr: Some(otherwise) },
                    span,
                ))
            }
            Expr::Filter(it) => self.filter(it, span)?,
            Expr::Test(it) => self.test(it, span)?,
            Expr::GetAttr(it) => {
                Expr::GetAttr(Spanned::new(ast::GetAttr { expr: self.expr(&it.expr)?, name: it.name }, span))
            }
            Expr::GetItem(it) => {
                ours(names::ITEM, self.expr(&it.expr)?, vec![self.expr(&it.subscript_expr)?], span)
            }
            Expr::Call(it) => Expr::Call(self.call(it)?),
            Expr::List(it) => self.list(&it.items, span)?,
            Expr::Tuple(it) => self.list(&it.items, span)?,
            Expr::Map(it) => {
                let (keys, values) = (self.exprs(&it.keys)?, self.exprs(&it.values)?);
                let map = Expr::Map(Spanned::new(ast::Map { keys, values }, span));
                ours(names::TABLE, map, Vec::new(), span)
            }
        })
    }

    fn filter(&self, it: &ast::Filter<'a>, span: Span) -> Rewritten<Expr<'a>> {
        known("filter", it.name, &FILTERS, span)?;
        let inner = match &it.expr {
            Some(inner) if ["default", "d"].contains(&it.name) => Some(self.guarded(inner)?),
            inner => self.maybe(inner.as_ref())?,
        };
        let args = self.args(&it.args)?;
        Ok(Expr::Filter(Spanned::new(ast::Filter { name: it.name, expr: inner, args }, span)))
    }

    fn test(&self, it: &ast::Test<'a>, span: Span) -> Rewritten<Expr<'a>> {
        known("test", it.name, &TESTS, span)?;
        let inner = match it.name {
            "defined" | "undefined" => self.guarded(&it.expr)?,
            _ => self.expr(&it.expr)?,
        };
        let args = self.args(&it.args)?;
        Ok(Expr::Test(Spanned::new(ast::Test { name: it.name, expr: inner, args }, span)))
    }

    /// What `default` and `is defined` guard may be missing at every level, as `check` takes it: on the way there, nothing is an
    /// empty table.
    fn guarded(&self, expr: &Expr<'a>) -> Rewritten<Expr<'a>> {
        let span = expr.span();
        let way = |inner: &Expr<'a>| {
            let nothing = Expr::Map(Spanned::new(ast::Map { keys: Vec::new(), values: Vec::new() }, span));
            let nothing = ours(names::TABLE, nothing, Vec::new(), span);
            Ok(ours("default", self.guarded(inner)?, vec![nothing], span))
        };
        Ok(match expr {
            Expr::GetAttr(it) => {
                Expr::GetAttr(Spanned::new(ast::GetAttr { expr: way(&it.expr)?, name: it.name }, span))
            }
            Expr::GetItem(it) => {
                ours(names::ITEM, way(&it.expr)?, vec![self.expr(&it.subscript_expr)?], span)
            }
            other => self.expr(other)?,
        })
    }

    fn list(&self, items: &[Expr<'a>], span: Span) -> Rewritten<Expr<'a>> {
        let list = Expr::List(Spanned::new(ast::List { items: self.exprs(items)? }, span));
        Ok(ours(names::LIST, list, Vec::new(), span))
    }

    /// A number with a point is taken from the text: its digits, and not the binary number nearest to them.
    fn literal(&self, value: &Value, span: Span) -> Rewritten<Expr<'a>> {
        if !value.is_number() || value.is_integer() {
            return Ok(constant(value.clone(), span));
        }
        let written =
            self.source.get(span.start_offset as usize..span.end_offset as usize).unwrap_or_default();
        if super::decimal(written).is_none() {
            return refuse(format!("{written} has more digits than a number can have here"), span);
        }
        Ok(ours(names::DECIMAL, constant(written, span), Vec::new(), span))
    }

    fn operation(&self, it: &ast::BinOp<'a>, span: Span) -> Rewritten<Expr<'a>> {
        let (left, right) = (self.expr(&it.left)?, self.expr(&it.right)?);
        let name = match it.op {
            op @ (BinOpKind::ScAnd | BinOpKind::ScOr) => {
                return Ok(Expr::BinOp(Spanned::new(ast::BinOp { op, left, right }, span)));
            }
            BinOpKind::In => return Ok(ours(names::CONTAINS, left, vec![right], span)),
            BinOpKind::Eq => return Ok(compared(left, [("==", right)], span)),
            BinOpKind::Ne => return Ok(compared(left, [("!=", right)], span)),
            BinOpKind::Lt => return Ok(compared(left, [("<", right)], span)),
            BinOpKind::Lte => return Ok(compared(left, [("<=", right)], span)),
            BinOpKind::Gt => return Ok(compared(left, [(">", right)], span)),
            BinOpKind::Gte => return Ok(compared(left, [(">=", right)], span)),
            BinOpKind::Add => "+",
            BinOpKind::Sub => "-",
            BinOpKind::Mul => "*",
            BinOpKind::Div => "/",
            BinOpKind::FloorDiv => "//",
            BinOpKind::Rem => "%",
            BinOpKind::Pow => "**",
            BinOpKind::Concat => "~",
        };
        Ok(ours(name, left, vec![right], span))
    }

    fn comparison(&self, it: &ast::Compare<'a>, span: Span) -> Rewritten<Expr<'a>> {
        let links: Vec<(&'static str, Expr<'a>)> = it
            .ops
            .iter()
            .map(|link| Ok((sign(link.op), self.expr(&link.expr)?)))
            .collect::<Rewritten<_>>()?;
        Ok(compared(self.expr(&it.expr)?, links, span))
    }

    fn call(&self, it: &Spanned<ast::Call<'a>>) -> Rewritten<Spanned<ast::Call<'a>>> {
        let (is_ours, expr) = match it.identify_call() {
            CallType::Function(name) => {
                (true, Expr::Var(Spanned::new(ast::Var { id: name }, it.expr.span())))
            }
            CallType::Method(object, name) => {
                let expr = self.expr(object)?;
                (false, Expr::GetAttr(Spanned::new(ast::GetAttr { expr, name }, it.expr.span())))
            }
            CallType::Object(object) => (true, self.expr(object)?),
            CallType::Block(_) => return refuse("a template has no blocks that others fill in", it.span()),
        };
        let args = if is_ours { self.args(&it.args)? } else { self.handed_args(&it.args)? };
        Ok(Spanned::new(ast::Call { expr, args }, it.span()))
    }

    /// Arguments of what is ours, or of a macro; a list or table that is spread is copied, which counts.
    fn args(&self, args: &[CallArg<'a>]) -> Rewritten<Vec<CallArg<'a>>> {
        let arg = |arg: &CallArg<'a>| {
            Ok(match arg {
                CallArg::Pos(expr) => CallArg::Pos(self.expr(expr)?),
                CallArg::Kwarg(name, expr) => CallArg::Kwarg(name, self.expr(expr)?),
                CallArg::PosSplat(expr) => CallArg::PosSplat(self.handed(expr)?),
                CallArg::KwargSplat(expr) => CallArg::KwargSplat(self.handed(expr)?),
            })
        };
        args.iter().map(arg).collect()
    }

    fn handed_args(&self, args: &[CallArg<'a>]) -> Rewritten<Vec<CallArg<'a>>> {
        let arg = |arg: &CallArg<'a>| {
            Ok(match arg {
                CallArg::Pos(expr) => CallArg::Pos(self.handed(expr)?),
                CallArg::Kwarg(name, expr) => CallArg::Kwarg(name, self.handed(expr)?),
                CallArg::PosSplat(expr) => CallArg::PosSplat(self.handed(expr)?),
                CallArg::KwargSplat(expr) => CallArg::KwargSplat(self.handed(expr)?),
            })
        };
        args.iter().map(arg).collect()
    }

    fn handed(&self, expr: &Expr<'a>) -> Rewritten<Expr<'a>> {
        Ok(ours(names::HAND, self.expr(expr)?, Vec::new(), expr.span()))
    }
}

fn sign(op: CompareOpKind) -> &'static str {
    match op {
        CompareOpKind::Eq => "==",
        CompareOpKind::Ne => "!=",
        CompareOpKind::Lt => "<",
        CompareOpKind::Lte => "<=",
        CompareOpKind::Gt => ">",
        CompareOpKind::Gte => ">=",
        CompareOpKind::In => "in",
        CompareOpKind::NotIn => "not in",
    }
}

/// All operands at once: an operand in the middle would stand twice otherwise, and a nest of them twice at each level.
fn compared<'a>(
    first: Expr<'a>,
    links: impl IntoIterator<Item = (&'static str, Expr<'a>)>,
    span: Span,
) -> Expr<'a> {
    let rest = links.into_iter().flat_map(|(sign, operand)| [constant(sign, span), operand]).collect();
    ours(names::COMPARE, first, rest, span)
}

fn known(what: &str, name: &str, list: &[&str], span: Span) -> Rewritten<()> {
    if list.contains(&name) {
        return Ok(());
    }
    let alike = list.iter().map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    let hint =
        alike.filter(|(distance, _)| *distance <= 2).map(|(_, known)| format!("; did you mean `{known}`?"));
    refuse(format!("there is no {what} `{name}`{}", hint.unwrap_or_default()), span)
}
