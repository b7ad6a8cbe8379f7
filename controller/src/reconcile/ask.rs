//! Asking what a revision would change, without changing anything.

use std::sync::Arc;

use adjutant_spec::{
    files::FileSet,
    plan::{Bundle, BundleId, Plan},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    Error, Reconciler,
    course::Good,
    files,
    in_force::InForce,
    judge::Judged,
    mistake::MistakeView,
    plan::{self, Artefact, LiveRuns, Question, Side},
    store::blocking,
};
use crate::runtime::views::PinnedBy;

/// What a question for a plan is answered with.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanAnswer {
    /// The plan; absent where mistakes keep everything out.
    pub plan: Option<Artefact>,
    /// The mistakes, in the form of `check`.
    pub diagnostics: Vec<MistakeView>,
    /// Whether there is none that refuses.
    pub ok: bool,
    /// Mistakes and plan for people.
    pub text: String,
}

/// A company as it is at a revision.
#[derive(Debug, Clone)]
pub struct Company {
    /// The commit or tree.
    pub revision: String,
    /// What it amounts to.
    pub plan: Arc<Plan>,
}

/// What a question for a plan is about.
struct PlanTarget {
    /// The commit or tree, as the plan names it.
    name: String,
    files: Arc<FileSet>,
}

impl PlanAnswer {
    /// Returns what is shown of it.
    #[must_use]
    pub fn view(&self) -> PlanView {
        let plan = match json!(self.plan) {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        PlanView {
            ok: self.ok,
            has_changes: self.plan.as_ref().is_some_and(Artefact::has_changes),
            diagnostics: self.diagnostics.clone(),
            text: self.text.clone(),
            plan,
        }
    }
}

/// A plan, as people and programs see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
pub struct PlanView {
    /// Whether no mistake keeps everything out.
    pub ok: bool,
    /// Whether anything would be otherwise.
    pub has_changes: bool,
    /// The mistakes, in the form of `check`.
    pub diagnostics: Vec<MistakeView>,
    /// Mistakes and plan for people.
    pub text: String,
    /// What would change; nothing where mistakes keep everything out.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub plan: Map<String, Value>,
}

impl Reconciler {
    /// Works out what a revision would change: one that was in force, one that Git knows, or what the source wishes.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody knows it.
    pub async fn plan(&self, to: Option<&str>) -> Result<PlanAnswer, Error> {
        // The board is left free: what is asked about may be large, and of somebody else's making.
        let (base, last, stored) = {
            let board = self.inner.board.lock().await;
            let stored = to.and_then(|name| board.course.state.stored(name));
            (board.in_force.clone(), board.last.clone(), stored)
        };
        let target = match (to, last) {
            (None, Some(last)) => PlanTarget { name: last.revision, files: last.files },
            (None, None) => {
                return Err(Error::conflict("the source was not read yet", "`adjutant status` says why"));
            }
            (Some(name), Some(last)) if last.revision == name => {
                PlanTarget { name: last.revision, files: last.files }
            }
            (Some(name), _) => self.find(name, stored).await?,
        };
        let judged = self.judge(&base, target.files).await?;
        let mut answer = self.answer(&base, &target.name, &judged).await?;
        // Only what the source wishes can be confirmed: another revision is not on its way.
        let asked = answer.plan.as_ref().and_then(|plan| plan.confirm.as_ref()).filter(|_| to.is_none());
        if let Some(confirm) = asked {
            answer.text.push_str(&format!("  say yes with `{}`\n", plan::yes(&confirm.token)));
        }
        Ok(answer)
    }

    /// Returns the company as it is at a revision: one that was in force, or one that Git knows.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody knows it, [`Error::Conflict`] where it has mistakes.
    pub async fn company_at(&self, name: &str) -> Result<Company, Error> {
        let (base, stored) = {
            let board = self.inner.board.lock().await;
            (board.in_force.clone(), board.course.state.stored(name))
        };
        let target = self.find(name, stored).await?;
        let judged = self.judge(&base, target.files).await?;
        let refused = || {
            Error::conflict(
                format!("revision {} has mistakes", target.name),
                format!("`adjutant plan --to {name}` shows them"),
            )
        };
        Ok(Company { plan: judged.plan.clone().ok_or_else(refused)?, revision: target.name })
    }

