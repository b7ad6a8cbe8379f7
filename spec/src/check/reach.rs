//! Checks of where connectors lead: hosts and addresses, secrets in the clear, folders.
//!
//! The judgement itself is in [`crate::net`] and [`crate::folders`]; the edge asks the same at each call.

use super::cx::Out;
use crate::{
    diag::{Code, Diagnostic},
    draft::{At, Draft},
    folders::Folder,
    kinds::{Place, Role},
    net::{self, Target},
    plan::Connector,
};

/// Checks every connector.
pub(crate) fn check(draft: &Draft, out: &mut Out) {
    for at in draft.connectors.values() {
        match at.place() {
            Place::Host => hosts(draft, out, at),
            Place::Folder => folder(draft, out, at),
            Place::None => {}
        }
    }
}

fn hosts(draft: &Draft, out: &mut Out, at: &At<Connector>) {
    let mut say = |below: &str, problem: &net::Problem| {
        out.push(
            Diagnostic::new(
                Code::E0123,
                draft.spot(at, below),
                format!("connector \"{}\" cannot talk there: {problem}", at.id),
            )
            .label("nothing may connect there")
            .help(problem.help()),
        );
    };
    for (index, host) in at.hosts.iter().enumerate() {
        if let Err(problem) = net::allowed(host) {
            say(&format!("hosts[{index}]"), &problem);
        }
    }
    let Some(endpoint) = &at.endpoint else { return };
    match net::target(endpoint) {
        Ok(target) => in_the_clear(draft, out, at, &target),
        Err(problem) => say("endpoint", &problem),
    }
}

/// A secret that is sent over a connection without TLS is everybody's on the way; a server on this machine has no way.
fn in_the_clear(draft: &Draft, out: &mut Out, at: &At<Connector>, target: &Target) {
    let word = |key: &str| at.settings.get(key).and_then(serde_json::Value::as_str);
    let (below, help) = match target.scheme.as_str() {
        "http" if word("auth") != Some("none") => ("endpoint", "write `https://`"),
        "smtp" if word("tls") == Some("none") => ("tls", "leave `tls` out: the connection is protected then"),
        _ => return,
    };
    if at.secret.is_none() || target.host.is_this_machine() {
        return;
    }
    out.push(
        Diagnostic::new(
            Code::E0124,
            draft.spot(at, below),
            format!(
                "the secret of connector \"{}\" would travel to \"{}\" in the clear",
                at.id,
                target.host.text()
            ),
        )
        .label("anybody on the way can read it")
        .help(help),
    );
}

fn folder(draft: &Draft, out: &mut Out, at: &At<Connector>) {
    let Some(written) = &at.endpoint else { return };
    let mut say = |message: String, help: String| {
        out.push(
            Diagnostic::new(Code::E0125, draft.spot(at, "endpoint"), message)
                .label("not the connector's own")
                .help(help),
        );
    };
    let own = match Folder::read(written) {
        Ok(own) => own,
        Err(problem) => {
            let message = format!("connector \"{}\" cannot have the folder \"{written}\": {problem}", at.id);
            return say(message, problem.help().to_owned());
        }
    };
    if !at.is_for(Role::HoldsFiles) {
        return;
    }
    // What a playbook writes must not come back in as if somebody had sent it, nor may it read what others sent.
    let drops = draft.connectors.values().filter(|other| other.is_for(Role::TakesMails));
    let meets = |drop: &Folder| {
        own.meets(drop)
            || own.clone().below("files").meets(drop)
            || own.clone().below("files").meets(&drop.clone().below("files"))
    };
    for drop in drops {
        let theirs = drop.endpoint.as_deref().and_then(|endpoint| Folder::read(endpoint).ok());
        if theirs.is_some_and(|theirs| meets(&theirs)) {
            let message = format!(
                "connector \"{}\" shares its folder with connector \"{}\", where mails come in",
                at.id, drop.id
            );
            say(message, "give each of the two a folder of its own".to_owned());
        }
    }
}
