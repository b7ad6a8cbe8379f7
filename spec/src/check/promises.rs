//! Declarations of a verb that cannot all be true, and those that could never mean anything.
//!
//! What a verb says of itself decides how it is repeated, asked about and taken back. A word that another one contradicts is not
//! read in silence: what the file promises would not be what happens.

use std::collections::BTreeSet;

use super::{
    cx::Out,
    names::{self, hint},
};
use crate::{
    diag::{Code, Diagnostic},
    draft::{At, Draft},
    kinds::{ConnectorKind, Role},
    plan::{Connector, Effect, Idempotency, Verb},
};

/// A verb as its file declares it.
struct Declared<'a> {
    draft: &'a Draft,
    at: &'a At<Connector>,
    name: &'a str,
    verb: &'a Verb,
}

/// What is wrong with a key of a verb.
struct Wrong<'a> {
    key: &'a str,
    /// Goes on after the name of the verb.
    message: String,
    label: &'a str,
    help: String,
}

impl Declared<'_> {
    fn say(&self, out: &mut Out, code: Code, wrong: Wrong<'_>) {
        let Wrong { key, message, label, help } = wrong;
        let message = format!("verb \"{}.{}\" {message}", self.at.id, self.name);
        let spot = self.draft.spot(self.at, &format!("verbs.{}.{key}", self.name));
        out.push(Diagnostic::new(code, spot, message).label(label).help(help));
    }

    fn has(&self, key: &str) -> bool {
        self.verb.settings.contains_key(key)
    }
}

/// Checks what the verbs of a connector say of themselves. Built-in verbs declare nothing in a file.
pub(crate) fn check(draft: &Draft, out: &mut Out, at: &At<Connector>) {
    names_verbs(draft, out, at);
    if !at.known_kind().is_some_and(ConnectorKind::declares_verbs) {
        return;
    }
    let probes: BTreeSet<&str> = at.verbs.values().filter_map(|verb| verb.probe.as_deref()).collect();
    for (name, verb) in &at.verbs {
        let declared = Declared { draft, at, name, verb };
        pure(&declared, out);
        undo(&declared, out);
        lone_probe(&declared, out);
        lone_key(&declared, out);
        taken_key(&declared, out);
        if !probes.contains(format!("{}.{name}", at.id).as_str()) {
            lone_finding(&declared, out);
        }
    }
}

/// What changes something is not the same however often it is called: a lost answer would be taken for "it did not happen".
fn pure(declared: &Declared<'_>, out: &mut Out) {
    let Verb { effect, idempotency, .. } = declared.verb;
    if *idempotency != Idempotency::Pure || *effect == Effect::Read {
        return;
    }
    let wrong = Wrong {
        key: "idempotency",
        message: "changes something, and says that nothing changes however often it is called".to_owned(),
        label: "would be repeated without a question",
        help: "write `native_key` where the other side knows keys, `probe` with a verb that looks, else `at_most_once`; or \
               `effect = \"read\"` if it only looks"
            .to_owned(),
    };
    declared.say(out, Code::E0414, wrong);
}

/// An undo takes back a change, by a change.
fn undo(declared: &Declared<'_>, out: &mut Out) {
    let Some(undo) = &declared.verb.undo else { return };
    if declared.verb.effect == Effect::Read {
        let wrong = Wrong {
            key: "undo",
            message: "only looks: there is nothing that its undo could take back".to_owned(),
            label: "nothing to undo",
            help: "take `undo` out, or write the effect that the verb has".to_owned(),
        };
        return declared.say(out, Code::E0409, wrong);
    }
    let found = names::verb(declared.draft, undo);
    if found.is_some_and(|found| found.effect == Effect::Read) {
        let wrong = Wrong {
            key: "undo",
            message: format!("names \"{undo}\" as its undo, which only looks"),
            label: "takes nothing back",
            help: "name a verb that changes it back, or take `undo` out".to_owned(),
        };
        declared.say(out, Code::E0415, wrong);
    }
}

/// A read is repeated at will, so nobody ever asks whether it happened.
fn lone_probe(declared: &Declared<'_>, out: &mut Out) {
    let Verb { effect, idempotency, probe, .. } = declared.verb;
    if probe.is_none() || *effect != Effect::Read || *idempotency != Idempotency::Pure {
        return;
    }
    let wrong = Wrong {
        key: "probe",
        message: "only looks and is repeated at will: nobody ever asks whether it happened".to_owned(),
        label: "never asked",
        help: "take `probe` out, or write the effect that the verb has".to_owned(),
    };
    declared.say(out, Code::E0120, wrong);
}

