//! Findings: what does not hold, with its key; and why a play stopped before its end.

use adjutant_spec::scenario::Finding;

use crate::host::Broken;

/// Why a play stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// What happened and what the scenario says do not go together.
    Scenario,
    /// A run goes on, and nothing ends it.
    Endless,
    /// A promise of ours does not hold.
    OurBug,
}

/// A play that stopped before its end.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) why: Why,
    pub(super) finding: Finding,
}

impl Stop {
    /// Returns the stop of a play in which a run goes on that nothing ends.
    pub(super) fn endless(message: String) -> Box<Self> {
        Box::new(Self { why: Why::Endless, finding: finding("playbook", message) })
    }

    /// Returns the stop of a play in which a promise of ours does not hold.
    pub(super) fn our_bug(message: &str) -> Box<Self> {
        Box::new(Self { why: Why::OurBug, finding: our_bug(message) })
    }
}

impl From<Finding> for Box<Stop> {
    fn from(finding: Finding) -> Self {
        Self::new(Stop { why: Why::Scenario, finding })
    }
}

impl From<Broken> for Box<Stop> {
    fn from(broken: Broken) -> Self {
        Stop::our_bug(&broken.to_string())
    }
}

/// Returns a finding at a key.
pub(super) fn finding(key: &str, message: String) -> Finding {
    let label = "does not hold".to_owned();
    Finding { key: key.to_owned(), message, label, help: "`adjutant test` shows what happened".to_owned() }
}

/// Returns the finding that a promise of ours does not hold.
pub(super) fn our_bug(message: &str) -> Finding {
    let help = "this is a mistake of Adjutant, not of yours: please report it with this file".to_owned();
    Finding { help, ..finding("playbook", format!("a promise of ours does not hold: {message}")) }
}
