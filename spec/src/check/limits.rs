//! Checks of money and time: retries, timeouts, waits and deadlines can work together; costs fit their caps.

use rust_decimal::Decimal;

use super::{
    children::Children,
    cx::{Cx, Out},
    names,
};
use crate::{
    diag::{Code, Diagnostic, Spot},
    draft::{At, Draft},
    plan::{Budget, OnExceed, Step, StepKind, Until, Window},
    value::{Currency, Money, Period},
};

/// Checks the limits of a playbook.
pub(crate) fn check(cx: &Cx<'_>, children: &Children<'_>, out: &mut Out) {
    match cx.playbook.deadline {
        Some(deadline) => {
            attempts(cx, deadline, out);
            waits(cx, deadline, out);
            child_deadlines(cx, children, deadline, out);
        }
        None => long_waits(cx, out),
    }
    costs(cx, out);
}

fn timeout_of(cx: &Cx<'_>, step: &Step) -> Option<Period> {
    let verb = match &step.kind {
        StepKind::Call { call, .. } => names::verb(cx.draft, call).map(|verb| verb.timeout),
        _ => None,
    };
    step.timeout.or(verb)
}

fn attempts(cx: &Cx<'_>, deadline: Period, out: &mut Out) {
    for (place, step) in
        cx.steps().filter(|(_, step)| matches!(step.kind, StepKind::Agent { .. } | StepKind::Call { .. }))
    {
        let Some(timeout) = timeout_of(cx, step) else { continue };
        let total = step.retry.longest(timeout);
        if total > deadline.millis() {
            out.push(
                Diagnostic::new(
                    Code::E0601,
                    cx.spot(place, "retry"),
                    format!(
                        "{} attempts of step \"{}\" can take {}, longer than the deadline of {deadline}",
                        step.retry.attempts,
                        step.id,
                        in_words(total)
                    ),
                )
                .label("cannot all happen")
                .help("lower `attempts`, `backoff` or `timeout`, or raise the playbook's `deadline`"),
            );
        }
    }
}

fn in_words(millis: u64) -> String {
    match Period::from_millis(millis) {
        // A round number says more than milliseconds.
        Ok(_) if millis > 60_000 => Period::from_millis(millis.div_ceil(60_000) * 60_000),
        other => other,
    }
    .map_or_else(|_| "more than ten years".to_owned(), |period| period.to_string())
}

/// What is waited for on the way to a step, along the path that waits least.
fn waits(cx: &Cx<'_>, deadline: Period, out: &mut Out) {
    let least = least_waits(cx);
    for (place, step) in cx.steps() {
        let Some(before) = least[place] else { continue };
        let (code, own, what) = match &step.kind {
            StepKind::Wait { wait: Until::For(period) } => {
                (Code::E0602, step.timeout.map_or(*period, |limit| limit.min(*period)), "ends its wait")
            }
            StepKind::Wait { wait: Until::Signal { expires, .. } } => {
                (Code::E0602, step.timeout.map_or(*expires, |limit| limit.min(*expires)), "ends its wait")
            }
            StepKind::Gate { expires, .. } => (Code::E0603, *expires, "expires"),
            _ => continue,
        };
        if before.saturating_add(own.millis()) <= deadline.millis() {
            continue;
        }
        let below = match &step.kind {
            StepKind::Wait { wait: Until::Signal { .. } } => "wait.expires",
            StepKind::Wait { .. } => "wait",
            _ => "expires",
        };
        let after = match before {
            0 => String::new(),
            before => format!(", after waits of {}", in_words(before)),
        };
        out.push(
            Diagnostic::new(
                code,
                cx.spot(place, below),
                format!("step \"{}\" {what} after {own}{after}: past the deadline of {deadline}", step.id),
            )
            .label("the run is over by then")
            .related(cx.draft.spot(cx.at, "deadline"), "the deadline")
            .help("shorten it, or raise the playbook's `deadline`"),
        );
    }
}

