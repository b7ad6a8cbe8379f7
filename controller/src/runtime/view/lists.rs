//! Lists from the index rows: runs, the inbox, dead letters, records, slots, and the counts of `status`.

use std::collections::BTreeMap;

use adjutant_machine::{
    branch::root_of,
    id::{EffectId, Stamp},
    journal::{self, JournalError, Scan, Table},
    run::{EffectState, Run},
};
use adjutant_spec::{
    advice::Advice,
    plan::{BundleId, OldestId, Stage},
};

use crate::runtime::{
    Error, PageWish, RunFilter,
    core::Core,
    head::Head,
    identity::run_of,
    reads, records,
    request::page_size,
    rows,
    views::{
        DeadView, EffectView, GateView, Paged, PinnedBy, RecordView, RunLine, SlotView, StatusView, Way, When,
    },
};

/// The statuses of runs: first of those that go on, then of those that are over.
pub const STATUSES: &[&str] = &[
    "running",
    "waiting",
    "queued",
    "paused",
    "unwinding",
    "done",
    "failed",
    "cancelled",
    "killed",
    "rolled_back",
];

const PARTS: (&[&str], &[&str]) = STATUSES.split_at(5);
/// Those of runs that are not over; `live` asks for all of them.
pub const LIVE: &[&str] = PARTS.0;
/// Those of runs that are over.
pub(in crate::runtime) const ENDED: &[&str] = PARTS.1;

/// Returns the statuses that a word asks for.
fn asked_for(status: Option<&str>) -> Result<&'static [&'static str], Error> {
    let Some(status) = status else { return Ok(STATUSES) };
    if status == "live" {
        return Ok(LIVE);
    }
    let place = STATUSES.iter().position(|known| *known == status);
    place.map(|place| &STATUSES[place..=place]).ok_or_else(|| {
        let known = STATUSES.join(", ");
        Error::invalid(format!(
            "no run has the status \"{status}\"; there are {known}, and live for the first {}",
            LIVE.len()
        ))
    })
}

/// Lists runs, newest first.
pub(in crate::runtime) fn runs(core: &Core, filter: &RunFilter) -> Result<Vec<RunLine>, Error> {
    let limit = page_size(filter.limit);
    let statuses = asked_for(filter.status.as_deref())?;
    let cursor = filter.after.as_deref().map(|id| reads::began(core, id)).transpose()?;
    let prefixes = match (&filter.status, &filter.playbook) {
        (None, Some(playbook)) => {
            let oldest = core.live().oldest_playbook(playbook);
            vec![rows::index::group(rows::index::PLAYBOOK, oldest.as_str())]
        }
        _ => statuses.iter().map(|status| rows::index::group(rows::index::STATUS, status)).collect(),
    };
    let mut lines = Vec::new();
    let look = || {
        for prefix in &prefixes {
            let after = cursor.zip(filter.after.as_deref()).map(|(began, id)| {
                let place = rows::index::status("", began, id);
                let tail = place.get(rows::index::group(rows::index::STATUS, "").len()..).unwrap_or_default();
                [prefix.as_slice(), tail].concat()
            });
            group(core, &RunGroup { prefix: prefix.clone(), after, limit, filter }, &mut lines)?;
        }
        Ok(())
    };
    // One group is read from its one end to the other, and no run of it can be behind what was read.
    let version = || match prefixes.len() {
        1 => Ok(Vec::new()),
        _ => Ok(core.journal.counts(rows::index::STATUS)?),
    };
    with_second_look(version, look)?;
    lines.sort_by(|a: &RunLine, b| b.started.cmp(&a.started).then_with(|| a.id.cmp(&b.id)));
    each_once(&mut lines);
    lines.truncate(limit);
    if lines.is_empty() {
        named(core, filter.playbook.as_deref())?;
    }
    Ok(lines)
}

/// Looks once more where something moved meanwhile: the groups are read one after the other, and a run that goes back to one that was
/// read already is in none of them.
fn with_second_look<V: PartialEq>(
    version: impl Fn() -> Result<V, Error>,
    mut look: impl FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    let before = version()?;
    look()?;
    if version()? == before { Ok(()) } else { look() }
}

/// Keeps each run once: one that moves from a group to another meanwhile is met in both, and the later is how it is now.
fn each_once(lines: &mut Vec<RunLine>) {
    lines.dedup_by(|later, earlier| {
        let is_same = later.id == earlier.id;
        if is_same {
            std::mem::swap(later, earlier);
        }
        is_same
    });
}

