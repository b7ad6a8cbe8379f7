//! What every dialogue shares.

use std::sync::Arc;

use super::auth::Login;
use crate::faults::Faults;
use crate::ledger::Ledger;

/// What all connections to the mail double share: ledger and faults.
#[derive(Debug, Clone)]
pub(crate) struct Smtp {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) faults: Arc<Faults>,
    /// Where set, mail is taken only after this login.
    pub(crate) login: Option<Login>,
}
