//! What taking a run back would come to: all that it did, its branches, and the runs that it started.
//!
//! ```text
//!  a run that is taken back ──► its child runs, each whole
//!                           ──► its branches that go on
//!                           ──► what it did, the last first; a round of branches in its turn, the last branch first
//! ```
//! What would be called is decided by the machine ([`returning`]), which takes it back in the same way. The log tells what was done
//! that nothing takes back: a state forgets that.

use std::collections::BTreeSet;

use adjutant_machine::{
    Returning, WayBack,
    branch::{BranchId, Round},
    codec::canonical,
    id::EffectId,
    money::{permission, policy::Permission},
    returning,
    run::{Close, EffectPhase, Phase, Run, Status, UndoState},
};
use adjutant_spec::advice::Advice;
use serde_json::json;

use super::deeds::{Deed, deeds};
use crate::runtime::{
    Error,
    core::Core,
    reads,
    views::{BlockedView, RollbackView, StaysView, TakenView},
};

/// How much of each list is shown.
const SHOWN: usize = 1_000;
/// How many characters a token has.
const TOKEN: usize = 16;

/// Why something stays that has no undo.
const NO_WAY_BACK: &str = "nothing takes it back: its step and its verb have no undo";
const LEFT: &str = "its undo was dropped, or a rule or a person forbade it";
const KILLED: &str = "its branch was killed: what a killed branch did stands";

/// Returns what taking a run back would come to.
pub(in crate::runtime) fn rollback(core: &Core, id: &str) -> Result<RollbackView, Error> {
    let run = reads::load(core, id)?;
    let mut preview = Preview::of(core);
    preview.is_possible(&run);
    preview.whole(&run)?;
    Ok(preview.shown(&run))
}

/// A preview in the making.
struct Preview<'a> {
    core: &'a Core,
    blocked: Vec<BlockedView>,
    stays: Vec<StaysView>,
    taken: Vec<TakenView>,
    runs: Vec<String>,
    detached: Vec<String>,
    /// What was looked at, each with the number of its last entry: part of the token.
    seen: BTreeSet<String>,
}

impl<'a> Preview<'a> {
    fn of(core: &'a Core) -> Self {
        let (blocked, stays, taken) = (Vec::new(), Vec::new(), Vec::new());
        Self { core, blocked, stays, taken, runs: Vec::new(), detached: Vec::new(), seen: BTreeSet::new() }
    }

    fn block(&mut self, run: &str, reason: impl Into<String>, next: Option<String>) {
        self.blocked.push(BlockedView { run: run.to_owned(), reason: reason.into(), next });
    }

    /// Notes why the run itself cannot be taken back.
    fn is_possible(&mut self, run: &Run) {
        match run.phase {
            Phase::Ended { status: Status::RolledBack, .. } => {
                self.block(&run.id, "it is taken back already", None);
            }
            Phase::Unwinding { to: Status::RolledBack, .. } => {
                self.block(&run.id, "it is being taken back already", Some(Advice::Why(&run.id).into()));
            }
            _ => {}
        }
    }

    /// A run with all that it started.
    fn whole(&mut self, run: &Run) -> Result<(), Error> {
        for child in reads::children(self.core.journal.as_ref(), &run.id)? {
            let known = run.effects.get(&child.by).and_then(|state| state.child.as_ref());
            match known.map(|known| known.close) {
                Some(Close::Detach) => self.detached.push(child.run),
                Some(Close::Wait | Close::Cancel) => self.child(&child.run)?,
                None => self.apart(&child.run, "an earlier visit of its step started it")?,
            }
        }
        self.own(run)
    }

