//! Bytes to text, and what can be wrong with the tree itself.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    diag::{Code, Diagnostic, Spot},
    files::{FileProblem, FileProblemKind, FileSet},
};

use super::layout::{PathKind, classify};

const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Why a file has no text.
pub(super) struct NoText {
    pub(super) code: Code,
    pub(super) message: String,
}

/// Returns the text of a file without byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, NoText> {
    let no_text = |code, message: &str| Err(NoText { code, message: message.to_owned() });
    if bytes.starts_with(LFS) {
        return no_text(Code::E0003, "the content is a pointer of Git LFS, not the file");
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return no_text(Code::E0002, "the file is UTF-16");
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        let message = format!("the file is not UTF-8 from line {line}, byte {}", error.valid_up_to());
        NoText { code: Code::E0001, message }
    })
}

/// Returns the first line that a merge has left in a text.
///
/// Git writes seven signs, or more where it is told to, at the beginning of a line. A line of `=` alone is a heading in
/// Markdown, and one of `>` may be a quotation, so each counts together with another one only.
pub(super) fn conflict(text: &str) -> Option<Range<usize>> {
    let mut at = 0;
    let mut found: Vec<(char, Range<usize>)> = Vec::new();
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        if let Some(sign) = marker(bare) {
            found.push((sign, at..at + bare.len()));
        }
        at += line.len();
    }
    let has = |sign: char| found.iter().any(|(other, _)| *other == sign);
    let is_conflict = has('<') || (has('>') && has('='));
    found.into_iter().next().map(|(_, span)| span).filter(|_| is_conflict)
}

fn marker(line: &str) -> Option<char> {
    let sign = line.chars().next().filter(|sign| matches!(sign, '<' | '=' | '>'))?;
    let rest = line.trim_start_matches(sign);
    let is_long = line.len() - rest.len() >= 7;
    let ends = rest.is_empty() || (sign != '=' && rest.starts_with(' '));
    (is_long && ends).then_some(sign)
}

/// Returns whether the first line that says something is the schema line of the language, in any notation.
pub(super) fn says_ours(bytes: &[u8]) -> bool {
    const HEAD: usize = 4_096;
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]);
    let mut lines =
        head.trim_start_matches('\u{feff}').lines().map(|line| line.trim().trim_start_matches('{').trim());
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#') && *line != "---");
    first.is_some_and(|line| {
        let key = line.trim_start_matches(['"', '\'']);
        key.starts_with("schema") && key.contains("adjutant/")
    })
}

/// Returns a diagnostic for each path of the language that is not a regular file, and for names that differ by case only.
pub(super) fn tree_problems(files: &FileSet) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> =
        files.problems().iter().filter(|problem| counts(problem)).map(describe).collect();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (path, _) in files.iter().filter(|(path, _)| classify(path) != PathKind::Other) {
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
        || !matches!(classify(&problem.path), PathKind::Other | PathKind::Idle)
        || classify(&inside) != PathKind::Other
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
