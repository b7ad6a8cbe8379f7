//! What the room tells about itself: conditions with reasons, and the slices.

use std::collections::BTreeMap;

use adjutant_machine::life::revision::RevisionPhase;
use adjutant_spec::advice::Advice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    course::{Attempt, Course, Hold},
    mistake::MistakeView,
    plan::MissingSecret,
    wish::{Mode, Unreadable},
};

/// The source, as it is and as far as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Status {
    /// The place whose word counts: a folder, a commit, a remote branch, or `main` of the daemon's own repository.
    pub mode: Mode,
    /// The folder, address or repository that is followed.
    pub place: String,
    /// What the source wishes: the tree of its files of the language.
    pub desired: Option<String>,
    /// The last one that was tried, likewise.
    pub attempted: Option<String>,
    /// The revision of the source that it is: a commit, or the tree of uncommitted work.
    pub revision: Option<String>,
    /// The commit that it is, or is based on.
    pub commit: Option<String>,
    /// How far that came: `seen`, `checked`, `planned`, `applying`, `live`, `refused`, `held`, `superseded`.
    pub phase: Option<String>,
    /// The tree in force: equal to what is desired once all of that is in force.
    pub applied: Option<String>,
    /// What waits for the operator's yes.
    pub waits: Option<WaitsView>,
    /// Whether what is desired is in force and everything that it needs is there.
    pub ready: bool,
    /// The state of each resource.
    pub conditions: Vec<ConditionView>,
    /// What is wrong with the attempted revision, in the form of `check`.
    pub diagnostics: Vec<MistakeView>,
    /// Each slice of the company, with where what is in force of it comes from.
    pub slices: Vec<SliceView>,
    /// Why the source is not followed.
    pub hold: Option<Hold>,
    /// How many proposals wait for a yes or a no.
    #[serde(default)]
    pub proposals: u64,
    /// The commit that proposals are merged with: `main` of the company's own repository, told by who can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<String>,
}

/// A change that waits for the operator's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitsView {
    /// What the yes must name.
    pub token: String,
    /// Why it waits, one line each.
    pub because: Vec<String>,
    /// The command that says yes.
    pub next: String,
}

/// One condition of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConditionView {
    /// What the condition is about: `company`, `source`, `slice/<id>` or `connector/<id>`.
    pub resource: String,
    /// The kind of condition: `Ready`, `Reconciling`, `Stalled` or `Degraded`.
    pub condition: String,
    /// Whether the resource is in this condition.
    pub holds: bool,
    /// The cause as one word that never changes, for programs.
    pub reason: String,
    /// The cause in words for people.
    pub message: String,
    /// The revision that was looked at.
    pub revision: Option<String>,
}

impl ConditionView {
    /// Returns whether something is not as it should be: it is not ready, or it stands in the way.
    #[must_use]
    pub fn is_unmet(&self) -> bool {
        self.holds != (self.condition == "Ready")
    }

    /// Returns whether it is unmet and says what a screen does not say already: that tells why the company stands still (a hold,
    /// a change that waits for a yes, mistakes), or names these slices as held back. A mistake appears once.
    #[must_use]
    pub fn is_news(&self, is_company_told: bool, held: &[&str]) -> bool {
        let is_told = match self.resource.as_str() {
            "company" => self.condition == "Reconciling" || is_company_told,
            other => other.strip_prefix("slice/").is_some_and(|id| held.contains(&id)),
        };
        self.is_unmet() && !is_told
    }
}

/// How one slice of the company stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SliceView {
    /// The name that the slice is declared by.
    pub id: String,
    /// The revision that it comes from.
    pub applied: Option<String>,
    /// Why it is held back, where it is.
    pub held: Option<String>,
    /// What is wrong with the attempted one.
    #[serde(default)]
    #[schema(required)]
    pub diagnostics: Vec<MistakeView>,
}

/// What a status is made of.
pub(super) struct Facts<'a> {
    pub(super) mode: Mode,
    pub(super) place: &'a str,
    pub(super) desired: Option<&'a str>,
    pub(super) course: &'a Course,
    pub(super) applied: Option<&'a str>,
    pub(super) unreadable: Option<&'a Unreadable>,
    /// Why the last activation did not come through.
    pub(super) stalled: Option<&'a str>,
    pub(super) held: &'a BTreeMap<String, String>,
    pub(super) held_rows: &'a BTreeMap<String, Vec<MistakeView>>,
    pub(super) waits: Option<&'a WaitsView>,
    /// The slices that stay as they are until then.
    pub(super) waiting: &'a BTreeMap<String, String>,
    pub(super) remark: Option<&'a str>,
    pub(super) diagnostics: &'a [MistakeView],
    pub(super) secrets: &'a [MissingSecret],
    pub(super) slices: &'a BTreeMap<String, String>,
    pub(super) proposals: u64,
}

/// What is found of a resource: how it is, by a word for programs, and why in words for people.
struct Stand<'a> {
    condition: &'static str,
    reason: &'a str,
    message: String,
}

