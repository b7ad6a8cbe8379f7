//! `audit verify`: the chain is whole, every run's and delivery's fold is its stored state, and its rows are its projection.

use std::collections::BTreeMap;

use adjutant_machine::{
    codec, fold,
    id::{InstanceId, InstanceKind},
    journal::Table,
    life::delivery::{DeliveryPhase, Kept},
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
    let mut after: Option<InstanceId> = None;
    loop {
        let page = core.journal.instances(after.as_ref(), super::PAGE)?;
        for instance in &page {
            instances += 1;
            let checked = match instance.kind {
                InstanceKind::Run => one(core, instance, &mut expected),
                InstanceKind::Delivery => delivery(core, instance, &mut expected),
                _ => continue,
            };
            match checked {
                Ok(()) => {}
                Err(Finding::Damaged(reason)) => findings.push(finding(core, instance, reason)),
                Err(Finding::Store(error)) => return Err(error),
            }
        }
        match page.last() {
            Some(last) if page.len() == super::PAGE => after = Some(last.clone()),
            _ => break,
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

/// Checks one delivery: its fold is its state, and while it is open it has its row in the list.
fn delivery(core: &Core, instance: &InstanceId, expected: &mut BTreeMap<Table, u64>) -> Result<(), Finding> {
    let damaged = |reason: String| Finding::Damaged(reason);
    let (kept, seq) =
        super::kept(core, &instance.name)?.ok_or_else(|| damaged("it has no state".to_owned()))?;
    let entries = super::deliveries::entries(core, &instance.name)?;
    if entries.len() as u64 != seq || Kept::fold(&entries).as_ref() != Some(&kept) {
        return Err(damaged("its entries do not add up to its state".to_owned()));
    }
    if let DeliveryPhase::Open { .. } = kept.phase {
        *expected.entry(Table::Index).or_default() += 1;
        let key = rows::index::delivery(kept.arrival.at, &instance.name);
        if core.journal.row(Table::Index, &key)?.is_none() {
            return Err(damaged("its row in the list is not there".to_owned()));
        }
    }
    Ok(())
}

/// Finds rows that no run or delivery accounts for.
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
        super::each(core.journal.as_ref(), table, prefix, |row| {
            let is_run = table != Table::Timer
                || rows::timer::read(&row.key).is_none_or(|timer| timer.instance.kind == InstanceKind::Run);
            found += u64::from(is_run);
            Ok(true)
        })?;
        let wanted = expected.get(&table).copied().unwrap_or_default();
        if found != wanted {
            let reason = format!("table {table:?} has {found} rows, the states account for {wanted}");
            let instance = InstanceId { kind: InstanceKind::Revision, name: "company".to_owned() };
            findings.push(finding(core, &instance, reason));
        }
    }
    Ok(())
}
