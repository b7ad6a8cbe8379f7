//! One group: batches judged one after the other and put into one RocksDB write.
//!
//! A batch sees those accepted before it in the group. A refused batch leaves nothing behind, so it refuses nobody else.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use adjutant_machine::{
    accept::{Heads, accept},
    chain::{Digest, Link, Section},
    id::InstanceId,
    journal::{Append, Batch, JournalError, Receipt, RowWrite, Table, Trim},
};
use rocksdb::WriteBatch;

use super::{
    database::Db,
    keys::{self, Family},
    mark::Tip,
    options::INLINE,
    value::Head,
};

/// The last sequence numbers of instances that were written lately. Only the writer changes them, so they are never stale.
#[derive(Default)]
pub(super) struct Lately(RefCell<BTreeMap<InstanceId, u64>>);

/// Above this many the memory of instances is dropped and read again.
const REMEMBERED: usize = 8192;

/// A group in the making.
pub(super) struct Group<'a> {
    db: &'a Db,
    lately: &'a Lately,
    tip: Tip,
    out: WriteBatch,
    versions: BTreeMap<(Table, Vec<u8>), u64>,
    blobs: BTreeSet<String>,
    trims: BTreeMap<InstanceId, u64>,
}

impl Lately {
    fn last(&self, instance: &InstanceId) -> Option<u64> {
        self.0.borrow().get(instance).copied()
    }

    fn note(&self, instance: &InstanceId, seq: u64) {
        let mut known = self.0.borrow_mut();
        if known.len() >= REMEMBERED && !known.contains_key(instance) {
            known.clear();
        }
        known.insert(instance.clone(), seq);
    }
}

impl Heads for Group<'_> {
    fn last(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        if let Some(seq) = self.lately.last(instance) {
            return Ok(seq);
        }
        let seq = self.db.now().last(instance)?;
        self.lately.note(instance, seq);
        Ok(seq)
    }

    fn version(&self, table: Table, key: &[u8]) -> Result<u64, JournalError> {
        match self.versions.get(&(table, key.to_vec())) {
            Some(version) => Ok(*version),
            None => self.db.now().version(table, key),
        }
    }
}

impl<'a> Group<'a> {
    /// Begins a group after this tip.
    pub(super) fn new(db: &'a Db, lately: &'a Lately, tip: Tip) -> Self {
        let (out, versions) = (WriteBatch::default(), BTreeMap::new());
        Self { db, lately, tip, out, versions, blobs: BTreeSet::new(), trims: BTreeMap::new() }
    }

    /// Returns the write and the tip after it.
    pub(super) fn finish(self) -> (WriteBatch, Tip) {
        (self.out, self.tip)
    }

    /// Judges a batch and adds it.
    pub(super) fn stage(&mut self, batch: &Batch) -> Result<Receipt, JournalError> {
        let ends = accept(batch, self)?;
        // Everything that can fail stands before the first put.
        let fresh = self.fresh(batch)?;
        let trims = self.effective_trims(batch)?;
        let number = self.tip.batch + 1;
        let link = Link::of(number, batch, &fresh);
        for (append, section) in batch.appends.iter().zip(&link.sections) {
            self.append(number, append, section);
        }
        for (index, (write, digest)) in (0..).zip(batch.writes.iter().zip(&link.rows)) {
            self.row((number, index), write, digest);
        }
        self.payloads(number, batch, &link);
        trims.iter().for_each(|trim| self.trim(number, trim));
        ends.iter().for_each(|(instance, end)| self.lately.note(instance, *end));
        let sealed = link.seal(&self.tip.hash);
        self.out.put_cf(self.db.family(Family::Log), keys::link(number), sealed.bytes);
        self.tip = Tip { batch: number, hash: sealed.hash };
        Ok(Receipt { batch: number })
    }

