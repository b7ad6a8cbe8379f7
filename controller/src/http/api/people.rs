//! Who may come in: login links and tokens.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    paged::{Listed, PageParams, listed},
    runs::Answered,
};
use crate::{
    http::{
        App, Refusal, Scope,
        auth::{Issued, NewToken, Principal, TokenView},
        extract::{Asked, Body},
    },
    runtime::views::When,
};

/// Lists the tokens, without their secrets, page by page.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "people", params(PageParams),
    responses((status = 200, body = Vec<TokenView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "what to go on after is no id of a token")))]
pub(super) async fn tokens(
    State(app): State<App>,
    who: Principal,
    Asked(asked): Asked<PageParams>,
) -> Result<Listed<TokenView>, Refusal> {
    who.must(Scope::Operate)?;
    Ok(listed(app.vault.tokens(asked.into()).await?))
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

/// A one-time login link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct LoginLink {
    /// What to open in a browser; absent where only the control socket is served.
    url: Option<String>,
    /// When it lapses.
    expires: When,
}

/// Makes a one-time login link: only over the control socket.
#[utoipa::path(post, path = "/api/v1/login", tag = "people",
    responses((status = 200, body = LoginLink), (status = 403, body = Refusal)))]
pub(super) async fn login(State(app): State<App>, who: Principal) -> Answered<LoginLink> {
    who.must_be_socket()?;
    let (secret, expires) = app.vault.login()?;
    let url = (!app.url.is_empty()).then(|| format!("{}/login/{secret}", app.url));
    Ok(Json(LoginLink { url, expires: When(expires) }))
}
