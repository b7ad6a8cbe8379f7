//! The branches of a run: which are not over and why, and all of them page by page.

use adjutant_machine::{
    branch::{BranchId, Round},
    run::Run,
};

use super::{lists, run::cause_now};
use crate::runtime::{
    Error, PageWish,
    core::Core,
    reads,
    views::{Paged, RoundView, RunLine, RunView, When},
};

/// How many of a round's branches that are not over are shown beside their run.
const SHOWN: usize = 20;

/// Shows a run as it is, with its first branches that are not over.
pub(in crate::runtime) fn run(core: &Core, id: &str) -> Result<RunView, Error> {
    let mut view = super::run::run(core, id)?;
    if view.rounds.iter().any(|round| round.open > 0) {
        add_unfinished(core, &reads::load(core, id)?, &mut view.rounds)?;
    }
    Ok(view)
}

fn add_unfinished(core: &Core, run: &Run, rounds: &mut [RoundView]) -> Result<(), Error> {
    for view in rounds {
        let round = Round { step: view.step.clone(), number: view.number };
        let Some(branches) = run.branches.get(&round).filter(|branches| branches.live() > 0) else {
            continue;
        };
        let open = (0..branches.started).filter(|index| !branches.over.contains(*index)).take(SHOWN);
        for index in open {
            let name = BranchId { parent: run.id.clone(), round: round.clone(), index }.to_string();
            // One that was told to begin may not have heard of it yet.
            view.unfinished.extend(lists::line(core, &name, run.updated_at)?);
        }
    }
    Ok(())
}

/// Lists the branches of a run, each before its own, page by page; those of a step in the order of its items.
pub(in crate::runtime) fn branches(core: &Core, run: &str, wish: &PageWish) -> Result<Paged<RunLine>, Error> {
    let root = reads::load(core, run);
    // What a run has begun is known where the run itself cannot be read.
    if let Err(error @ Error::NotFound { .. }) = root {
        return Err(error);
    }
    let mut all = Vec::new();
    tree(core, run, &mut all)?;
    let total = all.len() as u64;
    let from = match &wish.after {
        None => 0,
        Some(after) => {
            let place = all.iter().position(|name| name == after);
            place.ok_or_else(|| Error::NotFound { what: "branch", id: after.clone() })? + 1
        }
    };
    let rest = all.into_iter().skip(from);
    let lines = rest.filter_map(|name| match lists::line(core, &name, Default::default()) {
        Ok(line) => Some(Ok((name, line?))),
        Err(error) => Some(Err(error)),
    });
    Paged::of(lines, wish.size(), total)
}

/// Puts the names of everything below a run or a branch into a list; names nest no deeper than branches do.
fn tree(core: &Core, parent: &str, all: &mut Vec<String>) -> Result<(), Error> {
    let mut own: Vec<(BranchId, String)> = reads::branches(core.journal.as_ref(), parent)?
        .into_iter()
        .filter_map(|name| Some((BranchId::of(&name)?, name)))
        .collect();
    own.sort_by(|(one, _), (other, _)| (&one.round, one.index).cmp(&(&other.round, other.index)));
    for (_, name) in own {
        all.push(name.clone());
        tree(core, &name, all)?;
    }
    Ok(())
}

/// Returns what the first branches that are not over wait for, a few of them.
pub(super) fn nearest_causes(core: &Core, run: &Run, most: usize) -> Result<Vec<BranchCause>, Error> {
    let mut found = Vec::new();
    let mut open = vec![run.clone()];
    // The innermost says it: a branch that waits for its own branches is looked into.
    while let Some(here) = open.pop() {
        let mut inner = Vec::new();
        for (round, branches) in here.branches.iter().filter(|(_, branches)| branches.live() > 0) {
            let live = (0..branches.started).filter(|index| !branches.over.contains(*index)).take(most);
            for index in live {
                let name = BranchId { parent: here.id.clone(), round: round.clone(), index }.to_string();
                match reads::load(core, &name) {
                    Ok(branch) => inner.push(branch),
                    Err(Error::Quarantined { id, reason }) => {
                        let text = format!("it is quarantined because {reason}");
                        found.push(BranchCause { branch: id, text, since: None });
                    }
                    Err(Error::NotFound { .. } | Error::Gone { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        for branch in inner.iter().filter(|branch| branch.branches.values().all(|own| own.live() == 0)) {
            let since = branch.position.as_ref().map(|position| When(position.since));
            let causes = branch.waiting();
            let text = causes.first().map_or_else(
                || "its next step is under way".to_owned(),
                |cause| cause_now(core, branch, cause),
            );
            found.push(BranchCause { branch: branch.id.clone(), text, since });
        }
        if found.len() >= most {
            break;
        }
        inner.retain(|branch| branch.branches.values().any(|own| own.live() > 0));
        open.extend(inner.into_iter().rev());
    }
    found.truncate(most);
    Ok(found)
}

/// Why a branch is not over.
pub(super) struct BranchCause {
    /// The name of the branch.
    pub(super) branch: String,
    /// What it waits for.
    pub(super) text: String,
    /// Since when it waits, where it is known.
    pub(super) since: Option<When>,
}
