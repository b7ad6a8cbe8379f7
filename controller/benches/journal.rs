//! Durable transitions per second of the store, beside raw RocksDB writes of the same bytes: prints one JSON object.

use std::{error::Error, io::Write, time::Duration};

use adjutant::journal::bench::{Plan, run};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir_in(std::env::var_os("ADJUTANT_BENCH_DIR").unwrap_or_else(|| ".".into()))?;
    let mut plan = Plan::default();
    // `cargo test --benches` only asks whether it runs.
    if !std::env::args().any(|argument| argument == "--bench") {
        plan.round = Duration::from_millis(20);
    }
    let report = run(folder.path(), &plan)?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
