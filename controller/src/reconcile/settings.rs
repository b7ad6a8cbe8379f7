//! What a reconciler stands on.

use std::sync::Arc;

use adjutant_machine::journal::Journal;

use super::{rehearsal::Rehearse, repository::Repository, wish::Mode};
use crate::runtime::{Clock, Handle};

/// What a reconciler stands on.
pub struct Settings {
    /// The runtime.
    pub handle: Handle,
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The repository that commits are read from and written to.
    pub repository: Arc<dyn Repository>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the truth lives.
    pub mode: Mode,
    /// The folder, address or repository that is followed, for people.
    pub place: String,
    /// The company's own repository, as one would write it after `git pull`.
    pub company: String,
    /// What decides recorded texts again; plans leave that out where there is none.
    pub rehearsal: Option<Arc<dyn Rehearse>>,
}
