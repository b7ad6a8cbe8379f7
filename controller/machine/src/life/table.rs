//! Tables of the machines, printed from what the machines really answer over all samples: the same run proves law 1.

use std::fmt::{Debug, Write};

use super::{Driven, Kind, Lifecycle};

/// Samples of a machine.
#[derive(Debug)]
pub struct Samples<M: Lifecycle> {
    /// The machine with what never changes of it.
    pub machine: M,
    /// States, with a name for the table.
    pub states: Vec<(&'static str, M::State)>,
    /// Events, with a name for the table.
    pub events: Vec<(&'static str, M::Event)>,
}

/// Prints what the machine answers to every event in every state, as Markdown.
///
/// `name` tells a state in one word or two.
#[must_use]
pub fn print<M>(title: &str, samples: &Samples<M>, name: impl Fn(&M::State) -> String) -> String
where
    M: Lifecycle,
    M::Action: Debug,
    M::State: PartialEq,
{
    let mut text =
        format!("# {title}\n\n| state | event | next | answer | actions |\n|---|---|---|---|---|\n");
    for (state_name, state) in &samples.states {
        for (event_name, event) in &samples.events {
            let Driven { state: next, answer } = samples.machine.drive(state, event);
            let next = if next == *state { "–".to_owned() } else { name(&next) };
            let actions: Vec<String> =
                answer.actions.iter().map(|action| word(&format!("{action:?}"))).collect();
            let kind = kind_word(answer.kind);
            writeln!(text, "| {state_name} | {event_name} | {next} | {kind} | {} |", actions.join(", "))
                .unwrap_or_default();
        }
    }
    text
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Taken => "taken",
        Kind::Repeated => "repeated",
        Kind::Late => "late",
        Kind::Refused => "refused",
    }
}

/// Returns the name of a variant from its debug text.
fn word(debug: &str) -> String {
    debug.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}
