//! Where a revision comes from: told by whoever activates it, and shown with what is in force.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where what is in force comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Lineage {
    /// The digest of its files.
    pub files: String,
    /// The revision of the source that brought it.
    pub revision: String,
    /// The commit that it is, or is based on.
    pub commit: Option<String>,
    /// The first line of its commit's message.
    pub title: String,
    /// The plan that was carried out.
    pub plan: String,
    /// Which revision each slice comes from.
    pub slices: BTreeMap<String, String>,
}
