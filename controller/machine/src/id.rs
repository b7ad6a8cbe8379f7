//! Ids and stamps: derived, never drawn; time as data.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands between a parent's name and what follows; no run's id has it.
pub const BELOW: char = '~';

/// Returns whether a name is a branch's.
#[must_use]
pub fn is_branch(name: &str) -> bool {
    name.contains(BELOW)
}

/// Milliseconds since 1970 in UTC. Only events carry it; the machine has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Stamp(pub i64);

impl Stamp {
    /// Returns the moment so many milliseconds later, at most the last one that can be told.
    #[must_use]
    pub fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add_unsigned(millis))
    }
}

/// What sort of machine an instance is. The words are on disk: only added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceKind {
    /// One execution of a playbook, with its effects, gates and timers.
    Run,
    /// The schedule of a playbook.
    Schedule,
    /// The circuit breaker of a verb.
    Breaker,
    /// The revision that is in force, with what is held.
    Revision,
    /// A proposed change of the company repository.
    Proposal,
    /// A delivery that no run has taken yet, or that was taken or dropped since.
    Delivery,
    /// What is paused and resumed: everything, a playbook, a connector.
    Switch,
    /// One item of an `each`, or one lane of a `parallel`: a run inside another.
    Branch,
    /// Where signals of a name and an address are sent and waited for.
    Mailbox,
}

/// Anything with a machine: `run/<run id>`, `schedule/<playbook>`, …; written `kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId {
    /// The sort of machine that it is.
    pub kind: InstanceKind,
    /// The name, unique in its sort: letters, digits, `-`, `_`, `.`; a branch's has `~` ([`crate::branch`]).
    pub name: String,
}

impl InstanceKind {
    const ALL: [(Self, &str); 9] = [
        (Self::Run, "run"),
        (Self::Schedule, "schedule"),
        (Self::Breaker, "breaker"),
        (Self::Revision, "revision"),
        (Self::Proposal, "proposal"),
        (Self::Delivery, "delivery"),
        (Self::Switch, "switch"),
        (Self::Branch, "branch"),
        (Self::Mailbox, "mailbox"),
    ];

    /// Returns the word that ids begin with.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("run", |(_, word)| *word)
    }
}

impl InstanceId {
    /// Returns the instance of a run, or of a branch where the name is one's.
    #[must_use]
    pub fn run(name: impl Into<String>) -> Self {
        let name = name.into();
        let kind = if is_branch(&name) { InstanceKind::Branch } else { InstanceKind::Run };
        Self { kind, name }
    }

    /// Returns the run that a branch is a part of, however deep; itself where it is none.
    #[must_use]
    pub fn root(&self) -> Self {
        match self.kind {
            InstanceKind::Branch => Self::run(self.name.split(BELOW).next().unwrap_or_default()),
            kind => Self { kind, name: self.name.clone() },
        }
    }

    /// Returns whether it has a run's state: a run, or a branch.
    #[must_use]
    pub fn is_run(&self) -> bool {
        matches!(self.kind, InstanceKind::Run | InstanceKind::Branch)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
    }
}

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no id has the form \"{0}\"")]
pub struct IdError(pub String);

impl FromStr for InstanceId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fail = || IdError(text.to_owned());
        let (word, name) = text.split_once('/').ok_or_else(fail)?;
        let (kind, _) = InstanceKind::ALL.iter().find(|(_, known)| *known == word).ok_or_else(fail)?;
        if name.is_empty() || name.contains('/') {
            return Err(fail());
        }
        if matches!(kind, InstanceKind::Run | InstanceKind::Branch) && Self::run(name).kind != *kind {
            return Err(fail());
        }
        Ok(Self { kind: *kind, name: name.to_owned() })
    }
}

/// Names one entry, or the state after it: whose log it is in, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryId<'a> {
    /// The instance whose log it is in.
    pub instance: &'a InstanceId,
    /// Its sequence number in that log, from 1.
    pub seq: u64,
}

/// The identity of an effect: the idempotency key outside and the fence inside. Written `<run>.<seq>.<index>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId {
    /// The run that wants it.
    pub run: String,
    /// The sequence number of the transition that asked for it.
    pub seq: u64,
    /// Its place among the effects of that transition.
    pub index: u16,
}

/// Names one attempt at an effect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The effect that is attempted.
    pub effect: EffectId,
    /// Which attempt it is, from 1.
    pub attempt: u32,
}

/// What the key of an effect begins with.
const KEY: &str = "adjutant-";

impl EffectId {
    /// Returns the instance that owns it.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        InstanceId::run(self.run.clone())
    }

    /// Returns the key that is sent outside; the same for every attempt.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{KEY}{self}")
    }

    /// Returns the effect of which this is the key; `None` where it is none of ours.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        key.strip_prefix(KEY)?.parse().ok()
    }
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.run, self.seq, self.index)
    }
}

impl FromStr for EffectId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fail = || IdError(text.to_owned());
        let mut parts = text.rsplitn(3, '.');
        let index = parts.next().and_then(|part| part.parse().ok()).ok_or_else(fail)?;
        let seq = parts.next().and_then(|part| part.parse().ok()).ok_or_else(fail)?;
        let run = parts.next().filter(|part| !part.is_empty()).ok_or_else(fail)?;
        Ok(Self { run: run.to_owned(), seq, index })
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
as_text!(InstanceId);
as_text!(EffectId);
