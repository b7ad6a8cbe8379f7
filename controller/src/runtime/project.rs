//! The rows that follow from a run's state: its outbox rows, timers and index rows are a projection, never a second truth.
//!
//! Each batch writes the difference between the projections before and after; `audit` compares the whole.

use std::collections::BTreeMap;

use adjutant_machine::{
    id::InstanceId,
    journal::{RowWrite, Table},
    projection::{self, Listed},
    run::Run,
};

use super::{head::Head, rows};

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
        rows.insert((Table::Timer, rows::timer::of(at, &instance, Some(timer))), Vec::new());
    }
}

/// Returns the writes that lead from one projection to the other.
pub(super) fn difference(before: &Rows, after: &Rows) -> Vec<RowWrite> {
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|(table, key)| RowWrite {
        table: *table,
        key: key.clone(),
        value: None,
    });
    let new =
        after.iter().filter(|(key, value)| before.get(*key) != Some(*value)).map(|((table, key), value)| {
            RowWrite { table: *table, key: key.clone(), value: Some(value.clone()) }
        });
    gone.chain(new).collect()
}
