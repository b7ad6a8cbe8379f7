//! Where things lie: families, and keys of a two-byte kind tag, an id and big-endian numbers, so that byte order is the
//! order of meaning.
//!
//! A tag is never given to another kind: a retired one stays in this list as reserved. No key holds a float, a
//! variable-length number or a little-endian one.

use adjutant_machine::{
    chain::Digest,
    id::{BELOW, InstanceId, InstanceKind},
    journal::Table,
};

/// A column family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// Format, marks of retention, the host's own rows.
    Meta,
    /// Entries and the chain's links.
    Log,
    /// Heads and snapshots of instances, records, money.
    State,
    /// What waits: outbox, timers, admission.
    Queue,
    /// Lists and seen keys.
    Index,
    /// Payloads that are too large to lie with their entry or state, by digest.
    Blobs,
}

/// The key of the format version, in [`Family::Meta`].
pub(super) const FORMAT: &[u8] = b"mf";
/// What links begin with.
pub(super) const LINKS: &[u8] = b"lb";
/// What entries begin with.
pub(super) const ENTRIES: &[u8] = b"le";
/// What the heads of instances begin with.
pub(super) const HEADS: &[u8] = b"sh";
/// What snapshots begin with.
pub(super) const SNAPSHOTS: &[u8] = b"ss";

/// Ends an instance's name; a NUL inside it is written `00 FF`, so no name is a prefix of another.
const END: [u8; 2] = [0, 0];

impl Family {
    /// Every family, in the order of their numbers.
    pub(super) const ALL: [Self; 6] =
        [Self::Meta, Self::Log, Self::State, Self::Queue, Self::Index, Self::Blobs];

    /// Returns its name on disk.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Log => "log",
            Self::State => "state",
            Self::Queue => "queue",
            Self::Index => "index",
            Self::Blobs => "blobs",
        }
    }
}

/// Returns where a table's rows lie and what their keys begin with.
pub(super) fn table(table: Table) -> (Family, &'static [u8; 2]) {
    match table {
        Table::Outbox => (Family::Queue, b"qo"),
        Table::Timer => (Family::Queue, b"qt"),
        Table::Admission => (Family::Queue, b"qa"),
        Table::Index => (Family::Index, b"ix"),
        Table::Dedupe => (Family::Index, b"id"),
        Table::Record => (Family::State, b"sr"),
        Table::Ledger => (Family::State, b"sl"),
        Table::Host => (Family::Meta, b"mh"),
    }
}

/// Returns a row's key, in its table's family.
pub(super) fn row(of: Table, key: &[u8]) -> Vec<u8> {
    [&table(of).1[..], key].concat()
}

/// Returns what the entries of an instance begin with, in [`Family::Log`].
pub(super) fn entries(instance: &InstanceId) -> Vec<u8> {
    tagged(ENTRIES, instance)
}

