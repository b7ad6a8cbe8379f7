//! Whether a run is decided today as it was: each event of its log is decided again.

use adjutant_machine::{Definition, codec, fold, step, verdict::Env};

use crate::recorded::RecordedRun;

/// What it comes to when the events of a log are decided again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redecided {
    /// The run, or the branch.
    pub run: String,
    /// The entries that were decided.
    pub entries: u64,
    /// The first entry that is decided otherwise, by its number; `None` where none is.
    pub differs_at: Option<u64>,
    /// The hash of the state that the log folds to, in canonical form: the order of the fields of a value is not part of it.
    pub folded: String,
    /// The hash of the state that comes of deciding again; absent where an entry is decided otherwise.
    pub decided: Option<String>,
}

impl Redecided {
    /// Returns whether everything is decided as it was, and the state is the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differs_at.is_none() && self.decided.as_ref() == Some(&self.folded)
    }
}

/// Decides the events of a run again, by what it pins; `seed` is that of the store that the run is in.
#[must_use]
pub fn redecided(run: &RecordedRun, seed: u64) -> Redecided {
    redecided_by(run, &run.definition, seed)
}

/// As [`redecided`], by another definition.
#[must_use]
pub fn redecided_by(run: &RecordedRun, definition: &Definition, seed: u64) -> Redecided {
    let folded = fold(&run.log).map(|run| hash(&codec::canonical(&run))).unwrap_or_default();
    let (mut state, mut differs_at) = (None, None);
    for (seq, entry) in (1..).zip(&run.log) {
        let decided = step(definition, state.as_ref(), &entry.envelope, &Env { seq, seed });
        match decided.next.filter(|next| next.entry.facts == entry.facts) {
            Some(next) => state = Some(next.run),
            None => {
                differs_at = Some(seq);
                break;
            }
        }
    }
    let decided = state.filter(|_| differs_at.is_none()).map(|run| hash(&codec::canonical(&run)));
    Redecided { run: run.run.id.clone(), entries: run.log.len() as u64, differs_at, folded, decided }
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
