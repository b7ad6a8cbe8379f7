//! What one evaluation may cost: how much text and how many list entries it makes, and how much it looks at.
//!
//! The instructions are counted by minijinja's fuel; one instruction can copy a megabyte, so bytes are counted here. What an
//! evaluation keeps is never more than what it made, so the first bound is the bound on memory.

use minijinja::{Error, ErrorKind, State};

/// How many bytes one evaluation may make in all: texts, entries, output.
pub(super) const MADE: u64 = 16 << 20;
/// How many bytes its functions may look at; searching and comparing run at about a gigabyte a second.
const TOUCHED: u64 = 128 << 20;
/// What calling a function costs whatever it looks at.
const CALL: u64 = 64;
/// How deep functions may call functions, as `map` does.
const NESTED: u32 = 8;

/// The account of one evaluation.
#[derive(Debug, Default)]
pub(super) struct Meter {
    made: u64,
    touched: u64,
    nested: u32,
}

impl Meter {
    /// Returns the account that travels with the evaluation.
    pub(super) fn of<'s>(state: &'s mut State<'_, '_>) -> &'s mut Self {
        state.get_or_insert_extension_with(Self::default)
    }

    /// Asks for bytes before they are made.
    pub(super) fn make(&mut self, bytes: u64) -> Result<(), Error> {
        self.made = self.made.saturating_add(bytes);
        if self.made > MADE {
            return Err(refuse(format!("it makes more than {} MB of text and lists", MADE >> 20)));
        }
        Ok(())
    }

    /// Asks to look at bytes.
    pub(super) fn touch(&mut self, bytes: u64) -> Result<(), Error> {
        self.touched = self.touched.saturating_add(bytes).saturating_add(CALL);
        if self.touched > TOUCHED {
            return Err(refuse("it takes too much work"));
        }
        Ok(())
    }

    /// Enters a function that calls functions.
    pub(super) fn enter(&mut self) -> Result<(), Error> {
        self.nested += 1;
        if self.nested > NESTED {
            return Err(refuse("too many filters call each other"));
        }
        Ok(())
    }

    /// Leaves the level that was entered last.
    pub(super) fn leave(&mut self) {
        self.nested = self.nested.saturating_sub(1);
    }
}

/// Returns an error with a sentence of ours.
pub(super) fn refuse(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.into())
}
