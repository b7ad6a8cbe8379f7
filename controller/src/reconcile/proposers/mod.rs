//! Whatever proposes commits. A proposer reads what there is and returns a wish; the operator decides, as about every other.

mod refit;

pub use refit::refit;
