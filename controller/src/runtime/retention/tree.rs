//! What goes together: a run, its branches, the runs that it started, and theirs.

use std::collections::BTreeSet;

use adjutant_machine::{
    id::{InstanceId, InstanceKind, Stamp},
    journal::{self, Journal, Scan, Table},
    run::Run,
};

use super::job::is_over;
use crate::runtime::{Error, core::Core, gone, reads, rows, view, views::When};

/// A run with all that it began.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// The run that nobody began, or that outlived who did.
    pub(super) root: InstanceId,
    /// The runs that it or one of its branches started, and theirs, each behind who started it.
    pub(super) children: Vec<InstanceId>,
}

/// A run that has left the lists and is not out of the store yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Going {
    /// The run that goes.
    pub(super) run: InstanceId,
    /// Before which moment that had ended which goes with it.
    pub(super) before: Stamp,
}

/// Returns the trees that may go, of the runs that began before a moment: from an ended status on, the oldest first, after a row of its
/// list; at most so many runs are looked at.
pub(super) struct Search {
    /// The group of the list that is searched, by its place among [`view::ENDED`].
    status: usize,
    /// The row before which to go on.
    place: Option<Vec<u8>>,
    /// Before which moment a run ended that may go.
    pub(super) before: Stamp,
}

impl Search {
    pub(super) fn new(before: Stamp) -> Self {
        Self { status: 0, place: None, before }
    }

    /// Returns the next trees; nothing where there are no more.
    pub(super) fn next(&mut self, core: &Core) -> Result<Option<Vec<Tree>>, Error> {
        let Some(status) = view::ENDED.get(self.status) else { return Ok(None) };
        let prefix = rows::index::group(rows::index::STATUS, status);
        let scan = Scan {
            prefix: prefix.clone(),
            before: self.place.take(),
            limit: reads::PAGE,
            backwards: true,
            ..Scan::default()
        };
        let page = core.journal.scan(Table::Index, &scan)?;
        let mut found = Vec::new();
        let mut is_last = page.len() < reads::PAGE;
        for row in &page {
            // The list is in the order in which the runs began, and none ends before it begins.
            if rows::index::since(&row.key, &prefix) >= self.before {
                is_last = true;
                break;
            }
            let Some(run) = rows::index::listed_run(&row.key, &prefix) else { continue };
            found.extend(tree_of(core, &InstanceId::run(run), self.before)?);
        }
        if is_last {
            self.status += 1;
        } else {
            self.place = page.last().map(|row| row.key.clone());
        }
        Ok(Some(found))
    }
}

/// Returns the tree of a run where all of it may go, and where it does not go with another one.
fn tree_of(core: &Core, root: &InstanceId, before: Stamp) -> Result<Option<Tree>, Error> {
    let Some(run) = over(core, root, before)? else { return Ok(None) };
    if let Some(parent) = &run.parent
        && is_kept(core, &parent.instance())?
    {
        return Ok(None);
    }
    let begun = begun(core, root)?;
    for other in &begun {
        if over(core, other, before)?.is_none() {
            return Ok(None);
        }
    }
    let children = begun.into_iter().filter(|one| one.kind == InstanceKind::Run).collect();
    Ok(Some(Tree { root: root.clone(), children }))
}

/// Returns whether a run is there, by its mark and its last entry: it may be large, or damaged.
fn is_kept(core: &Core, run: &InstanceId) -> Result<bool, Error> {
    let journal = core.journal.as_ref();
    Ok(journal.last(run)? > 0 && gone::gone(journal, run)?.is_none())
}

/// Returns a run that may go; one that cannot be read stays for whoever repairs it.
fn over(core: &Core, run: &InstanceId, before: Stamp) -> Result<Option<Run>, Error> {
    match reads::load(core, &run.name) {
        Ok(run) => Ok(Some(run).filter(|run| is_over(run, before))),
        Err(Error::Quarantined { .. } | Error::Gone { .. } | Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns what a run began, and what that began, each behind who began it.
fn begun(core: &Core, root: &InstanceId) -> Result<Vec<InstanceId>, Error> {
    below(root, |next| {
        let journal = core.journal.as_ref();
        let mut own = reads::branches(journal, &next.name)?;
        own.extend(reads::children(journal, &next.name)?.into_iter().map(|child| child.run));
        Ok(own)
    })
}

/// Returns the branches of a run, and theirs, each before who began it.
pub(super) fn branches(core: &Core, root: &InstanceId) -> Result<Vec<InstanceId>, Error> {
    let mut found = below(root, |next| Ok(reads::branches(core.journal.as_ref(), &next.name)?))?;
    found.reverse();
    Ok(found)
}

fn below(
    root: &InstanceId,
    own: impl Fn(&InstanceId) -> Result<Vec<String>, Error>,
) -> Result<Vec<InstanceId>, Error> {
    let (mut open, mut seen, mut found) = (vec![root.clone()], BTreeSet::new(), Vec::new());
    while let Some(next) = open.pop() {
        for name in own(&next)? {
            let instance = InstanceId::run(name);
            if seen.insert(instance.clone()) {
                found.push(instance.clone());
                open.push(instance);
            }
        }
    }
    Ok(found)
}

/// Returns the runs that an earlier process, or an earlier pass, did not finish with.
pub(super) fn unfinished(journal: &dyn Journal) -> Result<Vec<Going>, Error> {
    let mut found = Vec::new();
    for row in journal::rows(journal, Table::Host, rows::host::GOING) {
        let row = row?;
        let name = row.key.get(rows::host::GOING.len()..).map(String::from_utf8_lossy);
        let before = serde_json::from_slice(&row.value).ok();
        found.extend(
            name.zip(before).map(|(name, When(before))| Going { run: InstanceId::run(name), before }),
        );
    }
    Ok(found)
}
