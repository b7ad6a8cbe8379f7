//! A desk whose verbs book a room and take that back.

use adjutant_company::company;
use adjutant_spec::files::FileSet;

/// The connector of the desk. A booking is neither repeated nor looked for: nobody knows of one whose answer is lost.
pub(crate) const VERBS: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.book]
method = "POST"
path = "/book"
effect = "write"
idempotency = "at_most_once"
undo = "unbook"
timeout = "30s"
input = { room = "string" }
output = { id = "string" }

[verbs.unbook]
method = "POST"
path = "/unbook"
effect = "write"
idempotency = "native_key"
input = { id = "string", note = "string?" }
"#;

/// A playbook that books a room where a person agrees, and keeps a record of it.
pub(crate) const DESK: &str = r#"schema = "adjutant/v1"
title = "Books a room"

[trigger]
kind = "manual"

[input.room]
type = "string"
default = "blue"
trust = "operator"

[[step]]
id = "look"
record = { kind = "booking", read = "one", key = "{{ input.room }}" }
on = { missing = "ask" }
next = "taken"

[[step]]
id = "ask"
gate = "Book {{ input.room }}?"
show = ["input.room"]
risk = "low"
expires = "7d"
on = { denied = "taken", expired = "taken" }

[[step]]
id = "book"
call = "desk.book"
with = { room = "{{ input.room }}" }
retry = { attempts = 2, backoff = "1s..5s" }

[[step]]
id = "keep"
record = { kind = "booking", key = "{{ input.room }}", write = { by = "me", id = "{{ steps.book.id }}" }, expect = 0 }
on = { conflict = "taken" }

[[step]]
id = "rest"
wait = "365d"
next = "done"

[[step]]
id = "taken"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

/// What is known of a booking.
pub(crate) const BOOKING: &str = r#"{ "type": "object", "additionalProperties": false, "required": ["by"],
  "properties": { "by": { "type": "string" }, "id": { "type": "string" } } }"#;

/// Lets the desk keep its records.
pub(crate) const GRANT: &str = r#"schema = "adjutant/v1"

[[autonomy]]
subject = "playbook:desk"
verb = "record.write"
level = "act"
"#;

/// A desk with one scenario.
pub(crate) fn desk(test: &str) -> FileSet {
    let text = format!("schema = \"adjutant/v1\"\nplaybook = \"desk\"\n{test}");
    company(&[
        ("playbooks/desk.toml", DESK),
        ("connectors/desk.toml", VERBS),
        ("records/booking.json", BOOKING),
        ("policies/grants.toml", GRANT),
        ("tests/desk.toml", &text),
    ])
}

/// A person agrees.
pub(crate) const YES: &str = "[[answer]]\nstep = \"ask\"\noutcome = \"approved\"\n";
/// The room is booked.
pub(crate) const BOOKED: &str = "[[answer]]\nstep = \"book\"\nwith = { id = \"b-1\" }\n";
