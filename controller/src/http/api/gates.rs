//! The inbox and its decisions.

use axum::{
    Json,
    extract::{Path, State},
};

use super::{
    paged::{Listed, listed},
    runs::Answered,
};
use crate::{
    desk::{Answer, Approve, Deny, PageWish, views::GateView},
    http::{
        App, Refusal,
        auth::Principal,
        extract::{Asked, Body},
    },
};

/// Lists the gates that wait, oldest first, page by page.
#[utoipa::path(get, path = "/api/v1/inbox", tag = "gates", params(PageWish),
    responses((status = 200, body = Vec<GateView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "the gate to go on after is not there")))]
pub(super) async fn inbox(
    State(app): State<App>,
    who: Principal,
    Asked(page): Asked<PageWish>,
) -> Result<Listed<GateView>, Refusal> {
    Ok(listed(app.desk.inbox(&who, page).await?))
}

/// Shows a gate with everything that a decision is about.
#[utoipa::path(get, path = "/api/v1/gates/{id}", tag = "gates", params(("id" = String, Path)),
    responses((status = 200, body = GateView), (status = 404, body = Refusal)))]
pub(super) async fn show(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<GateView> {
    Ok(Json(app.desk.gate(&who, &id).await?))
}

/// Approves a gate, as shown or with changed values.
#[utoipa::path(post, path = "/api/v1/gates/{id}/approve", tag = "gates", params(("id" = String, Path)), request_body = Approve,
    responses((status = 200, body = Answer), (status = 403, body = Refusal), (status = 404, body = Refusal),
        (status = 409, body = Refusal, description = "decided otherwise, or the card changed"), (status = 422, body = Refusal)))]
pub(super) async fn approve(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<Approve>,
) -> Answered<Answer> {
    Ok(Json(app.desk.decide(&who, wish.of(&id)?).await?))
}

/// Denies a gate with a reason.
#[utoipa::path(post, path = "/api/v1/gates/{id}/deny", tag = "gates", params(("id" = String, Path)), request_body = Deny,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn deny(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<Deny>,
) -> Answered<Answer> {
    Ok(Json(app.desk.decide(&who, wish.of(&id)).await?))
}
