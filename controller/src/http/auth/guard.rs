//! What every request passes: Host and Origin, credentials, and the headers of every answer.
//!
//! The control socket's peer was checked when it connected. Over TCP, loopback too, a foreign `Host` is refused (a
//! web page that rebinds its name to us), a foreign `Origin` may not change anything, and everything but the paths of
//! [`is_public`] needs a session or a token.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{Entrance, Principal, unauthorized};
use crate::http::{
    App, Code, Refusal,
    crowd::{Known, Peer},
};

/// The longest time that one answer may take to begin; streams may go on.
const LONGEST: Duration = Duration::from_secs(120);

/// What a page may load: our own files, nothing inline, nothing from elsewhere.
const CONTENT_SECURITY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets a request in with its [`Principal`], or answers it.
pub(in crate::http) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let admitted = match parts.extensions.get::<Entrance>() {
        Some(Entrance::Socket) => Ok(Some(Principal::socket())),
        _ => over_tcp(&app, &parts).await,
    };
    let response = match admitted {
        Ok(None) => answer(&app, Request::from_parts(parts, body), next).await,
        Ok(Some(principal)) => {
            let name = principal.caller();
            parts.extensions.insert(principal);
            known(&app, name, answer(&app, Request::from_parts(parts, body), next)).await
        }
        Err(refusal) if refusal.code == Code::Unauthorized && is_page(&parts) => {
            Redirect::to("/login").into_response()
        }
        Err(refusal) => refusal.into_response(),
    };
    sealed(response, &path)
}

/// Answers a caller that is known: each has places of its own, so none waits behind another one.
async fn known(app: &App, name: String, answer: impl Future<Output = Response>) -> Response {
    let Some(_place) = app.places.take(&name) else {
        return Refusal::new(Code::TooMany, format!("\"{name}\" has too many requests under way"))
            .help("wait for an answer before you ask for more")
            .into_response();
    };
    let mut response = answer.await;
    response.extensions_mut().insert(Known(name));
    response
}

/// Looks may be dropped at any moment; what may change something runs to its end.
async fn answer(app: &App, request: Request, next: Next) -> Response {
    if is_safe(request.method()) {
        return bounded(next.run(request)).await;
    }
    let (own, others) = &app.finishers;
    let is_own = request.extensions().get::<Entrance>() == Some(&Entrance::Socket);
    let finisher = if is_own { own } else { others };
    finisher.run(next.run(request), LONGEST).await
}

async fn bounded(answer: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(LONGEST, answer)
        .await
        .unwrap_or_else(|_| Refusal::unavailable("the answer took too long").into_response())
}

async fn over_tcp(app: &App, request: &Parts) -> Result<Option<Principal>, Refusal> {
    let path = request.uri.path();
    // A webhook comes through whatever tunnel the operator set up; its signature is the proof, a Host is none.
    if !path.starts_with("/hooks/") {
        host_is_ours(app, request)?;
        origin_is_ours(request)?;
    }
    let peer = peer_of(request);
    let principal = credentials(app, peer, &request.headers).await?;
    if principal.is_none() && !is_public(path) {
        return Err(unauthorized());
    }
    if principal.is_none() && is_limited(path) && app.vault.throttle.public(peer, app.vault.now()) {
        return Err(Refusal::new(Code::TooMany, "too many requests").help("come again in a moment"));
    }
    if let Some(Principal { session: Some(session), .. }) = &principal
        && path.starts_with("/api/")
        && !is_safe(&request.method)
        && text(&request.headers, "x-csrf-token") != Some(&session.csrf)
    {
        return Err(Refusal::forbidden(
            "a browser session needs the header `x-csrf-token` to change anything here",
        ));
    }
    Ok(principal)
}

/// Returns whether a path is for callers that nobody knows: what proves itself, or tells nothing.
fn is_public(path: &str) -> bool {
    let open = ["/login/", "/gate/", "/hooks/", "/assets/"];
    matches!(path, "/login" | "/healthz" | "/readyz" | "/favicon.ico")
        || open.iter().any(|prefix| path.starts_with(prefix))
}

/// Returns whether a public path is bounded here: what costs us work, but hooks, which bound each connector by itself. Not what
/// watches the process, and not files in memory.
fn is_limited(path: &str) -> bool {
    ["/login/", "/gate/"].iter().any(|prefix| path.starts_with(prefix))
}