/// Refuses the name of a playbook that is not in force and never had a run: who mistypes it should not read "none".
fn named(core: &Core, playbook: Option<&str>) -> Result<(), Error> {
    let Some(playbook) = playbook.filter(|name| core.live().playbook(name).is_none()) else { return Ok(()) };
    let oldest = core.live().oldest_playbook(playbook);
    let prefix = rows::index::group(rows::index::PLAYBOOK, oldest.as_str());
    let scan = Scan { prefix, limit: 1, ..Scan::default() };
    if core.journal.scan(Table::Index, &scan)?.is_empty() {
        return Err(Error::NotFound { what: "playbook", id: playbook.to_owned() });
    }
    Ok(())
}

struct RunGroup<'a> {
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    limit: usize,
    filter: &'a RunFilter,
}

fn group(core: &Core, group: &RunGroup<'_>, lines: &mut Vec<RunLine>) -> Result<(), Error> {
    let (mut after, mut found) = (group.after.clone(), 0);
    let live = core.live();
    let wanted = group.filter.playbook.as_ref().map(|playbook| live.oldest_playbook(playbook));
    while found < group.limit {
        let scan = Scan {
            prefix: group.prefix.clone(),
            after,
            limit: if group.filter.is_search() { reads::PAGE } else { reads::PAGE.min(group.limit * 2) },
            ..Scan::default()
        };
        let page = core.journal.scan(Table::Index, &scan)?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for row in &page {
            let Some(id) = rows::index::listed_run(&row.key, &group.prefix) else { continue };
            if !is_wanted(core, &id, group.filter, wanted.as_ref())? {
                continue;
            }
            let since = rows::index::since(&row.key, &group.prefix);
            let Some(line) = line(core, &id, since)? else { continue };
            lines.push(line);
            found += 1;
        }
    }
    Ok(())
}

/// Judges a run by its head: a search reads no state of a run that it does not find.
fn is_wanted(core: &Core, id: &str, filter: &RunFilter, playbook: Option<&OldestId>) -> Result<bool, Error> {
    if !filter.is_search() {
        return Ok(true);
    }
    let Some(head) = head(core, id)? else { return Ok(false) };
    let live = core.live();
    let playbook = playbook.is_none_or(|wanted| *wanted == live.oldest_playbook(&head.playbook));
    let about = |wanted: &String| head.about.as_ref().is_some_and(|about| about.is(wanted));
    let text = |wanted: &String| {
        let title = super::run::title(core, &head.bundle).unwrap_or_default();
        head.says(id, &title, wanted)
    };
    Ok(playbook && filter.about.as_ref().is_none_or(about) && filter.text.as_ref().is_none_or(text))
}

