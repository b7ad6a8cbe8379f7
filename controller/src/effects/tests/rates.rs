//! What leaves beside an effect takes its place in the rates, or does not leave.

use std::sync::{Arc, Mutex};

use adjutant_doubles::{Doubles, Fixtures, MODEL_TOKEN, Options};
use adjutant_machine::{
    call::{Call, Notice},
    event::{ErrorClass, Event},
};
use adjutant_spec::plan::{Mode, NotifyRule, Plan};
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{
    class_of,
    plans::{Room, agent_call, billing, connector, job, mail, model, plan},
    routes, value_of,
};
use crate::effects::{Doors, Leaving, NoRoom};

/// Doors with so many places.
#[derive(Default)]
struct Places {
    left: Mutex<usize>,
    asked: Mutex<Vec<String>>,
}

impl Places {
    fn with(left: usize) -> Arc<Self> {
        Arc::new(Self { left: Mutex::new(left), asked: Mutex::default() })
    }

    /// What asked for a place: a connector, or a verb.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Doors for Places {
    fn shut(&self, _connector: &str) -> Option<String> {
        None
    }

    fn take<'a>(&'a self, leaving: Leaving<'a>) -> BoxFuture<'a, Result<(), NoRoom>> {
        self.asked.lock().unwrap().push(leaving.verb.unwrap_or(leaving.connector).to_owned());
        let mut left = self.left.lock().unwrap();
        let taken = left.checked_sub(1).map(|rest| *left = rest);
        let full = || NoRoom { reason: "the rate of \"llm\" is used up".into(), after: 7_000 };
        Box::pin(std::future::ready(taken.ok_or_else(full)))
    }
}

async fn doubles(rules: Value) -> Doubles {
    let fixtures = Fixtures::parse(&json!({ "rules": rules }).to_string()).unwrap();
    Doubles::start(Options { fixtures, ..Options::default() }).await.unwrap()
}

fn rule(reply: &Value) -> Value {
    json!({ "name": "any", "match": "", "reply": reply, "usage": { "prompt_tokens": 100, "completion_tokens": 10 } })
}

fn room(plan: Plan, places: &Arc<Places>) -> Room {
    Room::behind(plan, &[("llm", MODEL_TOKEN)], Arc::clone(places) as Arc<dyn Doors>)
}

fn question() -> Call {
    let schema = json!({ "type": "object", "required": ["fit"], "additionalProperties": false,
        "properties": { "fit": { "type": "number", "maximum": 1 } } });
    Call::Agent(Box::new(agent_call("qualifier", "How well does it fit?", schema)))
}

#[tokio::test]
async fn a_second_question_takes_a_place_and_the_first_was_counted_when_its_effect_began() {
    let mut bad = rule(&json!({ "fit": 7 }));
    bad["times"] = 1.into();
    let doubles = doubles(json!([bad, rule(&json!({ "fit": 1 }))])).await;
    let places = Places::with(1);
    let room = room(plan([model(&doubles.addresses.model)]), &places);
    assert_eq!(value_of(&room.perform(&job(question())).await)["fit"], 1);
    assert_eq!((places.asked(), doubles.model().requests().len()), (vec!["llm".to_owned()], 2));
}

#[tokio::test]
async fn a_second_question_without_a_place_ends_the_call_to_be_tried_later() {
    let doubles = doubles(json!([rule(&json!({ "fit": 7 }))])).await;
    let places = Places::with(0);
    let room = room(plan([model(&doubles.addresses.model)]), &places);
    let event = room.perform(&job(question())).await;
    assert_eq!(class_of(&event), Ok(ErrorClass::RateLimited), "{event:?}");
    let Event::EffectFailed { cost: Some(cost), retry_after: Some(after), message, .. } = event else {
        panic!()
    };
    assert!(!cost.amount.is_zero() && after == 7_000 && message.contains("used up"), "{message}");
    assert_eq!(doubles.model().requests().len(), 1, "nothing more leaves");
}

fn routed(attempt: u32) -> adjutant_machine::call::Perform {
    let text = "Hmm, a word about Tuesday?".to_owned();
    let call = Call::Route { route: "inbound".into(), text, context: json!({}) };
    adjutant_machine::call::Perform { attempt, ..job(call) }
}

/// A text that a route was asked about.
struct Asked {
    event: Event,
    /// How many requests the model heard.
    requests: usize,
}

/// A route of two hops, and what the model says to each.
async fn asked(replies: &[Value], places: &Arc<Places>, attempt: u32) -> Asked {
    let one = |reply: &Value| {
        let mut rule = rule(reply);
        rule["times"] = 1.into();
        rule
    };
    let doubles = doubles(replies.iter().map(one).collect()).await;
    let mut plan = routes::with_hop(routes::company(), &doubles.addresses.model);
    plan.routes.get_mut("inbound").unwrap().escalate =
        ["agent:ghost", "agent:sorter", "agent:sorter"].map(str::to_owned).to_vec();
    // What the endpoint's strict mode lets through, and the agent's own schema does not.
    plan.agents.get_mut("sorter").unwrap().output["properties"]["confidence"]["maximum"] = 1.into();
    let room = room(plan, places);
    let event = room.perform(&routed(attempt)).await;
    Asked { event, requests: doubles.model().requests().len() }
}

