//! The steps that wait or ask for something without touching the world: wait, agent, route, record, run.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{Effect, Idempotency, RecordOp, Step, StepKind, Until},
    schema::Schema,
    value::{Arg, Labels, Privacy, Template, moment},
};
use serde_json::Value;

use super::{
    Decider,
    ask::Wish,
    flow::{Then, nothing},
    signals::Awaited,
};
use crate::{
    call::{AgentCall, Call},
    eval::Scope,
    event::{Labelled, TimerId},
    id::Stamp,
    labels, reads,
    run::{Close, Wait},
};

/// Why an agent is not asked.
enum Unasked {
    /// A precondition does not hold: it declines.
    Refused(String),
    /// The question cannot be put together.
    Error(String),
}

impl From<String> for Unasked {
    fn from(message: String) -> Self {
        Self::Error(message)
    }
}

/// How long a model may take where the step does not say.
const AGENT_TIMEOUT: u64 = 120_000;
/// How long everything inside this machine may take.
const LOCAL_TIMEOUT: u64 = 30_000;

impl<'a> Decider<'a> {
    pub(super) fn wait(&mut self, step: &Step, wait: &Until) -> Then {
        let now = self.draft.at();
        let target = match wait {
            Until::For(period) => now.plus(period.millis()),
            Until::Signal { signal, key, expires } => {
                return self.await_signal(step, &Awaited { signal, key: key.as_ref(), expires: *expires });
            }
            Until::Until(template) => match self.moment(template) {
                Ok(moment) => moment,
                Err(message) => return self.trouble(step, "error", message),
            },
        };
        if target <= now {
            return self.end_step(step, "ok", Some(Labelled::ours(nothing())));
        }
        // Which comes first is known at the start, so one timer is enough.
        let limit = step.timeout.map(|period| now.plus(period.millis()));
        let (at, outcome) = match limit {
            Some(limit) if limit < target => (limit, "expired"),
            _ => (target, "ok"),
        };
        self.draft.set_timer(TimerId::Wait(step.id.clone()), at);
        self.stop_at(step, Wait::Until { at, outcome: outcome.to_owned() })
    }

    fn moment(&self, template: &Template) -> Result<Stamp, String> {
        let text = self.scope().text(template).map_err(|error| error.to_string())?;
        moment(&text).map(Stamp).map_err(|error| format!("\"{text}\" is no moment: {error}"))
    }

    pub(super) fn agent(&mut self, step: &Step, agent: &str, with: &BTreeMap<String, Arg>) -> Then {
        match self.agent_call(step, agent, with) {
            Err(Unasked::Refused(message)) => self.trouble(step, "refused", message),
            Ok(call) => {
                let timeout = step.timeout.map_or(AGENT_TIMEOUT, |period| period.millis());
                let labels = self.labels_of(with);
                let call = Call::Agent(Box::new(call));
                self.ask(step, Wish { labels, timeout, ..Wish::pure(call) })
            }
            Err(Unasked::Error(message)) => self.trouble(step, "error", message),
        }
    }

    fn agent_call(
        &self,
        step: &Step,
        agent: &str,
        with: &BTreeMap<String, Arg>,
    ) -> Result<AgentCall, Unasked> {
        let contract = self.def.agents.get(agent);
        let contract = contract.ok_or_else(|| format!("the agent \"{agent}\" is not in the bundle"))?;
        if self.labels_of(with).privacy == Privacy::Secret {
            return Err("a secret may not be shown to a model".to_owned().into());
        }
        let input = self.scope().args(with).map_err(|error| error.to_string())?;
        fits(self.def.agent_input(agent), &input, "the agent's input")?;
        let scope = Scope::of_inputs(&self.draft.run, self.def, &input);
        for condition in &contract.preconditions {
            if !scope.holds(condition).map_err(|error| error.to_string())? {
                let message = format!("the precondition `{}` does not hold", condition.source);
                return Err(Unasked::Refused(message));
            }
        }
        let prompt = self.def.templates.get(&contract.prompt);
        let prompt =
            prompt.ok_or_else(|| format!("the prompt \"{}\" is not in the bundle", contract.prompt))?;
        Ok(AgentCall {
            agent: agent.to_owned(),
            prompt: scope.text(prompt).map_err(|error| error.to_string())?,
            input,
            output: contract.output.clone(),
            connector: contract.connector.clone(),
            model: contract.model.clone(),
            max_tokens: contract.max_tokens,
            max_cost: step.max_cost,
        })
    }

