//! The store in memory: the reference that the real one is compared with, and the disk of the simulator.
//!
//! It has a disk's habits. While [`MemoryJournal::hold`] is on, batches wait unsynced and unanswered until
//! [`MemoryJournal::sync`]; [`MemoryJournal::crash`] keeps what was synced and a part of the rest. Faults can be set for
//! a later batch. It has no threads: answers come before `submit` or `sync` returns.

mod fault;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    accept::{Heads, accept},
    chain::{Digest, Link, Parts, Salt, Section, Walk},
    count::{Count, CountChange},
    id::{EntryId, InstanceId},
    journal::{
        Append, Batch, ChainReport, Content, Done, GroupCount, Journal, JournalError, Receipt, Removal, Row,
        RowWrite, Scan, Snapshot, Stored, Table, page,
    },
};

pub use fault::{Fault, Spoilt};

/// A store that forgets when the process ends.
#[derive(Default)]
pub struct MemoryJournal {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    content: Durable,
    holding: bool,
    unsynced: VecDeque<(Batch, Done)>,
    /// Submissions that are still to pass before the fault, with the fault.
    faults: Vec<(u64, Fault)>,
    failed: bool,
}

/// What is durable.
#[derive(Debug, Clone, Default)]
struct Durable {
    instances: BTreeMap<InstanceId, Instance>,
    /// The last entry of each instance that was let go.
    gone: BTreeMap<InstanceId, u64>,
    rows: BTreeMap<(Table, Vec<u8>), (u64, Vec<u8>)>,
    counts: BTreeMap<Vec<u8>, Count>,
    blobs: BTreeMap<String, Vec<u8>>,
    links: Vec<Vec<u8>>,
    head: Digest,
    spoilt: BTreeSet<Spoilt>,
}

#[derive(Debug, Clone, Default)]
struct Instance {
    seq: u64,
    snapshot: Option<Snapshot>,
    /// The batch that brought the snapshot.
    batch: u64,
    trimmed: u64,
    entries: BTreeMap<u64, Content>,
}

impl Instance {
    fn snapshot_seq(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.seq)
    }

    /// Returns how many bytes of entries lie behind the snapshot.
    fn tail(&self) -> u64 {
        let behind = self.entries.range(self.snapshot_seq() + 1..);
        behind.map(|(_, entry)| (entry.skeleton.len() + entry.payload.len()) as u64).sum()
    }
}

/// There is no disk that could be stolen: the salt is the instance's name.
fn salt(instance: &InstanceId) -> Salt {
    let digest = Digest::of(instance.to_string().as_bytes()).0;
    std::array::from_fn(|place| digest[place])
}

impl MemoryJournal {
    /// Returns an empty store that syncs every batch at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets batches wait unsynced and unanswered from now on.
    pub fn hold(&self) {
        self.lock().holding = true;
    }

    /// Returns how many batches wait unsynced.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.lock().unsynced.len()
    }

    /// Syncs what waits, as one group, and answers; further batches wait again.
    pub fn sync(&self) {
        let waiting = std::mem::take(&mut self.lock().unsynced);
        for (batch, done) in waiting {
            let answer = self.lock().write(&batch);
            done(answer);
        }
    }

    /// Ends this process and returns what the next one finds: what was synced, and of the unsynced batches the first
    /// `keep` (a torn one counts as lost). Nobody who waits is answered.
    #[must_use]
    pub fn crash(&self, keep: usize) -> Self {
        let mut inner = self.lock();
        let unsynced = std::mem::take(&mut inner.unsynced);
        let mut content = std::mem::take(&mut inner.content);
        inner.failed = true;
        for (batch, _) in unsynced.iter().take(keep) {
            // A refused batch was never on its way to the disk.
            drop(content.write(batch));
        }
        Self { inner: Mutex::new(Inner { content, ..Inner::default() }) }
    }

    /// Lets a batch go wrong after `after` more have passed; 0 is the next one.
    pub fn inject(&self, after: u64, fault: Fault) {
        self.lock().faults.push((after, fault));
    }

    /// Replaces a stored entry behind the chain's back, as a hand on the disk would; returns whether it was there.
    pub fn tamper(&self, instance: &InstanceId, seq: u64, payload: &[u8]) -> bool {
        let mut inner = self.lock();
        let held = inner.content.instances.get_mut(instance).and_then(|held| held.entries.get_mut(&seq));
        held.map(|stored| payload.clone_into(&mut stored.payload)).is_some()
    }

    /// Replaces a stored snapshot behind the chain's back; returns whether it was there.
    pub fn tamper_snapshot(&self, instance: &InstanceId, state: &[u8]) -> bool {
        let mut inner = self.lock();
        let held = inner.content.instances.get_mut(instance).and_then(|held| held.snapshot.as_mut());
        held.map(|snapshot| state.clone_into(&mut snapshot.state)).is_some()
    }

    /// Replaces a stored row's value behind the chain's back; returns whether it was there.
    pub fn tamper_row(&self, table: Table, key: &[u8], value: &[u8]) -> bool {
        let mut inner = self.lock();
        let held = inner.content.rows.get_mut(&(table, key.to_vec()));
        held.map(|(_, stored)| value.clone_into(stored)).is_some()
    }

    /// Spoils a place, as a bad block does; a later write of it mends it.
    pub fn spoil(&self, place: Spoilt) {
        self.lock().content.spoilt.insert(place);
    }

    /// Takes a payload away.
    pub fn lose_blob(&self, digest: &str) -> bool {
        self.lock().content.blobs.remove(digest).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&Durable) -> T) -> Result<T, JournalError> {
        Ok(read(&self.lock().content))
    }
}

