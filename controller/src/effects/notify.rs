//! Telling the operator: one mail for one cause, with one next action.
//!
//! A notice goes out by the `[[notify]]` rules that were in force when its cause came up, one delivery for each. It never carries a link that acts: what to do is a
//! command to type, and what is decided is decided in front of the card.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use adjutant_machine::{
    call::{Notice, VerbCall},
    event::ErrorClass,
};
use adjutant_spec::{
    plan::{Effect, Idempotency, NotifyRule, Plan},
    shown,
};
use serde_json::{Value, json};

use super::outcome::Fault;

/// Why a notice did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotifyFailure {
    /// Whether it may work later.
    pub retry: bool,
    /// Whether the door of its connector was shut, or its rates had no room.
    pub is_held: bool,
    /// After how many milliseconds there may be room; absent where it is nothing that a moment ends.
    pub after: Option<u64>,
    /// What the other side said, redacted.
    pub message: String,
}

/// How many notices have gone out today, by rule. Counted in memory: a restart forgives what was sent.
#[derive(Debug, Default)]
pub(super) struct Caps {
    sent: Mutex<Day>,
}

/// What has gone out on one day.
#[derive(Debug, Default)]
struct Day {
    date: String,
    by_rule: BTreeMap<String, u32>,
}

impl Caps {
    /// Takes one from the day's allowance; false where it is used up. Looking and counting are under one lock: two notices at the
    /// same time must not both take the last one.
    pub(super) fn take(&self, rule: &NotifyRule, today: &str) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.date != today {
            *sent = Day { date: today.to_owned(), by_rule: BTreeMap::new() };
        }
        let count = sent.by_rule.entry(name(rule)).or_default();
        if *count >= rule.per_day {
            return false;
        }
        *count += 1;
        true
    }

    /// Gives one back: it did not go out.
    pub(super) fn give_back(&self, rule: &NotifyRule) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = sent.by_rule.get_mut(&name(rule)) {
            *count = count.saturating_sub(1);
        }
    }
}

fn name(rule: &NotifyRule) -> String {
    format!("{} {} {}", rule.on, rule.via, rule.to.as_deref().unwrap_or_default())
}

/// Returns where a rule's notices go: its own address, else the owner's.
pub(super) fn address(plan: &Plan, rule: &NotifyRule) -> Option<String> {
    let owner = plan.company.personas.iter().find(|persona| persona.id == plan.company.owner);
    rule.to.clone().or_else(|| owner.and_then(|persona| persona.email.clone()))
}

/// Returns the call that carries a notice; its key, and so the mail's Message-ID, is the notice's.
pub(super) fn call(plan: &Plan, rule: &NotifyRule, notice: &Notice, to: &str) -> VerbCall {
    let args = json!({ "to": to, "subject": subject(plan, notice), "body": body(plan, notice) });
    let key = format!(
        "adjutant-notice-{}",
        &blake3::hash(format!("{}\n{to}", notice.id).as_bytes()).to_hex()[..24]
    );
    VerbCall {
        verb: rule.via.clone(),
        args,
        key,
        effect: Effect::Send,
        idempotency: Idempotency::AtMostOnce,
        undo_of: None,
    }
}

fn subject(plan: &Plan, notice: &Notice) -> String {
    let what = match notice.topic.as_str() {
        "gate" => "Your decision",
        "dead" | "failed" => "Stuck",
        "unknown" => "Did it happen?",
        "act" => "Done",
        _ => "Notice",
    };
    format!("[{}] {what}: {}", company(plan), shown::excerpt(&notice.title, 120))
}

fn company(plan: &Plan) -> String {
    shown::excerpt(&plan.company.name, 60)
}

/// Columns of a mail that no reader has to wrap: what it wrapped would begin a line without our mark.
const COLUMNS: usize = 72;

/// Returns the text: whatever others may have had a hand in stands behind `> `, so that no line of it can be taken for
/// one of ours.
fn body(plan: &Plan, notice: &Notice) -> String {
    let (what, then) = match notice.topic.as_str() {
        "gate" => (
            "A decision waits for you:",
            "The card shows exactly what would happen. Nothing happens until you decide.",
        ),
        "act" => ("This was done:", "A grant of level `notify` let it act; nothing waits for you."),
        _ => ("Something is stuck:", "Nothing more happens to it until you look."),
    };
    let quoted = shown::quoted(&shown::excerpt(&notice.title, 400), "> ", COLUMNS);
    let risk = notice.risk.map(|risk| json!(risk)).and_then(|word| word.as_str().map(str::to_owned));
    let risk = risk.map_or_else(String::new, |risk| format!("Risk: {risk}\n"));
    let twice = shown::look_twice(&notice.title);
    let twice: String = twice.iter().map(|warning| format!("Look twice: {warning}\n")).collect();
    format!(
        "{what}\n\n{quoted}\n{risk}{twice}Type: {}\n\n{then}\n\n-- \nAdjutant for {}\n",
        shown::line(&notice.action),
        company(plan)
    )
}

/// Returns how the sender of a notice shall take a failure. One that may have gone out is not sent again.
pub(super) fn failure(fault: &Fault, message: String) -> Option<NotifyFailure> {
    match fault {
        Fault::Unknown(_) => None,
        Fault::Held(held) => Some(NotifyFailure { retry: true, is_held: true, after: held.after, message }),
        Fault::Definite(failure) => {
            let retry = matches!(failure.class, ErrorClass::Transient | ErrorClass::RateLimited);
            Some(NotifyFailure { retry, is_held: false, after: None, message })
        }
    }
}

/// The company's own date, for caps that a person counts by days.
pub(super) fn today(plan: &Plan) -> String {
    let now = jiff::Timestamp::now();
    now.in_tz(&plan.company.zone)
        .map_or_else(|_| now.to_string()[..10].to_owned(), |zoned| zoned.date().to_string())
}

/// Returns a notice as it is logged where no rule carries it.
pub(super) fn logged(notice: &Notice) -> Value {
    json!({ "id": notice.id, "topic": notice.topic, "title": notice.title, "action": notice.action })
}
