//! The room against real sockets: the doubles, and minimal servers where a double is too well-behaved.

mod agency;
mod agents;
mod doors;
mod drops;
mod http;
mod mail;
mod notices;
mod odd_answers;
pub(crate) mod plans;
mod probes;
mod rates;
mod routes;
mod schemes;
mod server;
mod settings;
mod webhooks;

use adjutant_machine::event::{ErrorClass, Event};
use serde_json::Value;

/// Returns the class of a definite failure, or what happened instead.
fn class_of(event: &Event) -> Result<ErrorClass, String> {
    match event {
        Event::EffectFailed { class, .. } => Ok(*class),
        other => Err(format!("{other:?}")),
    }
}

fn is_unknown(event: &Event) -> bool {
    matches!(event, Event::EffectUnknown { .. })
}

fn value_of(event: &Event) -> &Value {
    match event {
        Event::EffectSucceeded { value, .. } => value,
        other => panic!("expected an answer, got {other:?}"),
    }
}

fn message_of(event: &Event) -> &str {
    match event {
        Event::EffectFailed { message, .. } | Event::EffectUnknown { message, .. } => message,
        other => panic!("expected a failure, got {other:?}"),
    }
}
