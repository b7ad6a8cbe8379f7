//! One HTTP exchange: one connection, one request, one answer; no redirect, no retry, no proxy, no reuse.
//!
//! A kept connection that turns out to be closed makes clients send again by themselves. A fresh one costs a handshake
//! and makes it certain whether bytes may have left.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use adjutant_spec::spoken;
use reqwest::{
    Client, Method,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use url::Url;

use super::{egress::Egress, outcome::Fault};
use crate::awake::Patience;

/// The largest part of the time that connecting may take.
const CONNECT_SHARE: u32 = 2;

/// A request that is ready to be sent.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    pub(super) timeout: Duration,
    /// The most bytes of the answer's body.
    pub(super) max_response: usize,
}

/// An answer that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// By lower case name; the last of repeated ones.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Error {
    /// No byte of the request has left.
    NotSent(Fault),
    /// The request, or a part of it, has left; its answer did not come, or not whole.
    Lost(String),
}

impl Request {
    /// Returns the digest of the exact bytes that are sent as the body, with method and URL.
    pub(super) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.method.as_str().as_bytes()).update(b" ").update(self.url.as_str().as_bytes());
        hasher.update(b"\n").update(self.body.as_deref().unwrap_or_default());
        hasher.finalize().to_hex().to_string()
    }
}

impl Response {
    /// Returns the body as JSON, else as text.
    pub(super) fn json_or_text(&self) -> serde_json::Value {
        adjutant_spec::value::from_outside(&self.body)
            .unwrap_or_else(|_| serde_json::Value::String(String::from_utf8_lossy(&self.body).into_owned()))
    }

    /// Returns the pause that `Retry-After` asks for, in milliseconds: seconds, or a date.
    pub(super) fn retry_after(&self) -> Option<u64> {
        let text = self.headers.get("retry-after")?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More than a number can hold is as long as any: it must not pass for no wish at all.
            return Some(text.parse::<u64>().map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000)));
        }
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        let pause = date.as_millisecond() - jiff::Timestamp::now().as_millisecond();
        Some(u64::try_from(pause).unwrap_or(0))
    }
}

/// Sends a request to where the connector may talk to.
pub(super) async fn send(egress: &Egress, request: Request) -> Result<Response, Error> {
    let Authority { host, port } = authority(&request.url).map_err(Error::NotSent)?;
    // Secrets are marked where they are put into a header, so none gets past this one place.
    if request.headers.values().any(HeaderValue::is_sensitive) {
        let is_encrypted = request.url.scheme() == "https";
        egress.may_carry_secret(&host, is_encrypted).map_err(Error::NotSent)?;
    }
    let timeout = request.timeout;
    let exchange = async {
        let addresses = egress.resolve(&host, port).await.map_err(Error::NotSent)?;
        let client = client(&host, &addresses, timeout).map_err(Error::NotSent)?;
        exchange(&client, request).await
    };
    // The one limit, over everything. reqwest's own would take its timer before an answer that came while the process was stopped.
    match Patience::of(timeout).within(exchange).await {
        Some(answer) => answer,
        None => Err(Error::Lost(format!("no answer within {}", spoken::limit(timeout)))),
    }
}

/// Makes a header value that is never printed.
pub(super) fn secret_value(text: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Fault::invalid("the secret has characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Adds a header from settings.
pub(super) fn header(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Fault> {
    let name: HeaderName =
        name.parse().map_err(|_| Fault::invalid(format!("\"{name}\" is no name of a header")))?;
    let value = HeaderValue::from_str(value).map_err(|_| {
        Fault::invalid(format!("the value of header \"{name}\" has characters that no header can carry"))
    })?;
    headers.insert(name, value);
    Ok(())
}

/// Returns the settings of TLS: rustls with ring and the roots of the web.
pub(super) fn tls() -> rustls::ClientConfig {
    static CONFIG: OnceLock<rustls::ClientConfig> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
            rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("ring offers the default protocol versions")
                .with_root_certificates(roots)
                .with_no_client_auth()
        })
        .clone()
}

/// The host and the port that a URL names.
struct Authority {
    host: String,
    port: u16,
}

fn authority(url: &Url) -> Result<Authority, Fault> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Fault::invalid(format!("`{}` is no scheme for HTTP", url.scheme())));
    }
    let host = url.host_str().ok_or_else(|| Fault::invalid("the URL names no host"))?;
    let port = url.port_or_known_default().ok_or_else(|| Fault::invalid("the URL names no port"))?;
    Ok(Authority { host: host.to_owned(), port })
}

fn client(host: &str, addresses: &[std::net::SocketAddr], timeout: Duration) -> Result<Client, Fault> {
    Client::builder()
        .tls_backend_preconfigured(tls())
        .resolve_to_addrs(host, addresses)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .connect_timeout(timeout / CONNECT_SHARE)
        .user_agent(concat!("adjutant/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Fault::invalid(format!("no HTTP client can be made: {error}")))
}

async fn exchange(client: &Client, request: Request) -> Result<Response, Error> {
    let mut builder = client.request(request.method, request.url).headers(request.headers);
    if let Some(body) = request.body {
        builder = builder.body(body);
    }
    let mut answer = builder.send().await.map_err(|error| failed(&error))?;
    let status = answer.status().as_u16();
    let headers = readable(answer.headers());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| Error::Lost(told(&error)))? {
        if body.len() + chunk.len() > request.max_response {
            return Err(Error::Lost(format!("the answer is larger than {} bytes", request.max_response)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body })
}

fn readable(headers: &HeaderMap) -> BTreeMap<String, String> {
    let texts = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    texts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A failure while connecting, TLS included, comes before the first byte of the request.
fn failed(error: &reqwest::Error) -> Error {
    if error.is_builder() {
        return Error::NotSent(Fault::invalid(told(error)));
    }
    if error.is_connect() {
        return Error::NotSent(Fault::transient(told(error)));
    }
    Error::Lost(told(error))
}

/// The whole chain of causes, without the URL: it may carry arguments.
fn told(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time".to_owned() } else { String::new() };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let separator = if text.is_empty() { "" } else { ": " };
        text = format!("{text}{separator}{error}");
        cause = error.source();
    }
    if text.is_empty() { "the exchange failed".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(retry_after: &str) -> Response {
        let headers = BTreeMap::from([("retry-after".to_owned(), retry_after.to_owned())]);
        Response { status: 429, headers, body: Vec::new() }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(answer("7").retry_after(), Some(7_000));
        assert_eq!(answer("Sun, 06 Nov 1994 08:49:37 GMT").retry_after(), Some(0));
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(90);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&soon).unwrap();
        let pause = answer(&date).retry_after().unwrap();
        assert!((80_000..=90_000).contains(&pause), "{date}: {pause}");
        assert_eq!(answer("soon").retry_after(), None);
    }

    #[test]
    fn a_hostile_retry_after_is_long_or_none_and_never_short() {
        let nines = "9".repeat(4_000);
        for endless in ["18446744073709552", "18446744073709551615", "18446744073709551616", &nines] {
            assert_eq!(answer(endless).retry_after(), Some(u64::MAX), "{endless}");
        }
        let century = answer("Wed, 01 Jan 2200 00:00:00 GMT").retry_after();
        assert!(century.is_some_and(|pause| pause > 86_400_000 * 365 * 100), "{century:?}");
        for nonsense in
            ["", " ", "-5", "+5", "1.5", "1e9", "0x10", "7 seconds", "Fri, 31 Feb 2040 00:00:00 GMT", "NaN"]
        {
            assert_eq!(answer(nonsense).retry_after(), None, "{nonsense:?}");
        }
    }
}
