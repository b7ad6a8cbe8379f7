//! The keys of the runtime's rows, and what is in them. Letters are on disk: only added to, retired ones stay reserved.
//!
//! | table | key | value |
//! |---|---|---|
//! | outbox | `p` effect | whether it is leased, its lane, its attempt |
//! | outbox | `m` instance, seq, index, channel | a message to another instance, or to the operator by one rule |
//! | timer | due moment, instance, timer | – |
//! | index | `s` status, newest first, run · `p` playbook's oldest id, newest first, run | – |
//! | index | `v` playbook's oldest id, bundle, live run that pins it | – ; `b` and `l` were its rows before, and stay reserved |
//! | index | `g` opened, gate · `d` effect that is dead or unknown · `c` parent run, child run | run, or the parent's effect |
//! | index | `i` run | its head: what lists find it by |
//! | index | `o` came, open delivery | its line in lists |
//! | index | `q` playbook's oldest id, works or stands, since, run | whether it is paused there |
//! | index | `r` route, effect whose decision a person judged | run |
//! | record | kind, key | the record |
//! | ledger | `b` scope, window, slot · `l` effect, attempt | sums · a reservation |
//! | dedupe | `r` playbook's oldest id, key · `d` connector, delivery id · `w` connector, digest of a content | the runs · its present id |
//! | admission | `r` verb or connector · `b` verb | rate · breaker |
//! | host | `counted`: the groups of format 3 are counted · `applied` · `seed` · `clock` · `pause` scope · `quarantine` instance · `schedule` playbook · `slot` playbook, slot · `hook` connector | JSON |

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

pub(super) mod index;
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

pub(super) mod record {
    use super::key;

    pub(in crate::runtime) fn of(kind: &str, name: &str) -> Vec<u8> {
        key(&[kind.as_bytes(), name.as_bytes()])
    }

    pub(in crate::runtime) fn kind(kind: &str) -> Vec<u8> {
        key(&[kind.as_bytes(), b""])
    }

    /// The group in which the records of a kind are counted.
    pub(in crate::runtime) fn group(kind: &[u8]) -> Vec<u8> {
        key(&[b"record", kind, b""])
    }

    /// The group in which a record is counted, by the key of its row.
    pub(in crate::runtime) fn group_of(row: &[u8]) -> Option<Vec<u8>> {
        let kind = row.iter().position(|byte| *byte == super::END)?;
        Some(group(&row[..kind]))
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
    pub(in crate::runtime) const COUNTED: &[u8] = b"counted";
    pub(in crate::runtime) const CLOCK: &[u8] = b"clock";
    pub(in crate::runtime) const PAUSES: &[u8] = b"pause\0";
    pub(in crate::runtime) const QUARANTINES: &[u8] = b"quarantine\0";
    pub(in crate::runtime) const SCHEDULES: &[u8] = b"schedule\0";
    pub(in crate::runtime) const HOOKS: &[u8] = b"hook\0";
    /// Up to which moment retention has counted.
    pub(in crate::runtime) const RETENTION: &[u8] = b"retention";
    pub(in crate::runtime) const GOING: &[u8] = b"going\0";

    /// What is known of a run that was removed.
    pub(in crate::runtime) fn gone(run: &str) -> Vec<u8> {
        key(&[b"gone", run.as_bytes()])
    }

    /// A run that is on its way out.
    pub(in crate::runtime) fn going(run: &str) -> Vec<u8> {
        key(&[b"going", run.as_bytes()])
    }

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
        use adjutant_machine::run::Place;
        use adjutant_spec::plan::OldestId;
        let (at, id) = (Stamp(5), EffectId { run: "lead-abc".into(), seq: 3, index: 0 });
        let oldest = OldestId::never_renamed("lead");
        let keys = [
            index::status("running", at, "lead-abc"),
            index::playbook(&oldest, at, "lead-abc"),
            index::live(&oldest, "bundle", "lead-abc"),
            index::gate(at, "lead-abc.ask.1"),
            index::dead(&id),
            index::judged("inbound", &id),
            index::child("other-x", "lead-abc"),
            index::queue(&oldest, Place::Works, "lead-abc"),
            index::queue(&oldest, Place::Stands { since: Stamp(256), is_ready: true }, "lead-abc"),
        ];
        for key in &keys {
            assert_eq!(index::read(key).map(|row| row.run).as_deref(), Some("lead-abc"), "{key:?}");
        }
        let meaning = |key: &[u8]| index::read(key).map(|row| row.meaning);
        assert_eq!(meaning(&keys[1]), Some(index::Meaning::Playbook("lead".into(), at)));
        assert_eq!(meaning(&keys[2]), Some(index::Meaning::Live("bundle".into())));
        assert_eq!(meaning(&keys[6]), Some(index::Meaning::Child));
    }

    #[test]
    fn a_list_counts_its_rows_in_groups() {
        use adjutant_spec::plan::OldestId;
        let (at, oldest) = (Stamp(5), OldestId::never_renamed("lead"));
        let id = EffectId { run: "lead-abc".into(), seq: 3, index: 0 };
        let status = index::group(index::STATUS, "running");
        assert_eq!(index::group_of(&index::status("running", at, "lead-abc")), Some(&status[..]));
        assert_eq!(index::group_of(&index::gate(at, "lead-abc.ask.1")), Some(index::GATES));
        assert_eq!(index::group_of(&index::dead(&id)), Some(index::DEAD));
        assert_eq!(index::group_of(&index::delivery(at, "inbox/1")), Some(index::OPEN));
        assert_eq!(index::group_of(&index::child("other-x", "lead-abc")), None);
        let live = index::live(&oldest, "bundle", "lead-abc");
        let group = index::group_of(&live).expect("it is counted");
        assert!(live.ends_with(b"lead-abc") && live.len() == group.len() + 8);
        assert_eq!(index::live_bundle(group).as_deref(), Some("bundle"));
        assert_eq!(index::live_from_before(b"l\0lead\0lead-abc", b"bundle"), Some(live));
    }

    #[test]
    fn who_works_lies_before_those_that_stand_and_these_as_they_came() {
        use adjutant_machine::run::Place;
        use adjutant_spec::plan::OldestId;
        let oldest = OldestId::never_renamed("lead");
        let stands = |since| Place::Stands { since: Stamp(since), is_ready: true };
        let places = [Place::Works, stands(-5), stands(0), stands(256), stands(i64::MAX)];
        let keys: Vec<_> = places.iter().map(|place| index::queue(&oldest, *place, "lead-abc")).collect();
        assert!(keys.is_sorted());
        for (key, place) in keys.iter().zip(places) {
            let read = index::queued(key, b"").expect("a place");
            assert_eq!((read.oldest.as_str(), read.member.place), ("lead", place));
        }
        let paused = index::queued(&keys[3], index::PAUSED_IN_QUEUE.as_bytes()).expect("a place");
        assert_eq!(paused.member.place, Place::Stands { since: Stamp(256), is_ready: false });
    }

    #[test]
    fn lists_begin_with_the_newest() {
        let old = index::status("running", Stamp(5), "a");
        let new = index::status("running", Stamp(6), "b");
        assert!(new < old);
        assert_eq!(index::listed_run(&new, &index::group(index::STATUS, "running")), Some("b".into()));
    }
}
