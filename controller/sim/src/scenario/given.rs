//! What somebody else writes while the run goes on: it is judged when it comes, with what is there then.

use adjutant_machine::records;
use adjutant_spec::scenario::Given;

use super::{
    finding::finding,
    player::{Player, Turn},
};

impl Player<'_> {
    /// Somebody else writes a record while the run goes on; what would not fit is not written.
    pub(super) fn given_later(&mut self, place: usize) -> Turn {
        let given = &self.scenario.given[place];
        match self.judged(given) {
            Ok(()) => self.store.put(given),
            // What is there then may be the fault's doing: nobody wrote the scenario for it.
            Err(_) if self.faults.is_on => {}
            Err(problem) => {
                let message = format!("{} \"{}\" does not fit: {problem}", given.kind, given.key);
                return Err(finding(&format!("given[{place}].value"), message).into());
            }
        }
        Ok(())
    }

    /// Judges a record with what is there. A kind that no run of the play knows is nobody's to read.
    fn judged(&self, given: &Given) -> Result<(), String> {
        let mut bundles = self.host.definitions.values().map(|definition| definition.bundle());
        let bundle = bundles.find(|bundle| bundle.records.contains_key(&given.kind));
        bundle.map_or(Ok(()), |bundle| records::check(bundle, &given.kind, &self.store.merged(given)))
    }
}
