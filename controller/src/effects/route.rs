//! Local classification: rules, then the router, then the route's hops, then `unsure`.
//!
//! ```text
//!   text ─► rule? ─► router sure? ─► agent:<id>, agent:<id>, … ─► unsure
//! ```
//! Each hop that was asked is recorded with its reason and cost. A hop that cannot be asked (no model, no price, dearer
//! than its own promise) is skipped and recorded; classification never fails for want of a model.

use std::{cell::LazyCell, ops::ControlFlow, sync::Arc, time::Instant};

use adjutant_machine::{
    call::AgentCall,
    classified::{Classified, Near},
    eval::Scope,
};
use adjutant_models::{Decision, Neighbour};
use adjutant_spec::{
    plan::{Agent, Plan, Route, Rule},
    value::{Money, Pattern},
};
use serde_json::{Value, json};

use super::{
    expression,
    outcome::{Done, Fault},
    patience::Patience,
};
use crate::judgement::Fitted;

/// The outcome after the last hop abstained.
pub(super) const UNSURE: &str = "unsure";

/// A hop's answer counts from this confidence, whatever less the route asks for.
const LEAST_CONFIDENCE: f64 = 0.5;

/// The hop's name of the local router, where it could not be asked.
const ROUTER: &str = "router";

/// The first rule that holds, by its place in the route.
struct Holding<'a> {
    index: usize,
    rule: &'a Rule,
}

/// What a hop answered, or why it was skipped.
pub(super) enum Hop {
    /// It named a class, with this confidence.
    Named { class: String, confidence: f64, cost: Option<Money>, provenance: Value },
    /// It was not asked, or its answer does not count.
    Skipped { reason: String, cost: Option<Money> },
}

/// A classification that no rule has decided: what the router said, and what hops were asked.
pub(super) struct Classification<'a> {
    route: &'a Route,
    started: Instant,
    judged: Judged,
    hops: Vec<Value>,
    cost: Option<Money>,
}

/// What the local router said, and which one it was.
pub(super) struct Judged {
    fitted: Arc<Fitted>,
    decision: Option<Decision>,
    /// Why it said nothing although there is one.
    fault: Option<String>,
}

