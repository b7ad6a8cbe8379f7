//! The `mail` connector: one verb, `send`, over SMTP.
//!
//! ```text
//!   args ─► message (deterministic Message-ID) ─► dialogue: connect, TLS, login, MAIL, RCPT, DATA │ content ─► 250
//!                                                 ◄──────── definite failure ───────────────────►│◄─ unknown ─►
//! ```
//! SMTP has neither keys nor a way to ask: what fails before the content is definite, what is lost after it is unknown.
//! The Message-ID is made from the effect's key, so that a search of a mailbox can settle a doubt, and a receiver that
//! removes duplicates has something to go by.

mod dialogue;
mod message;

use futures::future::BoxFuture;
use serde_json::json;

use super::kind::Kind;
use crate::effects::{
    job::VerbJob,
    look::{Look, Seen},
    outcome::{Done, Ending, Fault},
};
use dialogue::Server;
use message::Letter;

/// The kind `mail`.
pub(super) struct Mail;

impl Kind for Mail {
    fn word(&self) -> &'static str {
        "mail"
    }

    fn call<'a>(&'a self, job: &'a VerbJob<'_>) -> BoxFuture<'a, Ending> {
        Box::pin(call(job))
    }

    fn look<'a>(&'a self, look: &'a Look<'_>) -> BoxFuture<'a, Result<Seen, Fault>> {
        Box::pin(greet(look))
    }
}

async fn call(job: &VerbJob<'_>) -> Ending {
    if job.name() != "send" {
        return Err(Fault::unavailable(format!(
            "a mail connector has the verb `send`, not \"{}\"",
            job.name()
        )));
    }
    let letter = Letter::from_args(job.connector, &job.call.args, &job.call.key)?;
    let server = Server::of(job.connector, job.doors, job.secret.as_ref(), job.timeout)?;
    let receipt = Box::pin(dialogue::deliver(&server, &letter)).await?;
    let accepted: Vec<String> = letter.envelope.to().iter().map(ToString::to_string).collect();
    let value =
        json!({ "message_id": letter.message_id, "accepted": accepted, "response": receipt.response });
    let provenance = json!({
        "host": server.host,
        "address": receipt.address.to_string(),
        "tls": receipt.is_encrypted,
        "bytes": letter.bytes.len(),
        "request": blake3::hash(&letter.bytes).to_hex().to_string(),
    });
    Ok(Done::free(value, provenance))
}

/// Connects and logs in, and says nothing else.
async fn greet(look: &Look<'_>) -> Result<Seen, Fault> {
    let server = Server::of(look.connector, look.doors, look.secret, look.timeout)?;
    let session = dialogue::greet(&server).await?;
    let detail = json!({ "address": session.address.to_string() });
    Ok(Seen { tls: Some(session.is_encrypted), auth: look.secret.map(|_| true), detail })
}
