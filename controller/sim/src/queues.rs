//! The queues of playbooks, as any host shows them: read off the states of its runs.

use std::collections::BTreeMap;

use adjutant_machine::run::{Member, Place, next};
use adjutant_spec::plan::OldestId;

use crate::host::{Broken, Host};

/// Returns the members of every queue, as they stand.
fn queues<H: Host>(host: &H) -> BTreeMap<OldestId, Vec<Member>> {
    let mut queues: BTreeMap<OldestId, Vec<Member>> = BTreeMap::new();
    if !host.has_queues() {
        return queues;
    }
    for run in host.ids().into_iter().filter_map(|id| host.run(&id)) {
        if let Some(place) = run.place() {
            queues.entry(run.oldest()).or_default().push(Member { place, run: run.id.clone() });
        }
    }
    queues.values_mut().for_each(|members| members.sort());
    queues
}

/// Returns whose turn it is.
pub(crate) fn turns<H: Host>(host: &H) -> Vec<String> {
    queues(host).into_values().filter_map(next).collect()
}

/// At most one run of a playbook that queues works, whatever happened.
pub(crate) fn one_works<H: Host>(host: &H) -> Result<(), Broken> {
    for (playbook, members) in queues(host) {
        let mut working = members.into_iter().filter(|member| member.place == Place::Works);
        if let (Some(one), Some(other)) = (working.next(), working.next()) {
            let law = format!("it works, and so does {}, of \"{playbook}\", which queues", other.run);
            return Err(Broken { run: one.run, seq: 0, law });
        }
    }
    Ok(())
}

/// Nobody stands where nobody works, once everything that was under way has arrived.
pub(crate) fn whoever_stands_is_released<H: Host>(host: &H) -> Result<(), Broken> {
    match turns(host).into_iter().next() {
        None => Ok(()),
        Some(run) => {
            let law = "it is its turn, and nobody tells it".to_owned();
            Err(Broken { run, seq: 0, law })
        }
    }
}
