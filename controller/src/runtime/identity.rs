//! The identity of a run: `<playbook>-` and eight letters of a hash of (the playbook's oldest id, key).
//!
//! The row of the full pair is the identity; the letters are only its name. Where another pair has the name already, it grows.

use adjutant_machine::{event::RunStarted, id::InstanceId};
use adjutant_spec::plan::OldestId;
use serde::{Deserialize, Serialize};

/// How many letters a name has at first.
const LETTERS: usize = 8;

/// A run that shall begin, with everything but its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewRun {
    /// The event, with an empty `run`.
    pub(super) started: RunStarted,
    /// The playbook's oldest id.
    pub(super) oldest: OldestId,
    /// Who starts it.
    pub(super) by: String,
}

/// The row that says which run a key means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyRow {
    pub(super) run: String,
}

impl NewRun {
    /// Returns the name with so many letters more than the shortest.
    pub(super) fn name(&self, more: usize) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.oldest.as_str().as_bytes()).update(&[0]).update(self.started.key.as_bytes());
        let letters = data_encoding::BASE32_NOPAD.encode(hasher.finalize().as_bytes()).to_lowercase();
        let end = (LETTERS + more).min(letters.len());
        // A slice's playbook is written `slice/playbook`; names of instances have no slashes.
        format!("{}-{}", self.started.playbook.replace('/', "-"), &letters[..end])
    }

    /// Returns the instance of the shortest name.
    pub(super) fn instance(&self) -> InstanceId {
        InstanceId::run(self.name(0))
    }

    /// Returns the event for a name.
    pub(super) fn named(&self, run: &str) -> RunStarted {
        RunStarted { run: run.to_owned(), ..self.started.clone() }
    }
}

/// Returns the run whose name a gate's id or an effect's id begins with: the part before the first dot.
pub(super) fn run_of(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}
