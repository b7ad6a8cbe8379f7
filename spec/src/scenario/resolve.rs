//! Names of a scenario: what they lead to from the slice that the file is in. One that leads nowhere stays as written, and the
//! checks report it.

use super::shows::Shows;
use crate::{
    check::names::{self, Found},
    draft::{Draft, Kind},
    files::slice_of,
    plan::scenario::{Reply, Scenario},
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
    into_branches(draft, &mut scenario);
    scenario
}

/// Lets what is said of gates in branches name what these have: whoever plays compares it with what it sees there.
fn into_branches(draft: &Draft, scenario: &mut Scenario) {
    for answer in &mut scenario.answers {
        let Reply::Outcome { edit, .. } = &mut answer.reply else { continue };
        if !edit.is_empty()
            && let Some(shows) = Shows::of(draft, &answer.playbook, &answer.step)
        {
            *edit = std::mem::take(edit)
                .into_iter()
                .map(|(path, value)| (shows.in_branch(&path), value))
                .collect();
        }
    }
    for wanted in &mut scenario.expect {
        if wanted.with.is_empty() && wanted.contains.is_empty() {
            continue;
        }
        let Some(shows) = Shows::of(draft, &wanted.playbook, &wanted.step) else { continue };
        let with = std::mem::take(&mut wanted.with);
        wanted.with = with.into_iter().map(|(path, value)| (shows.in_branch(&path), value)).collect();
        let contains = std::mem::take(&mut wanted.contains);
        wanted.contains = contains.into_iter().map(|(path, part)| (shows.in_branch(&path), part)).collect();
    }
}
