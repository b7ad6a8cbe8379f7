//! `connectors probe`: what it says of connectors that work, and of those that do not.

use adjutant_doubles::{BILLING_TOKEN, Doubles, MODEL_TOKEN, Options};
use serde_json::{Value, json};

use super::{
    plans::{Room, billing, connector, mail, model, plan, table},
    server,
};
use crate::effects::ProbeError;

async fn probe(room: &Room, name: &str) -> Value {
    room.probe(name).await.unwrap()
}

#[tokio::test]
async fn connectors_that_work_say_so() {
    let doubles = Doubles::start(Options::default()).await.unwrap();
    let mut billing = billing(&doubles.addresses.billing);
    billing.settings = table(&json!({ "health": "/v1/invoices?limit=1" }));
    let connectors = [
        billing,
        mail(&format!("smtp://{}", doubles.addresses.smtp)),
        model(&doubles.addresses.model),
        connector("files", "files", "out"),
    ];
    let room = Room::new(plan(connectors), &[("billing", BILLING_TOKEN), ("llm", MODEL_TOKEN)]);
    std::fs::create_dir_all(room.folder.path().join("files/out")).unwrap();
    for name in ["billing", "mail", "llm", "files"] {
        let report = probe(&room, name).await;
        assert_eq!((&report["ok"], &report["reachable"]), (&json!(true), &json!(true)), "{report}");
    }
    let report = probe(&room, "billing").await;
    assert_eq!((&report["auth"], &report["secret"]["state"]), (&json!(true), &json!("opens")));
    assert_eq!(report["verbs"][0]["name"], "billing.find");
    assert!(doubles.smtp().mails().is_empty() && doubles.billing().invoices().is_empty());
}

#[tokio::test]
async fn connectors_that_do_not_work_say_why() {
    let doubles = Doubles::start(Options::default()).await.unwrap();
    let mut billing = billing(&doubles.addresses.billing);
    billing.settings = table(&json!({ "health": "/v1/invoices?limit=1" }));
    let mail = mail(&format!("smtp://{}", server::nobody().await));
    let room = Room::new(
        plan([billing, mail, model(&doubles.addresses.model)]),
        &[("billing", "wrong-token-canary")],
    );
    let refused = probe(&room, "billing").await;
    assert_eq!(
        (&refused["ok"], &refused["reachable"], &refused["auth"]),
        (&json!(false), &json!(true), &json!(false))
    );
    assert!(!refused.to_string().contains("canary"));
    let gone = probe(&room, "mail").await;
    assert_eq!((&gone["ok"], &gone["reachable"]), (&json!(false), &json!(false)));
    let locked = probe(&room, "llm").await;
    assert!(locked["error"].as_str().unwrap().contains("secrets/llm.age"), "{locked}");
    assert_eq!(room.probe("nothing").await, Err(ProbeError::NoConnector("nothing".into())));
}
