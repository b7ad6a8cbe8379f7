//! The rows that follow from a run's state: its outbox rows, timers and index rows are a projection, never a second truth.
//!
//! Each batch writes the difference between the projections before and after; `audit` compares the whole.

use std::collections::BTreeMap;

use adjutant_machine::{
    id::InstanceId,
    journal::{RowWrite, Table},
    run::{EffectPhase, Run},
};

use super::{head::Head, pools::Lane, rows};

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
    let mut put = |key: Vec<u8>, value: &str| {
        rows.insert((Table::Index, key), value.as_bytes().to_vec());
    };
    let head = serde_json::to_string(&Head::of(run)).expect("a head has a JSON form");
    put(rows::index::head(&run.id), &head);
    put(rows::index::status(run.status(), run.started_at, &run.id), "");
    put(rows::index::playbook(&run.oldest(), run.started_at, &run.id), "");
    if let Some(parent) = &run.parent {
        put(rows::index::child(&parent.run, &run.id), &parent.to_string());
    }
    if !run.is_ended() {
        put(rows::index::live(&run.oldest(), &run.id), "");
        put(rows::index::bundle(&run.bundle, &run.id), "");
    }
    for gate in run.open_gates() {
        put(rows::index::gate(gate.opened, &gate.id), &run.id);
    }
    for (effect, _) in run.dead_letters() {
        put(rows::index::dead(effect), &run.id);
    }
    for (effect, correction) in &run.corrections {
        put(rows::index::judged(&correction.route, effect), &run.id);
    }
}

fn work(run: &Run, rows: &mut Rows) {
    for (effect, state) in &run.effects {
        let leased = match state.life.phase {
            EffectPhase::Queued => false,
            EffectPhase::Leased { .. } => true,
            _ => continue,
        };
        let Some(call) = &state.call else { continue };
        let value = rows::outbox::lease(leased, &Lane::of(call), state.life.attempt);
        rows.insert((Table::Outbox, rows::outbox::effect(effect)), value);
    }
    let instance = InstanceId::run(run.id.clone());
    for (timer, at) in &run.timers {
        rows.insert((Table::Timer, rows::timer::of(*at, &instance, Some(timer))), Vec::new());
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
