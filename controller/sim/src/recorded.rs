//! The logs of a run, and of all that it began: what is decided again, played again, and written down.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{
    Definition,
    event::RunStarted,
    fact::{Entry, Fact},
    run::Run,
};

/// A run or a branch as it is kept, with what it is decided by.
#[derive(Debug, Clone)]
pub struct RecordedRun {
    /// The state after the last entry.
    pub run: Arc<Run>,
    /// What it is decided by.
    pub definition: Arc<Definition>,
    /// Every entry of its log, from the first on.
    pub log: Vec<Entry>,
}

/// A run with its branches, and with the child runs that it or they began.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The run itself.
    pub root: RecordedRun,
    /// Its branches, and the child runs that it or they began, by their ids.
    pub below: Vec<RecordedRun>,
}

/// One entry of a recorded run, in the order in which all of them happened.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) of: &'a RecordedRun,
    /// Its place in its own log.
    pub(crate) place: usize,
}

impl<'a> Moment<'a> {
    pub(crate) fn entry(&self) -> &'a Entry {
        &self.of.log[self.place]
    }
}

impl Recorded {
    pub(crate) fn all(&self) -> impl Iterator<Item = &RecordedRun> {
        std::iter::once(&self.root).chain(&self.below)
    }

    /// Returns what the run began with; `None` where its first entry tells nothing of it.
    #[must_use]
    pub fn started(&self) -> Option<&RunStarted> {
        self.root.log.iter().flat_map(|entry| &entry.facts).find_map(|fact| match fact {
            Fact::RunOpened { started, .. } => Some(&**started),
            _ => None,
        })
    }

    /// Returns all entries in the order in which they happened: those of one run as they stand, of two runs by their moments.
    pub(crate) fn moments(&self) -> Vec<Moment<'_>> {
        let runs: Vec<&RecordedRun> = self.all().collect();
        let mut next = vec![0; runs.len()];
        let mut moments = Vec::with_capacity(runs.iter().map(|run| run.log.len()).sum());
        let at = |run: usize, place: usize| runs[run].log.get(place).map(|entry| (entry.envelope.at, run));
        let mut open: BTreeSet<_> = (0..runs.len()).filter_map(|run| at(run, 0)).collect();
        while let Some((_, run)) = open.pop_first() {
            moments.push(Moment { of: runs[run], place: next[run] });
            next[run] += 1;
            open.extend(at(run, next[run]));
        }
        moments
    }
}
