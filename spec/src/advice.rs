//! What to type next, as data: a hint that is made here names a command that exists, with all that it needs.
//!
//! The command line has a test that gives each of them to its parser; so a command that is renamed takes its hints
//! along, or the build says which one it left behind.

use std::fmt::{self, Display, Formatter};

use crate::shown;

/// A command for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice<'a> {
    /// Approve a gate by the digest that its card shows.
    Approve {
        /// The id of the gate.
        gate: &'a str,
        /// The digest, or its beginning.
        digest: &'a str,
    },
    /// Approve a proposal by its digest.
    ApproveProposal {
        /// The id of the proposal.
        proposal: &'a str,
        /// The digest that was shown, or its beginning.
        digest: &'a str,
    },
    /// Verify the store.
    AuditVerify,
    /// Check the company repository.
    Check,
    /// Say yes to the plan that waits for it.
    ConfirmPlan(&'a str),
    /// List what failed for good and what nobody can tell.
    Dead,
    /// Leave an effect and go on without it.
    DeadDrop(&'a str),
    /// Try an effect again.
    DeadRetry(&'a str),
    /// Take an effect back.
    DeadUndo(&'a str),
    /// Refuse a gate.
    Deny(&'a str),
    /// The connectors, with what their hooks were told.
    Connectors,
    /// List what came in and starts nothing yet.
    Deliveries,
    /// Shows one delivery with its content.
    Delivery(&'a str),
    /// Let an open delivery go.
    DeliveryDrop(&'a str),
    /// Try an open delivery again.
    DeliveryStart(&'a str),
    /// An effect did not happen.
    DidNotHappen(&'a str),
    /// Compare a proposal with what is there.
    DiffProposal(&'a str),
    /// Everything that a proposal changes, however long.
    DiffProposalFull(&'a str),
    /// An effect happened.
    Happened(&'a str),
    /// Follow the source again.
    HoldRelease,
    /// List what waits for a person.
    Inbox,
    /// End a run at once.
    Kill(&'a str),
    /// The entries of a run or another instance.
    Log(&'a str),
    /// One proposal.
    Proposal(&'a str),
    /// List proposals.
    Proposals,
    /// Refuse a proposal.
    RefuseProposal(&'a str),
    /// Let a run go on that was set aside.
    Release(&'a str),
    /// How long what is kept.
    Retention,
    /// What failed or is in doubt, by its cause.
    DeadCauses,
    /// Deal with everything that one cause struck.
    DeadAll {
        /// The cause.
        cause: &'a str,
        /// What is done with each: `retry`, `did-not-happen`, `undo`, `drop`.
        how: &'a str,
        /// What it was shown with.
        token: &'a str,
    },
    /// Try a failed run again.
    Retry(&'a str),
    /// Put the revision in force again that was before.
    Revert,
    /// Show what taking a run back would come to.
    Rollback(&'a str),
    /// Take a run back, as a preview showed it.
    RollbackConfirm {
        /// The run.
        run: &'a str,
        /// The token of the preview.
        token: &'a str,
    },
    /// One run.
    Run(&'a str),
    /// List runs.
    Runs,
    /// Store a secret.
    SecretsSet(&'a str),
    /// The card of a gate.
    Show(&'a str),
    /// How everything is.
    Status,
    /// Follow a run.
    Watch(&'a str),
    /// Why something is as it is.
    Why(&'a str),
}

impl Display for Advice<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approve { gate, digest } => {
                write!(to, "adjutant approve {} --digest {}", word(gate), word(digest))
            }
            Self::ApproveProposal { proposal, digest } => {
                write!(to, "adjutant proposals {} approve --digest {}", word(proposal), word(digest))
            }
            Self::AuditVerify => to.write_str("adjutant audit verify"),
            Self::Check => to.write_str("adjutant check"),
            Self::ConfirmPlan(token) => write!(to, "adjutant plan --confirm {}", word(token)),
            Self::Dead => to.write_str("adjutant dead"),
            Self::DeadDrop(effect) => write!(to, "adjutant dead drop {}", word(effect)),
            Self::DeadRetry(effect) => write!(to, "adjutant dead retry {}", word(effect)),
            Self::DeadUndo(effect) => write!(to, "adjutant dead undo {}", word(effect)),
            Self::Connectors => to.write_str("adjutant connectors"),
            Self::Deliveries => to.write_str("adjutant deliveries"),
            Self::Delivery(id) => write!(to, "adjutant deliveries {}", word(id)),
            Self::DeliveryDrop(id) => write!(to, "adjutant deliveries drop {} -m WHY", word(id)),
            Self::DeliveryStart(id) => write!(to, "adjutant deliveries start {}", word(id)),
            Self::Deny(gate) => write!(to, "adjutant deny {} -m WHY", word(gate)),
            Self::DidNotHappen(effect) => {
                write!(to, "adjutant dead settle {} --did-not-happen", word(effect))
            }
            Self::DiffProposal(proposal) => write!(to, "adjutant proposals {} diff", word(proposal)),
            Self::DiffProposalFull(proposal) => {
                write!(to, "adjutant proposals {} diff --full", word(proposal))
            }
            Self::Happened(effect) => write!(to, "adjutant dead settle {} --happened", word(effect)),
            Self::HoldRelease => to.write_str("adjutant hold --release"),
            Self::Inbox => to.write_str("adjutant inbox"),
            Self::Kill(run) => write!(to, "adjutant kill {}", word(run)),
            Self::Log(id) => write!(to, "adjutant log {}", word(id)),
            Self::Proposal(proposal) => write!(to, "adjutant proposals {}", word(proposal)),
            Self::Proposals => to.write_str("adjutant proposals"),
            Self::RefuseProposal(proposal) => {
                write!(to, "adjutant proposals {} refuse -m WHY", word(proposal))
            }
            Self::Release(run) => write!(to, "adjutant release {}", word(run)),
            Self::DeadCauses => to.write_str("adjutant dead causes"),
            Self::DeadAll { cause, how, token } => {
                write!(to, "adjutant dead all {} {} --token {} -m WHY", word(cause), word(how), word(token))
            }
            Self::Retention => to.write_str("adjutant retention"),
            Self::Retry(run) => write!(to, "adjutant retry {}", word(run)),
            Self::Revert => to.write_str("adjutant revert"),
            Self::Rollback(run) => write!(to, "adjutant rollback {}", word(run)),
            Self::RollbackConfirm { run, token } => {
                write!(to, "adjutant rollback {} --confirm {} -m WHY", word(run), word(token))
            }
            Self::Run(run) => write!(to, "adjutant runs {}", word(run)),
            Self::Runs => to.write_str("adjutant runs"),
            Self::SecretsSet(name) => write!(to, "adjutant secrets set {}", word(name)),
            Self::Show(gate) => write!(to, "adjutant show {}", word(gate)),
            Self::Status => to.write_str("adjutant status"),
            Self::Watch(run) => write!(to, "adjutant watch {}", word(run)),
            Self::Why(id) => write!(to, "adjutant why {}", word(id)),
        }
    }
}

impl From<Advice<'_>> for String {
    fn from(advice: Advice<'_>) -> Self {
        advice.to_string()
    }
}

impl Advice<'_> {
    /// Returns one of each, with values that fit: for the test of the command line.
    #[must_use]
    pub fn samples() -> Vec<Advice<'static>> {
        const RUN: &str = "inbound-b7n4m1kj";
        const GATE: &str = "inbound-b7n4m1kj.approve";
        const EFFECT: &str = "inbound-b7n4m1kj.7.0";
        const PROPOSAL: &str = "p-3";
        vec![
            Advice::Approve { gate: GATE, digest: "0123456789ab" },
            Advice::ApproveProposal { proposal: PROPOSAL, digest: "0123456789ab" },
            Advice::AuditVerify,
            Advice::Check,
            Advice::ConfirmPlan("0123456789ab"),
            Advice::Dead,
            Advice::DeadDrop(EFFECT),
            Advice::DeadRetry(EFFECT),
            Advice::DeadUndo(EFFECT),
            Advice::Connectors,
            Advice::Deliveries,
            Advice::Delivery("website-abcdefghijklmnop"),
            Advice::DeliveryDrop("website-abcdefghijklmnop"),
            Advice::DeliveryStart("website-abcdefghijklmnop"),
            Advice::Deny(GATE),
            Advice::DidNotHappen(EFFECT),
            Advice::DiffProposal(PROPOSAL),
            Advice::DiffProposalFull(PROPOSAL),
            Advice::Happened(EFFECT),
            Advice::HoldRelease,
            Advice::Inbox,
            Advice::Kill(RUN),
            Advice::Log("revision/source"),
            Advice::Proposal(PROPOSAL),
            Advice::Proposals,
            Advice::RefuseProposal(PROPOSAL),
            Advice::Release(RUN),
            Advice::DeadCauses,
            Advice::DeadAll { cause: "0123abcd", how: "retry", token: "4567cdef" },
            Advice::Retention,
            Advice::Retry(RUN),
            Advice::Revert,
            Advice::Rollback(RUN),
            Advice::RollbackConfirm { run: RUN, token: "0123456789abcdef" },
            Advice::Run(RUN),
            Advice::Runs,
            Advice::SecretsSet("smtp"),
            Advice::Show(GATE),
            Advice::Status,
            Advice::Watch(RUN),
            Advice::Why(RUN),
        ]
    }
}

/// A value as one word of a shell: an id is one, and whatever is none can neither end the command nor begin another.
fn word(value: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "-_.:/@+#%=,".contains(one);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", shown::line(value).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_one_word() {
        for (value, command) in [
            ("r-1.2.0", "adjutant why r-1.2.0"),
            ("x; rm -rf ~", "adjutant why 'x; rm -rf ~'"),
            ("it's", "adjutant why 'it'\\''s'"),
            ("a\n\u{1b}[2Jb", "adjutant why 'a\\n\\u{1b}[2Jb'"),
            ("", "adjutant why ''"),
        ] {
            assert_eq!(Advice::Why(value).to_string(), command);
        }
    }

    #[test]
    fn each_advice_has_a_sample() {
        let mut first: Vec<String> = Advice::samples().iter().map(ToString::to_string).collect();
        let count = first.len();
        first.sort();
        first.dedup();
        assert_eq!(first.len(), count);
    }
}
