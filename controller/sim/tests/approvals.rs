//! What an approval is worth after it was given: it covers the retry of what did not happen, and nothing that has moved since.

mod common;

use adjutant_machine::{
    Refusal, Verdict,
    event::{Basis, Decision, Denial, ErrorClass, Event, Settlement},
    run::Status,
    trust::Speaker,
};
use adjutant_sim::companies::small;
use adjutant_spec::plan::Plan;
use common::{World, args, verb};
use serde_json::{Value, json};

const DESK: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.file]
method = "POST"
path = "/file"
effect = "write"
input = { text = "string" }
output = { id = "string" }

[verbs.mail]
method = "POST"
path = "/mail"
effect = "send"
input = { text = "string" }

[verbs.unfile]
method = "POST"
path = "/unfile"
effect = "write"
input = { id = "string" }
"#;

const QUOTE: &str =
    r#"{ "type": "object", "properties": { "text": { "type": "string" }, "state": { "type": "string" } } }"#;

/// Reads a quote, asks, notes that it is approved, and does something with its text.
fn playbook(act: &str) -> String {
    format!(
        r#"schema = "adjutant/v1"
title = "Quotes"

[[step]]
id = "read"
[step.record]
kind = "quote"
key = "q-1"
read = "one"

[[step]]
id = "words"
render = "templates/words.md"

[[step]]
id = "ask"
gate = "Send it?"
show = ["steps.words.text"]
risk = "low"
expires = "7d"
on = {{ denied = "close", expired = "close" }}

[[step]]
id = "note"
[step.record]
kind = "quote"
key = "q-1"
[step.record.write]
state = "approved"

{act}

[[step]]
id = "close"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#
    )
}

const FILE: &str = "[[step]]\nid = \"act\"\nnext = \"done\"\ncall = \"desk.file\"\nwith = { text = \"{{ steps.words.text }}\" }";
const MAIL: &str = "[[step]]\nid = \"act\"\nnext = \"done\"\ncall = \"desk.mail\"\nwith = { text = \"{{ steps.words.text }}\" }";
const WRITE: &str = "[[step]]\nid = \"act\"\nnext = \"done\"\n[step.record]\nkind = \"quote\"\nkey = \"q-2\"\n[step.record.write]\n\
                     text = \"{{ steps.words.text }}\"";

fn plan(act: &str) -> Plan {
    small(&[
        ("connectors/desk.toml", DESK),
        ("records/quote.json", QUOTE),
        ("templates/words.md", "Dear Ada, {{ steps.read.value.text }}"),
        ("playbooks/quotes.toml", &playbook(act)),
    ])
}

/// Comes to the covered step: its quote was read at version 3, and approved.
fn approved(act: &str) -> World {
    let mut world = World::start(&plan(act), "quotes", &[]);
    world.answer(json!({ "value": { "text": "1200 EUR" }, "version": 3 }));
    world.approve();
    assert_eq!(verb(&world.answer(json!({ "value": {}, "version": 4 }))), "record.write");
    assert_eq!(world.at(), "act");
    world
}

fn retry(world: &mut World) {
    let event =
        Event::RunRetried { step: None, edits: Default::default(), speaker: Speaker::Operator, reason: None };
    assert_eq!(world.send("operator", event), Verdict::Applied);
}

#[test]
fn an_approval_covers_the_retry_of_the_same_payload() {
    for act in [FILE, MAIL, WRITE] {
        let mut world = approved(act);
        let first = world.lease();
        world.fail(&first, ErrorClass::Invalid);
        assert_eq!(world.host.ended(&world.run), Some(Status::Failed), "{act}");
        retry(&mut world);
        let second = world.waiting();
        assert_eq!(second.approval, first.approval, "{act}: the same approval");
        assert_eq!(format!("{:?}", second.call).replace(&second.effect.key(), ""), {
            format!("{:?}", first.call).replace(&first.effect.key(), "")
        });
        assert_eq!(world.state().open_gates().count(), 0, "{act}: nobody is asked again");
    }
}

#[test]
fn an_edit_does_not_stand_in_for_the_form_of_a_gate() {
    let plan = playbook(FILE).replace("risk = \"low\"", "form = { to = \"string\" }\nrisk = \"low\"");
    let plan = small(&[
        ("connectors/desk.toml", DESK),
        ("records/quote.json", QUOTE),
        ("templates/words.md", "Dear Ada, {{ steps.read.value.text }}"),
        ("playbooks/quotes.toml", &plan),
    ]);
    let mut world = World::start(&plan, "quotes", &[]);
    world.answer(json!({ "value": { "text": "1200 EUR" }, "version": 3 }));
    let values = [("steps.words.text".to_owned(), json!("Dear Ada"))].into();
    let refused = World::refusal(world.decide(Decision::Edited { values }));
    assert!(matches!(refused, Refusal::FormMissing { .. }), "{refused}");
    assert_eq!(world.at(), "ask", "the question stays");
}