/// Returns the head of a run. A run that has not changed since an older build has no row of it, and is read; of a damaged one
/// its id is known.
fn head(core: &Core, id: &str) -> Result<Option<Head>, Error> {
    let row = match core.journal.row(Table::Index, &rows::index::head(id)) {
        // A damaged row hides no run: it is made of the state.
        Err(JournalError::Corrupt { .. }) => None,
        row => row?,
    };
    if let Some(head) = row.and_then(|row| serde_json::from_slice(&row.value).ok()) {
        return Ok(Some(head));
    }
    match reads::load(core, id) {
        Ok(run) => Ok(Some(Head::of(&run))),
        Err(Error::Quarantined { .. }) => Ok(Some(Head::unread(id))),
        Err(Error::NotFound { .. } | Error::Gone { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns a run's line; a damaged run is listed as quarantined.
pub(super) fn line(core: &Core, id: &str, started: Stamp) -> Result<Option<RunLine>, Error> {
    match reads::load(core, id) {
        Ok(run) => Ok(Some(super::run::line_of(core, &run)?)),
        Err(Error::Quarantined { .. }) => Ok(Some(RunLine {
            id: id.to_owned(),
            playbook: Head::unread(id).playbook,
            status: "quarantined".to_owned(),
            step: None,
            since: When(started),
            key: String::new(),
            revision: String::new(),
            bundle: String::new(),
            started: When(started),
            title: String::new(),
            about: None,
            amount: None,
            stage: Stage::Act,
            dry: false,
            part: None,
        })),
        Err(Error::NotFound { .. } | Error::Gone { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the live runs by the bundle that they pin. There may be a million of them: few are named.
pub(in crate::runtime) fn live_runs(core: &Core) -> Result<BTreeMap<BundleId, PinnedBy>, Error> {
    let mut found: BTreeMap<BundleId, PinnedBy> = BTreeMap::new();
    for (group, count) in core.counts(rows::index::LIVE)? {
        let Some(bundle) = rows::index::live_bundle(&group) else { continue };
        let scan = Scan { prefix: group, limit: PinnedBy::NAMED, ..Scan::default() };
        let first = core.journal.scan(Table::Index, &scan)?;
        let first = first.iter().filter_map(|row| rows::index::read(&row.key)).map(|row| row.run);
        let digest = format!("{:032x}", count.digest);
        found.insert(bundle, PinnedBy { count: count.members, first: first.collect(), digest });
    }
    Ok(found)
}

/// Lists the gates that wait, oldest first: only those of the page are read.
pub(in crate::runtime) fn inbox(core: &Core, wish: &PageWish) -> Result<Paged<GateView>, Error> {
    let after = wish.after.as_deref().map(|id| place_of_gate(core, id)).transpose()?;
    page(core, IndexPage { prefix: rows::index::GATES, after, size: wish.size() }, |key| {
        let Some(id) = rows::index::gate_of(key) else { return Ok(None) };
        let found = gate(core, &id)?;
        // It may have been decided between the two reads.
        Ok(Some((id, found)).filter(|(_, found)| found.state == "open"))
    })
}

/// Which rows of the index a page is made of.
struct IndexPage<'a> {
    prefix: &'a [u8],
    /// The row that the page comes after; absent for the first page.
    after: Option<Vec<u8>>,
    /// How many items it has at most.
    size: usize,
}

/// Reads a page of what rows of the index name, in their order; what is gone meanwhile, or set aside, is left out.
fn page<T>(
    core: &Core,
    page: IndexPage<'_>,
    read: impl Fn(&[u8]) -> Result<Option<(String, T)>, Error>,
) -> Result<Paged<T>, Error> {
    let IndexPage { prefix, after, size } = page;
    let scan = Scan { prefix: prefix.to_vec(), after, ..Scan::default() };
    let list = journal::rows_of(core.journal.as_ref(), Table::Index, scan).filter_map(|row| {
        match row.map_err(Error::from).and_then(|row| read(&row.key)) {
            Err(Error::NotFound { .. } | Error::Gone { .. } | Error::Quarantined { .. }) => None,
            found => found.transpose(),
        }
    });
    Paged::of(list, size, core.counted(prefix)?)
}

/// Returns where a gate stands in the list, or stood before it was decided.
fn place_of_gate(core: &Core, id: &str) -> Result<Vec<u8>, Error> {
    let missing = || Error::NotFound { what: "gate", id: id.to_owned() };
    let run = reads::load(core, run_of(id)).map_err(|error| match error {
        Error::NotFound { .. } => missing(),
        other => other,
    })?;
    let gate = run.gates.get(id).ok_or_else(missing)?;
    Ok(rows::index::gate(gate.opened, id))
}

/// Shows one gate.
pub(in crate::runtime) fn gate(core: &Core, id: &str) -> Result<GateView, Error> {
    let missing = || Error::NotFound { what: "gate", id: id.to_owned() };
    let run = match reads::load(core, run_of(id)) {
        Err(Error::NotFound { .. } | Error::Gone { .. }) => return Err(missing()),
        other => other?,
    };
    let gate = run.gates.get(id).ok_or_else(missing)?;
    let part = super::part::part(core, &run)?;
    Ok(GateView { part, ..super::run::gate(&run, gate) })
}

/// Lists dead and unknown effects by their ids: only those of the page are read.
pub(in crate::runtime) fn dead(core: &Core, wish: &PageWish) -> Result<Paged<DeadView>, Error> {
    let after = wish.after.as_deref().map(|id| place_of_effect(core, id)).transpose()?;
    page(core, IndexPage { prefix: rows::index::DEAD, after, size: wish.size() }, |key| {
        let Some(id) = rows::index::dead_of(key) else { return Ok(None) };
        let run = reads::load(core, &id.run)?;
        // It may have been settled between the two reads.
        let Some(letter) = run.dead_letters().find(|(effect, _)| **effect == id) else { return Ok(None) };
        Ok(Some((id.to_string(), dead_letter(core, &run, letter)?)))
    })
}

/// Returns where an effect stands in the list, or stood before it was settled.
fn place_of_effect(core: &Core, id: &str) -> Result<Vec<u8>, Error> {
    let missing = || Error::NotFound { what: "effect", id: id.to_owned() };
    let effect: EffectId = id.parse().map_err(|_| missing())?;
    match reads::load(core, &effect.run) {
        Ok(run) if run.effects.contains_key(&effect) => Ok(rows::index::dead(&effect)),
        Ok(_) | Err(Error::NotFound { .. } | Error::Gone { .. }) => Err(missing()),
        Err(error) => Err(error),
    }
}

/// Returns a line of the list, with the verb and whom it was for: its run may have moved on and forgotten what was sent.
pub(super) fn dead_letter(
    core: &Core,
    run: &Run,
    (id, state): (&EffectId, &EffectState),
) -> Result<DeadView, Error> {
    let call = match &state.call {
        Some(call) => Some(call.clone()),
        None => super::run::asked(core, id)?,
    };
    let whom = call.as_deref().and_then(super::whom::of_call);
    let effect = super::run::effect(run, (id, state), call);
    let actions = effect.ways.iter().map(|way| action(*way, &effect)).collect();
    Ok(DeadView { effect, whom, playbook: run.playbook.clone(), actions })
}

/// Returns what is typed for a way.
fn action(way: Way, effect: &EffectView) -> String {
    let id = effect.id.to_string();
    String::from(match way {
        Way::Retry => Advice::Retry(root_of(&effect.run)),
        Way::Happened => Advice::Happened(&id),
        Way::DidNotHappen => Advice::DidNotHappen(&id),
        Way::Undo => Advice::DeadUndo(&id),
        Way::Drop => Advice::DeadDrop(&id),
    })
}

/// Counts for `status`.
pub(in crate::runtime) fn status(core: &Core) -> Result<StatusView, Error> {
    let live = core.live();
    let mut runs = BTreeMap::new();
    for status in STATUSES {
        let count = core.counted(&rows::index::group(rows::index::STATUS, status))?;
        if count > 0 {
            runs.insert((*status).to_owned(), count);
        }
    }
    if !live.quarantined.is_empty() {
        let runs_set_aside = live.quarantined.keys().filter(|id| id.is_run()).count();
        runs.insert("quarantined".to_owned(), runs_set_aside as u64);
    }
    Ok(StatusView {
        applied: live.applied.clone(),
        runs,
        inbox: core.counted(rows::index::GATES)?,
        dead: core.counted(rows::index::DEAD)?,
        deliveries: core.counted(rows::index::OPEN)?,
        spend_today: super::spend::today(core)?,
        paused: live.pauses.values().cloned().collect(),
        quarantined: live.quarantined.values().cloned().collect(),
        outbox: (core.pools.waiting() + core.standing()) as u64,
        clock: core.drift.view(),
    })
}

/// Lists the records of a kind by key; any key says where to go on, of a record that is there or not.
pub(in crate::runtime) fn records(
    core: &Core,
    kind: &str,
    wish: &PageWish,
) -> Result<Paged<RecordView>, Error> {
    let prefix = rows::record::kind(kind);
    let after = wish.after.as_deref().map(|key| rows::record::of(kind, key));
    let scan = Scan { prefix: prefix.clone(), after, ..Scan::default() };
    let list = journal::rows_of(core.journal.as_ref(), Table::Record, scan).map(|row| {
        let row = row?;
        let key = String::from_utf8_lossy(row.key.get(prefix.len()..).unwrap_or_default()).into_owned();
        Ok((key.clone(), record(kind, key, &row.value)?))
    });
    Paged::of(list, wish.size(), core.counted(&rows::record::group(kind.as_bytes()))?)
}

fn record(kind: &str, key: String, bytes: &[u8]) -> Result<RecordView, Error> {
    let record = records::parse(kind, &key, bytes)?;
    Ok(RecordView {
        kind: kind.to_owned(),
        key,
        version: record.version,
        value: record.value,
        run: record.effect.as_ref().map(|effect| effect.run.clone()),
        effect: record.effect,
        step: record.step,
        at: When(record.at),
    })
}

/// Lists the last slots of a schedule, newest first.
pub(in crate::runtime) fn slots(core: &Core, playbook: &str, limit: usize) -> Result<Vec<SlotView>, Error> {
    let oldest = core.live().oldest_playbook(playbook);
    let limit = page_size(limit);
    let scan = Scan { prefix: rows::host::slots(oldest.as_str()), limit, backwards: true, ..Scan::default() };
    let page = core.journal.scan(Table::Host, &scan)?;
    Ok(page.iter().filter_map(|row| serde_json::from_slice(&row.value).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, status: &str) -> RunLine {
        let when = When(Stamp(5));
        RunLine {
            id: id.to_owned(),
            playbook: "inbound".to_owned(),
            status: status.to_owned(),
            step: None,
            since: when,
            key: String::new(),
            revision: String::new(),
            bundle: String::new(),
            started: when,
            title: String::new(),
            about: None,
            amount: None,
            stage: Stage::Act,
            dry: false,
            part: None,
        }
    }

    #[test]
    fn where_something_moves_meanwhile_it_is_looked_once_more() {
        for moves in [0, 1, 7] {
            let (version, looks) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
            let look = || {
                looks.set(looks.get() + 1);
                version.set(version.get() + moves);
                Ok(())
            };
            with_second_look(|| Ok(version.get()), look).unwrap();
            assert_eq!(looks.get(), if moves == 0 { 1 } else { 2 }, "a list that always moves has an end");
        }
    }

    #[test]
    fn a_run_that_moves_while_it_is_listed_is_there_once_as_it_is_now() {
        let mut lines =
            vec![line("a", "running"), line("b", "running"), line("b", "waiting"), line("c", "done")];
        each_once(&mut lines);
        let told: Vec<_> = lines.iter().map(|line| (line.id.as_str(), line.status.as_str())).collect();
        assert_eq!(told, [("a", "running"), ("b", "waiting"), ("c", "done")]);
    }
}
