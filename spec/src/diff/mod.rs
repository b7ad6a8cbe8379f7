//! What changes between two plans, in the words of the business: the heart of `plan` and of the answer to a push.

mod change;
mod permissions;
mod resources;

pub use change::{Change, ChangeKind, Direction};

use crate::plan::Plan;

/// Returns every change from one plan to another, in a stable order.
#[must_use]
pub fn diff(old: &Plan, new: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    resources::diff(old, new, &mut changes);
    permissions::diff(old, new, &mut changes);
    changes.sort();
    changes.dedup();
    changes
}
