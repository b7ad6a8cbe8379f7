//! Diagnostics: what is wrong, where, why, and what to type instead.
//!
//! A [`Report`] gathers every mistake of a revision. It is ordered by file and place, never by the order of discovery, so that
//! the same tree always gives the same text. Codes are stable: see [`Code`].

mod codes;
mod diagnostic;
mod page;
mod render;
mod report;
mod severity;

pub use codes::Code;
pub use diagnostic::{Diagnostic, Related, Spot};
pub use page::Page;
pub use report::{LineColumn, Report};
pub use severity::Severity;
