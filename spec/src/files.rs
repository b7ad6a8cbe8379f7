//! The files of a company repository as bytes, before anything is understood.
//!
//! A [`FileSet`] is what every source of a revision (a work tree, a commit, a push in quarantine) hands to the language.
//! It carries what was wrong with the tree itself, so that one report names all mistakes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::sides::{Sides, side_by_side};

/// Files by their path from the root of the company, with `/` as separator, in path order. A copy costs nothing until it is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSet {
    files: Arc<BTreeMap<String, Arc<[u8]>>>,
    problems: Vec<FileProblem>,
}

/// A path of the tree that cannot be a file of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// The path from the root, made printable where it is not UTF-8.
    pub path: String,
    /// What is wrong with it.
    pub kind: FileProblemKind,
}

/// What a source found instead of a regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileProblemKind {
    /// A symbolic link whose target lies outside the tree, or does not exist.
    SymlinkLeavesTree,
    /// A submodule entry.
    Gitlink,
    /// A pointer of Git LFS in place of the content.
    LfsPointer,
    /// A path that is not UTF-8.
    NameNotUtf8,
    /// Two paths that differ by case only; the other one is named.
    CaseCollision(String),
    /// A file over the limit, with its size in bytes.
    TooLarge(u64),
    /// More files than the limit; the count is given.
    TooMany(u64),
}

impl FileSet {
    /// Returns an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, in place of one with the same path.
    pub fn insert(&mut self, path: impl Into<String>, bytes: impl Into<Arc<[u8]>>) {
        Arc::make_mut(&mut self.files).insert(path.into(), bytes.into());
    }

    /// Removes a file and returns its bytes.
    pub fn remove(&mut self, path: &str) -> Option<Arc<[u8]>> {
        Arc::make_mut(&mut self.files).remove(path)
    }

    /// Records that a path of the tree cannot be read as a file of the language.
    pub fn problem(&mut self, path: impl Into<String>, kind: FileProblemKind) {
        self.problems.push(FileProblem { path: path.into(), kind });
    }

    /// Returns what was wrong with the tree itself.
    #[must_use]
    pub fn problems(&self) -> &[FileProblem] {
        &self.problems
    }

    /// Returns the bytes of one file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Arc<[u8]>> {
        self.files.get(path)
    }

    /// Returns path and bytes of each file in path order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<[u8]>)> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes))
    }

    /// Returns the paths at which the files of two sets differ: there is one in one of them only, or its bytes are others.
    #[must_use]
    pub fn differing<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        if Arc::ptr_eq(&self.files, &other.files) {
            return BTreeSet::new();
        }
        let differs = |at: &Sides<'a, String, Arc<[u8]>>| at.old != at.new;
        side_by_side(&self.files, &other.files).filter(differs).map(|at| at.key.as_str()).collect()
    }

    /// Returns how many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Returns whether there is no file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Returns the slice that owns a path: the name under `slices/`, else `company`.
#[must_use]
pub fn slice_of(path: &str) -> &str {
    path.strip_prefix("slices/").and_then(|rest| rest.split_once('/')).map_or("company", |(slice, _)| slice)
}
