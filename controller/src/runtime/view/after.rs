//! What became of a run by a command, for its answer: nobody is told that something goes on which does not.

use adjutant_machine::{
    id::EffectId,
    run::{Close, EffectPhase, Phase, Run, Wait},
};

use crate::runtime::{
    Error,
    core::Core,
    reads::{self, Child},
};

/// Says what a kill leaves behind: doubts, children that end with it, and children that go on.
pub(in crate::runtime) fn left_by_kill(core: &Core, id: &str) -> Result<String, Error> {
    let run = reads::load(core, id)?;
    let mut said = String::new();
    let doubts: Vec<&EffectId> = run
        .effects
        .iter()
        .filter(|(_, state)| matches!(state.life.phase, EffectPhase::Unknown { .. }))
        .map(|(effect, _)| effect)
        .collect();
    match doubts.as_slice() {
        [] => {}
        [one] => {
            said.push_str(&format!(
                "; nobody knows whether {one} happened: look, then type `adjutant dead settle {one} --happened` or \
                 `adjutant dead settle {one} --did-not-happen`"
            ));
        }
        many => {
            said.push_str(&format!(
                "; nobody knows whether {} of its calls happened: `adjutant dead`",
                many.len()
            ));
        }
    }
    let (mut detached, mut ended) = (Vec::new(), Vec::new());
    for LiveChild { run, close } in children(core, &run)? {
        if close == Close::Detach { &mut detached } else { &mut ended }.push(run);
    }
    if !ended.is_empty() {
        said.push_str(&format!("; what it had started ends with it: {}", ended.join(", ")));
    }
    if let Some(first) = detached.first() {
        let all = detached.join(", ");
        said.push_str(&format!("; what it had detached goes on: {all} (`adjutant kill {first}` ends it)"));
    }
    Ok(said)
}

/// A child of a run that was live when the run ended.
struct LiveChild {
    /// The id of the child.
    run: String,
    /// What becomes of it when its parent ends.
    close: Close,
}

/// Returns the children of a run that were live when it ended; where its state was lost, all that the index names.
fn children(core: &Core, run: &Run) -> Result<Vec<LiveChild>, Error> {
    let mut found = Vec::new();
    for Child { run: child, by } in reads::children(core.journal.as_ref(), &run.id)? {
        let close = run.effects.get(&by).and_then(|state| state.child.as_ref()).map(|child| child.close);
        let Phase::Ended { at: killed, .. } = run.phase else { continue };
        let is_over = match reads::load(core, &child) {
            Ok(child) => matches!(child.phase, Phase::Ended { at, .. } if at < killed),
            Err(_) => false,
        };
        if !is_over {
            found.push(LiveChild { run: child, close: close.unwrap_or_default() });
        }
    }
    Ok(found)
}

/// Says where a run that was tried again stands: in its queue, at a step, before a person, or at its end once more.
pub(in crate::runtime) fn after_retry(core: &Core, id: &str) -> Result<String, Error> {
    let run = reads::load(core, id)?;
    if let (Phase::Ended { .. } | Phase::Unwinding { .. }, Some(failure)) = (&run.phase, &run.failure) {
        let step = failure.step.as_ref().map_or_else(String::new, |step| format!("step \"{step}\": "));
        return Ok(format!(", and it failed again at once: {step}{}", failure.message));
    }
    if let (Phase::Queued { .. }, Some(position)) = (&run.phase, &run.position) {
        let step = &position.step;
        return Ok(format!(
            ": it stands in the queue of its playbook, and goes on at step \"{step}\" when its turn comes"
        ));
    }
    Ok(match run.position.as_ref().map(|position| (&position.step, &position.wait)) {
        Some((step, Wait::Gate(gate))) => {
            format!(": step \"{step}\" asks you first, `adjutant show {gate}`")
        }
        Some((step, _)) => format!(": it is at step \"{step}\""),
        None => format!(": it is {}", run.status()),
    })
}
