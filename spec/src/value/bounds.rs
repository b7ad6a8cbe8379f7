//! What a template may be before it is parsed: the parser, the code generator and the drop of a syntax tree all recurse, so
//! a text that nests deeper than this is refused by a look at its tokens, which does not.

use minijinja::{
    machinery::{Span, Token, tokenize},
    syntax::SyntaxConfig,
};

use super::fault::TemplateError;

/// The longest text. The longest prompt that people keep is a tenth of it.
pub(super) const LONGEST: usize = 256 * 1024;
/// How many operators, filters, attributes and brackets may stand one behind or in the other. The parser takes about ten
/// frames for a bracket, and a worker's stack holds two megabytes.
const DEEPEST: usize = 120;
/// How many brackets may stand in each other.
const BRACKETS: usize = 24;
/// How many blocks may stand in each other; an `elif` is a block in the one before it.
const BLOCKS: usize = 40;

/// Refuses a text that is too long or too deep to be parsed.
///
/// # Errors
/// [`TemplateError`] with the place where it becomes too deep, or where it is no token.
pub(crate) fn check(source: &str, is_expression: bool) -> Result<(), TemplateError> {
    if source.len() > LONGEST {
        let message = format!("it has {} bytes; the longest template has {LONGEST}", source.len());
        return Err(TemplateError { message, range: None });
    }
    let mut depth = Depth::default();
    depth.begin();
    for token in tokenize(source, is_expression, SyntaxConfig::default()) {
        let (token, span) = token.map_err(|error| TemplateError::of(&error, source))?;
        depth.token(&token).map_err(|message| too_deep(message, span))?;
    }
    Ok(())
}

fn too_deep(message: String, span: Span) -> TemplateError {
    TemplateError { message, range: Some(span.start_offset as usize..span.end_offset as usize) }
}

/// How deep the syntax tree is at a token.
#[derive(Default)]
struct Depth {
    /// Per open bracket: how deep its expression begins, and the deepest part of it.
    levels: Vec<(usize, usize)>,
    now: usize,
    /// Per open block: how many blocks it counts for.
    blocks: Vec<usize>,
    /// Whether the next token is the first of a block.
    is_block: bool,
    /// Whether the block is a `set` that assigned nothing so far: it goes on to its `endset`.
    is_open_set: bool,
}

impl Depth {
    /// Begins an expression outside of any bracket.
    fn begin(&mut self) {
        self.levels = vec![(0, 0)];
        self.now = 0;
    }

    fn token(&mut self, token: &Token<'_>) -> Result<(), String> {
        let is_first = std::mem::take(&mut self.is_block);
        match token {
            Token::VariableStart => self.begin(),
            Token::BlockStart => {
                self.begin();
                self.is_block = true;
            }
            Token::Ident(word) if is_first => self.block(word),
            Token::Assign if self.levels.len() == 1 => self.is_open_set = false,
            Token::BlockEnd if std::mem::take(&mut self.is_open_set) => self.blocks.push(1),
            Token::Ident("if" | "else" | "and" | "or" | "not" | "in" | "is") => self.deeper(),
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                self.deeper();
                self.levels.push((self.now, self.now));
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose if self.levels.len() > 1 => {
                let (_, deepest) = self.levels.pop().unwrap_or_default();
                self.reach(deepest);
            }
            Token::Comma | Token::Colon => self.now = self.levels.last().map_or(0, |(begin, _)| *begin),
            Token::TemplateData(_)
            | Token::VariableEnd
            | Token::BlockEnd
            | Token::Ident(_)
            | Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_)
            | Token::Assign
            | Token::ParenClose
            | Token::BracketClose
            | Token::BraceClose => {}
            // Every operator, comparison, dot and pipe is a node above what stands before it.
            _ => self.deeper(),
        }
        if self.levels.len() > BRACKETS {
            return Err(format!("more than {BRACKETS} brackets stand in each other"));
        }
        if self.now > DEEPEST {
            return Err(format!("more than {DEEPEST} operations hang together: name a part with `set`"));
        }
        if self.blocks.iter().sum::<usize>() > BLOCKS {
            return Err(format!("more than {BLOCKS} blocks stand in each other"));
        }
        Ok(())
    }

    fn deeper(&mut self) {
        self.reach(self.now + 1);
    }

    fn reach(&mut self, depth: usize) {
        self.now = depth;
        if let Some((_, deepest)) = self.levels.last_mut() {
            *deepest = (*deepest).max(depth);
        }
    }

    fn block(&mut self, word: &str) {
        match word {
            "for" | "if" | "with" | "filter" | "macro" | "call" | "autoescape" | "block" => {
                self.blocks.push(1);
            }
            "set" => self.is_open_set = true,
            "elif" => self.blocks.last_mut().into_iter().for_each(|count| *count += 1),
            end if end.starts_with("end") => drop(self.blocks.pop()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of one kind that nest as deep as is asked for.
    type Nested = fn(usize) -> String;

    const KINDS: [(&str, Nested); 16] = [
        ("brackets", |n| format!("{{{{ {}1{} }}}}", "(".repeat(n), ")".repeat(n))),
        ("lists", |n| format!("{{{{ {}1{} }}}}", "[".repeat(n), "]".repeat(n))),
        ("tables", |n| format!("{{{{ {}1{} }}}}", "{'a':".repeat(n), "}".repeat(n))),
        ("nots", |n| format!("{{{{ {}true }}}}", "not ".repeat(n))),
        ("minus signs", |n| format!("{{{{ {}1 }}}}", "- ".repeat(n))),
        ("sums", |n| format!("{{{{ 1{} }}}}", " + 1".repeat(n))),
        ("ands", |n| format!("{{{{ 1{} }}}}", " and 1".repeat(n))),
        ("filters", |n| format!("{{{{ 'a'{} }}}}", " | upper".repeat(n))),
        ("attributes", |n| format!("{{{{ input{} }}}}", ".a".repeat(n))),
        ("calls", |n| format!("{{{{ input{} }}}}", "()".repeat(n))),
        ("indexes", |n| format!("{{{{ input{} }}}}", "[0]".repeat(n))),
        ("choices", |n| format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(n))),
        ("ifs", |n| format!("{}x{}", "{% if 1 %}".repeat(n), "{% endif %}".repeat(n))),
        ("elifs", |n| format!("{{% if 1 %}}x{}{{% endif %}}", "{% elif 1 %}x".repeat(n))),
        ("loops", |n| format!("{}x{}", "{% for a in [1] %}".repeat(n), "{% endfor %}".repeat(n))),
        ("set blocks", |n| format!("{}x{}", "{% set a %}".repeat(n), "{% endset %}".repeat(n))),
    ];

    #[test]
    fn what_nests_without_end_is_refused_before_it_is_parsed() {
        for (kind, nested) in KINDS {
            assert!(super::super::Template::parse(&nested(12)).is_ok(), "{kind}");
            let deep = super::super::Template::parse(&nested(20_000));
            assert!(deep.is_err(), "{kind}");
        }
    }

    #[test]
    fn long_lists_are_not_deep() {
        let list = format!("{{{{ [{}] }}}}", "steps.a.b, ".repeat(5_000));
        assert_eq!(check(&list, false), Ok(()));
        assert!(check(&"x".repeat(LONGEST + 1), false).is_err());
    }
}
