//! One group: batches judged one after the other and put into one RocksDB write.
//!
//! A batch sees those accepted before it in the group. A refused batch leaves nothing behind, so it refuses nobody else.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use adjutant_machine::{
    accept::{Heads, accept},
    chain::{Digest, Link, Parts, Salt, Section, is_chained},
    count::Count,
    id::{InstanceId, InstanceKind},
    journal::{Append, Batch, JournalError, Receipt, Removal, RowWrite, Table, Trim},
};
use rocksdb::WriteBatch;

use super::{
    database::Db,
    dense,
    head::{LogHead, count_value, new_salt, salt_value},
    keys::{self, Family},
    mark::Tip,
    options::INLINE,
    texts,
    value::ValueHead,
};

/// The heads and salts of instances that were written lately, and counts of groups. They are never stale, for only the writer
/// changes them.
#[derive(Default)]
pub(super) struct Lately {
    logs: RefCell<HashMap<InstanceId, KnownLog>>,
    counts: RefCell<HashMap<Vec<u8>, Count>>,
}

/// What the writer knows of an instance.
#[derive(Debug, Clone, Copy)]
struct KnownLog {
    head: LogHead,
    salt: Salt,
    /// Whether the salt is yet to be written.
    is_new: bool,
    /// Whether it was let go: its head says where it ended.
    is_gone: bool,
}

/// A payload in its stored form.
struct Laid<'p> {
    /// What the stored value begins with.
    head: ValueHead,
    /// Where its long texts stand, and what they are.
    texts: Vec<u8>,
    /// What is left without them, packed where that makes it smaller.
    rest: Cow<'p, [u8]>,
}

/// What a group writes, in one synced write.
pub(super) struct GroupWrite {
    /// The write itself, as RocksDB takes it.
    pub(super) write: WriteBatch,
    /// The end of the chain once it is written.
    pub(super) tip: Tip,
}

/// Above this many the memory of instances is dropped and read again.
const REMEMBERED: usize = 8192;

/// A group in the making.
pub(super) struct Group<'a> {
    db: &'a Db,
    lately: &'a Lately,
    tip: Tip,
    out: WriteBatch,
    versions: HashMap<(Table, Vec<u8>), u64>,
    blobs: BTreeSet<String>,
    /// The keys of what the group puts for entries that are too large to hold it.
    parts: HashSet<Vec<u8>>,
    trims: BTreeMap<InstanceId, u64>,
    /// The instances that the group lets go, whose parts the store still has.
    removed: HashSet<InstanceId>,
    /// The instances that the group appends to, as it leaves them: the store does not hold that yet.
    staged: HashMap<InstanceId, KnownLog>,
    /// The counts that the group changes, as it leaves them: each is written once, however many batches change it.
    counts: BTreeMap<Vec<u8>, Count>,
}

impl Lately {
    fn get(&self, instance: &InstanceId) -> Option<KnownLog> {
        self.logs.borrow().get(instance).copied()
    }

    fn note(&self, instance: InstanceId, known: KnownLog) {
        let mut all = self.logs.borrow_mut();
        if all.len() >= REMEMBERED && !all.contains_key(&instance) {
            all.clear();
        }
        all.insert(instance, known);
    }

    fn note_count(&self, group: Vec<u8>, count: Count) {
        let mut all = self.counts.borrow_mut();
        if all.len() >= REMEMBERED && !all.contains_key(&group) {
            all.clear();
        }
        all.insert(group, count);
    }
}