impl Journal for MemoryJournal {
    fn submit(&self, batch: Batch, done: Done) {
        let mut inner = self.lock();
        if inner.holding && !inner.failed {
            inner.unsynced.push_back((batch, done));
            return;
        }
        let fault = inner.due_fault();
        let answer = inner.write_with(&batch, fault);
        drop(inner);
        if fault != Some(Fault::LostAnswer) {
            done(answer);
        }
    }

    fn load(&self, instance: &InstanceId) -> Result<Option<Stored>, JournalError> {
        self.read(|content| content.load(instance))?
    }

    fn last(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        self.read(|content| content.last(instance))
    }

    fn entries(
        &self,
        instance: &InstanceId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Content)>, JournalError> {
        self.read(|content| content.entries(instance, from, page(limit)))?
    }

    fn instances(&self, after: Option<&InstanceId>, limit: usize) -> Result<Vec<InstanceId>, JournalError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.read(|content| {
            let ids = content.instances.range::<InstanceId, _>((from, Bound::Unbounded));
            ids.take(page(limit)).map(|(id, _)| id.clone()).collect()
        })
    }

    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Row>, JournalError> {
        self.read(|content| {
            content.whole(&Spoilt::Row(table, key.to_vec()))?;
            let held = content.rows.get(&(table, key.to_vec()));
            Ok(held.map(|(version, value)| Row {
                key: key.to_vec(),
                version: *version,
                value: value.clone(),
                flaw: None,
            }))
        })?
    }

    fn scan(&self, table: Table, scan: &Scan) -> Result<Vec<Row>, JournalError> {
        self.read(|content| content.scan(table, scan))
    }

    fn counts(&self, prefix: &[u8]) -> Result<Vec<GroupCount>, JournalError> {
        self.read(|content| content.counts(prefix))
    }

    fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.read(|content| content.blobs.get(digest).cloned())
    }

    fn verify(&self) -> Result<ChainReport, JournalError> {
        self.read(Durable::verify)
    }
}

impl Inner {
    fn due_fault(&mut self) -> Option<Fault> {
        let due = self.faults.iter().position(|(after, _)| *after == 0).map(|at| self.faults.remove(at).1);
        self.faults.iter_mut().for_each(|(after, _)| *after = after.saturating_sub(1));
        due
    }

    fn write(&mut self, batch: &Batch) -> Result<Receipt, JournalError> {
        let fault = self.due_fault();
        self.write_with(batch, fault)
    }

    fn write_with(&mut self, batch: &Batch, fault: Option<Fault>) -> Result<Receipt, JournalError> {
        if self.failed {
            return Err(refused());
        }
        match fault {
            None | Some(Fault::LostAnswer) => self.content.write(batch),
            Some(Fault::Busy) => Err(JournalError::Busy),
            Some(Fault::Conflict) => Err(self.content.made_up_conflict(batch)),
            Some(Fault::Disk) => {
                self.failed = true;
                Err(refused())
            }
            Some(Fault::DiskAfterWrite) => {
                self.content.write(batch)?;
                self.failed = true;
                Err(refused())
            }
        }
    }
}

