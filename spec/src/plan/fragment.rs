//! What branches do: the steps inside an `each` or a `parallel`, with what they are given.
//!
//! A step's id is unique in its whole playbook, inside and outside alike, so an id alone says which step is meant. The edges of a
//! fragment lead to its own steps: nothing goes out of it, and nothing comes in but at its first step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Id, Step, StepKind};
use crate::value::Arg;

/// How deep branches may nest.
pub const DEEPEST_BRANCH: usize = 4;

/// Steps that run in a branch of their own, by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    /// What its steps read from outside, by the name of the input under which they read it: it is taken once, when the step that
    /// holds the fragment begins, and keeps its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Arg>,
    /// The steps; a branch begins at the first.
    pub steps: Vec<Step>,
}

/// One lane of a `parallel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Its name, under which its result is read.
    pub id: Id,
    /// What it does.
    pub body: Fragment,
}

/// How many lanes must end well before a `parallel` goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// Every lane.
    All,
    /// The first one; the others are told to take back what they did.
    Any,
    /// So many; the others are told to take back what they did.
    AtLeast(u32),
}

impl Join {
    /// Returns how many of so many lanes must end well.
    #[must_use]
    pub fn need(self, lanes: u32) -> u32 {
        match self {
            Self::All => lanes,
            Self::Any => 1,
            Self::AtLeast(count) => count,
        }
    }
}

impl StepKind {
    /// Returns what runs in branches of such a step: the body of an `each`, the lanes of a `parallel` in their order.
    #[must_use]
    pub fn fragments(&self) -> Vec<&Fragment> {
        match self {
            Self::Each { body, .. } => vec![body],
            Self::Parallel { lanes, .. } => lanes.iter().map(|lane| &lane.body).collect(),
            Self::Agent { .. }
            | Self::Call { .. }
            | Self::Route { .. }
            | Self::Render { .. }
            | Self::Gate { .. }
            | Self::Wait { .. }
            | Self::Choose { .. }
            | Self::Record { .. }
            | Self::Run { .. }
            | Self::End { .. } => Vec::new(),
        }
    }
}

/// Returns the step with an id among steps and everything inside them.
pub(super) fn find<'a>(steps: &'a [Step], id: &str) -> Option<&'a Step> {
    let inside = |step: &'a Step| step.kind.fragments().into_iter().find_map(|body| find(&body.steps, id));
    steps.iter().find(|step| step.id == id).or_else(|| steps.iter().find_map(inside))
}

/// Puts steps and everything inside them into a list, each before what it holds.
pub(super) fn every<'a>(steps: &'a [Step], all: &mut Vec<&'a Step>) {
    for step in steps {
        all.push(step);
        step.kind.fragments().into_iter().for_each(|body| every(&body.steps, all));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_says_how_many_must_end_well() {
        let needs = [Join::All, Join::Any, Join::AtLeast(2)].map(|join| join.need(5));
        assert_eq!(needs, [5, 1, 2]);
    }
}