#[tokio::test]
async fn each_hop_takes_a_place_and_so_does_its_second_question() {
    let (unsure, broken, sure) = (
        json!({ "class": "support", "confidence": 0.1 }),
        json!({ "class": "support", "confidence": 7 }),
        json!({ "class": "support", "confidence": 1 }),
    );
    let table = [
        (vec![sure.clone()], 1, "support"),
        (vec![unsure.clone(), sure.clone()], 2, "support"),
        (vec![broken.clone(), unsure, sure.clone()], 3, "support"),
        (vec![broken, sure], 2, "support"),
    ];
    for (replies, count, class) in table {
        let places = Places::with(9);
        let Asked { event, requests } = asked(&replies, &places, 1).await;
        assert_eq!(value_of(&event)["class"], class, "{replies:?}: {event:?}");
        assert_eq!((places.asked().len(), requests), (count, count), "{replies:?}");
    }
}

#[tokio::test]
async fn a_first_hop_without_a_place_puts_its_effect_back_and_the_next_attempt_was_counted() {
    let sure = [json!({ "class": "support", "confidence": 1 })];
    let places = Places::with(0);
    let Asked { event, requests } = asked(&sure, &places, 1).await;
    assert!(
        matches!(&event, Event::EffectHeldBack { reason, .. } if reason.contains("used up")),
        "{event:?}"
    );
    assert_eq!(requests, 0);
    let places = Places::with(0);
    let Asked { event, requests } = asked(&sure, &places, 2).await;
    assert_eq!((&value_of(&event)["class"], requests), (&json!("support"), 1), "{event:?}");
    assert!(places.asked().is_empty());
}

#[tokio::test]
async fn a_later_hop_without_a_place_is_passed_over_with_its_reason() {
    let replies =
        [json!({ "class": "support", "confidence": 0.1 }), json!({ "class": "support", "confidence": 1 })];
    let places = Places::with(1);
    let Asked { event, requests } = asked(&replies, &places, 1).await;
    assert_eq!((&value_of(&event)["class"], requests), (&json!("unsure"), 1));
    let Event::EffectSucceeded { provenance, .. } = event else { panic!() };
    let reason = provenance["hops"][2]["reason"].as_str().unwrap();
    assert!(reason.contains("used up"), "{provenance}");
}

fn notice() -> Notice {
    let (title, action) = ("Send it?".into(), "adjutant inbox".into());
    Notice { id: "g1".into(), topic: "gate".into(), risk: None, title, action }
}

#[tokio::test]
async fn a_notice_takes_a_place_and_without_one_nothing_of_the_day() {
    let doubles = Doubles::start(Options::default()).await.unwrap();
    let rule =
        NotifyRule { on: "gate".into(), via: "mail.send".into(), to: None, min_risk: None, per_day: 1 };
    let places = Places::with(0);
    let room = room(plan([mail(&format!("smtp://{}", doubles.addresses.smtp))]), &places);
    for _ in 0..3 {
        let failure = room.notify(&notice(), Some(&rule)).await.unwrap_err();
        assert!(failure.retry && failure.is_held && failure.after == Some(7_000), "{failure:?}");
    }
    assert!(doubles.smtp().mails().is_empty());
    *places.left.lock().unwrap() = 1;
    room.notify(&notice(), Some(&rule)).await.unwrap();
    assert_eq!(doubles.smtp().mails().len(), 1, "the day's one is left");
    assert_eq!(places.asked(), vec!["mail.send"; 4]);
}

#[tokio::test]
async fn what_does_not_leave_takes_no_place() {
    for mode in [Mode::Dry, Mode::Fixture] {
        let (mut mail, mut llm) = (mail("smtp://127.0.0.1:9"), model("http://127.0.0.1:9"));
        (mail.mode, llm.mode) = (mode, mode);
        let places = Places::with(0);
        let room = room(plan([mail, llm]), &places);
        let rule =
            NotifyRule { on: "gate".into(), via: "mail.send".into(), to: None, min_risk: None, per_day: 1 };
        // Whether it was told is not what is asked here.
        drop(room.notify(&notice(), Some(&rule)).await);
        assert!(places.asked().is_empty(), "{mode:?}");
    }
}

#[tokio::test]
async fn a_look_at_another_side_takes_a_place() {
    let places = Places::with(0);
    let connectors = [
        billing("http://127.0.0.1:9"),
        mail("smtp://127.0.0.1:9"),
        model("http://127.0.0.1:9"),
        connector("files", "files", "out"),
    ];
    let room = room(plan(connectors), &places);
    for name in ["mail", "llm", "files"] {
        let report = room.probe(name).await.unwrap();
        let is_full = report["error"].as_str().is_some_and(|error| error.contains("used up"));
        assert_eq!(is_full, name != "files", "{report}");
    }
    assert_eq!(places.asked(), ["mail", "llm"]);
}
