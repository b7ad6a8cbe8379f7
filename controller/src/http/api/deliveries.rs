//! What came in and waits: open deliveries, and what to do with them.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    paged::{Listed, listed},
    runs::Answered,
};
use crate::{
    http::{
        App, Refusal, Scope,
        auth::Principal,
        extract::{Asked, Body},
    },
    runtime::{
        Answer, DeliveryFilter,
        views::{DeliveryLine, DeliveryView},
    },
};

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Those that were started or dropped since, too.
    #[serde(default)]
    all: bool,
    /// Only of this connector.
    connector: Option<String>,
    /// Only those after this one in the list.
    after: Option<String>,
    /// At most so many; 100 when absent, 1,000 is the most.
    #[serde(default)]
    limit: usize,
}

/// Lists deliveries that no run has taken yet, oldest first and page by page.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(ListParams),
    responses((status = 200, body = Vec<DeliveryLine>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "the delivery to go on after is not there")))]
pub(super) async fn list(
    State(app): State<App>,
    who: Principal,
    Asked(asked): Asked<ListParams>,
) -> Result<Listed<DeliveryLine>, Refusal> {
    who.must(Scope::Read)?;
    let ListParams { all, connector, after, limit } = asked;
    Ok(listed(app.handle.deliveries(DeliveryFilter { all, connector, after, limit }).await?))
}

/// Shows a delivery that is or was open, with its content.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, body = DeliveryView), (status = 404, body = Refusal)))]
pub(super) async fn show(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<DeliveryView> {
    who.must(Scope::Read)?;
    Ok(Json(app.handle.delivery(&id).await?))
}

/// Tries an open delivery on the revision in force.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/start", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, body = Answer), (status = 404, body = Refusal),
        (status = 409, body = Refusal, description = "it is not open, or still cannot start")))]
pub(super) async fn start(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    Ok(Json(app.handle.start_delivery(&id).await?))
}

/// Why a delivery is dropped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DropWish {
    /// In words: its log keeps it.
    reason: String,
}

/// Drops an open delivery: it starts nothing any more, and its repetition neither.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/drop", tag = "deliveries", params(("id" = String, Path)), request_body = DropWish,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal),
        (status = 422, body = Refusal)))]
pub(super) async fn let_go(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<DropWish>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    Ok(Json(app.handle.drop_delivery(&id, &asked.reason, &who.by).await?))
}
