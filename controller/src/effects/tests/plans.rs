//! Plans in words of the domain, small enough for one test.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use adjutant_machine::{
    call::{AgentCall, Call, Notice, Perform, VerbCall},
    event::Event,
    id::EffectId,
};
use adjutant_spec::{
    plan::{
        Agent, Class, Company, Connector, Effect, Fallback, Idempotency, Mode, ModelChoice, NotifyRule,
        Persona, Plan, Policies, Price, Prices, Route, Sla, Stage, Verb,
    },
    value::{Labels, Money, Period},
};
use futures::{StreamExt, stream::BoxStream};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use crate::effects::{
    Doors, Effects, IntakeError, NotifyFailure, Options, ProbeError, Received, Unpriced, Unwatched, Webhook,
    secrets::Keys, worst_case,
};

pub(crate) const MODEL: &str = "gpt-4.1-mini";

/// Returns a plan with these connectors and nothing else.
pub(crate) fn plan(connectors: impl IntoIterator<Item = Connector>) -> Plan {
    let decimal = |text| Decimal::from_str(text).unwrap();
    let price = Price {
        input: decimal("0.40"),
        cache_read: decimal("0.10"),
        cache_write: decimal("0.40"),
        output: decimal("1.60"),
    };
    let founder = Persona { id: "founder".into(), email: Some("me@studio.example".into()), title: None };
    Plan {
        company: Company {
            name: "Studio".into(),
            owner: "founder".into(),
            personas: vec![founder],
            zone: "Europe/Berlin".into(),
            currency: "EUR".parse().unwrap(),
            stage: Stage::Act,
        },
        slices: BTreeMap::new(),
        playbooks: BTreeMap::new(),
        agents: BTreeMap::new(),
        connectors: connectors.into_iter().map(|one| (one.id.clone(), one)).collect(),
        routes: BTreeMap::new(),
        records: BTreeMap::new(),
        policies: Policies::default(),
        prices: Prices {
            currency: "EUR".parse().unwrap(),
            default_cap: "5.00 EUR".parse().unwrap(),
            models: BTreeMap::from([(MODEL.to_owned(), price)]),
        },
        models: BTreeMap::new(),
        bundles: BTreeMap::new(),
        secrets: BTreeMap::new(),
    }
}

pub(crate) fn connector(id: &str, kind: &str, endpoint: &str) -> Connector {
    Connector {
        id: id.into(),
        was: Vec::new(),
        slice: "company".into(),
        owner: "founder".into(),
        kind: kind.into(),
        endpoint: Some(endpoint.into()).filter(|text: &String| !text.is_empty()),
        secret: None,
        hosts: Vec::new(),
        mode: Mode::Live,
        rate: None,
        verbs: BTreeMap::new(),
        events: BTreeMap::new(),
        signals: BTreeMap::new(),
        settings: BTreeMap::new(),
    }
}

pub(crate) fn verb(effect: Effect, idempotency: Idempotency, settings: &Value) -> Verb {
    Verb {
        effect,
        idempotency,
        key_valid: None,
        probe: None,
        undo: None,
        input: json!({ "type": "object" }),
        output: json!({}),
        rate: None,
        timeout: Period::from_millis(2_000).unwrap(),
        settings: table(settings),
    }
}

pub(crate) fn table(value: &Value) -> BTreeMap<String, Value> {
    value.as_object().cloned().unwrap_or_default().into_iter().collect()
}

/// A mail connector that sends as the studio.
pub(crate) fn mail(endpoint: &str) -> Connector {
    let mut mail = connector("mail", "mail", endpoint);
    mail.settings =
        table(&json!({ "from": "Studio <hello@studio.example>", "reply_to": "hello@studio.example" }));
    let mut send = verb(Effect::Send, Idempotency::AtMostOnce, &json!({}));
    send.input = json!({ "type": "object", "required": ["to", "subject", "body"], "additionalProperties": false, "properties": {
        "to": { "type": "string" }, "subject": { "type": "string" }, "body": { "type": "string" } } });
    send.output = json!({ "type": "object", "required": ["message_id"] });
    mail.verbs.insert("send".into(), send);
    mail
}

/// The billing connector of the agency: create, void, find.
pub(crate) fn billing(endpoint: &str) -> Connector {
    let mut billing = connector("billing", "http", endpoint);
    billing.secret = Some("billing".into());
    let mut create = verb(Effect::Spend, Idempotency::NativeKey, &json!({ "path": "/v1/invoices" }));
    create.output = json!({ "type": "object", "required": ["id", "status"] });
    create.probe = Some("billing.find".into());
    billing.verbs.insert("invoice".into(), create);
    let once = verb(Effect::Spend, Idempotency::AtMostOnce, &json!({ "path": "/v1/invoices" }));
    billing.verbs.insert("invoice_once".into(), once);
    let void = json!({ "path": "/v1/invoices/{id}/void", "result": { "state": "{{ body.status }}", "code": "{{ status }}" } });
    billing.verbs.insert("void".into(), verb(Effect::Write, Idempotency::NativeKey, &void));
    let find = json!({ "path": "/v1/invoices", "query": ["key"], "with": { "key": "{{ effect.key }}" },
        "found": "result.data | length > 0", "value": "{{ result.data[0] }}" });
    billing.verbs.insert("find".into(), verb(Effect::Read, Idempotency::Pure, &find));
    billing
        .verbs
        .insert("get".into(), verb(Effect::Read, Idempotency::Pure, &json!({ "path": "/v1/invoices/{id}" })));
    billing
}

