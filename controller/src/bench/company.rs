//! The company that is measured: one connector with a keyed verb, a playbook of three calls, and one that goes round and round.

use std::sync::Arc;

use adjutant_spec::{files::FileSet, plan::Plan};

use super::Error;

/// The id of the playbook that is measured.
pub(super) const PLAYBOOK: &str = "steps";
/// The id of the playbook of the long run.
pub(super) const ROUND: &str = "round";

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

[verbs.look]
method = "GET"
path = "/look"
effect = "read"
idempotency = "pure"
output = { more = "boolean" }
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

/// What the steps of the long run begin with.
pub(super) const LOOK: &str = "look";
const MOST_VISITS: u64 = 1_000;

/// Returns how many calls make a run of about so many entries: each is one entry when it begins and one when it is answered.
pub(super) fn calls(entries: u64) -> u64 {
    (entries / 2).max(10)
}

/// Looks so often as the desk says that there is more: round a circle of steps, since one step is visited a thousand times at most.
fn round(calls: u64) -> String {
    let steps = calls.div_ceil(MOST_VISITS);
    let visits = calls.div_ceil(steps);
    let mut text = "schema = \"adjutant/v1\"\ntitle = \"Round and round\"\ndeadline = \"30d\"\n".to_owned();
    for step in 1..=steps {
        let next = if step == steps { 1 } else { step + 1 };
        text += &format!(
            "[[step]]\nid = \"{LOOK}{step}\"\ncall = \"desk.look\"\nvisits = {visits}\n\
             [[step]]\nid = \"more{step}\"\nchoose = [{{ when = \"steps.{LOOK}{step}.more\", to = \"{LOOK}{next}\" }}]\n\
             else = \"done\"\n"
        );
    }
    text + "[[step]]\nid = \"done\"\nend = \"done\"\n"
}

/// Returns what is in force while it is measured; the long run has about so many entries.
pub(super) fn plan(entries: u64) -> Result<Arc<Plan>, Error> {
    let mut files = FileSet::new();
    for (path, text) in [
        ("adjutant.toml", COMPANY),
        ("connectors/desk.toml", DESK),
        ("policies/grant.toml", GRANT),
        ("playbooks/steps.toml", &playbook()),
        ("playbooks/round.toml", &round(calls(entries))),
    ] {
        files.insert(path, text.as_bytes().to_vec());
    }
    let loaded = adjutant_spec::load(&files);
    loaded.plan.ok_or_else(|| Error::Odd(loaded.report.render()))
}
