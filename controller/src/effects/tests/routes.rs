//! Routes: rules before examples, abstention before guesses, hops before `unsure`.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_doubles::{Doubles, Fixtures, MODEL_TOKEN, Options};
use adjutant_machine::{call::Call, event::Event};
use adjutant_spec::{
    plan::{Bundle, OnUpdate, Plan, Playbook, Rule, Trigger},
    value::Template,
};
use serde_json::{Value, json};

use super::{
    plans::{Room, agent, class, job, model, plan, route},
    value_of,
};

pub(super) fn company() -> Plan {
    let lead = class(
        "lead",
        &[
            "We need a new website for our shop, could you send a quote?",
            "How much would a redesign of our website cost? Our budget is around 4000 euros.",
            "We are looking for an agency to build our online shop this spring.",
            "Could you make us an offer for a logo and a small website?",
            "I would like a proposal and a price for a landing page.",
            "Our company needs a new website. When could you start and what would it cost?",
        ],
    );
    let support = class(
        "support",
        &[
            "I cannot log in to the admin page any more, the password is refused.",
            "The contact form on our site is broken, it shows an error.",
            "Since yesterday the site does not work on phones, can you help?",
            "Images are missing on the shop page you built for us.",
            "How do I reset my password for the editor?",
            "The site is down, please fix it.",
        ],
    );
    let mut plan = plan([]);
    plan.routes.insert("inbound".into(), route(vec![lead, support]));
    plan
}

fn rule(class: &str) -> Rule {
    Rule { class: class.into(), exact: Vec::new(), contains: Vec::new(), regex: Vec::new(), when: None }
}

async fn classify(room: &Room, text: &str, context: Value) -> Event {
    let call = Call::Route { route: "inbound".into(), text: text.into(), context };
    room.perform(&job(call)).await
}

/// What a route said, and which stage of it.
#[derive(Debug, PartialEq)]
struct Said {
    class: String,
    stage: String,
}

async fn class_for(room: &Room, text: &str) -> Said {
    let event = classify(room, text, json!({})).await;
    let word = |name: &str| value_of(&event)[name].as_str().unwrap().to_owned();
    Said { class: word("class"), stage: word("stage") }
}

fn said(class: &str, stage: &str) -> Said {
    Said { class: class.to_owned(), stage: stage.to_owned() }
}

#[tokio::test]
async fn rules_decide_in_order_before_any_example() {
    let mut plan = company();
    let when = Template::parse_expression("input.vip and text | length > 3").unwrap();
    plan.routes.get_mut("inbound").unwrap().rules = vec![
        Rule { exact: vec!["Stop".into()], ..rule("support") },
        Rule { contains: vec!["INVOICE".into()], ..rule("lead") },
        Rule { regex: vec![r"^#\d+$".into()], ..rule("support") },
        Rule { when: Some(when), ..rule("lead") },
    ];
    let room = Room::new(plan, &[]);
    assert_eq!(class_for(&room, "  sTOP ").await, said("support", "rule"));
    assert_eq!(class_for(&room, "where is my invoice").await, said("lead", "rule"));
    assert_eq!(class_for(&room, "#42").await, said("support", "rule"));
    let vip = classify(&room, "hello", json!({ "input": { "vip": true } })).await;
    assert_eq!(value_of(&vip)["class"], "lead");
}

#[tokio::test]
async fn examples_decide_what_is_clear_and_the_rest_is_unsure() {
    let room = Room::new(company(), &[]);
    assert_eq!(
        class_for(&room, "How much would a redesign of our pottery shop cost?").await,
        said("lead", "router")
    );
    let trouble = class_for(&room, "The contact form gives an error since yesterday").await;
    assert_eq!(trouble, said("support", "router"));
    let stranger = class_for(&room, "Hi! I saw your talk and had a thought. Coffee some time?").await;
    assert_eq!(stranger, said("unsure", "abstained"));
}

