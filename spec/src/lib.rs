//! The language of a company repository: read, checked and compiled without running anything.
//!
//! ```text
//! FileSet ──read──► draft (spanned) ──check──► report ──compile──► Plan { bundles, policies, … }
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod advice;
pub mod check;
pub mod compile;
pub mod compose;
pub mod diag;
pub mod diff;
pub mod draft;
pub mod fields;
pub mod files;
pub mod fmt;
pub mod folders;
pub mod kinds;
mod load;
pub mod net;
pub mod plan;
pub mod read;
pub mod scaffold;
pub mod scenario;
pub mod schema;
pub mod shown;
mod sides;
pub mod spoken;
pub mod value;

pub use load::{Loaded, Memo, Work, load, load_at};
