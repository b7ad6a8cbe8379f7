//! Names of a scenario: what they lead to from the slice that the file is in. One that leads nowhere stays as written, and the
//! checks report it.

use crate::{
    check::names::{self, Found},
    draft::{Draft, Kind},
    files::slice_of,
    plan::scenario::Scenario,
};

/// Returns a scenario with its names resolved.
pub(crate) fn resolve(draft: &Draft, written: &Scenario) -> Scenario {
    let mut scenario = written.clone();
    let slice = slice_of(&written.file).to_owned();
    let settle = |kind: Kind, name: &mut String| {
        if let Found::Id(id) | Found::Broken(id) = names::find(draft, kind, &slice, name) {
            *name = id;
        }
    };
    settle(Kind::Playbook, &mut scenario.playbook);
    scenario.answers.iter_mut().for_each(|answer| settle(Kind::Playbook, &mut answer.playbook));
    scenario.expect.iter_mut().for_each(|wanted| settle(Kind::Playbook, &mut wanted.playbook));
    scenario.given.iter_mut().for_each(|given| settle(Kind::Record, &mut given.kind));
    scenario.records.iter_mut().for_each(|wanted| settle(Kind::Record, &mut wanted.kind));
    for verb in &mut scenario.never {
        if let Found::Id(full) | Found::Broken(full) = names::find_verb(draft, &slice, verb) {
            *verb = full;
        }
    }
    scenario
}
