//! What was spent: the sums of the windows that hold now.

use std::collections::BTreeMap;

use adjutant_machine::{
    journal::{self, Table},
    money::budget::Account,
};
use adjutant_spec::{
    plan::{Plan, Window},
    value::Money,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runtime::{
    Error,
    core::Core,
    money::{self, SumsKey},
    rows::{self, ledger::DaySums},
};

/// What was spent against the caps that are in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpendView {
    /// What was spent and reserved today in the company.
    #[schema(value_type = Option<String>)]
    pub today: Option<Money>,
    /// Each cap with its current window.
    pub budgets: Vec<BudgetView>,
    /// What was spent today by `playbook:<id>` and `agent:<id>`.
    #[schema(value_type = BTreeMap<String, String>)]
    pub by: BTreeMap<String, Money>,
}

/// What a month cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MonthView {
    /// Such as `2026-11`.
    pub month: String,
    /// What the company spent and still holds for calls under way; absent where it is nothing.
    #[schema(value_type = Option<String>)]
    pub total: Option<Money>,
    /// The same by `playbook:<id>` and `agent:<id>`, those that are gone from the company too.
    #[schema(value_type = BTreeMap<String, String>)]
    pub by: BTreeMap<String, Money>,
    /// The same by day, such as `2026-11-26`.
    #[schema(value_type = BTreeMap<String, String>)]
    pub days: BTreeMap<String, Money>,
}

/// A cap with its current window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// `company`, `slice:<id>`, `playbook:<id>`, `agent:<id>`.
    pub scope: String,
    /// `day`, `week`, `month`, `run`.
    pub window: String,
    /// Which one, such as `2026-03-01`.
    pub slot: String,
    /// The most that the window may cost.
    #[schema(value_type = String)]
    pub limit: Money,
    /// Held for calls that are under way.
    #[schema(value_type = String)]
    pub reserved: Money,
    /// What calls that are over really cost.
    #[schema(value_type = String)]
    pub settled: Money,
}

/// Shows what was spent against the caps in force.
pub(in crate::runtime) fn spend(core: &Core) -> Result<SpendView, Error> {
    let live = core.live();
    let Some(plan) = &live.plan else {
        return Ok(SpendView { today: None, budgets: Vec::new(), by: BTreeMap::new() });
    };
    let budgets = plan.policies.budgets.iter().filter(|budget| budget.window != Window::Run);
    let budgets = budgets
        .map(|budget| {
            let slot = money::slot(budget.window, core.clock.now(), &money::zone(plan)).name;
            let (scope, window) =
                (plan.subject(&budget.scope).as_str().to_owned(), money::word(budget.window));
            let key = SumsKey { scope, window: window.to_owned(), slot };
            let account = account(core, &key, budget.limit)?;
            let money = |amount| Money { amount, currency: account.currency };
            Ok(BudgetView {
                scope: budget.scope.clone(),
                window: window.to_owned(),
                slot: key.slot,
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
    let slot = money::slot(Window::Day, core.clock.now(), &money::zone(plan)).name;
    let key = SumsKey { scope: "company".to_owned(), window: "day".to_owned(), slot };
    let account = account(core, &key, Money::zero(plan.prices.currency))?;
    Ok(total(account))
}

/// Returns what a month cost: the sum of its days, which have rows whatever caps there are.
pub(in crate::runtime) fn month(core: &Core, month: Option<&str>) -> Result<MonthView, Error> {
    let present = core
        .live()
        .plan
        .as_ref()
        .map(|plan| money::slot(Window::Month, core.clock.now(), &money::zone(plan)).name);
    let present = present.unwrap_or_default();
    let month = month.unwrap_or_else(|| present.get(..7).unwrap_or_default());
    let is_month =
        format!("{month}-01").parse::<jiff::civil::Date>().is_ok() && month.len() == "2026-11".len();
    if !is_month {
        return Err(Error::invalid(format!("\"{month}\" is no month; write it as 2026-11")));
    }
    let mut view =
        MonthView { month: month.to_owned(), total: None, by: BTreeMap::new(), days: BTreeMap::new() };
    for row in journal::rows(core.journal.as_ref(), Table::Ledger, rows::ledger::SUMS) {
        let row = row?;
        let sums = rows::ledger::day_of(&row.key).filter(|sums| sums.day.starts_with(month));
        let Some(DaySums { scope, day }) = sums else { continue };
        let account = serde_json::from_slice::<Account>(&row.value).ok();
        let Some(spent) = account.and_then(total).filter(|spent| !spent.amount.is_zero()) else { continue };
        if scope == "company" {
            add(&mut view.days, day, spent);
            view.total = Some(sum(view.total, spent));
        } else {
            add(&mut view.by, scope, spent);
        }
    }
    Ok(view)
}

fn add(sums: &mut BTreeMap<String, Money>, of: String, money: Money) {
    let before = sums.get(&of).copied();
    sums.insert(of, sum(before, money));
}

/// Amounts of another currency, from before the company changed it, are left out: nobody knows the rate.
fn sum(before: Option<Money>, money: Money) -> Money {
    before.map_or(money, |before| before.plus(money).unwrap_or(before))
}

fn total(account: Account) -> Option<Money> {
    account.taken().map(|amount| Money { amount, currency: account.currency })
}

fn account(core: &Core, key: &SumsKey, like: Money) -> Result<Account, Error> {
    let row = core.journal.row(Table::Ledger, &key.row())?;
    Ok(row
        .and_then(|row| serde_json::from_slice(&row.value).ok())
        .unwrap_or_else(|| Account::empty(like.currency)))
}

fn by_scope(core: &Core, plan: &Plan) -> Result<BTreeMap<String, Money>, Error> {
    let day = money::slot(Window::Day, core.clock.now(), &money::zone(plan)).name;
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