/// Returns an entry's key, in [`Family::Log`].
pub(super) fn entry(instance: &InstanceId, seq: u64) -> Vec<u8> {
    let mut key = entries(instance);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// Returns a link's key, in [`Family::Log`].
pub(super) fn link(batch: u64) -> Vec<u8> {
    [LINKS, &batch.to_be_bytes()].concat()
}

/// Returns the key of an instance's head, in [`Family::State`].
pub(super) fn head(instance: &InstanceId) -> Vec<u8> {
    tagged(HEADS, instance)
}

/// Returns what the heads of a run's branches begin with, in [`Family::State`].
pub(super) fn heads_of_branches(run: &InstanceId) -> Vec<u8> {
    let first = InstanceId { kind: InstanceKind::Branch, name: format!("{}{BELOW}", run.name) };
    let mut key = head(&first);
    key.truncate(key.len() - END.len());
    key
}

/// Returns the key of the salt of an instance's payloads, in [`Family::State`].
pub(super) fn salt(instance: &InstanceId) -> Vec<u8> {
    tagged(b"sa", instance)
}

/// Returns the key of an instance's snapshot, in [`Family::State`].
pub(super) fn snapshot(instance: &InstanceId) -> Vec<u8> {
    tagged(SNAPSHOTS, instance)
}

/// What the marks of retention begin with.
pub(super) const TRIMMED: &[u8] = b"mt";

/// Returns the key of the last entry that retention let go, in [`Family::Meta`].
pub(super) fn trimmed(instance: &InstanceId) -> Vec<u8> {
    tagged(TRIMMED, instance)
}

/// What the counts of groups begin with, in [`Family::Index`].
pub(super) const COUNTS: &[u8] = b"ic";

/// Returns the key of a group's count, in [`Family::Index`].
pub(super) fn count(group: &[u8]) -> Vec<u8> {
    [COUNTS, group].concat()
}

/// Returns the key of a payload that a caller named, in [`Family::Blobs`].
pub(super) fn blob(digest: &str) -> Vec<u8> {
    [b"bb", digest.as_bytes()].concat()
}

/// Returns the key of what is too large for an entry or a snapshot to hold, in [`Family::Blobs`]: by the run that it belongs to, so
/// that it is there once for the run and its branches, and goes with them. The tag `be` was a large entry's before, and stays reserved.
pub(super) fn part(root: &InstanceId, content: &Digest) -> Vec<u8> {
    let mut key = parts(root);
    key.extend_from_slice(&content.0);
    key
}

/// Returns what the keys of all that is too large for the entries and snapshots of a run and its branches begin with, in
/// [`Family::Blobs`].
pub(super) fn parts(root: &InstanceId) -> Vec<u8> {
    tagged(b"bp", root)
}

/// Returns the key of an instance's large snapshot, in [`Family::Blobs`]. By instance, not by digest: the next one replaces it
/// and leaves no garbage.
pub(super) fn snapshot_content(instance: &InstanceId) -> Vec<u8> {
    tagged(b"bs", instance)
}

/// Returns the first key after all that begin so.
pub(super) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    // Kind tags are ASCII, so only a bare prefix of 0xFF bytes comes here; nothing is stored there.
    vec![u8::MAX; prefix.len() + 1]
}

/// Returns the part of an entry's key that names its instance: what the prefix bloom hashes.
pub(super) fn entry_prefix(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(8)]
}

/// Returns whether a key is an entry's.
pub(super) fn is_entry(key: &[u8]) -> bool {
    key.starts_with(ENTRIES) && key.len() > ENTRIES.len() + 1 + END.len() + 8
}

/// Reads the number that ends a key.
pub(super) fn number(key: &[u8]) -> Option<u64> {
    let (_, number) = key.split_last_chunk::<8>()?;
    Some(u64::from_be_bytes(*number))
}

/// Reads the instance of a key without a number at its end.
pub(super) fn instance(key: &[u8]) -> Option<InstanceId> {
    let (kind, name) = key.get(2..)?.split_first()?;
    let name = name.strip_suffix(&END)?;
    Some(InstanceId { kind: kind_of(*kind)?, name: unescape(name)? })
}

fn tagged(tag: &[u8], instance: &InstanceId) -> Vec<u8> {
    let mut key = Vec::with_capacity(16 + instance.name.len());
    key.extend_from_slice(tag);
    key.push(kind_tag(instance.kind));
    for byte in instance.name.bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(u8::MAX);
        }
    }
    key.extend_from_slice(&END);
    key
}

/// In the order of [`InstanceKind`], so that the store lists instances as their ids are ordered.
fn kind_tag(kind: InstanceKind) -> u8 {
    match kind {
        InstanceKind::Run => 1,
        InstanceKind::Schedule => 2,
        InstanceKind::Breaker => 3,
        InstanceKind::Revision => 4,
        InstanceKind::Proposal => 5,
        InstanceKind::Delivery => 6,
        InstanceKind::Switch => 7,
        InstanceKind::Branch => 8,
        InstanceKind::Mailbox => 9,
    }
}

