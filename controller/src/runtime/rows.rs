//! The keys of the runtime's rows, and what is in them. Letters are on disk: only added to, retired ones stay reserved.
//!
//! | table | key | value |
//! |---|---|---|
//! | outbox | `p` effect | whether it is leased, its lane, its attempt |
//! | outbox | `m` instance, seq, index, channel | a message to another instance, or to the operator by one rule |
//! | timer | due moment, instance, timer | – |
//! | index | `s` status, newest first, run · `p` playbook's oldest id, newest first, run | – |
//! | index | `l` playbook's oldest id, live run | the bundle that it pins; `b` was its row before, and stays reserved |
//! | index | `g` opened, gate · `d` effect that is dead or unknown · `c` parent run, child run | run, or the parent's effect |
//! | index | `i` run | its head: what lists find it by |
//! | index | `o` came, open delivery | its line in lists |
//! | index | `r` route, effect whose decision a person judged | run |
//! | record | kind, key | the record |
//! | ledger | `b` scope, window, slot · `l` effect, attempt | sums · a reservation |
//! | dedupe | `r` playbook's oldest id, key · `d` connector, delivery id · `w` connector, digest of a content | the runs · its present id |
//! | admission | `r` verb or connector · `b` verb | rate · breaker |
//! | host | `applied` · `seed` · `clock` · `pause` scope · `quarantine` instance · `schedule` playbook · `slot` playbook, slot · `hook` connector | JSON |

use adjutant_machine::{
    event::TimerId,
    id::{EffectId, InstanceId, Stamp},
};

const END: u8 = 0;

