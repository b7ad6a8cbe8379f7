//! `connectors probe`: is it there, does it know us, what may it do. Nothing is changed on the other side.

use std::{sync::Arc, time::Duration};

use adjutant_machine::event::ErrorClass;
use adjutant_spec::{kinds::Place, plan::Connector};
use serde_json::{Value, json};

use super::{
    doors::{Door, Doors},
    folders::Folders,
    kinds,
    look::{Look, Seen},
    outcome::Fault,
    secrets::Secret,
};

/// Somebody waits in front of a terminal.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connector cannot be probed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// There is no such connector.
    #[error("no connector \"{0}\"")]
    NoConnector(String),
}

/// A connector, its secret as far as it opens, and what its folder is judged against.
pub(super) struct Subject<'a> {
    pub(super) connector: &'a Connector,
    pub(super) doors: &'a Arc<dyn Doors>,
    pub(super) secret: Result<Option<Secret>, String>,
    pub(super) folders: Folders,
}

/// Probes a connector: `{connector, kind, mode, endpoint, ok, reachable, auth, tls, detail, error, secret, verbs, events}`.
pub(super) async fn report(subject: &Subject<'_>) -> Value {
    let connector = subject.connector;
    let seen = match &subject.secret {
        Ok(secret) => look(subject, secret.as_ref()).await,
        Err(reason) => Err(Fault::new(ErrorClass::Auth, format!("the secret cannot be opened: {reason}"))),
    };
    let error = seen.as_ref().err().map(|fault| fault.message().to_owned());
    let is_auth = matches!(&seen, Err(Fault::Definite(failure)) if failure.class == ErrorClass::Auth);
    let (tls, auth, detail) = match seen {
        Ok(seen) => (seen.tls, seen.auth, seen.detail),
        Err(_) => (None, is_auth.then_some(false), Value::Null),
    };
    json!({
        "connector": connector.id,
        "kind": connector.kind,
        "mode": connector.mode,
        "endpoint": connector.endpoint,
        "ok": error.is_none() && auth != Some(false),
        "reachable": error.is_none() || (is_auth && subject.secret.is_ok()),
        "auth": auth,
        "tls": tls,
        "detail": detail,
        "error": error,
        "secret": secret_state(subject),
        "verbs": verbs(connector),
        "events": connector.events.keys().collect::<Vec<_>>(),
    })
}

fn secret_state(subject: &Subject<'_>) -> Value {
    let Some(name) = &subject.connector.secret else { return Value::Null };
    match &subject.secret {
        Ok(_) => json!({ "name": name, "state": "opens" }),
        Err(reason) => json!({ "name": name, "state": reason }),
    }
}

fn verbs(connector: &Connector) -> Value {
    let verb = |(name, verb): (&String, &adjutant_spec::plan::Verb)| {
        json!({ "name": format!("{}.{name}", connector.id), "effect": verb.effect, "idempotency": verb.idempotency,
            "probe": verb.probe, "undo": verb.undo })
    };
    connector.verbs.iter().map(verb).collect()
}

async fn look(subject: &Subject<'_>, secret: Option<&Secret>) -> Result<Seen, Fault> {
    let Subject { connector, doors, folders, .. } = subject;
    let kind = kinds::of(connector)?;
    // What has no host to resolve asks here: nobody looks into a folder behind a door that is shut. A look at another side is
    // one more thing that leaves to it.
    let door = Door::to(doors, connector);
    if kind.row().place == Place::Host {
        door.take(None).await?;
    } else {
        let _open = door.pass()?;
    }
    kind.look(&Look { connector, doors, secret, folders, timeout: TIMEOUT }).await
}