    fn append(&mut self, number: u64, append: &Append, section: &Section) {
        for (seq, (entry, digest)) in (append.expected + 1..).zip(append.entries.iter().zip(&section.entries))
        {
            let head = Head::of(number, seq, (entry.len(), digest));
            let value = if entry.len() > INLINE { self.spill_entry(head, entry) } else { head.with(entry) };
            self.put(Family::Log, keys::entry(&append.instance, seq), value);
        }
        let state = &append.state;
        let mut head = Head::of(number, section.last(), (state.len(), &section.state));
        head.spilled = state.len() > INLINE;
        if head.spilled {
            let content = Head::of(number, 0, (state.len(), &Digest::of(state))).with(state);
            self.put(Family::Blobs, keys::state_content(&append.instance), content);
        }
        let inline = if head.spilled { &[][..] } else { state };
        self.put(Family::State, keys::state(&append.instance), head.with(inline));
    }

    fn spill_entry(&mut self, mut head: Head, entry: &[u8]) -> Vec<u8> {
        let digest = Digest::of(entry);
        let content = Head::of(head.batch, 0, (entry.len(), &digest)).with(entry);
        self.put(Family::Blobs, keys::entry_content(&digest), content);
        head.spilled = true;
        head.with(&digest.0)
    }

    fn row(&mut self, (number, index): (u64, u64), write: &RowWrite, digest: &Digest) {
        let (family, _) = keys::table(write.table);
        let key = keys::row(write.table, &write.key);
        let version = match &write.value {
            Some(value) => {
                self.put(family, key, Head::of(number, index, (value.len(), digest)).with(value));
                number
            }
            None => {
                self.out.delete_cf(self.db.family(family), key);
                0
            }
        };
        self.versions.insert((write.table, write.key.clone()), version);
    }

    fn payloads(&mut self, number: u64, batch: &Batch, link: &Link) {
        for (key, digest) in &link.blobs {
            let Some((_, bytes)) = batch.blobs.iter().find(|(held, _)| held == key) else { continue };
            self.put(Family::Blobs, keys::blob(key), Head::of(number, 0, (bytes.len(), digest)).with(bytes));
            self.blobs.insert(key.clone());
        }
    }

    fn trim(&mut self, number: u64, trim: &Trim) {
        let log = self.db.family(Family::Log);
        let (from, to) = (keys::entry(&trim.instance, 0), keys::entry(&trim.instance, trim.through + 1));
        self.out.delete_range_cf(log, from, to);
        let value = Head::of(number, trim.through, (0, &Digest::of(&[]))).with(&[]);
        self.put(Family::Meta, keys::trimmed(&trim.instance), value);
        self.trims.insert(trim.instance.clone(), trim.through);
    }

    fn put(&mut self, family: Family, key: Vec<u8>, value: Vec<u8>) {
        self.out.put_cf(self.db.family(family), key, value);
    }

    fn fresh(&self, batch: &Batch) -> Result<BTreeSet<String>, JournalError> {
        let mut fresh = BTreeSet::new();
        for (key, _) in &batch.blobs {
            if !self.blobs.contains(key) && self.db.now().get(Family::Blobs, &keys::blob(key))?.is_none() {
                fresh.insert(key.clone());
            }
        }
        Ok(fresh)
    }

    /// A trim that goes less far than an earlier one changes nothing.
    fn effective_trims<'b>(&self, batch: &'b Batch) -> Result<Vec<&'b Trim>, JournalError> {
        let mut trims: BTreeMap<&InstanceId, &Trim> = BTreeMap::new();
        for trim in &batch.trims {
            let earlier = match trims.get(&trim.instance).map(|trim| trim.through) {
                Some(through) => through,
                None => self.trimmed(&trim.instance)?,
            };
            if trim.through > earlier {
                trims.insert(&trim.instance, trim);
            }
        }
        Ok(trims.into_values().collect())
    }

    fn trimmed(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        match self.trims.get(instance) {
            Some(through) => Ok(*through),
            None => self.db.now().trimmed(instance),
        }
    }
}