    /// A child run that is taken back with its parent.
    fn child(&mut self, id: &str) -> Result<(), Error> {
        match reads::load(self.core, id) {
            Ok(child) => {
                self.runs.push(child.id.clone());
                self.whole(&child)
            }
            Err(Error::NotFound { .. } | Error::Gone { .. }) => {
                self.block(id, "it was let go with what it did, so that cannot be taken back", None);
                Ok(())
            }
            Err(Error::Quarantined { reason, .. }) => {
                self.unread(id, &reason);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A child run of which the run that is taken back does not know: while it goes on, or where something is to be taken back, that
    /// is done first.
    fn apart(&mut self, id: &str, why: &str) -> Result<(), Error> {
        let mut own = Self::of(self.core);
        own.child(id)?;
        let goes_on = reads::load(self.core, id).is_ok_and(|child| !child.is_ended());
        if goes_on || !own.taken.is_empty() || !own.blocked.is_empty() {
            let reason = format!("{why}, and it is taken back by itself, first");
            self.block(id, reason, Some(Advice::Rollback(id).into()));
        }
        self.seen.append(&mut own.seen);
        self.stays.append(&mut own.stays);
        Ok(())
    }

    /// What a run did itself, or a branch, and its branches.
    fn own(&mut self, run: &Run) -> Result<(), Error> {
        self.seen.insert(format!("{}@{}", run.id, run.seq));
        self.doubts(run);
        if run.buried.is_some() {
            let reason = "what it did before it was killed could not be read: look at the other side, and take it back there";
            self.block(&run.id, reason, None);
            return Ok(());
        }
        let Some(def) = self.core.definition(&run.bundle)? else {
            self.block(&run.id, "the playbook that it began with is gone, and the ways back with it", None);
            return Ok(());
        };
        let done = self.deeds(run)?;
        let branches = self.branches(run)?;
        for branch in branches.iter().filter(|branch| !branch.run.is_ended()) {
            self.own(&branch.run)?;
        }
        let mut goes_back: Vec<EffectId> = Vec::new();
        for one in returning(&def, run) {
            match one {
                Returning::Branches(round) => self.round(run, (&round, &branches))?,
                Returning::Deed { effect, verb, happened, way } => {
                    let deed = done.iter().find(|deed| deed.effect == effect);
                    self.take(run, Going { deed, verb, happened, way });
                    goes_back.push(effect);
                }
            }
        }
        self.left_of(&branches)?;
        for deed in done.iter().rev().filter(|deed| deed.stands() && !goes_back.contains(&deed.effect)) {
            self.stay(deed, why_left(run, &deed.effect));
        }
        Ok(())
    }

    /// Returns what a run did; where its log is damaged that is not known, and nothing is taken back.
    fn deeds(&mut self, run: &Run) -> Result<Vec<Deed>, Error> {
        match deeds(self.core, &run.id) {
            Err(Error::Quarantined { reason, .. }) => {
                self.unread(&run.id, &reason);
                Ok(Vec::new())
            }
            other => other,
        }
    }

    fn unread(&mut self, id: &str, reason: &str) {
        self.block(id, format!("it cannot be read: {reason}"), Some(Advice::Release(id).into()));
    }

    fn doubts(&mut self, run: &Run) {
        let unknown = run
            .effects
            .iter()
            .filter(|(_, state)| run.is_ended() && matches!(state.life.phase, EffectPhase::Unknown { .. }));
        for (effect, _) in unknown {
            let name = effect.to_string();
            let reason = format!(
                "nobody knows whether {name} happened: look, and say so (or `{}`)",
                Advice::DidNotHappen(&name)
            );
            self.block(&run.id, reason, Some(Advice::Happened(&name).into()));
        }
    }

    /// Returns the branches of a run, or of a branch: the last one of the last round first.
    fn branches(&mut self, run: &Run) -> Result<Vec<Branch>, Error> {
        let mut found = Vec::new();
        for name in reads::branches(self.core.journal.as_ref(), &run.id)? {
            let Some(BranchId { round, index, .. }) = BranchId::of(&name) else { continue };
            match reads::load(self.core, &name) {
                Ok(run) => found.push(Branch { round, index, run }),
                Err(Error::Quarantined { reason, .. }) => {
                    self.unread(&name, &reason);
                }
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_by(|one, other| (&other.round, other.index).cmp(&(&one.round, one.index)));
        for branch in &found {
            self.children_of_branch(&branch.run)?;
        }
        Ok(found)
    }

    fn children_of_branch(&mut self, branch: &Run) -> Result<(), Error> {
        for child in reads::children(self.core.journal.as_ref(), &branch.id)? {
            let known = branch.effects.get(&child.by).and_then(|state| state.child.as_ref());
            if known.is_some_and(|known| known.close == Close::Detach) {
                self.detached.push(child.run);
                continue;
            }
            self.apart(&child.run, "a branch started it")?;
        }
        Ok(())
    }

    /// The branches of a round that ended well and stand.
    fn round(&mut self, run: &Run, (round, branches): (&Round, &[Branch])) -> Result<(), Error> {
        let Some(state) = run.branches.get(round) else { return Ok(()) };
        // One that takes back already, because its scope or its round failed, was looked at with those that go on.
        let stand = |branch: &&Branch| {
            branch.round == *round && state.stands.contains(branch.index) && branch.run.is_ended()
        };
        for branch in branches.iter().filter(stand) {
            self.own(&branch.run)?;
        }
        Ok(())
    }

    /// What stays of the branches that are not told to take anything back.
    fn left_of(&mut self, branches: &[Branch]) -> Result<(), Error> {
        for branch in branches {
            let at = format!("{}@{}", branch.run.id, branch.run.seq);
            if !self.seen.insert(at) {
                continue;
            }
            self.doubts(&branch.run);
            for deed in self.deeds(&branch.run)?.iter().rev().filter(|deed| deed.stands()) {
                let is_killed = branch.run.status() == Status::Killed.word();
                self.stay(deed, if is_killed { KILLED } else { why_left(&branch.run, &deed.effect) });
            }
            let inner = self.branches(&branch.run)?;
            self.left_of(&inner)?;
        }
        Ok(())
    }

    fn stay(&mut self, deed: &Deed, reason: &str) {
        self.stays.push(StaysView { deed: deed.view(), reason: reason.to_owned() });
    }

    fn take(&mut self, run: &Run, going: Going<'_>) {
        let Going { deed, verb, happened, way } = going;
        let Some(deed) = deed else { return };
        let (args, problem, asks) = match way {
            Ok(way) => {
                let asks = way.asks || self.asks(run, &way);
                (super::whom::args_of(&way.call), None, asks)
            }
            Err(problem) => (None, Some(problem), false),
        };
        let mut deed = deed.view();
        deed.happened = happened;
        self.taken.push(TakenView { deed, undo: verb, args, problem, asks });
    }

    /// Returns whether what is in force has a person asked before this leaves.
    fn asks(&self, run: &Run, way: &WayBack) -> bool {
        let Some(plan) = self.core.live().plan.clone() else { return false };
        let (call, approval, playbook) = (&way.call, way.approval.as_ref(), &run.oldest());
        let asking = permission::Asking { call, approval, playbook, stage: run.stage };
        !matches!(permission::permission(&plan, &asking), Permission::Allow { .. })
    }

    fn shown(mut self, run: &Run) -> RollbackView {
        let hint = self.hint(run);
        // Certain loss first, then what is not known yet.
        self.stays.sort_by_key(|stays| !stays.deed.happened);
        let content = json!({
            "seen": self.seen, "blocked": self.blocked, "stays": self.stays, "taken": self.taken,
            "runs": self.runs, "detached": self.detached,
        });
        let digest = blake3::hash(&canonical(&content)).to_hex().to_string();
        let (stays_total, taken_total) = (self.stays.len() as u64, self.taken.len() as u64);
        self.stays.truncate(SHOWN);
        self.taken.truncate(SHOWN);
        let Self { blocked, stays, taken, runs, detached, .. } = self;
        let (status, token) = (run.status().to_owned(), digest[..TOKEN].to_owned());
        let (run, seq) = (run.id.clone(), run.seq);
        RollbackView {
            run,
            status,
            seq,
            token,
            blocked,
            stays,
            stays_total,
            taken,
            taken_total,
            runs,
            detached,
            hint,
        }
    }

    /// A run takes back what it did; what made it do so stays in force.
    fn hint(&self, run: &Run) -> Option<String> {
        let applied = self.core.live().applied.clone()?;
        let began_in_it =
            applied.revision == run.revision || applied.detail.commit.as_ref() == Some(&run.revision);
        began_in_it.then(|| {
            format!(
                "it began with the revision that is in force: if that is what was wrong, the next run does the same until `{}`",
                Advice::Revert
            )
        })
    }
}

/// A branch with its place.
struct Branch {
    round: Round,
    index: u32,
    run: Run,
}

/// Something that is taken back.
struct Going<'a> {
    deed: Option<&'a Deed>,
    verb: String,
    happened: bool,
    way: Result<Box<WayBack>, String>,
}

fn why_left(run: &Run, effect: &EffectId) -> &'static str {
    let entry = run.undo.iter().rev().find(|entry| entry.effect == *effect);
    if entry.is_some_and(|entry| entry.state == UndoState::Dropped) { LEFT } else { NO_WAY_BACK }
}
