//! The identity of a run: `<playbook>-` and eight letters of a hash of (the playbook's oldest id, key).
//!
//! The row of the full pair is the identity; the letters are only its name. Where another pair has the name already, it grows.

use std::collections::BTreeMap;

use adjutant_machine::{
    branch::is_branch,
    codec::canonical,
    event::{Labelled, RunStarted},
    id::InstanceId,
};
use adjutant_spec::plan::OldestId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// How many letters a name has at first.
const LETTERS: usize = 8;

/// A run that shall begin, with everything but its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewRun {
    /// The event, with an empty `run`.
    pub(super) started: RunStarted,
    /// The playbook's oldest id.
    pub(super) oldest: OldestId,
    /// Who starts it.
    pub(super) by: String,
    /// What the key stands for; absent where the key alone says it: a slot, a parent's effect.
    pub(super) meant: Option<Meant>,
}

/// The row that says which run a key means, and what was meant by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyRow {
    pub(super) run: String,
    #[serde(default)]
    pub(super) meant: Option<Meant>,
}

/// Digests of what somebody means by a key: the inputs as they were given, and as they are with their defaults. Equal in one of
/// them is equal: neither a default that is spelled out nor one that changed makes another wish of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meant {
    given: String,
    whole: String,
}

impl Meant {
    /// Digests what was given and what it amounts to; a dry run is another wish than a real one.
    pub(super) fn of(given: &BTreeMap<String, Value>, whole: &BTreeMap<String, Labelled>, dry: bool) -> Self {
        let values: BTreeMap<&String, &Value> =
            whole.iter().map(|(name, input)| (name, &input.value)).collect();
        let digest =
            |bytes: Vec<u8>| blake3::hash(&[&bytes[..], &[u8::from(dry)]].concat()).to_hex().to_string();
        Self { given: digest(canonical(given)), whole: digest(canonical(&values)) }
    }

    /// Returns whether both mean the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.given == other.given || self.whole == other.whole
    }

    /// Returns the first digits, for people.
    pub(super) fn short(&self) -> &str {
        self.whole.get(..12).unwrap_or(&self.whole)
    }
}

impl NewRun {
    /// Returns the name with so many letters more than the shortest.
    pub(super) fn name(&self, more: usize) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.oldest.as_str().as_bytes()).update(&[0]).update(self.started.key.as_bytes());
        let letters = data_encoding::BASE32_NOPAD.encode(hasher.finalize().as_bytes()).to_lowercase();
        let end = (LETTERS + more).min(letters.len());
        // A slice's playbook is written `slice/playbook`; names of instances have no slashes.
        format!("{}-{}", self.started.playbook.replace('/', "-"), &letters[..end])
    }

    /// Returns the instance of the shortest name.
    pub(super) fn instance(&self) -> InstanceId {
        InstanceId::run(self.name(0))
    }

    /// Returns the event for a name.
    pub(super) fn named(&self, run: &str) -> RunStarted {
        RunStarted { run: run.to_owned(), ..self.started.clone() }
    }
}

/// Returns the part of a name that every run has in common that may be its collision: only the first eight letters of the hash
/// count. Of a branch the whole name does, so that the branches of a run use all shards.
pub(super) fn shared(name: &str) -> &str {
    let dash = name.rfind('-').filter(|_| !is_branch(name));
    dash.and_then(|dash| name.get(..dash + 9)).unwrap_or(name)
}

/// Returns the run, or the branch, whose name a gate's id or an effect's id begins with, or which an id is: the part before the
/// first dot, and of a branch's own part the one before the third.
pub(super) fn run_of(id: &str) -> &str {
    let own = id.rfind('~').map_or(0, |at| at + 1);
    let dots = if own > 0 { 2 } else { 0 };
    let end = id[own..].match_indices('.').nth(dots).map_or(id.len(), |(at, _)| own + at);
    &id[..end]
}

/// A run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Started {
    /// The id of the run that the key means.
    pub run: String,
    /// Whether it is new; `false` where the key was known.
    pub created: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meant(given: &Value, whole: &Value, dry: bool) -> Meant {
        let given = given.as_object().unwrap().clone().into_iter().collect();
        let whole = whole.as_object().unwrap().clone().into_iter();
        let labelled = |(name, value)| (name, Labelled { value, labels: Default::default() });
        Meant::of(&given, &whole.map(labelled).collect(), dry)
    }

    #[test]
    fn an_id_begins_with_the_name_of_its_run_or_branch() {
        for (id, run) in [
            ("lead-abc", "lead-abc"),
            ("lead-abc.ask.2", "lead-abc"),
            ("lead-abc.7.0", "lead-abc"),
            ("lead-abc~dig.1.0", "lead-abc~dig.1.0"),
            ("lead-abc~dig.1.0.ask.2", "lead-abc~dig.1.0"),
            ("lead-abc~dig.1.0~in.2.31.7.0", "lead-abc~dig.1.0~in.2.31"),
        ] {
            assert_eq!(run_of(id), run, "{id}");
        }
    }

    #[test]
    fn equal_wishes_are_equal_however_they_are_spelled() {
        let short = meant(&json!({ "to": "a" }), &json!({ "to": "a", "tone": "warm" }), false);
        let spelled = json!({ "tone": "warm", "to": "a" });
        assert!(short.is_same(&meant(&spelled, &spelled, false)), "a default may be spelled out");
        let changed = json!({ "to": "a", "tone": "cold" });
        assert!(short.is_same(&meant(&json!({ "to": "a" }), &changed, false)), "a default may change");
        let nested = |text| serde_json::from_str::<Value>(text).unwrap();
        let (one, two) = (nested(r#"{"x":{"a":1,"b":2}}"#), nested(r#"{"x":{"b":2,"a":1}}"#));
        assert!(meant(&one, &one, false).is_same(&meant(&two, &two, false)), "order says nothing");
    }

    #[test]
    fn other_wishes_are_not() {
        let wish = json!({ "amount": 10 });
        let first = meant(&wish, &wish, false);
        for other in [
            json!({ "amount": 11 }),
            json!({ "amount": "10" }),
            json!({}),
            json!({ "amount": 10, "to": "a" }),
        ] {
            assert!(!first.is_same(&meant(&other, &other, false)), "{other}");
        }
        assert!(!first.is_same(&meant(&wish, &wish, true)), "a dry run stands for no real one");
    }
}
