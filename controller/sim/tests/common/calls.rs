//! A desk with a verb of every idempotency class, and a playbook for each: a person agrees, it is called, and an hour later all is over.

use adjutant_sim::companies::small;
use adjutant_spec::plan::Plan;

use super::World;

/// The connector of a desk that has a verb of every class.
pub(crate) const DESK: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.put]
method = "PUT"
path = "/put"
effect = "write"
idempotency = "native_key"
key_valid = "2h"
input = { text = "string" }

[verbs.keep]
method = "PUT"
path = "/keep"
effect = "write"
idempotency = "native_key"
probe = "find"
input = { text = "string" }

[verbs.post]
method = "POST"
path = "/post"
effect = "write"
idempotency = "at_most_once"
input = { text = "string" }

[verbs.book]
method = "POST"
path = "/book"
effect = "write"
idempotency = "probe"
probe = "find"
input = { text = "string" }

[verbs.find]
method = "GET"
path = "/find"
effect = "read"
idempotency = "pure"
input = { key = "string" }
with = { key = "{{ effect.key }}" }
"#;

/// The verbs that change something, each also the playbook that calls it once.
pub(crate) const VERBS: [&str; 4] = ["put", "keep", "post", "book"];

fn calls(verb: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\ntitle = \"Calls\"\ndeadline = \"30d\"\n\
         [[step]]\nid = \"ask\"\ngate = \"Shall it?\"\nrisk = \"low\"\nexpires = \"20d\"\n\
         on = {{ denied = \"close\", expired = \"close\" }}\n\
         [[step]]\nid = \"act\"\ncall = \"desk.{verb}\"\nwith = {{ text = \"hi\" }}\n\
         retry = {{ attempts = 4, backoff = \"1s..4s\" }}\n\
         [[step]]\nid = \"after\"\nwait = \"1h\"\nnext = \"done\"\n\
         [[step]]\nid = \"close\"\nend = \"cancelled\"\n\
         [[step]]\nid = \"done\"\nend = \"done\"\n"
    )
}

pub(crate) fn plan() -> Plan {
    let mut files = vec![("connectors/desk.toml".to_owned(), DESK.to_owned())];
    files.extend(VERBS.map(|verb| (format!("playbooks/{verb}.toml"), calls(verb))));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    small(&files)
}

/// A run whose call was approved and waits to be sent.
pub(crate) fn world(playbook: &str) -> World {
    let mut world = World::start(&plan(), playbook, &[]);
    world.approve();
    assert_eq!(world.at(), "act");
    world
}
