//! How long a company of 1,000 files takes to check; the promise is under 2 s.
//!
//! `cargo bench -p adjutant-spec` prints the median of ten rounds.

#![expect(clippy::disallowed_methods, reason = "a benchmark needs a clock")]

use std::time::{Duration, Instant};

use adjutant_spec::{files::FileSet, load};

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

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    for count in [10, 100, 1_000] {
        let files = company(count);
        println!("check of {:>5} files: {:>8.1} ms", files.len(), median(&files).as_secs_f64() * 1_000.0);
    }
}
