//! Acting on proposals: open, approve, refuse, and what follows when the truth moves.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::life::proposal::{ProposalEvent, ProposalPhase};
use adjutant_spec::advice::Advice;

use super::{
    NewProposal, ProposalView, Source,
    book::{Approval, Book, Entry, Proposal, What},
    look::{Assessed, OnDesk, no_main},
};
use crate::reconcile::{
    Commit, Error, Extent, Mode, Reconciler,
    board::Board,
    control::{Done, short},
    repository::Landing,
    store::{self, Change, Kept, blocking},
};

/// The most open proposals of one agent.
const MOST_OPEN_OF_AGENT: usize = 5;
/// The most open proposals of everybody.
const MOST_OPEN: usize = 50;
/// How often an approval looks again because something moved meanwhile.
const MOST_TRIES: u32 = 3;
/// The longest topic.
const LONGEST_TOPIC: usize = 64;
/// The longest title.
const LONGEST_TITLE: usize = 200;

/// A head that is offered to `main`.
pub(in crate::reconcile) struct Offer {
    wish: NewProposal,
    /// The commit of `main` that it is proposed for.
    main: String,
    head: Commit,
}

/// The operator's yes to a proposal.
#[derive(Clone, Copy)]
struct Yes<'a> {
    proposal: &'a Proposal,
    /// What the yes is bound to.
    digest: &'a str,
    by: &'a str,
}

impl Reconciler {
    /// Opens a proposal, or replaces the head of the open one with the same author and topic.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the head, [`Error::Forbidden`] past the limits or for a head that was refused.
    pub async fn propose(&self, wish: NewProposal, by: &str) -> Result<ProposalView, Error> {
        // What comes into force right now brings its `main` along: whoever proposes for it waits until it is there.
        drop(self.inner.board.lock().await);
        let offer = self.offer(wish).await?;
        // Whoever proposes hears at once what is wrong with it; an open proposal can be merged, judged and shown.
        let repository = Arc::clone(&self.inner.settings.repository);
        drop(self.look(repository, &offer.head.id).await?);
        let id = {
            let mut board = self.inner.board.lock().await;
            self.open_proposal(&mut board, offer, by).await?
        };
        self.proposal(&id, Extent::Glance).await
    }

    /// Opens a proposal for a head that was found; returns the id.
    pub(in crate::reconcile) async fn open_proposal(
        &self,
        board: &mut Board,
        offer: Offer,
        by: &str,
    ) -> Result<String, Error> {
        let Offer { wish, main, head } = offer;
        refuse_again(board, by, &wish.topic, &head.id)?;
        let title = if wish.title.trim().is_empty() { head.title } else { wish.title };
        let title: String = title.lines().next().unwrap_or_default().chars().take(LONGEST_TITLE).collect();
        let known = board.book.open(by, &wish.topic).map(|kept| kept.state.clone());
        let at = self.inner.settings.clock.now();
        let (proposal, what) = match known {
            Some(proposal) if proposal.head == head.id => return Ok(proposal.id()),
            Some(proposal) => {
                let (reason, evidence) = (wish.reason, wish.evidence);
                let what = What::Head { title, reason, evidence, base: main, head: head.id.clone() };
                (proposal, what)
            }
            None => {
                within_limits(board, by)?;
                let begun = Proposal {
                    number: board.book.next(),
                    author: by.to_owned(),
                    topic: wish.topic,
                    title,
                    reason: wish.reason,
                    evidence: wish.evidence,
                    base: main,
                    head: head.id.clone(),
                    opened: at,
                    ..Proposal::default()
                };
                (Proposal { number: begun.number, ..Proposal::default() }, What::Begun(Box::new(begun)))
            }
        };
        let (repository, id) = (Arc::clone(&self.inner.settings.repository), proposal.id());
        let name = id.clone();
        blocking(move || Ok(repository.keep_head(&name, &head.id)?)).await?;
        self.enter(board, &proposal, Entry::new(at, by, what)).await?;
        Ok(id)
    }

