//! Which caps on money a call falls under, and which civil window of them holds now. The arithmetic is the machine's.

use adjutant_machine::{
    branch::root_of,
    id::Stamp,
    money::budget::{self, Account},
    purse::Purse,
};
use adjutant_spec::{
    plan::{Budget, OldestId, OnExceed, Plan, Subject, Window},
    value::Money,
};
use jiff::{Timestamp, ToSpan, Zoned, civil::Weekday, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::rows;

/// Money that is held for one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub(super) amount: Money,
    /// The rows that hold it: scope, window, slot.
    pub(super) places: Vec<SumsKey>,
}

/// Names one row of sums; its scope is a [`Subject`], so a rename changes no sum.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct SumsKey {
    /// Whose sums they are: `company`, `slice:<id>`, `playbook:<id>`, `agent:<id>`, by ids that never change; `part:<run>/<step>.<time>`.
    pub(super) scope: String,
    /// The word of the window: `day`, `week`, `month`, `run`.
    pub(super) window: String,
    /// Which of its windows, by its first day; of a run, the run's id.
    pub(super) slot: String,
}

impl SumsKey {
    /// Returns the key of the row in the ledger.
    pub(super) fn row(&self) -> Vec<u8> {
        rows::ledger::sums(&self.scope, &self.window, &self.slot)
    }

    /// Returns what people call the cap on it.
    pub(super) fn name(&self) -> String {
        format!("the {} budget of {}", self.window, self.scope)
    }
}

/// A cap that a call falls under, with the place of its row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cap {
    pub(super) place: SumsKey,
    /// What people call it.
    pub(super) name: String,
    pub(super) limit: Money,
    pub(super) on_exceed: OnExceed,
    /// When its window ends; `None` for a run's own.
    pub(super) ends: Option<Stamp>,
}

impl Cap {
    /// Returns the cap with its row, as the machine judges it.
    pub(super) fn with(&self, account: Account) -> budget::Cap {
        budget::Cap { name: self.name.clone(), limit: self.limit, on_exceed: self.on_exceed, account }
    }
}

/// Who a call spends for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spender<'a> {
    pub(super) run: &'a str,
    pub(super) playbook: &'a OldestId,
    pub(super) agent: Option<&'a str>,
    /// The caps of the scopes and the rounds that the call is a part of.
    pub(super) purses: Vec<Purse>,
}

impl Spender<'_> {
    /// Returns the scopes that count for it: the company, its slice, its playbook, the agent that is asked.
    pub(super) fn scopes(&self, plan: &Plan) -> Vec<Subject> {
        let slice = plan.slice_of(self.playbook).map(Subject::slice);
        let agent = self.agent.map(|agent| Subject::agent(&plan.oldest_agent(agent)));
        let playbook = Some(Subject::playbook(self.playbook));
        [Some(Subject::company()), slice, playbook, agent].into_iter().flatten().collect()
    }

    /// Returns the caps that hold now; where no budget says anything, the default cap of a day.
    pub(super) fn caps(&self, plan: &Plan, now: Stamp) -> Vec<Cap> {
        let (scopes, zone) = (self.scopes(plan), zone(plan));
        let cap = |budget: &Budget| {
            let CapWindow { name, ends } = slot(budget.window, now, &zone);
            // Branches spend what their run may spend.
            let slot = if budget.window == Window::Run { root_of(self.run).to_owned() } else { name };
            let scope = plan.subject(&budget.scope).as_str().to_owned();
            let place = SumsKey { scope, window: word(budget.window).to_owned(), slot };
            let name = format!("the {} budget of {}", place.window, budget.scope);
            // A run has no next window: a plan of an older build that lets it wait for one is read as a refusal.
            let on_exceed = if ends.is_some() { budget.on_exceed } else { OnExceed::Refuse };
            Cap { place, name, limit: budget.limit, on_exceed, ends }
        };
        let counts = |budget: &&Budget| scopes.contains(&plan.subject(&budget.scope));
        let mut caps: Vec<Cap> = plan.policies.budgets.iter().filter(counts).map(cap).collect();
        if caps.is_empty() {
            let scope = "company".to_owned();
            let (window, on_exceed) = (Window::Day, OnExceed::Refuse);
            caps.push(cap(&Budget { scope, limit: plan.prices.default_cap, window, on_exceed }));
        }
        caps.extend(self.purses.iter().map(|purse| self.of_purse(purse)));
        caps
    }

    /// Sums of a part of a run are kept as the run's own are: by its root, and as long.
    fn of_purse(&self, purse: &Purse) -> Cap {
        let scope = format!("part:{}/{}", purse.run, purse.round);
        let place =
            SumsKey { scope, window: word(Window::Run).to_owned(), slot: root_of(self.run).to_owned() };
        let name = format!("the budget of step \"{}\"", purse.round.step);
        Cap { place, name, limit: purse.limit, on_exceed: OnExceed::Refuse, ends: None }
    }

    /// Returns the rows of today that are kept for people, whether or not a cap is on them.
    pub(super) fn today(&self, plan: &Plan, now: Stamp) -> Vec<SumsKey> {
        let day = slot(Window::Day, now, &zone(plan)).name;
        let place = |scope: Subject| {
            let scope = scope.as_str().to_owned();
            SumsKey { scope, window: "day".to_owned(), slot: day.clone() }
        };
        self.scopes(plan).into_iter().map(place).collect()
    }
}

