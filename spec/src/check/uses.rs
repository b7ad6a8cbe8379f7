//! The templates and expressions of a step, each with the key that it is written at.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    plan::{RecordOp, Step, StepKind, Until},
    value::{Arg, Path, Template},
};

/// A value of a step that reads others.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// Its key path below the step.
    pub(crate) key: String,
    /// Everything that it reads.
    pub(crate) all: BTreeSet<Path>,
    /// What it reads without a guard.
    pub(crate) certain: BTreeSet<Path>,
    /// What it is for in the step.
    pub(crate) purpose: Purpose,
    /// The text as written.
    pub(crate) source: String,
}

/// What a value of a step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The condition to run it at all, or one that picks an arm.
    Condition,
    /// What is handed on: an argument, a text, a key.
    Argument,
    /// What a person sees at a gate.
    Shown,
    /// An argument of the undo, rendered when unwinding.
    Undo,
    /// The template of a `render`, in its own file.
    Rendered,
}

/// Returns what a step reads, the text of a `render` not among it.
pub(crate) fn of_step(step: &Step) -> Vec<Use> {
    let mut uses = Vec::new();
    if let Some(when) = &step.when {
        uses.push(of_template("when", when, Purpose::Condition));
    }
    of_kind(&step.kind, &mut uses);
    if let Some(undo) = &step.undo {
        of_args("undo.with", &undo.with, Purpose::Undo, &mut uses);
    }
    uses
}

fn of_kind(kind: &StepKind, uses: &mut Vec<Use>) {
    match kind {
        StepKind::Agent { with, .. } | StepKind::Call { with, .. } | StepKind::Run { with, .. } => {
            of_args("with", with, Purpose::Argument, uses);
        }
        StepKind::Route { text, .. } => uses.push(of_template("text", text, Purpose::Argument)),
        StepKind::Gate { gate, show, auto, .. } => {
            uses.push(of_template("gate", gate, Purpose::Shown));
            uses.extend(show.iter().enumerate().map(|(index, path)| shown(index, path)));
            uses.extend(auto.iter().map(|auto| of_template("auto.when", &auto.when, Purpose::Condition)));
        }
        StepKind::Wait { wait: Until::Until(until) } => {
            uses.push(of_template("wait.until", until, Purpose::Condition));
        }
        StepKind::Wait { wait: Until::Signal { key: Some(key), .. } } => {
            uses.push(of_template("wait.key", key, Purpose::Condition));
        }
        StepKind::Signal { to, with, .. } => {
            uses.push(of_template("to", to, Purpose::Argument));
            of_args("with", with, Purpose::Argument, uses);
        }
        StepKind::Emit { key, with, .. } => {
            uses.extend(key.iter().map(|key| of_template("key", key, Purpose::Argument)));
            of_args("with", with, Purpose::Argument, uses);
        }
        StepKind::Choose { arms, .. } => {
            for (arm, choice) in arms.iter().enumerate() {
                uses.push(of_template(&format!("choose[{arm}].when"), &choice.when, Purpose::Condition));
            }
        }
        StepKind::Record { op } => of_record(op, uses),
        StepKind::Each { items, .. } => uses.push(of_template("each", items, Purpose::Argument)),
        StepKind::Wait { .. }
        | StepKind::Render { .. }
        | StepKind::End { .. }
        | StepKind::Parallel { .. }
        | StepKind::Scope { .. } => {}
    }
}

fn of_record(op: &RecordOp, uses: &mut Vec<Use>) {
    match op {
        RecordOp::ReadOne { key, .. } => uses.push(of_template("record.key", key, Purpose::Argument)),
        RecordOp::ReadList { filter, .. } => of_args("record.where", filter, Purpose::Argument, uses),
        RecordOp::Write { key, value, expect, .. } => {
            uses.push(of_template("record.key", key, Purpose::Argument));
            of_args("record.write", value, Purpose::Argument, uses);
            // A version is compared when the step writes; it is no part of what a gate shows.
            uses.extend(expect.iter().map(|expect| of_template("record.expect", expect, Purpose::Condition)));
        }
    }
}

fn shown(index: usize, path: &str) -> Use {
    let reads = BTreeSet::from([path.to_owned()]);
    let key = format!("show[{index}]");
    Use { key, all: reads.clone(), certain: reads, purpose: Purpose::Shown, source: path.to_owned() }
}

/// Returns what one template reads.
pub(crate) fn of_template(key: &str, template: &Template, purpose: Purpose) -> Use {
    Use {
        key: key.to_owned(),
        all: template.reads.clone(),
        certain: template.certain_reads(),
        purpose,
        source: template.source.clone(),
    }
}

fn of_args(key: &str, args: &BTreeMap<String, Arg>, purpose: Purpose, uses: &mut Vec<Use>) {
    args.iter().for_each(|(name, arg)| of_arg(&format!("{key}.{name}"), arg, purpose, uses));
}

fn of_arg(key: &str, arg: &Arg, purpose: Purpose, uses: &mut Vec<Use>) {
    match arg {
        Arg::Literal(_) => {}
        Arg::Template(template) => uses.push(of_template(key, template, purpose)),
        Arg::List(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| of_arg(&format!("{key}[{index}]"), item, purpose, uses));
        }
        Arg::Table(fields) => of_args(key, fields, purpose, uses),
    }
}
