//! The page of failures that others have met: every row names tests, and each of them is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

const PAGE: &str = "controller/docs/failures.md";
/// The failures that the page counts; what was also seen has no number.
const COUNTED: usize = 25;

/// A row of a table: a failure, what stops it, and the tests that show it.
struct Row<'a> {
    failure: &'a str,
    tests: &'a str,
}

/// A test as the page names it.
struct Named<'a> {
    file: &'a str,
    test: &'a str,
}

impl<'a> Row<'a> {
    /// Reads a line; nothing where it is no row, an error where it has not three cells.
    fn read(line: &'a str) -> Option<Result<Self, String>> {
        let inner = line.strip_prefix("| ")?;
        let cells: Vec<&str> = inner.trim_end_matches(" |").split(" | ").collect();
        match cells[..] {
            ["failure", ..] => None,
            [failure, _, tests] => Some(Ok(Self { failure, tests })),
            _ => Some(Err(format!("a row has {} cells: {line}", cells.len()))),
        }
    }

    /// Returns what the row names between backticks.
    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.tests.split('`').skip(1).step_by(2)
    }

    /// Says what is wrong with the row.
    fn problems(&self) -> Vec<String> {
        let told = |problem: String| format!("{}: {problem}", self.failure);
        if self.names().next().is_none() {
            return vec![told("it names no test".to_owned())];
        }
        self.names().filter_map(|name| problem_of(name).map(told)).collect()
    }
}

/// Says what is wrong with the name of a test.
fn problem_of(name: &str) -> Option<String> {
    let Some((file, test)) = name.split_once("::") else {
        return Some(format!("\"{name}\" is no path with the name of a test behind it"));
    };
    Named { file, test }.problem()
}

impl Named<'_> {
    /// Says what is wrong where the test is not there.
    fn problem(&self) -> Option<String> {
        let Self { file, test } = self;
        let Ok(text) = fs::read_to_string(root().join(file)) else {
            return Some(format!("there is no file \"{file}\""));
        };
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let begins = |line: &&str| line.contains(&format!("fn {test}("));
        match lines.iter().position(begins) {
            None => Some(format!("\"{file}\" has no \"{test}\"")),
            Some(place) if !is_test(&lines[..place]) => Some(format!("\"{test}\" of \"{file}\" is no test")),
            Some(_) => None,
        }
    }
}

/// Returns whether the lines end with what makes the next one a test: attributes and comments may stand between.
fn is_test(before: &[&str]) -> bool {
    let above = before.iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    above.into_iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

fn problems(page: &str) -> Vec<String> {
    let rows = page.lines().filter_map(Row::read);
    rows.flat_map(|row| row.map_or_else(|problem| vec![problem], |row| row.problems())).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_path_buf()
}

fn page() -> String {
    fs::read_to_string(root().join(PAGE)).expect("the page is there")
}

#[test]
fn every_row_names_tests_that_are_there() {
    let problems = problems(&page());
    assert!(problems.is_empty(), "{PAGE}:\n{}", problems.join("\n"));
}

#[test]
fn every_counted_failure_has_its_row() {
    let page = page();
    let rows = page.lines().filter_map(Row::read).map(|row| row.expect("it has three cells"));
    let numbers: Vec<usize> = rows.filter_map(|row| row.failure.split_once(". ")?.0.parse().ok()).collect();
    assert_eq!(numbers, (1..=COUNTED).collect::<Vec<_>>());
}

#[test]
fn a_row_whose_test_is_not_there_is_found() {
    let own = "tests/tests/failures.rs";
    let good = format!("| one | it is stopped | `{own}::a_row_whose_test_is_not_there_is_found` |");
    assert_eq!(problems(&good), Vec::<String>::new());
    for (tests, problem) in [
        (format!("`{own}::nobody_wrote_this`"), "has no \"nobody_wrote_this\""),
        (format!("`{own}::problem_of`"), "is no test"),
        ("`tests/tests/nowhere.rs::x`".to_owned(), "there is no file"),
        ("`every_row_names_tests_that_are_there`".to_owned(), "is no path"),
        ("by hand".to_owned(), "it names no test"),
        (format!("`{own}::page` | more"), "4 cells"),
    ] {
        let row = format!("| one | it is stopped | {tests} |");
        let found = problems(&row);
        assert!(found.len() == 1 && found[0].contains(problem), "{row}: {found:?}");
    }
}