#[test]
fn an_approval_is_used_up_by_what_happened_and_by_what_may_have() {
    for act in [FILE, MAIL] {
        let mut world = approved(act);
        let sent = world.lease();
        world.send("operator", Event::RunKilled { reason: "stop".to_owned() });
        let happened = Settlement::Happened(json!({ "id": "1" }));
        world.send(
            "operator",
            Event::EffectSettled { effect: sent.effect.clone(), settlement: happened, reason: None },
        );
        let event = Event::RunRetried {
            step: Some("act".to_owned()),
            edits: Default::default(),
            speaker: Speaker::Operator,
            reason: None,
        };
        assert_eq!(world.send("operator", event), Verdict::Applied);
        if act == MAIL {
            assert_eq!(world.at(), "ask", "a second mail is a second question");
        } else {
            assert_eq!(world.waiting().approval, None);
        }
    }
}

#[test]
fn a_step_that_lost_its_approval_asks_again_where_nothing_grants_it() {
    let mut world = approved(FILE);
    let sent = world.lease();
    world.send("operator", Event::RunKilled { reason: "stop".to_owned() });
    let happened = Settlement::Happened(json!({ "id": "1" }));
    world.send("operator", Event::EffectSettled { effect: sent.effect, settlement: happened, reason: None });
    let event = Event::RunRetried {
        step: Some("act".to_owned()),
        edits: Default::default(),
        speaker: Speaker::Operator,
        reason: None,
    };
    world.send("operator", event);
    let effect = world.waiting().effect;
    let message = "nothing grants \"desk.file\"".to_owned();
    world.send("host", Event::EffectDenied { effect, denial: Denial::Policy, message });
    assert_eq!(world.at(), "ask", "the gate that covers it opens again");
    world.approve();
    let again = world.waiting();
    assert_eq!((verb(&again).as_str(), again.approval.is_some()), ("desk.file", true));
}

#[test]
fn a_denial_that_no_approval_could_lift_is_no_second_question() {
    let mut world = approved(FILE);
    let effect = world.waiting().effect;
    let message = "the slice only observes".to_owned();
    world.send("host", Event::EffectDenied { effect, denial: Denial::Policy, message });
    assert_eq!(world.state().open_gates().count(), 0);
    assert_eq!(world.host.ended(&world.run), Some(Status::Failed));
}

#[test]
fn an_approved_call_knows_the_records_that_it_and_its_card_were_made_of() {
    for act in [FILE, MAIL, WRITE] {
        let world = approved(act);
        let effect = world.waiting().effect;
        let read = Basis { record: "quote".to_owned(), key: "q-1".to_owned(), version: 3 };
        assert_eq!(world.state().effects[&effect].basis, [read], "{act}");
    }
}

#[test]
fn a_call_whose_records_moved_since_its_approval_asks_again_and_does_not_leave() {
    for act in [FILE, MAIL, WRITE] {
        let mut world = approved(act);
        let (effect, before) = (world.waiting().effect, args_of(&world));
        let moved = Basis { record: "quote".to_owned(), key: "q-1".to_owned(), version: 7 };
        let event = Event::EffectOutdated { effect: effect.clone(), moved: vec![moved.clone()] };
        assert_eq!(world.send("host", event), Verdict::Applied, "{act}");
        assert!(world.host.outbox.is_empty(), "{act}: it does not leave");
        let card = world.gate().card;
        assert!(card.why.contains("quote \"q-1\" was at version 3 and is at 7 now"), "{}", card.why);
        world.approve();
        assert_eq!(args_of(&world), before, "{act}: what was shown is what is sent");
        assert_eq!(world.state().effects[&effect].basis, [moved], "{act}: only a later change counts now");

        let mut world = approved(act);
        let effect = world.waiting().effect;
        let moved = vec![Basis { record: "quote".to_owned(), key: "q-1".to_owned(), version: 7 }];
        world.send("host", Event::EffectOutdated { effect, moved });
        assert_eq!(world.decide(Decision::Denied), Verdict::Applied);
        assert!(world.host.outbox.is_empty(), "{act}");
    }
}

fn args_of(world: &World) -> Value {
    match &*world.waiting().call {
        adjutant_machine::call::Call::RecordWrite { value, .. } => value.clone(),
        _ => args(&world.waiting()),
    }
}
