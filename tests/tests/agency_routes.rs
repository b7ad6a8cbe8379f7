//! The shipped agency's route, decided by the published model: sixty messages that were written by hand and are no
//! examples of it. The golden table says who answered each; a change of it is reviewed like code. The strangers among
//! them are near on purpose: the promise is about all that was decided, theirs included.
//!
//! The weights are not in the repository: where they have not been pulled this test fails and says how, unless
//! `ADJUTANT_SKIP_MODELS` is set.

#![expect(clippy::unwrap_used, reason = "a test that breaks off has failed")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use adjutant::{
    effects::{Effects, Options, secrets::Keys},
    judgement::{Files, Routers},
};
use adjutant_company::agency;
use adjutant_spec::plan::Plan;
use serde_json::Value;

const ROUTE: &str = "inbound";

/// A message, and the class that a person gives it.
struct Message {
    text: String,
    class: Option<String>,
}

/// Who answered a message.
struct Row<'a> {
    message: &'a Message,
    class: String,
    stage: String,
}

impl Row<'_> {
    fn is_escalated(&self) -> bool {
        self.stage == "abstained"
    }

    fn is_right(&self) -> bool {
        self.message.class.as_ref() == Some(&self.class)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn messages() -> Vec<Message> {
    let lines = fs::read_to_string(root().join("tests/fixtures/messages/agency.jsonl")).unwrap();
    let message = |line: &str| {
        let one: Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| one[key].as_str().map(str::to_owned);
        Message { text: word("text").unwrap(), class: word("label") }
    };
    lines.lines().map(message).collect()
}

fn answers<'a>(effects: &Effects, plan: &Plan, messages: &'a [Message]) -> Vec<Row<'a>> {
    let answer = |message: &'a Message| {
        let said = effects.try_route(plan, ROUTE, &message.text).unwrap();
        let word = |key: &str| said[key].as_str().unwrap().to_owned();
        Row { message, class: word("class"), stage: word("stage") }
    };
    messages.iter().map(answer).collect()
}

fn table(answers: &[Row<'_>]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows = String::from("| message | a person says | answer | by |\n|---|---|---|---|\n");
    for answer in answers {
        *counts.entry(&answer.stage).or_default() += 1;
        let (text, label) = (&answer.message.text, answer.message.class.as_deref().unwrap_or("none"));
        let answered = if answer.is_escalated() { "escalated" } else { &answer.class };
        let wrong = if answer.is_escalated() || answer.is_right() { "" } else { " (wrong)" };
        writeln!(rows, "| {text} | {label} | {answered}{wrong} | {} |", answer.stage).unwrap();
    }
    let counts: Vec<String> = counts.iter().map(|(stage, count)| format!("{stage} {count}")).collect();
    format!("{}\n\n{rows}", counts.join(", "))
}

#[test]
fn sixty_messages_are_answered_as_the_table_says() {
    let routers = Routers::new(Files::locate());
    if let Some(stand_in) = routers.standing(None).stand_in {
        let is_skipped = std::env::var_os("ADJUTANT_SKIP_MODELS").is_some();
        assert!(is_skipped, "{} does not answer: {}; {}", stand_in.wanted, stand_in.reason, stand_in.hint);
        println!("skipped: {}", stand_in.reason);
        return;
    }
    let options =
        Options { keys: Keys::at("/nonexistent"), files: root().into(), keep_out: Vec::new(), routers };
    let effects = Effects::new(options);
    let messages = messages();
    let answers = answers(&effects, &agency(), &messages);
    insta::assert_snapshot!(table(&answers));
    let own = |answer: &&Row<'_>| answer.message.class.is_some() && !answer.is_escalated();
    let confused = answers.iter().filter(own).filter(|answer| !answer.is_right()).count();
    assert_eq!(confused, 0, "no message of one class goes the way of the other");
    let decided = answers.iter().filter(own).count();
    assert!(decided * 3 >= messages.len(), "a router that never decides is never wrong: {decided} decided");
    let all = answers.iter().filter(|answer| !answer.is_escalated()).count();
    assert!(decided * 10 >= all * 9, "the route promises nine of ten: {decided} of {all} are right");
}
