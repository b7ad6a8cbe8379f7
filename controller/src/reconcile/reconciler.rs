//! The reconciler: one candidate at a time, from the look at it until it is in force, refused or held.
//!
//! Everything that decides runs under one lock; readers take the status from a channel and never wait for a check.

use std::{sync::Arc, time::Duration};

use adjutant_machine::life::revision::RevisionEvent;
use adjutant_spec::{files::FileSet, plan::Plan};
use tokio::sync::{Mutex, watch};

use super::{
    Error,
    board::{Board, CandidateKey, Draft, Fate, LastCheck, Settled, note},
    course::{Course, Good, What},
    files,
    in_force::InForce,
    judge::{Judge, Judged},
    plan::{self, Artefact},
    plays::Plays,
    proposal::{Book, Looks},
    repository::Commit,
    settings::Settings,
    status::{Status, WaitsView},
    store::{self, Change, Kept, blocking},
    wish::{Candidate, Mode, Seen},
};
use crate::runtime::{self, Activation, Story, views::Lineage};

/// How often a candidate is planned again because something else came into force.
const MOST_TRIES: u32 = 5;
/// How often a revision that waits for a yes is looked at again.
const WAITING: Duration = Duration::from_secs(20);
/// The first and the longest pause after a failure that may pass.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The door to the room: a cheap clone.
#[derive(Clone)]
pub struct Reconciler {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) board: Mutex<Board>,
    pub(super) looks: Looks,
    pub(super) judge: Arc<Judge>,
    pub(super) plays: Arc<Plays>,
    pub(super) status: watch::Sender<Status>,
}

