//! The dashboard's pages.

use axum::Router;

use super::{App, Refusal};

/// Returns the routes of the dashboard.
pub(super) fn router() -> Router<App> {
    Router::new()
}

/// Answers a path that nothing serves.
pub(super) async fn missing(request: axum::extract::Request) -> Refusal {
    Refusal::not_found("page", request.uri().path())
}
