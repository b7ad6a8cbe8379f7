//! The plan: what a revision would change, in the words of the business, and which live runs it touches.
//!
//! Its id is a hash of what is in force, what would be, the live runs with their classes, and the policies that judge it; when any of
//! these moves, the plan is stale. Unrelated transitions do not move it.

mod live;
mod next;
mod text;

use std::collections::BTreeMap;

use adjutant_machine::{codec, id::Stamp};
use adjutant_spec::{
    advice::Advice,
    diff::{Change, ChangeKind, diff},
    plan::{Id, Plan, Policies},
};
use serde::{Deserialize, Serialize};

pub use live::{Class, LiveRuns, Retained};
pub use next::NextSlot;

use super::{
    files::digest,
    rehearsal::{Rehearsed, Unfit},
};

/// The version of the rules by which plans are judged; raised when a build judges otherwise.
const RULES: u32 = 1;
/// The most resources that one revision may retire unasked, where no limit `deletes_per_commit` says otherwise.
const MOST_DELETES: u64 = 10;
/// How many digits of an id are enough to confirm it.
pub(super) const TOKEN: usize = 12;

/// What a revision would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artefact {
    /// The hash of everything that it depends on.
    pub id: String,
    /// The tree that is in force now; absent before the first activation.
    pub base: Option<String>,
    /// The revision that it is about.
    pub target: String,
    /// The version of the live state, as far as the plan depends on it.
    pub live: String,
    /// The version of the policies that judge it.
    pub policy: String,
    /// Every change, in a stable order.
    pub changes: Vec<Change>,
    /// The live runs, by playbook and class.
    pub runs: Vec<Retained>,
    /// The recorded decisions of routes that change, decided again.
    #[serde(default)]
    pub routes: Vec<Rehearsed>,
    /// The stored records that would no longer fit, by kind.
    #[serde(default)]
    pub records: Vec<Unfit>,
    /// The next slot of each schedule that is new or changes.
    pub schedules: Vec<NextSlot>,
    /// Secrets that connectors name and the company does not hold.
    pub secrets: Vec<MissingSecret>,
    /// The slices that stay as they are, with the reason.
    pub held: BTreeMap<Id, String>,
    /// What the operator must confirm, if anything.
    pub confirm: Option<Confirm>,
}

/// A secret that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingSecret {
    /// The name of the secret.
    pub name: String,
    /// The connector that cannot work without it.
    pub connector: Id,
}

/// What must be confirmed before it can be in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    /// What to repeat; bound to the plan.
    pub token: String,
    /// What makes the confirmation necessary, one line each.
    pub because: Vec<String>,
}

/// A set of files with its name and its plan.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    /// The id of the revision.
    pub(super) name: &'a str,
    /// The digest of its files.
    pub(super) files: &'a str,
    /// What these files amount to once they are checked and compiled.
    pub(super) plan: &'a Plan,
}

/// What a plan is made of.
pub(super) struct Question<'a> {
    /// What is in force; absent before the first activation.
    pub(super) base: Option<Side<'a>>,
    /// What would be in force.
    pub(super) target: Side<'a>,
    /// The runs that have not ended, by the bundle that they began with.
    pub(super) runs: &'a [LiveRuns],
    /// The slices that would stay, with the reason.
    pub(super) held: BTreeMap<Id, String>,
    /// When the plan is made: schedules and confirmations are told from here.
    pub(super) now: Stamp,
}

impl Artefact {
    /// Works out what changes from one side to the other, and what that means for live runs.
    pub(super) fn of(question: Question<'_>) -> Self {
        let empty = nothing(question.target.plan);
        let before = question.base.map_or(&empty, |side| side.plan);
        let after = question.target.plan;
        let runs = live::classify(question.runs, after);
        let (live, policy) = (live::version(&runs), policy_version(&before.policies));
        let base_files = question.base.map_or("", |side| side.files);
        let id = digest(format!("{base_files}\n{}\n{live}\n{policy}\n", question.target.files).as_bytes());
        let changes = diff(before, after);
        let because = because(&changes, &runs, before);
        Self {
            base: question.base.map(|side| side.name.to_owned()),
            target: question.target.name.to_owned(),
            schedules: next::slots(before, after, question.now),
            secrets: missing_secrets(after),
            held: question.held,
            confirm: (!because.is_empty()).then(|| Confirm { token: id[..TOKEN].to_owned(), because }),
            id,
            live,
            policy,
            changes,
            runs,
            routes: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Returns whether anything would change.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Returns the first digits of the id, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.id[..TOKEN]
    }
}

/// Returns what to type to say yes to a plan that waits for it.
pub(super) fn yes(token: &str) -> String {
    Advice::ConfirmPlan(token).to_string()
}

/// Returns the version of the policies that judge a plan.
pub(super) fn policy_version(policies: &Policies) -> String {
    let mut bytes = codec::canonical(policies);
    bytes.extend_from_slice(&RULES.to_be_bytes());
    digest(&bytes)
}

/// What is in force before anything is: the same company without any resource.
fn nothing(plan: &Plan) -> Plan {
    Plan {
        company: plan.company.clone(),
        slices: BTreeMap::new(),
        playbooks: BTreeMap::new(),
        agents: BTreeMap::new(),
        connectors: BTreeMap::new(),
        routes: BTreeMap::new(),
        records: BTreeMap::new(),
        policies: Policies::default(),
        prices: plan.prices.clone(),
        models: BTreeMap::new(),
        bundles: BTreeMap::new(),
        secrets: BTreeMap::new(),
    }
}

/// Returns the secrets that connectors need and the company does not hold.
pub(super) fn missing_secrets(plan: &Plan) -> Vec<MissingSecret> {
    let needed = plan
        .connectors
        .values()
        .flat_map(|connector| connector.needed_secrets().into_iter().map(move |name| (connector, name)));
    needed
        .filter(|(_, name)| !plan.secrets.contains_key(*name))
        .map(|(connector, name)| MissingSecret { name: name.to_owned(), connector: connector.id.clone() })
        .collect()
}

fn limit(plan: &Plan, name: &str) -> Option<u64> {
    plan.policies.limits.iter().find(|limit| limit.name == name).map(|limit| limit.max)
}

/// Says what the operator has to confirm: judged by the policies in force, never by those of the candidate.
fn because(changes: &[Change], runs: &[Retained], before: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let retired = changes.iter().filter(|change| change.kind == ChangeKind::Retired).count() as u64;
    let most = limit(before, "deletes_per_commit").unwrap_or(MOST_DELETES);
    if retired > most {
        lines.push(format!("{retired} resources are retired, more than the limit of {most}"));
    }
    for row in runs.iter().filter(|row| row.class == Class::Retired) {
        lines.push(format!(
            "playbook \"{}\" is retired while {} of its runs are live",
            row.playbook, row.count
        ));
    }
    for row in runs.iter().filter(|row| !row.lost.is_empty()) {
        let lost = row.lost.join(", ");
        lines.push(format!("{} live runs of \"{}\" need what is retired: {lost}", row.count, row.playbook));
    }
    let touched: u64 = runs.iter().filter(|row| row.class != Class::Same).map(|row| row.count).sum();
    if let Some(most) = limit(before, "affected_runs").filter(|most| touched > *most) {
        lines.push(format!("{touched} live runs are affected, more than the limit of {most}"));
    }
    lines
}
