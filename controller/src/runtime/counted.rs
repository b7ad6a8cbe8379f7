//! How long a list is, as it is told: what the store counted, without the runs that are set aside.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

use adjutant_machine::{
    count::{Count, CountChanges},
    id::InstanceId,
    journal::{self, GroupCount, Table},
};

use super::{
    Error,
    core::Core,
    counts::{Counts, SetAside, recounted},
    rows,
};

impl Core {
    /// Returns how many members a group has that are not set aside.
    pub(super) fn counted(&self, group: &[u8]) -> Result<u64, Error> {
        let aside = self.set_aside()?.get(group).copied().unwrap_or_default();
        let found = self.counts(group)?.remove(group).unwrap_or_default();
        Ok(found.without(aside).members)
    }

    /// Returns the counts of the groups whose names begin so, with those that are set aside.
    pub(super) fn counts(&self, prefix: &[u8]) -> Result<Counts, Error> {
        let found = self.journal.counts(prefix)?.into_iter();
        let found: Option<Counts> = found.map(|GroupCount { group, count }| Some((group, count?))).collect();
        if let Some(found) = found {
            return Ok(found);
        }
        // The next start writes it anew.
        tracing::error!("a count cannot be read: its rows are counted");
        let mut found = recounted(self.journal.as_ref())?;
        found.retain(|group, _| group.starts_with(prefix));
        Ok(found)
    }

    /// Returns what the runs that are set aside would count for. Their rows do not change while they are, so they are looked for once.
    fn set_aside(&self) -> Result<Arc<Counts>, Error> {
        let who: BTreeSet<InstanceId> = self.live().quarantined.keys().cloned().collect();
        let mut known = self.set_aside.lock().unwrap_or_else(PoisonError::into_inner);
        if known.who != who {
            let mut counts = CountChanges::default();
            for row in journal::rows(self.journal.as_ref(), Table::Index, b"") {
                let row = row?;
                let of = rows::index::read(&row.key);
                if of.is_some_and(|of| who.contains(&InstanceId::run(of.run))) {
                    let group = rows::index::group_of(&row.key);
                    group.into_iter().for_each(|group| counts.join(group, &row.key));
                }
            }
            let counts = counts.iter().map(|change| (change.group.to_vec(), Count::default().after(&change)));
            *known = SetAside { who, counts: Arc::new(counts.collect()) };
        }
        Ok(Arc::clone(&known.counts))
    }
}