    /// Finds or makes the commit that is wished for `main`.
    pub(in crate::reconcile) async fn offer(&self, wish: NewProposal) -> Result<Offer, Error> {
        check_wish(&wish)?;
        let (repository, source) = (Arc::clone(&self.inner.settings.repository), wish.source.clone());
        let message = match &wish.reason {
            Some(reason) => format!("{}\n\n{reason}\n", wish.title),
            None => wish.title.clone(),
        };
        blocking(move || {
            let main = repository.main()?.ok_or_else(no_main)?;
            let head = match source {
                Source::Head(name) => {
                    repository.resolve(&name)?.ok_or(Error::NotFound { what: "commit", id: name })?
                }
                Source::Patch(patch) => repository.commit_patch(&main, &patch, &message)?,
                Source::Files(files) => repository.commit_files(&main, &files, &message)?,
            };
            if repository.contains(&main, &head)? {
                let reason = format!("`main` contains {} already", short(&head));
                return Err(Error::conflict(reason, "commit a change and propose that"));
            }
            Ok(Offer { wish, head: repository.commit(&head)?, main })
        })
        .await
    }

    /// Approves what the digest names: merges it, or publishes it for whoever owns the truth.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for agents; [`Error::Conflict`] for a stale digest, files in conflict, or uncommitted work in the way.
    pub async fn approve(&self, id: &str, digest: &str, by: &str) -> Result<Done, Error> {
        if by.starts_with("agent:") {
            return Err(Error::forbidden("an agent may propose, never approve", "the operator approves"));
        }
        for _ in 0..MOST_TRIES {
            // It is read without the board; once the board is at hand, nothing of it may have moved.
            let OnDesk { base, proposal } = self.take(id).await?;
            let is_open = proposal.approval.is_none() && proposal.phase.is_open();
            let assessed = if is_open { Some(self.assess(&base, &proposal).await?) } else { None };
            let mut board = self.inner.board.lock().await;
            if board.in_force.manifest == base.manifest && board.book.get(id)?.state == proposal {
                let outcome =
                    self.approve_on(&mut board, Yes { proposal: &proposal, digest, by }, assessed).await;
                self.publish(&board);
                return outcome;
            }
        }
        Err(Error::conflict("it moves while it is decided", format!("`adjutant proposals {id}` shows it")))
    }

    async fn approve_on(
        &self,
        board: &mut Board,
        yes: Yes<'_>,
        assessed: Option<Assessed>,
    ) -> Result<Done, Error> {
        let Yes { proposal, digest, by } = yes;
        if let Some(approval) = &proposal.approval {
            let answer = repeated(proposal, approval, digest)?;
            return if self.is_unlanded(proposal) { self.land(board, proposal).await } else { Ok(answer) };
        }
        let Some(assessed) = assessed else {
            let reason = format!("proposal {} is {}", proposal.id(), proposal.phase.word());
            return Err(Error::conflict(reason, "`adjutant proposals` lists what is open"));
        };
        let approval = self.approval(board, yes, assessed).await?;
        self.confirm(board, &approval.plan).await?;
        let entry = Entry::new(approval.at, by, What::Approved(approval));
        let proposal = self.enter(board, proposal, entry).await?;
        self.land(board, &proposal).await
    }

    /// Returns the approval, if what is approved is what is there now.
    async fn approval(&self, board: &Board, yes: Yes<'_>, assessed: Assessed) -> Result<Approval, Error> {
        let Yes { proposal, digest, by } = yes;
        let show = format!("`adjutant proposals {}` shows what it is now", proposal.id());
        let merge = &assessed.look.merge;
        if !merge.conflicts.is_empty() {
            let files = merge.conflicts.join(", ");
            return Err(Error::conflict(
                format!("it is in conflict with `main` in {files}"),
                "rebase it and push it again",
            ));
        }
        let is_shown = assessed.is_shown();
        let (Some(answer), Some(tree)) = (assessed.answer, merge.tree.clone()) else {
            return Err(Error::conflict("it has no merge result", show));
        };
        let Some(plan) = answer.plan.filter(|_| answer.ok) else {
            return Err(Error::conflict(
                format!("it does not pass the checks:\n{}", answer.text),
                "push a better one",
            ));
        };
        if assessed.digest != digest {
            return Err(stale(proposal, digest, is_shown));
        }
        self.refuse_dirty(board, &merge.main, &tree).await?;
        Ok(Approval {
            digest: assessed.digest,
            files: assessed.files,
            main: merge.main.clone(),
            plan: plan.id,
            published: None,
            by: by.to_owned(),
            at: self.inner.settings.clock.now(),
            tree,
        })
    }

