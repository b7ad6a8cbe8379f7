//! What a reconciler stands on.

use std::sync::Arc;

use adjutant_machine::journal::Journal;

use super::{rehearsal::Rehearse, repository::Repository, wish::Mode};
use crate::runtime::{Clock, Handle};

/// What a reconciler stands on.
pub struct Settings {
    /// The runtime, in which a plan comes into force.
    pub handle: Handle,
    /// The store, in which files and decisions are kept.
    pub journal: Arc<dyn Journal>,
    /// The repository that commits are read from and written to.
    pub repository: Arc<dyn Repository>,
    /// The clock by which entries are dated.
    pub clock: Arc<dyn Clock>,
    /// The place whose word counts.
    pub mode: Mode,
    /// The folder, address or repository that is followed, for people.
    pub place: String,
    /// The company's own repository, as one would write it after `git pull`.
    pub company: String,
    /// What decides recorded texts again; plans leave that out where there is none.
    pub rehearsal: Option<Arc<dyn Rehearse>>,
}
