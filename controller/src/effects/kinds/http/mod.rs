//! The `http` connector: any REST verb, declared in the repository.
//!
//! ```text
//!   args ─► request (path, query, headers, body, key) ─► wire ─► answer (status ─► class) ─► result ─► schema
//! ```
//! What an answer means for the effect:
//!
//! | answer | pure | native_key | probe, at_most_once |
//! |---|---|---|---|
//! | no connection | transient | transient | transient |
//! | lost, cut or too large after bytes were sent | transient | unknown (sent again with its key) | unknown |
//! | 429 | rate_limited | rate_limited | rate_limited |
//! | 401, 403 · 404, 410 · 409 · other 4xx | auth · gone · conflict · invalid | same; 409 "key in use" is transient | same |
//! | 408, 425 | transient | transient | transient |
//! | 503 | transient | transient | unknown |
//! | other 5xx | transient | unknown (sent again with its key) | unknown |
//! | 2xx whose body breaks its schema | invalid | unknown | unknown |

mod answer;
mod look;
mod probing;
mod request;

use adjutant_machine::event::Finding;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::kind::{Kind, Probed};
use crate::effects::{
    egress::Egress,
    job::VerbJob,
    look::{Look, Seen},
    outcome::{Done, Ending, Fault},
    schema, wire,
};

/// The kind `http`.
pub(super) struct Http;

impl Kind for Http {
    fn word(&self) -> &'static str {
        "http"
    }

    fn call<'a>(&'a self, job: &'a VerbJob<'_>) -> BoxFuture<'a, Ending> {
        Box::pin(call(job))
    }

    fn question(&self, probed: &Probed<'_>) -> Result<Value, Fault> {
        probing::arguments(probed)
    }

    fn finding(&self, probed: &Probed<'_>, answer: Ending) -> Finding {
        probing::finding(probed, answer)
    }

    fn look<'a>(&'a self, look: &'a Look<'_>) -> BoxFuture<'a, Result<Seen, Fault>> {
        Box::pin(look::look(look))
    }
}

async fn call(job: &VerbJob<'_>) -> Ending {
    let request = request::build(job)?;
    let egress = Egress::of(job.connector, job.doors);
    let sent = json!({
        "method": request.method.as_str(),
        "host": request.url.host_str(),
        "path": request.url.path(),
        "request": request.digest(),
        "bytes": request.body.as_ref().map_or(0, Vec::len),
    });
    let response = match wire::send(&egress, request).await {
        Ok(response) => response,
        Err(wire::Error::NotSent(fault)) => return Err(fault),
        Err(wire::Error::Lost(message)) => return Err(Fault::lost(job.call.idempotency, message)),
    };
    let value = answer::read(job, &response)?;
    checked(job, &value)?;
    Ok(Done::free(value, provenance(sent, &response)))
}

/// The call has happened: an answer that breaks its schema does not undo it.
fn checked(job: &VerbJob<'_>, value: &Value) -> Result<(), Fault> {
    schema::check(&job.verb.output, value).map_err(|complaints| {
        let message =
            format!("the answer breaks the schema of \"{}\": {}", job.call.verb, complaints.join("; "));
        match Fault::lost(job.call.idempotency, message) {
            Fault::Definite(failure) => Fault::invalid(failure.message),
            other @ (Fault::Unknown(_) | Fault::Held(_)) => other,
        }
    })
}

fn provenance(mut sent: Value, response: &wire::Response) -> Value {
    sent["status"] = response.status.into();
    sent["response_bytes"] = response.body.len().into();
    if let Some(id) = response.headers.get("x-request-id").or_else(|| response.headers.get("request-id")) {
        sent["request_id"] = id.clone().into();
    }
    if let Some(replayed) = response.headers.get("idempotent-replayed") {
        sent["replayed"] = (replayed == "true").into();
    }
    sent
}
