//! Whom or what a run is about, worked out from what it is given.

use std::collections::BTreeMap;

use adjutant_spec::plan::Bundle;
use serde_json::Value;

use super::Scope;
use crate::{about::About, event::Labelled};

/// The most characters of a key: it stands in lists.
const LONGEST: usize = 200;

/// Returns whom a run of a bundle is about that is given these inputs.
///
/// `None` where the playbook says nothing, and where nothing comes out: a name for lists never stops a run from beginning.
#[must_use]
pub fn about(def: &Bundle, input: &BTreeMap<String, Labelled>) -> Option<About> {
    let wanted = def.playbook.about.as_ref()?;
    let key = match Scope::of_given(input).render(&wanted.key).ok()? {
        Value::Null => return None,
        Value::String(text) => text,
        other => other.to_string(),
    };
    let key: String = key.trim().chars().take(LONGEST).collect();
    (!key.is_empty()).then(|| About { kind: wanted.kind.clone(), key })
}
