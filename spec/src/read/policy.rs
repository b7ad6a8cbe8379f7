//! Builds policies and prices.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::{
    draft::{At, Node, NodeKind, RawPolicies},
    plan::{Autonomy, Budget, Freeze, Limit, NotifyRule, Price, Prices, Retention},
    value::Money,
};

use super::view::View;

/// Adds the policies of one file.
pub(super) fn collect(view: &View<'_>, file: &str, into: &mut RawPolicies) {
    each(view, file, "budget", budget, &mut into.budgets);
    each(view, file, "autonomy", autonomy, &mut into.autonomy);
    each(view, file, "notify", notify, &mut into.notify);
    each(view, file, "limit", limit, &mut into.limits);
    each(view, file, "freeze", freeze, &mut into.freezes);
    each(view, file, "retention", retention, &mut into.retention);
}

fn each<T>(view: &View<'_>, file: &str, key: &str, read: fn(&View<'_>) -> Option<T>, into: &mut Vec<At<T>>) {
    for (index, item) in view.list(key).iter().enumerate() {
        if let Some(value) = read(item) {
            into.push(At { file: file.to_owned(), key: format!("{key}[{index}]"), value });
        }
    }
}

fn budget(view: &View<'_>) -> Option<Budget> {
    Some(Budget {
        scope: view.text("scope")?,
        limit: view.money("limit")?,
        window: view.word("window")?,
        on_exceed: view.word("on_exceed").unwrap_or_default(),
    })
}

fn autonomy(view: &View<'_>) -> Option<Autonomy> {
    Some(Autonomy { subject: view.text("subject")?, verb: view.text("verb")?, level: view.word("level")? })
}

/// How many notifications a day a rule sends that names no number.
const PER_DAY: u32 = 20;

fn notify(view: &View<'_>) -> Option<NotifyRule> {
    Some(NotifyRule {
        on: view.text("on")?,
        via: view.text("via")?,
        to: view.text("to"),
        min_risk: view.word("min_risk"),
        per_day: view.count("per_day").unwrap_or(PER_DAY),
    })
}

fn limit(view: &View<'_>) -> Option<Limit> {
    Some(Limit { name: view.text("name")?, max: u64::try_from(view.integer("max")?).ok()? })
}

fn freeze(view: &View<'_>) -> Option<Freeze> {
    Some(Freeze {
        from: moment(view.node("from")?)?,
        until: moment(view.node("until")?)?,
        reason: view.text("reason")?,
        scope: view.text("scope").unwrap_or_else(|| "company".to_owned()),
    })
}

fn moment(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Text(text) | NodeKind::Moment(text) => Some(text.clone()),
        _ => None,
    }
}

fn retention(view: &View<'_>) -> Option<Retention> {
    Some(Retention { class: view.word("class")?, keep: view.period("keep")? })
}

pub(super) fn prices(view: &View<'_>) -> Option<Prices> {
    let currency = view.text("currency")?.parse().ok()?;
    let models: BTreeMap<String, Price> = view
        .tables("models")
        .iter()
        .filter_map(|(name, model)| Some((name.clone(), price(model)?)))
        .collect();
    Some(Prices {
        currency,
        default_cap: Money::limit(&view.text("default_cap")?, Some(currency)).ok()?,
        models,
    })
}

fn price(view: &View<'_>) -> Option<Price> {
    let input = decimal(view.node("input")?)?;
    let or_input = |key: &str| view.node(key).and_then(decimal).unwrap_or(input);
    Some(Price {
        input,
        cache_read: or_input("cache_read"),
        cache_write: or_input("cache_write"),
        output: decimal(view.node("output")?)?,
    })
}

fn decimal(node: &Node) -> Option<Decimal> {
    match &node.kind {
        NodeKind::Text(text) => Decimal::from_str_exact(text).ok(),
        _ => Decimal::from_str_exact(&node.number()?.to_string()).ok(),
    }
}