fn key(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            bytes.push(END);
        }
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Bytes that sort as the moments do, those before 1970 too.
fn ordered(at: Stamp) -> [u8; 8] {
    (at.0.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn unordered(bytes: [u8; 8]) -> Stamp {
    Stamp((u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed())
}

/// Bytes that sort from the newest to the oldest.
fn newest_first(at: Stamp) -> [u8; 8] {
    (!(at.0.cast_unsigned() ^ (1 << 63))).to_be_bytes()
}

pub(super) mod outbox;

pub(super) mod timer {
    use super::{InstanceId, Stamp, TimerId, key, ordered, unordered};

    /// A stored timer: of a run, or the next slot of a schedule.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(in crate::runtime) struct Timer {
        pub(in crate::runtime) at: Stamp,
        pub(in crate::runtime) instance: InstanceId,
        /// Absent for a schedule.
        pub(in crate::runtime) id: Option<TimerId>,
    }

    pub(in crate::runtime) fn of(at: Stamp, instance: &InstanceId, id: Option<&TimerId>) -> Vec<u8> {
        let name =
            id.map(|id| serde_json::to_vec(id).expect("a timer's id has a JSON form")).unwrap_or_default();
        let mut bytes = ordered(at).to_vec();
        bytes.extend_from_slice(&key(&[instance.to_string().as_bytes(), &name]));
        bytes
    }

    pub(in crate::runtime) fn read(bytes: &[u8]) -> Option<Timer> {
        let (due, rest) = bytes.split_at_checked(8)?;
        let at = unordered(due.try_into().ok()?);
        let split = rest.iter().position(|byte| *byte == 0)?;
        let instance = std::str::from_utf8(&rest[..split]).ok()?.parse().ok()?;
        let name = &rest[split + 1..];
        let id = if name.is_empty() { None } else { Some(serde_json::from_slice(name).ok()?) };
        Some(Timer { at, instance, id })
    }
}

pub(super) mod index {
    use adjutant_spec::plan::OldestId;

    use super::{EffectId, Stamp, key, newest_first, ordered};
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

    pub(in crate::runtime) fn live(playbook: &OldestId, run: &str) -> Vec<u8> {
        key(&[b"l", playbook.as_str().as_bytes(), run.as_bytes()])
    }

    pub(in crate::runtime) fn live_of(playbook: &OldestId) -> Vec<u8> {
        key(&[b"l", playbook.as_str().as_bytes(), b""])
    }

    pub(in crate::runtime) const LIVE: &[u8] = b"l\0";

    /// The live run that a row names.
    pub(in crate::runtime) fn live_run(bytes: &[u8]) -> Option<&str> {
        let text = std::str::from_utf8(bytes.strip_prefix(LIVE)?).ok()?;
        text.split_once('\0').map(|(_, run)| run)
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
        /// It is live: the value names what it pins.
        Live,
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
            b"l\0" => (text(&pair(rest)?.1)?, Meaning::Live),
            b"c\0" => (text(&pair(rest)?.1)?, Meaning::Child),
            b"t\0" => (text(&pair(rest)?.1)?, Meaning::Other),
            b"g\0" => (run_of(&text(rest.get(8..)?)?).to_owned(), Meaning::Other),
            b"i\0" => (text(rest)?, Meaning::Other),
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
}

pub(super) mod record {
    use super::key;

    pub(in crate::runtime) fn of(kind: &str, name: &str) -> Vec<u8> {
        key(&[kind.as_bytes(), name.as_bytes()])
    }

    pub(in crate::runtime) fn kind(kind: &str) -> Vec<u8> {
        key(&[kind.as_bytes(), b""])
    }
}

pub(super) mod ledger {
    use super::{EffectId, key};

    /// What every row of sums begins with.
    pub(in crate::runtime) const SUMS: &[u8] = b"b\0";

    /// What the key of a row of a day's sums says.
    pub(in crate::runtime) struct DaySums {
        /// Whose sums they are: `company`, `playbook:<id>`, `agent:<id>`.
        pub(in crate::runtime) scope: String,
        /// The day, such as `2026-11-26`.
        pub(in crate::runtime) day: String,
    }

    /// Reads the key of a row of sums; `None` where they are not of a day.
    pub(in crate::runtime) fn day_of(key: &[u8]) -> Option<DaySums> {
        let mut parts = key.strip_prefix(SUMS)?.split(|byte| *byte == super::END);
        let mut part = || String::from_utf8(parts.next()?.to_vec()).ok();
        let (scope, window, day) = (part()?, part()?, part()?);
        (window == "day").then_some(DaySums { scope, day })
    }

    pub(in crate::runtime) fn sums(scope: &str, window: &str, slot: &str) -> Vec<u8> {
        key(&[b"b", scope.as_bytes(), window.as_bytes(), slot.as_bytes()])
    }

    pub(in crate::runtime) fn lease(effect: &EffectId, attempt: u32) -> Vec<u8> {
        key(&[b"l", effect.to_string().as_bytes(), &attempt.to_be_bytes()])
    }
}

pub(super) mod dedupe {
    use adjutant_spec::plan::OldestId;

    use super::key;

    pub(in crate::runtime) fn run(oldest: &OldestId, run_key: &str) -> Vec<u8> {
        key(&[b"r", oldest.as_str().as_bytes(), run_key.as_bytes()])
    }

    pub(in crate::runtime) fn delivery(connector: &str, id: &str) -> Vec<u8> {
        key(&[b"d", connector.as_bytes(), id.as_bytes()])
    }

    pub(in crate::runtime) fn window(connector: &str, digest: &str) -> Vec<u8> {
        key(&[b"w", connector.as_bytes(), digest.as_bytes()])
    }
}

pub(super) mod admission {
    use super::key;

    pub(in crate::runtime) fn rate(name: &str) -> Vec<u8> {
        key(&[b"r", name.as_bytes()])
    }

    pub(in crate::runtime) fn breaker(verb: &str) -> Vec<u8> {
        key(&[b"b", verb.as_bytes()])
    }

    /// How many mails an address had from a connector.
    pub(in crate::runtime) fn told(connector: &str, address: &str) -> Vec<u8> {
        key(&[b"a", connector.as_bytes(), address.as_bytes()])
    }
}

pub(super) mod host {
    use super::{InstanceId, Stamp, key, ordered};

    pub(in crate::runtime) const APPLIED: &[u8] = b"applied";
    pub(in crate::runtime) const SEED: &[u8] = b"seed";
    pub(in crate::runtime) const CLOCK: &[u8] = b"clock";
    pub(in crate::runtime) const PAUSES: &[u8] = b"pause\0";
    pub(in crate::runtime) const QUARANTINES: &[u8] = b"quarantine\0";
    pub(in crate::runtime) const SCHEDULES: &[u8] = b"schedule\0";
    pub(in crate::runtime) const HOOKS: &[u8] = b"hook\0";

    pub(in crate::runtime) fn hook(connector: &str) -> Vec<u8> {
        key(&[b"hook", connector.as_bytes()])
    }

    pub(in crate::runtime) fn pause(scope: &str) -> Vec<u8> {
        key(&[b"pause", scope.as_bytes()])
    }

    pub(in crate::runtime) fn quarantine(instance: &InstanceId) -> Vec<u8> {
        key(&[b"quarantine", instance.to_string().as_bytes()])
    }

    pub(in crate::runtime) fn schedule(playbook: &str) -> Vec<u8> {
        key(&[b"schedule", playbook.as_bytes()])
    }

    pub(in crate::runtime) fn slots(playbook: &str) -> Vec<u8> {
        key(&[b"slot", playbook.as_bytes(), b""])
    }

    pub(in crate::runtime) fn slot(playbook: &str, at: Stamp) -> Vec<u8> {
        key(&[b"slot", playbook.as_bytes(), &ordered(at)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_sort_by_their_moment_and_read_back() {
        let run = InstanceId::run("lead-abc");
        let moments = [Stamp(-5), Stamp(0), Stamp(1), Stamp(i64::MAX)];
        let keys: Vec<_> = moments.iter().map(|at| timer::of(*at, &run, Some(&TimerId::Deadline))).collect();
        assert!(keys.is_sorted());
        let read = timer::read(&keys[0]).expect("a timer");
        assert_eq!((read.at, read.instance, read.id), (Stamp(-5), run, Some(TimerId::Deadline)));
    }

    #[test]
    fn every_row_of_the_index_says_whose_it_is() {
        use adjutant_spec::plan::OldestId;
        let (at, id) = (Stamp(5), EffectId { run: "lead-abc".into(), seq: 3, index: 0 });
        let oldest = OldestId::never_renamed("lead");
        let keys = [
            index::status("running", at, "lead-abc"),
            index::playbook(&oldest, at, "lead-abc"),
            index::live(&oldest, "lead-abc"),
            index::gate(at, "lead-abc.ask.1"),
            index::dead(&id),
            index::judged("inbound", &id),
            index::child("other-x", "lead-abc"),
        ];
        for key in &keys {
            assert_eq!(index::read(key).map(|row| row.run).as_deref(), Some("lead-abc"), "{key:?}");
        }
        let meaning = |key: &[u8]| index::read(key).map(|row| row.meaning);
        assert_eq!(meaning(&keys[1]), Some(index::Meaning::Playbook("lead".into(), at)));
        assert_eq!(meaning(&keys[2]), Some(index::Meaning::Live));
        assert_eq!(index::live_run(&keys[2]), Some("lead-abc"));
        assert_eq!(meaning(&keys[6]), Some(index::Meaning::Child));
    }

    #[test]
    fn lists_begin_with_the_newest() {
        let old = index::status("running", Stamp(5), "a");
        let new = index::status("running", Stamp(6), "b");
        assert!(new < old);
        assert_eq!(index::listed_run(&new, &index::group(index::STATUS, "running")), Some("b".into()));
    }
}
