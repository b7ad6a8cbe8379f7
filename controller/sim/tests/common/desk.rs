//! A desk whose verbs book a room and take that back.

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