/// The key is sent for `native_key` alone.
fn lone_key(declared: &Declared<'_>, out: &mut Out) {
    if !declared.has("key_header") || declared.verb.idempotency == Idempotency::NativeKey {
        return;
    }
    let wrong = Wrong {
        key: "key_header",
        message: "names the header of its key, and no key of it is sent".to_owned(),
        label: "never sent",
        help:
            "write `idempotency = \"native_key\"` where the other side knows keys, or take `key_header` out"
                .to_owned(),
    };
    declared.say(out, Code::E0120, wrong);
}

/// The header of the key carries the key, and nothing else that the file writes there.
fn taken_key(declared: &Declared<'_>, out: &mut Out) {
    let Declared { at, verb, .. } = declared;
    if verb.idempotency != Idempotency::NativeKey {
        return;
    }
    let text = |settings: &std::collections::BTreeMap<String, serde_json::Value>, key: &str| {
        settings.get(key).and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    let own = text(&verb.settings, "key_header").or_else(|| text(&at.settings, "key_header"));
    let header = own.unwrap_or_else(|| "Idempotency-Key".to_owned());
    let is_header = |name: &str| name.eq_ignore_ascii_case(&header);
    let written = [&at.settings, &verb.settings].into_iter().any(|settings| {
        let table = settings.get("headers").and_then(serde_json::Value::as_object);
        table.is_some_and(|table| table.keys().any(|name| is_header(name)))
    });
    let auth = text(&at.settings, "auth").unwrap_or_else(|| "bearer".to_owned());
    let carries = match auth.as_str() {
        "bearer" | "basic" => Some("Authorization".to_owned()),
        "header" => text(&at.settings, "auth_header").or_else(|| Some("X-Api-Key".to_owned())),
        _ => None,
    };
    let is_secret = at.secret.is_some() && carries.is_some_and(|name| is_header(&name));
    let what = match (is_secret, written) {
        (true, _) => "the secret",
        (false, true) => "a text of `headers`",
        (false, false) => return,
    };
    let wrong = Wrong {
        key: if declared.has("key_header") { "key_header" } else { "idempotency" },
        message: format!("sends its key in the header \"{header}\", where {what} is to stand"),
        label: "one of them would be lost",
        help: "name another header in `key_header`, or take that one out".to_owned(),
    };
    declared.say(out, Code::E0120, wrong);
}

/// What a probe is asked with and found by says nothing of a verb that is no probe.
fn lone_finding(declared: &Declared<'_>, out: &mut Out) {
    let Some(key) = ["with", "found", "value"].into_iter().find(|key| declared.has(key)) else { return };
    let wrong = Wrong {
        key,
        message: format!(
            "says how a probe is asked or what it found in `{key}`, and no verb names it as its probe"
        ),
        label: "never read",
        help: format!("write `probe = \"{}\"` on the verb that it finds, or take `{key}` out", declared.name),
    };
    declared.say(out, Code::E0120, wrong);
}

/// Rates and fixtures of a connector go by the names of its verbs, each said once.
fn names_verbs(draft: &Draft, out: &mut Out, at: &At<Connector>) {
    let Some(tree) = draft.places.tree(&at.file) else { return };
    for table in ["rate", "fixture"] {
        if table == "fixture" && at.is_for(Role::AnswersAgents) {
            continue;
        }
        for entry in tree.get(table).map(|node| node.entries()).unwrap_or_default() {
            let (name, spot) = (&entry.key, draft.key_spot(at, &format!("{table}.{}", entry.key)));
            let own = tree.get("verbs").and_then(|verbs| verbs.get(name)?.get(table));
            if !at.verbs.contains_key(name) {
                let message = format!(
                    "`{table}` of connector \"{}\" is about its verb \"{name}\", which does not exist",
                    at.id
                );
                let near = hint(name, at.verbs.keys().map(String::as_str));
                out.push(Diagnostic::new(Code::E0206, spot, message).label("no such verb").help_if(near));
            } else if own.is_some() {
                let message = format!("the `{table}` of verb \"{}.{name}\" is said twice", at.id);
                out.push(
                    Diagnostic::new(Code::E0120, spot, message)
                        .label("the verb's own would count")
                        .help(format!("keep one of them: here, or in `verbs.{name}`")),
                );
            }
        }
    }
}
