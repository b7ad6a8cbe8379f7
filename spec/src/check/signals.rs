//! Checks of signals: what a step waits for can come, and something tells it from others of its name.

use super::{
    cx::{Cx, Out},
    names::hint,
    shape,
};
use crate::{
    diag::{Code, Diagnostic, Spot},
    draft::{At, Draft},
    plan::{Connector, REPLY, StepKind, Until},
};

/// Checks what the steps of a playbook wait for.
pub(crate) fn check(cx: &Cx<'_>, out: &mut Out) {
    for (place, step) in cx.steps() {
        let StepKind::Wait { wait: Until::Signal { signal, key, .. } } = &step.kind else { continue };
        let spot = || cx.spot(place, "wait.signal");
        let is_event = signal.contains('.');
        if let Some((connector, event)) = signal.split_once('.')
            && let Some(at) = cx.draft.connectors.get(connector)
        {
            event_of(out, at, event, &spot);
        }
        if key.is_none() && (signal == REPLY || is_event) {
            out.push(
                Diagnostic::new(
                    Code::E0226,
                    spot(),
                    format!("step \"{}\" waits for \"{signal}\" and does not say which one", step.id),
                )
                .label("which one?")
                .help("add its key, such as `key = \"{{ steps.send.message_id }}\"`"),
            );
        }
    }
}

/// The event is there, and its connector says by which field those who wait for it know it.
fn event_of(out: &mut Out, at: &At<Connector>, event: &str, spot: &dyn Fn() -> Spot) {
    if !at.events.contains_key(event) {
        return out.push(no_event(at, event, spot()));
    }
    if at.signals.contains_key(event) {
        return;
    }
    out.push(
        Diagnostic::new(
            Code::E0226,
            spot(),
            format!("connector \"{}\" does not say by which field a \"{event}\" is known", at.id),
        )
        .label("which one?")
        .help(format!("name a field of the event in {}: `signals = {{ {event} = \"…\" }}`", at.file)),
    );
}

fn no_event(at: &At<Connector>, event: &str, spot: Spot) -> Diagnostic {
    Diagnostic::new(Code::E0211, spot, format!("connector \"{}\" has no event \"{event}\"", at.id))
        .label("no such event")
        .help_if(hint(event, at.events.keys().map(String::as_str)))
}

/// Checks that connectors name events and fields that they have.
pub(crate) fn check_connectors(draft: &Draft, out: &mut Out) {
    for at in draft.connectors.values() {
        for (event, field) in &at.signals {
            let spot = draft.spot(at, &format!("signals.{event}"));
            let Some(schema) = at.events.get(event) else {
                out.push(no_event(at, event, spot));
                continue;
            };
            let path: Vec<&str> = field.split('.').collect();
            let Err(missing) = shape::walk(schema, &path) else { continue };
            let message = format!("event \"{event}\" has no field \"{field}\"");
            out.push(
                Diagnostic::new(Code::E0216, spot, message)
                    .label("no such field")
                    .help_if(hint(&missing.field, missing.known.iter().map(String::as_str))),
            );
        }
    }
}
