//! From what the source wishes to what is in force: check, plan, activate, and say what became of it.
//!
//! ```text
//!  source ─► Seen ─► judge (compose with the last good) ─► plan ─► hold or confirm? ─► Handle::activate ─► live
//!                        │ mistakes                          │                              │ compare-and-swap
//!                        ▼                                   ▼                              ▼
//!                     refused                              held                        proposals settle
//! ```
//! The room is level-triggered: it compares what is wished with what is in force, and the reason of a wake-up never changes the
//! result. A source that cannot be read removes nothing. Everything up to the activation may be repeated after a crash; what was in
//! force is stored file by file in the journal, so that a revert needs no Git.
//!
//! It never imports the store, Git, HTTP, connectors or the source: Git is asked through [`Repository`], and the composition root
//! hands in what the source saw as [`Seen`].

mod ask;
mod board;
mod control;
mod course;
mod error;
mod files;
mod in_force;
mod judge;
mod mistake;
mod plan;
mod plays;
mod proposal;
pub mod proposers;
mod push;
mod reconciler;
mod rehearsal;
mod repository;
mod settings;
mod status;
mod store;
mod wish;
mod withhold;

pub use ask::{Company, PlanAnswer, PlanView};
pub use control::Done;
pub use course::Hold;
pub use error::Error;
pub use mistake::MistakeView;
pub use plan::{Artefact, Class, Confirm, LiveRuns, MissingSecret, NextSlot, Retained};
pub use proposal::{NewProposal, ProposalView, Source as ProposalSource};
pub use push::Admission;
pub use reconciler::Reconciler;
pub use rehearsal::{Redecided, Rehearse, Rehearsed, Turn, Unfit};
pub use repository::{Commit, Extent, Landing, Merged, Repository, RepositoryError, Review, Trouble};
pub use settings::Settings;
pub use status::{ConditionView, SliceView, Status, WaitsView};
pub use wish::{Candidate, Mode, Seen, Unreadable};
