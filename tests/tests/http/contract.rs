//! The API's contract: its description is whole, and what it describes is what is answered.

use std::{collections::BTreeSet, path::Path};

use adjutant::runtime::SetAside;
use adjutant_tests::desk::Desk;
use serde_json::{Value, json as value};

use super::{Browser, Operator, json, refused};

#[test]
fn the_description_is_the_golden_one() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/openapi.json");
    let mut found = adjutant::http::openapi().to_pretty_json().unwrap();
    found.push('\n');
    if std::env::var_os("ADJUTANT_GOLDEN").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &found).unwrap();
    }
    let known = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        known == found,
        "the API changed: look at the difference after `ADJUTANT_GOLDEN=1 cargo test -p adjutant-tests --test http golden`"
    );
}

#[test]
fn every_address_says_who_answers_and_what() {
    let api = serde_json::to_value(adjutant::http::openapi()).unwrap();
    let paths = api["paths"].as_object().unwrap();
    assert!(paths.len() >= 40, "{}", paths.len());
    for (path, methods) in paths {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in methods.as_object().unwrap() {
            let said = operation["summary"].as_str().or(operation["description"].as_str());
            assert!(said.is_some_and(|text| !text.is_empty()), "{method} {path} says nothing");
            assert!(
                operation["responses"].as_object().is_some_and(|answers| !answers.is_empty()),
                "{method} {path}"
            );
        }
    }
}

fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("no table: {value}")).keys().map(String::as_str).collect()
}

/// Returns the fields of a schema, those of what it holds flattened too.
fn described<'a>(schemas: &'a Value, name: &str) -> BTreeSet<&'a str> {
    let own = |schema: &'a Value| schema["properties"].as_object().into_iter().flat_map(|table| table.keys());
    let parts = schemas[name]["allOf"].as_array().into_iter().flatten();
    let parts = parts.flat_map(|part| match part["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        Some(inner) => described(schemas, inner),
        None => own(part).map(String::as_str).collect(),
    });
    own(&schemas[name]).map(String::as_str).chain(parts).collect()
}

