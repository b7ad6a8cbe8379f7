//! The rows of the index: lists, and what is found by somebody else's id. Their keys say whose they are, and a list's rows lie in
//! groups whose members are counted.

use adjutant_machine::run::{Member, Place};
use adjutant_spec::plan::OldestId;

use super::{END, EffectId, Stamp, key, newest_first, ordered};
use crate::runtime::identity::run_of;

pub(in crate::runtime) const GATES: &[u8] = b"g\0";
pub(in crate::runtime) const DEAD: &[u8] = b"d\0";
pub(in crate::runtime) const STATUS: &[u8] = b"s\0";
pub(in crate::runtime) const PLAYBOOK: &[u8] = b"p\0";

fn listed(kind: &[u8], group: &str, started: Stamp, run: &str) -> Vec<u8> {
    let mut bytes = key(&[kind, group.as_bytes(), &newest_first(started)]);
    bytes.extend_from_slice(run.as_bytes());
    bytes
}

pub(in crate::runtime) fn status(status: &str, started: Stamp, run: &str) -> Vec<u8> {
    listed(b"s", status, started, run)
}

pub(in crate::runtime) fn playbook(playbook: &OldestId, started: Stamp, run: &str) -> Vec<u8> {
    listed(b"p", playbook.as_str(), started, run)
}

/// The prefix of one group of a list.
pub(in crate::runtime) fn group(kind: &[u8], group: &str) -> Vec<u8> {
    [kind, group.as_bytes(), b"\0"].concat()
}

/// The run that a row of a group names.
pub(in crate::runtime) fn listed_run(bytes: &[u8], prefix: &[u8]) -> Option<String> {
    String::from_utf8(bytes.strip_prefix(prefix)?.get(8..)?.to_vec()).ok()
}

/// When the run began that a row of a group names.
pub(in crate::runtime) fn since(bytes: &[u8], prefix: &[u8]) -> Stamp {
    let since = bytes.strip_prefix(prefix).and_then(|rest| rest.get(..8)?.try_into().ok());
    since.map_or(Stamp(0), |since| super::unordered((!u64::from_be_bytes(since)).to_be_bytes()))
}

pub(in crate::runtime) fn live(playbook: &OldestId, bundle: &str, run: &str) -> Vec<u8> {
    key(&[b"v", playbook.as_str().as_bytes(), bundle.as_bytes(), run.as_bytes()])
}

pub(in crate::runtime) fn live_of(playbook: &OldestId) -> Vec<u8> {
    key(&[b"v", playbook.as_str().as_bytes(), b""])
}

/// What the rows of live runs begin with.
pub(in crate::runtime) const LIVE: &[u8] = b"v\0";
/// What they began with in stores of format 2: there the value names the bundle.
pub(in crate::runtime) const LIVE_BEFORE: &[u8] = b"l\0";

/// Returns the row of a live run as this format has it, where it is one of format 2.
pub(in crate::runtime) fn live_from_before(bytes: &[u8], bundle: &[u8]) -> Option<Vec<u8>> {
    let split = bytes.strip_prefix(LIVE_BEFORE)?.iter().position(|byte| *byte == END)?;
    let (playbook, run) = (&bytes[2..2 + split], &bytes[3 + split..]);
    Some(key(&[b"v", playbook, bundle, run]))
}

/// The bundle that the live runs of a group pin.
pub(in crate::runtime) fn live_bundle(group: &[u8]) -> Option<String> {
    let bundle = group.strip_prefix(LIVE)?.split(|byte| *byte == END).nth(1)?;
    String::from_utf8(bundle.to_vec()).ok()
}

/// Returns the group in which a row is counted, where it is: what its key begins with, up to what tells it from its like.
pub(in crate::runtime) fn group_of(key: &[u8]) -> Option<&[u8]> {
    let names = match key.get(..2)? {
        b"g\0" | b"d\0" | b"o\0" => 0,
        b"s\0" | b"p\0" => 1,
        b"v\0" => 2,
        _ => return None,
    };
    let mut end = 2;
    for _ in 0..names {
        end += key[end..].iter().position(|byte| *byte == END)? + 1;
    }
    Some(&key[..end])
}

pub(in crate::runtime) fn gate(opened: Stamp, gate: &str) -> Vec<u8> {
    let mut bytes = key(&[b"g", &ordered(opened)]);
    bytes.extend_from_slice(gate.as_bytes());
    bytes
}

pub(in crate::runtime) fn gate_of(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.strip_prefix(GATES)?.get(8..)?.to_vec()).ok()
}

pub(in crate::runtime) fn dead(effect: &EffectId) -> Vec<u8> {
    key(&[b"d", effect.to_string().as_bytes()])
}

pub(in crate::runtime) fn dead_of(bytes: &[u8]) -> Option<EffectId> {
    std::str::from_utf8(bytes.strip_prefix(DEAD)?).ok()?.parse().ok()
}

pub(in crate::runtime) const OPEN: &[u8] = b"o\0";

