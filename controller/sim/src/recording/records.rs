//! The business records that a run read and wrote: what must be there when it is played, what somebody else wrote in between, and
//! what it left.

use std::collections::BTreeMap;

use adjutant_machine::{
    call::Call,
    event::Event,
    fact::Fact,
    id::{EffectId, Stamp},
    records,
};
use adjutant_spec::{
    plan::scenario::{Given, RecordWanted},
    value::Period,
};
use serde_json::Value;

use crate::recorded::Moment;

/// What tells one record from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Which {
    kind: String,
    key: String,
}

/// A record as the run saw it last.
#[derive(Debug)]
struct Seen {
    version: u64,
    at: Stamp,
    /// What the run itself left there; absent where somebody else was the last.
    own: Option<Value>,
}

/// A record as it is read, or as a write leaves it.
struct Sight<'a> {
    which: Which,
    version: u64,
    value: &'a Value,
    at: Stamp,
    /// Whether the run wrote it.
    wrote: bool,
}

/// A list that was read.
struct Listed {
    kind: String,
    filter: Value,
    at: Stamp,
}

/// When a record was seen last, and as what.
struct Last {
    version: u64,
    at: Stamp,
}

/// The records of a run, as its log tells of them.
pub(super) struct Records {
    began: Stamp,
    calls: BTreeMap<EffectId, Call>,
    seen: BTreeMap<Which, Seen>,
    /// The lists that were read, each with what it asked for.
    lists: Vec<Listed>,
    /// When the host first noticed that somebody else had written a record.
    moved: BTreeMap<Which, Stamp>,
    given: Vec<Given>,
}

impl Records {
    pub(super) fn of(began: Stamp) -> Self {
        Self {
            began,
            calls: BTreeMap::new(),
            seen: BTreeMap::new(),
            lists: Vec::new(),
            moved: BTreeMap::new(),
            given: Vec::new(),
        }
    }

    /// Returns what is there or comes later, and what must be there at the end.
    pub(super) fn told(self) -> (Vec<Given>, Vec<RecordWanted>) {
        let wanted = self.seen.into_iter().filter_map(|(which, seen)| {
            let Value::Object(value) = seen.own? else { return None };
            let Which { kind, key } = which;
            Some(RecordWanted { kind, key, value, version: Some(seen.version), missing: false })
        });
        (self.given, wanted.collect())
    }

    /// Takes one entry.
    pub(super) fn take(&mut self, moment: Moment<'_>) {
        let entry = moment.entry();
        for fact in &entry.facts {
            let Fact::EffectAsked { effect, state } = fact else { continue };
            if let Some(call) = state.call.as_deref().filter(|call| is_of_record(call)) {
                self.calls.insert(effect.clone(), call.clone());
            }
        }
        let at = entry.envelope.at;
        match &entry.envelope.event {
            Event::EffectOutdated { moved, .. } => {
                for basis in moved {
                    let which = Which { kind: basis.record.clone(), key: basis.key.clone() };
                    self.moved.entry(which).or_insert(at);
                }
            }
            Event::EffectSucceeded { effect, value, .. } => {
                if let Some(call) = self.calls.remove(effect) {
                    self.answered(&call, value, at);
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, call: &Call, answer: &Value, at: Stamp) {
        match call {
            Call::RecordRead { record, key } => {
                let which = Which { kind: record.clone(), key: key.clone() };
                self.sees(Sight {
                    which,
                    version: version(answer),
                    value: &answer["value"],
                    at,
                    wrote: false,
                });
            }
            Call::RecordList { record, filter } => {
                for item in answer["items"].as_array().into_iter().flatten() {
                    let Some(key) = item["key"].as_str() else { continue };
                    let which = Which { kind: record.clone(), key: key.to_owned() };
                    let sight =
                        Sight { which, version: version(item), value: &item["value"], at, wrote: false };
                    self.sees(sight);
                }
                self.lists.push(Listed { kind: record.clone(), filter: filter.clone(), at });
            }
            Call::RecordWrite { record, key, .. } => {
                let which = Which { kind: record.clone(), key: key.clone() };
                self.sees(Sight {
                    which,
                    version: version(answer),
                    value: &answer["value"],
                    at,
                    wrote: true,
                });
            }
            _ => {}
        }
    }

    /// Takes a record as it is seen, and lets there be before it what the run did not write.
    fn sees(&mut self, sight: Sight<'_>) {
        let Sight { which, version, value, at, wrote } = sight;
        let known = self.seen.get(&which).map(|known| Last { version: known.version, at: known.at });
        // A write comes on top of what others had left: theirs is the version before.
        let foreign = if wrote { version.saturating_sub(1) } else { version };
        let is_new = known.as_ref().map_or(foreign > 0, |known| foreign > known.version);
        if is_new {
            // A list that would have named it was read before, and did not.
            let missed = || {
                self.lists
                    .iter()
                    .rev()
                    .find(|list| list.kind == which.kind && records::matches(value, &list.filter))
            };
            let last = known.as_ref().map(|known| known.at).or_else(|| missed().map(|list| list.at));
            let after = last.map(|last| self.between(&which, last, at));
            let Which { kind, key } = which.clone();
            let number = (foreign != 1 || after.is_some()).then_some(foreign);
            self.given.push(Given { kind, key, value: value.clone(), version: number, after });
        }
        let kept = self.seen.get_mut(&which).filter(|_| !is_new).and_then(|known| known.own.take());
        let own = if wrote { Some(value.clone()) } else { kept };
        self.seen.insert(which, Seen { version, at, own });
    }

    /// Returns when somebody else wrote a record: it was after the run saw it as it was before, and no later than it was noticed. The middle
    /// of both is furthest from what it must not come before or after, since a play does not take the time that a machine takes.
    fn between(&mut self, which: &Which, seen: Stamp, noticed: Stamp) -> Period {
        let latest = self.moved.remove(which).unwrap_or(noticed);
        let middle = seen.0 + (latest.0 - seen.0).max(0) / 2;
        let after = u64::try_from(middle - self.began.0).unwrap_or_default().max(1);
        Period::from_millis(after).unwrap_or_else(|_| Period::from_millis(1).expect("a moment is a period"))
    }
}

fn is_of_record(call: &Call) -> bool {
    matches!(call, Call::RecordRead { .. } | Call::RecordList { .. } | Call::RecordWrite { .. })
}

fn version(answer: &Value) -> u64 {
    answer["version"].as_u64().unwrap_or_default()
}
