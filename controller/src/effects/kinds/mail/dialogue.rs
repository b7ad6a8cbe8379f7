//! The SMTP dialogue, command by command: a one-shot call would hide where it failed.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use adjutant_machine::event::ErrorClass;
use adjutant_spec::{plan::Connector, spoken};
use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, TlsParameters},
    commands::{Data, Mail, Rcpt},
    extension::{ClientId, Extension, MailBodyParameter, MailParameter},
};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::message::Letter;
use crate::{
    awake::Patience,
    effects::{doors::Doors, egress::Egress, outcome::Fault, secrets::Secret},
};

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// From the first byte: `smtps://`.
    Implicit,
    /// By STARTTLS, or not at all.
    Required,
    /// By STARTTLS where the server offers it.
    Opportunistic,
    /// The connection is never encrypted: only where the company says so.
    None,
}

/// Where and how letters are handed over.
pub(super) struct Server<'a> {
    pub(super) host: String,
    port: u16,
    encryption: Encryption,
    is_loopback: bool,
    hello: ClientId,
    egress: Egress,
    secret: Option<&'a Secret>,
    timeout: Duration,
}

/// What the server said at the end.
pub(super) struct Receipt {
    pub(super) address: SocketAddr,
    pub(super) response: String,
    pub(super) is_encrypted: bool,
}

/// An open, logged in connection.
pub(super) struct Session {
    connection: AsyncSmtpConnection,
    pub(super) address: SocketAddr,
    pub(super) is_encrypted: bool,
}

