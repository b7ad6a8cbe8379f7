//! Runs: list, start, show, and steer.

use adjutant_machine::id::InstanceId;
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::paged::{Listed, listed};
use crate::{
    desk::{
        Answer, CorrectWish, LogWish, PageWish, Reason, ReplayWish, RetryWish, RollbackWish, RunFilter,
        SendSignal, StartWish, Started, split_at,
        views::{LogView, ReplayView, RollbackView, RunLine, RunView, ScenarioView, WhyView},
    },
    http::{
        App, Refusal,
        auth::Principal,
        extract::{Asked, Body},
    },
};

/// What a handler answers.
pub(super) type Answered<T> = Result<Json<T>, Refusal>;

/// Lists runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(RunFilter),
    responses((status = 200, body = Vec<RunLine>),
        (status = 404, body = Refusal, description = "the playbook, or the run to go on after, is not there")))]
pub(super) async fn list(
    State(app): State<App>,
    who: Principal,
    Asked(filter): Asked<RunFilter>,
) -> Answered<Vec<RunLine>> {
    Ok(Json(app.desk.runs(&who, filter).await?))
}

/// Starts a run; the same key is the same run.
#[utoipa::path(post, path = "/api/v1/runs", tag = "runs", request_body = StartWish,
    responses((status = 201, body = Started), (status = 200, body = Started, description = "the key was known"),
        (status = 404, body = Refusal), (status = 409, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn start(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<StartWish>,
) -> Result<(StatusCode, Json<Started>), Refusal> {
    let started = app.desk.start(&who, wish).await?;
    let status = if started.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(started)))
}

/// Sends a signal to those who wait for it, and starts the playbooks that it triggers.
#[utoipa::path(post, path = "/api/v1/signals", tag = "runs", request_body = SendSignal,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal),
        (status = 422, body = Refusal)))]
pub(super) async fn signal(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<SendSignal>,
) -> Answered<Answer> {
    Ok(Json(app.desk.signal(&who, wish).await?))
}

/// The moment that is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AtParams {
    /// The entry after which the run is shown; `runs/ID@SEQ` says the same.
    at: Option<u64>,
}

/// Shows a run, now or after one of its entries.
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs",
    params(("id" = String, Path, description = "a run, or `run@seq`"), AtParams),
    responses((status = 200, body = RunView), (status = 404, body = Refusal)))]
pub(super) async fn show(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Asked(asked): Asked<AtParams>,
) -> Answered<RunView> {
    let (id, at) = split_at(&id)?;
    Ok(Json(app.desk.run(&who, id, asked.at.or(at)).await?))
}

/// Lists the branches of a run, each before its own, page by page.
#[utoipa::path(get, path = "/api/v1/runs/{id}/branches", tag = "runs", params(("id" = String, Path), PageWish),
    responses((status = 200, body = Vec<RunLine>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "the run, or the branch to go on after, is not there")))]
pub(super) async fn branches(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Asked(page): Asked<PageWish>,
) -> Result<Listed<RunLine>, Refusal> {
    Ok(listed(app.desk.branches(&who, &id, page).await?))
}

/// Shows the entries of a run.
#[utoipa::path(get, path = "/api/v1/runs/{id}/log", tag = "runs", params(("id" = String, Path), LogWish),
    responses((status = 200, body = Vec<LogView>), (status = 404, body = Refusal)))]
pub(super) async fn log(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Asked(wish): Asked<LogWish>,
) -> Answered<Vec<LogView>> {
    Ok(Json(app.desk.log(&who, &InstanceId::run(id), wish).await?))
}

/// Shows the entries of any instance, such as `schedule/<playbook>`.
#[utoipa::path(get, path = "/api/v1/log/{kind}/{name}", tag = "runs",
    params(("kind" = String, Path), ("name" = String, Path), LogWish),
    responses((status = 200, body = Vec<LogView>), (status = 404, body = Refusal)))]
pub(super) async fn log_of(
    State(app): State<App>,
    who: Principal,
    Path((kind, name)): Path<(String, String)>,
    Asked(wish): Asked<LogWish>,
) -> Answered<Vec<LogView>> {
    let id = format!("{kind}/{name}");
    let id: InstanceId = id.parse().map_err(|_| Refusal::not_found("instance", &id))?;
    Ok(Json(app.desk.log(&who, &id, wish).await?))
}

/// Explains why a run is where it is.
#[utoipa::path(get, path = "/api/v1/runs/{id}/why", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = WhyView), (status = 404, body = Refusal)))]
pub(super) async fn why_run(app: State<App>, who: Principal, id: Path<String>) -> Answered<WhyView> {
    why(app, who, id).await
}