#[tokio::test]
async fn answers_have_exactly_the_fields_that_are_described() {
    let desk = Desk::open().await;
    let gate = desk.gate("a website").await;
    let operator = Operator::of(&desk);
    let api = serde_json::to_value(adjutant::http::openapi()).unwrap();
    let schemas = &api["components"]["schemas"];
    let run = format!("/api/v1/runs/{}", gate.run);
    let cases = [
        ("FullStatus", "/api/v1/status".to_owned(), ""),
        ("RunLine", "/api/v1/runs".to_owned(), "/0"),
        ("RunView", run.clone(), ""),
        ("StepView", run.clone(), "/steps/0"),
        ("EffectView", run.clone(), "/effects/0"),
        ("TimelineLine", run.clone(), "/timeline/0"),
        ("GateView", "/api/v1/inbox".to_owned(), "/0"),
        ("LogView", format!("{run}/log"), "/0"),
        ("WhyView", format!("{run}/why"), ""),
        ("WhyLine", format!("{run}/why"), "/chain/0"),
        ("SpendView", "/api/v1/spend".to_owned(), ""),
        ("AuditView", "/api/v1/audit".to_owned(), ""),
        ("ConnectorView", "/api/v1/connectors".to_owned(), "/0"),
        ("PlaybookView", "/api/v1/playbooks".to_owned(), "/0"),
    ];
    for (name, path, place) in cases {
        let answer = operator.get(&path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let body = json(answer).await;
        let found = body.pointer(place).unwrap_or_else(|| panic!("{path} has no {place}: {body}"));
        assert_eq!(fields(found), described(schemas, name), "{name}");
    }
    desk.close().await;
}

#[tokio::test]
async fn a_list_says_how_long_it_is_and_how_it_goes_on() {
    let desk = Desk::open().await;
    let mut gates = [desk.gate("a website").await.id, desk.gate("a shop").await.id];
    // They came in the same moment, so their names say which is first.
    gates.sort();
    let operator = Operator::of(&desk);
    let answer = operator.get("/api/v1/inbox?limit=1").await;
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!((header("x-total-count").as_deref(), header("x-next")), (Some("2"), Some(gates[0].clone())));
    assert_eq!(json(answer).await[0]["id"], gates[0]);
    let answer = operator.get(&format!("/api/v1/inbox?limit=1&after={}", gates[0])).await;
    assert!(!answer.headers().contains_key("x-next"));
    assert_eq!(json(answer).await[0]["id"], gates[1]);
    assert_eq!(refused(operator.get("/api/v1/inbox?after=nope").await, 404).await, "not_found");
    desk.close().await;
}

/// A desk on which there is something of everything.
struct Busy {
    desk: Desk,
    operator: Operator,
}

/// Opens a desk with three tokens, three open deliveries, and two gates.
async fn busy() -> Busy {
    let desk = Desk::open().await;
    let operator = Operator::of(&desk);
    for name in ["a", "b", "c"] {
        operator.token(value!({ "name": name })).await;
        let item = SetAside {
            connector: "website".to_owned(),
            event: "lead".to_owned(),
            id: name.to_owned(),
            by: "connector:website".to_owned(),
            content: value!({}),
            reason: "it is no lead".to_owned(),
        };
        desk.handle.set_aside(item).await.unwrap();
    }
    for message in ["a website", "unclear"] {
        desk.gate(message).await;
    }
    Busy { desk, operator }
}

#[tokio::test]
async fn every_list_that_grows_is_pages() {
    let Busy { desk, operator } = busy().await;
    let lists = [
        ("tokens", 3, "nope"),
        ("deliveries", 3, "nope"),
        ("deliveries?all=true", 3, "nope"),
        ("proposals", 1, ""),
        ("dead", 0, "nope.1.0"),
        ("inbox", 2, "nope"),
        ("records/customer", 0, ""),
    ];
    for (list, total, nowhere) in lists {
        let ask = async |query: String| {
            let mark = if list.contains('?') { '&' } else { '?' };
            operator.get(&format!("/api/v1/{list}{mark}{query}")).await
        };
        let (mut read, mut after) = (Vec::new(), String::new());
        loop {
            let answer = ask(format!("limit=1{after}")).await;
            let headers = answer.headers().clone();
            assert_eq!(headers["x-total-count"], total.to_string().as_str(), "{list}");
            let items = json(answer).await;
            assert!(items.as_array().unwrap().len() <= 1, "{list}: {items}");
            read.extend(items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            let Some(next) = headers.get("x-next") else { break };
            assert_eq!(next.to_str().unwrap(), read.last().unwrap(), "{list}");
            after = format!("&after={}", read.last().unwrap());
        }
        let whole = json(ask("limit=1000".to_owned()).await).await;
        let whole: Vec<&str> =
            whole.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(
            (read.len(), &read),
            (total, &whole.iter().map(|id| (*id).to_owned()).collect()),
            "{list}"
        );
        if !nowhere.is_empty() {
            let answer = ask(format!("after={nowhere}")).await;
            assert_eq!(refused(answer, 404).await, "not_found", "{list}");
        }
    }
    desk.close().await;
}

#[tokio::test]
async fn a_list_goes_on_behind_a_token_that_was_taken_back() {
    let Busy { desk, operator } = busy().await;
    let listed = json(operator.get("/api/v1/tokens").await).await;
    let id = |place: usize| listed[place]["id"].as_str().unwrap();
    let gone = operator.0.delete(format!("http://adjutant/api/v1/tokens/{}", id(1)));
    assert_eq!(gone.send().await.unwrap().status(), 204);
    let rest = json(operator.get(&format!("/api/v1/tokens?after={}", id(1))).await).await;
    assert_eq!((rest.as_array().unwrap().len(), &rest[0]["id"]), (1, &listed[2]["id"]));
    desk.close().await;
}

#[tokio::test]
async fn what_waits_is_counted_once_for_status_and_every_page() {
    let Busy { desk, operator } = busy().await;
    let status = json(operator.get("/api/v1/status").await).await;
    let counts =
        ["inbox", "dead", "deliveries", "proposals", "waiting"].map(|name| status[name].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 3, 1, 6]);
    let page = Browser::login(&desk).await.get("/runs").await.text().await.unwrap();
    assert!(page.contains("<span>Today</span><span class=\"count\">6<"), "every page counts the same");
    desk.close().await;
}

#[tokio::test]
async fn starting_is_idempotent_by_key() {
    let desk = Desk::open().await;
    let operator = Operator::of(&desk);
    let input = value!({ "message": "a website", "sender": "ada@engines.example", "name": "Ada" });
    let wish = value!({ "playbook": "inbound", "input": input, "key": "k-1" });
    let first = operator.post("/api/v1/runs", &wish).await;
    assert_eq!(first.status(), 201);
    let again = operator.post("/api/v1/runs", &wish).await;
    assert_eq!(again.status(), 200);
    assert_eq!(json(first).await["run"], json(again).await["run"]);
    let unknown = operator.post("/api/v1/runs", &value!({ "playbook": "nothing" })).await;
    assert_eq!(refused(unknown, 404).await, "not_found");
    let wrong =
        operator.post("/api/v1/runs", &value!({ "playbook": "inbound", "input": { "message": 3 } })).await;
    assert_eq!(refused(wrong, 422).await, "invalid");
    let typo = operator.post("/api/v1/runs", &value!({ "playbok": "inbound" })).await;
    assert_eq!(refused(typo, 422).await, "invalid");
    desk.close().await;
}

#[tokio::test]
async fn a_run_is_shown_as_it_was_after_any_entry() {
    let desk = Desk::open().await;
    let gate = desk.gate("a website").await;
    let operator = Operator::of(&desk);
    let path = format!("/api/v1/runs/{}", gate.run);
    let by_name = json(operator.get(&format!("{path}@1")).await).await;
    let by_question = json(operator.get(&format!("{path}?at=1")).await).await;
    assert_eq!(by_name, by_question);
    assert_eq!(by_name["seq"], 1);
    assert_eq!(refused(operator.get(&format!("{path}@x")).await, 422).await, "invalid");
    assert_eq!(refused(operator.get("/api/v1/runs/nobody").await, 404).await, "not_found");
    assert_eq!(refused(operator.get("/api/v1/nothing").await, 404).await, "not_found");
    desk.close().await;
}

/// Such a number is kept as the text of its digits, where a text or any value is wanted: it fits only the second.
#[tokio::test]
async fn a_number_with_too_many_digits_is_no_text() {
    let desk = Desk::open().await;
    let operator = Operator::of(&desk);
    let send = async |path: &str, body: &'static str| {
        let request =
            operator.0.post(format!("http://adjutant{path}")).header("content-type", "application/json");
        request.body(body).send().await.unwrap()
    };
    for (path, body) in [
        ("/api/v1/hold", r#"{ "reason": -4798912276283270365184 }"#),
        ("/api/v1/pause", r#"{ "scope": "everything", "reason": 123456789012345678901234567890 }"#),
        ("/api/v1/tokens", r#"{ "name": 0.12345678901234567890123 }"#),
    ] {
        assert_eq!(refused(send(path, body).await, 422).await, "invalid", "{path}");
    }
    let body = r#"{ "playbook": "inbound", "input": { "message": 12345678901234567890123, "name": "Ana", "sender": "a@b.example" } }"#;
    let answer = send("/api/v1/runs", body).await;
    assert!(answer.status().is_success(), "an input may be any value: {}", answer.text().await.unwrap());
    desk.close().await;
}

#[tokio::test]
async fn runs_are_steered_over_the_api() {
    let desk = Desk::open().await;
    let gate = desk.gate("unclear").await;
    let operator = Operator::of(&desk);
    let path = |verb: &str| format!("/api/v1/runs/{}/{verb}", gate.run);
    for (verb, status) in [("pause", "paused"), ("resume", "waiting"), ("kill", "killed")] {
        let answer = operator.post(&path(verb), &value!({ "reason": "a test" })).await;
        assert_eq!(answer.status(), 200, "{verb}");
        assert_eq!(desk.handle.run(&gate.run).await.unwrap().line.status, status);
    }
    let preview = json(operator.get(&path("rollback")).await).await;
    assert_eq!((&preview["status"], &preview["taken"]), (&value!("killed"), &value!([])), "{preview}");
    let wish = |token: &Value, reason: &str| value!({ "token": token, "reason": reason });
    let other = operator.post(&path("rollback"), &wish(&value!("0000"), "a test")).await;
    assert_eq!(refused(other, 409).await, "conflict");
    let mute = operator.post(&path("rollback"), &wish(&preview["token"], " ")).await;
    assert_eq!(refused(mute, 422).await, "invalid");
    let answer = operator.post(&path("rollback"), &wish(&preview["token"], "a test")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(desk.handle.run(&gate.run).await.unwrap().line.status, "rolled_back");
    let dead = operator.post("/api/v1/effects/nobody.1.0/settle", &value!({ "how": "drop" })).await;
    assert_eq!(refused(dead, 404).await, "not_found");
    let scope = operator.post("/api/v1/pause", &value!({ "scope": "everyone" })).await;
    assert_eq!(refused(scope, 422).await, "invalid");
    assert_eq!(json(operator.post("/api/v1/connectors/mail/probe", &value!({})).await).await["ok"], true);
    desk.close().await;
}
