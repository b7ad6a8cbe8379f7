//! Why an effect did what it did: who let it, and what its words were made of. The log tells it; nobody is asked again.

use std::collections::BTreeSet;

use adjutant_machine::{
    call::{Approval, Call},
    classified::Classified,
    event::{Denial, Event},
    fact::Entry,
    id::EffectId,
    money::{permission, policy::Permission},
    reads,
    run::{EffectPhase, EffectState, Run},
};
use adjutant_spec::{
    plan::{Bundle, Effect, Step, StepKind, as_written},
    shown,
    value::Trust,
};
use serde_json::Value;

use super::{
    line::{line, step},
    run::asked_in,
    said::about,
    whom::{Called, called},
};
use crate::runtime::{
    Error,
    core::Core,
    views::{RECORD_WRITE, When, WhyLine, headline},
};

/// The most entries that are looked through.
const MOST_ENTRIES: usize = 10_000;
/// How much of a value is told.
const MOST_LETTERS: usize = 120;

/// What is known of the run that an effect belongs to.
struct EffectStory<'a> {
    core: &'a Core,
    run: &'a Run,
    entries: Vec<(u64, Entry)>,
    bundle: Option<std::sync::Arc<Bundle>>,
}

/// Tells an effect's story, the nearest cause first.
pub(super) fn tell(core: &Core, run: &Run, id: &EffectId, chain: &mut Vec<WhyLine>) -> Result<(), Error> {
    let missing = || Error::NotFound { what: "effect", id: id.to_string() };
    let state = run.effects.get(id).ok_or_else(missing)?;
    let entries = super::run::readable(core, &run.id, 1, MOST_ENTRIES)?;
    let entries = entries.into_iter().filter_map(|(seq, entry)| Some((seq, entry.ok()?))).collect();
    let story = EffectStory { core, run, entries, bundle: core.bundle(&run.bundle)? };
    let call = state.call.clone().or_else(|| asked_in(&story.entries, id));
    chain.push(story.outcome(id, state, call.as_deref()));
    chain.extend(story.refusal(state));
    chain.extend(state.approval.as_ref().map(|approval| story.approval(approval)));
    chain.extend(call.as_ref().and_then(|call| story.policy(call, state)));
    chain.push(step(core, run, &state.step)?);
    story.makers(&state.step, chain);
    Ok(())
}

