//! From flat steps to steps that hold steps: what stands in a container becomes a fragment that runs by itself.
//!
//! A branch sees its own steps and its inputs, nothing else. So each path of a fragment that leads outside becomes an input:
//!
//! | written in the body | read in the branch | given by |
//! |---|---|---|
//! | `topic.name` | `input.topic.name` | the round: the item |
//! | `topic_index` | `input.topic_index` | the round: its place |
//! | `input.note` | `input.note` | an input of the fragment, `{{ input.note }}` |
//! | `steps.read.text` | `input['steps:read:text']` | an input of the fragment, `{{ steps.read.text }}` |
//!
//! No id has a colon in it, so these names meet no input of the playbook. In a fragment inside a fragment the outer one is given what
//! the inner one reads: an input is made in the terms of where its step stands, and renamed there in its turn.

use std::collections::BTreeMap;

use super::homes::{Home, Homes};
use crate::{
    draft::{Draft, RawPlaybook},
    plan::{Fragment, RecordOp, Step, StepKind, Until},
    value::{
        Arg, Template, TemplateError,
        renamed::{self, Instead, Rename},
    },
};

/// The steps of a playbook, those in containers inside the steps that hold them.
#[derive(Debug, Default)]
pub(super) struct Nested {
    pub(super) steps: Vec<Step>,
    /// The templates of `render` steps that read otherwise in a branch, by the names under which these steps have them.
    pub(super) texts: BTreeMap<String, Template>,
    /// The positions of steps whose templates are too large to be renamed.
    pub(super) unfit: Vec<usize>,
}

/// Puts flat steps into the steps that hold them.
pub(super) fn nest(draft: &Draft, playbook: &RawPlaybook, flat: &[Step], homes: &Homes) -> Nested {
    let ids = flat.iter().enumerate().rev().map(|(place, step)| (step.id.as_str(), place)).collect();
    let inputs = playbook.inputs.keys().map(String::as_str).collect();
    let mut nest = Nest { draft, flat, homes, ids, inputs, done: Nested::default() };
    let body = nest.fragment(None);
    Nested { steps: body.steps, ..nest.done }
}

struct Nest<'a> {
    draft: &'a Draft,
    flat: &'a [Step],
    homes: &'a Homes,
    ids: BTreeMap<&'a str, usize>,
    /// The names of the playbook's inputs.
    inputs: Vec<&'a str>,
    done: Nested,
}

/// What the steps of a container read from outside, by the names of their inputs; in the terms of where they were written.
type Needs = BTreeMap<String, Arg>;

/// The steps of a container as its branches have them. What stands in a scope comes behind it.
struct Body {
    steps: Vec<Step>,
    needs: Needs,
}

impl Nest<'_> {
    fn fragment(&mut self, home: Option<Home>) -> Body {
        let mut body = Body { steps: Vec::new(), needs: Needs::new() };
        for place in self.homes.in_run(home) {
            let mut step = self.flat[place].clone();
            if self.rename(home, &mut step, &mut body.needs).is_err() {
                self.done.unfit.push(place);
                step = self.flat[place].clone();
            }
            self.fill(place, &mut step, &mut body.needs);
            body.steps.push(step);
        }
        body
    }

    /// Puts into a step what stands in it.
    fn fill(&mut self, place: usize, step: &mut Step, needs: &mut Needs) {
        match &mut step.kind {
            StepKind::Each { body, .. } => *body = self.held(Home { holder: place, lane: 0 }, needs),
            StepKind::Parallel { lanes, .. } => {
                for (lane, one) in lanes.iter_mut().enumerate() {
                    one.body = self.held(Home { holder: place, lane }, needs);
                }
            }
            StepKind::Scope { steps, .. } => {
                let members = self.homes.members(Some(Home { holder: place, lane: 0 }));
                *steps = members.map(|member| self.flat[member].id.clone()).collect();
            }
            _ => {}
        }
    }

    fn held(&mut self, home: Home, outer: &mut Needs) -> Fragment {
        let Body { steps, needs } = self.fragment(Some(home));
        let around = self.homes.branch(home.holder);
        // The text of an input is a path and nothing else: no bound is near.
        let inputs =
            renamed::args(&needs, &mut |names| self.instead(around, names, outer)).unwrap_or_default();
        Fragment { inputs, steps }
    }

    /// Lets a step read what its branch is given.
    fn rename(
        &mut self,
        home: Option<Home>,
        step: &mut Step,
        needs: &mut Needs,
    ) -> Result<(), TemplateError> {
        let Some(own) = home else { return Ok(()) };
        if let StepKind::Render { render } = &step.kind
            && let Some(written) = self.draft.texts.get(render).and_then(|text| text.template.clone())
        {
            let text = renamed::template(&written, &mut |names| self.instead(home, names, needs))?;
            if text != written {
                let name = format!("{render} in {}", own.written(self.flat));
                self.done.texts.insert(name.clone(), text);
                step.kind = StepKind::Render { render: name };
            }
        }
        if let StepKind::Route { route, .. } = &step.kind {
            self.ruled(home, route, needs);
        }
        rename_step(step, &mut |names| self.instead(home, names, needs))
    }

    /// The conditions of a route's rules read the inputs of whoever asks, under their own names.
    fn ruled(&self, home: Option<Home>, route: &str, needs: &mut Needs) {
        let rules = self.draft.routes.get(route).map(|at| at.rules.as_slice()).unwrap_or_default();
        for read in rules.iter().filter_map(|rule| rule.when.as_ref()).flat_map(|when| &when.reads) {
            let names: Vec<&str> = read.split('.').collect();
            match names.as_slice() {
                ["input"] => self.inputs.iter().for_each(|name| need(needs, name, &["input", name])),
                ["input", ..] => drop(self.instead(home, &names, needs)),
                _ => {}
            }
        }
    }

    /// Returns what stands in place of the beginning of a path in a container, and notes what the container has to be given.
    fn instead(&self, home: Option<Home>, names: &[&str], needs: &mut Needs) -> Option<Instead> {
        let own = home?;
        match names {
            ["steps", step, fields @ ..] => {
                let place = *self.ids.get(step)?;
                (self.homes.branch(place) != home).then(|| of_step(step, fields.first().copied(), needs))
            }
            ["input", name, ..] => {
                need(needs, name, &["input", name]);
                None
            }
            [root, ..] => {
                let holder = self.homes.item(self.flat, home, root)?;
                if holder != own.holder {
                    need(needs, root, &[root]);
                }
                Some(Instead { names: 1, with: vec!["input".to_owned(), (*root).to_owned()] })
            }
            [] => None,
        }
    }
}

