//! The names of branches: who a branch's parent and root are is read off its name, and kept nowhere else.
//!
//! ```text
//! offer-4711 ~ dig.1.7 ~ ask.2.0
//!  root        │   │ └ index of the item or the lane, from 0
//!              │   └── round: how often the step began its branches, retries of the run among them
//!              └────── step
//! ```
//! A name never stands for two branches: a round's number is not used again. The ids of effects and gates begin with the name as
//! with a run's id, and nothing else tells a branch from a run.

use std::{fmt, str::FromStr};

use adjutant_spec::plan::{Playbook, Step, StepId, StepKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::id::is_branch;
use crate::id::{BELOW, IdError};

/// The branches that a step began in one go; written `<step>.<round>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round {
    /// The `each` or `parallel` that began them.
    pub step: StepId,
    /// How often it has begun its branches, from 1.
    pub number: u32,
}

/// The identity of a branch: what its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchId {
    /// The run or branch that it is a part of.
    pub parent: String,
    /// The step of its parent, and the round.
    pub round: Round,
    /// Which of the round's branches, from 0.
    pub index: u32,
}

impl BranchId {
    /// Returns what a name says; `None` where it is no branch's.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let (parent, own) = name.rsplit_once(BELOW)?;
        let (round, index) = own.rsplit_once('.')?;
        Some(Self { parent: parent.to_owned(), round: round.parse().ok()?, index: index.parse().ok()? })
    }
}

impl fmt::Display for BranchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{BELOW}{}.{}", self.parent, self.round, self.index)
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.step, self.number)
    }
}

impl FromStr for Round {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fail = || IdError(text.to_owned());
        let (step, number) = text.rsplit_once('.').filter(|(step, _)| !step.is_empty()).ok_or_else(fail)?;
        Ok(Self { step: step.to_owned(), number: number.parse().map_err(|_| fail())? })
    }
}

impl Serialize for Round {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Round {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Returns the run that a branch is a part of, however deep; a run's own name where it is none.
#[must_use]
pub fn root_of(name: &str) -> &str {
    name.split(BELOW).next().unwrap_or(name)
}

/// Returns how deep a branch lies; 0 for a run.
#[must_use]
pub fn depth(name: &str) -> usize {
    name.matches(BELOW).count()
}

/// Returns the steps among which a run moves, or a branch; `None` where the playbook has no such branch.
#[must_use]
pub fn steps_of<'a>(playbook: &'a Playbook, name: &str) -> Option<&'a [Step]> {
    let Some(branch) = BranchId::of(name) else {
        return (!is_branch(name)).then_some(playbook.steps.as_slice());
    };
    let beside = steps_of(playbook, &branch.parent)?;
    let holder = beside.iter().find(|step| step.id == branch.round.step)?;
    let fragment = match &holder.kind {
        StepKind::Each { .. } => 0,
        _ => usize::try_from(branch.index).ok()?,
    };
    Some(&holder.kind.fragments().get(fragment)?.steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EffectId, InstanceId, InstanceKind};

    #[test]
    fn a_name_is_read_as_it_was_made() {
        let outer = BranchId {
            parent: "offer-4711".to_owned(),
            round: Round { step: "dig.deep".to_owned(), number: 1 },
            index: 7,
        };
        let name = outer.to_string();
        assert_eq!(name, "offer-4711~dig.deep.1.7");
        assert_eq!(BranchId::of(&name), Some(outer));
        let inner =
            BranchId { parent: name.clone(), round: Round { step: "ask".to_owned(), number: 2 }, index: 0 };
        let inner_name = inner.to_string();
        assert_eq!(BranchId::of(&inner_name), Some(inner));
        assert_eq!((root_of(&inner_name), depth(&inner_name)), ("offer-4711", 2));
        assert_eq!((root_of("offer-4711"), depth("offer-4711")), ("offer-4711", 0));
    }

    #[test]
    fn what_is_no_branch_has_no_id() {
        for name in ["offer-4711", "a~", "a~dig", "a~dig.1", "a~dig.x.1", "a~dig.1.x", "a~.1.1"] {
            assert_eq!(BranchId::of(name), None, "{name}");
        }
    }

    #[test]
    fn the_name_says_of_which_sort_an_instance_is() {
        let branch = InstanceId::run("a-1~dig.1.0");
        assert_eq!(branch.kind, InstanceKind::Branch);
        assert_eq!(branch.root(), InstanceId::run("a-1"));
        assert_eq!(branch.root().root(), branch.root());
        assert_eq!(branch.to_string().parse(), Ok(branch));
        assert_eq!(InstanceId::run("a-1").kind, InstanceKind::Run);
        for wrong in ["run/a-1~dig.1.0", "branch/a-1"] {
            assert!(wrong.parse::<InstanceId>().is_err(), "{wrong}");
        }
        let effect: EffectId = "a-1~dig.1.0.4.2".parse().expect("an id");
        assert_eq!((effect.run.as_str(), effect.seq, effect.index), ("a-1~dig.1.0", 4, 2));
        assert_eq!(effect.instance().kind, InstanceKind::Branch);
    }
}
