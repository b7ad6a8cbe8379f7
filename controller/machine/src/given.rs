//! What a run is given: by hand, by a trigger's event, by a parent run. All mistakes are told at once.
//!
//! What a value is trusted is the lower of what its input declares and of who gives it.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{Bundle, Playbook, Trigger},
    value::{Currency, Labels, Template},
};
use serde_json::Value;

use crate::{eval::Scope, labelled::Labelled, trust::Speaker};

/// Who gives the inputs of a run.
#[derive(Debug, Clone, Copy)]
pub struct Giver {
    /// How far their words are trusted.
    pub speaker: Speaker,
    /// The currency of amounts that name none.
    pub currency: Option<Currency>,
}

/// What a trigger makes of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Fired {
    /// The key of the run: the same key is the same run.
    pub key: String,
    /// The values that the event gave, by input.
    pub values: BTreeMap<String, Value>,
    /// The inputs of the run, with their labels.
    pub input: BTreeMap<String, Labelled>,
}

/// Returns the inputs of a run with their labels.
///
/// # Errors
/// Everything that is wrong with the values, for people.
pub fn given(
    playbook: &Playbook,
    mut values: BTreeMap<String, Value>,
    giver: Giver,
) -> Result<BTreeMap<String, Labelled>, Vec<String>> {
    let Giver { speaker, currency } = giver;
    let (mut input, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, wanted) in &playbook.inputs {
        let declared = Labels { trust: wanted.trust, privacy: wanted.privacy };
        let given = values.remove(name).filter(|value| !value.is_null());
        // A default is the committed playbook's own word: it is trusted as declared, whoever starts the run.
        let labels = if given.is_some() { speaker.cap(declared) } else { declared };
        match wanted.settle(given, currency) {
            Ok(value) => drop(input.insert(name.clone(), Labelled { value, labels })),
            Err(problem) => problems.push(format!("input \"{name}\" {problem}")),
        }
    }
    problems
        .extend(values.keys().map(|name| format!("playbook \"{}\" has no input \"{name}\"", playbook.id)));
    if problems.is_empty() { Ok(input) } else { Err(problems) }
}

/// Returns what a parent hands to a child, as the child declares it; what is handed keeps the labels that it came with where
/// they are the tighter ones.
///
/// # Errors
/// Those of [`given`]: a name that the playbook has no input for, a value of another type, an input that is missing.
pub fn handed(
    playbook: &Playbook,
    input: &BTreeMap<String, Labelled>,
    currency: Option<Currency>,
) -> Result<BTreeMap<String, Labelled>, Vec<String>> {
    let values = input.iter().map(|(name, labelled)| (name.clone(), labelled.value.clone())).collect();
    // The labels that each value came with say who spoke.
    let mut settled = given(playbook, values, Giver { speaker: Speaker::Operator, currency })?;
    for (name, labelled) in &mut settled {
        if let Some(came) = input.get(name) {
            labelled.labels = labelled.labels.join(came.labels);
        }
    }
    Ok(settled)
}

/// Returns what a playbook's trigger makes of an event.
///
/// # Errors
/// Everything that is wrong, for people; nothing of it starts anything.
pub fn fired(bundle: &Bundle, event: &Value, giver: Giver) -> Result<Fired, Vec<String>> {
    let playbook = &bundle.playbook;
    let Some(key) = playbook.trigger.key() else {
        return Err(vec![format!("no event starts playbook \"{}\"", playbook.id)]);
    };
    let scope = Scope::of_event(bundle, event);
    let key = scope.text(key).map_err(|error| vec![error.to_string()])?;
    if key.trim().is_empty() {
        return Err(vec![format!("the key of playbook \"{}\" is empty", playbook.id)]);
    }
    let mut values = BTreeMap::new();
    for (name, input) in &playbook.inputs {
        // What the event does not have is not given: a default counts, and without one `given` says what is missing.
        let Some(from) = input.from.as_ref().filter(|from| !is_absent(from, event)) else { continue };
        let value = scope.render(from).map_err(|error| vec![format!("input \"{name}\": {error}")])?;
        values.insert(name.clone(), value);
    }
    let input = given(playbook, values.clone(), giver)?;
    Ok(Fired { key, values, input })
}

/// Returns whether a playbook's trigger wants an event: whether its `when` holds, where it has one.
///
/// # Errors
/// Why that cannot be said of this event, for people.
pub fn wants(bundle: &Bundle, event: &Value) -> Result<bool, String> {
    let Trigger::Record { when: Some(when), .. } = &bundle.playbook.trigger else { return Ok(true) };
    Scope::of_event(bundle, event).holds(when).map_err(|error| format!("its `when`: {error}"))
}

/// Returns whether an event lacks something that a template reads without a guard.
fn is_absent(from: &Template, event: &Value) -> bool {
    from.certain_reads().iter().any(|read| {
        let mut path = read.split('.');
        let is_of_event = path.next() == Some("event");
        is_of_event && path.try_fold(event, |value, name| value.get(name)).is_none_or(Value::is_null)
    })
}
