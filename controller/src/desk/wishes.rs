//! What somebody may wish: the command line and programs send these as JSON, forms and links are read into them.
//!
//! Fields are the contract of the operator's surface: they are only added to, and one that nobody knows is refused.

use std::{collections::BTreeMap, path::PathBuf};

use adjutant_machine::event::Settlement;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Refusal;
use crate::{
    reconcile,
    runtime::{ForAll, PauseScope, views::When},
};

/// A wish to start a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartWish {
    /// The id of the playbook that a run is started of.
    pub playbook: String,
    /// Its inputs by name.
    #[serde(default)]
    pub input: BTreeMap<String, Value>,
    /// The same key is the same run.
    #[serde(default)]
    pub key: Option<String>,
    /// Whether effects other than reads are only logged.
    #[serde(default)]
    pub dry: bool,
}

/// A wish to send a signal: to a run, or by a key to all that wait for it and to the playbooks that it triggers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendSignal {
    /// The signal's name.
    pub signal: String,
    /// The id of the run that is told.
    #[serde(default)]
    pub to: Option<String>,
    /// What those who wait for it know it by, such as the id of an invoice.
    #[serde(default)]
    pub key: Option<String>,
    /// What is sent with it.
    #[serde(default)]
    pub data: BTreeMap<String, Value>,
    /// Its id: the same one twice is one.
    #[serde(default)]
    pub id: Option<String>,
}

/// Why somebody steers a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reason {
    /// The reason in words; it stands in the log.
    pub reason: String,
}

/// A no, or the reason of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Because {
    /// The reason in words; it stands in the log, and may not be missing.
    pub reason: String,
}

/// A yes to taking a run back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackWish {
    /// The token that the preview showed.
    pub token: String,
    /// The reason in words; it stands in the log, and may not be missing.
    pub reason: String,
}

/// A wish to play a run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplayWish {
    /// Other values, by path: `input.budget`, or `steps.qualify.fit` for what a step was answered.
    #[schema(value_type = Object)]
    pub set: BTreeMap<String, Value>,
    /// The revision whose playbook decides, `applied` for the one in force; what the run pins when absent.
    pub to: Option<String>,
    /// Whether what was never answered is answered with a value of the right form, in place of stopping there.
    pub assume: bool,
}

/// A wish to try again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryWish {
    /// From this step; the failed one when absent.
    pub step: Option<String>,
    /// Values corrected by the operator, by path.
    pub edits: BTreeMap<String, Value>,
}

/// A yes to a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The digest of the card that was seen; eight characters are enough.
    pub digest: String,
    /// Values changed by the operator, by the path that the card shows.
    #[serde(default)]
    pub edits: BTreeMap<String, Value>,
    /// The values of the gate's form.
    #[serde(default)]
    pub form: Option<Value>,
    /// Why, for people.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A no to a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    /// Why: the run's record keeps it.
    pub reason: String,
    /// The digest of the card that was seen; the present one when absent: a no is safe for any card.
    #[serde(default)]
    pub digest: Option<String>,
}

/// How an effect is settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// `happened`, `did_not_happen`, `undo`, `drop`.
    pub how: How,
    /// Its answer, where it happened.
    #[serde(default)]
    pub value: Option<Value>,
    /// Why, for people: the log of the run keeps it.
    #[serde(default)]
    pub reason: Option<String>,
}

/// How everything is settled that one cause struck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleCause {
    /// `retry`, `undo`, `drop`.
    pub how: ForAll,
    /// The token that the cause was shown with.
    pub token: String,
    /// Why: the log of each run keeps it.
    pub reason: String,
}

/// The ways to settle an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The call was made, and the other side took it.
    Happened,
    /// It did not: try again.
    DidNotHappen,
    /// Take it back.
    Undo,
    /// Leave it and take the error edge.
    Drop,
}

impl From<How> for Settle {
    fn from(how: How) -> Self {
        Self { how, value: None, reason: None }
    }
}

impl Settle {
    /// Returns the machine's word for it.
    pub(super) fn settlement(self) -> Settlement {
        match self.how {
            How::Happened => {
                Settlement::Happened(self.value.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
            }
            How::DidNotHappen => Settlement::DidNotHappen,
            How::Undo => Settlement::Undo,
            How::Drop => Settlement::Drop,
        }
    }
}

/// Why a delivery is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DropWish {
    /// In words: its log keeps it.
    pub reason: String,
}

/// A pause of more than one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseWish {
    /// `everything`, `playbook:<id>`, `connector:<id>`.
    pub scope: String,
    /// The reason in words; it stands in the log and beside what is held back.
    #[serde(default)]
    pub reason: String,
    /// When it ends by itself, as RFC 3339; never when absent.
    #[serde(default)]
    pub until: Option<When>,
}

impl PauseWish {
    /// Reads `everything`, `playbook:<id>` or `connector:<id>`.
    pub(super) fn scope(&self) -> Result<PauseScope, Refusal> {
        self.scope.parse().map_err(|text| {
            Refusal::invalid(format!("nothing is paused by the name \"{text}\""))
                .help("say `everything`, `playbook:<id>` or `connector:<id>`")
        })
    }
}

/// What to plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanWish {
    /// The revision; what the source wishes when absent.
    pub to: Option<String>,
    /// How many recorded runs to decide again.
    pub simulate: Option<u32>,
}

/// A yes to a plan that waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmPlan {
    /// The token that the plan showed.
    pub token: String,
}

/// A wish to propose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProposal {
    /// What it changes, in one line.
    pub title: String,
    /// Why it is proposed, for whoever decides.
    #[serde(default)]
    pub reason: Option<String>,
    /// One open proposal for each author and topic; `main` when absent.
    #[serde(default)]
    pub topic: Option<String>,
    /// A commit or branch that the source can resolve; or
    #[serde(default)]
    pub head: Option<String>,
    /// a patch in unified form.
    #[serde(default)]
    pub patch: Option<String>,
}

impl TryFrom<NewProposal> for reconcile::NewProposal {
    type Error = Refusal;

    fn try_from(wish: NewProposal) -> Result<Self, Refusal> {
        let source = match (wish.head, wish.patch) {
            (Some(head), None) => reconcile::ProposalSource::Head(head),
            (None, Some(patch)) => reconcile::ProposalSource::Patch(patch),
            (Some(_), Some(_)) => {
                return Err(Refusal::invalid("a proposal has a head or a patch, not both"));
            }
            (None, None) => {
                return Err(Refusal::invalid("a proposal has nothing in it")
                    .help("give a commit as `head`, or a diff as `patch`"));
            }
        };
        let topic = wish.topic.unwrap_or_else(|| "main".to_owned());
        Ok(Self { title: wish.title, reason: wish.reason, topic, source, evidence: Value::Null })
    }
}

/// A yes to a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveProposal {
    /// The digest that was shown.
    pub digest: String,
}

/// Where to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RevertWish {
    /// The revision; the one before the present one when absent.
    pub to: Option<String>,
}

/// Where a copy of the store goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupWish {
    /// A new folder on the daemon's machine, from the root.
    #[schema(value_type = String)]
    pub folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use crate::desk::CorrectWish;

    #[test]
    fn a_correction_names_a_class_or_says_that_it_is_none() {
        let read = |text| serde_json::from_str::<CorrectWish>(text);
        assert_eq!(read(r#"{"step": "sort", "class": null}"#).unwrap().class, None);
        assert!(read(r#"{"step": "sort"}"#).is_err());
    }
}
