//! The world: what went wrong in it, what is known of it, and the connectors to it.

use std::collections::BTreeMap;

use adjutant_machine::{event::Settlement, id::EffectId};
use adjutant_spec::{
    kinds::Role,
    plan::{Connector, Effect, Idempotency, Mode, Verb},
};
use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    paged::{Listed, PageParams, listed},
    runs::Answered,
};
use crate::{
    http::{
        App, Refusal, Scope,
        auth::Principal,
        doors::ProbeView,
        extract::{Asked, Body},
    },
    runtime::{
        Answer, Pause, PauseScope,
        views::{DeadView, HookView, RecordView, SlotView, When},
    },
};

/// Lists effects that are dead, or of which nobody knows whether they happened, page by page.
#[utoipa::path(get, path = "/api/v1/dead", tag = "world", params(PageParams),
    responses((status = 200, body = Vec<DeadView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "the effect to go on after is not there")))]
pub(super) async fn dead(
    State(app): State<App>,
    who: Principal,
    Asked(asked): Asked<PageParams>,
) -> Result<Listed<DeadView>, Refusal> {
    who.must(Scope::Read)?;
    Ok(listed(app.handle.dead(asked.into()).await?))
}

/// How an effect is settled.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Settle {
    /// `happened`, `did_not_happen`, `undo`, `drop`.
    pub(in crate::http) how: How,
    /// Its answer, where it happened.
    #[serde(default)]
    pub(in crate::http) value: Option<Value>,
}

/// The ways to settle an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum How {
    /// It happened.
    Happened,
    /// It did not: try again.
    DidNotHappen,
    /// Take it back.
    Undo,
    /// Leave it and take the error edge.
    Drop,
}

impl Settle {
    /// Returns the machine's word for it.
    pub(in crate::http) fn settlement(self) -> Settlement {
        match self.how {
            How::Happened => {
                Settlement::Happened(self.value.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
            }
            How::DidNotHappen => Settlement::DidNotHappen,
            How::Undo => Settlement::Undo,
            How::Drop => Settlement::Drop,
        }
    }
}

/// Settles an unknown or dead effect.
#[utoipa::path(post, path = "/api/v1/effects/{id}/settle", tag = "world", params(("id" = String, Path)), request_body = Settle,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn settle(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<Settle>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    let effect: EffectId = id.parse().map_err(|_| Refusal::not_found("effect", &id))?;
    Ok(Json(app.handle.settle(&effect, asked.settlement(), &who.by).await?))
}

/// Lists the kinds of business records.
#[utoipa::path(get, path = "/api/v1/records", tag = "world", responses((status = 200, body = Vec<String>)))]
pub(super) async fn kinds(State(app): State<App>, who: Principal) -> Answered<Vec<String>> {
    who.must(Scope::Read)?;
    Ok(Json(app.handle.plan().map(|plan| plan.records.keys().cloned().collect()).unwrap_or_default()))
}

/// Lists business records of a kind with where they come from, by key and page by page.
#[utoipa::path(get, path = "/api/v1/records/{kind}", tag = "world", params(("kind" = String, Path), PageParams),
    responses((status = 200, body = Vec<RecordView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal)))]
pub(super) async fn records(
    State(app): State<App>,
    who: Principal,
    Path(kind): Path<String>,
    Asked(asked): Asked<PageParams>,
) -> Result<Listed<RecordView>, Refusal> {
    who.must(Scope::Read)?;
    let records = app.handle.records(&kind, asked.into()).await?;
    let plan = app.handle.plan();
    let known =
        plan.as_ref().map(|plan| plan.records.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    // Records of a kind that is gone from the company are still shown.
    if records.total == 0 && !known.contains(&kind) {
        return Err(
            Refusal::not_found("kind of record", &kind).help(format!("kinds are: {}", known.join(", ")))
        );
    }
    Ok(listed(records))
}

/// A connector as the plan in force has it; never its secret.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(in crate::http) struct ConnectorView {
    pub(in crate::http) id: String,
    pub(in crate::http) kind: String,
    pub(in crate::http) slice: String,
    pub(in crate::http) owner: String,
    #[schema(value_type = String)]
    pub(in crate::http) mode: Mode,
    pub(in crate::http) endpoint: Option<String>,
    /// Whether its secret is in the repository; absent where it needs none.
    pub(in crate::http) has_secret: Option<bool>,
    /// The name of its secret.
    pub(in crate::http) secret: Option<String>,
    pub(in crate::http) verbs: Vec<VerbView>,
    /// What it tells.
    pub(in crate::http) events: Vec<String>,
    /// Where webhooks come in, for a connector that takes them.
    pub(in crate::http) hook: Option<String>,
    /// What it was told so far, where it was told anything.
    pub(in crate::http) told: Option<HookView>,
}

/// A verb with what the world is promised of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(in crate::http) struct VerbView {
    pub(in crate::http) name: String,
    #[schema(value_type = String)]
    pub(in crate::http) effect: Effect,
    #[schema(value_type = String)]
    pub(in crate::http) idempotency: Idempotency,
    pub(in crate::http) probe: Option<String>,
    pub(in crate::http) undo: Option<String>,
}