impl Judged {
    /// Asks the router of a route; blocks while the model computes.
    pub(super) fn of(fitted: Arc<Fitted>, text: &str) -> Self {
        let asked = fitted.router.as_ref().map(|router| router.decide(text)).transpose();
        let (decision, failed) = match asked {
            Ok(decision) => (decision, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let fault = failed.or_else(|| fitted.fault.clone());
        Self { fitted, decision, fault }
    }

    /// Everything that the decision was made from: who replays the log needs no model.
    fn provenance(&self) -> Value {
        let Some(router) = &self.fitted.router else { return Value::Null };
        let decision = self.decision.as_ref();
        json!({
            "model": router.model(),
            "stand_in": self.fitted.stand_in,
            "router": router.digest(),
            "threshold": router.threshold(),
            "guess": decision.and_then(|one| one.class.as_ref()),
            "scores": decision.map(|one| &one.scores),
            "features": decision.map(|one| &one.features),
        })
    }
}

/// Returns the answer of the first rule that holds of a text; conditions read the context, which is the inputs and steps of the run.
pub(super) fn by_rule(
    route: &Route,
    text: &str,
    context: &Value,
    patience: &Patience,
) -> Result<Option<Done>, Fault> {
    let started = Instant::now();
    let Some(Holding { index, rule }) = rule_for(route, text, context, patience)? else { return Ok(None) };
    let decided = Classified {
        class: rule.class.clone(),
        probability: 1.0,
        margin: 1.0,
        threshold: None,
        runner_up: None,
        stage: "rule".to_owned(),
        neighbours: Vec::new(),
        model: "rules".to_owned(),
        micros: micros(started),
    };
    Ok(Some(Done::free(json!(decided), json!({ "rule": index + 1 }))))
}

/// Goes on with what the router said: an answer where it is sure, else what the hops go on with.
pub(super) fn by_router(
    route: &Route,
    judged: Judged,
    started: Instant,
) -> ControlFlow<Done, Classification<'_>> {
    let skipped = |reason| json!({ "hop": ROUTER, "reason": reason, "cost": null });
    let hops = judged.fault.as_ref().map(skipped).into_iter().collect();
    let classification = Classification { route, started, judged, hops, cost: None };
    match classification.sure_class() {
        Some(class) => ControlFlow::Break(classification.finish(&class, ROUTER)),
        None => ControlFlow::Continue(classification),
    }
}

/// Returns the answer where no hop is asked.
pub(super) fn without_hops(decided: ControlFlow<Done, Classification<'_>>) -> Done {
    match decided {
        ControlFlow::Break(done) => done,
        ControlFlow::Continue(classification) => classification.unsure(),
    }
}

impl Classification<'_> {
    fn sure_class(&self) -> Option<String> {
        let decision = self.judged.decision.as_ref().filter(|decision| !decision.abstains)?;
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

    /// Returns the answer: a class that the router or a hop named, or `unsure`.
    pub(super) fn finish(self, class: &str, stage: &str) -> Done {
        let router = self.judged.fitted.router.as_ref();
        let decision = self.judged.decision.as_ref();
        let decided = Classified {
            class: class.to_owned(),
            probability: decision.map_or(0.0, |one| one.probability),
            margin: decision.map_or(0.0, |one| one.margin),
            threshold: router.map(|one| one.threshold()),
            runner_up: decision.and_then(|one| one.runner_up.clone()),
            stage: stage.to_owned(),
            neighbours: decision.map(|one| one.neighbours.iter().map(near).collect()).unwrap_or_default(),
            model: router.map_or_else(|| "none".to_owned(), |one| one.model().name.clone()),
            micros: micros(self.started),
        };
        let provenance = json!({ "judged": self.judged.provenance(), "hops": self.hops });
        Done { value: json!(decided), cost: self.cost, provenance }
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

fn rule_for<'a>(
    route: &'a Route,
    text: &str,
    context: &Value,
    patience: &Patience,
) -> Result<Option<Holding<'a>>, Fault> {
    let folded = text.trim().to_lowercase();
    let scope = LazyCell::new(|| {
        let mut fields = context.clone();
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("text".to_owned(), text.into());
        }
        Scope::of_fields(&fields)
    });
    for (index, rule) in route.rules.iter().enumerate() {
        patience.check()?;
        if matches_text(rule, text, &folded, patience)? && condition_holds(rule, &scope)? {
            return Ok(Some(Holding { index, rule }));
        }
    }
    Ok(None)
}

/// The condition of a rule, where there is one; a rule without texts and condition never holds.
fn condition_holds(rule: &Rule, scope: &Scope<'_>) -> Result<bool, Fault> {
    match &rule.when {
        Some(when) => scope.holds(when).map_err(|error| Fault::invalid(error.to_string())),
        None => Ok(has_texts(rule)),
    }
}

fn has_texts(rule: &Rule) -> bool {
    !(rule.exact.is_empty() && rule.contains.is_empty() && rule.regex.is_empty())
}

/// Returns whether a text is one that a rule names; `folded` is it in lower case. A rule that names none takes every text.
fn matches_text(rule: &Rule, text: &str, folded: &str, patience: &Patience) -> Result<bool, Fault> {
    if !has_texts(rule)
        || rule.exact.iter().any(|exact| exact.trim().to_lowercase() == folded)
        || rule.contains.iter().any(|part| !part.is_empty() && folded.contains(&part.to_lowercase()))
    {
        return Ok(true);
    }
    for pattern in &rule.regex {
        patience.check()?;
        let compiled = Pattern::new(pattern)
            .map_err(|error| Fault::invalid(format!("`{pattern}` is no regular expression: {error}")))?;
        if compiled.is_in(text) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the class of an answer.
pub(super) fn class_of(done: &Done) -> String {
    done.value["class"].as_str().unwrap_or(UNSURE).to_owned()
}

fn near(neighbour: &Neighbour) -> Near {
    let Neighbour { class, text, similarity } = neighbour.clone();
    Near { class, text, similarity }
}

fn micros(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}
