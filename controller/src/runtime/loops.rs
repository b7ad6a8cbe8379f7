//! Two programs that answer each other: how many mails one address gets in a day that no person approved.
//!
//! Most machines say that they are machines, and their mails start nothing. This is for those that do not: their answers
//! start runs, whose mails they answer. What is beyond the most of a day waits for a person, who sees to whom it goes.

use std::collections::BTreeSet;

use adjutant_machine::{
    call::{Approval, Call, Perform, VerbCall},
    event::Event,
    journal::{JournalError, Table},
};
use adjutant_spec::{
    kinds::Role,
    plan::{Connector, Effect, Plan},
    shown,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{draft::Draft, rows};

/// The most mails to one address a day, unless the connector says otherwise.
const PER_ADDRESS: u64 = 10;

const DAY: i64 = 86_400_000;

/// How many mails an address had on a day, counted from midnight in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
struct MailsOfDay {
    day: i64,
    count: u64,
}

/// Returns what stops a mail whose addressees have had enough of us today.
pub(super) fn stop(
    draft: &mut Draft<'_>,
    plan: &Plan,
    perform: &Perform,
) -> Result<Option<Event>, JournalError> {
    let Some(OwnMail { connector, call }) = unapproved(plan, perform) else { return Ok(None) };
    let most = connector.settings.get("per_address").and_then(Value::as_u64).unwrap_or(PER_ADDRESS);
    for address in addresses(call) {
        let told = told(draft, connector, &address)?;
        if told.count >= most {
            let rule = format!(
                "{} has had {} mails today that nobody approved, and {most} is the most (`per_address` of \"{}\")",
                shown::excerpt(&address, 80),
                told.count,
                connector.id
            );
            return Ok(Some(Event::EffectNeedsApproval { effect: perform.effect.clone(), rule }));
        }
    }
    Ok(None)
}

/// Counts a mail that goes out.
pub(super) fn count(draft: &mut Draft<'_>, plan: &Plan, perform: &Perform) -> Result<(), JournalError> {
    let Some(OwnMail { connector, call }) = unapproved(plan, perform) else { return Ok(()) };
    for address in addresses(call) {
        let told = told(draft, connector, &address)?;
        let key = rows::admission::told(&connector.id, &address);
        draft.put(Table::Admission, &key, Some(&MailsOfDay { count: told.count + 1, ..told }));
    }
    Ok(())
}

/// A mail that a call sends by itself.
struct OwnMail<'a> {
    /// What it leaves by.
    connector: &'a Connector,
    call: &'a VerbCall,
}

/// Returns the mail that a call sends by itself. What a person approved is theirs, and an attempt that is made again is the
/// same mail.
fn unapproved<'a>(plan: &'a Plan, perform: &'a Perform) -> Option<OwnMail<'a>> {
    let Call::Verb(call) = &*perform.call else { return None };
    let (connector, _) = plan.verb(&call.verb)?;
    let is_approved = perform.approval.as_ref().is_some_and(Approval::is_by_person);
    let is_mail = connector.is_for(Role::SendsMails) && call.effect == Effect::Send;
    (is_mail && !is_approved && !perform.dry && perform.attempt <= 1).then_some(OwnMail { connector, call })
}

fn told(draft: &mut Draft<'_>, connector: &Connector, address: &str) -> Result<MailsOfDay, JournalError> {
    let day = draft.now.0.div_euclid(DAY);
    let found: Option<MailsOfDay> =
        draft.get(Table::Admission, &rows::admission::told(&connector.id, address))?;
    Ok(found.filter(|told| told.day == day).unwrap_or(MailsOfDay { day, count: 0 }))
}

/// Returns to whom a mail goes: the addresses alone, each once.
fn addresses(call: &VerbCall) -> BTreeSet<String> {
    let texts =
        ["to", "cc"].into_iter().filter_map(|name| call.args.get(name)).flat_map(|value| match value {
            Value::String(one) => vec![one.as_str()],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        });
    let alone = |text: &str| {
        let inner = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inner, _)| inner);
        inner.unwrap_or(text).trim().to_lowercase()
    };
    texts.map(alone).filter(|address| !address.is_empty()).collect()
}
