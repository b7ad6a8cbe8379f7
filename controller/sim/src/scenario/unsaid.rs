//! What is asked and the scenario does not say: told with an answer that would fit, to be filled in.

use adjutant_machine::{
    call::{Call, Perform},
    run::{EffectState, Gate, Purpose, Run},
    sample,
};
use adjutant_spec::scenario::{Finding, Scenario};

use super::{
    course::{Described, described},
    finding::finding,
    words::{told, written},
};
use crate::{memory::MemoryHost, world::sample_of};

/// Where something is asked.
pub(super) struct Asker<'a> {
    pub(super) host: &'a MemoryHost,
    pub(super) scenario: &'a Scenario,
}

/// Says that something is asked and not answered.
pub(super) fn unanswered(asker: &Asker<'_>, run: &Run, perform: &Perform) -> Finding {
    let Described { asked, args } = described(&perform.call);
    let (what, answer) = match &*perform.call {
        Call::Probe { .. } => ("the doubt about step", "probe = \"happened\"".to_owned()),
        Call::Verb(call) if call.undo_of.is_some() => ("the undo of step", "undo = true".to_owned()),
        _ => ("step", answer_of(asker, run, perform)),
    };
    let attempt = if perform.attempt > 1 { format!(", attempt {}", perform.attempt) } else { String::new() };
    let step = &perform.step;
    let message =
        format!("{what} \"{step}\" asks {asked}{attempt}, and nothing is answered; with {}", told(&args));
    let of = of_playbook(asker, run);
    let help = format!("add an `[[answer]]` with {of}step = \"{step}\", {answer}");
    Finding { help, label: "is not answered".to_owned(), ..finding(&place_of(asker, run, step), message) }
}

/// Returns an answer that would fit, to be filled in.
fn answer_of(asker: &Asker<'_>, run: &Run, perform: &Perform) -> String {
    let definition = asker.host.definitions.get(&run.bundle);
    match &*perform.call {
        Call::Route { route, .. } => {
            let classes = definition.and_then(|definition| definition.bundle().routes.get(route));
            let first =
                classes.and_then(|route| route.classes.first()).map_or("unsure", |class| class.id.as_str());
            format!("outcome = \"{first}\"")
        }
        Call::Agent(call) => format!("with = {}", written(&sample::of(&call.output))),
        Call::Verb(call) => {
            let sample = sample_of(definition.map(|definition| definition.bundle()), &call.verb);
            match sample.is_object() {
                true => format!("with = {}", written(&sample)),
                false => "outcome = \"ok\"".to_owned(),
            }
        }
        _ => "outcome = \"ok\"".to_owned(),
    }
}

/// Says that a person is asked, and the scenario does not say what they answer.
pub(super) fn undecided(asker: &Asker<'_>, run: &Run, gate: &Gate) -> Finding {
    let step = &gate.card.step;
    let why = if gate.card.why == "gate" { String::new() } else { format!(" ({})", gate.card.why) };
    let message =
        format!("step \"{step}\" asks a person{why}, and nothing is answered: {}", gate.card.question);
    let form = gate.card.form.as_ref().map(sample::of).map(|form| format!(", with = {}", written(&form)));
    let of = of_playbook(asker, run);
    let help = format!(
        "add an `[[answer]]` with {of}step = \"{step}\", outcome = \"approved\"{}",
        form.unwrap_or_default()
    );
    Finding { help, label: "is not answered".to_owned(), ..finding(&place_of(asker, run, step), message) }
}

/// Says that only the operator can settle a call, and the scenario does not say how.
pub(super) fn unsettled(asker: &Asker<'_>, run: &Run, state: &EffectState) -> Finding {
    let step = &state.step;
    let is_undo = matches!(state.purpose, Purpose::Undo(_));
    let (what, undo) = if is_undo { ("the undo of step", ", undo = true") } else { ("step", "") };
    let message = format!("{what} \"{step}\" is {}, and nobody settles it", state.life.phase.word());
    let of = of_playbook(asker, run);
    let help = format!("add an `[[answer]]` with {of}step = \"{step}\"{undo}, settle = \"happened\"");
    Finding { help, label: "is not settled".to_owned(), ..finding(&place_of(asker, run, step), message) }
}

fn of_playbook(asker: &Asker<'_>, run: &Run) -> String {
    if run.playbook == asker.scenario.playbook {
        String::new()
    } else {
        format!("playbook = \"{}\", ", run.playbook)
    }
}

/// Returns the key that a step is to be told at: where it is expected, else where it is answered already, else the playbook.
fn place_of(asker: &Asker<'_>, run: &Run, step: &str) -> String {
    let scenario = asker.scenario;
    let answered =
        scenario.answers.iter().rposition(|answer| answer.step == step && answer.playbook == run.playbook);
    let expected =
        scenario.expect.iter().position(|wanted| wanted.step == step && wanted.playbook == run.playbook);
    match (answered, expected) {
        (Some(place), _) => format!("answer[{place}].step"),
        (None, Some(place)) => format!("expect[{place}].step"),
        (None, None) => "playbook".to_owned(),
    }
}
