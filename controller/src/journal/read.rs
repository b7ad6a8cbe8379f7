//! Reads: values checked against their heads, large payloads fetched from where they lie.

use adjutant_machine::{
    chain::{Digest, Link, Salt},
    count::Count,
    id::{EntryId, InstanceId},
    journal::{Content, GroupCount, JournalError, PAGE, Row, Scan, Snapshot, Stored, Table, page},
};

use super::{
    database::{Range, View},
    dense,
    error::damage,
    head::{LogHead, read_count, read_salt},
    keys::{self, Family},
    mark::Tip,
    texts::{self, Parted, Places},
    value::{Flaw, SplitValue, ValueHead, split},
};

/// An entry, a snapshot or a row that was read, with the head of its stored value.
pub(super) struct Read<T> {
    /// Which batch wrote it, and where it stands among the rows of that batch.
    pub(super) head: ValueHead,
    /// What the value says, unpacked and checked.
    pub(super) content: T,
}

impl View<'_> {
    /// Reads an instance: its last snapshot and what lies behind it. A damaged snapshot is passed over.
    pub(super) fn load(&self, instance: &InstanceId) -> Result<Option<Stored>, JournalError> {
        let Some(head) = self.head(instance)? else {
            let flawed = || damage(format!("the head of \"{instance}\""), Flaw::Missing.text());
            return if self.has_entries(instance)? { Err(flawed()) } else { Ok(None) };
        };
        let (snapshot, flaw) = match self.snapshot(instance, &head) {
            Ok(snapshot) => (snapshot.map(|read| read.content), None),
            Err(JournalError::Corrupt { problem, .. }) => (None, Some(problem)),
            Err(error) => return Err(error),
        };
        let mut from = snapshot.as_ref().map_or(0, |snapshot| snapshot.seq) + 1;
        let mut tail = Vec::new();
        while from <= head.seq {
            let page = self.entries(instance, from, PAGE)?;
            let Some((last, _)) = page.last() else { break };
            from = last + 1;
            tail.extend(page);
        }
        Ok(Some(Stored { seq: head.seq, snapshot, tail, bytes: head.tail, flaw }))
    }

    /// Reads the head of an instance.
    pub(super) fn head(&self, instance: &InstanceId) -> Result<Option<LogHead>, JournalError> {
        let Some(value) = self.get(Family::State, &keys::head(instance))? else { return Ok(None) };
        let flawed = |flaw: Flaw| damage(format!("the head of \"{instance}\""), flaw.text());
        LogHead::read(instance, &value).map(Some).map_err(flawed)
    }

    /// Reads the salt of an instance's payloads.
    pub(super) fn salt(&self, instance: &InstanceId) -> Result<Option<Salt>, JournalError> {
        let Some(value) = self.get(Family::State, &keys::salt(instance))? else { return Ok(None) };
        let flawed = |flaw: Flaw| damage(format!("the salt of \"{instance}\""), flaw.text());
        read_salt(instance, &value).map(Some).map_err(flawed)
    }

    /// Reads the salt of an instance that has entries.
    fn salt_of(&self, instance: &InstanceId) -> Result<Salt, JournalError> {
        self.salt(instance)?
            .ok_or_else(|| damage(format!("the salt of \"{instance}\""), Flaw::Missing.text()))
    }

    /// Reads the last snapshot of an instance.
    pub(super) fn snapshot(
        &self,
        instance: &InstanceId,
        head: &LogHead,
    ) -> Result<Option<Read<Snapshot>>, JournalError> {
        if head.snapshot == 0 {
            return Ok(None);
        }
        let flawed = |flaw: Flaw| damage(format!("the snapshot of \"{instance}\""), flaw.text());
        let value =
            self.get(Family::State, &keys::snapshot(instance))?.ok_or_else(|| flawed(Flaw::Missing))?;
        let SplitValue { head: value, content } = split(&value).map_err(flawed)?;
        let Parted { texts, rest } = texts::part(content, value.parted).map_err(flawed)?;
        let state = if value.spilled {
            self.content(&keys::snapshot_content(instance))?.ok_or_else(|| flawed(Flaw::Missing))?
        } else {
            rest.to_vec()
        };
        let lying = Lying { is_packed: value.packed, texts, stored: state };
        let state = self.whole(instance, lying, flawed)?;
        let sealed = Digest::sealed(&self.salt_of(instance)?, &state);
        if !value.fits(&Digest::snapshot(EntryId { instance, seq: head.snapshot }, &sealed)) {
            return Err(flawed(Flaw::Checksum));
        }
        Ok(Some(Read { head: value, content: Snapshot { seq: head.snapshot, state } }))
    }

    /// Returns the number of the last entry: by the head, and where that is lost, by the entries' keys.
    pub(super) fn last(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        match self.head(instance) {
            Ok(Some(head)) => Ok(head.seq),
            // One that was let go has nothing but the mark of where it ended.
            Ok(None) if !self.has_entries(instance)? => self.trimmed(instance),
            Ok(None) | Err(JournalError::Corrupt { .. }) => self.last_key(instance),
            Err(error) => Err(error),
        }
    }

    /// Returns whether anything was ever written of an instance: its first entry is there, or the salt of entries that went since.
    /// Both are asked for by their keys: a walk costs ten times as much, and each new run is asked about.
    pub(super) fn has_entries(&self, instance: &InstanceId) -> Result<bool, JournalError> {
        Ok(self.has_first(instance)? || self.get(Family::State, &keys::salt(instance))?.is_some())
    }

    /// Returns whether the first entry of an instance is there.
    pub(super) fn has_first(&self, instance: &InstanceId) -> Result<bool, JournalError> {
        Ok(self.get(Family::Log, &keys::entry(instance, 1))?.is_some())
    }

    /// Returns the number of the last entry by the entries' keys.
    pub(super) fn last_key(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        let range = Range {
            family: Family::Log,
            lower: keys::entry(instance, 0),
            upper: keys::entry(instance, u64::MAX),
            limit: 1,
            backwards: true,
        };
        let mut last = 0;
        self.walk(&range, &mut |key, _| {
            last = keys::number(key).unwrap_or_default();
            Ok(())
        })?;
        Ok(last.max(self.trimmed(instance)?))
    }

    /// Reads entries from a number on, at most a page of them.
    pub(super) fn entries(
        &self,
        instance: &InstanceId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Content)>, JournalError> {
        let mut found = Vec::new();
        let salt = match self.salt(instance)? {
            Some(salt) => salt,
            None if !self.has_entries(instance)? => return Ok(found),
            None => self.salt_of(instance)?,
        };
        let range = Range {
            family: Family::Log,
            lower: keys::entry(instance, from),
            upper: keys::entry(instance, u64::MAX),
            limit: page(limit),
            backwards: false,
        };
        self.walk(&range, &mut |key, value| {
            let seq = keys::number(key).unwrap_or_default();
            found.push((seq, self.entry(EntryId { instance, seq }, &salt, value)?.content));
            Ok(())
        })?;
        Ok(found)
    }

    /// Returns an entry from its stored value.
    pub(super) fn entry(
        &self,
        id: EntryId<'_>,
        salt: &Salt,
        value: &[u8],
    ) -> Result<Read<Content>, JournalError> {
        let EntryId { instance, seq } = id;
        let flawed = |flaw: Flaw| damage(format!("entry {seq} of \"{instance}\""), flaw.text());
        let SplitValue { head, content } = split(value).map_err(flawed)?;
        let (length, rest) = content.split_first_chunk::<4>().ok_or_else(|| flawed(Flaw::Short))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| flawed(Flaw::Short))?;
        let (skeleton, rest) = rest.split_at_checked(length).ok_or_else(|| flawed(Flaw::Short))?;
        let Parted { texts, rest } = texts::part(rest, head.parted).map_err(flawed)?;
        let payload = if head.spilled {
            let digest = Digest(rest.try_into().map_err(|_| flawed(Flaw::Short))?);
            self.content(&keys::part(&instance.root(), &digest))?.ok_or_else(|| flawed(Flaw::Missing))?
        } else {
            rest.to_vec()
        };
        let lying = Lying { is_packed: head.packed, texts, stored: payload };
        let payload = self.whole(instance, lying, flawed)?;
        if !head.fits(&Digest::entry(id, skeleton, &Digest::sealed(salt, &payload))) {
            return Err(flawed(Flaw::Checksum));
        }
        Ok(Read { head, content: Content { skeleton: skeleton.to_vec(), payload } })
    }

    /// Returns a payload from its stored form: unpacked, with its long texts in their places.
    fn whole(
        &self,
        instance: &InstanceId,
        lying: Lying<'_>,
        flawed: impl Fn(Flaw) -> JournalError,
    ) -> Result<Vec<u8>, JournalError> {
        let Lying { is_packed, texts, stored } = lying;
        let rest = if is_packed { dense::unpack(&stored).map_err(&flawed)? } else { stored };
        let Some(texts) = texts else { return Ok(rest) };
        let root = instance.root();
        let read =
            |digest: &Digest| self.content(&keys::part(&root, digest))?.ok_or_else(|| flawed(Flaw::Missing));
        texts.join(&rest, read, &flawed)
    }

    /// Lists the instances after one, in the order of their ids.
    pub(super) fn instances(
        &self,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceId>, JournalError> {
        let range = Range {
            family: Family::State,
            lower: after.map_or_else(|| keys::HEADS.to_vec(), |id| successor(&keys::head(id))),
            upper: keys::after_prefix(keys::HEADS),
            limit: page(limit),
            backwards: false,
        };
        self.instances_in(range)
    }

    fn instances_in(&self, range: Range) -> Result<Vec<InstanceId>, JournalError> {
        let mut found = Vec::new();
        self.walk(&range, &mut |key, _| {
            let id = keys::instance(key).ok_or_else(|| damage(format!("{key:02x?}"), Flaw::Key.text()))?;
            found.push(id);
            Ok(())
        })?;
        Ok(found)
    }

    /// Lists the branches of a run, in the order of their ids, at most a page of them.
    pub(super) fn branches(&self, run: &InstanceId) -> Result<Vec<InstanceId>, JournalError> {
        let lower = keys::heads_of_branches(run);
        let upper = keys::after_prefix(&lower);
        self.instances_in(Range { family: Family::State, lower, upper, limit: page(0), backwards: false })
    }

    /// Reads a row with its head.
    pub(super) fn row(&self, table: Table, key: &[u8]) -> Result<Option<Row>, JournalError> {
        let value = self.get(keys::table(table).0, &keys::row(table, key))?;
        value.map(|value| Ok(row(table, key, &value)?.content)).transpose()
    }

    /// Returns a row's version without its value; 0 where there is none.
    pub(super) fn version(&self, table: Table, key: &[u8]) -> Result<u64, JournalError> {
        let Some(value) = self.get(keys::table(table).0, &keys::row(table, key))? else { return Ok(0) };
        let value = split(&value).map_err(|flaw| damage(place(table, key), flaw.text()))?;
        Ok(value.head.batch)
    }

    /// Reads a page of rows.
    pub(super) fn scan(&self, table: Table, scan: &Scan) -> Result<Vec<Row>, JournalError> {
        let (family, tag) = keys::table(table);
        let prefix = keys::row(table, &scan.prefix);
        let after = scan.after.as_ref().map(|key| successor(&keys::row(table, key)));
        let before = scan.before.as_ref().map(|key| keys::row(table, key));
        let end = keys::after_prefix(&prefix);
        let range = Range {
            family,
            lower: after.map_or_else(|| prefix.clone(), |after| after.max(prefix.clone())),
            upper: before.map_or_else(|| end.clone(), |before| before.min(end.clone())),
            limit: page(scan.limit),
            backwards: scan.backwards,
        };
        let mut found = Vec::new();
        self.walk(&range, &mut |key, value| {
            let key = &key[tag.len()..];
            found.push(row(table, key, value).map_or_else(|error| flawed(key, &error), |read| read.content));
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads the counts of the groups whose names begin so.
    pub(super) fn counts(&self, prefix: &[u8]) -> Result<Vec<GroupCount>, JournalError> {
        let lower = keys::count(prefix);
        let upper = keys::after_prefix(&lower);
        let range = Range { family: Family::Index, lower, upper, limit: usize::MAX, backwards: false };
        let mut found = Vec::new();
        self.walk(&range, &mut |key, value| {
            let group = key.get(keys::COUNTS.len()..).unwrap_or_default();
            found.push(GroupCount { group: group.to_vec(), count: read_count(group, value).ok() });
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads the count of a group; nothing where it cannot be read.
    pub(super) fn count(&self, group: &[u8]) -> Result<Option<Count>, JournalError> {
        let Some(value) = self.get(Family::Index, &keys::count(group))? else {
            return Ok(Some(Count::default()));
        };
        Ok(read_count(group, &value).ok())
    }

    /// Reads a payload that a caller named.
    pub(super) fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.content(&keys::blob(digest))
    }

    /// Returns the last entry that retention let go; 0 where none.
    pub(super) fn trimmed(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        let Some(value) = self.get(Family::Meta, &keys::trimmed(instance))? else { return Ok(0) };
        let flawed = |flaw: Flaw| damage(format!("the trim of \"{instance}\""), flaw.text());
        let content = split(&value).map_err(flawed)?.content;
        content.try_into().map(u64::from_be_bytes).map_err(|_| flawed(Flaw::Short))
    }

    /// Reads a link's bytes.
    pub(super) fn link(&self, batch: u64) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.get(Family::Log, &keys::link(batch))?.map(|value| value.to_vec()))
    }

    /// Returns the end of the chain.
    pub(super) fn tip(&self) -> Result<Tip, JournalError> {
        let range = Range {
            family: Family::Log,
            lower: keys::LINKS.to_vec(),
            upper: keys::after_prefix(keys::LINKS),
            limit: 1,
            backwards: true,
        };
        let mut tip = Tip::default();
        self.walk(&range, &mut |key, value| {
            let number = keys::number(key).unwrap_or_default();
            let link = Link::open(value).filter(|opened| opened.link.batch == number);
            let flawed = || damage(format!("link {number}"), "it cannot be read");
            tip =
                link.map(|opened| Tip { batch: opened.link.batch, hash: opened.hash }).ok_or_else(flawed)?;
            Ok(())
        })?;
        Ok(tip)
    }

    fn content(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        let Some(value) = self.get(Family::Blobs, key)? else { return Ok(None) };
        let flawed =
            |flaw: Flaw| damage(format!("payload \"{}\"", String::from_utf8_lossy(&key[2..])), flaw.text());
        let SplitValue { head, content } = split(&value).map_err(flawed)?;
        let content = if head.packed { dense::unpack(content).map_err(flawed)? } else { content.to_vec() };
        if !head.fits(&Digest::of(&content)) {
            return Err(flawed(Flaw::Checksum));
        }
        Ok(Some(content))
    }
}

/// A payload as it lies in the store.
struct Lying<'a> {
    /// Whether it is packed.
    is_packed: bool,
    /// Where its long texts stand, where it has any.
    texts: Option<Places<'a>>,
    /// What is stored of it in one piece.
    stored: Vec<u8>,
}

/// Returns a row from its stored value, with its head.
pub(super) fn row(table: Table, key: &[u8], value: &[u8]) -> Result<Read<Row>, JournalError> {
    let flawed = |flaw: Flaw| damage(place(table, key), flaw.text());
    let SplitValue { head, content } = split(value).map_err(flawed)?;
    if !head.fits(&Digest::row(table, key, Some(content))) {
        return Err(flawed(Flaw::Checksum));
    }
    let row = Row { key: key.to_vec(), version: head.batch, value: content.to_vec(), flaw: None };
    Ok(Read { head, content: row })
}

/// A row whose value cannot be trusted: its key is what is left of it.
fn flawed(key: &[u8], error: &JournalError) -> Row {
    Row { key: key.to_vec(), version: 0, value: Vec::new(), flaw: Some(error.to_string()) }
}

fn place(table: Table, key: &[u8]) -> String {
    format!("row \"{}\" of table {table:?}", String::from_utf8_lossy(key))
}

/// The first key after this one.
fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
