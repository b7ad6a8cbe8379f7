//! Runs: list, start, show, and steer.

use std::collections::BTreeMap;

use adjutant_machine::id::InstanceId;
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{
        App, Refusal, Scope,
        auth::Principal,
        extract::{Asked, Body},
    },
    runtime::{
        Answer, Judged, Retry, RunFilter, StartRun, Started,
        views::{LogView, RunLine, RunView, WhyView},
    },
};

/// What a handler answers.
pub(super) type Answered<T> = Result<Json<T>, Refusal>;

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Only with this status.
    status: Option<String>,
    /// Only of this playbook.
    playbook: Option<String>,
    /// Only those about this: `kind/key`, or the key alone.
    about: Option<String>,
    /// Only those with this text in their title, whom they are about, their key or their id.
    q: Option<String>,
    /// Only those after this run in the list.
    after: Option<String>,
    /// At most so many; 100 when absent, 1,000 is the most.
    #[serde(default)]
    limit: usize,
}

/// Lists runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(ListParams),
    responses((status = 200, body = Vec<RunLine>),
        (status = 404, body = Refusal, description = "the playbook, or the run to go on after, is not there")))]
pub(super) async fn list(
    State(app): State<App>,
    who: Principal,
    Asked(asked): Asked<ListParams>,
) -> Answered<Vec<RunLine>> {
    who.must(Scope::Read)?;
    let ListParams { status, playbook, about, q, after, limit } = asked;
    let filter = RunFilter { status, playbook, about, text: q, after, limit };
    Ok(Json(app.handle.runs(filter).await?))
}

/// A wish to start a run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartWish {
    /// The playbook.
    playbook: String,
    /// Its inputs by name.
    #[serde(default)]
    input: BTreeMap<String, Value>,
    /// The same key is the same run.
    #[serde(default)]
    key: Option<String>,
    /// Whether effects other than reads are only logged.
    #[serde(default)]
    dry: bool,
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
    who.must(Scope::Run)?;
    let StartWish { playbook, input, key, dry } = wish;
    let speaker = who.speaker();
    let trigger = serde_json::json!({ "kind": "manual", "by": who.by, "speaker": speaker });
    let started =
        app.handle.start(StartRun { playbook, input, key, by: who.by, speaker, dry, trigger }).await?;
    let status = if started.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(started)))
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
    who.must(Scope::Read)?;
    let (id, at) = split_at(&id)?;
    let view = match asked.at.or(at) {
        Some(seq) => app.handle.run_at(id, seq).await?,
        None => app.handle.run(id).await?,
    };
    Ok(Json(view))
}

/// Splits `run@seq`.
///
/// # Errors
/// A sequence number that is none.
pub(in crate::http) fn split_at(id: &str) -> Result<(&str, Option<u64>), Refusal> {
    let Some((run, seq)) = id.rsplit_once('@') else { return Ok((id, None)) };
    let seq = seq.parse().map_err(|_| Refusal::invalid(format!("\"{seq}\" is no sequence number")))?;
    Ok((run, Some(seq)))
}

/// Which entries to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParams {
    /// The first one; 1 when absent.
    from: Option<u64>,
    /// At most so many; 1,000 when absent.
    limit: Option<usize>,
}

impl LogParams {
    async fn read(&self, app: &App, id: &InstanceId) -> Answered<Vec<LogView>> {
        let limit = self.limit.unwrap_or(1_000).clamp(1, 1_000);
        if self.from.is_some_and(|from| i64::try_from(from).is_err()) {
            return Err(Refusal::invalid("no log has an entry of so high a number"));
        }
        Ok(Json(app.handle.log(id, self.from.unwrap_or(1), limit).await?))
    }
}

/// Shows the entries of a run.
#[utoipa::path(get, path = "/api/v1/runs/{id}/log", tag = "runs", params(("id" = String, Path), LogParams),
    responses((status = 200, body = Vec<LogView>), (status = 404, body = Refusal)))]
pub(super) async fn log(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Asked(asked): Asked<LogParams>,
) -> Answered<Vec<LogView>> {
    who.must(Scope::Read)?;
    asked.read(&app, &InstanceId::run(id)).await
}

