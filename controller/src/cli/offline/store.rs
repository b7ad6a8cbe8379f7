//! `bench` and `backup`: the store without a daemon.

use std::path::Path;

use serde_json::json;

use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Cell, Out, Table},
    },
    journal::{self, Options, RocksJournal, bench},
};

/// Measures durable transitions in a scratch folder on a disk.
pub(crate) fn bench(out: &Out, folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(Failure::file("make", folder))?;
    let scratch = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(folder)
        .map_err(Failure::file("write in", folder))?;
    let plan = bench::Plan::default();
    let whole = plan.round * u32::try_from(plan.runs.len() * plan.rounds * 2).unwrap_or(u32::MAX);
    out.say(format!("measuring in {} for about {} s", folder.display(), whole.as_secs() + 2));
    let report = bench::run(scratch.path(), &plan)?;
    if out.json {
        return out.value(&report);
    }
    out.data(format!(
        "{}\nfsync of 4 KiB: p50 {:.0} µs, p99 {:.0} µs; {}\n",
        report.hardware, report.fsync_us.p50, report.fsync_us.p99, report.sync
    ))?;
    let mut table = Table::new(&["runs", "transitions/s", "raw/s", "p50 ms", "p99 ms", "in one sync"]);
    for row in &report.rows {
        table.row([
            Cell::from(row.runs.to_string()),
            format!("{:.0}", row.transitions_per_s).into(),
            format!("{:.0}", row.raw_per_s).into(),
            format!("{:.2}", row.p50_ms).into(),
            format!("{:.2}", row.p99_ms).into(),
            format!("{:.1}", row.group).into(),
        ]);
    }
    out.data(table.render(out))
}

/// Copies the store of a data folder that no daemon has open, and verifies the copy.
pub(crate) fn backup(out: &Out, data: &Path, folder: &Path) -> Outcome {
    if !data.join("store").is_dir() {
        return Err(Failure::new(Exit::NotFound, format!("there is no store in \"{}\"", data.display()))
            .hint("`--data DIR` names the daemon's data folder"));
    }
    let journal = RocksJournal::open(data, Options::default()).map_err(|error| match error {
        journal::Error::Locked { .. } => Failure::of(Exit::Again, &error)
            .hint("stop the daemon for the copy: this version copies only a store at rest"),
        other => other.into(),
    })?;
    let copied = journal.backup(folder)?;
    journal.close();
    if out.json {
        return out.value(&json!({ "folder": folder, "bytes": copied.bytes, "chain": copied.chain }));
    }
    out.data(format!("{}", folder.display()))?;
    out.say(format!(
        "{} batches with {} entries, {} bytes, verified; it is a data folder: `adjutant up --data {}` takes it\n\
         the key and `company.git` are not in it: copy {} and the key file too",
        copied.chain.batches,
        copied.chain.entries,
        copied.bytes,
        folder.display(),
        data.join("company.git").display(),
    ));
    Ok(Exit::Done)
}
