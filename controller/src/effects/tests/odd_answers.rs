//! Other people's endpoints as they are: errors within a 200, thoughts around an answer, parameters that they refuse,
//! secrets that they echo.

use adjutant_machine::{
    call::Call,
    event::{ErrorClass, Event},
};
use adjutant_spec::plan::{Effect, Idempotency};
use serde_json::{Value, json};

use super::{
    class_of, message_of,
    plans::{Room, agent_call, connector, job, model, plan, table, verb, verb_call},
    server::Server,
    value_of,
};

fn http(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn completion(content: &Value) -> String {
    let body = json!({ "id": "c1", "model": "m1",
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": content } }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 20 } });
    http(&body.to_string())
}

/// A question, answered.
struct Asked {
    event: Event,
    /// The requests that the endpoint heard.
    heard: Vec<String>,
}

async fn asked(answer: &str, settings: &Value) -> Asked {
    let server = Server::saying(Some(answer)).await;
    let mut endpoint = model(&server.url);
    endpoint.settings.extend(table(settings));
    let room = Room::new(plan([endpoint]), &[("llm", "sk-not-a-real-key-0123456789")]);
    let schema =
        json!({ "type": "object", "required": ["fit"], "properties": { "fit": { "enum": ["good", "no"] } } });
    let call = agent_call("qualifier", "Judge this", schema);
    let event = room.perform(&job(Call::Agent(Box::new(call)))).await;
    Asked { event, heard: server.heard() }
}

fn body_of(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").expect("a request has a body").1).unwrap()
}

#[tokio::test]
async fn an_error_within_a_200_costs_nothing_and_has_its_class() {
    let table = [
        (json!({ "error": { "message": "rate limit for today", "code": 429 } }), ErrorClass::RateLimited),
        (json!({ "error": { "message": "invalid api key" } }), ErrorClass::Auth),
        (
            json!({ "object": "error", "message": "max_tokens is too large", "code": 400 }),
            ErrorClass::Invalid,
        ),
        (json!([{ "error": { "code": 503, "message": "The model is overloaded" } }]), ErrorClass::Transient),
    ];
    for (body, class) in table {
        let Asked { event, heard } = asked(&http(&body.to_string()), &json!({})).await;
        assert_eq!(class_of(&event), Ok(class), "{body}");
        assert!(matches!(&event, Event::EffectFailed { cost: None, .. }), "{event:?}");
        assert_eq!(heard.len(), 1, "{body}");
    }
}

#[tokio::test]
async fn an_answer_in_thoughts_fences_or_parts_is_taken_at_the_first_turn() {
    let contents = [
        json!("<think>\nIs {\"fit\": \"no\"} better?\n</think>\n\n{\"fit\": \"good\"}"),
        json!("Here it is:\n\n```json\n{\"fit\": \"good\"}\n```\nAnything else?"),
        json!([{ "type": "text", "text": "{\"fit\": " }, { "type": "text", "text": "\"good\"}" }]),
        json!("Sure! {\"fit\": \"good\"}"),
    ];
    for content in contents {
        let Asked { event, heard } = asked(&completion(&content), &json!({})).await;
        assert_eq!(value_of(&event), &json!({ "fit": "good" }), "{content}");
        assert_eq!(heard.len(), 1, "{content}");
    }
}

#[tokio::test]
async fn an_answer_out_of_all_proportion_is_refused() {
    let long = json!({ "fit": "good", "more": "x".repeat(400_000) }).to_string();
    let Asked { event, .. } = asked(&completion(&json!(long)), &json!({})).await;
    assert_eq!(class_of(&event), Ok(ErrorClass::Invalid));
    assert!(message_of(&event).contains("bytes long"), "{}", message_of(&event));
}

#[tokio::test]
async fn each_parameter_can_be_renamed_or_left_out() {
    let answer = completion(&json!("{\"fit\": \"good\"}"));
    let Asked { heard: usual, .. } = asked(&answer, &json!({})).await;
    let usual = body_of(&usual[0]);
    for name in ["max_tokens", "temperature", "seed", "stream", "response_format"] {
        assert!(!usual[name].is_null(), "{name} is sent where nothing is said: {usual}");
    }
    let parameters = json!({ "max_tokens": "max_completion_tokens", "temperature": false, "seed": "random_seed",
        "stream": false, "response_format": false });
    let Asked { event, heard } = asked(&answer, &json!({ "parameters": parameters })).await;
    assert_eq!(value_of(&event)["fit"], "good");
    let sent = body_of(&heard[0]);
    for name in ["max_tokens", "temperature", "seed", "stream", "response_format"] {
        assert!(sent.get(name).is_none(), "{name}: {sent}");
    }
    assert_eq!(
        (&sent["max_completion_tokens"], &sent["random_seed"]),
        (&usual["max_tokens"], &usual["seed"])
    );
    assert!(
        sent["messages"][0]["content"].as_str().unwrap().contains("JSON Schema"),
        "the schema is told in words"
    );
}

#[tokio::test]
async fn a_secret_that_is_echoed_is_masked_before_anything_is_cut() {
    const SECRET: &str = "q7Zr0mVt/L2xWc9Kd5+Hs8Qa";
    for before in [0, 280, 590, 595, 599] {
        let spelt = [
            SECRET.to_owned(),
            SECRET.replace('/', "%2f"),
            SECRET.replace('/', "\\/"),
            SECRET.replace('+', "&#43;"),
        ];
        for echo in spelt {
            let text = format!("{}{echo}", "x".repeat(before));
            let body = json!({ "error": { "message": text } }).to_string();
            let answer = format!(
                "HTTP/1.1 400 No\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let server = Server::saying(Some(&answer)).await;
            let mut api = connector("api", "http", &server.url);
            api.secret = Some("api".to_owned());
            let settings = json!({ "method": "POST", "path": "/do" });
            api.verbs.insert("do".into(), verb(Effect::Write, Idempotency::NativeKey, &settings));
            let room = Room::new(plan([api]), &[("api", SECRET)]);
            let call = verb_call("api.do", json!({}), Effect::Write, Idempotency::NativeKey);
            let event = room.perform(&job(Call::Verb(call))).await;
            let said = message_of(&event);
            for part in ["q7Zr0mVt", "L2xWc9Kd5", "Hs8Qa"] {
                assert!(!said.contains(part), "{part} of {echo} after {before} characters: {said}");
            }
        }
    }
}

#[tokio::test]
async fn a_filter_is_repeated_or_refused_and_never_dropped() {
    let answer = http("{}");
    let call = |args: Value| {
        let answer = answer.clone();
        async move {
            let server = Server::saying(Some(&answer)).await;
            let mut api = connector("api", "http", &server.url);
            let settings = json!({ "method": "GET", "path": "/items", "query": ["tags"] });
            api.verbs.insert("list".into(), verb(Effect::Read, Idempotency::Pure, &settings));
            let room = Room::new(plan([api]), &[]);
            let call = verb_call("api.list", args, Effect::Read, Idempotency::Pure);
            (room.perform(&job(Call::Verb(call))).await, server.heard())
        }
    };
    let (_, heard) = call(json!({ "tags": ["a b", "c"] })).await;
    assert!(heard[0].starts_with("GET /items?tags=a+b&tags=c "), "{}", heard[0]);
    for args in [json!({ "tags": [] }), json!({ "tags": { "a": 1 } }), json!({ "tags": "a", "other": 1 })] {
        let (event, heard) = call(args.clone()).await;
        assert_eq!(class_of(&event), Ok(ErrorClass::Invalid), "{args}");
        assert!(heard.is_empty(), "{args}: {heard:?}");
    }
}
