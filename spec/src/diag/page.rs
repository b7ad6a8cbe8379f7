//! The page of a code: prose, a bad example as files, and the diagnostics that it must give.
//!
//! A page is Markdown. Under `## Example` each fenced block is preceded by a line that holds a path in backticks: the bad files.
//! A block marked `hex` holds bytes, a block marked `tree` lines such as `symlink playbooks/a.toml`: what is wrong with the tree.
//! Under `## Diagnostics` one fenced block holds the caret text of all diagnostics with the page's code. `## Fix` says what to do.

use super::Code;
use crate::files::{FileProblemKind, FileSet};

/// The page of a code, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The files of the bad example, with a company file where it shows none.
    pub files: FileSet,
    /// The caret text that the example gives.
    pub diagnostics: String,
}

/// The company file that stands in an example that shows none.
const COMPANY: &str = "schema = \"adjutant/v1\"\nname = \"Example\"\nowner = \"founder\"\nzone = \"Europe/Berlin\"\ncurrency = \"EUR\"\n";

/// A fenced block with what stands above it.
struct Block<'p> {
    heading: &'p str,
    path: Option<&'p str>,
    language: &'p str,
    body: String,
}

impl Page {
    /// Takes the page of a code apart.
    #[must_use]
    pub fn of(code: Code) -> Self {
        Self::parse(code.page())
    }

    /// Takes the text of a page apart.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut page = Self { files: FileSet::new(), diagnostics: String::new() };
        page.files.insert("adjutant.toml", COMPANY.as_bytes());
        for block in blocks(text) {
            match (block.heading, block.language, block.path) {
                ("Diagnostics", _, _) => page.diagnostics = block.body,
                ("Example", "tree", _) => block.body.lines().for_each(|line| page.problem(line)),
                ("Example", "hex", Some(path)) => page.files.insert(path, hex(&block.body)),
                ("Example", _, Some(path)) => page.files.insert(path, block.body.as_bytes()),
                _ => {}
            }
        }
        page
    }

    fn problem(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (kind, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let count = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
        let kind = match kind {
            "symlink" => FileProblemKind::SymlinkLeavesTree,
            "gitlink" => FileProblemKind::Gitlink,
            "name" => FileProblemKind::NameNotUtf8,
            "large" => FileProblemKind::TooLarge(count),
            "many" => FileProblemKind::TooMany(count),
            _ => return drop(self.files.remove(path)),
        };
        self.files.problem(path, kind);
    }
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let (mut heading, mut path) = ("", None);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title;
        } else if let Some(name) = line.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
            path = Some(name);
        } else if let Some(language) = line.strip_prefix("```") {
            let body =
                lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
            blocks.push(Block { heading, path: path.take(), language, body });
        }
    }
    blocks
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}
