//! Every code has a page; its bad example gives the diagnostics that the page shows.
//!
//! `ADJUTANT_GOLDEN=1 cargo test -p adjutant-spec --test codes` writes the shown diagnostics anew, to be reviewed as code.

#![expect(clippy::disallowed_methods, reason = "pages are written anew on request")]

use std::{env, fs, path::PathBuf};

use adjutant_spec::{
    diag::{Code, Page, Severity},
    load_at,
};

#[test]
fn each_bad_example_gives_the_diagnostics_of_its_page() {
    let update = env::var_os("ADJUTANT_GOLDEN").is_some();
    let mut wrong = Vec::new();
    // Whether a scenario holds is found by playing it: its page has its test where scenarios are played.
    for code in Code::ALL.iter().filter(|code| **code != Code::E0705) {
        let page = Page::of(*code);
        let report = load_at(&page.files, today()).report.filtered(|found| found.code == *code);
        let rendered = format!("{}\n", report.render().trim_end());
        if rendered == page.diagnostics {
            continue;
        }
        if update && !report.is_empty() {
            write_page(*code, &rendered);
        } else {
            wrong.push(format!("{code}: expected\n{}\nfound\n{rendered}", page.diagnostics));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The day on which the pages are read.
fn today() -> jiff::Timestamp {
    "2026-05-04T08:00:00Z".parse().expect("a moment")
}

fn write_page(code: Code, rendered: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("codes").join(format!("{code}.md"));
    let text = code.page();
    let (before, rest) =
        text.split_once("## Diagnostics\n\n```text\n").expect("the page has a block of diagnostics");
    let (_, after) = rest.split_once("```\n").expect("the block ends");
    fs::write(path, format!("{before}## Diagnostics\n\n```text\n{rendered}```\n{after}")).expect("writable");
}

#[test]
fn each_page_has_title_meaning_and_fix() {
    for code in Code::ALL {
        let page = code.page();
        assert!(page.starts_with(&format!("# {code}: {}\n", code.title())), "{code}");
        let fix = page.split_once("## Fix\n\n").map(|(_, fix)| fix.trim()).unwrap_or_default();
        assert!(fix.len() > 10, "{code} does not say what to do");
    }
}

#[test]
fn errors_refuse_and_warnings_do_not() {
    assert_eq!(Code::E0101.severity(), Severity::Error);
    assert_eq!(Code::W0001.severity(), Severity::Warning);
    assert!(Code::ALL.len() >= 40);
}
