//! What was spent: the sums of the windows that hold now.

use std::collections::BTreeMap;

use adjutant_machine::{journal::Table, money::budget::Account};
use adjutant_spec::{
    plan::{Plan, Window},
    value::Money,
};

use crate::runtime::{
    Error,
    core::Core,
    money, rows,
    views::{BudgetView, SpendView},
};

/// Shows what was spent against the caps in force.
pub(in crate::runtime) fn spend(core: &Core) -> Result<SpendView, Error> {
    let live = core.live();
    let Some(plan) = &live.plan else {
        return Ok(SpendView { today: None, budgets: Vec::new(), by: BTreeMap::new() });
    };
    let budgets = plan.policies.budgets.iter().filter(|budget| budget.window != Window::Run);
    let budgets = budgets
        .map(|budget| {
            let (slot, _) = money::slot(budget.window, core.clock.now(), &money::zone(plan));
            let window = money::word(budget.window);
            let account = account(core, (plan.subject(&budget.scope).as_str(), window, &slot), budget.limit)?;
            let money = |amount| Money { amount, currency: account.currency };
            Ok(BudgetView {
                scope: budget.scope.clone(),
                window: window.to_owned(),
                slot,
                limit: budget.limit,
                reserved: money(account.reserved),
                settled: money(account.spent),
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(SpendView { today: today(core)?, budgets, by: by_scope(core, plan)? })
}

/// Returns what the company spent and holds today.
pub(super) fn today(core: &Core) -> Result<Option<Money>, Error> {
    let live = core.live();
    let Some(plan) = &live.plan else { return Ok(None) };
    let (day, _) = money::slot(Window::Day, core.clock.now(), &money::zone(plan));
    let account = account(core, ("company", "day", &day), Money::zero(plan.prices.currency))?;
    Ok(total(account))
}

fn total(account: Account) -> Option<Money> {
    account.taken().map(|amount| Money { amount, currency: account.currency })
}

fn account(core: &Core, (scope, window, slot): (&str, &str, &str), like: Money) -> Result<Account, Error> {
    let row = core.journal.row(Table::Ledger, &rows::ledger::sums(scope, window, slot))?;
    Ok(row
        .and_then(|row| serde_json::from_slice(&row.value).ok())
        .unwrap_or_else(|| Account::empty(like.currency)))
}

fn by_scope(core: &Core, plan: &Plan) -> Result<BTreeMap<String, Money>, Error> {
    let (day, _) = money::slot(Window::Day, core.clock.now(), &money::zone(plan));
    let playbooks = plan.playbooks.keys().map(|id| format!("playbook:{id}"));
    let agents = plan.agents.keys().map(|id| format!("agent:{id}"));
    let mut found = BTreeMap::new();
    for scope in playbooks.chain(agents) {
        if let Some(row) = core
            .journal
            .row(Table::Ledger, &rows::ledger::sums(plan.subject(&scope).as_str(), "day", &day))?
            && let Ok(account) = serde_json::from_slice(&row.value)
            && let Some(total) = total(account)
        {
            found.insert(scope, total);
        }
    }
    Ok(found)
}
