//! The company that is measured: one connector with a keyed verb, and a playbook of three calls.

use std::sync::Arc;

use adjutant_spec::{files::FileSet, plan::Plan};

use super::Error;

/// The id of the playbook that is measured.
pub(super) const PLAYBOOK: &str = "steps";

const COMPANY: &str = r#"schema = "adjutant/v1"
name = "Bench"
owner = "founder"
zone = "Europe/Berlin"
currency = "EUR"

[[persona]]
id = "founder"
"#;

/// A backlog stands longer than a call may usually take: an hour.
const DESK: &str = r#"schema = "adjutant/v1"
title = "The desk"
kind = "http"
endpoint = "http://127.0.0.1:9"

[verbs.put]
method = "PUT"
path = "/put"
effect = "write"
idempotency = "native_key"
timeout = "1h"
input = { text = "string" }
output = { id = "string" }

[verbs.cancel]
method = "POST"
path = "/cancel"
effect = "write"
idempotency = "native_key"
input = { id = "string" }
"#;

const GRANT: &str = r#"schema = "adjutant/v1"
title = "Grants"
[[autonomy]]
subject = "playbook:steps"
verb = "desk.put"
level = "act"
"#;

/// Three keyed calls, one after the other, each with a way back.
fn playbook() -> String {
    let mut text = "schema = \"adjutant/v1\"\ntitle = \"Three steps\"\ndeadline = \"30d\"\n".to_owned();
    for step in ["one", "two", "three"] {
        text += &format!(
            "[[step]]\nid = \"{step}\"\ncall = \"desk.put\"\nwith = {{ text = \"hello\" }}\n\
             undo = {{ call = \"desk.cancel\", with = {{ id = \"{{{{ steps.{step}.id }}}}\" }} }}\n"
        );
    }
    text + "[[step]]\nid = \"done\"\nend = \"done\"\n"
}

/// Returns what is in force while it is measured.
pub(super) fn plan() -> Result<Arc<Plan>, Error> {
    let mut files = FileSet::new();
    for (path, text) in [
        ("adjutant.toml", COMPANY),
        ("connectors/desk.toml", DESK),
        ("policies/grant.toml", GRANT),
        ("playbooks/steps.toml", &playbook()),
    ] {
        files.insert(path, text.as_bytes().to_vec());
    }
    let loaded = adjutant_spec::load(&files);
    loaded.plan.ok_or_else(|| Error::Odd(loaded.report.render()))
}
