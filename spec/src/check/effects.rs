//! Checks of what touches the world: probes, undos, repetition.

use super::{
    cx::{Cx, Out},
    names::{self, hint},
    promises,
};
use crate::{
    diag::{Code, Diagnostic},
    draft::{At, Draft},
    plan::{Connector, Effect, Idempotency, StepKind, Verb},
};

/// Checks the verbs of every connector.
pub(crate) fn check_connectors(draft: &Draft, out: &mut Out) {
    for at in draft.connectors.values() {
        for (name, verb) in &at.verbs {
            let declared = Declared { draft, at, name, verb };
            declared.probe(out);
            declared.key_valid(out);
            declared.undo(out);
            declared.read(out);
        }
        promises::check(draft, out, at);
    }
}

/// A verb where its connector declares it.
struct Declared<'a> {
    draft: &'a Draft,
    at: &'a At<Connector>,
    name: &'a str,
    verb: &'a Verb,
}

impl Declared<'_> {
    fn probe(&self, out: &mut Out) {
        let Self { draft, at, name, verb } = self;
        let below = format!("verbs.{name}.probe");
        let full = format!("{}.{name}", at.id);
        let message = match &verb.probe {
            None if verb.idempotency == Idempotency::Probe => {
                format!("verb \"{full}\" is repeated after a look, but names no verb to look with")
            }
            Some(probe) => match names::verb(draft, &names::sibling(&full, probe)) {
                None => format!("the probe \"{probe}\" of verb \"{full}\" does not exist"),
                Some(found) if found.effect != Effect::Read => {
                    format!(
                        "the probe \"{probe}\" of verb \"{full}\" does not only look: its effect is not `read`"
                    )
                }
                Some(_) => return,
            },
            None => return,
        };
        let reads =
            at.verbs.iter().filter(|(_, verb)| verb.effect == Effect::Read).map(|(name, _)| name.as_str());
        let near = hint(verb.probe.as_deref().unwrap_or_default(), reads);
        out.push(
            Diagnostic::new(Code::E0407, draft.spot(at, &below), message)
                .label("no way to find out")
                .help("write `probe = \"<verb>\"` with a verb whose effect is `read`, or `idempotency = \"at_most_once\"`")
                .help_if(near),
        );
    }

    /// A read asks nobody and is repeated at will: what its request could change must be confirmed.
    fn read(&self, out: &mut Out) {
        let Self { draft, at, name, verb } = self;
        let confirmed = verb.settings.contains_key("read_by");
        let spot = |key: &str| draft.spot(at, &format!("verbs.{name}.{key}"));
        if verb.effect != Effect::Read {
            if confirmed {
                let message =
                    format!("verb \"{}.{name}\" confirms that it reads, and its effect is another", at.id);
                out.push(
                    Diagnostic::new(Code::E0120, spot("read_by"), message)
                        .label("no read")
                        .help("remove `read_by`, or write `effect = \"read\"` if it only looks"),
                );
            }
            return;
        }
        let Some(why) = verb.hidden_change(&at.settings) else { return };
        let help = match verb.method() {
            "DELETE" => "write `effect = \"delete\"`".to_owned(),
            method @ ("POST" | "PUT" | "PATCH") => {
                format!(
                    "write the effect that it has; where it only looks, confirm that with `read_by = \"{method}\"`"
                )
            }
            _ => "write the method itself, and the effect that it has".to_owned(),
        };
        out.push(
            Diagnostic::new(
                Code::E0126,
                spot("effect"),
                format!("verb \"{}.{name}\" is declared as a read, and {why}", at.id),
            )
            .label("may change something")
            .help(help),
        );
    }

    /// A life span of keys says something only where a key is sent again.
    fn key_valid(&self, out: &mut Out) {
        let Self { draft, at, name, verb } = self;
        if verb.key_valid.is_none() || verb.idempotency == Idempotency::NativeKey {
            return;
        }
        let message = format!(
            "verb \"{}.{name}\" says how long its keys are valid, and no key of it is sent again",
            at.id
        );
        out.push(
            Diagnostic::new(Code::E0413, draft.spot(at, &format!("verbs.{name}.key_valid")), message)
                .label("it would mean nothing")
                .help("write `idempotency = \"native_key\"` where the other side knows keys, or take `key_valid` out"),
        );
    }

    fn undo(&self, out: &mut Out) {
        let Self { draft, at, name, verb } = self;
        let Some(undo) = &verb.undo else { return };
        let full = format!("{}.{name}", at.id);
        if names::verb(draft, &names::sibling(&full, undo)).is_none() {
            out.push(
                Diagnostic::new(
                    Code::E0408,
                    draft.spot(at, &format!("verbs.{name}.undo")),
                    format!("the undo \"{undo}\" of verb \"{full}\" does not exist"),
                )
                .label("no such verb")
                .help_if(hint(undo, at.verbs.keys().map(String::as_str))),
            );
        }
    }
}

/// Checks that an undo stands on a step that acts.
pub(crate) fn check_calls(cx: &Cx<'_>, out: &mut Out) {
    for (place, step) in cx.steps() {
        // What is called may be undone, and `retry` is right for every class: at_most_once repeats definite failures only.
        if !matches!(step.kind, StepKind::Call { .. }) {
            lone_undo(cx, out, place);
        }
        looking_undo(cx, out, place);
    }
}

fn lone_undo(cx: &Cx<'_>, out: &mut Out, place: usize) {
    let step = cx.step(place);
    let acts = matches!(step.kind, StepKind::Run { .. } | StepKind::Record { .. } | StepKind::End { .. });
    if step.undo.is_some() && !acts {
        out.push(
            Diagnostic::new(
                Code::E0409,
                cx.key_spot(place, "undo"),
                format!("a `{}` step changes nothing that an `undo` could take back", step.kind.word()),
            )
            .label("nothing to undo")
            .help("put the `undo` on the step that acts"),
        );
    }
}

/// What only looks takes nothing back.
fn looking_undo(cx: &Cx<'_>, out: &mut Out, place: usize) {
    let Some(undo) = &cx.step(place).undo else { return };
    let looks = names::verb(cx.draft, &undo.call).is_some_and(|verb| verb.effect == Effect::Read);
    if looks {
        out.push(
            Diagnostic::new(
                Code::E0415,
                cx.spot(place, "undo.call"),
                format!("the undo of step \"{}\" calls \"{}\", which only looks", cx.id(place), undo.call),
            )
            .label("takes nothing back")
            .help("call a verb that changes it back, or take the `undo` out"),
        );
    }
}
