//! The way in: a one-time link from the terminal, a page with a button, a session.
//!
//! Opening the link uses nothing up: chat programs and mail scanners open links. The button posts.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{Failed, Page, frame};
use crate::http::{App, Code, Refusal, auth, crowd::Peer, extract::Form};

/// Tells how to get in.
pub(super) async fn page() -> Page {
    Page(frame::plain("Log in", &how()))
}

/// Returns the page that tells how to get in.
pub(super) fn how() -> Markup {
    html! {
        h1 { "Log in" }
        p { "There are no passwords here. On the machine where Adjutant runs, type" }
        pre.command { "adjutant login" }
        p { "and open the link that it prints. It works once, for ten minutes." }
    }
}

/// Shows the button; uses nothing up.
pub(super) async fn open(
    State(app): State<App>,
    peer: Peer,
    Path(secret): Path<String>,
) -> Result<Page, Failed> {
    if !app.vault.login_is_open(&secret) {
        return Err(Failed(used(&app, peer)));
    }
    Ok(Page(frame::plain("Log in", &button(&secret))))
}

/// Returns the page with the button.
pub(super) fn button(secret: &str) -> Markup {
    html! {
        h1 { "Log in to this browser" }
        p { "The session lasts two weeks. High-risk approvals are open for the next ten minutes." }
        form method="post" action={ "/login/" (secret) } {
            button.primary.wide type="submit" autofocus { "Log in" }
        }
    }
}

fn used(app: &App, peer: Peer) -> Refusal {
    let refusal = auth::wrong(app, peer, "this link was used already, or has lapsed");
    if refusal.code == Code::TooMany { refusal } else { refusal.help("type `adjutant login` for a new one") }
}

/// Uses the link up and begins a session.
pub(super) async fn enter(
    State(app): State<App>,
    peer: Peer,
    Path(secret): Path<String>,
) -> Result<Response, Failed> {
    let Some(cookie) = app.vault.login_take(&secret).await? else { return Err(Failed(used(&app, peer))) };
    let lasting = format!("{}; Max-Age={}", set_cookie(&app, &cookie), auth::SESSION_SECONDS);
    Ok(with_cookie(&lasting, Redirect::to("/")))
}

fn set_cookie(app: &App, value: &str) -> String {
    let secure = if app.desk.url.starts_with("https://") { "; Secure" } else { "" };
    format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}", app.vault.cookie_name())
}

fn with_cookie(cookie: &str, redirect: Redirect) -> Response {
    let mut response = redirect.into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Ends the session.
pub(super) async fn leave(State(app): State<App>, form: Form) -> Result<Response, Failed> {
    if let Some(session) = &form.who.session {
        app.vault.logout(session).await?;
    }
    Ok(with_cookie(&format!("{}; Max-Age=0", set_cookie(&app, "")), Redirect::to("/login")))
}
