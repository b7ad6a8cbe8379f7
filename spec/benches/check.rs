//! How long a company of 1,000 files takes to check; the promise is under 2 s.
//!
//! `cargo bench -p adjutant-spec` prints the median of ten rounds.

#![expect(clippy::disallowed_methods, reason = "a benchmark needs a clock")]

use std::time::{Duration, Instant};

use adjutant_spec::{Memo, files::FileSet, load};

/// The flow that is repeated; each copy has its own playbook, template and test.
const PLAYBOOK: &str = include_str!("../../examples/hello/playbooks/hello.toml");
const TEMPLATE: &str = include_str!("../../examples/hello/templates/hello.md");
const COMPANY: &str = include_str!("../../examples/hello/adjutant.toml");
const CONNECTOR: &str = include_str!("../../examples/hello/connectors/out.toml");

fn company(files: usize) -> FileSet {
    let mut set = FileSet::new();
    set.insert("adjutant.toml", COMPANY.as_bytes());
    set.insert("connectors/out.toml", CONNECTOR.as_bytes());
    for index in 0..(files - 2) / 2 {
        let slice = format!("slices/part-{}", index % 10);
        let playbook = PLAYBOOK.replace("templates/hello.md", &format!("templates/text-{index}.md"));
        set.insert(format!("{slice}/playbooks/flow-{index}.toml"), playbook.into_bytes());
        set.insert(format!("{slice}/templates/text-{index}.md"), TEMPLATE.as_bytes());
    }
    set
}

fn median(files: &FileSet) -> Duration {
    let mut times: Vec<Duration> = (0..10)
        .map(|_| {
            let begin = Instant::now();
            let loaded = load(files);
            assert!(loaded.plan.is_some(), "{}", loaded.report.render());
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// Checks a company again after one of its playbooks was saved.
fn again(files: &FileSet) -> Duration {
    let (mut memo, mut files) = (Memo::default(), files.clone());
    drop(memo.load(&files));
    let mut times: Vec<Duration> = (0..10)
        .map(|round| {
            let playbook = PLAYBOOK.replace("templates/hello.md", "templates/text-3.md");
            files
                .insert("slices/part-3/playbooks/flow-3.toml", format!("{playbook}# {round}\n").into_bytes());
            let begin = Instant::now();
            let loaded = memo.load(&files);
            assert!(loaded.plan.is_some(), "{}", loaded.report.render());
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    for count in [10, 100, 1_000, 10_000] {
        let files = company(count);
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        let (whole, one) = (millis(median(&files)), millis(again(&files)));
        println!("check of {:>6} files: {whole:>8.1} ms, after one change: {one:>8.1} ms", files.len());
    }
}
