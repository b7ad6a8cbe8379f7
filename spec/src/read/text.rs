//! Bytes to text, and what can be wrong with the tree itself.

use std::collections::BTreeMap;

use crate::{
    diag::{Code, Diagnostic, Spot},
    files::{FileProblem, FileProblemKind, FileSet},
};

use super::layout::{Role, classify};

const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Returns the text of a file without byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, (Code, String)> {
    if bytes.starts_with(LFS) {
        return Err((Code::E0003, "the content is a pointer of Git LFS, not the file".to_owned()));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err((Code::E0002, "the file is UTF-16".to_owned()));
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        (Code::E0001, format!("the file is not UTF-8 from line {line}, byte {}", error.valid_up_to()))
    })
}

/// Returns a diagnostic for each path of the language that is not a regular file, and for names that differ by case only.
pub(super) fn tree_problems(files: &FileSet) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> =
        files.problems().iter().filter(|problem| counts(problem)).map(describe).collect();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (path, _) in files.iter().filter(|(path, _)| classify(path) != Role::Other) {
        if let Some(other) = seen.insert(path.to_lowercase(), path) {
            found.push(describe(&FileProblem {
                path: path.to_owned(),
                kind: FileProblemKind::CaseCollision(other.to_owned()),
            }));
        }
    }
    found
}

/// Returns whether a problem touches the language; a picture in LFS does not.
fn counts(problem: &FileProblem) -> bool {
    let inside = format!("{}/x.toml", problem.path);
    matches!(problem.kind, FileProblemKind::TooMany(_))
        || classify(&problem.path) != Role::Other
        || classify(&inside) != Role::Other
}

fn describe(problem: &FileProblem) -> Diagnostic {
    let (code, message, help) = match &problem.kind {
        FileProblemKind::SymlinkLeavesTree => (
            Code::E0004,
            "the symbolic link leaves the repository, or leads nowhere".to_owned(),
            "replace the link by the file",
        ),
        FileProblemKind::Gitlink => {
            (Code::E0005, "the path is a submodule".to_owned(), "copy the files into this repository")
        }
        FileProblemKind::LfsPointer => (
            Code::E0003,
            "the content is a pointer of Git LFS, not the file".to_owned(),
            "take the path out of .gitattributes and add the file again",
        ),
        FileProblemKind::NameNotUtf8 => {
            (Code::E0007, "the name of the file is not UTF-8".to_owned(), "rename the file")
        }
        FileProblemKind::CaseCollision(other) => (
            Code::E0006,
            format!("the name differs from \"{other}\" by case only"),
            "rename one of the two: some file systems cannot tell them apart",
        ),
        FileProblemKind::TooLarge(size) => (
            Code::E0008,
            format!("the file has {size} bytes, over the limit"),
            "move large content out of the repository",
        ),
        FileProblemKind::TooMany(count) => (
            Code::E0009,
            format!("the tree has {count} files, over the limit"),
            "keep the company in a repository of its own",
        ),
    };
    Diagnostic::new(code, Spot::file(&problem.path), message).help(help)
}
