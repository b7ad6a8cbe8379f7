//! Builds companies, slices, agents and routes from trees whose form was checked.

use std::collections::BTreeMap;

use serde_json::json;

use crate::plan::{
    Agent, Class, Company, Fallback, Id, ModelChoice, Persona, Route, RouteCalibration, Rule, Sla, Slice,
    Stage,
};

use super::view::View;
use crate::value::Currency;

/// What every object has from its path: id, slice, and the owner that it has when it names none.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) id: Id,
    pub(crate) slice: Id,
    pub(crate) owner: Id,
}

pub(super) fn company(view: &View<'_>) -> Option<Company> {
    let owner = view.text("owner")?;
    let mut personas: Vec<Persona> = view.list("persona").iter().filter_map(persona).collect();
    if !personas.iter().any(|persona| persona.id == owner) {
        personas.insert(0, Persona { id: owner.clone(), email: None, title: None });
    }
    Some(Company {
        name: view.text("name")?,
        owner,
        personas,
        zone: view.text("zone")?,
        currency: view.text("currency").and_then(|code| code.parse().ok()).unwrap_or_else(Currency::euro),
        stage: view.word("stage").unwrap_or(Stage::Act),
    })
}

fn persona(view: &View<'_>) -> Option<Persona> {
    Some(Persona { id: view.text("id")?, email: view.text("email"), title: view.text("title") })
}

pub(super) fn slice(view: &View<'_>, before: Slice) -> Slice {
    Slice {
        owner: view.text("owner").unwrap_or(before.owner),
        stage: view.word("stage").unwrap_or(before.stage),
        metrics: view.texts("metrics"),
        id: before.id,
    }
}

pub(super) fn agent(view: &View<'_>, head: Head) -> Option<Agent> {
    Some(Agent {
        owner: view.text("owner").unwrap_or(head.owner),
        id: head.id,
        was: view.texts("was"),
        slice: head.slice,
        title: view.text("title"),
        prompt: view.text("prompt")?,
        input: view.schema("input").unwrap_or_else(|| json!({ "type": "object" })),
        output: view.schema("output")?,
        preconditions: preconditions(view),
        model: model(view),
        confidence: view.number("confidence"),
        sla: sla(view),
    })
}

fn preconditions(view: &View<'_>) -> Vec<crate::value::Template> {
    let parse = |text: &String| crate::value::Template::parse_expression(text).ok();
    view.texts("preconditions").iter().filter_map(parse).collect()
}

fn model(view: &View<'_>) -> ModelChoice {
    let model = view.table("model");
    let model = model.as_ref();
    ModelChoice {
        connector: model.and_then(|model| model.text("connector")),
        name: model.and_then(|model| model.text("name")),
        fallback: model.and_then(|model| model.word("fallback")).unwrap_or(Fallback::Operator),
        fallback_expires: model.and_then(|model| model.period("fallback_expires")),
        max_tokens: model.and_then(|model| model.count("max_tokens")).unwrap_or(1024),
    }
}

fn sla(view: &View<'_>) -> Sla {
    let Some(sla) = view.table("sla") else { return Sla::default() };
    Sla {
        p95: sla.period("p95"),
        max_cost: sla.money("max_cost"),
        min_accept: sla.number("min_accept"),
        extra: BTreeMap::new(),
    }
}

/// The precision of a route that names none.
const PRECISION: f64 = 0.95;

pub(super) fn route(view: &View<'_>, head: Head) -> Route {
    let precision = view.table("threshold").and_then(|threshold| threshold.number("precision"));
    Route {
        owner: view.text("owner").unwrap_or(head.owner),
        id: head.id,
        was: view.texts("was"),
        slice: head.slice,
        rules: view.list("rule").iter().filter_map(rule).collect(),
        classes: view.list("class").iter().filter_map(class).collect(),
        strangers: view.texts("strangers"),
        precision: precision.unwrap_or(PRECISION),
        escalate: view.texts("escalate"),
        calibration: view.table("calibration").as_ref().and_then(calibration),
    }
}

fn calibration(view: &View<'_>) -> Option<RouteCalibration> {
    Some(RouteCalibration {
        slope: view.number("slope")?,
        offset: view.number("offset")?,
        outcomes: view.count("outcomes")?,
        threshold: view.number("threshold"),
        model: view.text("model")?,
    })
}

fn rule(view: &View<'_>) -> Option<Rule> {
    Some(Rule {
        class: view.text("class")?,
        exact: view.texts("exact"),
        contains: view.texts("contains"),
        regex: view.texts("regex"),
        when: view.expression("when"),
    })
}

fn class(view: &View<'_>) -> Option<Class> {
    Some(Class {
        id: view.text("id")?,
        description: view.text("description").unwrap_or_default(),
        examples: view.texts("examples"),
    })
}