/// Returns the connectors of the plan in force.
pub(in crate::http) fn connector_views(app: &App) -> Vec<ConnectorView> {
    let Some(plan) = app.handle.plan() else { return Vec::new() };
    let mut told: BTreeMap<String, HookView> =
        app.handle.hooks().into_iter().map(|hook| (hook.connector.clone(), hook)).collect();
    let view = |connector: &Connector| {
        let names = connector.secret_names();
        let has_secret = names.iter().all(|name| plan.secrets.contains_key(*name));
        let view = connector_view(&app.url, connector, (!names.is_empty()).then_some(has_secret));
        ConnectorView { told: told.remove(&connector.id), ..view }
    };
    plan.connectors.values().map(view).collect()
}

/// Returns one connector as people see it.
pub(in crate::http) fn connector_view(
    url: &str,
    connector: &Connector,
    has_secret: Option<bool>,
) -> ConnectorView {
    let verb = |(name, verb): (&String, &Verb)| VerbView {
        name: name.clone(),
        effect: verb.effect,
        idempotency: verb.idempotency,
        probe: verb.probe.clone(),
        undo: verb.undo.clone(),
    };
    ConnectorView {
        id: connector.id.clone(),
        kind: connector.kind.clone(),
        slice: connector.slice.clone(),
        owner: connector.owner.clone(),
        mode: connector.mode,
        endpoint: connector.endpoint.clone(),
        has_secret,
        secret: connector.secret.clone(),
        verbs: connector.verbs.iter().map(verb).collect(),
        events: connector.events.keys().cloned().collect(),
        hook: connector.is_for(Role::TakesPosts).then(|| format!("{url}/hooks/{}", connector.id)),
        told: None,
    }
}

/// Lists the connectors.
#[utoipa::path(get, path = "/api/v1/connectors", tag = "world", responses((status = 200, body = Vec<ConnectorView>)))]
pub(super) async fn connectors(State(app): State<App>, who: Principal) -> Answered<Vec<ConnectorView>> {
    who.must(Scope::Read)?;
    Ok(Json(connector_views(&app)))
}

/// Asks a connector whether it is there.
#[utoipa::path(post, path = "/api/v1/connectors/{id}/probe", tag = "world", params(("id" = String, Path)),
    responses((status = 200, body = ProbeView), (status = 404, body = Refusal)))]
pub(super) async fn probe(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<ProbeView> {
    who.must(Scope::Operate)?;
    Ok(Json(app.doors.probes.probe(&id).await?))
}

/// How many slots to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SlotParams {
    /// At most so many; 20 when absent.
    limit: Option<usize>,
}

/// Lists the last slots of a playbook's schedule.
#[utoipa::path(get, path = "/api/v1/playbooks/{id}/slots", tag = "world", params(("id" = String, Path), SlotParams),
    responses((status = 200, body = Vec<SlotView>)))]
pub(super) async fn slots(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Asked(asked): Asked<SlotParams>,
) -> Answered<Vec<SlotView>> {
    who.must(Scope::Read)?;
    Ok(Json(app.handle.slots(&id, asked.limit.unwrap_or(20).clamp(1, 1_000)).await?))
}

/// A pause of more than one run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseWish {
    /// `everything`, `playbook:<id>`, `connector:<id>`.
    scope: String,
    /// Why.
    #[serde(default)]
    reason: String,
    /// When it ends by itself, as RFC 3339; never when absent.
    #[serde(default)]
    until: Option<When>,
}

/// Reads `everything`, `playbook:<id>` or `connector:<id>`.
///
/// # Errors
/// Any other word.
pub(in crate::http) fn pause_scope_of(text: &str) -> Result<PauseScope, Refusal> {
    text.parse().map_err(|_| {
        Refusal::invalid(format!("nothing is paused by the name \"{text}\""))
            .help("say `everything`, `playbook:<id>` or `connector:<id>`")
    })
}

/// Pauses everything, a playbook, or a connector.
#[utoipa::path(post, path = "/api/v1/pause", tag = "world", request_body = PauseWish,
    responses((status = 200, body = Answer), (status = 422, body = Refusal)))]
pub(super) async fn pause_scope(
    State(app): State<App>,
    who: Principal,
    Body(asked): Body<PauseWish>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    let scope = pause_scope_of(&asked.scope)?;
    let until = asked.until.map(|until| until.0);
    let pause = Pause { scope, reason: asked.reason, by: who.by, until };
    Ok(Json(app.handle.pause_until(pause).await?))
}

/// Ends such a pause.
#[utoipa::path(post, path = "/api/v1/resume", tag = "world", request_body = PauseWish,
    responses((status = 200, body = Answer), (status = 422, body = Refusal)))]
pub(super) async fn resume_scope(
    State(app): State<App>,
    who: Principal,
    Body(asked): Body<PauseWish>,
) -> Answered<Answer> {
    who.must(Scope::Operate)?;
    let scope = pause_scope_of(&asked.scope)?;
    Ok(Json(app.handle.resume_because(scope, &asked.reason, &who.by).await?))
}