impl Reconciler {
    /// Opens the room on what the store remembers; nothing is activated yet.
    ///
    /// # Errors
    /// [`Error::Runtime`] where the store cannot be read.
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        let Remembered { course, in_force } = read_in_force(&settings).await?;
        let journal = Arc::clone(&settings.journal);
        let book = blocking(move || Book::load(journal.as_ref())).await?;
        let board = Board::new(course, book, in_force);
        let status = watch::Sender::new(board.status(&settings));
        let (looks, judge, plays) = (Looks::default(), Arc::new(Judge::default()), Arc::default());
        Ok(Self {
            inner: Arc::new(Inner { settings, board: Mutex::new(board), looks, judge, plays, status }),
        })
    }

    /// Follows the source until it ends: the latest observation wins, and what may pass is tried again.
    pub async fn follow<T>(&self, mut observations: watch::Receiver<Option<T>>, seen: impl Fn(&T) -> Seen) {
        let mut pause = FIRST_PAUSE;
        loop {
            let now = observations.borrow_and_update().as_ref().map(&seen);
            let outcome = match now {
                Some(now) => self.observe(now).await,
                None => Ok(()),
            };
            let is_over = match outcome {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    // A yes is needed for the sake of live runs: once they have ended it goes on by itself.
                    let patience = if self.status().waits.is_some() { WAITING } else { Duration::MAX };
                    matches!(tokio::time::timeout(patience, observations.changed()).await, Ok(Err(_)))
                }
                Err(error) => {
                    tracing::warn!(%error, "a revision could not be activated, trying again");
                    let changed = tokio::time::timeout(pause, observations.changed()).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    matches!(changed, Ok(Err(_)))
                }
            };
            if is_over {
                return;
            }
        }
    }

    /// Takes in what a look at the source found, and brings it in force as far as it can be.
    ///
    /// # Errors
    /// Only what may pass, such as a store that is busy; a candidate with mistakes is no error.
    pub async fn observe(&self, seen: Seen) -> Result<(), Error> {
        let mut board = self.inner.board.lock().await;
        let outcome = match seen {
            Seen::Unreadable(problem) => {
                tracing::warn!(code = problem.code, message = problem.message, "the source cannot be read");
                board.unreadable = Some(problem);
                Ok(())
            }
            Seen::Candidate(candidate) => {
                board.unreadable = None;
                let outcome = self.wish(&mut board, candidate).await;
                self.finish_approvals(&mut board).await;
                outcome
            }
        };
        self.publish(&board);
        outcome
    }

    /// Returns how many candidates were checked so far.
    #[cfg(test)]
    pub(crate) fn checks(&self) -> usize {
        self.inner.judge.checks.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Returns what the room tells about itself.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.status.borrow().clone()
    }

    /// Returns a receiver of the status; for `up --once` and tests.
    #[must_use]
    pub fn statuses(&self) -> watch::Receiver<Status> {
        self.inner.status.subscribe()
    }

    /// Judges a candidate over what is in force; what was judged a while ago is known.
    pub(super) async fn judge(&self, base: &InForce, files: Arc<FileSet>) -> Result<Arc<Judged>, Error> {
        let (mode, base, judge) = (self.inner.settings.mode, base.clone(), Arc::clone(&self.inner.judge));
        blocking(move || Ok(judge.judge(mode, &base, &files))).await
    }

    /// Takes a reading of the source as what is wished, and brings it in force as far as it can be.
    pub(super) async fn wish(&self, board: &mut Board, candidate: Candidate) -> Result<(), Error> {
        // A commit names more than the company's files, and uncommitted work has no commit: what is wished and what is in
        // force are compared by the tree of those files alone.
        let tree = self.keep_tree(&candidate.files).await;
        let is_settled = board.is_settled(&candidate, self.inner.settings.handle.plan().as_ref());
        board.last = Some(candidate.clone());
        board.wished = tree.as_ref().ok().cloned();
        board.stalled = tree.as_ref().err().map(ToString::to_string);
        tree?;
        // A look without news is the usual one, and a company may have ten thousand files.
        if is_settled {
            self.mirror(&candidate).await;
            return self.settle_proposals(board).await;
        }
        // Whoever reads the status meanwhile finds that something is wished that is not in force yet, never the other way round.
        self.publish(board);
        self.reconcile(board).await
    }

    /// Brings the last candidate in force, as far as it can be.
    pub(super) async fn reconcile(&self, board: &mut Board) -> Result<(), Error> {
        let Some(candidate) = board.last.clone() else { return Ok(()) };
        let mut outcome = Ok(());
        for _ in 0..MOST_TRIES {
            let attempted = self.attempt(board, &candidate).await;
            match &attempted {
                Ok(Attempted::Partly) => {}
                Err(error) if error.has_moved() => self.look_again(board).await?,
                Ok(Attempted::Wholly) | Err(_) => {
                    outcome = attempted.map(drop);
                    break;
                }
            }
            outcome = attempted.map(drop);
        }
        board.stalled = outcome.as_ref().err().map(ToString::to_string);
        outcome?;
        self.mirror(&candidate).await;
        self.settle_proposals(board).await
    }

    /// Reads what is in force anew: somebody else was faster, or the last batch of this room did not come through.
    async fn look_again(&self, board: &mut Board) -> Result<(), Error> {
        let Remembered { course, in_force } = read_in_force(&self.inner.settings).await?;
        (board.course, board.in_force) = (course, in_force);
        Ok(())
    }

    async fn attempt(&self, board: &mut Board, candidate: &Candidate) -> Result<Attempted, Error> {
        let judged = self.judge(&board.in_force, Arc::clone(&candidate.files)).await?;
        let fate = self.decide(board, candidate, &judged).await?;
        board.judged = Some(LastCheck {
            diagnostics: judged.diagnostics.clone(),
            held: judged.held_lines(),
            held_rows: judged.held.clone(),
            ..LastCheck::default()
        });
        let mut draft = self.draft(board, "source");
        if let Some(hold) = &board.course.state.hold
            && hold.ends_itself
            && judged.manifest == board.in_force.manifest
        {
            draft.note(What::Released)?;
        }
        let key = CandidateKey { tree: self.wished(board)?, files: judged.attempted.clone() };
        board.settled = None;
        match &fate {
            Fate::Refuse(reason) => {
                tracing::warn!(revision = candidate.revision, reason, "revision refused");
            }
            Fate::Hold { plan, reason } => {
                if let Some(part) = self.tell_waiting(board, candidate, plan).await?
                    && let Some(plan) = self.artefact(&board.in_force, &candidate.revision, &part).await?
                {
                    let fate = Fate::Activate { plan: plan.clone() };
                    note(&mut draft, candidate, &key, &fate)?;
                    let work = Work { candidate, judged: &part, plan: &plan, is_all: false };
                    self.carry_out(board, draft, work).await?;
                    return Ok(Attempted::Partly);
                }
                tracing::info!(revision = candidate.revision, reason, "revision held");
            }
            Fate::Nothing { .. } => {}
            Fate::Activate { plan } => {
                note(&mut draft, candidate, &key, &fate)?;
                let work = Work { candidate, judged: &judged, plan, is_all: true };
                return self.carry_out(board, draft, work).await.map(|()| Attempted::Wholly);
            }
        }
        note(&mut draft, candidate, &key, &fate)?;
        self.commit(board, draft).await?;
        if let Fate::Nothing { .. } = fate {
            let (candidate, manifest) = (candidate.clone(), board.in_force.manifest.clone());
            let plan = self.inner.settings.handle.plan();
            board.settled = plan.map(|plan| Settled { candidate, manifest, plan });
        }
        Ok(Attempted::Wholly)
    }

    /// Says what waits for the operator's yes; returns the part of the candidate that needs none and is not in force yet.
    async fn tell_waiting(
        &self,
        board: &mut Board,
        candidate: &Candidate,
        plan: &Artefact,
    ) -> Result<Option<Arc<Judged>>, Error> {
        let Some(confirm) = plan.confirm.clone().filter(|_| board.course.state.hold.is_none()) else {
            return Ok(None);
        };
        let waits =
            WaitsView { next: plan::yes(&confirm.token), token: confirm.token, because: confirm.because };
        let part = match self.inner.settings.mode {
            Mode::Push => None,
            Mode::Worktree | Mode::Commit | Mode::Remote => self.part(board, candidate).await?,
        };
        let why = format!("waits for your yes ({}): `{}`", waits.because.join("; "), waits.next);
        if let Some(told) = &mut board.judged {
            told.waits = Some(waits);
            let waiting = part.iter().flat_map(|part| part.waiting.iter());
            told.waiting = waiting.map(|slice| (slice.clone(), why.clone())).collect();
        }
        let part = part.map(|part| part.judged);
        Ok(part.filter(|judged| judged.manifest != board.in_force.manifest))
    }

    /// Returns the tree of what is wished.
    fn wished(&self, board: &Board) -> Result<String, Error> {
        board
            .wished
            .clone()
            .ok_or_else(|| Error::Bug("a candidate was tried before its files were kept".to_owned()))
    }

    /// Decides what becomes of a candidate: from what is wished, what is in force and what is held, and nothing else.
    async fn decide(&self, board: &Board, candidate: &Candidate, judged: &Judged) -> Result<Fate, Error> {
        let is_same = judged.manifest == board.in_force.manifest && board.in_force.tree.is_some();
        let may_move = judged.errors == 0 || !is_same || board.is_from(candidate);
        let Some(after) = judged.plan.as_ref().filter(|_| may_move) else {
            return Ok(Fate::Refuse(judged.reason()));
        };
        let Some(plan) = self.artefact(&board.in_force, &candidate.revision, judged).await? else {
            return Ok(Fate::Refuse(judged.reason()));
        };
        // Another build may read the same files otherwise.
        let live = self.inner.settings.handle.plan();
        let is_compiled_so = live.is_some_and(|live| Arc::ptr_eq(&live, after) || live == *after);
        if is_same && is_compiled_so {
            return Ok(Fate::Nothing { plan });
        }
        let course = &board.course.state;
        if let Some(hold) = course.hold.as_ref().filter(|_| !is_same) {
            return Ok(Fate::Hold { plan, reason: format!("held by {}: {}", hold.by, hold.reason) });
        }
        if let Some(confirm) = plan.confirm.clone().filter(|_| !course.confirmed.contains(&plan.id)) {
            let yes = plan::yes(&confirm.token);
            let reason = format!("waits for your yes ({}): `{yes}`", confirm.because.join("; "));
            return Ok(Fate::Hold { plan, reason });
        }
        Ok(Fate::Activate { plan })
    }

    async fn carry_out(&self, board: &mut Board, mut draft: Draft, work: Work<'_>) -> Result<(), Error> {
        let Work { candidate, judged, plan, is_all } = work;
        let after =
            judged.plan.clone().ok_or_else(|| Error::Bug("a candidate without a plan moves".to_owned()))?;
        let is_all_of_it = judged.files == candidate.files;
        let tree = if is_all_of_it { self.wished(board)? } else { self.keep_tree(&judged.files).await? };
        let from = Lineage {
            slices: board.slices(candidate, judged, &after),
            files: judged.manifest.digest().to_owned(),
            revision: candidate.revision.clone(),
            // What is in force in part is not what the commit says: whoever waits for the commit waits on.
            commit: candidate.commit.clone().filter(|_| is_all),
            title: candidate.title.clone(),
            plan: plan.id.clone(),
        };
        let good = Good { tree, from, at: self.inner.settings.clock.now() };
        draft.life(RevisionEvent::Begun)?;
        draft.life(RevisionEvent::Activated)?;
        draft.note(What::Good(good.clone()))?;
        self.activate(board, draft, Coming { good: &good, judged, plan: after }).await?;
        tracing::info!(
            revision = candidate.revision,
            applied = good.tree,
            plan = plan.short(),
            "revision in force"
        );
        // What comes next (the mirror, proposals) is no reason to tell later; but of a part the rest is decided on first.
        if is_all {
            self.publish(board);
        }
        Ok(())
    }

    /// Puts a set of files in force: compare-and-swap on what is in force now. The files, the plan and what is told of them are
    /// durable in one batch, so that the course never lacks what is in force, and never tells of what is not.
    pub(super) async fn activate(
        &self,
        board: &mut Board,
        draft: Draft,
        coming: Coming<'_>,
    ) -> Result<(), Error> {
        let Coming { good, judged, plan } = coming;
        let blobs = judged.manifest.blobs(&judged.files, &board.in_force.manifest);
        let change = Change {
            instance: store::course(),
            expected: board.course.seq,
            state: &draft.course,
            entries: &draft.entries,
        };
        let append = store::appended(&change)?;
        let seq = append.expected + append.entries.len() as u64;
        let activation = Activation {
            plan,
            revision: good.tree.clone(),
            expected: board.in_force.tree.clone(),
            held: judged.held_lines(),
            detail: good.from.clone(),
            by: "reconcile".to_owned(),
            story: Some(Story { append, blobs }),
        };
        if let Err(error) = self.inner.settings.handle.activate(activation).await {
            let error = match error {
                runtime::Error::Journal(error) => Error::from(error),
                other => other.into(),
            };
            // What is on the board is not what is stored: the next decision is made on what is.
            if error.has_moved() {
                self.look_again(board).await?;
            }
            return Err(error);
        }
        board.course = Kept { seq, state: draft.course };
        let (files, manifest) = (Arc::clone(&judged.files), judged.manifest.clone());
        board.in_force = InForce { files, manifest, tree: Some(good.tree.clone()) };
        Ok(())
    }

    pub(super) async fn keep_tree(&self, files: &Arc<FileSet>) -> Result<String, Error> {
        let (repository, files) = (Arc::clone(&self.inner.settings.repository), Arc::clone(files));
        blocking(move || Ok(repository.keep_tree(&files)?)).await
    }

    /// Lets `main` follow the source where the truth lives elsewhere, so that proposals are merged onto it.
    async fn mirror(&self, candidate: &Candidate) {
        if self.inner.settings.mode == Mode::Push {
            return;
        }
        let Some(commit) = candidate.commit.clone() else { return };
        let repository = Arc::clone(&self.inner.settings.repository);
        if let Err(error) = blocking(move || Ok(repository.follow(&commit)?)).await {
            tracing::warn!(%error, "`main` of the company's repository could not follow the source");
        }
    }

    pub(super) fn draft(&self, board: &Board, by: &str) -> Draft {
        let at = self.inner.settings.clock.now();
        Draft { course: board.course.state.clone(), entries: Vec::new(), at, by: by.to_owned() }
    }

    /// Makes gathered entries durable; without any there is nothing to do.
    pub(super) async fn commit(&self, board: &mut Board, draft: Draft) -> Result<(), Error> {
        if draft.entries.is_empty() {
            return Ok(());
        }
        let change = Change {
            instance: store::course(),
            expected: board.course.seq,
            state: &draft.course,
            entries: &draft.entries,
        };
        match store::append(&self.inner.settings.journal, change).await {
            Ok(seq) => {
                board.course = Kept { seq, state: draft.course };
                Ok(())
            }
            Err(error) => {
                // What is on the board is not what is stored: the next decision is made on what is.
                if error.has_moved() {
                    self.look_again(board).await?;
                }
                Err(error)
            }
        }
    }

    pub(super) fn publish(&self, board: &Board) {
        self.inner.status.send_replace(board.status(&self.inner.settings));
    }

    /// Reads a commit as a candidate, as the source would show it.
    pub(super) async fn candidate(&self, commit: &str) -> Result<Candidate, Error> {
        let (repository, commit) = (Arc::clone(&self.inner.settings.repository), commit.to_owned());
        let Commit { id, title, files, .. } = blocking(move || Ok(repository.commit(&commit)?)).await?;
        let (revision, commit) = (id.clone(), Some(id));
        Ok(Candidate { revision, commit, title, files, uncommitted: Vec::new(), remark: None })
    }
}

