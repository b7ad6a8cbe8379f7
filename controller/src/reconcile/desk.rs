//! What the reconciler has on its desk: the durable course, the proposals, what is in force, and the candidate at hand.

use std::collections::BTreeMap;

use adjutant_machine::{
    id::Stamp,
    life::revision::{RevisionEvent, RevisionPhase},
};
use adjutant_spec::plan::Plan;
use serde_json::Value;

use super::{
    Error,
    course::{Attempt, Course, Entry, What},
    in_force::InForce,
    judge::{self, Judged},
    plan::{Artefact, missing_secrets},
    proposal::Book,
    status::{Facts, Status, Waits},
    store::Kept,
    wish::{Candidate, Unreadable},
};

/// Everything that changes, under one lock: of two that decide at the same time the second sees what the first did. It is held
/// across an activation, so nothing that belongs to a stranger is read, merged or judged under it.
pub(super) struct Desk {
    pub(super) course: Kept<Course>,
    pub(super) book: Book,
    /// The last complete reading of the source.
    pub(super) last: Option<Candidate>,
    /// The tree of its files of the language: what the source wishes, by the same name that what is in force has.
    pub(super) wished: Option<String>,
    pub(super) unreadable: Option<Unreadable>,
    pub(super) stalled: Option<String>,
    pub(super) in_force: InForce,
    pub(super) judged: Option<LastCheck>,
}

/// What the last check told, for the status.
#[derive(Default)]
pub(super) struct LastCheck {
    pub(super) diagnostics: Vec<Value>,
    pub(super) held: BTreeMap<String, String>,
    pub(super) held_rows: BTreeMap<String, Vec<Value>>,
    /// What waits for the operator's yes, and the slices that stay as they are until then.
    pub(super) waits: Option<Waits>,
    pub(super) waiting: BTreeMap<String, String>,
}

/// What is to be done with a candidate.
pub(super) enum Fate {
    Refuse(String),
    /// It stays out until the hold ends, or until the operator confirms it.
    Hold {
        plan: Artefact,
        reason: String,
    },
    Nothing {
        plan: Artefact,
    },
    Activate {
        plan: Artefact,
    },
}

/// Entries that are gathered until one batch takes them.
pub(super) struct Draft {
    pub(super) course: Course,
    pub(super) entries: Vec<Entry>,
    pub(super) at: Stamp,
    pub(super) by: String,
}

impl Draft {
    pub(super) fn note(&mut self, what: What) -> Result<(), Error> {
        if !self.course.apply(&what) {
            return Err(Error::Bug(format!("the revision's life refuses {what:?}")));
        }
        self.entries.push(Entry { at: self.at, by: self.by.clone(), what });
        Ok(())
    }

    pub(super) fn life(&mut self, event: RevisionEvent) -> Result<(), Error> {
        self.note(What::Life(event))
    }
}

impl Desk {
    /// Returns the status that the desk amounts to.
    pub(super) fn status(&self, settings: &super::Settings) -> Status {
        let none = LastCheck::default();
        let told = self.judged.as_ref().unwrap_or(&none);
        let plan = settings.handle.plan();
        let nothing = BTreeMap::new();
        Facts {
            mode: settings.mode,
            place: &settings.place,
            desired: self.wished.as_deref(),
            remark: self.last.as_ref().and_then(|last| last.remark.as_deref()),
            course: &self.course.state,
            applied: self.in_force.tree.as_deref(),
            unreadable: self.unreadable.as_ref(),
            stalled: self.stalled.as_deref(),
            held: &told.held,
            held_rows: &told.held_rows,
            waits: told.waits.as_ref(),
            waiting: &told.waiting,
            diagnostics: &told.diagnostics,
            secrets: &plan.as_deref().map(missing_secrets).unwrap_or_default(),
            slices: self.course.state.last_good().map_or(&nothing, |good| &good.slices),
            proposals: self.book.undecided(),
        }
        .status()
    }

    /// Returns whether the candidate brought what is in force.
    pub(super) fn is_from(&self, candidate: &Candidate) -> bool {
        let last = self.course.state.last_good();
        last.is_some_and(|good| {
            good.revision == candidate.revision && Some(&good.tree) == self.in_force.tree.as_ref()
        })
    }

    /// Returns the revision that each slice would come from.
    pub(super) fn slices(
        &self,
        candidate: &Candidate,
        judged: &Judged,
        plan: &Plan,
    ) -> BTreeMap<String, String> {
        let moved = judge::moved(&self.in_force.files, &judged.files);
        let before = self.course.state.last_good().map(|good| &good.slices);
        let row = |id: &String| {
            let stays = !moved.contains(id) || judged.held.contains_key(id);
            let known = before.and_then(|slices| slices.get(id)).filter(|_| stays);
            (id.clone(), known.unwrap_or(&candidate.revision).clone())
        };
        plan.slices.keys().map(row).collect()
    }
}

/// By what a candidate is told from the one before it.
pub(super) struct CandidateKey {
    /// The tree of what is wished.
    pub(super) tree: String,
    /// The digest of the candidate's files, with those that stay behind.
    pub(super) files: String,
}

/// Notes how far a candidate comes, unless that is what is known already.
pub(super) fn note(
    draft: &mut Draft,
    candidate: &Candidate,
    key: &CandidateKey,
    fate: &Fate,
) -> Result<(), Error> {
    let CandidateKey { tree, files } = key;
    let attempt = draft.course.attempt.as_ref();
    let is_known = |known: &&Attempt| {
        known.revision == candidate.revision && known.files == *files && known.tree == *tree
    };
    let known = attempt.filter(is_known);
    if known.is_some_and(|known| fate.is_reached(&known.phase)) {
        return Ok(());
    }
    match (known.is_some(), attempt.is_some()) {
        (true, _) => draft.life(RevisionEvent::Again)?,
        (false, is_newer) => {
            if is_newer {
                draft.life(RevisionEvent::Newer { by: candidate.revision.clone() })?;
            }
            draft.note(What::Attempted(Attempt {
                revision: candidate.revision.clone(),
                tree: tree.clone(),
                commit: candidate.commit.clone(),
                title: candidate.title.clone(),
                files: files.clone(),
                phase: RevisionPhase::Seen,
            }))?;
        }
    }
    fate.events().into_iter().try_for_each(|event| draft.life(event))
}

impl Fate {
    fn is_reached(&self, phase: &RevisionPhase) -> bool {
        match (self, phase) {
            (Self::Refuse(reason), RevisionPhase::Refused { reason: known })
            | (Self::Hold { reason, .. }, RevisionPhase::Held { reason: known }) => reason == known,
            (Self::Nothing { .. }, phase) => *phase == RevisionPhase::Live,
            _ => false,
        }
    }

    fn events(&self) -> Vec<RevisionEvent> {
        let planned = |plan: &Artefact| {
            vec![RevisionEvent::CheckPassed, RevisionEvent::Planned { plan: plan.id.clone() }]
        };
        match self {
            Self::Refuse(reason) => vec![RevisionEvent::CheckFailed { reason: reason.clone() }],
            Self::Hold { plan, reason } => {
                let mut events = planned(plan);
                events.push(RevisionEvent::Withheld { reason: reason.clone() });
                events
            }
            Self::Nothing { plan } => {
                let mut events = planned(plan);
                events.extend([RevisionEvent::Begun, RevisionEvent::Activated]);
                events
            }
            Self::Activate { plan } => planned(plan),
        }
    }
}