impl Facts<'_> {
    /// Returns the status that these facts amount to.
    pub(super) fn status(&self) -> Status {
        let attempt = self.course.attempt.as_ref();
        let mut conditions = vec![self.company(), self.source()];
        let stays = |word: &'static str| {
            move |(slice, why): (&String, &String)| {
                let stand = Stand { condition: "Degraded", reason: word, message: why.clone() };
                self.condition(&format!("slice/{slice}"), stand)
            }
        };
        conditions.extend(self.held.iter().map(stays("held_by_mistakes")));
        conditions.extend(self.waiting.iter().map(stays("waits_for_a_yes")));
        conditions.extend(self.secrets.iter().map(|secret| ConditionView {
            resource: format!("connector/{}", secret.connector),
            condition: "Ready".to_owned(),
            holds: false,
            reason: "secret_missing".to_owned(),
            message: format!(
                "secret \"{}\" is missing: type `{}`",
                secret.name,
                Advice::SecretsSet(&secret.name)
            ),
            revision: self.applied.map(str::to_owned),
        }));
        Status {
            mode: self.mode,
            place: self.place.to_owned(),
            desired: self.desired.map(str::to_owned),
            attempted: attempt.map(|attempt| attempt.tree.clone()),
            revision: attempt.map(|attempt| attempt.revision.clone()),
            commit: attempt.and_then(|attempt| attempt.commit.clone()),
            phase: attempt.map(|attempt| attempt.phase.word().to_owned()),
            applied: self.applied.map(str::to_owned),
            waits: self.waits.cloned(),
            ready: conditions.iter().all(|found| found.holds == (found.condition == "Ready")),
            conditions,
            diagnostics: self.diagnostics.to_vec(),
            slices: self.slice_rows(),
            hold: self.course.hold.clone(),
            proposals: self.proposals,
            main: None,
        }
    }

    /// The one condition of the company that matters most now.
    fn company(&self) -> ConditionView {
        let attempt = self.course.attempt.as_ref();
        let is_newer = |attempt: &&Attempt| self.desired.is_some_and(|desired| desired != attempt.tree);
        let phase = attempt.map(|attempt| &attempt.phase);
        let (condition, reason, message) = match (self.stalled, phase) {
            (Some(why), _) => ("Stalled", "activation_failed", why.to_owned()),
            (None, Some(_)) if attempt.as_ref().is_some_and(is_newer) => {
                let word = RevisionPhase::Seen.word();
                ("Reconciling", word, format!("the new revision is {word}"))
            }
            (None, None) if self.applied.is_none() => {
                ("Reconciling", "nothing_seen", "no revision was read yet".to_owned())
            }
            (None, None) => ("Ready", "in_force", "nothing has changed since the last start".to_owned()),
            (None, Some(RevisionPhase::Refused { reason })) => ("Stalled", "refused", reason.clone()),
            (None, Some(RevisionPhase::Held { reason })) => ("Stalled", "held", reason.clone()),
            (None, Some(RevisionPhase::Live)) => {
                ("Ready", "in_force", "all that the source says is in force".to_owned())
            }
            (None, Some(phase)) => {
                ("Reconciling", phase.word(), format!("the new revision is {}", phase.word()))
            }
        };
        self.condition("company", Stand { condition, reason, message })
    }

    fn source(&self) -> ConditionView {
        match self.unreadable {
            None => {
                let but =
                    self.remark.map_or_else(String::new, |remark| format!(", its history is not: {remark}"));
                let message = format!("{} is read{but}", self.place);
                self.condition("source", Stand { condition: "Ready", reason: "readable", message })
            }
            Some(problem) => {
                let hint = problem.hint.as_deref().map_or_else(String::new, |hint| format!("; {hint}"));
                let message = format!("{}{hint}; nothing was removed", problem.message);
                self.condition("source", Stand { condition: "Degraded", reason: &problem.code, message })
            }
        }
    }

    fn condition(&self, resource: &str, stand: Stand<'_>) -> ConditionView {
        let Stand { condition, reason, message } = stand;
        ConditionView {
            resource: resource.to_owned(),
            condition: condition.to_owned(),
            holds: true,
            reason: reason.to_owned(),
            message,
            revision: self.course.attempt.as_ref().map(|attempt| attempt.revision.clone()),
        }
    }

    fn slice_rows(&self) -> Vec<SliceView> {
        let mut ids: Vec<&String> =
            self.slices.keys().chain(self.held.keys()).chain(self.waiting.keys()).collect();
        ids.sort();
        ids.dedup();
        let rows = ids.into_iter().map(|id| SliceView {
            id: id.clone(),
            applied: self.slices.get(id).cloned(),
            held: self.held.get(id).or_else(|| self.waiting.get(id)).cloned(),
            diagnostics: self.held_rows.get(id).cloned().unwrap_or_default(),
        });
        rows.collect()
    }
}
