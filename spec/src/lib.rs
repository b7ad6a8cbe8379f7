//! The language of a company repository: read, checked and compiled without running anything.
//!
//! ```text
//! FileSet ──read──► draft (spanned) ──check──► report ──compile──► Plan { bundles, policies, … }
//! ```

pub mod diag;
pub mod draft;
pub mod files;
pub mod plan;
pub mod value;
