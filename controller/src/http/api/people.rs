//! Who may come in: login links and tokens.

use super::{
    paged::{Listed, listed},
    runs::Answered,
};
use crate::{
    desk::{
        NewToken, PageWish,
        views::{Issued, LoginLink, TokenView, When},
    },
    http::{
        App, Refusal, Scope,
        auth::Principal,
        extract::{Asked, Body},
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};

/// Lists the tokens, without their secrets, page by page.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "people", params(PageWish),
    responses((status = 200, body = Vec<TokenView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "what to go on after is no id of a token")))]
pub(super) async fn tokens(
    State(app): State<App>,
    who: Principal,
    Asked(page): Asked<PageWish>,
) -> Result<Listed<TokenView>, Refusal> {
    who.must(Scope::Operate)?;
    Ok(listed(app.vault.tokens(page).await?))
}

/// Makes a token: only over the control socket. Its secret is shown this once.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "people", request_body = NewToken,
    responses((status = 201, body = Issued), (status = 403, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn make_token(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<NewToken>,
) -> Result<(StatusCode, Json<Issued>), Refusal> {
    who.must_be_socket()?;
    Ok((StatusCode::CREATED, Json(app.vault.token(wish).await?)))
}

/// Takes a token back.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "people", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Refusal)))]
pub(super) async fn revoke(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    who.must(Scope::Operate)?;
    app.vault.revoke(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a one-time login link: only over the control socket.
#[utoipa::path(post, path = "/api/v1/login", tag = "people",
    responses((status = 200, body = LoginLink), (status = 403, body = Refusal)))]
pub(super) async fn login(State(app): State<App>, who: Principal) -> Answered<LoginLink> {
    who.must_be_socket()?;
    let (secret, expires) = app.vault.login()?;
    let url = (!app.desk.url.is_empty()).then(|| format!("{}/login/{secret}", app.desk.url));
    Ok(Json(LoginLink { url, expires: When(expires) }))
}
