//! The edge of the company: connectors, effects that wait for the operator, records, slots of schedules, and pauses.

use std::collections::BTreeMap;

use adjutant_machine::id::EffectId;
use adjutant_spec::{
    kinds::Role,
    plan::{Connector, Effect, Idempotency, Mode, Verb},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answered, Desk, PauseWish, Refusal, Scope, Settle, SettleCause, Who, doors::ProbeView};
use crate::runtime::{
    Answer, PageWish, Pause, SettleAll, SettledBy,
    views::{CauseView, DeadView, HookView, Paged, RecordView, SettledView, SlotView},
};

/// How many slots of a schedule are listed where nobody says, and the most.
const USUAL_SLOTS: usize = 20;
const MOST_SLOTS: usize = 1_000;

/// A connector as the plan in force has it; never its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConnectorView {
    /// The id that playbooks and commands call it by.
    pub id: String,
    /// Its kind, such as `mail`.
    pub kind: String,
    /// The slice that declares it.
    pub slice: String,
    /// Who answers for it.
    pub owner: String,
    /// Whether it acts on the world.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// Where it goes.
    pub endpoint: Option<String>,
    /// Whether its secret is in the repository; absent where it needs none.
    pub has_secret: Option<bool>,
    /// The name of its secret.
    pub secret: Option<String>,
    /// What it can do.
    pub verbs: Vec<VerbView>,
    /// What it tells.
    pub events: Vec<String>,
    /// Where webhooks come in, for a connector that takes them.
    pub hook: Option<String>,
    /// What it was told so far, where it was told anything.
    pub told: Option<HookView>,
}

/// A verb with what the world is promised of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerbView {
    /// The verb's name, without the connector's.
    pub name: String,
    /// What it does to the world, such as `read` or `send`.
    #[schema(value_type = String)]
    pub effect: Effect,
    /// What keeps it from happening twice.
    #[schema(value_type = String)]
    pub idempotency: Idempotency,
    /// The verb that finds out whether it happened.
    pub probe: Option<String>,
    /// The verb that takes it back.
    pub undo: Option<String>,
}

impl ConnectorView {
    /// Returns a connector as people see it, where webhooks come in below this address.
    #[must_use]
    pub fn of(connector: &Connector, url: &str) -> Self {
        let verb = |(name, verb): (&String, &Verb)| VerbView {
            name: name.clone(),
            effect: verb.effect,
            idempotency: verb.idempotency,
            probe: verb.probe.clone(),
            undo: verb.undo.clone(),
        };
        Self {
            id: connector.id.clone(),
            kind: connector.kind.clone(),
            slice: connector.slice.clone(),
            owner: connector.owner.clone(),
            mode: connector.mode,
            endpoint: connector.endpoint.clone(),
            has_secret: None,
            secret: connector.secret.clone(),
            verbs: connector.verbs.iter().map(verb).collect(),
            events: connector.events.keys().cloned().collect(),
            hook: connector.is_for(Role::TakesPosts).then(|| format!("{url}/hooks/{}", connector.id)),
            told: None,
        }
    }
}

impl Desk {
    /// Lists effects that are dead, or of which nobody knows whether they happened, page by page.
    ///
    /// # Errors
    /// Without the scope, and for an effect to go on after that is not there.
    pub async fn dead(&self, who: &Who, page: PageWish) -> Answered<Paged<DeadView>> {
        who.must(Scope::Read)?;
        Ok(self.handle.dead(page).await?)
    }