    pub(super) fn route(&mut self, step: &Step, route: &str, text: &Template) -> Then {
        let labels = labels::of_reads(&self.draft.run, &text.reads);
        let text = match self.scope().text(text) {
            Ok(text) => text,
            Err(error) => return self.trouble(step, "error", error.to_string()),
        };
        let input: serde_json::Map<String, Value> =
            self.draft.run.input.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect();
        let context = serde_json::json!({ "input": input, "steps": self.draft.run.output() });
        let call = Call::Route { route: route.to_owned(), text, context };
        self.ask(step, Wish { labels, timeout: limit(step, LOCAL_TIMEOUT), ..Wish::pure(call) })
    }

    pub(super) fn record(&mut self, step: &Step, op: &RecordOp) -> Then {
        let call = match self.record_call(op) {
            Ok(call) => call,
            Err(message) => return self.trouble(step, "error", message),
        };
        let labels = labels::of_reads(&self.draft.run, &reads::of_record(op));
        let pure = Wish { labels, timeout: limit(step, LOCAL_TIMEOUT), ..Wish::pure(call) };
        match op {
            RecordOp::ReadOne { .. } | RecordOp::ReadList { .. } => self.ask(step, pure),
            // The host writes the row in the batch that carries the answer: it happens exactly once.
            RecordOp::Write { .. } => {
                let wish = Wish { effect: Effect::Write, idempotency: Idempotency::NativeKey, ..pure };
                self.write_record(step, wish)
            }
        }
    }

    fn record_call(&self, op: &RecordOp) -> Result<Call, String> {
        let scope = self.scope();
        let text = |template: &Template| scope.text(template).map_err(|error| error.to_string());
        let args = |fields: &BTreeMap<String, Arg>| scope.args(fields).map_err(|error| error.to_string());
        Ok(match op {
            RecordOp::ReadOne { record, key } => Call::RecordRead { record: record.clone(), key: text(key)? },
            RecordOp::ReadList { record, filter } => {
                Call::RecordList { record: record.clone(), filter: args(filter)? }
            }
            RecordOp::Write { record, key, value, expect } => {
                let expect = expect.as_ref().map(|template| version(&text(template)?)).transpose()?;
                Call::RecordWrite { record: record.clone(), key: text(key)?, value: args(value)?, expect }
            }
        })
    }

    pub(super) fn child(&mut self, step: &Step, playbook: &str, with: &BTreeMap<String, Arg>) -> Then {
        let Some(bundle) = self.def.children.get(playbook).cloned() else {
            return self.trouble(step, "failed", format!("the playbook \"{playbook}\" is not in the bundle"));
        };
        let scope = self.scope();
        let mut input = BTreeMap::new();
        for (name, arg) in with {
            match scope.arg(arg) {
                Ok(value) => {
                    let labels = labels::of_reads(&self.draft.run, &arg.reads());
                    input.insert(name.clone(), Labelled { value, labels });
                }
                Err(error) => return self.trouble(step, "failed", error.to_string()),
            }
        }
        let labels = self.labels_of(with);
        let call = Call::StartRun { playbook: playbook.to_owned(), bundle, input };
        let pure = Wish { labels, timeout: LOCAL_TIMEOUT, ..Wish::pure(call) };
        self.ask(step, Wish { idempotency: Idempotency::NativeKey, has_probe: true, ..pure })
    }

    /// Returns the join of the labels of everything that a `with` table reads.
    pub(super) fn labels_of(&self, with: &BTreeMap<String, Arg>) -> Labels {
        let reads = with.values().flat_map(Arg::reads).collect();
        labels::of_reads(&self.draft.run, &reads)
    }
}

/// Returns whether a value fits a schema, else where it does not.
pub(super) fn fits(schema: Option<&Schema>, value: &Value, what: &str) -> Result<(), String> {
    let Some(schema) = schema else { return Err(format!("the bundle has no schema for {what}")) };
    match schema.first_mismatch(value) {
        None => Ok(()),
        Some(mismatch) => Err(format!("{what} does not fit its schema: {mismatch}")),
    }
}

/// Returns how a child is treated when its parent ends.
pub(super) fn parent_close(step: &Step) -> Close {
    match &step.kind {
        StepKind::Run { parent_close, .. } => Close::of(parent_close),
        _ => Close::Wait,
    }
}

fn limit(step: &Step, default: u64) -> u64 {
    step.timeout.map_or(default, |period| period.millis())
}

fn version(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no version: a whole number is"))
}
