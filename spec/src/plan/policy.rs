//! Quantities and permissions: live, never pinned.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Id;
use crate::value::{Currency, Money, Period};

/// All policies of a company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Policies {
    /// Caps on money.
    pub budgets: Vec<Budget>,
    /// Who may do what without asking.
    pub autonomy: Vec<Autonomy>,
    /// Who is told.
    pub notify: Vec<NotifyRule>,
    /// Caps on counts.
    pub limits: Vec<Limit>,
    /// When nothing acts.
    pub freezes: Vec<Freeze>,
    /// How long bytes are kept.
    pub retention: Vec<Retention>,
}

/// A cap on money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// `company`, `slice:<id>`, `playbook:<id>` or `agent:<id>`.
    pub scope: String,
    /// The most that may be spent in the window.
    pub limit: Money,
    /// The civil window that the amount is counted in.
    pub window: Window,
    /// What happens to what would pass it.
    pub on_exceed: OnExceed,
}

/// A civil window in the company's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Each run.
    Run,
    /// Each day.
    Day,
    /// Each week, from Monday.
    Week,
    /// Each month.
    Month,
}

/// What happens to what would pass a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum OnExceed {
    /// The step's outcome is `over_budget`.
    #[default]
    Refuse,
    /// It waits for the next window.
    Wait,
}

/// A permission: how freely a playbook or an agent may use a verb.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Autonomy {
    /// `playbook:<id>` or `agent:<id>`.
    pub subject: String,
    /// A verb's full name, `<connector>.*`, or `record.write`.
    pub verb: String,
    /// How freely the subject may use the verb.
    pub level: Level,
}

/// How freely a subject may use a verb; ordered from the tightest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Only a proposal in the inbox.
    Advise,
    /// A gate each time.
    Ask,
    /// It acts, and the owner is told.
    Notify,
    /// It acts, and tells nobody.
    Act,
}

/// Who is told of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotifyRule {
    /// What is told: a `gate` that asks, what is `dead`, an `act` by permission.
    pub on: String,
    /// The send verb that carries it, such as `mail.send`.
    pub via: String,
    /// The address; the owner persona's when absent.
    pub to: Option<String>,
    /// The least risk of a gate that is told.
    pub min_risk: Option<super::Risk>,
    /// How many messages are sent a day at most.
    pub per_day: u32,
}

/// A cap on a count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What is counted: `active_agents`, `deletes_per_commit` or `affected_runs`.
    pub name: String,
    /// The largest count that is allowed.
    pub max: u64,
}

/// A span of time in which nothing acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// The moment it begins, as RFC 3339 writes it.
    pub from: String,
    /// The moment it is over, as RFC 3339 writes it.
    pub until: String,
    /// Why nothing acts then, for whoever reads the plan.
    pub reason: String,
    /// As in [`Budget::scope`].
    pub scope: String,
}

impl Policies {
    /// Returns how long a class is kept: for good where no rule says otherwise, and for the longest where several do.
    #[must_use]
    pub fn keep(&self, class: RetentionClass) -> Option<Period> {
        let rules = self.retention.iter().filter(|rule| rule.class == class);
        rules.map(|rule| rule.keep).max_by_key(|keep| keep.millis())
    }
}

/// How long a class of bytes is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Which bytes are meant.
    pub class: RetentionClass,
    /// How long they are kept, counted from the end of what they are about.
    pub keep: Period,
}

/// What is kept for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionClass {
    /// Runs that have ended, each with all that it began.
    Runs,
    /// What came in and waited, once it was started or dropped.
    Deliveries,
}

impl RetentionClass {
    /// Every class.
    pub const ALL: [Self; 2] = [Self::Runs, Self::Deliveries];

    /// Returns the word of the language.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Deliveries => "deliveries",
        }
    }
}

/// What models cost, by exact model name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// The currency of the table.
    pub currency: Currency,
    /// The most that may be spent a day where no budget says otherwise.
    pub default_cap: Money,
    /// The prices of each model, by its exact name.
    pub models: BTreeMap<Id, Price>,
}

/// Prices per million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Input that no cache of the provider has.
    pub input: Decimal,
    /// Input read from the provider's cache.
    pub cache_read: Decimal,
    /// Input written to the provider's cache.
    pub cache_write: Decimal,
    /// Output, reasoning included.
    pub output: Decimal,
}
