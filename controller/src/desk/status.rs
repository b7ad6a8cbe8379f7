//! How everything is: status, money, audit, backup, and the playbooks in force.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{Input, Playbook, Trigger},
    value::Money,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answered, BackupWish, Desk, Refusal, Scope, Who, doors::BackupView};
use crate::{
    reconcile::{ConditionView, Hold, MistakeView, SliceView, Status, WaitsView},
    runtime::views::{
        AuditView, ClockView, MonthView, PauseView, QuarantineView, RemovedView, RetentionView, SpendView,
        StatusView, When,
    },
};

/// Everything that `status` tells: the source, the runs, what waits for the operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
pub struct FullStatus {
    /// Which revision is wished, tried and in force.
    #[serde(default)]
    #[schema(required)]
    pub revision: Revisions,
    /// Whether what is desired is in force, and nothing is set aside.
    #[serde(default)]
    #[schema(required)]
    pub ready: bool,
    /// The state of each resource.
    #[serde(default)]
    #[schema(required)]
    pub conditions: Vec<ConditionView>,
    /// How many runs there are.
    #[serde(default)]
    #[schema(required)]
    pub runs: ByStatus,
    /// How many gates wait.
    #[serde(default)]
    #[schema(required)]
    pub inbox: u64,
    /// How many effects are dead or unknown.
    #[serde(default)]
    #[schema(required)]
    pub dead: u64,
    /// How many deliveries are open: they came in and start nothing yet.
    #[serde(default)]
    #[schema(required)]
    pub deliveries: u64,
    /// How many proposals wait for a yes or a no.
    #[serde(default)]
    #[schema(required)]
    pub proposals: u64,
    /// How much waits for the operator in all: gates, dead and unknown effects, open deliveries, open proposals.
    #[serde(default)]
    #[schema(required)]
    pub waiting: u64,
    /// What was spent and reserved today.
    #[schema(value_type = Option<String>)]
    pub spend_today: Option<Money>,
    /// What is wrong with the attempted revision, in the form of `check`.
    #[serde(default)]
    #[schema(required)]
    pub diagnostics: Vec<MistakeView>,
    /// How each slice of the company stands.
    #[serde(default)]
    #[schema(required)]
    pub slices: Vec<SliceView>,
    /// The dashboard; empty where only the control socket is served.
    #[serde(default)]
    #[schema(required)]
    pub url: String,
    /// `worktree`, `commit`, `remote`, `push`.
    #[serde(default)]
    #[schema(required)]
    pub mode: String,
    /// What is followed.
    #[serde(default)]
    #[schema(required)]
    pub place: String,
    /// Why the source is not followed, while it is held.
    pub hold: Option<HoldView>,
    /// What waits for the operator's yes before it can be in force.
    pub waits: Option<WaitsView>,
    /// What is paused.
    #[serde(default)]
    #[schema(required)]
    pub paused: Vec<PauseView>,
    /// What is set aside because its stored state is damaged.
    #[serde(default)]
    #[schema(required)]
    pub quarantined: Vec<QuarantineView>,
    /// How many effects wait to be performed.
    #[serde(default)]
    #[schema(required)]
    pub outbox: u64,
    /// The last moment that the store has seen, and when the clock jumped.
    #[serde(default)]
    #[schema(required)]
    pub clock: ClockView,
    /// The company's name; absent before the first activation.
    pub company: Option<String>,
    /// Since when the applied revision is in force.
    pub applied_at: Option<When>,
}

/// Which revision is wished, tried and in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
pub struct Revisions {
    /// What the source wishes: the tree of its files of the language.
    pub desired: Option<String>,
    /// The last one that was tried.
    pub attempted: Option<String>,
    /// The tree really in force: equal to what is desired once all of that is in force.
    pub applied: Option<String>,
    /// The commit that was tried last, or that the work tried last is based on.
    pub commit: Option<String>,
    /// The commit that proposals are merged with.
    pub main: Option<String>,
}

/// Counts by status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
pub struct ByStatus {
    /// How many runs there are by status.
    #[serde(default)]
    #[schema(required)]
    pub by_status: BTreeMap<String, u64>,
}

/// Who holds the revision in force, whatever the source says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
pub struct HoldView {
    /// Why it is held, for people.
    pub reason: String,
    /// The principal that holds it.
    pub by: String,
    /// The revision that is kept out, where one is.
    pub revision: Option<String>,
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        Self { reason: hold.reason, by: hold.by, revision: hold.revision }
    }
}

/// What waits for the operator: the one count behind Today, the bar of every page, and `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Gates that are open.
    pub gates: u64,
    /// Calls that failed for good, or of which nobody knows whether they happened.
    pub calls: u64,
    /// Deliveries that start nothing yet.
    pub deliveries: u64,
    /// Proposals that are to be decided.
    pub proposals: u64,
}

impl Waiting {
    /// Returns how much it is in all.
    #[must_use]
    pub fn total(self) -> u64 {
        self.gates + self.calls + self.deliveries + self.proposals
    }
}

/// A playbook in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaybookView {
    /// The id that `run` and addresses call it by.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The slice that declares it.
    pub slice: String,
    /// Who answers for it.
    pub owner: String,
    /// In words, such as `webhook.lead` or the cron expression.
    pub trigger: String,
    /// Its inputs by name, with their types.
    pub inputs: BTreeMap<String, String>,
    /// How many steps it has.
    pub steps: usize,
}