fn refused() -> JournalError {
    JournalError::Disk("a fault was injected".to_owned())
}

impl Heads for Durable {
    fn last(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        Ok(Durable::last(self, instance))
    }

    fn is_gone(&self, instance: &InstanceId) -> Result<bool, JournalError> {
        Ok(self.gone.contains_key(instance))
    }

    fn has_branches(&self, run: &InstanceId) -> Result<bool, JournalError> {
        Ok(self.instances.keys().any(|other| other != run && other.root() == *run))
    }

    fn snapshot(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        Ok(self.instances.get(instance).map_or(0, Instance::snapshot_seq))
    }

    fn version(&self, table: Table, key: &[u8]) -> Result<u64, JournalError> {
        Ok(self.rows.get(&(table, key.to_vec())).map_or(0, |(version, _)| *version))
    }
}

impl Durable {
    fn write(&mut self, batch: &Batch) -> Result<Receipt, JournalError> {
        accept(batch, self)?;
        let number = self.links.len() as u64 + 1;
        let fresh = self.fresh(batch);
        let parts = Parts::of(batch, salt);
        let sealed = parts.link(number, batch, &fresh).seal(&self.head);
        batch.appends.iter().for_each(|append| self.append(append, number));
        batch.writes.iter().for_each(|write| self.put(write, number));
        batch.counts.iter().for_each(|change| self.count(&change));
        for (key, bytes) in &batch.blobs {
            self.blobs.entry(key.clone()).or_insert_with(|| bytes.clone());
        }
        for trim in &batch.trims {
            let Some(held) = self.instances.get_mut(&trim.instance) else { continue };
            held.trimmed = held.trimmed.max(trim.through);
            held.entries = held.entries.split_off(&(trim.through + 1));
        }
        for Removal { instance, last } in &batch.removals {
            self.instances.remove(instance);
            self.gone.insert(instance.clone(), *last);
        }
        self.links.push(sealed.bytes);
        self.head = sealed.hash;
        let last = batch.appends.last().and_then(|append| self.instances.get(&append.instance));
        Ok(Receipt { batch: number, tail: last.map_or(0, Instance::tail) })
    }

    fn last(&self, instance: &InstanceId) -> u64 {
        let there = self.instances.get(instance).map(|held| held.seq);
        there.or_else(|| self.gone.get(instance).copied()).unwrap_or_default()
    }