#[tokio::test]
async fn the_same_text_gets_the_same_answer_but_for_its_time() {
    let without_micros = |event: &Event| {
        let mut value = value_of(event).clone();
        value["micros"] = Value::Null;
        value
    };
    let (one, other) = (Room::new(company(), &[]), Room::new(company(), &[]));
    for text in ["a quote for a website", "help", "", "our site"] {
        let answers = (classify(&one, text, json!({})).await, classify(&other, text, json!({})).await);
        assert_eq!(without_micros(&answers.0), without_micros(&answers.1), "{text}");
    }
    let fields: Vec<String> =
        one.try_route("inbound", "quote").unwrap().as_object().unwrap().keys().cloned().collect();
    let expected = [
        "class",
        "probability",
        "margin",
        "threshold",
        "runner_up",
        "stage",
        "neighbours",
        "model",
        "micros",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn what_decided_is_recorded_whole() {
    let room = Room::new(company(), &[]);
    for text in ["Hello! We need a new website, can you send a quote?", "Shall we have lunch on Tuesday?"] {
        let event = classify(&room, text, json!({})).await;
        let Event::EffectSucceeded { value, provenance, .. } = event else { panic!("{event:?}") };
        let judged = &provenance["judged"];
        assert_eq!(value["model"], judged["model"]["name"], "{judged}");
        assert!(judged["model"]["digest"].as_str().unwrap().starts_with("sha256:"), "{judged}");
        assert!(judged["stand_in"]["reason"].is_string(), "the table says that it stands in: {judged}");
        assert_eq!(value["threshold"], judged["threshold"]);
        for (key, least) in [("scores", 2), ("features", 5)] {
            let part = &judged[key];
            let size = part.as_array().map(Vec::len).or_else(|| part.as_object().map(serde_json::Map::len));
            assert!(size.unwrap_or(0) >= least, "{key}: {judged}");
        }
        assert!(value["neighbours"].as_array().is_some_and(|all| !all.is_empty()), "{value}");
        assert!(judged["router"].is_string() && judged["guess"].is_string(), "{judged}");
    }
}

/// A playbook whose bundle carries the prompt of the hop's agent.
pub(super) fn with_hop(mut plan: Plan, endpoint: &str) -> Plan {
    let output = json!({ "type": "object", "required": ["class", "confidence"], "additionalProperties": false,
        "properties": { "class": { "type": "string" }, "confidence": { "type": "number" } } });
    plan.agents.insert("sorter".into(), agent("sorter", "prompts/sorter.md", output));
    plan.connectors.insert("llm".into(), model(endpoint));
    plan.routes.get_mut("inbound").unwrap().escalate = vec!["agent:ghost".into(), "agent:sorter".into()];
    let playbook = Playbook {
        id: "inbound".into(),
        was: Vec::new(),
        slice: "company".into(),
        owner: "founder".into(),
        title: "Inbound".into(),
        on_update: OnUpdate::Pin,
        deadline: None,
        outcome: None,
        about: None,
        trigger: Trigger::Manual,
        inputs: BTreeMap::new(),
        steps: Vec::new(),
    };
    let prompt =
        Template::parse("Which of {{ input.classes | map(attribute='id') | join(', ') }}?\n{{ input.text }}")
            .unwrap();
    let bundle = Bundle {
        playbook,
        agents: BTreeMap::new(),
        verbs: BTreeMap::new(),
        routes: BTreeMap::new(),
        templates: BTreeMap::from([("prompts/sorter.md".to_owned(), prompt)]),
        records: BTreeMap::new(),
        children: BTreeMap::new(),
        company: BTreeMap::new(),
        covers: BTreeMap::new(),
    };
    plan.bundles.insert("inbound".into(), Arc::new(bundle));
    plan
}

#[tokio::test]
async fn a_hop_is_asked_after_abstention_and_its_class_must_be_one() {
    let answers = |class: &str, confidence: f64| {
        json!({ "name": class, "match": "which of lead, support", "reply": { "class": class, "confidence": confidence },
            "usage": { "prompt_tokens": 100, "completion_tokens": 10 } })
    };
    let table = [("support", 0.95, "support"), ("support", 0.3, "unsure"), ("mail.send", 1.0, "unsure")];
    for (class, confidence, expected) in table {
        let fixtures =
            Fixtures::parse(&json!({ "rules": [answers(class, confidence)] }).to_string()).unwrap();
        let doubles = Doubles::start(Options { fixtures, ..Options::default() }).await.unwrap();
        let room = Room::new(with_hop(company(), &doubles.addresses.model), &[("llm", MODEL_TOKEN)]);
        let event = classify(&room, "Hmm, a word about Tuesday?", json!({})).await;
        let Event::EffectSucceeded { value, cost, provenance, .. } = event else { panic!("{event:?}") };
        assert_eq!(value["class"], expected, "{class} {confidence}: {provenance}");
        assert_eq!(cost.map(|cost| cost.to_string()).as_deref(), Some("0.000056 EUR"));
        assert_eq!(provenance["hops"][0]["reason"], "there is no such agent");
        let reserved = room.worst_case(&Call::Route {
            route: "inbound".into(),
            text: "Hmm, a word about Tuesday?".into(),
            context: json!({}),
        });
        assert_eq!(cost.unwrap().exceeds(reserved.unwrap().unwrap()), Ok(false));
    }
}

#[tokio::test]
async fn without_a_model_the_outcome_is_unsure_and_not_a_failure() {
    let mut plan = with_hop(company(), "");
    plan.connectors.clear();
    let room = Room::new(plan, &[]);
    assert_eq!(class_for(&room, "Shall we have lunch on Tuesday?").await, said("unsure", "abstained"));
}