/// A wait of more than a year that nothing cuts short was probably meant otherwise, and is not seen again for a year.
fn long_waits(cx: &Cx<'_>, out: &mut Out) {
    const YEAR: u64 = 366 * 86_400_000;
    let least = least_waits(cx);
    for (place, step) in cx.steps() {
        let (own, below) = match &step.kind {
            StepKind::Wait { .. } => (own_wait(step), "wait"),
            StepKind::Gate { expires, .. } => (expires.millis(), "expires"),
            _ => continue,
        };
        let Some(total) = least[place].map(|before| before.saturating_add(own)).filter(|total| *total > YEAR)
        else {
            continue;
        };
        out.push(
            Diagnostic::new(
                Code::W0603,
                cx.spot(place, below),
                format!(
                    "a run waits {} until step \"{}\" lets it go, and nothing ends it before",
                    in_words(total),
                    step.id
                ),
            )
            .label("more than a year")
            .help("shorten it, or say when every run ends: `deadline = \"400d\"`"),
        );
        return;
    }
}

/// Returns how long a wait lasts by itself; one for a moment is not known here.
fn own_wait(step: &Step) -> u64 {
    match &step.kind {
        StepKind::Wait { wait: Until::For(period) } => {
            step.timeout.map_or(*period, |limit| limit.min(*period)).millis()
        }
        _ => 0,
    }
}

fn least_waits(cx: &Cx<'_>) -> Vec<Option<u64>> {
    let mut least: Vec<Option<u64>> = vec![None; cx.flat.len()];
    if let Some(first) = least.get_mut(cx.flow.start) {
        *first = Some(0);
    }
    // Each round lowers a number or fills a hole, and numbers are sums over paths without cycles at the least: it ends.
    let mut moved = true;
    while moved {
        moved = false;
        for from in 0..least.len() {
            let Some(before) = least[from] else { continue };
            let own = own_wait(cx.step(from));
            for edge in &cx.flow.edges[from] {
                let own = if edge.outcome == "skip" || edge.enters || edge.breaks { 0 } else { own };
                let total = before.saturating_add(own);
                if least[edge.to].is_none_or(|known| total < known) {
                    least[edge.to] = Some(total);
                    moved = true;
                }
            }
        }
    }
    least
}

fn child_deadlines(cx: &Cx<'_>, children: &Children<'_>, deadline: Period, out: &mut Out) {
    for (place, step) in cx.steps() {
        let StepKind::Run { run, parent_close, .. } = &step.kind else { continue };
        let child = children.get(run.as_str()).and_then(|child| child.deadline);
        let Some(child) = child.filter(|child| *child > deadline && parent_close != "detach") else {
            continue;
        };
        out.push(
            Diagnostic::new(
                Code::E0606,
                cx.spot(place, "run"),
                format!("playbook \"{run}\" may take {child}, longer than the {deadline} of the run that waits for it"),
            )
            .label("outlives its parent")
            .help("raise the `deadline` of this playbook, lower the other's, or write `parent_close = \"detach\"`"),
        );
    }
}

fn costs(cx: &Cx<'_>, out: &mut Out) {
    for (place, step) in cx.steps() {
        let Some(cost) = step.max_cost else { continue };
        let spot = || cx.spot(place, "max_cost");
        let cap = Amount { money: cost, spot: spot() };
        one_currency(cx.draft, &cap, &format!("step \"{}\"", step.id), out);
        let agent = match &step.kind {
            StepKind::Agent { agent, .. } => Some(agent.as_str()),
            _ => None,
        };
        for at in cx.draft.policies.budgets.iter().filter(|at| concerns(cx, agent, &at.scope)) {
            if cost.exceeds(at.limit).unwrap_or(false) {
                out.push(
                    Diagnostic::new(
                        Code::E0604,
                        spot(),
                        format!(
                            "step \"{}\" may cost {cost}, more than the budget of {} for {}",
                            step.id, at.limit, at.scope
                        ),
                    )
                    .label("could never start")
                    .related(cx.draft.spot(at, "limit"), "the budget")
                    .help("lower `max_cost`, or raise the budget"),
                );
            } else {
                for_all_items(cx, place, at, out);
            }
        }
        agent_cost(cx, agent, &cap, out);
    }
}

/// Warns where a budget that nothing waits for has room for a few of the items that there may be.
fn for_all_items(cx: &Cx<'_>, place: usize, at: &At<Budget>, out: &mut Out) {
    let step = cx.step(place);
    let times = cx.homes.around(place).map(|home| match &cx.step(home.holder).kind {
        StepKind::Each { max_items, .. } => u64::from(*max_items),
        _ => 1,
    });
    let times = times.fold(1_u64, u64::saturating_mul);
    let is_waited_for = at.on_exceed == OnExceed::Wait && at.window != Window::Run;
    let Some(cost) = step.max_cost.filter(|_| times > 1 && !is_waited_for) else { return };
    let Some(amount) = cost.amount.checked_mul(Decimal::from(times)) else { return };
    let total = Money { amount, ..cost };
    if !total.exceeds(at.limit).unwrap_or(false) {
        return;
    }
    out.push(
        Diagnostic::new(
            Code::W0605,
            cx.spot(place, "max_cost"),
            format!(
                "step \"{}\" may cost {total} for {times} items, more than the budget of {} for {}",
                step.id, at.limit, at.scope
            ),
        )
        .label("enough for a few of them")
        .related(cx.draft.spot(at, "limit"), "the budget")
        .help("lower `max_items` or `max_cost`, or raise the budget"),
    );
}