pub(crate) fn model(endpoint: &str) -> Connector {
    let mut llm = connector("llm", "openai", endpoint);
    llm.secret = Some("llm".into());
    llm.settings = table(&json!({ "model": MODEL }));
    llm
}

pub(crate) fn agent(id: &str, prompt: &str, output: Value) -> Agent {
    Agent {
        id: id.into(),
        was: Vec::new(),
        slice: "company".into(),
        owner: "founder".into(),
        title: None,
        prompt: prompt.into(),
        input: json!({ "type": "object" }),
        output,
        preconditions: Vec::new(),
        model: ModelChoice {
            connector: None,
            name: None,
            fallback: Fallback::Operator,
            fallback_expires: None,
            max_tokens: 400,
        },
        confidence: None,
        sla: Sla::default(),
    }
}

pub(crate) fn class(id: &str, examples: &[&str]) -> Class {
    Class {
        id: id.into(),
        description: String::new(),
        examples: examples.iter().map(|text| (*text).to_owned()).collect(),
    }
}

pub(crate) fn route(classes: Vec<Class>) -> Route {
    Route {
        id: "inbound".into(),
        was: Vec::new(),
        slice: "company".into(),
        owner: "founder".into(),
        rules: Vec::new(),
        classes,
        strangers: Vec::new(),
        calibration: None,
        precision: 0.9,
        escalate: Vec::new(),
    }
}

/// The room with a key and these secrets, in a folder of its own.
pub(crate) struct Room {
    pub(crate) effects: Arc<Effects>,
    plan: watch::Sender<Arc<Plan>>,
    pub(crate) folder: tempfile::TempDir,
}

impl Room {
    pub(crate) fn new(plan: Plan, secrets: &[(&str, &str)]) -> Self {
        Self::behind(plan, secrets, Arc::new(Unwatched))
    }

    /// As [`Room::new`], behind doors.
    pub(crate) fn behind(mut plan: Plan, secrets: &[(&str, &str)], doors: Arc<dyn Doors>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::at(folder.path().join("key.txt"));
        keys.generate_key().unwrap();
        for (name, value) in secrets {
            let sealed = keys.encrypt(name, value).unwrap().bytes;
            plan.secrets.insert((*name).to_owned(), sealed);
        }
        let options = Options {
            keys,
            files: folder.path().join("files"),
            keep_out: Vec::new(),
            routers: crate::judgement::tests::unpulled(),
        };
        let effects = Arc::new(Effects::new(options).behind(doors));
        Self { effects, plan: watch::Sender::new(Arc::new(plan)), folder }
    }

    /// Returns the plan that calls are let go by.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.borrow())
    }

    /// Returns the plan and each that comes after it.
    pub(crate) fn plans(&self) -> BoxStream<'static, Arc<Plan>> {
        WatchStream::new(self.plan.subscribe()).boxed()
    }

    /// Changes the plan.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Plan)) {
        let mut plan = (*self.plan()).clone();
        change(&mut plan);
        self.effects.prepare(&plan);
        self.plan.send_replace(Arc::new(plan));
    }

    pub(crate) async fn perform(&self, job: &Perform) -> Event {
        self.effects.perform(&self.plan(), job).await
    }

    pub(crate) async fn notify(
        &self,
        notice: &Notice,
        rule: Option<&NotifyRule>,
    ) -> Result<(), NotifyFailure> {
        self.effects.notify(&self.plan(), notice, rule).await
    }

    pub(crate) async fn probe(&self, connector: &str) -> Result<Value, ProbeError> {
        self.effects.probe(&self.plan(), connector).await
    }

    pub(crate) fn verify_webhook(&self, webhook: &Webhook<'_>) -> Result<Received, IntakeError> {
        self.effects.verify_webhook(&self.plan(), webhook)
    }

    pub(crate) fn webhook_limit(&self, connector: &str) -> Result<usize, IntakeError> {
        Effects::webhook_limit(&self.plan(), connector)
    }

    pub(crate) fn try_route(&self, route: &str, text: &str) -> Option<Value> {
        self.effects.try_route(&self.plan(), route, text)
    }

    pub(crate) fn worst_case(&self, call: &Call) -> Result<Option<Money>, Unpriced> {
        worst_case(&self.plan(), call)
    }
}

pub(crate) fn job(call: Call) -> Perform {
    Perform {
        effect: EffectId { run: "inbound-abcdefgh".into(), seq: 3, index: 0 },
        step: "step".into(),
        attempt: 1,
        call: call.into(),
        labels: Labels::default(),
        approval: None,
        timeout: 2_000,
        dry: false,
        chain: 0,
    }
}

/// A call of a verb as a run asks for it.
pub(crate) fn verb_call(verb: &str, args: Value, effect: Effect, idempotency: Idempotency) -> VerbCall {
    let key = "adjutant-inbound-abcdefgh.3.0".to_owned();
    VerbCall { verb: verb.into(), args, key, effect, idempotency, undo_of: None }
}

pub(crate) fn send_call(to: &str) -> VerbCall {
    let args =
        json!({ "to": to, "subject": "Your quote", "body": "Dear Ana,\n.\nthis line begins after a dot." });
    verb_call("mail.send", args, Effect::Send, Idempotency::AtMostOnce)
}

pub(crate) fn agent_call(agent: &str, prompt: &str, output: Value) -> AgentCall {
    AgentCall {
        agent: agent.into(),
        prompt: prompt.into(),
        input: json!({ "message": prompt }),
        output,
        connector: None,
        model: None,
        max_tokens: 400,
        max_cost: None,
    }
}
