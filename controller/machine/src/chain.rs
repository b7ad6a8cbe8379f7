//! The hash chain over batches: a link tells what a batch wrote, and its hash covers the link before it.
//!
//! A link holds the digests of the batch's parts, not the parts: entries, snapshots and rows can be checked against it for as
//! long as they are stored, and the chain stays whole when retention drops them. An entry's digest covers its skeleton and a
//! salted digest of its payload, so the payload can be forgotten too. Rows that follow from states (outbox, timers, lists) are
//! not in it: they are made again and compared. The encoding is on disk: a new form gets a new version byte and the old reader
//! stays. Form 1 was never released and has no reader.

use std::collections::BTreeSet;

use crate::{
    id::{EntryId, InstanceId},
    journal::{Append, Batch, ChainReport, Content, Removal, RowWrite, Table, Trim},
};

/// The version byte of links that let no instance go.
const FORM: u8 = 2;
/// The version byte of those that do: the instances follow at the end.
const FORM_OF_REMOVALS: u8 = 3;

/// What is mixed into the digests of an instance's payloads; forgetting destroys it.
pub type Salt = [u8; 16];

/// A blake3 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Digest(pub [u8; 32]);

/// What one batch wrote, by digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The batch's number.
    pub batch: u64,
    /// The entries and snapshots that it appended, by instance.
    pub sections: Vec<Section>,
    /// The chained rows that it put or deleted, in the batch's order.
    pub rows: Vec<Digest>,
    /// The payloads that it brought.
    pub blobs: Vec<(String, Digest)>,
    /// The entries that it let go.
    pub trims: Vec<Trim>,
    /// The instances that it let go whole.
    pub removals: Vec<Removal>,
}

/// What a batch appended to one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The instance whose log the entries are in.
    pub instance: InstanceId,
    /// The sequence number before the first of them.
    pub after: u64,
    /// The entries, from `after + 1` on.
    pub entries: Vec<Digest>,
    /// The snapshot after them, where there was one.
    pub snapshot: Option<Digest>,
}

/// A link as stored, with the hash that the next one builds on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The link and its hash.
    pub bytes: Vec<u8>,
    /// The hash of the link over the one before it.
    pub hash: Digest,
}

/// A stored link that was read again, with the hash that was stored with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The link as it was written.
    pub link: Link,
    /// The hash that the bytes end with; whoever walks the chain compares it with the one that follows from the link.
    pub hash: Digest,
}

impl Digest {
    /// Returns the digest of plain content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }

    /// Returns the digest of a payload under a salt: all that the chain needs of it.
    #[must_use]
    pub fn sealed(salt: &Salt, payload: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(salt).update(payload);
        Self(*hasher.finalize().as_bytes())
    }

    /// Returns the digest of an entry in its place: of its skeleton and its sealed payload.
    #[must_use]
    pub fn entry(id: EntryId<'_>, skeleton: &[u8], sealed: &Self) -> Self {
        Self::placed(b'e', id, [skeleton, &sealed.0])
    }

    /// Returns the digest of a snapshot in its place: the state after this entry.
    #[must_use]
    pub fn snapshot(after: EntryId<'_>, sealed: &Self) -> Self {
        Self::placed(b's', after, [&[], &sealed.0])
    }

    /// Returns the digest of a row in its place; `None` is its deletion.
    #[must_use]
    pub fn row(table: Table, key: &[u8], value: Option<&[u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[b'r', table_tag(table), u8::from(value.is_some())]);
        hasher.update(&(key.len() as u64).to_be_bytes()).update(key).update(value.unwrap_or_default());
        Self(*hasher.finalize().as_bytes())
    }

    /// Returns it as 64 hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    fn placed(kind: u8, id: EntryId<'_>, [clear, sealed]: [&[u8]; 2]) -> Self {
        let EntryId { instance, seq } = id;
        let word = instance.kind.word();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[kind, word.len() as u8]).update(word.as_bytes());
        hasher.update(&(instance.name.len() as u64).to_be_bytes()).update(instance.name.as_bytes());
        hasher.update(&seq.to_be_bytes()).update(&(clear.len() as u64).to_be_bytes());
        hasher.update(clear).update(sealed);
        Self(*hasher.finalize().as_bytes())
    }
}

/// The table's number in digests and keys; on disk, so only added to.
#[must_use]
pub fn table_tag(table: Table) -> u8 {
    match table {
        Table::Outbox => 1,
        Table::Timer => 2,
        Table::Index => 3,
        Table::Record => 4,
        Table::Ledger => 5,
        Table::Dedupe => 6,
        Table::Admission => 7,
        Table::Host => 8,
    }
}

