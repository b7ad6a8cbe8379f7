//! Where a run stands in the queue of its playbook, for people.

use adjutant_machine::{
    id::Stamp,
    run::{Member, Place, Run},
};

use crate::runtime::{core::Core, places, views::When};

/// Says behind whom a run stands, and until when at most.
pub(super) fn in_words(core: &Core, run: &Run, until: Stamp) -> String {
    // What cannot be read of the others says nothing of this one.
    let Ok(members) = places::members(core, &run.oldest()) else { return alone(until) };
    let working = members.iter().find(|member| member.place == Place::Works);
    let behind = match working {
        Some(Member { run, .. }) => format!("run \"{run}\" works"),
        None => "nobody works".to_owned(),
    };
    let stand = members.iter().filter(|member| member.place != Place::Works);
    let before = match stand.take_while(|member| member.run != run.id).count() {
        0 => "it is the next".to_owned(),
        1 => "one other stands before it".to_owned(),
        many => format!("{many} others stand before it"),
    };
    let end = When(until);
    format!(
        "it stands in the queue of playbook \"{}\": {behind}, {before}; it fails if it stands there at {end}",
        run.playbook
    )
}

/// Says that a run stands, where nothing is known of the others.
pub(super) fn alone(until: Stamp) -> String {
    format!("its turn in the queue of its playbook, until {}", When(until))
}
