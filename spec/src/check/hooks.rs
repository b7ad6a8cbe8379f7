//! Checks of webhooks: what verifies them, what tells one delivery from the next, and that no setting is there for nothing.

use super::cx::{Out, Say};
use crate::{
    advice::Advice,
    diag::Code,
    draft::{At, Draft},
    kinds::Role,
    plan::Connector,
};

/// The settings that only some schemes read.
const OF_SCHEMES: [(&str, &[&str]); 7] = [
    ("header", &["sha256"]),
    ("encoding", &["sha256"]),
    ("prefix", &["sha256"]),
    ("id_field", &["sha256"]),
    ("id_header", &["sha256"]),
    ("dedupe", &["sha256"]),
    ("tolerance", &["standard", "stripe", "slack"]),
];

/// Checks every webhook.
pub(crate) fn check(draft: &Draft, out: &mut Out) {
    for at in draft.connectors.values().filter(|at| at.is_for(Role::TakesPosts)) {
        secrets(draft, at, out);
        for_nothing(draft, at, out);
        identity(draft, at, out);
    }
}

/// Returns how deliveries are signed.
fn scheme_of(at: &Connector) -> &str {
    at.settings.get("signature").and_then(|word| word.as_str()).unwrap_or("standard")
}

fn secrets(draft: &Draft, at: &At<Connector>, out: &mut Out) {
    let several = at.settings.contains_key("secrets");
    if at.secret.is_some() && several {
        out.say(
            Code::E0120,
            draft.spot(at, "secrets"),
            Say {
                message: format!("connector \"{}\" has both `secret` and `secrets`", at.id),
                label: "a second one",
                help: "name all of them in `secrets`".to_owned(),
            },
        );
    }
    if at.secret_names().is_empty() {
        out.say(
            Code::E0102,
            draft.spot(at, "kind"),
            Say {
                message: format!(
                    "webhook \"{}\" names no secret: nothing that it is told could be verified",
                    at.id
                ),
                label: "`secret` is missing",
                help: format!("write `secret = \"{}\"` and type `{}`", at.id, Advice::SecretsSet(&at.id)),
            },
        );
    }
}

/// A setting that nothing reads would be believed and not done.
fn for_nothing(draft: &Draft, at: &At<Connector>, out: &mut Out) {
    let scheme = scheme_of(at);
    for (key, schemes) in OF_SCHEMES {
        if at.settings.contains_key(key) && !schemes.contains(&scheme) {
            out.say(
                Code::E0120,
                draft.spot(at, key),
                Say {
                    message: format!("`{key}` means nothing with `signature = \"{scheme}\"`"),
                    label: "nothing reads it",
                    help: format!("remove it, or sign with {}", super::names::list(schemes)),
                },
            );
        }
    }
    if at.settings.contains_key("event_field") && at.settings.contains_key("event_header") {
        out.say(
            Code::E0120,
            draft.spot(at, "event_header"),
            Say {
                message: format!("connector \"{}\" has both `event_field` and `event_header`", at.id),
                label: "a second place",
                help: "say where the event's name is, once".to_owned(),
            },
        );
    }
}

/// Two equal bodies may be one delivery told twice, or two orders: only an id tells, or the operator's word.
fn identity(draft: &Draft, at: &At<Connector>, out: &mut Out) {
    let says = ["id_field", "id_header", "dedupe"].iter().any(|key| at.settings.contains_key(*key));
    if scheme_of(at) != "sha256" || says {
        return;
    }
    let key = if at.settings.contains_key("signature") { "signature" } else { "kind" };
    out.say(
        Code::E0128,
        draft.spot(at, key),
        Say {
            message: format!("nothing tells two deliveries of webhook \"{}\" apart", at.id),
            label: "this scheme has no id of its own",
            help: "name the id with `id_field` or `id_header`; where there is none, `dedupe = \"10m\"` counts equal contents \
                   within that time as one"
                .to_owned(),
        },
    );
}
