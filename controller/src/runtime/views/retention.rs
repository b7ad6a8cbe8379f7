//! What `adjutant retention` shows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::When;

/// How long what is kept, what would be removed now, and how the store grows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RetentionView {
    /// How long each class is kept.
    pub kept: Vec<KeptView>,
    /// How many runs have ended and are there.
    pub ended: u64,
    /// How many of them began so long ago that they may be removed: those go of which nothing is open.
    pub due: u64,
    /// When the oldest run began that has ended.
    pub oldest: Option<When>,
    /// How many bytes the store takes on the disk.
    pub bytes: u64,
    /// How many of them come to one run.
    pub bytes_per_run: u64,
    /// How many runs ended a day lately.
    pub runs_per_day: f64,
    /// By how many bytes the store would grow in thirty days if nothing was removed.
    pub bytes_per_month: u64,
    /// How large the store gets in the end with as many runs a day; absent where runs are kept for good, and it grows on.
    pub bytes_in_the_end: Option<u64>,
}

/// How long a class is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptView {
    /// `runs` or `deliveries`.
    pub class: String,
    /// How long, such as `400d`; absent where it is kept for good.
    pub keep: Option<String>,
}

/// What a pass of retention removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct RemovedView {
    /// How many runs, each with all that it began.
    pub runs: u64,
    /// How many deliveries.
    pub deliveries: u64,
}

impl RemovedView {
    /// Returns whether anything was removed.
    #[must_use]
    pub fn is_any(self) -> bool {
        self.runs + self.deliveries > 0
    }
}
