//! Scenarios: what the operator writes down about a playbook, so that it can be played without a world.
//!
//! ```text
//! tests/*.toml ──read──► Scenario, names as written ──resolve──► Scenario ──► is played by whoever has a host without a world
//!                                └──check──► what can never be answered or met is refused before anything is played
//! ```
//! Nothing of them is in the plan: a test that changes changes nothing that is in force.

mod resolve;
pub(crate) mod shows;
mod told;
mod write;

use crate::{
    diag::{Code, Diagnostic, Spot},
    draft::Draft,
};

pub use crate::plan::scenario::{
    Answer, BEGINS, Begin, BranchOf, Expectation, Given, RecordWanted, Reply, Scenario,
};
pub(crate) use resolve::resolve;
pub use told::told;
pub use write::{Written, write};

/// Returns the scenarios of a company that has no mistakes, in the order of their files.
#[must_use]
pub fn all(draft: &Draft) -> Vec<Scenario> {
    draft.scenarios.values().map(|at| resolve(draft, at)).collect()
}

/// What a scenario found that was played and does not hold, to be told at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The key path of what does not hold, such as `expect[1].outcome`.
    pub key: String,
    /// What is wrong: a lower case fragment.
    pub message: String,
    /// The short text beside the caret.
    pub label: String,
    /// What to do, and what happened so far.
    pub help: String,
}

/// Returns a finding as a mistake of the company.
#[must_use]
pub fn diagnostic(draft: &Draft, file: &str, found: &Finding) -> Diagnostic {
    let spot = Spot { file: file.to_owned(), span: draft.places.place(file, &found.key) };
    Diagnostic::new(Code::E0705, spot, found.message.clone())
        .label(found.label.clone())
        .help(found.help.clone())
}