/// Shows the entries of any instance, such as `schedule/<playbook>`.
#[utoipa::path(get, path = "/api/v1/log/{kind}/{name}", tag = "runs",
    params(("kind" = String, Path), ("name" = String, Path), LogParams),
    responses((status = 200, body = Vec<LogView>), (status = 404, body = Refusal)))]
pub(super) async fn log_of(
    State(app): State<App>,
    who: Principal,
    Path((kind, name)): Path<(String, String)>,
    Asked(asked): Asked<LogParams>,
) -> Answered<Vec<LogView>> {
    who.must(Scope::Read)?;
    let id = format!("{kind}/{name}");
    let id: InstanceId = id.parse().map_err(|_| Refusal::not_found("instance", &id))?;
    asked.read(&app, &id).await
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
    who.must(Scope::Read)?;
    Ok(Json(app.handle.why(&id).await?))
}

/// Why somebody steers a run.
#[derive(Debug, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Reason {
    /// In words.
    reason: String,
}

/// Pauses a run: no further effect starts.
#[utoipa::path(post, path = "/api/v1/runs/{id}/pause", tag = "runs", params(("id" = String, Path)), request_body = Reason,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn pause(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<Reason>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    Ok(Json(app.handle.pause(&id, &asked.reason, &who.by).await?))
}

/// Lets a paused run go on.
#[utoipa::path(post, path = "/api/v1/runs/{id}/resume", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn resume(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    Ok(Json(app.handle.resume(&id, &who.by).await?))
}

/// Cancels a run: what was done is taken back.
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", params(("id" = String, Path)), request_body = Reason,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn cancel(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<Reason>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    Ok(Json(app.handle.cancel(&id, &asked.reason, &who.by).await?))
}

/// Ends a run at once: nothing is taken back.
#[utoipa::path(post, path = "/api/v1/runs/{id}/kill", tag = "runs", params(("id" = String, Path)), request_body = Reason,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn kill(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<Reason>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    Ok(Json(app.handle.kill(&id, &asked.reason, &who.by).await?))
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
    who.must(Scope::Operate)?;
    Ok(Json(app.handle.release(&id, &who.by).await?))
}

/// A wish to try again.
#[derive(Debug, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetryWish {
    /// From this step; the failed one when absent.
    step: Option<String>,
    /// Values corrected by the operator, by path.
    edits: BTreeMap<String, Value>,
}

/// Tries a failed run again, with corrected values where given.
#[utoipa::path(post, path = "/api/v1/runs/{id}/retry", tag = "runs", params(("id" = String, Path)), request_body = RetryWish,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn retry(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<RetryWish>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    let retry = Retry { step: asked.step, edits: asked.edits, speaker: who.speaker() };
    Ok(Json(app.handle.retry(&id, retry, &who.by).await?))
}

/// What a person says of a route's decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CorrectWish {
    /// The route step; its last decision is meant.
    step: String,
    /// The right class; null: none of them. It must be there: who forgets it means nothing by it.
    #[serde(deserialize_with = "Option::deserialize")]
    class: Option<String>,
}

/// Notes what the text of a route step really is; the run goes on as it was.
#[utoipa::path(post, path = "/api/v1/runs/{id}/correct", tag = "runs", params(("id" = String, Path)), request_body = CorrectWish,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn correct(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<CorrectWish>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    let judged = Judged { step: asked.step, class: asked.class };
    Ok(Json(app.handle.correct(&id, judged, &who.by).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_names_a_class_or_says_that_it_is_none() {
        let read = |text| serde_json::from_str::<CorrectWish>(text);
        assert_eq!(read(r#"{"step": "sort", "class": null}"#).unwrap().class, None);
        assert!(read(r#"{"step": "sort"}"#).is_err());
    }

    #[test]
    fn a_run_may_be_asked_for_at_an_entry() {
        assert_eq!(split_at("lead-abc@12").unwrap(), ("lead-abc", Some(12)));
        assert_eq!(split_at("lead-abc").unwrap(), ("lead-abc", None));
        assert!(split_at("lead-abc@x").is_err());
    }
}
