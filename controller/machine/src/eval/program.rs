//! Templates that were compiled once: what a definition keeps, and what an evaluation walks.

use std::collections::BTreeMap;

use adjutant_spec::value::{Template, TemplateError, rewrite};
use minijinja::machinery::{CodeGenerator, Instructions};
use self_cell::self_cell;

/// The instructions of a template; they point into its text.
#[derive(Debug)]
pub(super) struct Code<'s> {
    pub(super) instructions: Instructions<'s>,
    pub(super) blocks: BTreeMap<&'s str, Instructions<'s>>,
}

self_cell!(
    /// A compiled template with the text that it points into.
    pub(super) struct Program {
        owner: String,
        #[covariant]
        dependent: Code,
    }

    impl {Debug}
);

impl Program {
    /// Compiles a template.
    ///
    /// # Errors
    /// What the template language refuses, in its own words.
    pub(super) fn of(template: &Template) -> Result<Self, String> {
        let compiled = match &template.expression {
            Some(expression) => Self::try_new(expression.clone(), |text| expression_code(text)),
            None => Self::try_new(template.source.clone(), |text| text_code(text)),
        };
        compiled.map_err(|error| error.to_string())
    }

    /// Returns what is walked.
    pub(super) fn code(&self) -> &Code<'_> {
        self.borrow_dependent()
    }
}

fn expression_code(text: &str) -> Result<Code<'_>, TemplateError> {
    let tree = rewrite::expression(text)?;
    let mut generator = CodeGenerator::new("<expression>", text);
    generator.compile_expr(&tree);
    let (instructions, blocks) = generator.finish();
    Ok(Code { instructions, blocks })
}

fn text_code(text: &str) -> Result<Code<'_>, TemplateError> {
    let tree = rewrite::text(text)?;
    let mut generator = CodeGenerator::new("<template>", text);
    generator.compile_stmt(&tree);
    let (instructions, blocks) = generator.finish();
    Ok(Code { instructions, blocks })
}

/// The compiled templates of a definition.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    texts: BTreeMap<String, Program>,
    expressions: BTreeMap<String, Program>,
}

impl Programs {
    /// Compiles what can be compiled; what cannot is refused where it is evaluated.
    pub(crate) fn of<'a>(templates: impl IntoIterator<Item = &'a Template>) -> Self {
        let mut programs = Self::default();
        for template in templates {
            let (known, text) = match &template.expression {
                Some(expression) => (&mut programs.expressions, expression),
                None => (&mut programs.texts, &template.source),
            };
            if !known.contains_key(text)
                && let Ok(program) = Program::of(template)
            {
                known.insert(text.clone(), program);
            }
        }
        programs
    }

    /// Returns a template's program.
    pub(super) fn get(&self, template: &Template) -> Option<&Program> {
        match &template.expression {
            Some(expression) => self.expressions.get(expression),
            None => self.texts.get(&template.source),
        }
    }
}
