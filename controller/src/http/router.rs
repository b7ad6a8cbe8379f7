//! The router of both listeners.

use axum::{Router, extract::DefaultBodyLimit, middleware};

use super::{
    api,
    app::{App, LONGEST_BODY},
    auth, clean, events, health, intake, pages,
};

/// Returns the router of both listeners.
pub(super) fn router(app: App) -> Router {
    let guard = middleware::from_fn_with_state(app.clone(), auth::guard);
    Router::new()
        .merge(api::router())
        .merge(intake::router())
        .merge(health::router())
        .merge(events::router())
        .merge(pages::router())
        .fallback(pages::missing)
        .layer(guard)
        .layer(middleware::map_response(clean::answer))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(app)
}
