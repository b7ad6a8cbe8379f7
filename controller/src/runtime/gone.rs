//! Runs that retention removed: that they were there stays known, by a row for each.

use adjutant_machine::{
    id::{InstanceId, Stamp},
    journal::{Journal, JournalError, Table},
    run::{Phase, Run},
};
use serde::{Deserialize, Serialize};

use super::{Error, rows, views::When};

/// What is known of a run that was removed. Fields are only added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Gone {
    playbook: String,
    key: String,
    status: String,
    started: When,
    ended: When,
    /// When it was removed.
    at: When,
}

impl Gone {
    /// Returns what stays known of a run that has ended.
    pub(super) fn of(run: &Run, at: Stamp) -> Option<Self> {
        let Phase::Ended { status, at: ended, .. } = &run.phase else { return None };
        Some(Self {
            playbook: run.playbook.clone(),
            key: run.key.clone(),
            status: status.word().to_owned(),
            started: When(run.started_at),
            ended: When(*ended),
            at: When(at),
        })
    }

    /// Returns when it began.
    pub(super) fn began(&self) -> Stamp {
        self.started.0
    }

    /// Returns why a run cannot be shown that was removed.
    pub(super) fn refusal(&self, id: &str) -> Error {
        let Self { playbook, status, started, ended, at, .. } = self;
        Error::Gone {
            reason: format!(
                "run \"{id}\" of playbook \"{playbook}\" began at {started} and ended at {ended} ({status}); retention removed it at {at}"
            ),
        }
    }
}

/// Returns what is known of a run, where it was removed.
pub(super) fn gone(journal: &dyn Journal, run: &InstanceId) -> Result<Option<Gone>, JournalError> {
    let row = journal.row(Table::Host, &rows::host::gone(&run.root().name))?;
    Ok(row.and_then(|row| serde_json::from_slice(&row.value).ok()))
}

/// Returns whether a run that was read is on its way out, or has gone meanwhile: its branches may be gone already, so nobody takes it
/// up again. What tells is the row that stays for good, so a run that goes between two looks is never taken for one that stays.
pub(super) fn has_left(journal: &dyn Journal, run: &Run) -> Result<bool, JournalError> {
    Ok(run.is_ended() && journal.row(Table::Host, &rows::host::gone(&run.id))?.is_some())
}
