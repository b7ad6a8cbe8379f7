//! How everything is: status, money, audit, and the playbooks in force.

use std::{collections::BTreeMap, path::PathBuf};

use adjutant_spec::plan::{Plan, Trigger};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::runs::Answered;
use crate::{
    http::{
        App, Refusal, Scope,
        auth::Principal,
        doors::{BackupView, ConditionView, HoldView, SliceView, SourceView, WaitsView},
        extract::{Asked, Body},
    },
    runtime::views::{
        AuditView, ClockView, MonthView, PauseView, QuarantineView, SpendView, StatusView, When,
    },
};

/// `status`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(in crate::http) struct FullStatus {
    /// The revisions.
    pub(in crate::http) revision: Revisions,
    /// Whether what is desired is in force, and nothing is set aside.
    pub(in crate::http) ready: bool,
    /// The state of each resource.
    pub(in crate::http) conditions: Vec<ConditionView>,
    /// The runs.
    pub(in crate::http) runs: ByStatus,
    /// How many gates wait.
    pub(in crate::http) inbox: u64,
    /// How many effects are dead or unknown.
    pub(in crate::http) dead: u64,
    /// How many deliveries are open: they came in and start nothing yet.
    pub(in crate::http) deliveries: u64,
    /// How many proposals wait for a yes or a no.
    pub(in crate::http) proposals: u64,
    /// How much waits for the operator in all: gates, dead and unknown effects, open deliveries, open proposals.
    pub(in crate::http) waiting: u64,
    /// What was spent and reserved today.
    #[schema(value_type = Option<String>)]
    pub(in crate::http) spend_today: Option<adjutant_spec::value::Money>,
    /// What is wrong with the attempted revision, in the form of `check`.
    #[schema(value_type = Vec<Object>)]
    pub(in crate::http) diagnostics: Vec<Value>,
    /// The slices.
    pub(in crate::http) slices: Vec<SliceView>,
    /// The dashboard; empty where only the control socket is served.
    pub(in crate::http) url: String,
    /// `worktree`, `commit`, `remote`, `push`.
    pub(in crate::http) mode: String,
    /// What is followed.
    pub(in crate::http) place: String,
    /// Why the source is not followed, while it is held.
    pub(in crate::http) hold: Option<HoldView>,
    /// What waits for the operator's yes before it can be in force.
    pub(in crate::http) waits: Option<WaitsView>,
    /// What is paused.
    pub(in crate::http) paused: Vec<PauseView>,
    /// What is set aside because its stored state is damaged.
    pub(in crate::http) quarantined: Vec<QuarantineView>,
    /// How many effects wait to be performed.
    pub(in crate::http) outbox: u64,
    /// The last moment that the store has seen, and when the clock jumped.
    pub(in crate::http) clock: ClockView,
    /// The company's name; absent before the first activation.
    pub(in crate::http) company: Option<String>,
    /// Since when the applied revision is in force.
    pub(in crate::http) applied_at: Option<When>,
}

/// The revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct Revisions {
    /// What the source wishes: the tree of its files of the language.
    pub(in crate::http) desired: Option<String>,
    /// The last one that was tried.
    pub(in crate::http) attempted: Option<String>,
    /// The tree really in force: equal to what is desired once all of that is in force.
    pub(in crate::http) applied: Option<String>,
    /// The commit that was tried last, or that the work tried last is based on.
    pub(in crate::http) commit: Option<String>,
    /// The commit that proposals are merged with.
    pub(in crate::http) main: Option<String>,
}

/// Counts by status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct ByStatus {
    /// How many runs there are by status.
    pub(in crate::http) by_status: BTreeMap<String, u64>,
}

/// What waits for the operator: the one count behind Today, the bar of every page, and `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::http) struct Waiting {
    /// Gates that are open.
    pub(in crate::http) gates: u64,
    /// Calls that failed for good, or of which nobody knows whether they happened.
    pub(in crate::http) calls: u64,
    /// Deliveries that start nothing yet.
    pub(in crate::http) deliveries: u64,
    /// Proposals that are to be decided.
    pub(in crate::http) proposals: u64,
}

impl Waiting {
    /// Counts what waits; `runtime` is how the runtime stands now.
    pub(in crate::http) fn of(app: &App, runtime: &StatusView) -> Self {
        let StatusView { inbox, dead, deliveries, .. } = *runtime;
        Self { gates: inbox, calls: dead, deliveries, proposals: app.doors.git.open_proposals() }
    }

    /// Returns how much it is in all.
    pub(in crate::http) fn total(self) -> u64 {
        self.gates + self.calls + self.deliveries + self.proposals
    }
}

impl FullStatus {
    fn new(app: &App, runtime: StatusView, source: SourceView) -> Self {
        let waiting = Waiting::of(app, &runtime);
        let ready = source.ready && runtime.applied.is_some() && runtime.quarantined.is_empty();
        let (applied, applied_at) = runtime.applied.map(|applied| (applied.revision, applied.at)).unzip();
        Self {
            revision: Revisions {
                desired: source.desired,
                attempted: source.attempted,
                applied,
                commit: source.commit,
                main: source.main,
            },
            ready,
            conditions: source.conditions,
            runs: ByStatus { by_status: runtime.runs },
            inbox: waiting.gates,
            dead: waiting.calls,
            deliveries: waiting.deliveries,
            proposals: waiting.proposals,
            waiting: waiting.total(),
            spend_today: runtime.spend_today,
            diagnostics: source.diagnostics,
            slices: source.slices,
            url: app.url.clone(),
            mode: source.mode,
            place: source.place,
            hold: source.hold,
            waits: source.waits,
            paused: runtime.paused,
            quarantined: runtime.quarantined,
            outbox: runtime.outbox,
            clock: runtime.clock,
            company: app.handle.plan().map(|plan| plan.company.name.clone()),
            applied_at,
        }
    }
}