impl From<&Playbook> for PlaybookView {
    fn from(playbook: &Playbook) -> Self {
        let type_word = |input: &Input| {
            let word = serde_json::to_value(input.type_).ok();
            word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
        };
        Self {
            id: playbook.id.clone(),
            title: playbook.title.clone(),
            slice: playbook.slice.clone(),
            owner: playbook.owner.clone(),
            trigger: match &playbook.trigger {
                Trigger::Manual => "manual".to_owned(),
                Trigger::Event { connector, event, .. } => format!("{connector}.{event}"),
                Trigger::Signal { signal, .. } => format!("signal {signal}"),
                Trigger::Record { record, on, .. } => format!("{record} {}", on.in_words()),
                Trigger::Schedule { cron, zone, .. } => format!("{cron} {zone}"),
            },
            inputs: playbook.inputs.iter().map(|(name, input)| (name.clone(), type_word(input))).collect(),
            steps: playbook.every_step().len(),
        }
    }
}

impl Desk {
    /// Tells how everything is.
    ///
    /// # Errors
    /// Without the scope, and where the store cannot be read.
    pub async fn status(&self, who: &Who) -> Answered<FullStatus> {
        let runtime = self.standing(who).await?;
        let source = self.doors.git.source().await?;
        Ok(self.full(runtime, source))
    }

    /// Tells how the runtime stands.
    ///
    /// # Errors
    /// As [`Desk::status`].
    pub async fn standing(&self, who: &Who) -> Answered<StatusView> {
        who.must(Scope::Read)?;
        Ok(self.handle.status().await?)
    }

    /// Counts what waits for the operator while the runtime stands so.
    #[must_use]
    pub fn waiting(&self, runtime: &StatusView) -> Waiting {
        let StatusView { inbox, dead, deliveries, .. } = *runtime;
        Waiting { gates: inbox, calls: dead, deliveries, proposals: self.doors.git.open_proposals() }
    }

    fn full(&self, runtime: StatusView, source: Status) -> FullStatus {
        let waiting = self.waiting(&runtime);
        let ready = source.ready && runtime.applied.is_some() && runtime.quarantined.is_empty();
        let (applied, applied_at) = runtime.applied.map(|applied| (applied.revision, applied.at)).unzip();
        FullStatus {
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
            url: self.url.clone(),
            mode: source.mode.word().to_owned(),
            place: source.place,
            hold: source.hold.map(HoldView::from),
            waits: source.waits,
            paused: runtime.paused,
            quarantined: runtime.quarantined,
            outbox: runtime.outbox,
            clock: runtime.clock,
            company: self.plan().map(|plan| plan.company.name.clone()),
            applied_at,
        }
    }

    /// Shows what was spent against the caps in force.
    ///
    /// # Errors
    /// Without the scope.
    pub async fn spend(&self, who: &Who) -> Answered<SpendView> {
        who.must(Scope::Read)?;
        Ok(self.handle.spend().await?)
    }

    /// Shows what a month cost, such as `2026-11`; the present one where none is named.
    ///
    /// # Errors
    /// Without the scope, and for what is no month.
    pub async fn month(&self, who: &Who, month: Option<&str>) -> Answered<MonthView> {
        who.must(Scope::Read)?;
        Ok(self.handle.month(month).await?)
    }

    /// Checks the hash chain and the fold of every instance.
    ///
    /// # Errors
    /// Without the scope, and where the store cannot be read.
    pub async fn audit(&self, who: &Who) -> Answered<AuditView> {
        who.must(Scope::Operate)?;
        Ok(self.handle.audit().await?)
    }

    /// Reports how long what is kept, and how the store grows.
    ///
    /// # Errors
    /// Without the scope.
    pub async fn retention(&self, who: &Who) -> Answered<RetentionView> {
        who.must(Scope::Read)?;
        Ok(self.handle.retention().await?)
    }

    /// Removes now what is kept no longer, instead of by the hour.
    ///
    /// # Errors
    /// Without the scope.
    pub async fn remove_old(&self, who: &Who) -> Answered<RemovedView> {
        who.must(Scope::Operate)?;
        Ok(self.handle.remove_old(&who.by).await?)
    }

    /// Copies the store while it works, and verifies the copy: only over the control socket, since it writes where it is told.
    ///
    /// # Errors
    /// For everybody else, and for a folder that is not given from the root or holds a store.
    pub async fn backup(&self, who: &Who, wish: BackupWish) -> Answered<BackupView> {
        who.must_be_socket()?;
        if !wish.folder.is_absolute() {
            return Err(Refusal::invalid("the folder of a backup is given from the root"));
        }
        self.doors.backups.backup(&wish.folder).await
    }

    /// Lists the playbooks in force.
    ///
    /// # Errors
    /// Without the scope.
    pub fn playbooks(&self, who: &Who) -> Answered<Vec<PlaybookView>> {
        who.must(Scope::Read)?;
        let views = |playbook: &std::sync::Arc<Playbook>| PlaybookView::from(&**playbook);
        Ok(self.plan().map(|plan| plan.playbooks.values().map(views).collect()).unwrap_or_default())
    }
}
