//! What comes in from outside as a signal: an event of a connector, and a mail that answers another one.

use std::sync::Arc;

use adjutant_machine::{
    id::EffectId,
    life::{
        delivery::Arrival,
        mailbox::{Addressed, MailboxId},
    },
    trust::Speaker,
};
use adjutant_spec::{kinds::Role, plan::REPLY};
use serde_json::{Map, Value, json};

use super::{
    super::{
        Error,
        core::{Core, Live},
    },
    MOST_DATA, Sending, send,
};

/// The most mails that one mail answers, of those that it names.
const MOST_ANSWERED: usize = 32;
/// The most letters of one text that are sent with a signal.
const MOST_TEXT: usize = 16_000;
/// How many bytes of what is sent are kept for saying what is left out.
const FOR_LEFT_OUT: usize = 4 << 10;
/// How many fields that are left out are named, and the longest name that is.
const NAMED: usize = 20;
const LONGEST_NAME: usize = 100;

/// Sends what a delivery is to those who wait for it: an event by its connector's field, and a mail to whoever waits for an answer
/// to the mails that it names. Tells whether it needs no playbook: an event that is a signal, and a mail that somebody waited for.
pub(in crate::runtime) async fn of_delivery(
    core: &Arc<Core>,
    live: &Live,
    arrival: &Arrival,
) -> Result<bool, Error> {
    let Some(connector) = live.plan.as_ref().and_then(|plan| plan.connector(&arrival.connector)) else {
        return Ok(false);
    };
    let speaker = Speaker::of_connector(Some(connector));
    let mut is_signal = false;
    let field = connector.signals.get(&arrival.event);
    if let Some(key) = field.and_then(|field| text_at(&arrival.content, field)) {
        let signal = format!("{}.{}", connector.id, arrival.event);
        send(core, sending(arrival, MailboxId { signal, of: Addressed::Key(key) }, speaker)).await?;
        is_signal = true;
    }
    if connector.is_for(Role::TakesMails) {
        for id in answered(&arrival.content) {
            let mailbox = MailboxId { signal: REPLY.to_owned(), of: Addressed::Key(id) };
            if !is_ours(core, &mailbox).await? {
                continue;
            }
            let sent = send(core, sending(arrival, mailbox, speaker)).await?;
            is_signal |= sent.put.is_some_and(|put| put.is_taken);
        }
    }
    Ok(is_signal)
}

fn sending(arrival: &Arrival, mailbox: MailboxId, speaker: Speaker) -> Sending {
    Sending {
        id: format!("{}:{}", arrival.connector, arrival.id),
        signal: mailbox.signal,
        to: Some(mailbox.of),
        triggers: false,
        data: bounded(&arrival.content),
        by: arrival.by.clone(),
        speaker,
        chain: 0,
    }
}

/// Returns whether a mail that another one answers is ours: a run of ours sent it, or somebody waits, or waited, for the answer.
/// Whoever writes to us may name any ids; for those of others nothing is kept.
async fn is_ours(core: &Arc<Core>, mailbox: &MailboxId) -> Result<bool, Error> {
    let Addressed::Key(id) = &mailbox.of else { return Ok(false) };
    let sent_by = id.split('@').next().and_then(EffectId::of_key).map(|effect| effect.instance());
    let known = mailbox.instance();
    core.read(move |core| {
        for instance in [Some(known), sent_by].into_iter().flatten() {
            if core.journal.last(&instance)? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    })
    .await
}

/// Returns the text, or the number, at a dotted path of an event's fields.
fn text_at(content: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(content, |value, name| value.get(name))?;
    match found {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns the ids of the mails that a mail answers, without their angle brackets.
fn answered(mail: &Value) -> Vec<String> {
    let one = mail.get("in_reply_to").and_then(Value::as_str);
    let others = mail.get("references").and_then(Value::as_array).into_iter().flatten();
    let ids = one.into_iter().chain(others.filter_map(Value::as_str));
    let mut found: Vec<String> = Vec::new();
    for id in ids.flat_map(str::split_whitespace) {
        let id = id.trim_matches(['<', '>']).to_owned();
        if !id.is_empty() && !found.contains(&id) && found.len() < MOST_ANSWERED {
            found.push(id);
        }
    }
    found
}

/// Returns an event's fields as they are sent with a signal. What is too long for it is cut and says so; where that is not enough
/// the longest fields are left out, and `_left_out` names them.
fn bounded(content: &Value) -> Value {
    let size = |value: &Value| serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len());
    let whole = cut(content);
    if size(&whole) <= MOST_DATA {
        return whole;
    }
    let Value::Object(fields) = whole else { return json!({ "_left_out": [] }) };
    let mut by_size: Vec<(usize, String, Value)> = fields
        .into_iter()
        .map(|(name, value)| (size(&value) + size(&json!(name)) + 2, name, value))
        .collect();
    by_size.sort_by_key(|(size, ..)| *size);
    let (mut room, mut kept, mut left_out) = (MOST_DATA - FOR_LEFT_OUT, Map::new(), Vec::new());
    for (size, name, value) in by_size {
        match room.checked_sub(size) {
            Some(rest) => {
                room = rest;
                kept.insert(name, value);
            }
            None if name.len() <= LONGEST_NAME && left_out.len() < NAMED => left_out.push(name),
            None => {}
        }
    }
    kept.insert("_left_out".to_owned(), json!(left_out));
    Value::Object(kept)
}

/// Returns fields with their long texts cut.
fn cut(content: &Value) -> Value {
    let Value::Object(fields) = content else { return content.clone() };
    let cut = |value: &Value| match value {
        Value::String(text) if text.chars().count() > MOST_TEXT => {
            let head: String = text.chars().take(MOST_TEXT).collect();
            Value::String(format!("{head} […]"))
        }
        other => other.clone(),
    };
    Value::Object(fields.iter().map(|(name, value)| (name.clone(), cut(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_or_left_out_and_what_is_short_stays() {
        let long = "ä".repeat(MOST_TEXT + 1);
        let sent = bounded(&json!({ "id": "inv-7", "text": long }));
        assert!(sent["text"].as_str().is_some_and(|text| text.ends_with("[…]")), "{sent}");
        let lines = vec!["x".repeat(1_000); 70];
        let sent = bounded(&json!({ "id": "inv-7", "amount": 5, "lines": lines }));
        assert_eq!(sent, json!({ "id": "inv-7", "amount": 5, "_left_out": ["lines"] }));
    }

    #[test]
    fn whatever_comes_it_fits() {
        let many: Map<String, Value> = (0..3_000)
            .map(|number| (format!("{number}-{}", "n".repeat(90)), json!("x".repeat(90))))
            .collect();
        let odd = [json!({ "from": { "a": "x".repeat(100_000) } }), json!(many), json!(vec!["x"; 50_000])];
        for content in odd {
            let sent = bounded(&content);
            assert!(serde_json::to_vec(&sent).unwrap().len() <= MOST_DATA);
            assert!(sent.get("_left_out").is_some());
        }
    }

    #[test]
    fn a_mail_answers_each_mail_once_whatever_the_form_of_its_ids() {
        let mail = json!({ "in_reply_to": "<a@b>", "references": ["<a@b> <c@d>", "e@f", 7] });
        assert_eq!(answered(&mail), ["a@b", "c@d", "e@f"]);
    }
}