impl<'a> Server<'a> {
    /// Reads where and how from a connector.
    pub(super) fn of(
        connector: &Connector,
        doors: &Arc<dyn Doors>,
        secret: Option<&'a Secret>,
        timeout: Duration,
    ) -> Result<Self, Fault> {
        let endpoint = connector.endpoint.as_deref().unwrap_or_default();
        let url = Url::parse(endpoint).map_err(|_| {
            Fault::unavailable(format!("`endpoint` of mail connector \"{}\" is no URL", connector.id))
        })?;
        let host = url.host().ok_or_else(|| Fault::unavailable("`endpoint` names no host"))?;
        let host = match host {
            Host::Domain(name) => name.to_lowercase(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let is_loopback =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|one| one.is_loopback());
        let encryption = encryption(connector, &url, is_loopback)?;
        let port = url.port().unwrap_or(if encryption == Encryption::Implicit { 465 } else { 587 });
        let hello = connector.settings.get("hello").and_then(Value::as_str);
        let hello = hello.map_or_else(ClientId::default, |name| ClientId::Domain(name.to_owned()));
        Ok(Self {
            host,
            port,
            encryption,
            is_loopback,
            hello,
            egress: Egress::of(connector, doors),
            secret,
            timeout,
        })
    }
}

fn encryption(connector: &Connector, url: &Url, is_loopback: bool) -> Result<Encryption, Fault> {
    let setting = connector.settings.get("tls").and_then(Value::as_str);
    match (url.scheme(), setting) {
        ("smtps", None | Some("required")) => Ok(Encryption::Implicit),
        ("smtp", None) if is_loopback => Ok(Encryption::Opportunistic),
        ("smtp", None | Some("required")) => Ok(Encryption::Required),
        ("smtp", Some("opportunistic")) => Ok(Encryption::Opportunistic),
        ("smtp", Some("none")) => Ok(Encryption::None),
        (scheme, None) => Err(Fault::invalid(format!("`endpoint` is smtp:// or smtps://, not {scheme}://"))),
        (_, Some(word)) => Err(Fault::invalid(format!(
            "`tls` is required, opportunistic or none for smtp:// and required for smtps://, not \"{word}\""
        ))),
    }
}

/// Delivers a letter. Everything up to the answer to DATA is definite; a connection that is lost after it is unknown.
pub(super) async fn deliver(server: &Server<'_>, letter: &Letter) -> Result<Receipt, Fault> {
    let mut patience = Patience::of(server.timeout);
    let before = async {
        let mut session = open(server).await?;
        match announce(&mut session, letter).await {
            Ok(()) => Ok(session),
            Err(fault) => {
                session.connection.abort().await;
                Err(fault)
            }
        }
    };
    let mut session = match patience.within(before).await {
        Some(announced) => announced?,
        None => {
            return Err(Fault::transient(format!("no answer within {}", spoken::limit(server.timeout))));
        }
    };
    let Some(answer) = patience.within(session.connection.message(&letter.bytes)).await else {
        let waited = spoken::limit(server.timeout);
        return Err(Fault::Unknown(format!("the letter was sent, and no answer came within {waited}")));
    };
    let response = answer.map_err(|error| match error.status() {
        Some(_) => refused("the letter", &error),
        None => Fault::Unknown(format!(
            "the letter was sent, and the connection was lost before the answer: {}",
            Chain(&error)
        )),
    })?;
    let response = response.message().collect::<Vec<_>>().join(" ");
    let receipt = Receipt { address: session.address, response, is_encrypted: session.is_encrypted };
    // Accepted is accepted: a QUIT that fails or hangs changes nothing.
    let goodbye = Instant::now() + Duration::from_secs(1);
    drop(timeout_at(goodbye, session.connection.quit()).await);
    Ok(receipt)
}

/// Connects and logs in, says nothing else, and leaves: the probe of `connectors probe`.
pub(super) async fn greet(server: &Server<'_>) -> Result<Session, Fault> {
    let deadline = Instant::now() + server.timeout;
    let mut session = timeout_at(deadline, open(server))
        .await
        .map_err(|_| Fault::transient(format!("no answer within {}", spoken::limit(server.timeout))))??;
    drop(timeout_at(deadline, session.connection.quit()).await);
    Ok(session)
}

async fn open(server: &Server<'_>) -> Result<Session, Fault> {
    let addresses = server.egress.resolve(&server.host, server.port).await?;
    let mut failure = Fault::transient(format!("host \"{}\" has no address", server.host));
    for address in addresses {
        match connect(server, address).await {
            Ok(connection) => return login(server, connection, address).await,
            Err(fault) => failure = fault,
        }
    }
    Err(failure)
}

async fn connect(server: &Server<'_>, address: SocketAddr) -> Result<AsyncSmtpConnection, Fault> {
    let implicit = (server.encryption == Encryption::Implicit).then(|| tls(server)).transpose()?;
    let half = server.timeout / 2;
    AsyncSmtpConnection::connect_tokio1(address, Some(half), &server.hello, implicit, None)
        .await
        .map_err(|error| refused("the connection", &error))
}

async fn login(
    server: &Server<'_>,
    mut connection: AsyncSmtpConnection,
    address: SocketAddr,
) -> Result<Session, Fault> {
    let wants = matches!(server.encryption, Encryption::Required | Encryption::Opportunistic);
    if wants && connection.can_starttls() {
        let upgraded = connection.starttls(tls(server)?, &server.hello).await;
        upgraded.map_err(|error| refused("STARTTLS", &error))?;
    }
    let is_encrypted = connection.is_encrypted();
    if server.encryption == Encryption::Required && !is_encrypted {
        connection.abort().await;
        return Err(Fault::invalid(
            "the server offers no STARTTLS; `tls = \"none\"` would send mail in the clear",
        ));
    }
    if let Some(secret) = server.secret {
        if !is_encrypted && !server.is_loopback {
            connection.abort().await;
            return Err(Fault::invalid("a password is not sent over a connection without TLS"));
        }
        let (user, password) = secret
            .expose()
            .split_once(':')
            .ok_or_else(|| Fault::new(ErrorClass::Auth, "the secret has the form `user:password`"))?;
        let credentials = Credentials::new(user.to_owned(), password.to_owned());
        let answer = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
        answer.map_err(|error| login_refused(&error))?;
    }
    Ok(Session { connection, address, is_encrypted })
}

/// MAIL, RCPT for each recipient, DATA. One refused recipient refuses the letter: half a letter was not asked for.
async fn announce(session: &mut Session, letter: &Letter) -> Result<(), Fault> {
    let mut parameters = Vec::new();
    let info = session.connection.server_info();
    if !has_ascii_addresses(letter) {
        if !info.supports_feature(Extension::SmtpUtfEight) {
            return Err(Fault::invalid("the server takes no addresses outside ASCII"));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !letter.bytes.is_ascii() {
        if !info.supports_feature(Extension::EightBitMime) {
            return Err(Fault::invalid("the server takes no letters outside ASCII"));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let connection = &mut session.connection;
    let mail = Mail::new(letter.envelope.from().cloned(), parameters);
    connection.command(mail).await.map_err(|error| refused("the sender", &error))?;
    for to in letter.envelope.to() {
        let rcpt = Rcpt::new(to.clone(), Vec::new());
        connection.command(rcpt).await.map_err(|error| refused("a recipient", &error))?;
    }
    connection.command(Data).await.map_err(|error| refused("the letter", &error))?;
    Ok(())
}

fn has_ascii_addresses(letter: &Letter) -> bool {
    let mut addresses = letter.envelope.from().into_iter().chain(letter.envelope.to());
    addresses.all(|address| address.to_string().is_ascii())
}

fn tls(server: &Server<'_>) -> Result<TlsParameters, Fault> {
    TlsParameters::new(server.host.clone())
        .map_err(|error| Fault::invalid(format!("no TLS: {}", Chain(&error))))
}

/// A server's 4xx may pass; its 5xx is final; without a code the connection failed before anything was handed over.
fn refused(what: &str, error: &lettre::transport::smtp::Error) -> Fault {
    let message = format!("{what} was refused: {}", Chain(error));
    let Some(code) = error.status().map(u16::from) else {
        return Fault::transient(message);
    };
    match code {
        530 | 534 | 535 | 538 => Fault::new(ErrorClass::Auth, message),
        500..=599 => Fault::invalid(message),
        _ => Fault::transient(message),
    }
}

fn login_refused(error: &lettre::transport::smtp::Error) -> Fault {
    let message = format!("the login was refused: {}", Chain(error));
    match error.status().map(u16::from) {
        Some(500..=599) => Fault::new(ErrorClass::Auth, message),
        None if error.is_client() => Fault::new(ErrorClass::Auth, message),
        _ => Fault::transient(message),
    }
}

/// An error with its causes.
struct Chain<'a>(&'a lettre::transport::smtp::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
