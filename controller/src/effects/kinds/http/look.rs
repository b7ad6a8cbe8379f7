//! A look at an http connector: its `health` path, asked with its secret.

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use url::Url;

use super::answer::message_of;
use crate::effects::{
    credentials,
    egress::Egress,
    look::{Look, Seen},
    outcome::Fault,
    wire::{self, Request},
};

/// The largest answer of a look.
const MAX_RESPONSE: usize = 1024 * 1024;

pub(super) async fn look(look: &Look<'_>) -> Result<Seen, Fault> {
    let Look { connector, doors, secret, timeout, .. } = *look;
    let endpoint = connector.endpoint.as_deref().unwrap_or_default().trim_end_matches('/');
    let path = connector.settings.get("health").and_then(Value::as_str).unwrap_or("/");
    let url = Url::parse(&format!("{endpoint}{path}"))
        .map_err(|error| Fault::invalid(format!("the endpoint is no URL: {error}")))?;
    let mut headers = HeaderMap::new();
    credentials::authorise(connector, secret, &mut headers)?;
    let is_encrypted = url.scheme() == "https";
    let request =
        Request { method: Method::GET, url, headers, body: None, timeout, max_response: MAX_RESPONSE };
    let answer = match wire::send(&Egress::of(connector, doors), request).await {
        Ok(answer) => answer,
        Err(wire::Error::NotSent(fault)) => return Err(fault),
        Err(wire::Error::Lost(message)) => return Err(Fault::transient(message)),
    };
    let is_refused = matches!(answer.status, 401 | 403);
    let detail = json!({ "path": path, "status": answer.status });
    if answer.status >= 500 {
        return Err(Fault::transient(format!("it answered {}: {}", answer.status, message_of(&answer))));
    }
    let auth = secret.map(|_| !is_refused).or(is_refused.then_some(false));
    Ok(Seen { tls: Some(is_encrypted), auth, detail })
}
