//! The dashboard: pages rendered on the server, which can be read and used without JavaScript.
//!
//! Each page has a pure part, a function from views to [`Markup`], and a handler that reads the views. Forms post to
//! [`act`], which answers with a redirect. The one script only reloads `<main>` on a hint and adds keys.

mod act;
mod answer;
mod assets;
mod card;
mod connectors;
mod diagram;
mod form;
mod frame;
mod gate;
mod login;
mod parts;
mod playbooks;
mod proposals;
mod rollback;
mod run;
mod runs;
mod settle;
mod today;

#[cfg(test)]
mod gallery;

use axum::{
    Router,
    routing::{get, post},
};

use super::App;
pub(super) use answer::missing;
use answer::{Failed, Page, Shown};

/// Returns the routes of the dashboard.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/", get(today::page))
        .route("/runs", get(runs::page))
        .route("/runs/{id}", get(run::page))
        .route("/runs/{id}/steer", post(act::steer))
        .route("/runs/{id}/rollback", get(rollback::page).post(act::roll_back))
        .route("/runs/{id}/correct", post(act::correct))
        .route("/routes/{id}/refit", post(act::refit))
        .route("/gates/{id}", get(gate::page))
        .route("/gates/{id}/decide", post(act::decide))
        .route("/gate/{token}", get(gate::link_page).post(gate::link_decide))
        .route("/playbooks", get(playbooks::list))
        .route("/playbooks/{id}", get(playbooks::page))
        .route("/proposals", get(proposals::list))
        .route("/proposals/{id}", get(proposals::page))
        .route("/proposals/{id}/decide", post(act::proposal))
        .route("/connectors", get(connectors::page))
        .route("/connectors/{id}/probe", post(act::probe))
        .route("/effects/{id}/settle", post(act::settle))
        .route("/plan/confirm", post(act::confirm))
        .route("/deliveries/{id}", post(act::delivery))
        .route("/pause", post(act::pause))
        .route("/login", get(login::page))
        .route("/login/{secret}", get(login::open).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/assets/{name}", get(assets::asset))
        .route("/favicon.ico", get(assets::icon))
}