fn peer_of(request: &Parts) -> Peer {
    let nobody = Peer::of(std::net::IpAddr::from([0, 0, 0, 0]));
    request.extensions.get::<Peer>().copied().unwrap_or(nobody)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn is_page(request: &Parts) -> bool {
    let path = request.uri.path();
    is_safe(&request.method)
        && !["/api/", "/metrics", "/events", "/git/"].iter().any(|prefix| path.starts_with(prefix))
}

fn host_is_ours(app: &App, request: &Parts) -> Result<(), Refusal> {
    let host = text(&request.headers, "host").or_else(|| request.uri.host()).unwrap_or_default();
    if app.knows_host(host_name(host)) {
        return Ok(());
    }
    Err(Refusal::forbidden(format!("this server is not called \"{host}\""))
        .help("use the address that `adjutant up` printed; `--public-url` names others"))
}

/// Returns a host without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) && !port.is_empty() => name,
        _ => host,
    }
}

fn origin_is_ours(request: &Parts) -> Result<(), Refusal> {
    if is_safe(&request.method) {
        return Ok(());
    }
    let headers = &request.headers;
    let host = text(headers, "host").unwrap_or_default();
    let is_foreign = text(headers, "origin")
        .is_some_and(|origin| origin.split_once("://").is_none_or(|(_, authority)| authority != host));
    // Another port of this machine is the same site, but not us.
    let is_elsewhere = matches!(text(headers, "sec-fetch-site"), Some("cross-site" | "same-site"));
    if is_foreign || is_elsewhere {
        return Err(Refusal::forbidden("another site may not change anything here"));
    }
    Ok(())
}

async fn credentials(app: &App, peer: Peer, headers: &HeaderMap) -> Result<Option<Principal>, Refusal> {
    if let Some(given) = text(headers, "authorization") {
        let token = given.strip_prefix("Bearer ").unwrap_or_default();
        return match app.vault.bearer(token).await? {
            Some(principal) => Ok(Some(principal)),
            None => Err(wrong(app, peer, "the token is not known, or has lapsed")),
        };
    }
    match cookie(headers, &app.vault.cookie_name()) {
        // A lapsed cookie is no guess: it is as good as none.
        Some(value) => Ok(app.vault.session(value).await?),
        None => Ok(None),
    }
}

/// Returns the refusal of a wrong credential, which is counted.
pub(in crate::http) fn wrong(app: &App, peer: Peer, message: &str) -> Refusal {
    if app.vault.throttle.wrong(peer, app.vault.now()) {
        return Refusal::new(Code::TooMany, "too many wrong credentials").help("wait a minute");
    }
    Refusal { message: message.to_owned(), ..unauthorized() }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn sealed(mut response: Response, path: &str) -> Response {
    let headers = response.headers_mut();
    let mut set = |name, value| drop(headers.insert(name, HeaderValue::from_static(value)));
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    // Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
    set(header::REFERRER_POLICY, "same-origin");
    if path.starts_with("/assets/") {
        set(header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    } else {
        set(header::CACHE_CONTROL, "no-store");
        drop(headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow")));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_part_of_the_name() {
        assert_eq!(host_name("localhost:8080"), "localhost");
        assert_eq!(host_name("[::1]:8080"), "[::1]");
        assert_eq!(host_name("[::1]"), "[::1]");
        assert_eq!(host_name("example.org"), "example.org");
    }

    #[test]
    fn only_what_proves_itself_is_public() {
        for path in
            ["/login", "/login/x", "/gate/x", "/hooks/leads", "/assets/adjutant.css", "/healthz", "/readyz"]
        {
            assert!(is_public(path), "{path}");
        }
        for path in
            ["/", "/api/v1/status", "/metrics", "/events", "/gates/x", "/runs", "/loginx", "/git/company.git"]
        {
            assert!(!is_public(path), "{path}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; adjutant_x=yes"));
        headers.append(header::COOKIE, HeaderValue::from_static("adjutant_y=no"));
        assert_eq!(cookie(&headers, "adjutant_x"), Some("yes"));
        assert_eq!(cookie(&headers, "adjutant_y"), Some("no"));
        assert_eq!(cookie(&headers, "adjutant"), None);
    }
}