/// Returns whether a table's rows are in the chain; the others follow from states, and are made again to be compared.
#[must_use]
pub fn is_chained(table: Table) -> bool {
    match table {
        Table::Record | Table::Ledger | Table::Dedupe | Table::Admission | Table::Host => true,
        Table::Outbox | Table::Timer | Table::Index => false,
    }
}

impl Link {
    /// Returns whether the batch wrote this entry.
    #[must_use]
    pub fn covers(&self, instance: &InstanceId, seq: u64) -> bool {
        self.sections.iter().any(|section| section.instance == *instance && section.entry(seq).is_some())
    }

    /// Returns the digest of the snapshot that the batch left of an instance after an entry.
    #[must_use]
    pub fn snapshot(&self, instance: &InstanceId, seq: u64) -> Option<Digest> {
        let own = self.sections.iter().filter(|section| section.instance == *instance);
        own.filter(|section| section.last() == seq).find_map(|section| section.snapshot)
    }

    /// Returns whether the batch let the entries of an instance go up to this one.
    #[must_use]
    pub fn lets_go(&self, instance: &InstanceId, through: u64) -> bool {
        let trims = self.trims.iter().map(|trim| (&trim.instance, trim.through));
        let removals = self.removals.iter().map(|removal| (&removal.instance, removal.last));
        trims.chain(removals).any(|found| found == (instance, through))
    }

    /// Returns how many entries the batch wrote.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.sections.iter().map(|section| section.entries.len() as u64).sum()
    }

    /// Encodes it and closes it over the hash of the link before.
    #[must_use]
    pub fn seal(&self, previous: &Digest) -> Sealed {
        let mut bytes = self.encode();
        let hash = hash(previous, &bytes);
        bytes.extend_from_slice(&hash.0);
        Sealed { bytes, hash }
    }

    /// Decodes a stored link with its hash; `None` where the bytes are no link.
    #[must_use]
    pub fn open(bytes: &[u8]) -> Option<Opened> {
        let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        let link = Reader(body).link()?;
        Some(Opened { link, hash: Digest(hash.try_into().ok()?) })
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96 + 64 * self.sections.len() + 32 * self.rows.len());
        out.push(if self.removals.is_empty() { FORM } else { FORM_OF_REMOVALS });
        out.extend_from_slice(&self.batch.to_be_bytes());
        put_count(&mut out, self.sections.len());
        self.sections.iter().for_each(|section| section.encode(&mut out));
        put_digests(&mut out, &self.rows);
        put_count(&mut out, self.blobs.len());
        for (key, digest) in &self.blobs {
            put_text(&mut out, key);
            out.extend_from_slice(&digest.0);
        }
        put_count(&mut out, self.trims.len());
        for trim in &self.trims {
            put_text(&mut out, &trim.instance.to_string());
            out.extend_from_slice(&trim.through.to_be_bytes());
        }
        if !self.removals.is_empty() {
            put_count(&mut out, self.removals.len());
            for removal in &self.removals {
                put_text(&mut out, &removal.instance.to_string());
                out.extend_from_slice(&removal.last.to_be_bytes());
            }
        }
        out
    }
}

impl Section {
    /// Returns the digest of an entry, where the section holds it.
    #[must_use]
    pub fn entry(&self, seq: u64) -> Option<&Digest> {
        let index = usize::try_from(seq.checked_sub(self.after + 1)?).ok()?;
        self.entries.get(index)
    }

    /// Returns the sequence number of the last entry.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.after + self.entries.len() as u64
    }

    /// Returns what an append writes, by digest, under its instance's salt.
    #[must_use]
    pub fn of(append: &Append, salt: &Salt) -> Self {
        let instance = &append.instance;
        let entry = |(seq, content): (u64, &Content)| {
            let sealed = Digest::sealed(salt, &content.payload);
            Digest::entry(EntryId { instance, seq }, &content.skeleton, &sealed)
        };
        let last = append.expected + append.entries.len() as u64;
        // A state after no entry says nothing that an absent one does not.
        let snapshot = append.snapshot.as_ref().filter(|_| last > 0);
        let after = EntryId { instance, seq: last };
        Self {
            instance: instance.clone(),
            after: append.expected,
            entries: (append.expected + 1..).zip(&append.entries).map(entry).collect(),
            snapshot: snapshot.map(|state| Digest::snapshot(after, &Digest::sealed(salt, state))),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.instance.to_string());
        out.extend_from_slice(&self.after.to_be_bytes());
        put_digests(out, &self.entries);
        put_digests(out, self.snapshot.as_slice());
    }
}

/// The digests of a batch's parts: made once, for the link and for what is stored, by whoever brings the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The entries and snapshots that it appends, by instance.
    pub sections: Vec<Section>,
    /// Its rows, chained or not, in the batch's order.
    pub rows: Vec<Digest>,
}

