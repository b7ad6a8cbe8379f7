//! Why the daemon does not open.

use std::io;

use tokio::task::JoinError;

use crate::{effects::secrets, http, journal, reconcile, runtime, source};

/// The first room that does not open, and why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The store is locked, damaged, or written by another version.
    #[error(transparent)]
    Store(#[from] journal::Error),
    /// The runtime could not take up what an earlier process left.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// The key of the secrets.
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    /// Git, or what is followed.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// What decides about revisions.
    #[error(transparent)]
    Reconcile(#[from] reconcile::Error),
    /// An address or the control socket could not be listened at.
    #[error(transparent)]
    Served(#[from] http::ServeError),
    /// This program is not where it was started from: the hooks could not call it.
    #[error("cannot find \"adjutant\"")]
    Program(#[source] io::Error),
    /// A room panicked while it was opened or closed.
    #[error("a room panicked")]
    Panicked(#[source] JoinError),
}
