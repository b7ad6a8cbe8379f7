//! `bench` and `backup`: the store without a daemon.

use std::path::Path;

use serde_json::json;

use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Cell, Out, Table, words},
    },
    http::doors::BackupView,
    journal::{self, Copied, Options, RocksJournal, bench},
    runtime::{self, views::ClockView},
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
    out.say(words!("measuring in {} for about {} s", folder.display(), whole.as_secs() + 2));
    let report = bench::run(scratch.path(), &plan)?;
    if out.json {
        return out.value(&report);
    }
    out.data(words!(
        "{}\nfsync of 4 KiB: p50 {} µs, p99 {} µs; {}\n",
        report.hardware.to_string(),
        format!("{:.0}", report.fsync_us.p50),
        format!("{:.0}", report.fsync_us.p99),
        report.sync.to_string()
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
    out.table(&table)
}

/// Copies the store of a data folder and verifies the copy; `None` where a daemon has it open, which can do it itself.
pub(crate) fn backup(out: &Out, data: &Path, folder: &Path) -> Result<Option<Exit>, Failure> {
    if !data.join("store").is_dir() {
        return Err(Failure::new(Exit::NotFound, format!("there is no store in \"{}\"", data.display()))
            .hint("`--data DIR` names the daemon's data folder"));
    }
    let journal = match RocksJournal::open(data, Options::default()) {
        Err(journal::Error::Locked { .. }) => return Ok(None),
        opened => opened?,
    };
    let Copied { chain, bytes } = journal.backup(folder)?;
    journal.close();
    tell_backup(out, data, &BackupView { folder: folder.display().to_string(), bytes, chain }).map(Some)
}

/// Returns what a store at rest knows of the clock; nothing where there is none, or it cannot be opened now.
pub(crate) fn stored_clock(data: &Path) -> Option<ClockView> {
    if !data.join("store").is_dir() {
        return None;
    }
    let journal = RocksJournal::open(data, Options::default()).ok()?;
    let clock = runtime::stored_clock(&journal).ok();
    journal.close();
    clock
}

/// Says what was copied, and what a backup needs besides.
pub(crate) fn tell_backup(out: &Out, data: &Path, copied: &BackupView) -> Outcome {
    if out.json {
        return out.value(&json!(copied));
    }
    out.data(words!("{}", copied.folder))?;
    out.say(words!(
        "{} batches with {} entries, {} bytes, verified; it is a data folder: `adjutant up --data {}` takes it\n\
         the key and `company.git` are not in it: copy {} and the key file too",
        copied.chain.batches,
        copied.chain.entries,
        copied.bytes,
        copied.folder,
        data.join("company.git").display(),
    ));
    Ok(Exit::Done)
}
