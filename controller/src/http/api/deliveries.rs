//! What came in and waits: open deliveries, and what to do with them.

use axum::{
    Json,
    extract::{Path, State},
};

use super::{
    paged::{Listed, listed},
    runs::Answered,
};
use crate::{
    desk::{
        Answer, DeliveryFilter, DropWish,
        views::{DeliveryLine, DeliveryView},
    },
    http::{
        App, Refusal,
        auth::Principal,
        extract::{Asked, Body},
    },
};

/// Lists deliveries that no run has taken yet, oldest first and page by page.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(DeliveryFilter),
    responses((status = 200, body = Vec<DeliveryLine>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "the delivery to go on after is not there")))]
pub(super) async fn list(
    State(app): State<App>,
    who: Principal,
    Asked(filter): Asked<DeliveryFilter>,
) -> Result<Listed<DeliveryLine>, Refusal> {
    Ok(listed(app.desk.deliveries(&who, filter).await?))
}

/// Shows a delivery that is or was open, with its content.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, body = DeliveryView), (status = 404, body = Refusal)))]
pub(super) async fn show(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<DeliveryView> {
    Ok(Json(app.desk.delivery(&who, &id).await?))
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
    Ok(Json(app.desk.start_delivery(&who, &id).await?))
}

/// Drops an open delivery: it starts nothing any more, and its repetition neither.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/drop", tag = "deliveries", params(("id" = String, Path)), request_body = DropWish,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal),
        (status = 422, body = Refusal)))]
pub(super) async fn let_go(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<DropWish>,
) -> Answered<Answer> {
    Ok(Json(app.desk.drop_delivery(&who, &id, wish).await?))
}
