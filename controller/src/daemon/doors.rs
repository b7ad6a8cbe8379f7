//! What the desk and HTTP ask of the effects room and of the store: webhook intake, connector probes, backups.

use std::{io, path::Path, sync::Arc, time::Instant};

use axum::http::HeaderMap;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;

use super::intake::delivery;
use crate::{
    desk::{
        Backups, Code, Probes, Received, Refusal,
        doors::DoorAnswer,
        views::{BackupView, ProbeView},
    },
    effects::{self, Effects, IntakeError, Unread, Webhook},
    http::{HookRefusal, Hooks},
    journal::{self, Copied, RocksJournal},
    runtime::{Clock as _, Handle, RealClock, SetAside},
};

/// The effects room behind HTTP, asked under the plan in force.
#[derive(Clone)]
pub(super) struct Edge {
    pub(super) effects: Arc<Effects>,
    pub(super) handle: Handle,
    /// Where calls to the world run, whichever listener asks for them.
    pub(super) tokio: tokio::runtime::Handle,
}

impl Hooks for Edge {
    fn limit(&self, connector: &str) -> Result<usize, HookRefusal> {
        let plan = self.handle.plan().ok_or_else(too_early)?;
        Effects::webhook_limit(&plan, connector).map_err(|error| refusal(connector, error))
    }

    fn verify(
        &self,
        connector: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> BoxFuture<'static, Result<Received, HookRefusal>> {
        let (edge, connector) = (self.clone(), connector.to_owned());
        Box::pin(async move {
            let plan = edge.handle.plan().ok_or_else(too_early)?;
            let webhook =
                Webhook { connector: &connector, headers: &headers, body: &body, now: RealClock.now() };
            let verified = edge.effects.verify_webhook(&plan, &webhook);
            verified.map(received).map_err(|error| refusal(&connector, error))
        })
    }
}

/// A sender that comes before the company is in force shall come again, not give up.
fn too_early() -> HookRefusal {
    HookRefusal::Unavailable("no company is in force yet".to_owned())
}

fn received(from: effects::Received) -> Received {
    match from {
        effects::Received::Delivery(found) => Received::Delivery(delivery(found)),
        effects::Received::Unread(Unread { connector, event, id, by, content, reason }) => {
            Received::Unread(SetAside { connector, event, id, by, content, reason })
        }
        effects::Received::Undeclared { event, challenge } => Received::Undeclared { event, challenge },
    }
}

fn refusal(connector: &str, error: IntakeError) -> HookRefusal {
    match error {
        IntakeError::NoConnector(_) => HookRefusal::Unknown(connector.to_owned()),
        IntakeError::NoSecret { .. } => HookRefusal::Unavailable(error.to_string()),
        IntakeError::TooLarge { limit } => HookRefusal::TooLarge(limit),
        other if other.status() == 401 => HookRefusal::Signature(other.to_string()),
        other => HookRefusal::Invalid(vec![other.to_string()]),
    }
}

impl Probes for Edge {
    fn probe(&self, connector: &str) -> DoorAnswer<ProbeView> {
        let (edge, connector) = (self.clone(), connector.to_owned());
        Box::pin(async move {
            let Edge { effects, handle, tokio } = edge;
            let plan = handle.plan().ok_or_else(|| Refusal::not_found("connector", &connector))?;
            let begun = Instant::now();
            let asked = connector.clone();
            // A connection to the world must not end with the listener that asked for it.
            let report = tokio.spawn(async move { effects.probe(&plan, &asked).await }).await;
            let report = report.map_err(|error| Refusal::bug(error.to_string()))?;
            let report = report.map_err(|_| Refusal::not_found("connector", &connector))?;
            let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            Ok(ProbeView { ok: report["ok"] == Value::Bool(true), message: sentence(&report), millis })
        })
    }
}

/// The store behind HTTP.
pub(super) struct Store(pub(super) Arc<RocksJournal>);

impl Backups for Store {
    fn backup(&self, folder: &Path) -> DoorAnswer<BackupView> {
        let (journal, folder) = (Arc::clone(&self.0), folder.to_owned());
        Box::pin(async move {
            let named = folder.display().to_string();
            let copied = tokio::task::spawn_blocking(move || journal.backup(&folder)).await;
            let copied = copied.map_err(|error| Refusal::bug(error.to_string()))?;
            let Copied { chain, bytes } = copied.map_err(|error| not_copied(&error))?;
            Ok(BackupView { folder: named, bytes, chain })
        })
    }
}

fn not_copied(error: &journal::Error) -> Refusal {
    match error {
        journal::Error::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
            Refusal::conflict(error.to_string()).help("name a folder that holds no store yet")
        }
        journal::Error::File { source, .. } => Refusal::invalid(format!("{error}: {source}")),
        other => Refusal::new(Code::Journal, other.to_string()),
    }
}

/// Says what a probe found in one line.
fn sentence(report: &Value) -> String {
    if let Some(error) = report["error"].as_str() {
        return error.to_owned();
    }
    let mut words = vec![report["endpoint"].as_str().unwrap_or("here").to_owned()];
    let flags =
        [("auth", "our secret is taken", "our secret is refused"), ("tls", "encrypted", "not encrypted")];
    for (key, yes, no) in flags {
        words.extend(report[key].as_bool().map(|is| if is { yes } else { no }.to_owned()));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_probe_is_told_in_one_line() {
        let report = json!({ "endpoint": "http://127.0.0.1:1", "auth": true, "tls": false, "error": null });
        assert_eq!(sentence(&report), "http://127.0.0.1:1, our secret is taken, not encrypted");
        assert_eq!(sentence(&json!({ "error": "connection refused" })), "connection refused");
    }

    #[test]
    fn only_a_signature_is_answered_with_401() {
        let missing = refusal("website", IntakeError::MissingHeader("webhook-id".to_owned()));
        assert!(matches!(missing, HookRefusal::Signature(_)));
        assert_eq!(
            refusal("x", IntakeError::NoConnector("x".to_owned())),
            HookRefusal::Unknown("x".to_owned())
        );
    }
}
