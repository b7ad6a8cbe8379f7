//! `audit verify`: the chain is whole, every run's and delivery's fold is its stored state, and its rows are its projection.

use std::collections::BTreeMap;

use adjutant_machine::{
    begins,
    fact::Entry,
    fold,
    id::{InstanceId, InstanceKind},
    journal::{self, JournalError, Table},
    life::delivery::{DeliveryPhase, Kept},
    run::Run,
};

use super::KeptAt;
use crate::runtime::{
    Error,
    core::Core,
    counts, gone, project, reads, rows, signals,
    views::{AuditView, QuarantineView, When},
};

/// How often everything is looked at again that changed under the eye.
const LOOKS: usize = 5;

/// Checks everything that is stored. Rows and states are read one after the other: where they disagree and something was written
/// meanwhile, the disagreement says nothing, and everything is looked at again.
pub(in crate::runtime) fn audit(core: &Core) -> Result<AuditView, Error> {
    for _ in 0..LOOKS {
        let seen = look(core)?;
        if seen.ok || core.journal.verify()?.head == seen.head {
            return Ok(seen);
        }
    }
    Err(Error::unavailable("the store is written to all the time: try again, or verify a backup of it"))
}

/// Returns a run whose state, log and definition agree, whether it is set aside or not.
pub(in crate::runtime) fn check_run(core: &Core, instance: &InstanceId) -> Result<Run, Error> {
    let run = folded(core, instance)?;
    let is_there = run.buried.is_some() || core.bundle(&run.bundle).is_ok_and(|bundle| bundle.is_some());
    if !is_there {
        let reason = format!("the store does not hold what it pins, bundle {}", run.bundle);
        return Err(Error::Quarantined { id: run.id, reason });
    }
    Ok(run)
}

fn look(core: &Core) -> Result<AuditView, Error> {
    let chain = core.journal.verify()?;
    let mut findings = Vec::new();
    let mut expected: BTreeMap<Table, u64> = BTreeMap::new();
    let mut instances = 0;
    for instance in journal::instances(core.journal.as_ref(), None) {
        let instance = instance?;
        instances += 1;
        let checked = match instance.kind {
            InstanceKind::Run | InstanceKind::Branch => one(core, &instance, &mut expected),
            InstanceKind::Delivery => delivery(core, &instance, &mut expected),
            InstanceKind::Mailbox => mailbox(core, &instance),
            _ => continue,
        };
        match checked {
            // One that is removed meanwhile is not looked for any more: what it accounted for goes with it.
            Ok(()) | Err(Finding::Store(Error::Gone { .. })) => {}
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
            // What cannot be read is a finding; only a store that does not answer at all ends the audit.
            Error::Journal(JournalError::Corrupt { place, problem }) => {
                Self::Damaged(format!("{place} cannot be read: {problem}"))
            }
            other => Self::Store(other),
        }
    }
}

fn finding(core: &Core, instance: &InstanceId, reason: String) -> QuarantineView {
    QuarantineView { instance: instance.clone(), reason, at: When(core.clock.now()) }
}

/// Checks one run, and counts the rows that it should have.
fn one(core: &Core, instance: &InstanceId, expected: &mut BTreeMap<Table, u64>) -> Result<(), Finding> {
    let run = check_run(core, instance)?;
    if gone::has_left(core.journal.as_ref(), &run)? {
        // It is removed but for what its branches need: no list has it.
        return Ok(());
    }
    if let Some(found) = core.live().quarantined.get(instance) {
        let reason =
            format!("it is set aside: {}; it can be read: `adjutant release {}`", found.reason, run.id);
        return Err(Finding::Damaged(reason));
    }
    for ((table, key), value) in project::rows(&run).stored {
        *expected.entry(table).or_default() += 1;
        let found = core.journal.row(table, &key)?;
        if found.is_none_or(|row| row.value != value) {
            let key = String::from_utf8_lossy(&key).replace('\0', " ");
            return Err(Finding::Damaged(format!(
                "its row \"{key}\" of {table:?} is not there, or is another"
            )));
        }
    }
    orphaned(&run).map_or(Ok(()), |reason| Err(Finding::Damaged(reason)))
}

