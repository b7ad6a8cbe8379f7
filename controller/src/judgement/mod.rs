//! Local judgement: which model lies where and how it comes there.
//!
//! ```text
//!   hub, folder, wheel ──pull──► store (folders of files, digests checked)
//! ```
//! This room knows neither runs nor the journal. A model is its digest: one whose files are not what the catalogue or the
//! company's `adjutant.lock` says is never used.

pub mod catalogue;
mod digest;
mod error;
pub mod pull;
mod store;

pub use digest::{Hashed, model_digest};
pub use error::Error;
pub use store::{Fault, FileReport, Report, Store};
