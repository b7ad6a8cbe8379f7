//! From a question to an answer: find the rule, fill the reply, let the adversary at it, hold it to the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::adversary;
use super::completion::Completion;
use super::refusal::Refusal;
use super::request::{Chat, Format};
use crate::fixtures::{Fixtures, Question, Rule};

/// The characters of an unmatched message that the refusal quotes.
const QUOTED: usize = 80;

/// What is sent back, and what the ledger says about it.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) rule: Option<String>,
    pub(super) is_corrupted: bool,
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) completion: Option<Completion>,
    /// The body where there is no completion.
    plain: Value,
    pub(super) delay: Duration,
    pub(super) pause: Duration,
}

impl Answer {
    pub(super) fn plain(body: Value) -> Self {
        Self {
            rule: None,
            is_corrupted: false,
            status: 200,
            headers: BTreeMap::new(),
            completion: None,
            plain: body,
            delay: Duration::ZERO,
            pause: Duration::ZERO,
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "a refusal is answered once")]
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self { status: refusal.status, ..Self::plain(refusal.body()) }
    }

    /// Returns what the ledger says about a request that was never processed.
    pub(super) fn withheld() -> Self {
        Self { status: 0, ..Self::plain(Value::Null) }
    }

    /// Returns the whole body, however it travels.
    pub(super) fn body(&self) -> Value {
        self.completion.as_ref().map_or_else(|| self.plain.clone(), Completion::object)
    }

    pub(super) fn is_stream(&self) -> bool {
        self.completion.as_ref().is_some_and(Completion::is_stream)
    }

    pub(super) fn number(&mut self, number: u64) {
        if let Some(completion) = &mut self.completion {
            completion.number(number);
        }
    }
}

/// Answers a question by the first rule that fits; `uses` counts how often each rule did.
pub(super) fn answer(asked: &Chat, fixtures: &Fixtures, uses: &mut [u32], is_adversary: bool) -> Answer {
    if !fixtures.models.is_empty() && !fixtures.models.contains(&asked.model) {
        let message = format!("The model `{}` does not exist or you do not have access to it.", asked.model);
        return Answer::refused(Refusal::of_status(404, message));
    }
    let all_user = asked.user.join("\n");
    // A repair turn asks about the answer, not about the message: then the whole conversation decides.
    let place = [asked.last_user(), &all_user].into_iter().find_map(|user| {
        let question =
            Question { user, system: &asked.system, schema: asked.schema_name(), model: &asked.model };
        let mut rules = fixtures.rules.iter().zip(uses.iter());
        rules.position(|(rule, uses)| is_left(rule, *uses) && rule.fits(question))
    });
    let Some(place) = place else {
        return Answer::refused(no_fixture(asked));
    };
    let (rule, is_first) = (&fixtures.rules[place], uses[place] == 0);
    uses[place] = uses[place].saturating_add(1);
    let answered = match rule.script.status {
        Some(status) => scripted_error(rule, status),
        None => speak(asked, rule, Turn { text: &all_user, is_first, is_adversary }),
    };
    let script = &rule.script;
    Answer {
        rule: Some(rule.name.clone()),
        headers: script.headers.clone(),
        delay: millis(script.delay_ms),
        pause: millis(script.pause_ms),
        ..answered
    }
}

/// What the reply depends on beside the rule.
#[derive(Clone, Copy)]
struct Turn<'t> {
    text: &'t str,
    is_first: bool,
    is_adversary: bool,
}

fn is_left(rule: &Rule, uses: u32) -> bool {
    rule.script.times.is_none_or(|times| uses < times.get())
}

fn no_fixture(asked: &Chat) -> Refusal {
    let quoted: String = asked.last_user().chars().take(QUOTED).collect();
    let message = format!("no fixture fits the message \"{quoted}\"");
    Refusal { code: Some("no_fixture"), param: Some("messages"), ..Refusal::of_status(404, message) }
}

fn scripted_error(rule: &Rule, status: u16) -> Answer {
    let message = rule.script.error.clone().unwrap_or_else(|| format!("scripted by rule \"{}\"", rule.name));
    Answer::refused(Refusal::of_status(status, message))
}

fn speak(asked: &Chat, rule: &Rule, turn: Turn<'_>) -> Answer {
    let Some(mut reply) = rule.reply(turn.text) else {
        return spoken(asked, rule, None);
    };
    if rule.script.invalid_once && turn.is_first {
        return spoken(asked, rule, Some(content(&violation(&reply))));
    }
    let is_allowed = |reply: &Value| complaint(&asked.format, reply).is_none();
    let is_corrupted = turn.is_adversary && adversary::obey(turn.text, &mut reply, &is_allowed);
    if let Some(complaint) = complaint(&asked.format, &reply) {
        let message = format!("the reply of rule \"{}\" is not what was asked for: {complaint}", rule.name);
        return Answer::refused(Refusal {
            code: Some("fixture_violates_schema"),
            ..Refusal::of_status(500, message)
        });
    }
    Answer { is_corrupted, ..spoken(asked, rule, Some(content(&reply))) }
}

fn spoken(asked: &Chat, rule: &Rule, content: Option<String>) -> Answer {
    let completion = Some(Completion::new(asked, &rule.script, content));
    Answer { completion, ..Answer::plain(Value::Null) }
}

fn content(reply: &Value) -> String {
    reply.as_str().map_or_else(|| reply.to_string(), str::to_owned)
}

/// Returns why a provider that enforces the format would never say this.
fn complaint(format: &Format, reply: &Value) -> Option<String> {
    match format {
        Format::Object if !reply.is_object() => Some("no JSON object".to_owned()),
        Format::Schema { schema, is_strict: true, .. } => {
            let validator = jsonschema::validator_for(schema).ok()?;
            let error = validator.iter_errors(reply).next()?;
            Some(format!("{error} at \"{}\"", error.instance_path()))
        }
        Format::Text | Format::Object | Format::Schema { .. } => None,
    }
}

/// Returns a reply that no schema of this reply allows: one field less, one more.
fn violation(reply: &Value) -> Value {
    let Some(fields) = reply.as_object() else {
        return "this is not what was asked for".into();
    };
    let mut fields: serde_json::Map<String, Value> =
        fields.iter().skip(1).map(|(name, value)| (name.clone(), value.clone())).collect();
    fields.insert("unexpected".to_owned(), true.into());
    Value::Object(fields)
}

/// The wait that a fixture asks for.
fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