fn concerns(cx: &Cx<'_>, agent: Option<&str>, scope: &str) -> bool {
    match scope.split_once(':') {
        None => scope == "company",
        Some(("slice", slice)) => slice == cx.playbook.slice,
        Some(("playbook", id)) => id.rsplit('/').next() == Some(cx.playbook.id.as_str()),
        Some(("agent", id)) => id.rsplit('/').next() == agent,
        Some(_) => false,
    }
}

/// An amount of money, with its place.
pub(crate) struct Amount {
    pub(crate) money: Money,
    pub(crate) spot: Spot,
}

fn agent_cost(cx: &Cx<'_>, agent: Option<&str>, cap: &Amount, out: &mut Out) {
    let cost = cap.money;
    let Some(at) = agent.and_then(|agent| cx.draft.agents.get(agent)) else { return };
    let Some(promised) = at.sla.max_cost.filter(|promised| promised.exceeds(cost).unwrap_or(false)) else {
        return;
    };
    out.push(
        Diagnostic::new(
            Code::W0601,
            cap.spot.clone(),
            format!("agent \"{}\" may cost {promised}, but this step allows {cost}", at.id),
        )
        .label("less than the agent may need")
        .help("raise `max_cost`, or lower `sla.max_cost` of the agent"),
    );
}

/// Checks that every amount of the company is in one currency: amounts in two cannot be compared.
pub(crate) fn check_company(draft: &Draft, out: &mut Out) {
    for at in &draft.policies.budgets {
        one_currency(draft, &Amount { money: at.limit, spot: draft.spot(at, "limit") }, "a budget", out);
        unending(draft, at, out);
    }
    for at in draft.agents.values() {
        if let Some(cost) = at.sla.max_cost {
            let promised = Amount { money: cost, spot: draft.spot(at, "sla.max_cost") };
            one_currency(draft, &promised, &format!("agent \"{}\"", at.id), out);
        }
    }
    let Some(prices) = &*draft.prices else { return };
    let text = |currency: Currency| format!("prices are in {currency}");
    let cap = Amount { money: prices.default_cap, spot: draft.spot(prices, "default_cap") };
    one_currency(draft, &cap, "the default cap", out);
    if let Some(company) = draft.company.as_ref().filter(|company| company.currency != prices.currency) {
        mixed(out, draft.spot(prices, "currency"), &text(prices.currency), company.currency);
    }
}

/// A budget that is waited for must have another window in which there is room.
fn unending(draft: &Draft, at: &At<Budget>, out: &mut Out) {
    if at.on_exceed != OnExceed::Wait {
        return;
    }
    let message = match at.window {
        Window::Run => "what passes the budget of a run would wait for ever: a run has no next window",
        _ if at.limit.amount <= Decimal::ZERO => {
            "what waits for this budget would wait for ever: nothing fits into it"
        }
        _ => return,
    };
    out.push(
        Diagnostic::new(Code::E0607, draft.spot(at, "on_exceed"), message)
            .label("nothing would end the wait")
            .help("write `on_exceed = \"refuse\"`: the step's outcome is `over_budget` then"),
    );
}

pub(crate) fn one_currency(draft: &Draft, amount: &Amount, what: &str, out: &mut Out) {
    let currency = amount.money.currency;
    let Some(company) = draft.company.as_ref().filter(|company| company.currency != currency) else {
        return;
    };
    mixed(out, amount.spot.clone(), &format!("{what} is in {currency}"), company.currency);
}

fn mixed(out: &mut Out, spot: Spot, what: &str, company: Currency) {
    out.push(
        Diagnostic::new(Code::E0605, spot, format!("{what}, and the company counts in {company}"))
            .label("another currency")
            .help(format!("write the amount in {company}: budgets and costs are compared, never converted")),
    );
}
