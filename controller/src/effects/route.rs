//! Local classification: rules, then the router, then the route's hops, then `unsure`.
//!
//! ```text
//!   text ─► rule? ─► router sure? ─► agent:<id>, agent:<id>, … ─► unsure
//! ```
//! Each hop that was asked is recorded with its reason and cost. A hop that cannot be asked (no model, no price, dearer
//! than its own promise) is skipped and recorded; classification never fails for want of a model.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use adjutant_machine::command::AgentCall;
use adjutant_models::{Decision, Example, Router, TokenOverlap};
use adjutant_spec::{
    plan::{Agent, Plan, Route, Rule},
    value::Money,
};
use regex_lite::RegexBuilder;
use serde_json::{Value, json};

use super::{
    expression,
    outcome::{Done, Fault},
};

/// The outcome after the last hop abstained.
const UNSURE: &str = "unsure";

/// A hop's answer counts from this confidence, whatever less the route asks for.
const LEAST_CONFIDENCE: f64 = 0.5;

/// Routers by the digest of what they are fitted to; fitted once, kept while the plan names them.
#[derive(Default)]
pub(super) struct Routers {
    fitted: Mutex<BTreeMap<String, Option<Arc<dyn Router>>>>,
}

/// What a hop answered, or why it was skipped.
pub(super) enum Hop {
    /// It named a class, with this confidence.
    Named { class: String, confidence: f64, cost: Option<Money>, provenance: Value },
    /// It was not asked, or its answer does not count.
    Skipped { reason: String, cost: Option<Money> },
}

/// A classification under way.
pub(super) struct Classification<'a> {
    route: &'a Route,
    started: Instant,
    decision: Option<Decision>,
    model: String,
    hops: Vec<Value>,
    cost: Option<Money>,
}

impl Routers {
    /// Returns the router of a route; `None` where its examples leave nothing to choose between.
    fn of(&self, route: &Route) -> Option<Arc<dyn Router>> {
        let key = fit_key(route);
        let mut fitted = self.fitted.lock().unwrap_or_else(PoisonError::into_inner);
        fitted.entry(key).or_insert_with(|| fit(route)).clone()
    }

    /// Forgets the routers that no route of the plan needs.
    pub(super) fn retain(&self, plan: &Plan) {
        let needed: Vec<String> = plan.routes.values().map(fit_key).collect();
        let mut fitted = self.fitted.lock().unwrap_or_else(PoisonError::into_inner);
        fitted.retain(|key, _| needed.contains(key));
    }
}

/// Begins a classification: an answer where a rule or the router is sure, else what the hops go on with.
pub(super) fn begin<'a>(
    routers: &Routers,
    route: &'a Route,
    text: &str,
    context: &Value,
) -> Result<Result<Done, Classification<'a>>, Fault> {
    let started = Instant::now();
    if let Some((index, rule)) = rule_for(route, text, context)? {
        let value = json!({
            "class": rule.class, "probability": 1.0, "margin": 1.0, "stage": "rule",
            "neighbours": [], "model": "rules", "micros": micros(started),
        });
        return Ok(Ok(Done::free(value, json!({ "rule": index + 1 }))));
    }
    let router = routers.of(route);
    let decision = router.as_ref().map(|router| router.decide(text)).transpose();
    let decision = decision.map_err(|error| Fault::transient(error.to_string()))?;
    let model = router.map_or_else(|| "none".to_owned(), |router| router.digest().to_owned());
    let classification = Classification { route, started, decision, model, hops: Vec::new(), cost: None };
    Ok(match classification.sure_class() {
        Some(class) => Ok(classification.finish(&class, "router")),
        None => Err(classification),
    })
}

impl Classification<'_> {
    fn sure_class(&self) -> Option<String> {
        let decision = self.decision.as_ref().filter(|decision| !decision.abstains)?;
        decision.class.clone()
    }

    /// Records a hop; returns the class where it decides.
    pub(super) fn heard(&mut self, name: &str, hop: Hop) -> Option<String> {
        let (record, cost, class) = match hop {
            Hop::Skipped { reason, cost } => {
                (json!({ "hop": name, "reason": reason, "cost": cost }), cost, None)
            }
            Hop::Named { class, confidence, cost, provenance } => {
                let is_known = self.route.classes.iter().any(|known| known.id == class);
                let counts = is_known && confidence >= LEAST_CONFIDENCE.max(self.route.precision.min(0.9));
                let record = json!({ "hop": name, "class": class, "confidence": confidence, "cost": cost, "by": provenance });
                (record, cost, counts.then_some(class))
            }
        };
        self.hops.push(record);
        self.add(cost);
        class
    }

    fn add(&mut self, cost: Option<Money>) {
        self.cost = match (self.cost, cost) {
            (None, one) | (one, None) => one,
            (Some(left), Some(right)) => Some(left.plus(right).unwrap_or(left)),
        };
    }

    /// Returns the answer: a class that a hop named, or `unsure`.
    pub(super) fn finish(self, class: &str, stage: &str) -> Done {
        let decision = self.decision.as_ref();
        let value = json!({
            "class": class,
            "probability": decision.map_or(0.0, |one| one.probability),
            "margin": decision.map_or(0.0, |one| one.margin),
            "stage": stage,
            "neighbours": decision.map(|one| &one.neighbours).map_or_else(|| json!([]), |all| json!(all)),
            "model": self.model,
            "micros": micros(self.started),
        });
        let guess = decision.and_then(|one| one.class.clone());
        Done { value, cost: self.cost, provenance: json!({ "hops": self.hops, "guess": guess }) }
    }

    /// Returns the answer after the last hop abstained.
    pub(super) fn unsure(self) -> Done {
        self.finish(UNSURE, "abstained")
    }
}

