//! The reason chain: from a run, gate or effect back to what started it, and to the file that says so.

use adjutant_machine::{
    classified::Classified,
    id::EffectId,
    run::{Phase, Run},
};

use super::{
    branches::{self, BranchCause},
    line::{file, line, playbook, step, summary},
    origin,
    part::{self, Above},
};
use crate::runtime::{
    Error,
    core::Core,
    identity::run_of,
    pauses, reads,
    views::{When, WhyLine, WhyView},
};

/// How many branches that are not over say why.
const MOST_BRANCHES: usize = 3;
/// How far up a chain of parent runs is followed.
const MOST_PARENTS: usize = 20;

/// Explains a run, a gate, an effect or a delivery.
pub(in crate::runtime) fn why(core: &Core, id: &str) -> Result<WhyView, Error> {
    if let Some(delivery) = origin::named(core, id)? {
        return Ok(WhyView { subject: id.to_owned(), chain: origin::tell(core, &delivery)? });
    }
    let run = reads::load(core, run_of(id))?;
    let (mut chain, mut is_over) = (Vec::new(), false);
    if let Some(gate) = run.gates.get(id) {
        let phase = format!("{:?}", gate.phase).to_lowercase();
        let text = format!("it is {phase}: {} ({})", gate.card.question, gate.card.why);
        chain.push(line("gate", id, text, Some(When(gate.opened))));
        chain.push(step(core, &run, &gate.card.step)?);
    } else if let Some(effect) = id.parse::<EffectId>().ok().filter(|_| run.id != id) {
        // The name of a branch could be read as an effect's id, too.
        super::story::tell(core, &run, &effect, &mut chain)?;
        is_over = run.effects.get(&effect).is_some_and(|state| state.is_settled());
    }
    // What is over did not come of what the run waits for now.
    if !is_over {
        pauses(core, &run, &mut chain);
        causes(core, &run, &mut chain)?;
        decisions(&run, &mut chain);
    }
    of_run(core, &run, is_over, &mut chain)?;
    Ok(WhyView { subject: id.to_owned(), chain })
}

fn of_run(core: &Core, run: &Run, is_over: bool, chain: &mut Vec<WhyLine>) -> Result<(), Error> {
    let mut current = run.clone();
    for _ in 0..MOST_PARENTS {
        chain.push(line("run", &current.id, summary(&current), Some(When(current.started_at))));
        if let Some(position) = current.position.as_ref().filter(|_| !is_over) {
            chain.push(step(core, &current, &position.step)?);
        }
        let parent = match (part::above(&current.id), current.parent.clone()) {
            (Some(Above { parent, text }), _) => {
                let part = part::part(core, &current)?.unwrap_or_default();
                chain.push(line("branch", &current.id, format!("{part}, {text}"), None));
                parent
            }
            (None, Some(parent)) => {
                let text = format!("started by a step of run \"{}\"", parent.run);
                chain.push(line("effect", &parent.to_string(), text, None));
                parent.run
            }
            (None, None) => break,
        };
        current = match reads::load(core, &parent) {
            Ok(found) => found,
            // A parent that cannot be read hides nothing of its child.
            Err(Error::Quarantined { id, reason }) => {
                chain.push(line("run", &id, format!("it is quarantined because {reason}"), None));
                break;
            }
            Err(Error::Gone { reason }) => {
                chain.push(line("run", &parent, reason, None));
                break;
            }
            Err(error) => return Err(error),
        };
    }
    let first = super::run::readable(core, &current.id, 1, 1)?;
    if let Some((_, Ok(entry))) = first.first() {
        let text = format!("started by {} with key \"{}\"", entry.envelope.by, current.key);
        chain.push(line("trigger", &entry.envelope.id, text, Some(When(entry.envelope.at))));
    }
    chain.push(line("file", &playbook(core, &current)?, file(core, &current)?, None));
    Ok(())
}

fn pauses(core: &Core, run: &Run, chain: &mut Vec<WhyLine>) {
    let live = core.live();
    for pause in pauses::of_playbook(&live, &run.oldest()) {
        let text = format!("{} is paused by {}: {}", pause.scope, pause.by, pause.reason);
        chain.push(line("pause", &pause.scope, text, Some(pause.at)));
    }
}

fn causes(core: &Core, run: &Run, chain: &mut Vec<WhyLine>) -> Result<(), Error> {
    for BranchCause { branch, text, since } in branches::nearest_causes(core, run, MOST_BRANCHES)? {
        chain.push(line("branch", &branch, format!("{branch} is not over: {text}"), since));
    }
    for scope in part::scopes(run).iter().rev() {
        chain.push(line("scope", &scope.step, part::in_words(scope), Some(scope.since)));
    }
    for cause in run.waiting() {
        chain.push(line("waits", &run.id, super::run::cause_now(core, run, &cause), None));
    }
    if let Some(failure) = &run.failure {
        let text = format!("it failed ({}): {}", failure.outcome, failure.message);
        chain.push(line("failure", failure.step.as_deref().unwrap_or(&run.id), text, None));
    }
    if let Phase::Unwinding { to, reason } = &run.phase {
        let text = format!("it takes back what it did, then it is {}: {reason}", to.in_words());
        chain.push(line("unwinding", &run.id, text, None));
    }
    if let Phase::Ended { status, at, reason } = &run.phase {
        let reason = reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
        chain.push(line("end", &run.id, format!("it ended, {}{reason}", status.in_words()), Some(When(*at))));
    }
    Ok(())
}

/// What routes said in this run, the latest first: it is in the log, nobody is asked again.
fn decisions(run: &Run, chain: &mut Vec<WhyLine>) {
    let decided = run.steps.iter().filter_map(|(id, state)| {
        let decided = Classified::read(&state.value.as_ref()?.value)?;
        Some((state.ended, line("route", id, decided.sentence(), state.ended.map(When))))
    });
    let mut decided: Vec<_> = decided.collect();
    decided.sort_by_key(|(ended, _)| std::cmp::Reverse(*ended));
    chain.extend(decided.into_iter().map(|(_, line)| line));
}