/// Returns each row once that a call's money is counted in: under its caps, and of today for people.
pub(super) fn places(caps: Vec<Cap>, today: Vec<SumsKey>) -> Vec<SumsKey> {
    let mut places: Vec<SumsKey> = caps.into_iter().map(|cap| cap.place).chain(today).collect();
    places.sort();
    places.dedup();
    places
}

/// Returns the company's zone; UTC where it names none that exists, which `check` refuses.
pub(super) fn zone(plan: &Plan) -> TimeZone {
    TimeZone::get(&plan.company.zone).unwrap_or(TimeZone::UTC)
}

/// Returns the word of a window.
pub(super) fn word(window: Window) -> &'static str {
    match window {
        Window::Run => "run",
        Window::Day => "day",
        Window::Week => "week",
        Window::Month => "month",
    }
}

/// A civil window of a cap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct CapWindow {
    /// Its first day, such as `2026-11-26`; empty for the window of a run.
    pub(super) name: String,
    /// When it ends; never for the window of a run.
    pub(super) ends: Option<Stamp>,
}

/// Returns the civil window that a moment lies in.
pub(super) fn slot(window: Window, now: Stamp, zone: &TimeZone) -> CapWindow {
    let Ok(moment) = Timestamp::from_millisecond(now.0) else { return CapWindow::default() };
    let today = moment.to_zoned(zone.clone()).date();
    let (first, length) = match window {
        Window::Run => return CapWindow::default(),
        Window::Day => (today, 1.day()),
        Window::Week => {
            let since = i64::from(today.weekday().since(Weekday::Monday));
            (today.saturating_sub(since.days()), 1.week())
        }
        Window::Month => (today.first_of_month(), 1.month()),
    };
    let ends: Option<Zoned> = first.saturating_add(length).to_zoned(zone.clone()).ok();
    let ends = ends.map(|ends| Stamp(ends.timestamp().as_millisecond()));
    CapWindow { name: first.to_string(), ends }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Stamp {
        Stamp(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn windows_are_civil_time_of_the_company() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = at("2026-03-28T23:30:00Z");
        let expected = |name: &str, ends: &str| CapWindow { name: name.to_owned(), ends: Some(at(ends)) };
        assert_eq!(slot(Window::Day, now, &zone), expected("2026-03-29", "2026-03-29T22:00:00Z"));
        assert_eq!(slot(Window::Week, now, &zone), expected("2026-03-23", "2026-03-29T22:00:00Z"));
        assert_eq!(slot(Window::Month, now, &zone), expected("2026-03-01", "2026-03-31T22:00:00Z"));
    }
}
