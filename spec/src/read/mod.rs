//! Reads every file of a company into a [`Draft`], and reports all mistakes of form at once.
//!
//! ```text
//! bytes ──text──► UTF-8 ──toml──► spanned tree ──form (field tables)──► diagnostics
//!                                      └──────────view──────────────► the draft's objects
//! ```
//! The form is checked against the field tables alone; building an object afterwards never reports anything, it only gives up.

mod connector;
mod cx;
mod form;
mod frame;
mod layout;
mod leaf;
mod nearest;
mod object;
mod parsed;
mod playbook;
mod policy;
mod reader;
mod reading;
mod scenario;
mod shape;
mod step;
mod text;
mod view;

use std::{collections::BTreeMap, sync::Arc};

use rust_decimal::Decimal;

pub use layout::{PathKind, classify, is_noise};
pub(crate) use leaf::{Fault, Known, unknown_roots};
pub(crate) use reading::{Gathered, Reading};
pub use step::{default_backoff, default_expiry};
pub(crate) use view::View;

use crate::{
    diag::Report,
    draft::Draft,
    files::FileSet,
    plan::Prices,
    value::{Currency, Money},
};

/// Reads every file of a company.
#[must_use]
pub fn read(files: &FileSet, report: &mut Report) -> Draft {
    let read = Reading::default().read(files);
    report.absorb_texts(&read.report);
    report.absorb(&read.report);
    Arc::unwrap_or_clone(read.draft)
}

/// Returns the prices of a company that has no `prices.toml`: no model may be asked for money.
#[must_use]
pub fn default_prices(currency: Currency) -> Prices {
    let default_cap = Money { amount: Decimal::ONE, currency };
    Prices { currency, default_cap, models: BTreeMap::new() }
}