impl Parts {
    /// Returns the digests of a batch's parts under the salts of its instances.
    #[must_use]
    pub fn of(batch: &Batch, mut salt: impl FnMut(&InstanceId) -> Salt) -> Self {
        let sections = batch.appends.iter().map(|append| Section::of(append, &salt(&append.instance)));
        Self { sections: sections.collect(), rows: batch.writes.iter().map(row_digest).collect() }
    }

    /// Returns the link of the batch that these are the parts of, which brings these payloads (the others were there).
    #[must_use]
    pub fn link(&self, number: u64, batch: &Batch, fresh: &BTreeSet<String>) -> Link {
        let rows = batch.writes.iter().zip(&self.rows);
        let chained = rows.filter(|(write, _)| is_chained(write.table));
        Link {
            batch: number,
            sections: self.sections.clone(),
            rows: chained.map(|(_, digest)| *digest).collect(),
            blobs: fresh_blobs(batch, fresh),
            trims: batch.trims.clone(),
            removals: batch.removals.clone(),
        }
    }
}

/// A walk along the chain from the first link.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    head: Digest,
    batches: u64,
    entries: u64,
    broken_at: Option<u64>,
}

impl Walk {
    /// Takes the next stored link and returns it where it can be read.
    pub fn next(&mut self, number: u64, bytes: &[u8]) -> Option<Link> {
        let expected = self.batches + 1;
        self.batches = number;
        if number != expected {
            self.broken(expected);
        }
        let Some(Opened { link, hash: stored }) = Link::open(bytes) else {
            self.broken(number);
            return None;
        };
        let found = hash(&self.head, &bytes[..bytes.len() - 32]);
        if found != stored || link.batch != number {
            self.broken(number);
        }
        self.head = stored;
        self.entries += link.entries();
        Some(link)
    }

    /// Notes a batch whose content does not agree with its link.
    pub fn broken(&mut self, batch: u64) {
        self.broken_at = Some(self.broken_at.map_or(batch, |first| first.min(batch)));
    }

    /// Returns the hash of the last link.
    #[must_use]
    pub fn head(&self) -> Digest {
        self.head
    }

    /// Returns what was found.
    #[must_use]
    pub fn report(self) -> ChainReport {
        let Self { head, batches, entries, broken_at } = self;
        ChainReport { batches, entries, head: head.hex(), broken_at }
    }
}

fn hash(previous: &Digest, body: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&previous.0).update(body);
    Digest(*hasher.finalize().as_bytes())
}

fn row_digest(write: &RowWrite) -> Digest {
    Digest::row(write.table, &write.key, write.value.as_deref())
}

fn fresh_blobs(batch: &Batch, fresh: &BTreeSet<String>) -> Vec<(String, Digest)> {
    let mut seen = BTreeSet::new();
    let news = batch.blobs.iter().filter(|(key, _)| fresh.contains(key) && seen.insert(key));
    news.map(|(key, bytes)| (key.clone(), Digest::of(bytes))).collect()
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_digests(out: &mut Vec<u8>, digests: &[Digest]) {
    put_count(out, digests.len());
    digests.iter().for_each(|digest| out.extend_from_slice(&digest.0));
}

/// Reads a link; every method answers `None` at the first byte that does not fit.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn link(mut self) -> Option<Link> {
        let form = *self.take(1)?.first()?;
        if ![FORM, FORM_OF_REMOVALS].contains(&form) {
            return None;
        }
        let mut link = Link {
            batch: self.number()?,
            sections: self.many(Self::section)?,
            rows: self.many(Self::digest)?,
            blobs: self.many(|reader| Some((reader.text()?.to_owned(), reader.digest()?)))?,
            trims: self
                .many(|reader| Some(Trim { instance: reader.instance()?, through: reader.number()? }))?,
            removals: Vec::new(),
        };
        if form == FORM_OF_REMOVALS {
            let removal =
                |reader: &mut Self| Some(Removal { instance: reader.instance()?, last: reader.number()? });
            link.removals = self.many(removal)?;
            if link.removals.is_empty() {
                return None;
            }
        }
        self.0.is_empty().then_some(link)
    }

    fn section(&mut self) -> Option<Section> {
        let (instance, after, entries) = (self.instance()?, self.number()?, self.many(Self::digest)?);
        let mut snapshot = self.many(Self::digest)?;
        let section = Section { instance, after, entries, snapshot: snapshot.pop() };
        snapshot.is_empty().then_some(section)
    }

    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.count()?).map(|_| one(self)).collect()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn instance(&mut self) -> Option<InstanceId> {
        self.text()?.parse().ok()
    }

    fn digest(&mut self) -> Option<Digest> {
        Some(Digest(self.take(32)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests;
