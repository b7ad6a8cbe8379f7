//! What the reconciler has before it: the durable course, the proposals, what is in force, and the candidate at hand.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    id::Stamp,
    life::revision::{RevisionEvent, RevisionPhase},
};
use adjutant_spec::plan::Plan;

use super::{
    Error,
    course::{Attempt, Course, Entry, What},
    files::Manifest,
    in_force::InForce,
    judge::{self, Judged},
    mistake::MistakeView,
    plan::{Artefact, missing_secrets},
    proposal::Book,
    status::{Facts, Status, WaitsView},
    store::Kept,
    wish::{Candidate, Unreadable},
};

/// Everything that changes, under one lock: of two that decide at the same time the second sees what the first did. It is held
/// across an activation, so nothing that belongs to a stranger is read, merged or judged under it.
pub(super) struct Board {
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
    /// The last decision that left nothing to do; absent where one did.
    pub(super) settled: Option<Settled>,
}

impl Board {
    /// Returns the board of a process that begins on what the store remembers.
    pub(super) fn new(course: Kept<Course>, book: Book, in_force: InForce) -> Self {
        Self {
            course,
            book,
            last: None,
            wished: None,
            unreadable: None,
            stalled: None,
            in_force,
            judged: None,
            settled: None,
        }
    }
}

/// What a decision was made from that left nothing to do: from the same, nothing else can come.
pub(super) struct Settled {
    pub(super) candidate: Candidate,
    /// What was in force, by its files.
    pub(super) manifest: Manifest,
    /// What it amounted to: another build may read the same files otherwise.
    pub(super) plan: Arc<Plan>,
}

/// What the last check told, for the status.
#[derive(Default)]
pub(super) struct LastCheck {
    pub(super) diagnostics: Vec<MistakeView>,
    pub(super) held: BTreeMap<String, String>,
    pub(super) held_rows: BTreeMap<String, Vec<MistakeView>>,
    /// What waits for the operator's yes, and the slices that stay as they are until then.
    pub(super) waits: Option<WaitsView>,
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

impl Board {
    /// Returns the status that the board amounts to.
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

    /// Returns whether nothing is left to do for a candidate, because nothing is new since that was found out: neither the reading
    /// itself, whose files are the very same in memory, nor what is in force.
    pub(super) fn is_settled(&self, candidate: &Candidate, live: Option<&Arc<Plan>>) -> bool {
        let is_same = |settled: &Settled| {
            Arc::ptr_eq(&settled.candidate.files, &candidate.files)
                && settled.candidate == *candidate
                && settled.manifest == self.in_force.manifest
                && live.is_some_and(|live| Arc::ptr_eq(live, &settled.plan))
        };
        self.settled.as_ref().is_some_and(is_same)
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

#[cfg(test)]
mod tests {
    use adjutant_company::{DONE, company};

    use super::*;

    /// A board on which everything that is wished is in force.
    fn settled() -> Board {
        let files = company(&[("playbooks/hello.toml", DONE)]);
        let plan = Arc::new(adjutant_company::plan(&files));
        let in_force = InForce::of(files, "t".to_owned());
        let candidate = Candidate {
            revision: "r".to_owned(),
            commit: None,
            title: "one".to_owned(),
            files: Arc::clone(&in_force.files),
            uncommitted: Vec::new(),
            remark: None,
        };
        let manifest = in_force.manifest.clone();
        let settled = Some(Settled { candidate, manifest, plan });
        Board { settled, ..Board::new(Kept::default(), Book::default(), in_force) }
    }

    #[test]
    fn the_same_again_is_settled_and_anything_new_is_decided_on() {
        let mut board = settled();
        let Settled { candidate, plan: live, .. } = board.settled.as_ref().unwrap();
        let (candidate, live) = (candidate.clone(), Arc::clone(live));
        assert!(board.is_settled(&candidate, Some(&live)));
        let other_commit = Candidate { commit: Some("c".to_owned()), ..candidate.clone() };
        assert!(!board.is_settled(&other_commit, Some(&live)));
        let read_again = Candidate { files: Arc::new((*candidate.files).clone()), ..candidate.clone() };
        assert!(!board.is_settled(&read_again, Some(&live)), "other bytes in memory may be other files");
        let other_build = Arc::new((*live).clone());
        assert!(!board.is_settled(&candidate, Some(&other_build)), "somebody else put a plan in force");
        assert!(!board.is_settled(&candidate, None));
        board.in_force = InForce::of(company(&[]), "u".to_owned());
        assert!(!board.is_settled(&candidate, Some(&live)), "it was reverted");
    }
}
