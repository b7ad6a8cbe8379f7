//! The example agency, as the language reads it, against the doubles: what it declares is what goes over the wire.

use adjutant_doubles::{BILLING_TOKEN, Doubles, MODEL_TOKEN, Options, fixtures};
use adjutant_machine::{
    call::{AgentCall, Call},
    event::{Event, Finding},
};
use adjutant_spec::plan::{Effect, Idempotency};
use serde_json::{Value, json};

use super::{
    plans::{Room, job, send_call, verb_call},
    value_of,
};

/// The example agency's room, and the doubles that it talks to.
struct World {
    doubles: Doubles,
    room: Room,
}

async fn world() -> World {
    let doubles =
        Doubles::start(Options { fixtures: fixtures::agency(), ..Options::default() }).await.unwrap();
    let mut plan = adjutant_company::agency();
    let addresses = &doubles.addresses;
    let endpoints = [
        ("mail", format!("smtp://{}", addresses.smtp)),
        ("billing", addresses.billing.clone()),
        ("llm", addresses.model.clone()),
    ];
    for (id, endpoint) in endpoints {
        plan.connectors.get_mut(id).unwrap().endpoint = Some(endpoint);
    }
    let secrets = [("billing", BILLING_TOKEN), ("llm", MODEL_TOKEN), ("website", "website-secret-1")];
    World { doubles, room: Room::new(plan, &secrets) }
}

async fn perform(room: &Room, call: Call) -> Event {
    let mut job = job(call);
    job.timeout = 20_000;
    room.perform(&job).await
}

#[tokio::test]
async fn its_invoice_is_created_found_and_voided() {
    let World { doubles, room } = world().await;
    let args = json!({ "customer_email": "ana@client.example", "amount": 1200, "currency": "EUR", "description": "Website" });
    let create = verb_call("billing.create_invoice", args, Effect::Spend, Idempotency::NativeKey);
    let created = perform(&room, Call::Verb(create.clone())).await;
    let id = value_of(&created)["id"].clone();
    let probed = perform(&room, Call::Probe { of: create, probe: "billing.find_invoice".into() }).await;
    let Event::EffectProbed { finding: Finding::Happened(found), .. } = probed else { panic!("{probed:?}") };
    assert_eq!(found["id"], id);
    let void = verb_call("billing.void_invoice", json!({ "id": id }), Effect::Write, Idempotency::NativeKey);
    let void = adjutant_machine::call::VerbCall { key: "adjutant-undo.1.0".into(), ..void };
    value_of(&perform(&room, Call::Verb(void)).await);
    assert!(doubles.billing().open_invoices().is_empty());
}

#[tokio::test]
async fn its_mail_is_sent_and_its_connectors_are_well() {
    let World { doubles, room } = world().await;
    let sent = perform(&room, Call::Verb(send_call("ana@client.example"))).await;
    assert!(value_of(&sent)["message_id"].as_str().unwrap().starts_with("adjutant-"));
    assert_eq!(doubles.smtp().mails().len(), 1);
    for name in ["mail", "billing", "llm", "website"] {
        let report = room.probe(name).await.unwrap();
        assert_eq!(report["ok"], true, "{report}");
    }
}

#[tokio::test]
async fn its_messages_take_their_routes() {
    let World { doubles: _doubles, room } = world().await;
    let table = [
        ("Hi, we need a new website for our shop. Could you send us a quote? Ana", "lead"),
        ("Our budget is about 5000 euros for a new web shop, what would a redesign cost?", "lead"),
        ("Hello, the contact form on the site shows an error since yesterday. Can you help?", "support"),
        ("Hi, I forgot my password again.", "support"),
        ("Hello, might you have time for a chat?", "unsure"),
        ("Shall we have lunch on Tuesday?", "unsure"),
    ];
    for (text, expected) in table {
        let call = Call::Route {
            route: "inbound".into(),
            text: text.into(),
            context: json!({ "input": {}, "steps": {} }),
        };
        let event = perform(&room, call).await;
        assert_eq!(value_of(&event)["class"], expected, "{text}: {}", value_of(&event));
    }
}

#[tokio::test]
async fn its_qualifier_answers_within_its_promise() {
    let World { doubles, room } = world().await;
    let plan = room.plan();
    let agent = &plan.agents["qualifier"];
    let bundle = plan.bundles.values().find(|bundle| bundle.agents.contains_key("qualifier")).unwrap();
    let prompt = bundle.templates[&agent.prompt].source.replace("{{ company.name }}", &plan.company.name);
    let message = "We need a new website, please send a quote. Budget up to 5,000.";
    let call = AgentCall {
        agent: "qualifier".into(),
        prompt,
        input: json!({ "message": message, "sender": "ana@client.example", "name": "Ana Ruiz" }),
        output: agent.output.clone(),
        connector: agent.model.connector.clone(),
        model: agent.model.name.clone(),
        max_tokens: agent.model.max_tokens,
        max_cost: agent.sla.max_cost,
    };
    let call = Call::Agent(Box::new(call));
    let reserved = room.worst_case(&call).unwrap().unwrap();
    assert_eq!(agent.sla.max_cost.map(|cap| reserved.exceeds(cap)), Some(Ok(false)), "{reserved}");
    let event = perform(&room, call).await;
    let value: &Value = value_of(&event);
    assert_eq!((&value["lead"]["email"], &value["fit"]), (&json!("ana@client.example"), &json!("good")));
    let asked = doubles.model().requests().remove(0).request["messages"][1]["content"].to_string();
    let (prompt, data) = asked.split_once("<external-").unwrap();
    assert!(prompt.contains("You qualify inbound leads") && !prompt.contains("ana@client"), "{prompt}");
    assert!(data.contains(message), "{data}");
}