/// A delivery that waits for a playbook.
pub(in crate::runtime) fn delivery(came: Stamp, name: &str) -> Vec<u8> {
    let mut bytes = key(&[b"o", &ordered(came)]);
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

/// A decision of a route that a person judged.
pub(in crate::runtime) fn judged(route: &str, effect: &EffectId) -> Vec<u8> {
    key(&[b"r", route.as_bytes(), effect.to_string().as_bytes()])
}

pub(in crate::runtime) fn judged_of(route: &str) -> Vec<u8> {
    key(&[b"r", route.as_bytes(), b""])
}

/// What the rows of places in queues begin with.
pub(in crate::runtime) const QUEUES: &[u8] = b"q\0";
/// The value of the row of a run that is paused where it stands.
pub(in crate::runtime) const PAUSED_IN_QUEUE: &str = "paused";

/// A place in the queue of a playbook: who works lies before those that stand, and these in their order.
pub(in crate::runtime) fn queue(playbook: &OldestId, place: Place, run: &str) -> Vec<u8> {
    let mut bytes = queue_of(playbook);
    let (sort, since) = match place {
        Place::Works => (b'1', Stamp(0)),
        Place::Stands { since, .. } => (b'2', since),
    };
    bytes.push(sort);
    bytes.extend_from_slice(&ordered(since));
    bytes.extend_from_slice(run.as_bytes());
    bytes
}

pub(in crate::runtime) fn queue_of(playbook: &OldestId) -> Vec<u8> {
    key(&[b"q", playbook.as_str().as_bytes(), b""])
}

/// What the row of a place says.
pub(in crate::runtime) struct QueueRow {
    /// The playbook whose queue it is.
    pub(in crate::runtime) oldest: OldestId,
    /// Who has the place.
    pub(in crate::runtime) member: Member,
}

/// Reads the row of a place.
pub(in crate::runtime) fn queued(bytes: &[u8], value: &[u8]) -> Option<QueueRow> {
    let rest = bytes.strip_prefix(QUEUES)?;
    let (playbook, tail) = rest.split_at_checked(rest.iter().position(|byte| *byte == END)?)?;
    let (place, run) = tail.get(1..)?.split_at_checked(9)?;
    let (sort, since) = place.split_first()?;
    let since = super::unordered(since.try_into().ok()?);
    let is_ready = value != PAUSED_IN_QUEUE.as_bytes();
    let place = if *sort == b'1' { Place::Works } else { Place::Stands { since, is_ready } };
    let run = std::str::from_utf8(run).ok()?.to_owned();
    let oldest = OldestId::never_renamed(std::str::from_utf8(playbook).ok()?);
    Some(QueueRow { oldest, member: Member { place, run } })
}

pub(in crate::runtime) fn head(run: &str) -> Vec<u8> {
    key(&[b"i", run.as_bytes()])
}

/// What a row of the index tells of the run that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runtime) struct IndexRow {
    /// The run that the row belongs to.
    pub(in crate::runtime) run: String,
    /// What it says of that run.
    pub(in crate::runtime) meaning: Meaning,
}

/// What a row of the index tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runtime) enum Meaning {
    /// Its playbook's oldest id, and when it began.
    Playbook(String, Stamp),
    /// It is live, and pins this bundle.
    Live(String),
    /// It is a child: the value names the effect that started it.
    Child,
    /// Something that is of no use without its state.
    Other,
}

/// Reads whose a row is, from its key alone: its value may be damaged.
pub(in crate::runtime) fn read(bytes: &[u8]) -> Option<IndexRow> {
    let (kind, rest) = bytes.split_at_checked(2)?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let pair = |bytes: &[u8]| {
        let split = bytes.iter().position(|byte| *byte == 0)?;
        Some((text(&bytes[..split])?, bytes[split + 1..].to_vec()))
    };
    let (run, meaning) = match kind {
        b"s\0" | b"p\0" => {
            let (group, tail) = pair(rest)?;
            let (since, run) = tail.split_at_checked(8)?;
            let since = super::unordered((!u64::from_be_bytes(since.try_into().ok()?)).to_be_bytes());
            let is_playbook = kind == b"p\0";
            (text(run)?, if is_playbook { Meaning::Playbook(group, since) } else { Meaning::Other })
        }
        b"v\0" => {
            let (bundle, run) = pair(&pair(rest)?.1)?;
            (text(&run)?, Meaning::Live(bundle))
        }
        b"c\0" => (text(&pair(rest)?.1)?, Meaning::Child),
        b"t\0" => (text(&pair(rest)?.1)?, Meaning::Other),
        b"g\0" => (run_of(&text(rest.get(8..)?)?).to_owned(), Meaning::Other),
        b"i\0" => (text(rest)?, Meaning::Other),
        b"q\0" => (queued(bytes, &[])?.member.run, Meaning::Other),
        b"d\0" => (run_of(&text(rest)?).to_owned(), Meaning::Other),
        b"r\0" => (run_of(&text(&pair(rest)?.1)?).to_owned(), Meaning::Other),
        _ => return None,
    };
    Some(IndexRow { run, meaning })
}

pub(in crate::runtime) fn child(parent: &str, child: &str) -> Vec<u8> {
    key(&[b"c", parent.as_bytes(), child.as_bytes()])
}

pub(in crate::runtime) fn children(parent: &str) -> Vec<u8> {
    key(&[b"c", parent.as_bytes(), b""])
}

/// A branch, under the run or the branch that it is a part of.
pub(in crate::runtime) fn branch(parent: &str, branch: &str) -> Vec<u8> {
    key(&[b"t", parent.as_bytes(), branch.as_bytes()])
}

pub(in crate::runtime) fn branches(parent: &str) -> Vec<u8> {
    key(&[b"t", parent.as_bytes(), b""])
}
