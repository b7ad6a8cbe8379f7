//! What retention would do, and how the store grows: for `adjutant retention`.

use adjutant_machine::{
    id::Stamp,
    journal::{self, Scan, Table},
};
use adjutant_spec::plan::RetentionClass;

use super::cutoff;
use crate::runtime::{
    Error,
    core::Core,
    rows, view,
    views::{KeptView, RetentionView, When},
};

/// From how many of the newest runs it is told how many there are a day.
const MOST_RECENT: usize = 10_000;
const DAY: f64 = 86_400_000.0;

/// Reports how long what is kept, what would go now, and how large the store gets.
pub(in crate::runtime) fn report(core: &Core) -> Result<RetentionView, Error> {
    let (live, now) = (core.live(), core.clock.now());
    let plan = live.plan.as_deref();
    let keep = |class: RetentionClass| plan.and_then(|plan| plan.policies.keep(class));
    let before = cutoff(plan, RetentionClass::Runs, now);
    let ended = ended(core)?;
    let all: u64 = core.counts(rows::index::STATUS)?.values().map(|count| count.members).sum();
    let bytes = core.journal.size()?;
    let per_run = bytes.checked_div(all).unwrap_or_default();
    let per_day = per_day(core, now)?;
    let days = keep(RetentionClass::Runs).map(|keep| keep.millis() as f64 / DAY);
    Ok(RetentionView {
        kept: RetentionClass::ALL
            .into_iter()
            .map(|class| KeptView {
                class: class.word().to_owned(),
                keep: keep(class).map(|keep| keep.to_string()),
            })
            .collect(),
        ended,
        due: before.map_or(Ok(0), |before| begun_before(core, before))?,
        oldest: oldest(core)?.map(When),
        bytes,
        bytes_per_run: per_run,
        runs_per_day: per_day,
        bytes_per_month: (per_day * 30.0 * per_run as f64) as u64,
        bytes_in_the_end: days.map(|days| {
            let runs = ((per_day * days) as u64).saturating_add(all.saturating_sub(ended));
            runs.saturating_mul(per_run)
        }),
    })
}

fn ended(core: &Core) -> Result<u64, Error> {
    view::ENDED.iter().map(|status| core.counted(&rows::index::group(rows::index::STATUS, status))).sum()
}

/// Counts the ended runs that began before a moment: at most so many may go.
fn begun_before(core: &Core, before: Stamp) -> Result<u64, Error> {
    let mut found = 0;
    for status in view::ENDED {
        let prefix = rows::index::group(rows::index::STATUS, status);
        let scan = Scan { prefix: prefix.clone(), backwards: true, ..Scan::default() };
        for row in journal::rows_of(core.journal.as_ref(), Table::Index, scan) {
            if rows::index::since(&row?.key, &prefix) >= before {
                break;
            }
            found += 1;
        }
    }
    Ok(found)
}

/// Returns when the oldest ended run began.
fn oldest(core: &Core) -> Result<Option<Stamp>, Error> {
    let mut found = None;
    for status in view::ENDED {
        let prefix = rows::index::group(rows::index::STATUS, status);
        let scan = Scan { prefix: prefix.clone(), backwards: true, ..Scan::default() };
        let first = journal::rows_of(core.journal.as_ref(), Table::Index, scan).next().transpose()?;
        let since = first.map(|row| rows::index::since(&row.key, &prefix));
        found = found.into_iter().chain(since).min();
    }
    Ok(found)
}

/// Tells from the newest ended runs how many there are a day.
fn per_day(core: &Core, now: Stamp) -> Result<f64, Error> {
    let month = Stamp(now.0.saturating_sub(30 * DAY as i64));
    let mut newest = Vec::new();
    for status in view::ENDED {
        let prefix = rows::index::group(rows::index::STATUS, status);
        for row in journal::rows(core.journal.as_ref(), Table::Index, &prefix).take(MOST_RECENT) {
            let since = rows::index::since(&row?.key, &prefix);
            if since < month {
                break;
            }
            newest.push(since);
        }
    }
    newest.sort_unstable();
    let recent = &newest[newest.len().saturating_sub(MOST_RECENT)..];
    let Some(first) = recent.first() else { return Ok(0.0) };
    // A store that is younger than a day says little of a day: what it has is taken for a day's.
    let days = ((now.0 - first.0) as f64 / DAY).max(1.0);
    Ok(recent.len() as f64 / days)
}
