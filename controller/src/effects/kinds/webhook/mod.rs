//! The `webhook` connector: others call us, and prove who they are by a signature over their raw bytes.

mod fields;
mod scheme;
mod signature;
mod verify;

use adjutant_machine::event::ErrorClass;
use adjutant_spec::plan::Connector;
use futures::future::BoxFuture;
use serde_json::json;

use super::kind::Kind;
use crate::effects::{
    intake::{IntakeError, Received, Signed, weakness},
    look::{Look, Seen},
    outcome::Fault,
};

/// The kind `webhook`.
pub(super) struct Webhooks;

impl Kind for Webhooks {
    fn word(&self) -> &'static str {
        "webhook"
    }

    fn look<'a>(&'a self, look: &'a Look<'_>) -> BoxFuture<'a, Result<Seen, Fault>> {
        Box::pin(std::future::ready(can_verify(look)))
    }

    fn most_bytes(&self, connector: &Connector) -> Option<usize> {
        Some(verify::most_bytes(connector))
    }

    fn receive(&self, signed: &Signed<'_>) -> Result<Received, IntakeError> {
        verify::verify(signed)
    }
}

/// Others call us: all there is to check is that their signatures could be verified.
fn can_verify(look: &Look<'_>) -> Result<Seen, Fault> {
    let Some(secret) = look.secret else {
        return Err(Fault::new(ErrorClass::Auth, "it has no secret to verify signatures with"));
    };
    if let Some(why) = weakness(secret.expose()) {
        return Err(Fault::new(ErrorClass::Auth, format!("its secret {why}")));
    }
    let detail = json!({ "path": format!("/hooks/{}", look.connector.id) });
    Ok(Seen { tls: None, auth: Some(true), detail })
}
