//! Checks of the names under which steps read the item of an `each`: they are free, and read only inside.

use std::collections::BTreeSet;

use super::cx::{Cx, Out, Say};
use crate::{
    compile::{
        homes::{names_item, place_of},
        resolve::Resolved,
    },
    diag::{Code, Diagnostic, Spot},
    draft::{Draft, Rows},
    fields::{EVENT_ROOTS, STEP_ROOTS, UNDO_ROOTS},
    plan::StepKind,
    read::{Fault, Known, PathKind, classify, unknown_roots},
};

/// Words that templates have for something else.
const KEPT: [&str; 14] = [
    "loop",
    "range",
    "dict",
    "namespace",
    "debug",
    "caller",
    "self",
    "true",
    "false",
    "none",
    "not",
    "and",
    "or",
    "in",
];

/// Checks what items are called.
pub(crate) fn check(cx: &Cx<'_>, out: &mut Out) {
    for (place, step) in cx.steps() {
        let StepKind::Each { item, .. } = &step.kind else { continue };
        if let Some(why) = taken(cx, place, item) {
            out.say(
                Code::E0316,
                cx.spot(place, "as"),
                Say {
                    message: format!("each \"{}\" cannot call its item \"{item}\": {why}", step.id),
                    label: "not free",
                    help: "call it something else, such as \"topic\": letters, digits and `_`".to_owned(),
                },
            );
        }
    }
}

/// Returns why an item cannot have a name.
fn taken(cx: &Cx<'_>, place: usize, item: &str) -> Option<String> {
    if item.contains('-') {
        return Some("a `-` in a template takes one value from another".to_owned());
    }
    for name in [item.to_owned(), place_of(item)] {
        let roots = [STEP_ROOTS, UNDO_ROOTS, EVENT_ROOTS].into_iter().flatten();
        if KEPT.contains(&name.as_str()) || roots.into_iter().any(|root| *root == name) {
            return Some(format!("templates have `{name}` for something else"));
        }
        if cx.playbook.inputs.contains_key(&name) {
            return Some(format!("the playbook has an input \"{name}\""));
        }
        if let Some(outer) = cx.item(place, &name) {
            return Some(format!("`{name}` is of each \"{}\", which it stands in", cx.id(outer)));
        }
    }
    None
}

/// A path that begins with a name that is none of those that every step has.
pub(crate) struct Rooted<'a> {
    /// The position of the step that reads it.
    pub(crate) place: usize,
    /// The name that it begins with.
    pub(crate) root: &'a str,
    /// Where it is written.
    pub(crate) spot: Spot,
}

/// Checks that a step that reads an item stands inside its `each`.
pub(crate) fn visible(cx: &Cx<'_>, read: Rooted<'_>, out: &mut Out) {
    let Rooted { place, root, spot } = read;
    if cx.item(place, root).is_some() {
        return;
    }
    let reader = cx.id(place);
    // A name that no item has was reported where the file was read.
    let Some(holder) = (0..cx.flat.len()).find(|holder| names_item(cx.step(*holder), root)) else { return };
    let each = cx.id(holder);
    out.push(
        Diagnostic::new(
            Code::E0114,
            spot,
            format!("`{root}` is of each \"{each}\", and step \"{reader}\" stands outside of it"),
        )
        .label("unknown here")
        .help(format!(
            "write `in = \"{each}\"` if the step is done for every item, else read `steps.{each}.items`"
        )),
    );
}

/// Checks the roots of templates: those of steps, and the names of items of the playbooks.
pub(crate) fn check_texts(draft: &Draft, resolved: &Rows<Resolved>, out: &mut Out) {
    if resolved.values().any(|found| found.names.has_unread_items) {
        return;
    }
    let items: BTreeSet<&String> = resolved.values().flat_map(|found| &found.names.items).collect();
    let items: Vec<String> = items.into_iter().cloned().collect();
    for (path, text) in draft.texts.iter().filter(|(path, _)| classify(path) == PathKind::Template) {
        let Some(template) = &text.template else { continue };
        for fault in unknown_roots(template, &text.text, &Known { roots: STEP_ROOTS, items: &items }) {
            let Fault { code, part, message, label, help } = fault;
            out.push(
                Diagnostic::new(code, Spot::new(path, part.unwrap_or(0..0)), message)
                    .label(label)
                    .help_if(help),
            );
        }
    }
}