    /// Refuses to approve over uncommitted work that the proposal touches: bringing it home would fail, or lose that work.
    async fn refuse_dirty(&self, board: &Board, main: &str, tree: &str) -> Result<(), Error> {
        let uncommitted: BTreeSet<String> =
            board.last.iter().flat_map(|last| last.uncommitted.iter().cloned()).collect();
        if uncommitted.is_empty() || self.inner.settings.mode == Mode::Push {
            return Ok(());
        }
        let (repository, main, tree) =
            (Arc::clone(&self.inner.settings.repository), main.to_owned(), tree.to_owned());
        let changed = blocking(move || Ok(repository.changed(&main, &tree)?)).await?;
        let dirty: Vec<String> = changed.into_iter().filter(|path| uncommitted.contains(path)).collect();
        if dirty.is_empty() {
            return Ok(());
        }
        let files = dirty.join(", ");
        Err(Error::conflict(
            format!("{files} has uncommitted changes"),
            format!("commit or stash {files} first"),
        ))
    }

    /// Carries out an approval; repeated after a crash it finds what is done already.
    async fn land(&self, board: &mut Board, proposal: &Proposal) -> Result<Done, Error> {
        let Some(approval) = proposal.approval.clone() else {
            return Err(Error::Bug("an approved proposal has no approval".to_owned()));
        };
        let landing = Landing {
            main: approval.main.clone(),
            head: proposal.head.clone(),
            tree: approval.tree.clone(),
            message: format!("{}\n\nProposal {} by {}", proposal.title, proposal.id(), proposal.author),
        };
        let (repository, id) = (Arc::clone(&self.inner.settings.repository), proposal.id());
        if self.inner.settings.mode != Mode::Push {
            let name = id.clone();
            let commit = blocking(move || Ok(repository.publish(&name, &landing)?)).await?;
            self.say(board, proposal, What::Published { commit }).await?;
            let message = format!("{id} is approved and published as `approved/{id}`");
            return Ok(Done::new(true, message).next(self.pull(&id)));
        }
        let landed = blocking(move || {
            // A landing that a crash cut off after the merge has happened all the same.
            match repository.main()? {
                Some(main) if main != landing.main && repository.contains(&main, &landing.head)? => Ok(main),
                _ => Ok(repository.land(&landing)?),
            }
        })
        .await;
        match landed {
            Ok(commit) => {
                let landed = What::Life(ProposalEvent::Landed { commit: commit.clone() });
                self.say(board, proposal, landed).await?;
                let candidate = self.candidate(&commit).await?;
                self.wish(board, candidate).await?;
                Ok(self.outcome(board, &id))
            }
            Err(error) if error.has_moved() => {
                self.say(board, proposal, What::Life(ProposalEvent::CouldNotLand)).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Says what became of a proposal that was merged.
    fn outcome(&self, board: &Board, id: &str) -> Done {
        let phase = board.book.get(id).map(|kept| kept.state.phase.clone()).unwrap_or_default();
        match (&phase, &board.course.state.hold) {
            (ProposalPhase::Applied, _) => Done::new(true, format!("{id} is merged and in force")),
            (_, Some(hold)) => {
                Done::new(true, format!("{id} is merged; held by {}: {}", hold.by, hold.reason))
                    .next(Advice::HoldRelease)
            }
            _ => Done::new(true, format!("{id} is merged")).next(Advice::Status),
        }
    }

    /// Returns whether a proposal was approved and its landing cut off.
    fn is_unlanded(&self, proposal: &Proposal) -> bool {
        let is_published = proposal.approval.as_ref().is_some_and(|approval| approval.published.is_some());
        matches!(proposal.phase, ProposalPhase::Approved { .. })
            && (self.inner.settings.mode == Mode::Push || !is_published)
    }

    /// Lands what was approved when the last process ended.
    pub(in crate::reconcile) async fn finish_approvals(&self, board: &mut Board) {
        let cut_off: Vec<Proposal> =
            board.book.newest_first().filter(|proposal| self.is_unlanded(proposal)).cloned().collect();
        for proposal in cut_off {
            if let Err(error) = self.land(board, &proposal).await {
                tracing::warn!(proposal = proposal.id(), %error, "an approved proposal could not land");
            }
        }
    }

    /// Refuses a proposal for good.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] once it is merged.
    pub async fn refuse(&self, id: &str, reason: &str, by: &str) -> Result<Done, Error> {
        if by.starts_with("agent:") {
            return Err(Error::forbidden("an agent may propose, never decide", "the operator decides"));
        }
        let mut board = self.inner.board.lock().await;
        let proposal = board.book.get(id)?.state.clone();
        match &proposal.phase {
            ProposalPhase::Refused { .. } => return Ok(Done::new(false, format!("{id} is refused already"))),
            ProposalPhase::Merged { .. } | ProposalPhase::Applied => {
                let reason = format!("{id} is {} already", proposal.phase.word());
                return Err(Error::conflict(reason, "`adjutant revert` takes back what is in force"));
            }
            _ => {}
        }
        let event = ProposalEvent::Refused { reason: reason.to_owned() };
        let entry = Entry::new(self.inner.settings.clock.now(), by, What::Life(event));
        self.enter(&mut board, &proposal, entry).await?;
        Ok(Done::new(true, format!("{id} is refused; the same commit is not taken again")))
    }

    /// Moves the proposals on after the truth or what is in force moved; whatever was cut off by a crash is finished here.
    pub(in crate::reconcile) async fn settle_proposals(&self, board: &mut Board) -> Result<(), Error> {
        let open: Vec<Proposal> =
            board.book.newest_first().filter(|proposal| is_unfinished(&proposal.phase)).cloned().collect();
        for proposal in open {
            if let Err(error) = self.settle_proposal(board, &proposal).await {
                tracing::warn!(proposal = proposal.id(), %error, "proposal could not be moved on");
            }
        }
        Ok(())
    }

    async fn settle_proposal(&self, board: &mut Board, proposal: &Proposal) -> Result<(), Error> {
        let mut proposal = proposal.clone();
        let commit = board.last.as_ref().and_then(|last| last.commit.clone());
        if !matches!(proposal.phase, ProposalPhase::Merged { .. }) {
            let Some(commit) = commit.clone() else { return Ok(()) };
            if self.is_home(board, &proposal, &commit).await? {
                let landed = What::Life(ProposalEvent::Landed { commit });
                proposal = self.say(board, &proposal, landed).await?;
            }
        }
        let ProposalPhase::Merged { commit: merged } = &proposal.phase else { return Ok(()) };
        let Some(live) = board.course.state.last_good().and_then(|good| good.commit.clone()) else {
            return Ok(());
        };
        let is_held = board.course.state.hold.is_some();
        let (repository, merged) = (Arc::clone(&self.inner.settings.repository), merged.clone());
        if !is_held && blocking(move || Ok(live == merged || repository.contains(&live, &merged)?)).await? {
            self.say(board, &proposal, What::Life(ProposalEvent::Activated)).await?;
        }
        Ok(())
    }

    /// Returns whether the truth contains a proposal: its head, what was published, or the very files that were approved.
    async fn is_home(&self, board: &Board, proposal: &Proposal, commit: &str) -> Result<bool, Error> {
        let approval = proposal.approval.as_ref();
        if approval.is_some_and(|approval| approval.files == board.in_force.manifest.digest()) {
            return Ok(true);
        }
        let (repository, commit, head) =
            (Arc::clone(&self.inner.settings.repository), commit.to_owned(), proposal.head.clone());
        blocking(move || Ok(repository.contains(&commit, &head)?)).await
    }

    async fn say(&self, board: &mut Board, proposal: &Proposal, what: What) -> Result<Proposal, Error> {
        let entry = Entry::new(self.inner.settings.clock.now(), "reconcile", what);
        self.enter(board, proposal, entry).await
    }

    /// Makes an entry of a proposal durable.
    async fn enter(&self, board: &mut Board, proposal: &Proposal, entry: Entry) -> Result<Proposal, Error> {
        let mut state = proposal.clone();
        if !state.apply(&entry) {
            return Err(Error::Bug(format!("the life of proposal {} refuses {entry:?}", proposal.id())));
        }
        let expected = board.book.0.get(&proposal.number).map_or(0, |kept| kept.seq);
        let instance = store::proposal(&state.id());
        let change = Change { instance, expected, state: &state, entries: &[entry] };
        match store::append(&self.inner.settings.journal, change).await {
            Ok(seq) => {
                board.book.0.insert(state.number, Kept { seq, state: state.clone() });
                self.inner.status.send_modify(|status| status.proposals = board.book.undecided());
                Ok(state)
            }
            Err(error) => {
                if error.has_moved() {
                    let journal = Arc::clone(&self.inner.settings.journal);
                    board.book = blocking(move || Book::load(journal.as_ref())).await?;
                }
                Err(error)
            }
        }
    }
}

fn is_unfinished(phase: &ProposalPhase) -> bool {
    phase.is_open() || matches!(phase, ProposalPhase::Merged { .. })
}

/// Answers an approval of what is approved already.
fn repeated(proposal: &Proposal, approval: &Approval, digest: &str) -> Result<Done, Error> {
    let id = proposal.id();
    if approval.digest == digest {
        let at = crate::runtime::views::When(approval.at);
        return Ok(Done::new(false, format!("{id} was approved at {at} by {}", approval.by)));
    }
    let reason = format!("{id} is {} with digest {}", proposal.phase.word(), approval.digest);
    Err(Error::conflict(reason, format!("`adjutant proposals {id}` shows it")))
}

/// Says why a digest does not approve: it is of something else, or only the full view has one.
fn stale(proposal: &Proposal, digest: &str, is_shown: bool) -> Error {
    let id = proposal.id();
    if is_shown {
        let reason = format!("digest {digest} is stale: the change, the policies or the live runs moved");
        return Error::conflict(reason, format!("`adjutant proposals {id}` shows what it is now"));
    }
    let reason =
        format!("digest {digest} is not the one of all that {id} changes, and not all of it was shown");
    Error::conflict(reason, format!("`adjutant proposals {id} diff --full` shows it, with the digest"))
}

fn check_wish(wish: &NewProposal) -> Result<(), Error> {
    let topic = wish.topic.as_str();
    if wish.title.trim().is_empty() && !matches!(wish.source, Source::Head(_)) {
        return Err(Error::invalid("the proposal has no title", "say in one line what it changes"));
    }
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if topic.is_empty() || topic.len() > LONGEST_TOPIC || !topic.chars().all(is_plain) {
        let reason = format!("\"{topic}\" is no topic");
        return Err(Error::invalid(reason, "letters, digits, `-`, `_`, `.` and `/`, at most 64"));
    }
    Ok(())
}

/// A head that was refused is not taken again.
fn refuse_again(board: &Board, author: &str, topic: &str, head: &str) -> Result<(), Error> {
    let refused = board.book.newest_first().find_map(|proposal| match &proposal.phase {
        ProposalPhase::Refused { reason }
            if proposal.head == head && proposal.author == author && proposal.topic == topic =>
        {
            Some((proposal.id(), reason.clone()))
        }
        _ => None,
    });
    match refused {
        Some((id, reason)) => Err(Error::forbidden(
            format!("it was refused as {id}: {reason}"),
            "change it and propose it again",
        )),
        None => Ok(()),
    }
}

fn within_limits(board: &Board, by: &str) -> Result<(), Error> {
    let open = || board.book.newest_first().filter(|proposal| proposal.phase.is_open());
    let own = open().filter(|proposal| proposal.author == by).count();
    if (by.starts_with("agent:") && own >= MOST_OPEN_OF_AGENT) || open().count() >= MOST_OPEN {
        let reason = format!("{own} proposals of {by} are open, and {} in all", open().count());
        return Err(Error::forbidden(reason, "decide or replace an open one first"));
    }
    Ok(())
}