impl EffectStory<'_> {
    /// What came of it, and when.
    fn outcome(&self, id: &EffectId, state: &EffectState, call: Option<&Call>) -> WhyLine {
        let phase = super::run::phase_in_words(state.life.phase.word());
        let what = call.map_or_else(|| "an effect".to_owned(), in_words);
        let text = format!("{what}: {phase} (attempt {})", state.life.attempt);
        let name = id.to_string();
        let last = self.entries.iter().rev();
        let mut last = last.filter(|(_, entry)| about(&entry.envelope.event).as_ref() == Some(&name));
        line("effect", &name, text, last.next().map(|(_, entry)| When(entry.envelope.at)))
    }

    /// The rule or the cap that forbade it, in the words of the moment.
    fn refusal(&self, state: &EffectState) -> Option<WhyLine> {
        let EffectPhase::Denied { denial, message } = &state.life.phase else { return None };
        let kind = match denial {
            Denial::Budget => "budget",
            Denial::Policy => "policy",
        };
        Some(line(kind, &state.step, message.clone(), None))
    }

    /// Who said yes, when and to what.
    fn approval(&self, approval: &Approval) -> WhyLine {
        let gate = self.run.gates.get(&approval.gate);
        let decided = gate.and_then(|gate| gate.decided.as_ref());
        let question = gate.map_or("its gate", |gate| gate.card.question.as_str());
        let text = if approval.is_by_person() {
            let reason = decided.and_then(|decided| decided.reason.as_ref());
            let reason = reason.map_or_else(String::new, |reason| format!(", because {reason}"));
            let digest = approval.digest.get(..12).unwrap_or(&approval.digest);
            format!("{} said yes to \"{question}\", card {digest}{reason}", approval.by)
        } else {
            format!("\"{question}\" let it pass by its condition; nobody was asked")
        };
        line("gate", &approval.gate, text, decided.map(|decided| When(decided.at)))
    }

    /// What the policy in force says to such a call now.
    fn policy(&self, call: &Call, state: &EffectState) -> Option<WhyLine> {
        let plan = self.core.live().plan.clone()?;
        let name = permission::name(call);
        let (approval, playbook) = (state.approval.as_ref(), &self.run.oldest());
        let asking = permission::Asking { call, approval, playbook, stage: self.run.stage };
        let (word, rule) = match permission::permission(&plan, &asking) {
            Permission::Allow { rule, .. } => ("allows it", rule),
            Permission::Ask { rule } => ("asks you first", rule),
            Permission::Deny { rule } => ("forbids it", rule),
        };
        Some(line("policy", name, format!("what is in force now {word}: {rule}"), None))
    }

    /// What its words were made of: inputs, models, routes, records and people's changes, back to the beginning.
    fn makers(&self, step: &str, chain: &mut Vec<WhyLine>) {
        let Some(bundle) = &self.bundle else { return };
        let (mut open, mut known) = (vec![step.to_owned()], BTreeSet::new());
        let mut inputs = BTreeSet::new();
        while let Some(id) = open.pop() {
            let Some(step) = bundle.playbook.step(&id).filter(|_| known.insert(id.clone())) else { continue };
            if known.len() > 1 {
                chain.extend(self.maker(bundle, step));
            }
            for path in reads::of_step(step, bundle) {
                let mut parts = path.split(['.', '[']);
                match (parts.next(), parts.next()) {
                    (Some("steps"), Some(step)) => open.push(step.to_owned()),
                    (Some("input"), Some(name)) => drop(inputs.insert(name.to_owned())),
                    _ => {}
                }
            }
        }
        chain.extend(inputs.iter().filter_map(|name| self.input(name)));
    }

    /// What one step put into it; a step that only passes things on is not told.
    fn maker(&self, bundle: &Bundle, step: &Step) -> Option<WhyLine> {
        let state = self.run.steps.get(&step.id)?;
        let value = state.value.as_ref().map(|value| &value.value);
        let ended = state.ended.map(When);
        let edits = format!("steps.{}", step.id);
        let edit = self.run.edits.iter().find(|(path, _)| {
            path.strip_prefix(&edits).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if let Some((path, edit)) = edit {
            return Some(line("edit", path, format!("{} changed it before it went out", edit.by), ended));
        }
        match &step.kind {
            StepKind::Agent { agent, .. } => {
                let told = state.effects.last().and_then(|effect| self.provenance(effect));
                let prompt = bundle.agents.get(agent).map_or("its prompt", |found| found.prompt.as_str());
                Some(line("model", &step.id, by_model(agent, prompt, told), ended))
            }
            StepKind::Route { .. } => {
                let decided = value.and_then(Classified::read)?;
                Some(line("route", &step.id, decided.sentence(), ended))
            }
            StepKind::Record { .. } => {
                let call = state.effects.last().and_then(|effect| asked_in(&self.entries, effect))?;
                let version = value.and_then(|value| value["version"].as_u64());
                let version = version.map_or_else(String::new, |version| format!(", version {version}"));
                Some(line("record", &step.id, format!("{}{version}", in_words(&call)), ended))
            }
            _ => None,
        }
    }

    /// Where an answer came from.
    fn provenance(&self, id: &EffectId) -> Option<&Value> {
        self.entries.iter().rev().find_map(|(_, entry)| match &entry.envelope.event {
            Event::EffectSucceeded { effect, provenance, .. } if effect == id => Some(provenance),
            _ => None,
        })
    }

    /// An input that it was made of; what outsiders wrote is marked.
    fn input(&self, name: &str) -> Option<WhyLine> {
        let input = self.run.input.get(name)?;
        let text = input.value.as_str().map_or_else(|| input.value.to_string(), str::to_owned);
        let from = if input.labels.trust == Trust::External { "from outside: " } else { "" };
        let text = format!("{from}{}", shown::excerpt(&text, MOST_LETTERS));
        Some(line("input", &as_written(name), text, Some(When(self.run.started_at))))
    }
}

fn by_model(agent: &str, prompt: &str, told: Option<&Value>) -> String {
    let text = |key: &str| told.and_then(|told| told[key].as_str());
    match (text("model"), text("connector")) {
        (Some(model), Some(connector)) => {
            format!("written by model {model} of {connector}, asked by agent {agent} with {prompt}")
        }
        _ => format!("answered for agent {agent} ({prompt}) by a person or a fixture"),
    }
}

/// Says what a call does, to whom and for how much.
fn in_words(call: &Call) -> String {
    let told = match call {
        Call::Verb(verb) => headline(&verb.verb, verb.effect, &verb.args),
        Call::RecordWrite { record, key, .. } => {
            let args = serde_json::json!({ "record": record, "key": key });
            headline(RECORD_WRITE, Effect::Write, &args)
        }
        other => {
            let Called { call, target } = called(other);
            return format!("{} {target}", call.replace('_', " "));
        }
    };
    let whom = told.whom.map_or_else(String::new, |whom| format!(" to {whom}"));
    let amount = told.amount.map_or_else(String::new, |amount| format!(", {amount}"));
    format!("{}{whom}{amount}", told.what)
}