/// A result of a step outside becomes an input by the field that is read, so that no branch is given more.
fn of_step(step: &str, field: Option<&str>, needs: &mut Needs) -> Instead {
    let names: Vec<&str> = ["steps", step].into_iter().chain(field).collect();
    let input = names.join(":");
    need(needs, &input, &names);
    Instead { names: names.len(), with: vec!["input".to_owned(), input] }
}

fn need(needs: &mut Needs, input: &str, path: &[&str]) {
    if needs.contains_key(input) {
        return;
    }
    let whole = Instead { names: 0, with: path.iter().map(|name| (*name).to_owned()).collect() };
    let read = Template::parse(&format!("{{{{ {} }}}}", whole.text())).expect("a path is a template");
    needs.insert(input.to_owned(), Arg::Template(read));
}

fn rename_step(step: &mut Step, rename: &mut Rename<'_>) -> Result<(), TemplateError> {
    if let Some(when) = &mut step.when {
        again(when, rename)?;
    }
    if let Some(undo) = &mut step.undo {
        undo.with = renamed::args(&undo.with, rename)?;
    }
    match &mut step.kind {
        StepKind::Agent { with, .. } | StepKind::Call { with, .. } | StepKind::Run { with, .. } => {
            *with = renamed::args(with, rename)?;
        }
        StepKind::Route { text, .. } => again(text, rename)?,
        StepKind::Gate { gate, show, auto, .. } => {
            again(gate, rename)?;
            show.iter_mut().for_each(|path| *path = renamed::path(path, rename));
            auto.iter_mut().try_for_each(|auto| again(&mut auto.when, rename))?;
        }
        StepKind::Wait { wait: Until::Until(moment) } => again(moment, rename)?,
        StepKind::Wait { wait: Until::Signal { key, .. } } => {
            key.iter_mut().try_for_each(|key| again(key, rename))?;
        }
        StepKind::Signal { to, with, .. } => {
            again(to, rename)?;
            *with = renamed::args(with, rename)?;
        }
        StepKind::Emit { key, with, .. } => {
            key.iter_mut().try_for_each(|key| again(key, rename))?;
            *with = renamed::args(with, rename)?;
        }
        StepKind::Choose { arms, .. } => arms.iter_mut().try_for_each(|arm| again(&mut arm.when, rename))?,
        StepKind::Record { op } => rename_record(op, rename)?,
        StepKind::Each { items, .. } => again(items, rename)?,
        StepKind::Wait { wait: Until::For(_) }
        | StepKind::Render { .. }
        | StepKind::End { .. }
        | StepKind::Parallel { .. }
        | StepKind::Scope { .. } => {}
    }
    Ok(())
}

fn rename_record(op: &mut RecordOp, rename: &mut Rename<'_>) -> Result<(), TemplateError> {
    match op {
        RecordOp::ReadOne { key, .. } => again(key, rename),
        RecordOp::ReadList { filter, .. } => {
            *filter = renamed::args(filter, rename)?;
            Ok(())
        }
        RecordOp::Write { key, value, expect, .. } => {
            again(key, rename)?;
            *value = renamed::args(value, rename)?;
            expect.iter_mut().try_for_each(|expect| again(expect, rename))
        }
    }
}

fn again(template: &mut Template, rename: &mut Rename<'_>) -> Result<(), TemplateError> {
    *template = renamed::template(template, rename)?;
    Ok(())
}
