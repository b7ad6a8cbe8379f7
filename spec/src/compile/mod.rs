//! From a draft that checks clean to the plan: the only form that other rooms see.

mod bundle;
pub(crate) mod homes;
pub(crate) mod nest;
pub(crate) mod resolve;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    draft::{At, Draft, Rows, Shelf},
    plan::{Id, Plan, Policies, Prices},
    value::{Currency, Money},
};

pub(crate) use bundle::Known;
use resolve::Resolved;

/// Compiles a draft; the caller has checked it and found no error.
///
/// Returns nothing where there is no company file, for then there is no company.
pub(crate) fn compile(draft: &Draft, resolved: &Rows<Resolved>, known: &mut Known) -> Option<Plan> {
    let company = draft.company.as_ref()?.value.clone();
    let bundles = bundle::all(draft, resolved, known);
    Some(Plan {
        slices: values(&draft.slices),
        playbooks: resolved.iter().map(|(id, found)| (id.clone(), Arc::clone(&found.playbook))).collect(),
        agents: draft.agents.iter().map(|(id, at)| (id.clone(), resolve::agent(draft, at))).collect(),
        connectors: values(&draft.connectors),
        routes: values(&draft.routes),
        records: values(&draft.records),
        policies: policies(draft),
        prices: draft.prices.as_ref().map_or_else(|| no_prices(company.currency), |at| at.value.clone()),
        models: (*draft.models).clone(),
        bundles,
        secrets: draft.secrets.iter().map(|(name, bytes)| (name.clone(), bytes.to_vec())).collect(),
        company,
    })
}

fn values<T: Clone>(objects: &Shelf<At<T>>) -> BTreeMap<Id, T> {
    objects.iter().map(|(id, at)| (id.clone(), at.value.clone())).collect()
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
