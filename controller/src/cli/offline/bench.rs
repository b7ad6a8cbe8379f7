//! `bench`: what this disk and this machine make durable in a second.

use std::path::Path;

use crate::{
    bench as path,
    cli::{
        args::{DiskBenchArgs, Global},
        failure::{Exit, Failure, Outcome},
        out::{Cell, Out, Table, words},
        place,
    },
    journal::bench,
};

/// Measures in a scratch folder on a disk: the store alone, or runs the whole way.
pub(crate) fn bench(out: &Out, global: &Global, asked: &DiskBenchArgs) -> Outcome {
    let folder = match &asked.dir {
        Some(folder) => folder.clone(),
        None => place::data(global)?,
    };
    std::fs::create_dir_all(&folder).map_err(Failure::file("make", &folder))?;
    let scratch = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(&folder)
        .map_err(Failure::file("write in", &folder))?;
    if asked.path { whole_path(out, scratch.path(), asked) } else { store_alone(out, scratch.path()) }
}

fn store_alone(out: &Out, folder: &Path) -> Outcome {
    let plan = bench::Plan::default();
    let whole = plan.round * u32::try_from(plan.runs.len() * plan.rounds * 2).unwrap_or(u32::MAX);
    out.say(words!("measuring in {} for about {} s", folder.display(), whole.as_secs() + 2));
    let report = bench::run(folder, &plan)?;
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

fn whole_path(out: &Out, folder: &Path, asked: &DiskBenchArgs) -> Outcome {
    let time = std::time::Duration::from_millis(asked.time.millis());
    let plan = path::Plan { depth: asked.depth, long: asked.long, time, ..path::Plan::default() };
    out.say(words!(
        "measuring in {}: {} runs in flight for {}, then the same behind {} in line; filling the line takes a while",
        folder.display(),
        plan.in_flight,
        asked.time.to_string(),
        plan.depth
    ));
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("adjutant").build();
    let threads = threads.map_err(|error| Failure::of(Exit::Disk, &error))?;
    let report = threads.block_on(path::run(folder, &plan))?;
    if out.json {
        return out.value(&report);
    }
    tell(out, &report)
}

fn tell(out: &Out, report: &path::Report) -> Outcome {
    out.data(words!(
        "{}, {} build\nfsync of 4 KiB: p50 {} µs, p99 {} µs; {}\n",
        report.hardware.to_string(),
        report.profile.to_string(),
        format!("{:.0}", report.fsync_us.p50),
        format!("{:.0}", report.fsync_us.p99),
        report.sync.to_string()
    ))?;
    let alone = &report.alone;
    out.data(words!(
        "a run of three calls alone: p50 {} ms ({} syncs of this disk), p99 {} ms; {} entries in {} synced writes\n\
         bytes of one transition: p50 {}, at most {}\n",
        format!("{:.2}", alone.ms.p50),
        format!("{:.1}", alone.p50_in_syncs),
        format!("{:.2}", alone.ms.p99),
        alone.entries,
        format!("{:.1}", alone.synced_writes),
        report.batch_bytes.p50,
        report.batch_bytes.most
    ))?;
    let mut table = Table::new(&["in line", "entries/s", "steps/s", "runs/s", "in one sync", "bytes each"]);
    for (depth, rate) in [(0, &report.steady), (report.depth, &report.backlog)] {
        table.row([
            Cell::from(depth.to_string()),
            format!("{:.0}", rate.entries_per_s).into(),
            format!("{:.0}", rate.steps_per_s).into(),
            format!("{:.0}", rate.runs_per_s).into(),
            format!("{:.1}", rate.group).into(),
            format!("{:.0}", rate.bytes_per_batch).into(),
        ]);
    }
    out.table(&table)?;
    let long = &report.long;
    out.data(words!(
        "a run of {} entries alone: {} entries/s in its first tenth, {} in its last; read in {} ms\n",
        long.entries,
        format!("{:.0}", long.first_per_s),
        format!("{:.0}", long.last_per_s),
        format!("{:.2}", long.load_ms)
    ))?;
    out.say(words!(
        "plain RocksDB batches of the same bytes in groups of the same size: {} entries/s; the whole path made {} % of it",
        format!("{:.0}", report.raw.entries_per_s),
        format!("{:.0}", report.raw.ratio * 100.0)
    ));
    Ok(Exit::Done)
}
