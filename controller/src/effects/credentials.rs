//! How a secret is shown to a server that speaks HTTP.

use adjutant_spec::plan::Connector;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
use serde_json::Value;

use super::{outcome::Fault, secrets::Secret, wire};

/// Adds the secret as the connector's `auth` says.
pub(super) fn authorise(
    connector: &Connector,
    secret: Option<&Secret>,
    headers: &mut HeaderMap,
) -> Result<(), Fault> {
    let Some(secret) = secret else { return Ok(()) };
    match connector.settings.get("auth").and_then(Value::as_str).unwrap_or("bearer") {
        "bearer" => {
            headers.insert(AUTHORIZATION, wire::secret_value(&format!("Bearer {}", secret.expose()))?);
        }
        "basic" => {
            let encoded = STANDARD.encode(secret.expose());
            headers.insert(AUTHORIZATION, wire::secret_value(&format!("Basic {encoded}"))?);
        }
        "header" => {
            let name = connector.settings.get("auth_header").and_then(Value::as_str).unwrap_or("X-Api-Key");
            let name: HeaderName =
                name.parse().map_err(|_| Fault::invalid(format!("\"{name}\" is no name of a header")))?;
            headers.insert(name, wire::secret_value(secret.expose())?);
        }
        "none" => {}
        other => {
            return Err(Fault::invalid(format!("`auth` is bearer, basic, header or none, not \"{other}\"")));
        }
    }
    Ok(())
}
