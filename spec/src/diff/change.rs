//! One change, in the words of the business.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// What sort of change it is.
    pub kind: ChangeKind,
    /// What it concerns, such as `playbook:inbound`.
    pub subject: String,
    /// One line for people.
    pub text: String,
    /// Whether more or less can happen without asking.
    pub direction: Direction,
}

/// What sort of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A resource is new.
    Added,
    /// A resource is different.
    Changed,
    /// A resource has another id; its history follows it.
    Renamed,
    /// A resource is gone.
    Retired,
    /// A gate appears, goes, or covers something else.
    Gate,
    /// A cap on money.
    Budget,
    /// A grant, a stage, a mode, hosts.
    Permission,
    /// A cap on counts, a freeze.
    Limit,
    /// Something will start by the clock, or no longer.
    Schedule,
    /// New runs pin another bundle.
    Bundle,
}

/// Whether more or less can happen without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More can happen.
    Widened,
    /// Less can happen.
    Tightened,
    /// As much as before.
    Neutral,
}

impl Change {
    pub(super) fn new(kind: ChangeKind, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), text: text.into(), direction: Direction::Neutral }
    }

    pub(super) fn widened(self) -> Self {
        Self { direction: Direction::Widened, ..self }
    }

    pub(super) fn tightened(self) -> Self {
        Self { direction: Direction::Tightened, ..self }
    }

    /// Sets the direction from an amount that was and one that is; an absent one is `unbounded` or nothing.
    pub(super) fn directed<T: PartialOrd>(self, was: &T, is: &T) -> Self {
        if is > was {
            self.widened()
        } else if is < was {
            self.tightened()
        } else {
            self
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            ChangeKind::Added => '+',
            ChangeKind::Retired => '-',
            _ => '~',
        };
        write!(f, "{sign} {}", self.text)?;
        match self.direction {
            Direction::Widened => f.write_str(" (widened)"),
            Direction::Tightened => f.write_str(" (tightened)"),
            Direction::Neutral => Ok(()),
        }
    }
}
