//! How long a company takes to check, all of it and after one change. The promises: 1,000 files in under 2 s, one changed file of
//! 10,000 planned (checked and compared with what was before) in under 50 ms, and an answer in under 5 ms where nothing changed.
//!
//! `cargo bench -p adjutant-spec` prints the median of ten rounds.

#![expect(clippy::disallowed_methods, reason = "a benchmark needs a clock")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use adjutant_spec::{Loaded, Memo, diff::diff, files::FileSet, load, plan::Plan};

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

/// The middle one of ten rounds; each prepares what it measures first.
fn median<T>(mut prepare: impl FnMut(usize) -> T, mut measured: impl FnMut(T)) -> Duration {
    let mut times: Vec<Duration> = (0..10)
        .map(|round| {
            let prepared = prepare(round);
            let begin = Instant::now();
            measured(prepared);
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn plan(loaded: Loaded) -> Arc<Plan> {
    loaded.plan.unwrap_or_else(|| panic!("{}", loaded.report.render()))
}

/// Puts a playbook in the place of one of the first; each round it says something else.
fn edit(files: &mut FileSet, round: usize) -> FileSet {
    let playbook = PLAYBOOK.replace("templates/hello.md", "templates/text-3.md");
    let playbook = playbook.replace("Greet somebody", &format!("Greet {round} people"));
    files.insert("slices/part-3/playbooks/flow-3.toml", playbook.into_bytes());
    files.clone()
}

/// Adds a file, or takes it away again.
fn come_or_go(files: &mut FileSet, round: usize) -> FileSet {
    const PATH: &str = "slices/part-3/templates/fresh.md";
    if round.is_multiple_of(2) {
        files.insert(PATH, TEMPLATE.as_bytes());
    } else {
        drop(files.remove(PATH));
    }
    files.clone()
}

/// The same files as another reading of the source gives them: nothing in memory is shared.
fn reread(files: &FileSet) -> FileSet {
    let mut again = FileSet::new();
    files.iter().for_each(|(path, bytes)| again.insert(path, bytes.to_vec()));
    again
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    println!(
        "| files | check of all | one changed | one came or went | planned | nothing changed | read again |"
    );
    println!("|---|---|---|---|---|---|---|");
    for count in [10, 100, 1_000, 10_000] {
        let mut files = company(count);
        let mut memo = Memo::default();
        let mut before = plan(memo.load(&files));
        let all = median(|_| (), |()| drop(plan(load(&files))));
        let number = files.len();
        let changed = median(|round| edit(&mut files, round), |files| drop(plan(memo.load(&files))));
        let moved = median(|round| come_or_go(&mut files, round), |files| drop(plan(memo.load(&files))));
        let planned = median(
            |round| edit(&mut files, round + 10),
            |files| {
                let after = plan(memo.load(&files));
                assert!(!diff(&before, &after).is_empty());
                before = after;
            },
        );
        let same = median(|_| files.clone(), |files| drop(plan(memo.load(&files))));
        let again = median(|_| reread(&files), |files| drop(plan(memo.load(&files))));
        let row = [all, changed, moved, planned, same, again]
            .map(|time| format!("{:.2} ms", time.as_secs_f64() * 1_000.0));
        println!("| {number} | {} |", row.join(" | "));
    }
}
