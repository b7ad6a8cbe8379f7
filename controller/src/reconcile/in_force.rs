//! What is in force, by its files.

use std::sync::Arc;

use adjutant_spec::files::FileSet;

use super::files::Manifest;

/// What is in force, by its files.
#[derive(Clone, Default)]
pub(super) struct InForce {
    pub(super) files: Arc<FileSet>,
    pub(super) manifest: Manifest,
    /// The tree; absent before the first activation.
    pub(super) tree: Option<String>,
}

impl InForce {
    /// Returns what a set of files is once it is in force as a tree.
    pub(super) fn of(files: FileSet, tree: String) -> Self {
        Self { manifest: Manifest::of(&files), files: Arc::new(files), tree: Some(tree) }
    }
}