    /// Finds the files of a revision by its name.
    async fn find(&self, name: &str, stored: Option<Good>) -> Result<PlanTarget, Error> {
        if let Some(good) = stored {
            let (journal, manifest) = (Arc::clone(&self.inner.settings.journal), good.files.clone());
            let found = blocking(move || files::load(journal.as_ref(), &manifest)).await?;
            return Ok(PlanTarget { name: good.tree, files: Arc::new(found) });
        }
        let (repository, wanted) = (Arc::clone(&self.inner.settings.repository), name.to_owned());
        blocking(move || match repository.resolve(&wanted)? {
            Some(commit) => {
                let commit = repository.commit(&commit)?;
                Ok(PlanTarget { name: commit.id, files: commit.files })
            }
            None => Err(Error::NotFound { what: "revision", id: wanted }),
        })
        .await
    }

    /// Answers with the plan, and with what recorded decisions would become.
    pub(super) async fn answer(
        &self,
        base: &InForce,
        name: &str,
        judged: &Judged,
    ) -> Result<PlanAnswer, Error> {
        let mut answer = self.outline(base, name, judged).await?;
        if let (Some(plan), Some(after)) = (&mut answer.plan, &judged.plan) {
            self.rehearse(plan, after).await;
            answer.text = judged.text.clone() + &plan.render();
        }
        Ok(answer)
    }

    /// Answers with the plan alone: nothing is decided again for it.
    pub(super) async fn outline(
        &self,
        base: &InForce,
        name: &str,
        judged: &Judged,
    ) -> Result<PlanAnswer, Error> {
        let mut text = judged.text.clone();
        let may_move = judged.errors == 0 || !judged.held.is_empty();
        let plan = if may_move { self.artefact(base, name, judged).await? } else { None };
        if let Some(plan) = &plan {
            text.push_str(&plan.render());
        }
        Ok(PlanAnswer { plan, diagnostics: judged.diagnostics.clone(), ok: judged.errors == 0, text })
    }

    /// Returns the plan from what is in force to what was judged; `None` where mistakes leave nothing that can move.
    pub(super) async fn artefact(
        &self,
        base: &InForce,
        name: &str,
        judged: &Judged,
    ) -> Result<Option<Artefact>, Error> {
        let Some(after) = &judged.plan else { return Ok(None) };
        let runs = self.live_runs().await?;
        let before = self.inner.settings.handle.plan();
        let base_files = base.manifest.digest();
        let base = before.as_deref().map(|plan| Side {
            name: base.tree.as_deref().unwrap_or_default(),
            files: base_files,
            plan,
        });
        let target = Side { name, files: judged.manifest.digest(), plan: after.as_ref() };
        let now = self.inner.settings.clock.now();
        Ok(Some(Artefact::of(Question { base, target, runs: &runs, held: judged.held_lines(), now })))
    }

    /// Adds to a plan what would become of recorded decisions and of stored records.
    async fn rehearse(&self, plan: &mut Artefact, after: &Arc<Plan>) {
        let before = self.inner.settings.handle.plan();
        let (Some(rehearsal), Some(before)) = (&self.inner.settings.rehearsal, before) else { return };
        plan.routes = rehearsal.rehearse(Arc::clone(&before), Arc::clone(after)).await;
        plan.records = rehearsal.records(before, Arc::clone(after)).await;
    }

    async fn live_runs(&self) -> Result<Vec<LiveRuns>, Error> {
        let by_bundle = self.inner.settings.handle.live_runs().await?;
        let journal = Arc::clone(&self.inner.settings.journal);
        blocking(move || {
            let row = |(bundle, runs): (BundleId, PinnedBy)| -> Result<LiveRuns, Error> {
                let bytes = journal.blob(&bundle)?;
                let definition: Option<Bundle> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
                let named = runs
                    .first
                    .first()
                    .and_then(|run| run.rsplit_once('-'))
                    .map(|(playbook, _)| playbook.to_owned());
                let playbook =
                    definition.as_ref().map(|found| found.playbook.id.clone()).or(named).unwrap_or_default();
                Ok(LiveRuns { bundle, playbook, definition, runs })
            };
            by_bundle.into_iter().map(row).collect()
        })
        .await
    }
}
