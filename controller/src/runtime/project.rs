//! The rows that follow from a run's state: its outbox rows, timers and index rows are a projection, never a second truth.
//!
//! Each batch writes the difference between the projections before and after; `audit` compares the whole.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use adjutant_machine::{
    count::CountChanges,
    event::TimerId,
    id::InstanceId,
    journal::{RowWrite, Table},
    projection::{self, Listed},
    run::{Place, Run},
};

use super::{head::Head, rows, wheel::Turns};

/// What follows from a state.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The rows of the store, by table and key.
    pub(super) stored: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    /// When leases run out. The next process answers for what is leased by its row in the outbox, so this is known to the wheel of
    /// this process alone.
    pub(super) leases: BTreeSet<Vec<u8>>,
}

/// Returns what follows from a state.
pub(super) fn rows(run: &Run) -> Rows {
    let mut rows = Rows::default();
    lists(run, &mut rows);
    work(run, &mut rows);
    rows
}

fn lists(run: &Run, rows: &mut Rows) {
    let head = serde_json::to_vec(&Head::of(run)).expect("a head has a JSON form");
    rows.stored.insert((Table::Index, rows::index::head(&run.id)), head);
    for listed in projection::index(run) {
        let ListRow { key, value } = listed_at(run, &listed);
        rows.stored.insert((Table::Index, key), value.into_bytes());
    }
}

/// A row of the index that names a run.
struct ListRow {
    key: Vec<u8>,
    /// What the list reads without the run's state; empty where the key says it all.
    value: String,
}

/// Returns the row under which a list finds a run.
fn listed_at(run: &Run, listed: &Listed<'_>) -> ListRow {
    use rows::index;
    let id = run.id.as_str();
    let row = |key: Vec<u8>, value: String| ListRow { key, value };
    match listed {
        Listed::Status { status, since } => row(index::status(status, *since, id), String::new()),
        Listed::Playbook { playbook, since } => row(index::playbook(playbook, *since, id), String::new()),
        Listed::Child { parent } => row(index::child(&parent.run, id), parent.to_string()),
        Listed::Branch { parent } => row(index::branch(parent, id), String::new()),
        Listed::Live { playbook, bundle } => row(index::live(playbook, bundle, id), String::new()),
        Listed::Queue { playbook, place } => {
            let is_ready = !matches!(place, Place::Stands { is_ready: false, .. });
            let value = if is_ready { "" } else { index::PAUSED_IN_QUEUE };
            row(index::queue(playbook, *place, id), value.to_owned())
        }
        Listed::Gate { gate, opened } => row(index::gate(*opened, gate), id.to_owned()),
        Listed::Dead { effect } => row(index::dead(effect), id.to_owned()),
        Listed::Judged { route, effect } => row(index::judged(route, effect), id.to_owned()),
    }
}

fn work(run: &Run, rows: &mut Rows) {
    for (effect, waiting) in projection::outbox(run) {
        let row = rows::outbox::waiting(&waiting);
        rows.stored.insert((Table::Outbox, rows::outbox::effect(effect)), row);
    }
    let instance = InstanceId::run(run.id.clone());
    for (timer, at) in projection::timers(run) {
        let key = rows::timer::of(at, &instance, Some(timer));
        if matches!(timer, TimerId::Lease(..)) {
            rows.leases.insert(key);
        } else {
            rows.stored.insert((Table::Timer, key), Vec::new());
        }
    }
}

/// What leads from one projection to the other.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// What the batch writes.
    pub(super) writes: Vec<RowWrite>,
    /// Who joins and leaves the groups of the lists with it.
    pub(super) counts: CountChanges,
    /// What the wheel is told once the batch is durable.
    pub(super) turns: Turns,
}

/// Returns what leads from one projection to the other. Both are in order, so they are walked side by side.
pub(super) fn difference(before: &Rows, after: &Rows) -> Difference {
    let (mut writes, mut counts) = (Vec::new(), CountChanges::default());
    let (mut old, mut new) = (before.stored.iter().peekable(), after.stored.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let gone = if order.is_le() { old.next() } else { None };
        let come = if order.is_ge() { new.next() } else { None };
        match (gone, come) {
            (Some((key, _)), None) => {
                writes.push(write(key, None));
                group_of(key).into_iter().for_each(|group| counts.leave(group, &key.1));
            }
            (None, Some((key, value))) => {
                writes.push(write(key, Some(value)));
                group_of(key).into_iter().for_each(|group| counts.join(group, &key.1));
            }
            (Some((_, old)), Some((key, value))) if old != value => writes.push(write(key, Some(value))),
            _ => {}
        }
    }
    let stored = writes.iter().filter(|write| write.table == Table::Timer).cloned().collect();
    let leased = after.leases.difference(&before.leases).cloned().collect();
    let released = before.leases.difference(&after.leases).cloned().collect();
    Difference { writes, counts, turns: Turns { stored, leased, released } }
}

fn group_of((table, key): &(Table, Vec<u8>)) -> Option<&[u8]> {
    rows::index::group_of(key).filter(|_| *table == Table::Index)
}

fn write((table, key): &(Table, Vec<u8>), value: Option<&Vec<u8>>) -> RowWrite {
    RowWrite { table: *table, key: key.clone(), value: value.cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: &[(Table, &str, &str)]) -> Rows {
        let row = |(table, key, value): &(Table, &str, &str)| {
            ((*table, key.as_bytes().to_vec()), value.as_bytes().to_vec())
        };
        Rows { stored: of.iter().map(row).collect(), leases: BTreeSet::new() }
    }

    fn told(writes: &[RowWrite]) -> Vec<(String, Option<String>)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        writes.iter().map(|write| (text(&write.key), write.value.as_deref().map(text))).collect()
    }

    #[test]
    fn a_difference_leads_from_one_to_the_other() {
        let (index, outbox) = (Table::Index, Table::Outbox);
        let before = rows(&[(outbox, "a", "1"), (outbox, "b", "1"), (index, "c", "1"), (index, "z", "1")]);
        let after = rows(&[(outbox, "b", "1"), (index, "c", "2"), (index, "d", "1")]);
        let mut found = told(&difference(&before, &after).writes);
        found.sort();
        let put = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
        let gone = |key: &str| (key.to_owned(), None);
        assert_eq!(found, [gone("a"), put("c", "2"), put("d", "1"), gone("z")]);
        assert!(difference(&after, &after).writes.is_empty());
        assert_eq!(difference(&Rows::default(), &after).writes.len(), 3);
        assert_eq!(difference(&after, &Rows::default()).writes.len(), 3);
    }

    #[test]
    fn the_end_of_a_lease_is_told_to_the_wheel_and_not_to_the_store() {
        let mut leased = rows(&[(Table::Timer, "deadline", "")]);
        leased.leases.insert(b"lease".to_vec());
        let set = difference(&Rows::default(), &leased);
        assert_eq!(told(&set.writes), [("deadline".to_owned(), Some(String::new()))]);
        assert_eq!((told(&set.turns.stored), set.turns.leased.len()), (told(&set.writes), 1));
        let gone = difference(&leased, &Rows::default());
        assert_eq!(told(&gone.writes), [("deadline".to_owned(), None)]);
        assert_eq!(gone.turns.released, [b"lease".to_vec()]);
        let same = difference(&leased, &leased).turns;
        assert!(same.leased.is_empty() && same.released.is_empty());
    }
}
