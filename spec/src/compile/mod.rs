//! From a draft that checks clean to the plan: the only form that other rooms see.

mod bundle;
pub(crate) mod resolve;

use std::collections::BTreeMap;

use crate::{
    draft::{At, Draft},
    plan::{Agent, Id, Plan, Policies, Prices},
    value::{Currency, Money},
};

use crate::check::names::{self, Found};

/// Compiles a draft; the caller has checked it and found no error.
///
/// Returns nothing where there is no company file, for then there is no company.
#[must_use]
pub fn compile(draft: &Draft) -> Option<Plan> {
    let company = draft.company.as_ref()?.value.clone();
    let resolved = resolve::playbooks(draft);
    let agents: BTreeMap<Id, Agent> =
        draft.agents.iter().map(|(id, at)| (id.clone(), agent(draft, at))).collect();
    let bundles = bundle::all(draft, &resolved, &agents);
    Some(Plan {
        slices: draft.slices.iter().map(|(id, at)| (id.clone(), at.value.clone())).collect(),
        playbooks: resolved.iter().map(|(id, found)| ((*id).to_owned(), found.playbook.clone())).collect(),
        agents,
        connectors: values(&draft.connectors),
        routes: values(&draft.routes),
        records: values(&draft.records),
        policies: policies(draft),
        prices: draft.prices.as_ref().map_or_else(|| no_prices(company.currency), |at| at.value.clone()),
        models: draft.models.clone(),
        bundles,
        secrets: draft.secrets.iter().map(|(name, bytes)| (name.clone(), bytes.to_vec())).collect(),
        company,
    })
}

fn values<T: Clone>(objects: &BTreeMap<Id, At<T>>) -> BTreeMap<Id, T> {
    objects.iter().map(|(id, at)| (id.clone(), at.value.clone())).collect()
}

/// An agent with the path of its prompt and the id of its connector in place of the written names.
fn agent(draft: &Draft, at: &At<Agent>) -> Agent {
    let mut agent = at.value.clone();
    if let Found::Id(path) = names::find_text(draft, &agent.slice, &agent.prompt) {
        agent.prompt = path;
    }
    if let Some(written) = &agent.model.connector
        && let Found::Id(id) = names::find(draft, crate::draft::Kind::Connector, &agent.slice, written)
    {
        agent.model.connector = Some(id);
    }
    agent
}

fn policies(draft: &Draft) -> Policies {
    fn rows<T: Clone>(rows: &[At<T>]) -> Vec<T> {
        rows.iter().map(|at| at.value.clone()).collect()
    }
    let written = &draft.policies;
    Policies {
        budgets: rows(&written.budgets),
        autonomy: rows(&written.autonomy),
        notify: rows(&written.notify),
        limits: rows(&written.limits),
        freezes: rows(&written.freezes),
        retention: rows(&written.retention),
    }
}

/// Without a price table no model can be paid: the cap is nothing.
fn no_prices(currency: Currency) -> Prices {
    Prices { currency, default_cap: Money::zero(currency), models: BTreeMap::new() }
}
