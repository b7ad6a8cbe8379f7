//! `connectors probe`: is it there, does it know us, what may it do. Nothing is changed on the other side.

use std::{sync::Arc, time::Duration};

use adjutant_machine::event::ErrorClass;
use adjutant_spec::plan::Connector;
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use url::Url;

use super::{
    doors::{Door, Doors},
    egress::Egress,
    folders::Folders,
    http,
    intake::weakness,
    llm, mail,
    outcome::Fault,
    secrets::Secret,
    wire::{self, Request},
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

/// A connector with the doors that lead to it.
type Reached<'a> = (&'a Connector, &'a Arc<dyn Doors>);

/// What the other side let us see.
struct Seen {
    /// Encrypted, where there is a connection.
    tls: Option<bool>,
    /// Whether our secret was taken, where one was shown.
    auth: Option<bool>,
    detail: Value,
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
    // What has no host to resolve asks here: nobody looks into a folder behind a door that is shut. A look at another side is
    // one more thing that leaves to it.
    let door = Door::to(subject.doors, subject.connector);
    match subject.connector.kind.as_str() {
        "http" | "mail" | "openai" => door.take(None).await?,
        _ => {
            let _open = door.pass()?;
        }
    }
    match subject.connector.kind.as_str() {
        "http" => look_http((subject.connector, subject.doors), secret).await,
        "mail" => look_mail((subject.connector, subject.doors), secret).await,
        "openai" => look_model((subject.connector, subject.doors), secret).await,
        "files" | "mail_drop" => look_folder(subject),
        "webhook" => look_webhook(subject.connector, secret),
        kind => Err(Fault::unavailable(format!("no connector has the kind \"{kind}\""))),
    }
}

async fn look_http((connector, doors): Reached<'_>, secret: Option<&Secret>) -> Result<Seen, Fault> {
    let endpoint = connector.endpoint.as_deref().unwrap_or_default().trim_end_matches('/');
    let path = connector.settings.get("health").and_then(Value::as_str).unwrap_or("/");
    let url = Url::parse(&format!("{endpoint}{path}"))
        .map_err(|error| Fault::invalid(format!("the endpoint is no URL: {error}")))?;
    let mut headers = HeaderMap::new();
    http::authorise(connector, secret, &mut headers)?;
    let is_encrypted = url.scheme() == "https";
    let request = Request {
        method: Method::GET,
        url,
        headers,
        body: None,
        timeout: TIMEOUT,
        max_response: 1024 * 1024,
    };
    let answer = match wire::send(&Egress::of(connector, doors), request).await {
        Ok(answer) => answer,
        Err(wire::Error::NotSent(fault)) => return Err(fault),
        Err(wire::Error::Lost(message)) => return Err(Fault::transient(message)),
    };
    let is_refused = matches!(answer.status, 401 | 403);
    let detail = json!({ "path": path, "status": answer.status });
    if answer.status >= 500 {
        return Err(Fault::transient(format!(
            "it answered {}: {}",
            answer.status,
            http::message_of(&answer)
        )));
    }
    let auth = secret.map(|_| !is_refused).or(is_refused.then_some(false));
    Ok(Seen { tls: Some(is_encrypted), auth, detail })
}

async fn look_mail((connector, doors): Reached<'_>, secret: Option<&Secret>) -> Result<Seen, Fault> {
    let server = mail::Server::of((connector, doors), secret, TIMEOUT)?;
    let session = mail::greet(&server).await?;
    let detail = json!({ "address": session.address.to_string() });
    Ok(Seen { tls: Some(session.is_encrypted), auth: secret.map(|_| true), detail })
}

async fn look_model((connector, doors): Reached<'_>, secret: Option<&Secret>) -> Result<Seen, Fault> {
    let models = llm::models((connector, doors), secret, TIMEOUT).await?;
    let default = connector.settings.get("model").and_then(Value::as_str);
    let is_there = default.map(|name| models.iter().any(|one| one == name));
    let is_encrypted = connector.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("https:"));
    let detail = json!({ "models": models, "default": default, "default_is_there": is_there });
    Ok(Seen { tls: Some(is_encrypted), auth: secret.map(|_| true), detail })
}

fn look_folder(subject: &Subject<'_>) -> Result<Seen, Fault> {
    let folder = subject.folders.of(subject.connector)?;
    let metadata = std::fs::metadata(&folder).map_err(|error| {
        Fault::unavailable(format!("the folder \"{}\" cannot be used: {error}", folder.display()))
    })?;
    if !metadata.is_dir() {
        return Err(Fault::unavailable(format!("\"{}\" is no folder", folder.display())));
    }
    Ok(Seen { tls: None, auth: None, detail: json!({ "folder": folder.display().to_string() }) })
}

/// Others call us: all there is to check is that their signatures could be verified.
fn look_webhook(connector: &Connector, secret: Option<&Secret>) -> Result<Seen, Fault> {
    let Some(secret) = secret else {
        return Err(Fault::new(ErrorClass::Auth, "it has no secret to verify signatures with"));
    };
    if let Some(why) = weakness(secret.expose()) {
        return Err(Fault::new(ErrorClass::Auth, format!("its secret {why}")));
    }
    let detail = json!({ "path": format!("/hooks/{}", connector.id) });
    Ok(Seen { tls: None, auth: Some(true), detail })
}
