//! What every request shares.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::faults::Faults;
use crate::ledger::Ledger;

/// What all requests to the billing double share: books, ledger and faults.
#[derive(Debug)]
pub(crate) struct Billing {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) token: String,
    /// Keys whose first request has not been answered yet.
    pub(crate) in_progress: Mutex<BTreeSet<String>>,
}
