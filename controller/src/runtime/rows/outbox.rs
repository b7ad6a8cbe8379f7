//! The keys of the outbox, and what its rows hold: effects that wait or are leased, and messages that are on their way.

use adjutant_machine::{
    id::{EffectId, EntryId, InstanceId},
    projection::{Lane, Waiting},
};

use super::key;

pub(in crate::runtime) const EFFECTS: &[u8] = b"p\0";
pub(in crate::runtime) const MESSAGES: &[u8] = b"m\0";

pub(in crate::runtime) fn effect(id: &EffectId) -> Vec<u8> {
    let mut bytes = key(&[b"p", id.run.as_bytes(), b""]);
    bytes.extend_from_slice(&id.seq.to_be_bytes());
    bytes.extend_from_slice(&id.index.to_be_bytes());
    bytes
}

/// The prefix of the rows of a run's effects.
pub(in crate::runtime) fn effects_of(run: &str) -> Vec<u8> {
    key(&[b"p", run.as_bytes(), b""])
}

pub(in crate::runtime) fn effect_of(bytes: &[u8]) -> Option<EffectId> {
    let rest = bytes.strip_prefix(EFFECTS)?;
    let split = rest.len().checked_sub(11)?;
    let (run, tail) = rest.split_at_checked(split)?;
    let seq = u64::from_be_bytes(tail.get(1..9)?.try_into().ok()?);
    let index = u16::from_be_bytes(tail.get(9..11)?.try_into().ok()?);
    Some(EffectId { run: String::from_utf8(run.to_vec()).ok()?, seq, index })
}

/// Names what an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime) struct MessageId<'a> {
    /// The entry that tells it.
    pub(in crate::runtime) entry: EntryId<'a>,
    /// Its place among what the entry tells.
    pub(in crate::runtime) index: u16,
}

/// What the key of a message's row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runtime) struct MessageKey {
    /// The instance whose entry tells it.
    pub(in crate::runtime) from: InstanceId,
    /// The number of that entry.
    pub(in crate::runtime) seq: u64,
    /// Its place among what the entry tells.
    pub(in crate::runtime) index: u16,
    /// Which of its ways out it goes, from 0.
    pub(in crate::runtime) channel: u8,
}

impl MessageKey {
    /// Returns what names the message, whatever way out it goes.
    pub(in crate::runtime) fn id(&self) -> MessageId<'_> {
        MessageId { entry: EntryId { instance: &self.from, seq: self.seq }, index: self.index }
    }
}

pub(in crate::runtime) fn message(id: MessageId<'_>, channel: u8) -> Vec<u8> {
    let mut bytes = key(&[b"m", id.entry.instance.to_string().as_bytes(), b""]);
    bytes.extend_from_slice(&id.entry.seq.to_be_bytes());
    bytes.extend_from_slice(&id.index.to_be_bytes());
    bytes.push(channel);
    bytes
}

/// The prefix of the rows of what an instance tells.
pub(in crate::runtime) fn messages_of(instance: &InstanceId) -> Vec<u8> {
    key(&[b"m", instance.to_string().as_bytes(), b""])
}

pub(in crate::runtime) fn message_of(bytes: &[u8]) -> Option<MessageKey> {
    let rest = bytes.strip_prefix(MESSAGES)?;
    let (from, tail) = rest.split_at_checked(rest.len().checked_sub(12)?)?;
    let seq = u64::from_be_bytes(tail.get(1..9)?.try_into().ok()?);
    let index = u16::from_be_bytes(tail.get(9..11)?.try_into().ok()?);
    let from = std::str::from_utf8(from).ok()?.parse().ok()?;
    Some(MessageKey { from, seq, index, channel: *tail.get(11)? })
}

/// The value of an effect's row: whether it is leased, its lane, its attempt.
pub(in crate::runtime) fn waiting(row: &Waiting) -> Vec<u8> {
    let (letter, name) = match &row.lane {
        Lane::Connector(name) => (b'v', name.as_str()),
        Lane::Agent(name) => (b'a', name.as_str()),
        Lane::Route(name) => (b'r', name.as_str()),
        Lane::Local => (b'l', ""),
    };
    let mut bytes = vec![if row.is_leased { b'l' } else { b'q' }, letter];
    bytes.extend_from_slice(&row.attempt.to_be_bytes());
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

pub(in crate::runtime) fn waiting_of(bytes: &[u8]) -> Option<Waiting> {
    let (head, name) = bytes.split_at_checked(6)?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    let lane = match head[1] {
        b'v' => Lane::Connector(name),
        b'a' => Lane::Agent(name),
        b'r' => Lane::Route(name),
        b'l' => Lane::Local,
        _ => return None,
    };
    let attempt = u32::from_be_bytes(head[2..].try_into().ok()?);
    Some(Waiting { is_leased: head[0] == b'l', attempt, lane })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_read_back_whatever_bytes_their_numbers_have() {
        let id = EffectId { run: "lead-abc".into(), seq: 0x00ff_0000_0001, index: 256 };
        assert_eq!(effect_of(&effect(&id)), Some(id));
    }

    #[test]
    fn messages_say_whose_they_are_and_by_which_channel() {
        let from = InstanceId::run("lead-abc");
        let name = MessageKey { from, seq: 0x00ff_0001, index: 256, channel: 7 };
        assert_eq!(message_of(&message(name.id(), 7)), Some(name));
    }
}