/// Returns the question to a hop's agent: its own prompt, with the text and the classes as inputs.
pub(super) fn hop_call(plan: &Plan, agent: &Agent, route: &Route, text: &str) -> Result<AgentCall, Fault> {
    let classes: Vec<Value> = route
        .classes
        .iter()
        .map(|class| json!({ "id": class.id, "description": class.description }))
        .collect();
    let input = json!({ "text": text, "classes": classes });
    let mut bundles = plan.bundles.values();
    let found = bundles.find_map(|bundle| Some((bundle.templates.get(&agent.prompt)?, &bundle.company)));
    let (template, company) = found.ok_or_else(|| {
        Fault::unavailable(format!("prompt \"{}\" of agent \"{}\" is in no bundle", agent.prompt, agent.id))
    })?;
    let source = Value::String(template.source.clone());
    let prompt = expression::render(&source, &json!({ "input": input, "company": company }))?;
    Ok(AgentCall {
        agent: agent.id.clone(),
        prompt: prompt.as_str().map_or_else(|| prompt.to_string(), str::to_owned),
        input,
        output: agent.output.clone(),
        connector: agent.model.connector.clone(),
        model: agent.model.name.clone(),
        max_tokens: agent.model.max_tokens,
        max_cost: agent.sla.max_cost,
    })
}

/// Reads `{class, confidence}` out of an agent's answer.
pub(super) fn named(done: Done) -> Hop {
    let class = done.value.get("class").and_then(Value::as_str).map(str::to_owned);
    let confidence = done.value.get("confidence").and_then(Value::as_f64);
    match (class, confidence) {
        (Some(class), Some(confidence)) => {
            Hop::Named { class, confidence, cost: done.cost, provenance: done.provenance }
        }
        _ => {
            Hop::Skipped { reason: "its answer has no `class` and `confidence`".to_owned(), cost: done.cost }
        }
    }
}

fn rule_for<'a>(route: &'a Route, text: &str, context: &Value) -> Result<Option<(usize, &'a Rule)>, Fault> {
    for (index, rule) in route.rules.iter().enumerate() {
        if matches(rule, text, context)? {
            return Ok(Some((index, rule)));
        }
    }
    Ok(None)
}

/// Any of its texts and, where there is one, its condition.
fn matches(rule: &Rule, text: &str, context: &Value) -> Result<bool, Fault> {
    let has_texts = !(rule.exact.is_empty() && rule.contains.is_empty() && rule.regex.is_empty());
    if has_texts && !matches_text(rule, text)? {
        return Ok(false);
    }
    let Some(when) = &rule.when else { return Ok(has_texts) };
    let mut context = context.clone();
    if let Some(fields) = context.as_object_mut() {
        fields.insert("text".to_owned(), text.into());
    }
    expression::holds(when.expression.as_deref().unwrap_or(&when.source), &context)
}

fn matches_text(rule: &Rule, text: &str) -> Result<bool, Fault> {
    let folded = text.trim().to_lowercase();
    if rule.exact.iter().any(|exact| exact.trim().to_lowercase() == folded)
        || rule.contains.iter().any(|part| !part.is_empty() && folded.contains(&part.to_lowercase()))
    {
        return Ok(true);
    }
    for pattern in &rule.regex {
        let regex = RegexBuilder::new(pattern).size_limit(1 << 20).build();
        let regex = regex
            .map_err(|error| Fault::invalid(format!("`{pattern}` is no regular expression: {error}")))?;
        if regex.is_match(text) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn examples(route: &Route) -> Vec<Example> {
    let of_class = |class: &adjutant_spec::plan::Class| {
        let example = |text: &String, is_description| Example {
            class: class.id.clone(),
            text: text.clone(),
            is_description,
        };
        let mut all: Vec<Example> = class.examples.iter().map(|text| example(text, false)).collect();
        if !class.description.trim().is_empty() {
            all.push(example(&class.description, true));
        }
        all
    };
    route.classes.iter().flat_map(of_class).collect()
}

fn fit(route: &Route) -> Option<Arc<dyn Router>> {
    match TokenOverlap::fit(examples(route), route.precision) {
        Ok(router) => Some(Arc::new(router)),
        Err(error) => {
            tracing::warn!(route = route.id, %error, "route has rules only");
            None
        }
    }
}

fn fit_key(route: &Route) -> String {
    let text = json!({ "classes": route.classes, "precision": route.precision }).to_string();
    format!("{}:{}", route.id, blake3::hash(text.as_bytes()).to_hex())
}

fn micros(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}