fn kind_of(tag: u8) -> Option<InstanceKind> {
    match tag {
        1 => Some(InstanceKind::Run),
        2 => Some(InstanceKind::Schedule),
        3 => Some(InstanceKind::Breaker),
        4 => Some(InstanceKind::Revision),
        5 => Some(InstanceKind::Proposal),
        6 => Some(InstanceKind::Delivery),
        7 => Some(InstanceKind::Switch),
        8 => Some(InstanceKind::Branch),
        9 => Some(InstanceKind::Mailbox),
        _ => None,
    }
}

fn unescape(name: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        out.push(*byte);
        if *byte == 0 && bytes.next() != Some(&u8::MAX) {
            return None;
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ids() -> impl Strategy<Value = InstanceId> {
        let kinds = prop::sample::select(vec![
            InstanceKind::Run,
            InstanceKind::Schedule,
            InstanceKind::Breaker,
            InstanceKind::Revision,
            InstanceKind::Proposal,
            InstanceKind::Delivery,
            InstanceKind::Switch,
            InstanceKind::Branch,
            InstanceKind::Mailbox,
        ]);
        (kinds, "[a\0/ü.-]{0,5}").prop_map(|(kind, name)| InstanceId { kind, name })
    }

    proptest! {
        #[test]
        fn an_instance_is_read_back_from_its_key(id in ids(), seq: u64) {
            prop_assert_eq!(instance(&head(&id)), Some(id.clone()));
            prop_assert_eq!(instance(entry_prefix(&entry(&id, seq))), Some(id.clone()));
            prop_assert_eq!(number(&entry(&id, seq)), Some(seq));
            prop_assert!(entry(&id, seq).starts_with(&entries(&id)));
            let key = entry(&id, seq);
            prop_assert!(is_entry(&key) || id.name.is_empty());
            prop_assert_eq!(entry_prefix(&key), entries(&id));
        }

        #[test]
        fn keys_are_ordered_as_their_ids(a in ids(), b in ids(), x: u64, y: u64) {
            prop_assert_eq!(head(&a).cmp(&head(&b)), a.cmp(&b));
            prop_assert_eq!(entry(&a, x).cmp(&entry(&b, y)), (&a, x).cmp(&(&b, y)));
            prop_assert_eq!(link(x).cmp(&link(y)), x.cmp(&y));
        }

        #[test]
        fn a_prefix_ends_before_the_next_key(prefix in prop::collection::vec(any::<u8>(), 1..4), rest: Vec<u8>) {
            let inside = [b"ix".to_vec(), prefix.clone(), rest].concat();
            prop_assert!(inside < after_prefix(&[b"ix".to_vec(), prefix].concat()));
        }
    }

    #[test]
    fn the_heads_of_branches_are_found_by_their_run() {
        let begins = heads_of_branches(&InstanceId::run("a"));
        for branch in ["a~dig.1.0", "a~dig.1.0~fan.1.2"] {
            assert!(head(&InstanceId::run(branch)).starts_with(&begins), "{branch}");
        }
        for other in ["a", "a-b", "a-b~dig.1.0", "ab~dig.1.0"] {
            assert!(!head(&InstanceId::run(other)).starts_with(&begins), "{other}");
        }
    }

    #[test]
    fn no_two_kinds_share_a_tag() {
        let id = InstanceId::run("a");
        let mut tags = vec![
            FORMAT.to_vec(),
            COUNTS.to_vec(),
            LINKS.to_vec(),
            ENTRIES.to_vec(),
            HEADS.to_vec(),
            SNAPSHOTS.to_vec(),
        ];
        tags.extend(adjutant_machine::contract::TABLES.map(|of| table(of).1.to_vec()));
        tags.extend([
            trimmed(&id),
            salt(&id),
            blob("x"),
            part(&id, &Digest::default()),
            snapshot_content(&id),
        ]);
        let distinct: BTreeSet<Vec<u8>> = tags.iter().map(|tag| tag[..2].to_vec()).collect();
        assert_eq!(distinct.len(), tags.len());
    }
}