impl Heads for Group<'_> {
    fn last(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        Ok(self.known(instance)?.head.seq)
    }

    fn snapshot(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        Ok(self.known(instance)?.head.snapshot)
    }

    fn is_gone(&self, instance: &InstanceId) -> Result<bool, JournalError> {
        Ok(self.known(instance)?.is_gone)
    }

    fn has_branches(&self, run: &InstanceId) -> Result<bool, JournalError> {
        if run.kind != InstanceKind::Run {
            return Ok(false);
        }
        let is_branch = |id: &InstanceId| id != run && id.root() == *run;
        if self.staged.iter().any(|(id, known)| is_branch(id) && !known.is_gone) {
            return Ok(true);
        }
        let is_gone = |id: &InstanceId| self.staged.get(id).is_some_and(|known| known.is_gone);
        Ok(self.db.now().branches(run)?.iter().any(|id| !is_gone(id)))
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
        let (out, versions) = (WriteBatch::default(), HashMap::new());
        Self {
            db,
            lately,
            tip,
            out,
            versions,
            blobs: BTreeSet::new(),
            parts: HashSet::new(),
            trims: BTreeMap::new(),
            removed: HashSet::new(),
            staged: HashMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Returns how many bytes a batch takes by itself, whatever the store holds: for figures.
    ///
    /// # Errors
    /// What the store answers when it cannot be read.
    pub(super) fn size_alone(db: &Db, batch: &Batch) -> Result<usize, JournalError> {
        let lately = Lately::default();
        let mut group = Group::new(db, &lately, Tip::default());
        for append in &batch.appends {
            let head = LogHead { seq: append.expected, ..LogHead::default() };
            let known = KnownLog { head, salt: new_salt(), is_new: append.expected == 0, is_gone: false };
            group.staged.entry(append.instance.clone()).or_insert(known);
        }
        group.stage(&Batch { guards: Vec::new(), ..batch.clone() })?;
        Ok(group.finish().write.size_in_bytes())
    }

    /// Returns what is to be written.
    pub(super) fn finish(mut self) -> GroupWrite {
        for (group, count) in std::mem::take(&mut self.counts) {
            let key = keys::count(&group);
            if count.is_empty() {
                self.out.delete_cf(self.db.family(Family::Index), key);
            } else {
                self.put(Family::Index, key, count_value(&group, count, self.tip.batch));
            }
            self.lately.note_count(group, count);
        }
        let Self { lately, staged, out, tip, .. } = self;
        staged.into_iter().for_each(|(instance, known)| lately.note(instance, known));
        GroupWrite { write: out, tip }
    }

    /// Returns what is known of an instance as the batches so far leave it.
    fn known(&self, instance: &InstanceId) -> Result<KnownLog, JournalError> {
        if let Some(known) = self.staged.get(instance).copied().or_else(|| self.lately.get(instance)) {
            return Ok(known);
        }
        let now = self.db.now();
        let found = now.salt(instance);
        let is_unknown = matches!(found, Ok(None));
        let (salt, is_new) = match found {
            Ok(Some(salt)) => (salt, false),
            // What was written under a salt that is lost cannot be read any more; what comes now can.
            Ok(None) | Err(JournalError::Corrupt { .. }) => (new_salt(), true),
            Err(error) => return Err(error),
        };
        let mut is_gone = false;
        let head = match now.head(instance) {
            Ok(Some(head)) => head,
            Ok(None) if is_unknown && !now.has_first(instance)? => {
                let seq = now.trimmed(instance)?;
                is_gone = seq > 0;
                LogHead { seq, ..LogHead::default() }
            }
            // Where it is lost the log says where it ends: the instance can still be ended, and nothing is written over.
            Ok(None) | Err(JournalError::Corrupt { .. }) => {
                LogHead { seq: now.last_key(instance)?, ..LogHead::default() }
            }
            Err(error) => return Err(error),
        };
        let known = KnownLog { head, salt, is_new, is_gone };
        self.lately.note(instance.clone(), known);
        Ok(known)
    }

    /// Judges a batch and adds it.
    pub(super) fn stage(&mut self, batch: &Batch) -> Result<Receipt, JournalError> {
        accept(batch, self)?;
        // Everything that can fail stands before the first put.
        let counts = batch.counts.iter().map(|change| Ok((change, self.count(change.group)?)));
        let counts = counts.collect::<Result<Vec<_>, JournalError>>()?;
        let fresh = self.fresh(batch)?;
        let trims = self.effective_trims(batch)?;
        let known = batch.appends.iter().map(|append| Ok((&append.instance, self.known(&append.instance)?)));
        let known = known.collect::<Result<BTreeMap<_, _>, JournalError>>()?;
        let number = self.number();
        let parts = Parts::of(batch, |instance| known[instance].salt);
        let link = parts.link(number, batch, &fresh);
        let mut tail = 0;
        for (append, section) in batch.appends.iter().zip(&parts.sections) {
            let before = self.staged.get(&append.instance).copied();
            let known = before.unwrap_or_else(|| known[&append.instance]);
            tail = self.append(known, append, section);
        }
        let mut place = 0;
        for (write, digest) in batch.writes.iter().zip(&parts.rows) {
            self.row(place, write, digest);
            place += u32::from(is_chained(write.table));
        }
        for (change, before) in counts {
            // One that cannot be read is left as it is: the next process counts it anew.
            if let Some(after) = Count::of_stored(before, &change) {
                self.counts.insert(change.group.to_vec(), after);
            }
        }
        self.payloads(batch, &link);
        trims.iter().for_each(|trim| self.trim(trim));
        batch.removals.iter().for_each(|removal| self.remove(removal));
        let sealed = link.seal(&self.tip.hash);
        self.out.put_cf(self.db.family(Family::Log), keys::link(number), sealed.bytes);
        self.tip = Tip { batch: number, hash: sealed.hash };
        Ok(Receipt { batch: number, tail })
    }

    /// Returns the number of the batch in the making.
    fn number(&self) -> u64 {
        self.tip.batch + 1
    }

    /// Adds the entries of an instance, its snapshot where there is one, and its head; returns how many bytes lie behind it.
    fn append(&mut self, known: KnownLog, append: &Append, section: &Section) -> u64 {
        let (instance, number) = (&append.instance, self.number());
        let KnownLog { mut head, salt, is_new, .. } = known;
        if is_new {
            self.put(Family::State, keys::salt(instance), salt_value(instance, &salt, number));
        }
        for (content, digest) in append.entries.iter().zip(&section.entries) {
            head.seq += 1;
            let laid = self.lay(instance, digest, &content.payload);
            let skeleton = &content.skeleton;
            let length = u32::try_from(skeleton.len()).expect("a skeleton fits into a batch").to_be_bytes();
            let key = keys::entry(instance, head.seq);
            let stored = if laid.head.spilled {
                let place = Digest::of(&laid.rest);
                self.part(instance, &laid.rest, &place);
                laid.head.with(&[&length, skeleton, &laid.texts, &place.0])
            } else {
                laid.head.with(&[&length, skeleton, &laid.texts, &laid.rest])
            };
            head.tail += stored.len() as u64;
            self.put(Family::Log, key, stored);
        }
        if let (Some(state), Some(digest)) = (&append.snapshot, &section.snapshot) {
            (head.snapshot, head.tail) = (head.seq, 0);
            self.snapshot(instance, state, digest);
        }
        self.put(Family::State, keys::head(instance), head.value(instance, number));
        let known = KnownLog { head, salt, is_new: false, is_gone: false };
        self.staged.insert(instance.clone(), known);
        head.tail
    }

    /// Brings a payload into its stored form: its long texts are put where they are there once, and the rest is packed.
    fn lay<'p>(&mut self, instance: &InstanceId, digest: &Digest, payload: &'p [u8]) -> Laid<'p> {
        let cut = texts::cut(payload);
        for text in &cut.texts {
            self.part(instance, text.bytes, &text.digest);
        }
        let texts = cut.places();
        let packed = dense::pack(&cut.rest);
        let (parted, packs) = (!texts.is_empty(), packed.is_some());
        let rest = packed.map_or(cut.rest, Cow::Owned);
        let spilled = rest.len() > INLINE;
        let head = ValueHead { parted, packed: packs, spilled, ..ValueHead::of(self.number(), 0, digest) };
        Laid { head, texts, rest }
    }

    /// Puts what is too large for an entry where compaction does not copy it again and again, unless its run has it there already.
    fn part(&mut self, instance: &InstanceId, content: &[u8], digest: &Digest) {
        let root = instance.root();
        let key = keys::part(&root, digest);
        // Where the store cannot say, it is put again: twice is the same as once.
        let is_there = !self.removed.contains(&root)
            && (self.parts.contains(&key)
                || self.db.now().get(Family::Blobs, &key).is_ok_and(|found| found.is_some()));
        if is_there {
            return;
        }
        let mut value = ValueHead::of(self.number(), 0, digest);
        let packed = dense::pack(content);
        value.packed = packed.is_some();
        self.put(Family::Blobs, key.clone(), value.with(&[packed.as_deref().unwrap_or(content)]));
        self.parts.insert(key);
    }

    fn snapshot(&mut self, instance: &InstanceId, state: &[u8], digest: &Digest) {
        let laid = self.lay(instance, digest, state);
        if laid.head.spilled {
            let content = ValueHead::of(self.number(), 0, &Digest::of(&laid.rest)).with(&[&laid.rest]);
            self.put(Family::Blobs, keys::snapshot_content(instance), content);
        }
        let inline = if laid.head.spilled { &[][..] } else { &laid.rest };
        self.put(Family::State, keys::snapshot(instance), laid.head.with(&[&laid.texts, inline]));
    }

    /// Returns a group's count as the batches so far leave it; nothing where it cannot be read.
    fn count(&self, group: &[u8]) -> Result<Option<Count>, JournalError> {
        let known =
            self.counts.get(group).copied().or_else(|| self.lately.counts.borrow().get(group).copied());
        known.map_or_else(|| self.db.now().count(group), |known| Ok(Some(known)))
    }

    /// Adds a row; `place` is its place among the chained rows of the batch.
    fn row(&mut self, place: u32, write: &RowWrite, digest: &Digest) {
        let number = self.number();
        let (family, _) = keys::table(write.table);
        let key = keys::row(write.table, &write.key);
        let version = match &write.value {
            Some(value) => {
                self.put(family, key, ValueHead::of(number, place, digest).with(&[value]));
                number
            }
            None => {
                self.out.delete_cf(self.db.family(family), key);
                0
            }
        };
        self.versions.insert((write.table, write.key.clone()), version);
    }

    fn payloads(&mut self, batch: &Batch, link: &Link) {
        let number = self.number();
        for (key, digest) in &link.blobs {
            let Some((_, bytes)) = batch.blobs.iter().find(|(held, _)| held == key) else { continue };
            self.put(Family::Blobs, keys::blob(key), ValueHead::of(number, 0, digest).with(&[bytes]));
            self.blobs.insert(key.clone());
        }
    }

    fn trim(&mut self, trim: &Trim) {
        let Trim { instance, through } = trim;
        self.delete_range(Family::Log, keys::entry(instance, 0), keys::entry(instance, through + 1));
        let bytes = through.to_be_bytes();
        let value = ValueHead::of(self.number(), 0, &Digest::of(&bytes)).with(&[&bytes]);
        self.put(Family::Meta, keys::trimmed(instance), value);
        self.trims.insert(instance.clone(), *through);
    }

    /// Lets an instance go. What is left is the number of its last entry: the chain still names its entries, and its name is not
    /// given again.
    fn remove(&mut self, removal: &Removal) {
        let Removal { instance, last } = removal;
        self.trim(&Trim { instance: instance.clone(), through: *last });
        let state = self.db.family(Family::State);
        for key in [keys::head(instance), keys::salt(instance), keys::snapshot(instance)] {
            self.out.delete_cf(state, key);
        }
        self.out.delete_cf(self.db.family(Family::Blobs), keys::snapshot_content(instance));
        if instance.root() == *instance {
            let parts = keys::parts(instance);
            let end = keys::after_prefix(&parts);
            self.delete_range(Family::Blobs, parts, end);
            self.removed.insert(instance.clone());
        }
        let head = LogHead { seq: *last, ..LogHead::default() };
        let known = KnownLog { head, salt: new_salt(), is_new: true, is_gone: true };
        self.staged.insert(instance.clone(), known);
    }

    fn delete_range(&mut self, of: Family, from: Vec<u8>, to: Vec<u8>) {
        self.out.delete_range_cf(self.db.family(of), from, to);
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
