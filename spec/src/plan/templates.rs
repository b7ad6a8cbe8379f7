//! Where a playbook has templates: one walk, so that whoever makes them ready forgets none.

use super::{Playbook, RecordOp, Step, StepKind, Trigger, Until};
use crate::value::{Arg, Template};

type Found<'a> = Vec<&'a Template>;

impl Playbook {
    /// Collects every template and expression of the playbook.
    pub(super) fn collect_templates<'a>(&'a self, all: &mut Found<'a>) {
        all.extend(self.about.iter().map(|about| &about.key));
        all.extend(self.trigger.key());
        if let Trigger::Record { when, .. } = &self.trigger {
            all.extend(when);
        }
        all.extend(self.inputs.values().filter_map(|input| input.from.as_ref()));
        self.steps.iter().for_each(|step| step.collect_templates(all));
    }
}

impl Step {
    fn collect_templates<'a>(&'a self, all: &mut Found<'a>) {
        all.extend(&self.when);
        if let Some(undo) = &self.undo {
            of_args(undo.with.values(), all);
        }
        match &self.kind {
            StepKind::Agent { with, .. } | StepKind::Call { with, .. } | StepKind::Run { with, .. } => {
                of_args(with.values(), all);
            }
            StepKind::Route { text, .. } => all.push(text),
            StepKind::Gate { gate, auto, .. } => {
                all.push(gate);
                all.extend(auto.iter().map(|auto| &auto.when));
            }
            StepKind::Wait { wait: Until::Until(moment) } => all.push(moment),
            StepKind::Wait { wait: Until::Signal { key, .. } } => all.extend(key),
            StepKind::Signal { to, with, .. } => {
                all.push(to);
                of_args(with.values(), all);
            }
            StepKind::Emit { key, with, .. } => {
                all.extend(key);
                of_args(with.values(), all);
            }
            StepKind::Choose { arms, .. } => all.extend(arms.iter().map(|arm| &arm.when)),
            StepKind::Record { op } => of_record(op, all),
            StepKind::Each { items, .. } => all.push(items),
            StepKind::Wait { wait: Until::For(_) }
            | StepKind::Render { .. }
            | StepKind::End { .. }
            | StepKind::Parallel { .. }
            | StepKind::Scope { .. } => {}
        }
        for body in self.kind.fragments() {
            of_args(body.inputs.values(), all);
            body.steps.iter().for_each(|step| step.collect_templates(all));
        }
    }
}

fn of_record<'a>(op: &'a RecordOp, all: &mut Found<'a>) {
    match op {
        RecordOp::ReadOne { key, .. } => all.push(key),
        RecordOp::ReadList { filter, .. } => of_args(filter.values(), all),
        RecordOp::Write { key, value, expect, .. } => {
            all.push(key);
            of_args(value.values(), all);
            all.extend(expect);
        }
    }
}

fn of_args<'a>(args: impl Iterator<Item = &'a Arg>, all: &mut Found<'a>) {
    for arg in args {
        match arg {
            Arg::Literal(_) => {}
            Arg::Template(template) => all.push(template),
            Arg::List(items) => of_args(items.iter(), all),
            Arg::Table(fields) => of_args(fields.values(), all),
        }
    }
}