    fn load(&self, instance: &InstanceId) -> Result<Option<Stored>, JournalError> {
        let Some(held) = self.instances.get(instance) else { return Ok(None) };
        let flaw = self.whole(&Spoilt::Snapshot(instance.clone())).err().map(|error| error.to_string());
        let snapshot = held.snapshot.clone().filter(|_| flaw.is_none());
        let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.seq) + 1;
        let tail = self.entries(instance, from, usize::MAX)?;
        Ok(Some(Stored { seq: held.seq, snapshot, tail, bytes: held.tail(), flaw }))
    }

    fn entries(
        &self,
        instance: &InstanceId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Content)>, JournalError> {
        let Some(held) = self.instances.get(instance) else { return Ok(Vec::new()) };
        let found = held.entries.range(from..).take(limit);
        found
            .map(|(seq, entry)| {
                self.whole(&Spoilt::Entry(instance.clone(), *seq))?;
                Ok((*seq, entry.clone()))
            })
            .collect()
    }

    fn fresh(&self, batch: &Batch) -> BTreeSet<String> {
        let keys = batch.blobs.iter().map(|(key, _)| key);
        keys.filter(|key| !self.blobs.contains_key(*key)).cloned().collect()
    }

    fn append(&mut self, append: &Append, number: u64) {
        let held = self.instances.entry(append.instance.clone()).or_default();
        for entry in &append.entries {
            held.seq += 1;
            held.entries.insert(held.seq, entry.clone());
        }
        if let Some(state) = append.snapshot.as_ref().filter(|_| held.seq > 0) {
            held.snapshot = Some(Snapshot { seq: held.seq, state: state.clone() });
            held.batch = number;
            self.spoilt.remove(&Spoilt::Snapshot(append.instance.clone()));
        }
    }

    /// Refuses a place that was spoilt.
    fn whole(&self, place: &Spoilt) -> Result<(), JournalError> {
        if !self.spoilt.contains(place) {
            return Ok(());
        }
        let problem = "the checksum does not follow from the content".to_owned();
        Err(JournalError::Corrupt { place: format!("{place:?}"), problem })
    }

    fn put(&mut self, write: &RowWrite, number: u64) {
        let key = (write.table, write.key.clone());
        self.spoilt.remove(&Spoilt::Row(write.table, write.key.clone()));
        match &write.value {
            Some(value) => self.rows.insert(key, (number, value.clone())),
            None => self.rows.remove(&key),
        };
    }

    fn count(&mut self, change: &CountChange<'_>) {
        let spoilt = Spoilt::Count(change.group.to_vec());
        let stored = self.counts.get(change.group).copied().unwrap_or_default();
        let before = Some(stored).filter(|_| !self.spoilt.contains(&spoilt));
        let Some(after) = Count::of_stored(before, change) else { return };
        self.spoilt.remove(&spoilt);
        if after.is_empty() {
            self.counts.remove(change.group);
        } else {
            self.counts.insert(change.group.to_vec(), after);
        }
    }

    fn counts(&self, prefix: &[u8]) -> Vec<GroupCount> {
        let found = self.counts.range(prefix.to_vec()..).take_while(|(group, _)| group.starts_with(prefix));
        found
            .map(|(group, count)| {
                let count = Some(*count).filter(|_| self.whole(&Spoilt::Count(group.clone())).is_ok());
                GroupCount { group: group.clone(), count }
            })
            .collect()
    }

    fn scan(&self, table: Table, scan: &Scan) -> Vec<Row> {
        let mut found = Vec::new();
        for ((held, key), (version, value)) in self.rows.range((table, scan.prefix.clone())..) {
            if *held != table || !key.starts_with(&scan.prefix) {
                break;
            }
            let late = scan.after.as_ref().is_none_or(|after| key > after);
            if late && scan.before.as_ref().is_none_or(|before| key < before) {
                let flaw = self.whole(&Spoilt::Row(table, key.clone())).err().map(|error| error.to_string());
                let value = if flaw.is_some() { Vec::new() } else { value.clone() };
                found.push(Row { key: key.clone(), version: *version, value, flaw });
            }
        }
        if scan.backwards {
            found.reverse();
        }
        found.truncate(page(scan.limit));
        found
    }

    fn verify(&self) -> ChainReport {
        let mut walk = Walk::default();
        for (number, bytes) in (1..).zip(&self.links) {
            if let Some(link) = walk.next(number, bytes)
                && !self.agrees(&link)
            {
                walk.broken(number);
            }
        }
        walk.report()
    }

    fn agrees(&self, link: &Link) -> bool {
        link.sections.iter().all(|section| self.section_agrees(link, section))
    }

    fn section_agrees(&self, link: &Link, section: &Section) -> bool {
        let Some(held) = self.instances.get(&section.instance) else {
            return self.gone.get(&section.instance).is_some_and(|last| *last >= section.last());
        };
        let salt = salt(&section.instance);
        let seqs = (section.after + 1..=section.last()).filter(|seq| *seq > held.trimmed);
        let mut entries = seqs.map(|seq| {
            let digest = held.entries.get(&seq).map(|entry| {
                let sealed = Digest::sealed(&salt, &entry.payload);
                Digest::entry(EntryId { instance: &section.instance, seq }, &entry.skeleton, &sealed)
            });
            digest.as_ref() == section.entry(seq)
        });
        let snapshot = held.snapshot.as_ref().filter(|_| held.batch == link.batch);
        let snapshot_agrees = snapshot.is_none_or(|snapshot| {
            let after = EntryId { instance: &section.instance, seq: snapshot.seq };
            let digest = Digest::snapshot(after, &Digest::sealed(&salt, &snapshot.state));
            link.snapshot(&section.instance, snapshot.seq) == Some(digest)
        });
        entries.all(|same| same) && snapshot_agrees
    }

    fn made_up_conflict(&self, batch: &Batch) -> JournalError {
        let Some(append) = batch.appends.first() else { return JournalError::Busy };
        let found = self.instances.get(&append.instance).map_or(0, |held| held.seq) + 1;
        JournalError::Conflict { instance: append.instance.clone(), expected: append.expected, found }
    }
}

#[cfg(test)]
mod tests;
