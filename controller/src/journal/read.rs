//! Reads: values checked against their heads, large payloads fetched from where they lie.

use adjutant_machine::{
    chain::{Digest, Link},
    id::InstanceId,
    journal::{JournalError, Row, Scan, Stored, Table, page},
};

use super::{
    database::{Range, View},
    error::damage,
    keys::{self, Family},
    mark::Tip,
    value::{Flaw, Head, split},
};

impl View<'_> {
    /// Reads a state with its head.
    pub(super) fn state(&self, instance: &InstanceId) -> Result<Option<(Head, Stored)>, JournalError> {
        let Some(value) = self.get(Family::State, &keys::state(instance))? else { return Ok(None) };
        let flawed = |flaw: Flaw| damage(format!("the state of \"{instance}\""), flaw.text());
        let (head, inline) = split(&value).map_err(flawed)?;
        let content = if head.spilled {
            self.content(&keys::state_content(instance))?.ok_or_else(|| flawed(Flaw::Missing))?
        } else {
            inline.to_vec()
        };
        if !head.fits(&content, &Digest::state(instance, head.number, &content)) {
            return Err(flawed(Flaw::Checksum));
        }
        Ok(Some((head, Stored { seq: head.number, state: content })))
    }

    /// Returns the number of the last entry: by the state, and where that cannot be read, by the entries' keys.
    pub(super) fn last(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        match self.state(instance) {
            Err(JournalError::Corrupt { .. }) => self.last_key(instance),
            found => Ok(found?.map_or(0, |(head, _)| head.number)),
        }
    }

    fn last_key(&self, instance: &InstanceId) -> Result<u64, JournalError> {
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

    /// Reads entries.
    pub(super) fn entries(
        &self,
        instance: &InstanceId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, JournalError> {
        let mut found = Vec::new();
        let range = Range {
            family: Family::Log,
            lower: keys::entry(instance, from),
            upper: keys::entry(instance, u64::MAX),
            limit: page(limit),
            backwards: false,
        };
        self.walk(&range, &mut |key, value| {
            let seq = keys::number(key).unwrap_or_default();
            found.push((seq, self.entry_content((instance, seq), value)?));
            Ok(())
        })?;
        Ok(found)
    }

    /// Returns an entry's content from its stored value.
    pub(super) fn entry_content(
        &self,
        (instance, seq): (&InstanceId, u64),
        value: &[u8],
    ) -> Result<Vec<u8>, JournalError> {
        let flawed = |flaw: Flaw| damage(format!("entry {seq} of \"{instance}\""), flaw.text());
        let (head, inline) = split(value).map_err(flawed)?;
        let content = if head.spilled {
            let digest = Digest(inline.try_into().map_err(|_| flawed(Flaw::Short))?);
            self.content(&keys::entry_content(&digest))?.ok_or_else(|| flawed(Flaw::Missing))?
        } else {
            inline.to_vec()
        };
        if head.number != seq || !head.fits(&content, &Digest::entry(instance, seq, &content)) {
            return Err(flawed(Flaw::Checksum));
        }
        Ok(content)
    }

    /// Lists instances.
    pub(super) fn instances(
        &self,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceId>, JournalError> {
        let range = Range {
            family: Family::State,
            lower: after.map_or_else(|| keys::STATES.to_vec(), |id| successor(&keys::state(id))),
            upper: keys::after_prefix(keys::STATES),
            limit: page(limit),
            backwards: false,
        };
        let mut found = Vec::new();
        self.walk(&range, &mut |key, _| {
            let id = keys::instance(key).ok_or_else(|| damage(format!("{key:02x?}"), Flaw::Key.text()))?;
            found.push(id);
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads a row with its head.
    pub(super) fn row(&self, table: Table, key: &[u8]) -> Result<Option<Row>, JournalError> {
        let value = self.get(keys::table(table).0, &keys::row(table, key))?;
        value.map(|value| Ok(row(table, key, &value)?.1)).transpose()
    }

    /// Returns a row's version without its value; 0 where there is none.
    pub(super) fn version(&self, table: Table, key: &[u8]) -> Result<u64, JournalError> {
        let Some(value) = self.get(keys::table(table).0, &keys::row(table, key))? else { return Ok(0) };
        let (head, _) = split(&value).map_err(|flaw| damage(place(table, key), flaw.text()))?;
        Ok(head.batch)
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
            found.push(row(table, key, value).map_or_else(|error| flawed(key, &error), |(_, row)| row));
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads a payload that a caller named.
    pub(super) fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.content(&keys::blob(digest))
    }

    /// Returns the last entry that retention let go; 0 where none.
    pub(super) fn trimmed(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        let Some(value) = self.get(Family::Meta, &keys::trimmed(instance))? else { return Ok(0) };
        let split = split(&value);
        let (head, _) = split.map_err(|flaw| damage(format!("the trim of \"{instance}\""), flaw.text()))?;
        Ok(head.number)
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
            let link = Link::open(value).filter(|(link, _)| link.batch == number);
            let flawed = || damage(format!("link {number}"), "it cannot be read");
            tip = link.map(|(link, hash)| Tip { batch: link.batch, hash }).ok_or_else(flawed)?;
            Ok(())
        })?;
        Ok(tip)
    }

    fn content(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        let Some(value) = self.get(Family::Blobs, key)? else { return Ok(None) };
        let flawed =
            |flaw: Flaw| damage(format!("payload \"{}\"", String::from_utf8_lossy(&key[2..])), flaw.text());
        let (head, content) = split(&value).map_err(flawed)?;
        if !head.fits(content, &Digest::of(content)) {
            return Err(flawed(Flaw::Checksum));
        }
        Ok(Some(content.to_vec()))
    }
}

/// Returns a row from its stored value, with its head.
pub(super) fn row(table: Table, key: &[u8], value: &[u8]) -> Result<(Head, Row), JournalError> {
    let flawed = |flaw: Flaw| damage(place(table, key), flaw.text());
    let (head, content) = split(value).map_err(flawed)?;
    if !head.fits(content, &Digest::row(table, key, Some(content))) {
        return Err(flawed(Flaw::Checksum));
    }
    Ok((head, Row { key: key.to_vec(), version: head.batch, value: content.to_vec(), flaw: None }))
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