/// Explains a run, a gate, an effect or a delivery (`delivery/ID`): cause behind cause, down to the file.
#[utoipa::path(get, path = "/api/v1/why/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = WhyView), (status = 404, body = Refusal)))]
pub(super) async fn why(State(app): State<App>, who: Principal, Path(id): Path<String>) -> Answered<WhyView> {
    Ok(Json(app.desk.why(&who, &id).await?))
}

/// Pauses a run: no further effect starts.
#[utoipa::path(post, path = "/api/v1/runs/{id}/pause", tag = "runs", params(("id" = String, Path)), request_body = Reason,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn pause(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<Reason>,
) -> Answered<Answer> {
    Ok(Json(app.desk.pause(&who, &id, wish).await?))
}

/// Lets a paused run go on.
#[utoipa::path(post, path = "/api/v1/runs/{id}/resume", tag = "runs", params(("id" = String, Path)), request_body = Reason,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn resume(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<Reason>,
) -> Answered<Answer> {
    Ok(Json(app.desk.resume(&who, &id, wish).await?))
}

/// Cancels a run: what was done is taken back.
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", params(("id" = String, Path)), request_body = Reason,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn cancel(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<Reason>,
) -> Answered<Answer> {
    Ok(Json(app.desk.cancel(&who, &id, wish).await?))
}

/// Writes a run down as the scenario that plays it again: a file of `tests/`.
#[utoipa::path(get, path = "/api/v1/runs/{id}/scenario", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = ScenarioView), (status = 404, body = Refusal), (status = 410, body = Refusal),
        (status = 422, body = Refusal, description = "it is a branch, or its logs are too long")))]
pub(super) async fn scenario(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<ScenarioView> {
    Ok(Json(app.desk.scenario(&who, &id).await?))
}

/// Plays a run again, as it was or with something changed, and says how that differs from the run. Nothing of it touches the world,
/// and nothing is kept.
#[utoipa::path(post, path = "/api/v1/runs/{id}/replay", tag = "runs", params(("id" = String, Path)), request_body = ReplayWish,
    responses((status = 200, body = ReplayView), (status = 404, body = Refusal), (status = 410, body = Refusal),
        (status = 409, body = Refusal, description = "the revision has mistakes"),
        (status = 422, body = Refusal, description = "a change leads nowhere, it is a branch, or its logs are too long")))]
pub(super) async fn replay(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<ReplayWish>,
) -> Answered<ReplayView> {
    Ok(Json(app.desk.replay(&who, &id, wish).await?))
}

/// Shows what taking a run back would come to: what stays, what is taken back and in which order, and the token to say yes with.
#[utoipa::path(get, path = "/api/v1/runs/{id}/rollback", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = RollbackView), (status = 404, body = Refusal),
        (status = 422, body = Refusal, description = "it is a branch: its run is taken back as a whole")))]
pub(super) async fn rollback(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<RollbackView> {
    Ok(Json(app.desk.rollback(&who, &id).await?))
}

/// Takes a run back, as the preview showed it, whether it goes on or has ended.
#[utoipa::path(post, path = "/api/v1/runs/{id}/rollback", tag = "runs", params(("id" = String, Path)), request_body = RollbackWish,
    responses((status = 200, body = Answer), (status = 404, body = Refusal),
        (status = 409, body = Refusal, description = "it is not as it was shown, or something stands in the way"),
        (status = 422, body = Refusal)))]
pub(super) async fn roll_back(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<RollbackWish>,
) -> Answered<Answer> {
    Ok(Json(app.desk.roll_back(&who, &id, wish).await?))
}

/// Ends a run at once: nothing is taken back.
#[utoipa::path(post, path = "/api/v1/runs/{id}/kill", tag = "runs", params(("id" = String, Path)), request_body = Reason,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn kill(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<Reason>,
) -> Answered<Answer> {
    Ok(Json(app.desk.kill(&who, &id, wish).await?))
}

/// Lets a quarantined run go on, once what was damaged is repaired: it is looked at before.
#[utoipa::path(post, path = "/api/v1/runs/{id}/release", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Answer), (status = 404, body = Refusal),
        (status = 409, body = Refusal, description = "it is still damaged")))]
pub(super) async fn release(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<Answer> {
    Ok(Json(app.desk.release(&who, &id).await?))
}

/// Tries a failed run again, with corrected values where given.
#[utoipa::path(post, path = "/api/v1/runs/{id}/retry", tag = "runs", params(("id" = String, Path)), request_body = RetryWish,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn retry(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<RetryWish>,
) -> Answered<Answer> {
    Ok(Json(app.desk.retry(&who, &id, wish).await?))
}

/// Notes what the text of a route step really is; the run goes on as it was.
#[utoipa::path(post, path = "/api/v1/runs/{id}/correct", tag = "runs", params(("id" = String, Path)), request_body = CorrectWish,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn correct(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<CorrectWish>,
) -> Answered<Answer> {
    Ok(Json(app.desk.correct(&who, &id, wish).await?))
}
