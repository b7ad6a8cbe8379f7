//! The event of a scenario, as it would come: what who writes a test leaves out is as of one that has nothing there.

use serde_json::{Value, json};

use crate::{kinds::Role, plan::Connector};

/// Returns an event with the id of its delivery; a mail with all its fields, for every mail has all of them.
#[must_use]
pub fn told(connector: Option<&Connector>, name: &str, event: &Value) -> Value {
    let mut event = event.clone();
    let Some(fields) = event.as_object_mut() else { return event };
    // The runtime adds it where a delivery has none of its own.
    fields.entry("message_id").or_insert_with(|| json!("scenario"));
    let Some(connector) = connector.filter(|connector| connector.is_for(Role::TakesMails)) else {
        return event;
    };
    // An answer goes to the sender where the mail names nobody else.
    let sender = fields.get("from").cloned();
    if let Some(sender) = sender {
        fields.entry("reply_to").or_insert(sender);
    }
    let schema = connector.events.get(name);
    for (field, schema) in schema.and_then(|schema| schema["properties"].as_object()).into_iter().flatten() {
        let nothing = if schema["type"] == "array" { json!([]) } else { json!("") };
        fields.entry(field.clone()).or_insert(nothing);
    }
    event
}
