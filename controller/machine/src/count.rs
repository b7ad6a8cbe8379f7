//! Counts that are kept with the rows they count, so that a list of a million tells its length without a walk.
//!
//! A group is a name, as bytes; its members are rows, or whatever else whoever writes them counts. A batch says who joins and who
//! leaves; the store adds that up in the same write, so a count is never behind its rows. A count also holds a digest of who the
//! members are: equal digests mean the same members, in whatever order they came.

use std::collections::BTreeMap;

/// How many members a group has, and a digest of who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// How many they are.
    pub members: u64,
    /// The sum of the digests of their names: a sum does not care for the order, and gives back what it took.
    pub digest: u128,
}

impl Count {
    /// How many bytes the stored form has.
    pub const LENGTH: usize = 24;

    /// Returns whether the group has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the count after a change.
    #[must_use]
    pub fn after(self, change: &CountChange<'_>) -> Self {
        let before = if change.is_anew { Self::default() } else { self };
        Self {
            members: before.members.saturating_add_signed(change.members),
            digest: before.digest.wrapping_add(change.digest),
        }
    }

    /// Returns a stored count after a change. One that cannot be read stays so until it is counted anew: a change of it would
    /// make a wrong number that nothing tells from a right one.
    #[must_use]
    pub fn of_stored(stored: Option<Self>, change: &CountChange<'_>) -> Option<Self> {
        if change.is_anew { Some(Self::default().after(change)) } else { Some(stored?.after(change)) }
    }

    /// Returns the count without members that are counted elsewhere.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self {
            members: self.members.saturating_sub(others.members),
            digest: self.digest.wrapping_sub(others.digest),
        }
    }

    /// Returns the stored form: the number, then the digest, both big-endian.
    #[must_use]
    pub fn bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(&self.members.to_be_bytes());
        bytes[8..].copy_from_slice(&self.digest.to_be_bytes());
        bytes
    }

    /// Reads the stored form.
    #[must_use]
    pub fn read(bytes: [u8; Self::LENGTH]) -> Self {
        let [a, b, c, d, e, f, g, h, digest @ ..] = bytes;
        Self { members: u64::from_be_bytes([a, b, c, d, e, f, g, h]), digest: u128::from_be_bytes(digest) }
    }
}

/// What a batch changes in the count of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountChange<'a> {
    /// The name of the group.
    pub group: &'a [u8],
    /// How many more members it has.
    pub members: i64,
    /// What is added to the digest of who they are, past the end from the beginning.
    pub digest: u128,
    /// Whether this is the whole count, whatever was stored.
    pub is_anew: bool,
}

/// What a batch changes in the counts of groups: who joins and who leaves is added up, so there is one change for each group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountChanges(BTreeMap<Vec<u8>, Sum>);

/// The sum of what joins and leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum {
    members: i64,
    digest: u128,
    is_anew: bool,
}

impl CountChanges {
    /// Adds a member to a group.
    pub fn join(&mut self, group: &[u8], member: &[u8]) {
        let sum = self.of(group);
        sum.members += 1;
        sum.digest = sum.digest.wrapping_add(digest_of(member));
    }

    /// Takes a member from a group.
    pub fn leave(&mut self, group: &[u8], member: &[u8]) {
        let sum = self.of(group);
        sum.members -= 1;
        sum.digest = sum.digest.wrapping_sub(digest_of(member));
    }

    /// Makes a group's count this one, whatever is stored, and whether that can be read or not.
    pub fn put_right(&mut self, group: &[u8], right: Count) {
        *self.of(group) = Sum { members: right.members.cast_signed(), digest: right.digest, is_anew: true };
    }

    /// Adds what others change.
    pub fn extend(&mut self, others: Self) {
        for (group, Sum { members, digest, is_anew }) in others.0 {
            let sum = self.of(&group);
            if is_anew {
                *sum = Sum { is_anew, ..Sum::default() };
            }
            sum.members += members;
            sum.digest = sum.digest.wrapping_add(digest);
        }
    }

    /// Returns what changes, by the names of the groups.
    pub fn iter(&self) -> impl Iterator<Item = CountChange<'_>> {
        self.0.iter().map(|(group, Sum { members, digest, is_anew })| CountChange {
            group,
            members: *members,
            digest: *digest,
            is_anew: *is_anew,
        })
    }

    fn of(&mut self, group: &[u8]) -> &mut Sum {
        if !self.0.contains_key(group) {
            self.0.insert(group.to_vec(), Sum::default());
        }
        self.0.get_mut(group).expect("it was put there if it was not there")
    }
}

/// Returns what a member adds to the digest of its group.
fn digest_of(member: &[u8]) -> u128 {
    let digest = blake3::hash(member);
    digest.as_bytes()[..16].iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(changes: &CountChanges) -> Count {
        changes.iter().fold(Count::default(), |count, change| count.after(&change))
    }

    #[test]
    fn the_same_members_have_the_same_count_in_whatever_order_they_came() {
        let (mut one, mut other) = (CountChanges::default(), CountChanges::default());
        ["a", "b", "c"].iter().for_each(|member| one.join(b"group", member.as_bytes()));
        ["c", "x", "b", "a"].iter().for_each(|member| other.join(b"group", member.as_bytes()));
        other.leave(b"group", b"x");
        assert_eq!(after(&one), after(&other));
        assert_eq!(after(&one).members, 3);
        other.leave(b"group", b"a");
        other.join(b"group", b"x");
        assert_ne!(after(&one).digest, after(&other).digest);
    }

    #[test]
    fn who_joins_and_leaves_at_once_changes_nothing() {
        let mut changes = CountChanges::default();
        changes.leave(b"group", b"a");
        changes.join(b"group", b"a");
        assert_eq!(after(&changes), Count::default());
    }

    #[test]
    fn a_count_is_read_as_it_was_written_and_put_right() {
        let wrong = Count { members: 7, digest: u128::MAX - 3 };
        assert_eq!(Count::read(wrong.bytes()), wrong);
        let right = Count { members: 2, digest: 5 };
        let mut changes = CountChanges::default();
        changes.put_right(b"group", right);
        let change = changes.iter().next().expect("it changes");
        assert_eq!(wrong.after(&change), right);
        assert_eq!(Count::of_stored(None, &change), Some(right));
        assert!(right.without(right).is_empty());
    }

    #[test]
    fn a_count_that_cannot_be_read_stays_so_until_it_is_counted_anew() {
        let mut changes = CountChanges::default();
        changes.join(b"group", b"a");
        let change = changes.iter().next().expect("it changes");
        assert_eq!(Count::of_stored(None, &change), None);
        assert_eq!(Count::of_stored(Some(Count::default()), &change).map(|count| count.members), Some(1));
    }
}
