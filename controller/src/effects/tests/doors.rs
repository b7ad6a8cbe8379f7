//! A pause is a kill switch: whatever can leave asks at the door of its connector, and nothing leaves where it is shut.

use std::{net::TcpListener, sync::Arc};

use adjutant_machine::{
    call::{Call, Notice},
    event::Event,
};
use adjutant_spec::plan::{Effect, Idempotency, NotifyRule, Plan};
use serde_json::json;

use super::{
    plans::{
        Room, agent, agent_call, billing, class, connector, job, mail, model, plan, route, send_call, verb,
        verb_call,
    },
    value_of,
};
use crate::effects::doors::tests::Shut;

const ALL: [&str; 4] = ["billing", "mail", "llm", "files"];

/// A port that hears whoever knocks.
struct Port(TcpListener);

impl Port {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn was_knocked_at(&self) -> bool {
        self.0.accept().is_ok()
    }
}

/// A company whose every connector leads to one port.
fn company(port: &Port) -> Plan {
    let (http, smtp) = (format!("http://{}", port.address()), format!("smtp://{}", port.address()));
    let mut billing = billing(&http);
    billing.secret = None;
    let mut llm = model(&http);
    llm.secret = None;
    let mut files = connector("files", "files", "out");
    files.verbs.insert("write".into(), verb(Effect::Write, Idempotency::Pure, &json!({})));
    let mut plan = plan([billing, mail(&smtp), llm, files]);
    plan.policies.notify =
        vec![NotifyRule { on: "gate".into(), via: "mail.send".into(), to: None, min_risk: None, per_day: 5 }];
    let mut inbound = route(vec![class("lead", &["We want to buy a website."])]);
    inbound.escalate = vec!["agent:sorter".into()];
    plan.routes.insert("inbound".into(), inbound);
    plan.agents.insert("sorter".into(), agent("sorter", "prompts/sorter.md", json!({ "type": "object" })));
    plan
}

fn calls() -> Vec<(&'static str, Call)> {
    let invoice = verb_call("billing.invoice", json!({ "amount": 1 }), Effect::Spend, Idempotency::NativeKey);
    let void = verb_call("billing.void", json!({ "id": "1" }), Effect::Write, Idempotency::NativeKey);
    let get = verb_call("billing.get", json!({ "id": "1" }), Effect::Read, Idempotency::Pure);
    let write = json!({ "path": "a.txt", "content": "hi" });
    let question = agent_call("sorter", "What is it?", json!({ "type": "object" }));
    vec![
        ("a call", Call::Verb(invoice.clone())),
        ("an undo", Call::Verb(adjutant_machine::call::VerbCall { undo_of: Some("act".into()), ..void })),
        ("a read", Call::Verb(get)),
        ("a probe", Call::Probe { of: invoice, probe: "billing.find".into() }),
        ("a mail", Call::Verb(send_call("ana@client.example"))),
        ("a file", Call::Verb(verb_call("files.write", write, Effect::Write, Idempotency::Pure))),
        ("a question to a model", Call::Agent(Box::new(question))),
    ]
}

#[tokio::test]
async fn nothing_leaves_behind_a_door_that_is_shut_and_nothing_is_lost_by_it() {
    let port = Port::open();
    let room = Room::behind(company(&port), &[], Arc::new(Shut(ALL.to_vec())));
    std::fs::create_dir_all(room.folder.path().join("files/out")).unwrap();
    for (what, call) in calls() {
        let answer = room.perform(&job(call)).await;
        let Event::EffectHeldBack { reason, .. } = &answer else { panic!("{what}: {answer:?}") };
        assert!(reason.contains("is paused"), "{what}: {reason}");
        assert!(!port.was_knocked_at(), "{what} left");
    }
    assert!(!room.folder.path().join("files/out/a.txt").exists());
}

#[tokio::test]
async fn the_same_calls_leave_where_the_doors_stand_open() {
    let port = Port::open();
    let room = Room::new(company(&port), &[]);
    std::fs::create_dir_all(room.folder.path().join("files/out")).unwrap();
    for (what, call) in calls() {
        let mut job = job(call);
        job.timeout = 200;
        let answer = room.perform(&job).await;
        assert!(!matches!(answer, Event::EffectHeldBack { .. }), "{what}: {answer:?}");
        assert!(port.was_knocked_at() || what == "a file", "{what} did not leave");
    }
    assert!(room.folder.path().join("files/out/a.txt").exists());
}

#[tokio::test]
async fn a_hop_behind_a_door_that_is_shut_is_not_asked_and_says_why() {
    let port = Port::open();
    let room = Room::behind(company(&port), &[], Arc::new(Shut(vec!["llm"])));
    let call = Call::Route { route: "inbound".into(), text: "????".into(), context: json!({}) };
    let answer = room.perform(&job(call)).await;
    assert_eq!(value_of(&answer)["class"], "unsure");
    assert!(!port.was_knocked_at());
}

#[tokio::test]
async fn a_notice_waits_for_its_door_and_takes_nothing_of_the_day() {
    let port = Port::open();
    let room = Room::behind(company(&port), &[], Arc::new(Shut(vec!["mail"])));
    let notice = Notice {
        id: "g1".into(),
        topic: "gate".into(),
        risk: None,
        title: "Send it?".into(),
        action: "adjutant inbox".into(),
    };
    let rule = room.plan().policies.notify[0].clone();
    for _ in 0..9 {
        let failure = room.notify(&notice, Some(&rule)).await.unwrap_err();
        assert!(failure.is_held && failure.retry, "{failure:?}");
    }
    assert!(!port.was_knocked_at());
}

#[tokio::test]
async fn a_look_at_a_connector_stays_behind_its_door() {
    let port = Port::open();
    let room = Room::behind(company(&port), &[], Arc::new(Shut(ALL.to_vec())));
    for name in ALL {
        let report = room.probe(name).await.unwrap();
        assert!(report["error"].as_str().is_some_and(|error| error.contains("is paused")), "{report}");
    }
    assert!(!port.was_knocked_at());
}
