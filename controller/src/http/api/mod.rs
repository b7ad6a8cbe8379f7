//! `/api/v1`: the same verbs for the command line, scripts and agents; `/api/openapi.json` is made from the handlers.

mod deliveries;
mod description;
mod gates;
mod git;
mod paged;
mod people;
mod runs;
mod status;
mod world;

use axum::{Json, Router, routing::get};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
pub(super) use git::HowMuch;

/// Returns the routes with their description.
fn described() -> OpenApiRouter<App> {
    let info = InfoBuilder::new()
        .title("Adjutant")
        .version("1")
        .description(Some(
            "The operator's surface. Errors are `{code, message, help}`. Fields are only ever added.",
        ))
        .build();
    OpenApiRouter::with_openapi(OpenApiBuilder::new().info(info).build())
        .routes(routes!(status::status))
        .routes(routes!(status::metrics))
        .routes(routes!(status::spend))
        .routes(routes!(status::month))
        .routes(routes!(status::audit))
        .routes(routes!(status::backup))
        .routes(routes!(status::retention))
        .routes(routes!(status::remove_old))
        .routes(routes!(status::playbooks))
        .merge(of_runs())
        .routes(routes!(gates::inbox))
        .routes(routes!(gates::show))
        .routes(routes!(gates::approve))
        .routes(routes!(gates::deny))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::start))
        .routes(routes!(deliveries::let_go))
        .routes(routes!(world::dead))
        .routes(routes!(world::causes))
        .routes(routes!(world::settle_cause))
        .routes(routes!(world::settle))
        .routes(routes!(world::kinds))
        .routes(routes!(world::records))
        .routes(routes!(world::connectors))
        .routes(routes!(world::probe))
        .routes(routes!(world::slots))
        .routes(routes!(world::pause_scope))
        .routes(routes!(world::resume_scope))
        .routes(routes!(git::plan))
        .routes(routes!(git::confirm))
        .routes(routes!(git::proposals, git::propose))
        .routes(routes!(git::refit))
        .routes(routes!(git::proposal))
        .routes(routes!(git::approve))
        .routes(routes!(git::refuse))
        .routes(routes!(git::revert))
        .routes(routes!(git::hold))
        .routes(routes!(git::release))
        .routes(routes!(git::hook))
        .routes(routes!(people::tokens, people::make_token))
        .routes(routes!(people::revoke))
        .routes(routes!(people::login))
}

/// Returns the routes about runs.
fn of_runs() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(runs::list, runs::start))
        .routes(routes!(runs::signal))
        .routes(routes!(runs::show))
        .routes(routes!(runs::branches))
        .routes(routes!(runs::log))
        .routes(routes!(runs::log_of))
        .routes(routes!(runs::why_run))
        .routes(routes!(runs::why))
        .routes(routes!(runs::pause))
        .routes(routes!(runs::resume))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::scenario))
        .routes(routes!(runs::replay))
        .routes(routes!(runs::rollback, runs::roll_back))
        .routes(routes!(runs::kill))
        .routes(routes!(runs::release))
        .routes(routes!(runs::retry))
        .routes(routes!(runs::correct))
}

/// Returns the routes of the API.
pub(super) fn router() -> Router<App> {
    let (router, api) = described().split_for_parts();
    let api = description::complete(api);
    router.route("/api/openapi.json", get(move || async move { Json(api) }))
}

/// Returns the description of the API.
#[must_use]
pub fn openapi() -> OpenApi {
    description::complete(described().into_openapi())
}