/// Says of a run that nothing will ever wake it (law 11).
pub(in crate::runtime) fn orphaned(run: &Run) -> Option<String> {
    (!run.has_wake_up_cause()).then(|| {
        let Run { id, .. } = run;
        format!("it has not ended, and nothing will wake it: `adjutant why {id}` shows where it stands, `adjutant kill {id} -m WHY` ends it")
    })
}

/// Returns the run that the entries add up to, where that is what is stored. After a tombstone what was before does not count.
fn folded(core: &Core, instance: &InstanceId) -> Result<Run, Error> {
    let damaged = |reason: String| Error::Quarantined { id: instance.name.clone(), reason };
    let run = reads::read_state(core, instance)?;
    let count = usize::try_from(run.seq).unwrap_or(usize::MAX);
    let mut entries = super::run::readable(core, &instance.name, 1, count)?;
    if entries.len() as u64 != run.seq {
        return Err(damaged(format!("it has {} entries, its state says {}", entries.len(), run.seq)));
    }
    let first = entries.iter().rposition(|(_, entry)| entry.as_ref().is_ok_and(begins)).unwrap_or(0);
    let rest = entries.split_off(first).into_iter();
    let rest: Vec<Entry> = rest
        .map(|(seq, entry)| entry.map_err(|problem| damaged(format!("its entry {seq}: {problem}"))))
        .collect::<Result<_, _>>()?;
    let folded = fold(&rest).ok_or_else(|| damaged("its entries do not begin with its start".to_owned()))?;
    if folded != run {
        return Err(damaged("its entries do not add up to its state".to_owned()));
    }
    Ok(run)
}

/// Checks one delivery: its fold is its state, and while it is open it has its row in the list.
fn delivery(core: &Core, instance: &InstanceId, expected: &mut BTreeMap<Table, u64>) -> Result<(), Finding> {
    let damaged = Finding::Damaged;
    let kept = super::kept(core, &instance.name)?;
    let KeptAt { kept, seq } = kept.ok_or_else(|| damaged("it has no state".to_owned()))?;
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

/// Checks one mailbox: what its last state and the entries since add up to is what all of its entries do.
fn mailbox(core: &Core, instance: &InstanceId) -> Result<(), Finding> {
    let (read, folded) = (signals::look(core, instance)?, signals::folded(core.journal.as_ref(), instance)?);
    if read == folded {
        return Ok(());
    }
    Err(Finding::Damaged("its entries do not add up to its state".to_owned()))
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
        let (mut found, mut flawed) = (0, Vec::new());
        for row in journal::rows(core.journal.as_ref(), table, prefix) {
            let row = row?;
            flawed.extend(row.flaw.clone());
            let is_run = table != Table::Timer
                || rows::timer::read(&row.key).is_none_or(|timer| timer.instance.is_run());
            found += u64::from(is_run);
        }
        let wanted = expected.get(&table).copied().unwrap_or_default();
        let company = InstanceId { kind: InstanceKind::Revision, name: "company".to_owned() };
        findings.extend(flawed.into_iter().map(|flaw| finding(core, &company, flaw)));
        if found != wanted {
            let reason = format!("table {table:?} has {found} rows, the states account for {wanted}");
            findings.push(finding(core, &company, reason));
        }
    }
    miscounted(core, findings)
}

/// Finds groups of rows that are not as many as the store has counted, or not the same ones.
fn miscounted(core: &Core, findings: &mut Vec<QuarantineView>) -> Result<(), Error> {
    let mut counted: BTreeMap<_, _> =
        core.journal.counts(b"")?.into_iter().map(|found| (found.group, found.count)).collect();
    let mut wrong: Vec<Vec<u8>> = Vec::new();
    for (group, right) in counts::recounted(core.journal.as_ref())? {
        if counted.remove(&group) != Some(Some(right)) {
            wrong.push(group);
        }
    }
    wrong.extend(counted.into_keys());
    for group in wrong {
        let name = String::from_utf8_lossy(&group).replace('\0', " ");
        let company = InstanceId { kind: InstanceKind::Revision, name: "company".to_owned() };
        let reason = format!("the count of the rows \"{}\" is not that of the rows", name.trim_end());
        findings.push(finding(core, &company, reason));
    }
    Ok(())
}