/// Returns how everything is.
pub(in crate::http) async fn full_status(app: &App) -> Result<FullStatus, Refusal> {
    let runtime = app.handle.status().await?;
    Ok(FullStatus::new(app, runtime, app.doors.git.source().await?))
}

/// Where a copy of the store goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupWish {
    /// A new folder on the daemon's machine, from the root.
    #[schema(value_type = String)]
    folder: PathBuf,
}

/// Copies the store while it works, and verifies the copy: only over the control socket, since it writes where it is told.
#[utoipa::path(post, path = "/api/v1/backup", tag = "status", request_body = BackupWish,
    responses((status = 200, body = BackupView), (status = 403, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn backup(
    State(app): State<App>,
    who: Principal,
    Body(asked): Body<BackupWish>,
) -> Answered<BackupView> {
    who.must_be_socket()?;
    if !asked.folder.is_absolute() {
        return Err(Refusal::invalid("the folder of a backup is given from the root"));
    }
    Ok(Json(app.doors.backups.backup(&asked.folder).await?))
}

/// Tells how everything is.
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, body = FullStatus)))]
pub(super) async fn status(State(app): State<App>, who: Principal) -> Answered<FullStatus> {
    who.must(Scope::Read)?;
    Ok(Json(full_status(&app).await?))
}

/// The figures of `/metrics` as JSON.
#[utoipa::path(get, path = "/api/v1/metrics", tag = "status", responses((status = 200, body = Object)))]
pub(super) async fn metrics(State(app): State<App>, who: Principal) -> Answered<BTreeMap<String, f64>> {
    who.must(Scope::Read)?;
    let status = app.handle.status().await?;
    Ok(Json(
        app.metrics
            .samples(&status, &app.handle.hooks(), app.changes())
            .into_iter()
            .map(|sample| (sample.key(), sample.value))
            .collect(),
    ))
}

/// Shows what was spent against the caps in force.
#[utoipa::path(get, path = "/api/v1/spend", tag = "status", responses((status = 200, body = SpendView)))]
pub(super) async fn spend(State(app): State<App>, who: Principal) -> Answered<SpendView> {
    who.must(Scope::Read)?;
    Ok(Json(app.handle.spend().await?))
}

/// The month whose costs are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MonthParams {
    /// Such as `2026-11`; the present one when absent.
    month: Option<String>,
}

/// Shows what a month cost, by playbook, agent and day.
#[utoipa::path(get, path = "/api/v1/spend/month", tag = "status", params(MonthParams),
    responses((status = 200, body = MonthView), (status = 422, body = Refusal)))]
pub(super) async fn month(
    State(app): State<App>,
    who: Principal,
    Asked(asked): Asked<MonthParams>,
) -> Answered<MonthView> {
    who.must(Scope::Read)?;
    Ok(Json(app.handle.month(asked.month.as_deref()).await?))
}

/// Checks the hash chain and the fold of every instance.
#[utoipa::path(get, path = "/api/v1/audit", tag = "status", responses((status = 200, body = AuditView)))]
pub(super) async fn audit(State(app): State<App>, who: Principal) -> Answered<AuditView> {
    who.must(Scope::Operate)?;
    Ok(Json(app.handle.audit().await?))
}

/// A playbook in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::http) struct PlaybookView {
    id: String,
    title: String,
    slice: String,
    owner: String,
    /// In words, such as `webhook.lead` or the cron expression.
    trigger: String,
    /// Its inputs by name, with their types.
    inputs: BTreeMap<String, String>,
    steps: usize,
}

/// Lists the playbooks in force.
#[utoipa::path(get, path = "/api/v1/playbooks", tag = "status", responses((status = 200, body = Vec<PlaybookView>)))]
pub(super) async fn playbooks(State(app): State<App>, who: Principal) -> Answered<Vec<PlaybookView>> {
    who.must(Scope::Read)?;
    Ok(Json(app.handle.plan().map(|plan| playbook_views(&plan)).unwrap_or_default()))
}

fn playbook_views(plan: &Plan) -> Vec<PlaybookView> {
    let type_word = |input: &adjutant_spec::plan::Input| {
        serde_json::to_value(input.type_)
            .ok()
            .and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let views = plan.playbooks.values().map(|playbook| PlaybookView {
        id: playbook.id.clone(),
        title: playbook.title.clone(),
        slice: playbook.slice.clone(),
        owner: playbook.owner.clone(),
        trigger: match &playbook.trigger {
            Trigger::Manual => "manual".to_owned(),
            Trigger::Event { connector, event, .. } => format!("{connector}.{event}"),
            Trigger::Schedule { cron, zone, .. } => format!("{cron} {zone}"),
        },
        inputs: playbook.inputs.iter().map(|(name, input)| (name.clone(), type_word(input))).collect(),
        steps: playbook.steps.len(),
    });
    views.collect()
}
