//! The page of a code: prose, a bad example as files, and the diagnostics that it must give.
//!
//! A page is Markdown. Under `## Example` each fenced block is preceded by a line that holds a path in backticks: the bad files.
//! Under `## Diagnostics` one fenced block holds the caret text of all diagnostics with the page's code. `## Fix` says what to do.

use super::Code;
use crate::files::FileSet;

/// The page of a code, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The bad example.
    pub example: Example,
    /// The caret text that the example gives.
    pub diagnostics: String,
}

/// The files of a bad example by path.
pub type Example = Vec<(String, String)>;

/// The company file that stands in an example that shows none.
const COMPANY: &str = "schema = \"adjutant/v1\"\nname = \"Example\"\nowner = \"founder\"\nzone = \"Europe/Berlin\"\ncurrency = \"EUR\"\n";

impl Page {
    /// Takes the page of a code apart.
    #[must_use]
    pub fn of(code: Code) -> Self {
        let mut page = Self { example: Vec::new(), diagnostics: String::new() };
        let mut heading = "";
        let mut path = None;
        let mut lines = code.page().lines();
        while let Some(line) = lines.next() {
            if let Some(title) = line.strip_prefix("## ") {
                heading = title;
            } else if let Some(name) = line.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
                path = Some(name.to_owned());
            } else if line.starts_with("```") {
                let body: String =
                    lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
                match (heading, path.take()) {
                    ("Example", Some(path)) => page.example.push((path, body)),
                    ("Diagnostics", _) => page.diagnostics = body,
                    _ => {}
                }
            }
        }
        page
    }

    /// Returns the files of the bad example, with a company file where it shows none.
    #[must_use]
    pub fn files(&self) -> FileSet {
        let mut files = FileSet::new();
        files.insert("adjutant.toml", COMPANY.as_bytes());
        for (path, body) in &self.example {
            files.insert(path.as_str(), body.as_bytes());
        }
        files
    }
}
