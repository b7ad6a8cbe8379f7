//! What of a candidate can be in force while the rest waits for the operator's yes.
//!
//! A revision that takes something away from live runs needs a confirmation, and one that is saved in a folder must not
//! hold up everything that is saved after it. So the part that needs no yes goes live: first by keeping the files that the
//! candidate takes away, else by keeping whole slices. A push is taken whole or not at all and never comes here.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_spec::{
    files::{FileSet, slice_of},
    plan::Id,
};

use super::{
    Error, Reconciler,
    board::Board,
    in_force::InForce,
    judge::{self, Judged},
    wish::Candidate,
};

/// With more slices concerned, no smaller part is looked for: each look checks the whole company.
const MOST_LOOKS: usize = 12;

/// How a part is made of a candidate: what of the slices concerned stays as it is in force.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// The files that the candidate takes away.
    Removed,
    /// Everything in the slices concerned.
    All,
}

/// What a part keeps of what is in force.
#[derive(Clone, Copy)]
struct Keep<'a> {
    keeping: Keeping,
    slices: &'a BTreeSet<Id>,
}

/// The part of a candidate that needs no yes.
pub(super) struct Part {
    /// The files of the part, with the plan that they amount to.
    pub(super) judged: Arc<Judged>,
    /// The slices in which something waits.
    pub(super) waiting: BTreeSet<Id>,
}

impl Reconciler {
    /// Returns the largest part of a candidate that needs no yes, or `None` where nothing of it can move alone.
    pub(super) async fn part(&self, board: &Board, candidate: &Candidate) -> Result<Option<Part>, Error> {
        let base = &board.in_force;
        let removed = removed(&base.files, &candidate.files);
        let moved = judge::moved(&base.files, &candidate.files);
        let tries = [
            Keep { keeping: Keeping::Removed, slices: &removed },
            Keep { keeping: Keeping::All, slices: &moved },
        ];
        for concerned in tries {
            if let Some(judged) = self.free_part(base, candidate, concerned).await? {
                let waiting = judge::moved(&judged.files, &candidate.files);
                let is_held = |slice: &Id| judged.held.contains_key(slice);
                let waiting = waiting.into_iter().filter(|slice| !is_held(slice)).collect();
                return Ok(Some(Part { judged, waiting }));
            }
        }
        Ok(None)
    }

    /// Keeps what is concerned, then lets go of every slice that does not have to be kept.
    async fn free_part(
        &self,
        base: &InForce,
        candidate: &Candidate,
        concerned: Keep<'_>,
    ) -> Result<Option<Arc<Judged>>, Error> {
        let Keep { keeping, slices } = concerned;
        let Some(mut found) = self.free(base, candidate, concerned).await? else { return Ok(None) };
        let mut kept = slices.clone();
        if slices.len() <= MOST_LOOKS {
            for slice in slices {
                kept.remove(slice);
                match self.free(base, candidate, Keep { keeping, slices: &kept }).await? {
                    Some(larger) => found = larger,
                    None => drop(kept.insert(slice.clone())),
                }
            }
        }
        Ok(Some(found))
    }

    /// Judges a part; returns it if it needs no yes.
    async fn free(
        &self,
        base: &InForce,
        candidate: &Candidate,
        kept: Keep<'_>,
    ) -> Result<Option<Arc<Judged>>, Error> {
        let files = Arc::new(keep(&base.files, &candidate.files, kept));
        let judged = self.judge(base, files).await?;
        let plan = self.artefact(base, &candidate.revision, &judged).await?;
        Ok(plan.filter(|plan| plan.confirm.is_none()).map(|_| judged))
    }
}

/// Returns the slices of which a candidate takes files away.
fn removed(base: &FileSet, candidate: &FileSet) -> BTreeSet<Id> {
    let gone = base.iter().map(|(path, _)| path).filter(|path| candidate.get(path).is_none());
    gone.map(|path| slice_of(path).to_owned()).collect()
}

fn keep(base: &FileSet, candidate: &FileSet, kept: Keep<'_>) -> FileSet {
    let is_kept = |path: &str| kept.slices.contains(slice_of(path));
    let mut files = candidate.clone();
    if kept.keeping == Keeping::All {
        let theirs: Vec<String> =
            candidate.iter().map(|(path, _)| path.to_owned()).filter(|path| is_kept(path)).collect();
        theirs.iter().for_each(|path| drop(files.remove(path)));
    }
    for (path, bytes) in base.iter().filter(|(path, _)| is_kept(path)) {
        if files.get(path).is_none() {
            files.insert(path, Arc::clone(bytes));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(rows: &[(&str, &str)]) -> FileSet {
        let mut files = FileSet::new();
        rows.iter().for_each(|(path, text)| files.insert(*path, text.as_bytes()));
        files
    }

    #[test]
    fn what_is_taken_away_is_kept_and_the_rest_moves() {
        let base =
            files(&[("playbooks/a.toml", "1"), ("slices/x/slice.toml", "1"), ("slices/y/slice.toml", "1")]);
        let candidate = files(&[("playbooks/a.toml", "2"), ("slices/y/slice.toml", "2")]);
        assert_eq!(removed(&base, &candidate), BTreeSet::from(["x".to_owned()]));
        let kept = BTreeSet::from(["x".to_owned()]);
        let part = keep(&base, &candidate, Keep { keeping: Keeping::Removed, slices: &kept });
        let expected =
            files(&[("playbooks/a.toml", "2"), ("slices/x/slice.toml", "1"), ("slices/y/slice.toml", "2")]);
        assert_eq!(part, expected);
        let kept = BTreeSet::from(["y".to_owned()]);
        let part = keep(&base, &candidate, Keep { keeping: Keeping::All, slices: &kept });
        assert_eq!(part, files(&[("playbooks/a.toml", "2"), ("slices/y/slice.toml", "1")]));
    }
}
