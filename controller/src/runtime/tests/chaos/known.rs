//! What is known of a run between two looks at the store: its log, and the state that its log adds up to.

use std::sync::Arc;

use adjutant_machine::{
    apply, codec,
    fact::Entry,
    id::InstanceId,
    journal::{Content, Journal},
    run::Run,
};
use adjutant_sim::Broken;

/// A run as it was durable at the last look.
#[derive(Default)]
pub(super) struct Known {
    pub(super) run: Option<Arc<Run>>,
    pub(super) log: Vec<Entry>,
    /// The log as it is stored.
    pub(super) bytes: Vec<Content>,
}

impl Known {
    /// Reads what is new, and holds it against the laws.
    pub(super) fn look(&mut self, journal: &dyn Journal, instance: &InstanceId) -> Result<(), Broken> {
        let last = journal.last(instance).expect("the store is readable");
        if last == self.bytes.len() as u64 {
            return Ok(());
        }
        let broken = |seq: u64, law: &str| Broken { run: instance.name.clone(), seq, law: law.to_owned() };
        let mut run = self.run.as_deref().cloned();
        while (self.bytes.len() as u64) < last {
            let from = self.bytes.len() as u64 + 1;
            let page = journal.entries(instance, from, 1_000).expect("the store is readable");
            if page.first().is_none_or(|(seq, _)| *seq != from) {
                return Err(broken(from, "its log has a hole"));
            }
            for (seq, content) in page {
                let entry = codec::decode_entry(&content).map_err(|error| broken(seq, &error.to_string()))?;
                apply(&mut run, &entry);
                if run.as_ref().is_none_or(|run| run.seq != seq) {
                    return Err(broken(seq, "its entries are not numbered one by one"));
                }
                self.log.push(entry);
                self.bytes.push(content);
            }
        }
        let stored = journal.load(instance).expect("the store is readable");
        let stored = stored.map(|stored| codec::read_run(&stored).expect("a run"));
        if stored != run {
            return Err(broken(last, "its log does not add up to its state (law 6)"));
        }
        if run.as_ref().is_some_and(|run| !run.has_wake_up_cause()) {
            return Err(broken(last, "nothing will wake it (law 11)"));
        }
        self.run = run.map(Arc::new);
        Ok(())
    }

    /// Returns whether a log has an entry of an event.
    pub(super) fn holds(&self, event: &str) -> bool {
        self.log.iter().rev().any(|entry| entry.envelope.id == event)
    }

    /// Returns whether this log goes on where an earlier one ended.
    pub(super) fn follows(&self, before: &Self) -> bool {
        self.bytes.starts_with(&before.bytes)
    }
}