    /// Settles an unknown or dead effect.
    ///
    /// # Errors
    /// Without the scope, for an effect that is not there, and one that waits for nobody.
    pub async fn settle(&self, who: &Who, id: &str, wish: Settle) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        let effect: EffectId = id.parse().map_err(|_| Refusal::not_found("effect", id))?;
        let settler = SettledBy { by: &who.by, reason: wish.reason.clone() };
        Ok(self.handle.settle_as(&effect, wish.settlement(), settler).await?)
    }

    /// Lists what is dead or in doubt by its cause, the one that struck most first.
    ///
    /// # Errors
    /// Without the scope.
    pub async fn causes(&self, who: &Who) -> Answered<Vec<CauseView>> {
        who.must(Scope::Read)?;
        Ok(self.handle.causes().await?)
    }

    /// Settles everything that one cause struck.
    ///
    /// # Errors
    /// Without the scope, for a cause that is not there, one that struck others since, and without a reason.
    pub async fn settle_cause(&self, who: &Who, cause: &str, wish: SettleCause) -> Answered<SettledView> {
        who.must(Scope::Operate)?;
        let SettleCause { how, token, reason } = wish;
        let (cause, by, speaker) = (cause.to_owned(), who.by.clone(), who.speaker());
        Ok(self.handle.settle_all(SettleAll { cause, token, how, reason, by, speaker }).await?)
    }

    /// Lists the kinds of business records.
    ///
    /// # Errors
    /// Without the scope.
    pub fn kinds(&self, who: &Who) -> Answered<Vec<String>> {
        who.must(Scope::Read)?;
        Ok(self.plan().map(|plan| plan.records.keys().cloned().collect()).unwrap_or_default())
    }

    /// Lists business records of a kind with where they come from, by key and page by page.
    ///
    /// # Errors
    /// Without the scope, and for a kind that neither the company nor any record knows.
    pub async fn records(&self, who: &Who, kind: &str, page: PageWish) -> Answered<Paged<RecordView>> {
        let known = self.kinds(who)?;
        let records = self.handle.records(kind, page).await?;
        // Records of a kind that is gone from the company are still shown.
        if records.total == 0 && !known.iter().any(|known| known == kind) {
            return Err(
                Refusal::not_found("kind of record", kind).help(format!("kinds are: {}", known.join(", ")))
            );
        }
        Ok(records)
    }

    /// Lists the connectors of the plan in force.
    ///
    /// # Errors
    /// Without the scope.
    pub fn connectors(&self, who: &Who) -> Answered<Vec<ConnectorView>> {
        who.must(Scope::Read)?;
        let Some(plan) = self.plan() else { return Ok(Vec::new()) };
        let hooks = self.handle.hooks().into_iter();
        let mut told: BTreeMap<String, HookView> = hooks.map(|hook| (hook.connector.clone(), hook)).collect();
        let view = |connector: &Connector| {
            let names = connector.secret_names();
            let has_secret = names.iter().all(|name| plan.secrets.contains_key(*name));
            ConnectorView {
                told: told.remove(&connector.id),
                has_secret: (!names.is_empty()).then_some(has_secret),
                ..ConnectorView::of(connector, &self.url)
            }
        };
        Ok(plan.connectors.values().map(view).collect())
    }

    /// Asks a connector whether it is there.
    ///
    /// # Errors
    /// Without the scope, and for a connector that is not there.
    pub async fn probe(&self, who: &Who, id: &str) -> Answered<ProbeView> {
        who.must(Scope::Operate)?;
        self.doors.probes.probe(id).await
    }

    /// Lists the last slots of a playbook's schedule, newest first.
    ///
    /// # Errors
    /// Without the scope.
    pub async fn slots(&self, who: &Who, id: &str, limit: Option<usize>) -> Answered<Vec<SlotView>> {
        who.must(Scope::Read)?;
        Ok(self.handle.slots(id, limit.unwrap_or(USUAL_SLOTS).clamp(1, MOST_SLOTS)).await?)
    }

    /// Pauses everything, a playbook, or a connector.
    ///
    /// # Errors
    /// Without the scope, for what cannot be paused, and for an end that is past.
    pub async fn pause_scope(&self, who: &Who, wish: PauseWish) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        let (scope, until) = (wish.scope()?, wish.until.map(|until| until.0));
        let pause = Pause { scope, reason: wish.reason, by: who.by.clone(), until };
        Ok(self.handle.pause_scope(pause).await?)
    }

    /// Ends such a pause.
    ///
    /// # Errors
    /// Without the scope, and for what cannot be paused.
    pub async fn resume_scope(&self, who: &Who, wish: PauseWish) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        Ok(self.handle.resume_scope(wish.scope()?, &wish.reason, &who.by).await?)
    }
}
