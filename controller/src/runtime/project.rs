//! The rows that follow from a run's state: its outbox rows, timers and index rows are a projection, never a second truth.
//!
//! Each batch writes the difference between the projections before and after; `audit` compares the whole.

use std::{cmp::Ordering, collections::BTreeMap};

use adjutant_machine::{
    event::TimerId,
    id::InstanceId,
    journal::{RowWrite, Table},
    projection::{self, Listed},
    run::Run,
};

use super::{head::Head, rows};

/// The value of a row that memory needs and the store does not.
const UNSTORED: &[u8] = b"unstored";

/// Rows by table and key.
pub(super) type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// Returns the rows that follow from a state.
pub(super) fn rows(run: &Run) -> Rows {
    let mut rows = Rows::new();
    lists(run, &mut rows);
    work(run, &mut rows);
    rows
}

fn lists(run: &Run, rows: &mut Rows) {
    let head = serde_json::to_vec(&Head::of(run)).expect("a head has a JSON form");
    rows.insert((Table::Index, rows::index::head(&run.id)), head);
    for listed in projection::index(run) {
        let (key, value) = listed_at(run, &listed);
        rows.insert((Table::Index, key), value.into_bytes());
    }
}

/// Returns the row under which a list finds a run.
fn listed_at(run: &Run, listed: &Listed<'_>) -> (Vec<u8>, String) {
    use rows::index;
    let id = run.id.as_str();
    match listed {
        Listed::Status { status, since } => (index::status(status, *since, id), String::new()),
        Listed::Playbook { playbook, since } => (index::playbook(playbook, *since, id), String::new()),
        Listed::Child { parent } => (index::child(&parent.run, id), parent.to_string()),
        Listed::Live { playbook } => (index::live(playbook, id), String::new()),
        Listed::Pins { bundle } => (index::bundle(bundle, id), String::new()),
        Listed::Gate { gate, opened } => (index::gate(*opened, gate), id.to_owned()),
        Listed::Dead { effect } => (index::dead(effect), id.to_owned()),
        Listed::Judged { route, effect } => (index::judged(route, effect), id.to_owned()),
    }
}

fn work(run: &Run, rows: &mut Rows) {
    for (effect, waiting) in projection::outbox(run) {
        rows.insert((Table::Outbox, rows::outbox::effect(effect)), rows::outbox::waiting(&waiting));
    }
    let instance = InstanceId::run(run.id.clone());
    for (timer, at) in projection::timers(run) {
        // The next process answers for what is leased by its row in the outbox: the end of a lease is this one's affair alone.
        let value = if matches!(timer, TimerId::Lease(..)) { UNSTORED } else { &[] };
        rows.insert((Table::Timer, rows::timer::of(at, &instance, Some(timer))), value.to_vec());
    }
}

/// Returns the rows of a state that the store has.
pub(super) fn stored(run: &Run) -> Rows {
    let mut rows = rows(run);
    rows.retain(|_, value| value != UNSTORED);
    rows
}

/// What leads from one projection to the other.
#[derive(Default)]
pub(super) struct Difference {
    /// What the batch writes.
    pub(super) writes: Vec<RowWrite>,
    /// The timers that are set or gone, stored or not: what the wheel is told.
    pub(super) timers: Vec<RowWrite>,
}

/// Returns what leads from one projection to the other. Both are in order, so they are walked side by side.
pub(super) fn difference(before: &Rows, after: &Rows) -> Difference {
    let mut found = Difference::default();
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return found,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let gone = if order.is_le() { old.next() } else { None };
        let come = if order.is_ge() { new.next() } else { None };
        match (gone, come) {
            (Some((key, value)), None) => found.note(key, (None, value)),
            (gone, Some((key, value))) if gone.is_none_or(|(_, old)| old != value) => {
                found.note(key, (Some(value), value));
            }
            _ => {}
        }
    }
}

impl Difference {
    fn note(&mut self, (table, key): &(Table, Vec<u8>), (value, known): (Option<&Vec<u8>>, &[u8])) {
        let write = RowWrite { table: *table, key: key.clone(), value: value.cloned() };
        match (*table, known == UNSTORED) {
            (Table::Timer, true) => self.timers.push(write),
            (Table::Timer, false) => {
                self.timers.push(write.clone());
                self.writes.push(write);
            }
            _ => self.writes.push(write),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: &[(Table, &str, &str)]) -> Rows {
        of.iter()
            .map(|(table, key, value)| ((*table, key.as_bytes().to_vec()), value.as_bytes().to_vec()))
            .collect()
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
        assert_eq!(difference(&Rows::new(), &after).writes.len(), 3);
        assert_eq!(difference(&after, &Rows::new()).writes.len(), 3);
    }

    #[test]
    fn the_end_of_a_lease_is_told_to_the_wheel_and_not_to_the_store() {
        let unstored = std::str::from_utf8(UNSTORED).unwrap();
        let leased = rows(&[(Table::Timer, "lease", unstored), (Table::Timer, "deadline", "")]);
        let set = difference(&Rows::new(), &leased);
        assert_eq!(
            (set.timers.len(), told(&set.writes)),
            (2, vec![("deadline".to_owned(), Some(String::new()))])
        );
        let gone = difference(&leased, &Rows::new());
        assert_eq!((gone.timers.len(), told(&gone.writes)), (2, vec![("deadline".to_owned(), None)]));
    }
}
