//! A run with everything below it, as its logs tell of it: what is played again, and written down as a scenario.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{fact::Entry, fold};
use adjutant_sim::recording::{Recorded, RecordedRun};

use super::run::entries;
use crate::runtime::{Error, core::Core, reads};

/// The most entries that are taken into memory, of all runs of one tree.
const MOST: usize = 20_000;

/// Reads a run with its branches, and the child runs that it or they began; one that retention removed is left out.
pub(in crate::runtime) fn recorded(core: &Core, id: &str) -> Result<Recorded, Error> {
    let mut tree = Tree { core, left: MOST, seen: BTreeSet::from([id.to_owned()]) };
    let root = tree.one(id)?;
    let (mut below, mut open) = (Vec::new(), tree.under(id)?);
    while let Some(name) = open.pop() {
        if !tree.seen.insert(name.clone()) {
            continue;
        }
        match tree.one(&name) {
            Ok(run) => below.push(run),
            // One that was told to begin may not have heard of it yet.
            Err(Error::Gone { .. } | Error::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        }
        open.extend(tree.under(&name)?);
    }
    below.sort_by(|a, b| a.run.id.cmp(&b.run.id));
    Ok(Recorded { root, below })
}

/// A tree that is being read.
struct Tree<'a> {
    core: &'a Core,
    /// How many entries may still be read.
    left: usize,
    seen: BTreeSet<String>,
}

impl Tree<'_> {
    fn one(&mut self, id: &str) -> Result<RecordedRun, Error> {
        let state = reads::load(self.core, id)?;
        if let Some(problem) = &state.buried {
            let reason = format!("what \"{id}\" did is not known any more: {problem}");
            return Err(Error::Quarantined { id: id.to_owned(), reason });
        }
        let read = entries(self.core, id, 1, self.left + 1)?;
        if read.len() > self.left {
            return Err(Error::invalid(format!(
                "the logs below \"{id}\" and beside it have more than {MOST} entries: that is too much to play at once"
            )));
        }
        self.left -= read.len();
        let log: Vec<Entry> = read.into_iter().map(|(_, entry)| entry).collect();
        // The state is that of what was read: the run may have gone on meanwhile.
        let run = fold(&log).ok_or_else(|| Error::Bug(format!("\"{id}\" has a state and no log")))?;
        let definition = self.core.definition(&run.bundle)?;
        let missing = || Error::NotFound { what: "bundle", id: run.bundle.clone() };
        Ok(RecordedRun { definition: definition.ok_or_else(missing)?, run: Arc::new(run), log })
    }

    /// Returns the names of the branches and of the child runs of one.
    fn under(&self, id: &str) -> Result<Vec<String>, Error> {
        let journal = self.core.journal.as_ref();
        let mut names = reads::branches(journal, id)?;
        names.extend(reads::children(journal, id)?.into_iter().map(|child| child.run));
        Ok(names)
    }
}
