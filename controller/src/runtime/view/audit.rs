//! `audit verify`: the chain is whole, every run's fold is its stored state, and its rows are its projection.

use std::collections::BTreeMap;

use adjutant_machine::{
    codec, fold,
    id::{InstanceId, InstanceKind},
    journal::{self, Table},
};

use crate::runtime::{
    Error,
    core::Core,
    project, rows,
    views::{AuditView, QuarantineView, When},
};

/// Checks everything that is stored.
pub(in crate::runtime) fn audit(core: &Core) -> Result<AuditView, Error> {
    let chain = core.journal.verify()?;
    let mut findings = Vec::new();
    let mut expected: BTreeMap<Table, u64> = BTreeMap::new();
    let mut instances = 0;
    for instance in journal::instances(core.journal.as_ref(), None) {
        let instance = instance?;
        instances += 1;
        if instance.kind != InstanceKind::Run {
            continue;
        }
        match one(core, &instance, &mut expected) {
            Ok(()) => {}
            Err(Finding::Damaged(reason)) => findings.push(finding(core, &instance, reason)),
            Err(Finding::Store(error)) => return Err(error),
        }
    }
    surplus(core, &expected, &mut findings)?;
    Ok(AuditView {
        ok: findings.is_empty() && chain.broken_at.is_none(),
        batches: chain.batches,
        entries: chain.entries,
        head: chain.head,
        broken_at: chain.broken_at,
        instances,
        findings,
    })
}

enum Finding {
    Damaged(String),
    Store(Error),
}

impl<E: Into<Error>> From<E> for Finding {
    fn from(error: E) -> Self {
        match error.into() {
            Error::Quarantined { reason, .. } => Self::Damaged(reason),
            other => Self::Store(other),
        }
    }
}

fn finding(core: &Core, instance: &InstanceId, reason: String) -> QuarantineView {
    QuarantineView { instance: instance.clone(), reason, at: When(core.clock.now()) }
}

/// Checks one run, and counts the rows that it should have.
fn one(core: &Core, instance: &InstanceId, expected: &mut BTreeMap<Table, u64>) -> Result<(), Finding> {
    let Some(stored) = core.journal.load(instance)? else {
        return Err(Finding::Damaged("it has no state".to_owned()));
    };
    let count = usize::try_from(stored.seq).unwrap_or(usize::MAX);
    let entries = super::run::entries(core, &instance.name, 1, count)?;
    if entries.len() as u64 != stored.seq {
        return Err(Finding::Damaged(format!(
            "it has {} entries, its state says {}",
            entries.len(),
            stored.seq
        )));
    }
    let folded = fold(entries.iter().map(|(_, entry)| entry));
    let folded =
        folded.ok_or_else(|| Finding::Damaged("its entries do not begin with its start".to_owned()))?;
    let run = codec::decode_run(&stored.state).map_err(|error| Finding::Damaged(error.to_string()))?;
    if folded != run {
        return Err(Finding::Damaged("its entries do not add up to its state".to_owned()));
    }
    for ((table, key), value) in project::rows(&run) {
        *expected.entry(table).or_default() += 1;
        let found = core.journal.row(table, &key)?;
        if found.is_none_or(|row| row.value != value) {
            let key = String::from_utf8_lossy(&key).replace('\0', " ");
            return Err(Finding::Damaged(format!(
                "its row \"{key}\" of {table:?} is not there, or is another"
            )));
        }
    }
    Ok(())
}

/// Finds rows that no run accounts for.
fn surplus(
    core: &Core,
    expected: &BTreeMap<Table, u64>,
    findings: &mut Vec<QuarantineView>,
) -> Result<(), Error> {
    if !findings.is_empty() {
        return Ok(());
    }
    for (table, prefix) in
        [(Table::Index, &b""[..]), (Table::Outbox, rows::outbox::EFFECTS), (Table::Timer, b"")]
    {
        let mut found = 0;
        for row in journal::rows(core.journal.as_ref(), table, prefix) {
            let row = row?;
            let is_run = table != Table::Timer
                || rows::timer::read(&row.key).is_none_or(|timer| timer.instance.kind == InstanceKind::Run);
            found += u64::from(is_run);
        }
        let wanted = expected.get(&table).copied().unwrap_or_default();
        if found != wanted {
            let reason =
                format!("table {table:?} has {found} rows of runs, their states account for {wanted}");
            let instance = InstanceId { kind: InstanceKind::Revision, name: "company".to_owned() };
            findings.push(finding(core, &instance, reason));
        }
    }
    Ok(())
}
