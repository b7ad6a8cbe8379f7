//! What a parent reads of a child run, or of a branch, that has ended.

use serde_json::{Value, json};

/// How a child run ended.
#[derive(Clone, Copy)]
pub(crate) struct ChildEnd<'a> {
    /// The word for its status, such as `done`.
    pub(crate) status: &'a str,
    /// What it yields.
    pub(crate) output: &'a Value,
    /// Its id, where it says so.
    pub(crate) run: Option<&'a str>,
}

/// Returns the answer of a child run as its parent reads it.
pub(crate) fn child_output(status: &str, output: &Value) -> Value {
    match output {
        Value::Object(fields) => {
            let mut fields = fields.clone();
            fields.insert("status".to_owned(), json!(status));
            Value::Object(fields)
        }
        other => json!({ "status": status, "output": other }),
    }
}

/// Returns what came out of a branch as the step that began it has it: every field is always there, so that a template may ask for it.
pub(crate) fn branch_output(status: &str, value: Value, error: Option<String>) -> Value {
    json!({ "ok": status == "done", "status": status, "value": value, "error": error })
}
