//! How much each connector was told: taken, refused and passed over, and why it was refused last.

use std::collections::BTreeMap;

use adjutant_machine::{
    id::Stamp,
    journal::{self, Journal, Table},
};
use serde::{Deserialize, Serialize};

use super::{
    Error, rows,
    views::{HookView, When},
};

/// After how many refusals in a row the operator is told.
pub(super) const TELLING: u64 = 5;
/// The most characters of a reason.
const REASON: usize = 300;

/// What a connector was told, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(super) struct Tally {
    taken: u64,
    pub(super) refused: u64,
    undeclared: u64,
    /// Refusals since the last one that was taken.
    pub(super) in_a_row: u64,
    pub(super) last_reason: Option<String>,
    last_refused: Option<Stamp>,
    last_taken: Option<Stamp>,
    last_undeclared: Option<String>,
    /// Whether the operator was told of the present row of refusals.
    pub(super) told: bool,
}

/// The tallies of all connectors, with what the store knows of them.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pub(super) all: BTreeMap<String, HookTally>,
}

/// The tally of one connector, with what the store knows of it.
#[derive(Debug, Default)]
pub(super) struct HookTally {
    pub(super) tally: Tally,
    /// Whether the store has another one.
    pub(super) changed: bool,
    /// Whether somebody is about to write it.
    pub(super) writing: bool,
    /// When the store was told last.
    pub(super) written: Option<Stamp>,
}

/// What happened at a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A delivery was taken.
    Taken,
    /// A request was refused, with the reason: one line.
    Refused(String),
    /// A delivery of an event that the connector does not declare was passed over.
    Undeclared(String),
}

impl Tally {
    pub(super) fn hear(&mut self, heard: Heard, now: Stamp) {
        match heard {
            Heard::Taken => {
                self.taken += 1;
                (self.in_a_row, self.told, self.last_taken) = (0, false, Some(now));
            }
            Heard::Refused(reason) => {
                self.refused += 1;
                self.in_a_row += 1;
                self.last_reason = Some(reason.chars().take(REASON).collect());
                self.last_refused = Some(now);
            }
            // Its sender is who it should be: what was refused before says nothing against it.
            Heard::Undeclared(event) => {
                self.undeclared += 1;
                (self.in_a_row, self.told) = (0, false);
                self.last_undeclared = Some(event.chars().take(REASON).collect());
            }
        }
    }

    pub(super) fn view(&self, connector: &str) -> HookView {
        HookView {
            connector: connector.to_owned(),
            taken: self.taken,
            refused: self.refused,
            undeclared: self.undeclared,
            failing: self.in_a_row >= TELLING,
            refused_in_a_row: self.in_a_row,
            last_reason: self.last_reason.clone(),
            last_refused: self.last_refused.map(When),
            last_taken: self.last_taken.map(When),
            last_undeclared: self.last_undeclared.clone(),
        }
    }
}

impl Tallies {
    /// Reads what the store knows; a row that cannot be read counts anew, and keeps no other one from being read.
    pub(super) fn load(journal: &dyn Journal) -> Result<Self, Error> {
        let mut all = BTreeMap::new();
        let prefix = rows::host::HOOKS;
        for row in journal::rows(journal, Table::Host, prefix) {
            let row = row?;
            let name = String::from_utf8_lossy(row.key.get(prefix.len()..).unwrap_or_default()).into_owned();
            let tally = serde_json::from_slice(&row.value).unwrap_or_default();
            all.insert(name, HookTally { tally, ..HookTally::default() });
        }
        Ok(Self { all })
    }
}
