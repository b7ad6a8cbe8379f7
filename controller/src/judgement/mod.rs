//! Local judgement: which model lies where, how it comes there, and the routers that are fitted with it.
//!
//! ```text
//!   hub, folder, wheel ──pull──► store (folders of files, digests checked)
//!                                  │
//!   adjutant.lock ──pin──► engine ◄┘  MiniLM, else the static table, marked
//!                            │
//!   plan ──routes──► routers ┴──► decisions       fitted in the background, swapped in one step
//! ```
//! This room knows neither runs nor the journal. A model is its digest: one whose files are not what the catalogue or the
//! company's `adjutant.lock` says is never used.

pub mod catalogue;
mod digest;
pub mod engine;
mod error;
pub mod outcomes;
pub mod pull;
pub mod refit;
mod routers;
mod store;
#[cfg(test)]
pub(crate) mod tests;

pub use digest::{Hashed, model_digest};
pub use engine::{Engine, Files, Loader, StandIn, Standing};
pub use error::Error;
pub use routers::{Fitted, Routers, lessons, pin_of};
pub use store::{FileReport, Flaw, ModelReport, Store};