/// A candidate that is being put in force.
struct Work<'a> {
    candidate: &'a Candidate,
    judged: &'a Judged,
    plan: &'a Artefact,
    /// Whether it is the whole candidate, and not the part that needs no yes.
    is_all: bool,
}

/// What is about to come into force.
pub(super) struct Coming<'a> {
    pub(super) good: &'a Good,
    pub(super) judged: &'a Judged,
    pub(super) plan: Arc<Plan>,
}

/// How far an attempt came.
enum Attempted {
    /// There is nothing left to try.
    Wholly,
    /// A part is in force; what is left of the candidate is to be looked at again.
    Partly,
}

/// What the store remembers of revisions.
struct Remembered {
    course: Kept<Course>,
    in_force: InForce,
}

/// Reads the course and the files in force from the store.
async fn read_in_force(settings: &Settings) -> Result<Remembered, Error> {
    let journal = Arc::clone(&settings.journal);
    let applied = settings.handle.applied();
    blocking(move || {
        let course: Kept<Course> = store::load(journal.as_ref(), &store::course())?;
        let Some(view) = applied else {
            return Ok(Remembered { course, in_force: InForce::default() });
        };
        let files = files::load(journal.as_ref(), &view.detail.files)?;
        Ok(Remembered { course, in_force: InForce::of(files, view.revision) })
    })
    .await
}
