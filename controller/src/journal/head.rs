//! The head of an instance: where its log ends and where a reader begins. It follows from the entries, so it is not chained; it
//! answers what an append, a list of instances and a reader ask first, without a look at the log. The salt of its payloads lies
//! beside it: it is written once, and a damaged head does not take it along. Counts of groups are stored in the same form: they
//! follow from the rows that they count.

use adjutant_machine::{
    chain::{Digest, Salt},
    count::Count,
    id::InstanceId,
};

use super::{
    keys,
    value::{Flaw, SplitValue, ValueHead, split},
};

/// The head of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LogHead {
    /// The number of the last entry.
    pub(super) seq: u64,
    /// The number of the entry that the last snapshot stands after; 0 where there is none.
    pub(super) snapshot: u64,
    /// How many bytes the entries behind the snapshot take in the store.
    pub(super) tail: u64,
}

/// How long a stored head is.
const LENGTH: usize = 24;

impl LogHead {
    /// Returns what is stored.
    pub(super) fn value(&self, instance: &InstanceId, batch: u64) -> Vec<u8> {
        let content = self.content();
        ValueHead::of(batch, 0, &digest(&keys::head(instance), &content)).with(&[&content])
    }

    /// Reads what is stored.
    pub(super) fn read(instance: &InstanceId, value: &[u8]) -> Result<Self, Flaw> {
        let content: [u8; LENGTH] = checked(&keys::head(instance), value)?;
        let eight =
            |at: usize| content[at..at + 8].try_into().map(u64::from_be_bytes).map_err(|_| Flaw::Short);
        Ok(Self { seq: eight(0)?, snapshot: eight(8)?, tail: eight(16)? })
    }

    fn content(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(LENGTH);
        for number in [self.seq, self.snapshot, self.tail] {
            content.extend_from_slice(&number.to_be_bytes());
        }
        content
    }
}

/// Returns a salt that nobody can guess.
pub(super) fn new_salt() -> Salt {
    let mut salt = Salt::default();
    getrandom::fill(&mut salt).expect("the system has randomness: without it no process starts");
    salt
}

/// Returns a salt as it is stored.
pub(super) fn salt_value(instance: &InstanceId, salt: &Salt, batch: u64) -> Vec<u8> {
    ValueHead::of(batch, 0, &digest(&keys::salt(instance), salt)).with(&[salt])
}

/// Reads a stored salt.
pub(super) fn read_salt(instance: &InstanceId, value: &[u8]) -> Result<Salt, Flaw> {
    checked(&keys::salt(instance), value)
}

/// Returns a group's count as it is stored.
pub(super) fn count_value(group: &[u8], count: Count, batch: u64) -> Vec<u8> {
    let content = count.bytes();
    ValueHead::of(batch, 0, &digest(&keys::count(group), &content)).with(&[&content])
}

/// Reads a stored count.
pub(super) fn read_count(group: &[u8], value: &[u8]) -> Result<Count, Flaw> {
    checked(&keys::count(group), value).map(Count::read)
}

fn checked<const N: usize>(key: &[u8], value: &[u8]) -> Result<[u8; N], Flaw> {
    let SplitValue { head, content } = split(value)?;
    if !head.fits(&digest(key, content)) {
        return Err(Flaw::Checksum);
    }
    content.try_into().map_err(|_| Flaw::Short)
}

/// What was copied to another place does not pass.
fn digest(key: &[u8], content: &[u8]) -> Digest {
    Digest::of(&[key, content].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_in_its_own_place_only() {
        let head = LogHead { seq: 9, snapshot: 4, tail: 700 };
        let value = head.value(&InstanceId::run("a"), 12);
        assert_eq!(LogHead::read(&InstanceId::run("a"), &value), Ok(head));
        assert_eq!(LogHead::read(&InstanceId::run("b"), &value), Err(Flaw::Checksum));
        for length in 0..value.len() {
            assert!(LogHead::read(&InstanceId::run("a"), &value[..length]).is_err());
        }
    }

    #[test]
    fn a_salt_is_read_in_its_own_place_only() {
        let (own, other) = (InstanceId::run("a"), InstanceId::run("b"));
        let salt = new_salt();
        assert_ne!(salt, new_salt());
        let value = salt_value(&own, &salt, 12);
        assert_eq!(read_salt(&own, &value), Ok(salt));
        assert_eq!(read_salt(&other, &value), Err(Flaw::Checksum));
        assert_eq!(LogHead::read(&own, &value), Err(Flaw::Checksum), "a salt is no head");
    }

    #[test]
    fn a_count_is_read_in_its_own_place_only() {
        let count = Count { members: 3, digest: 1 << 100 };
        let value = count_value(b"s\0done\0", count, 12);
        assert_eq!(read_count(b"s\0done\0", &value), Ok(count));
        assert_eq!(read_count(b"s\0failed\0", &value), Err(Flaw::Checksum));
    }
}
