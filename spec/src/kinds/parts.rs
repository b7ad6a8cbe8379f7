//! What several kinds are made of: keys, rates, schemas of texts, built-in verbs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    fields::{Field, Table, Ty},
    plan::{Effect, Idempotency, Rate, Verb},
    read::View,
    value::Period,
};

/// How long one attempt of a verb may take that does not say.
const TIMEOUT: &str = "30s";

pub(crate) const HTTP_URL: Ty = Ty::Url(&["http", "https"]);

pub(crate) const MAX_BODY: Field =
    Field::opt("max_body", Ty::Integer(1, 67_108_864), "262144", "The most bytes of a delivery.");

pub(crate) static RATE: Table = Table::new(
    "rate",
    "The most calls in a window.",
    &[
        Field::req("calls", Ty::Integer(1, 1_000_000), "60", "How many."),
        Field::req("per", Ty::Period, "\"1m\"", "In how long."),
    ],
);

/// Reads a table of the form [`RATE`].
pub(crate) fn rate(view: &View<'_>) -> Option<Rate> {
    Some(Rate { calls: view.count("calls")?, per: view.period("per")? })
}

/// Returns how long one attempt of a verb may take that does not say.
pub(super) fn timeout() -> Period {
    TIMEOUT.parse().expect("the text is a period")
}

/// Returns the values of these keys, as far as they are there.
pub(crate) fn pick(view: &View<'_>, keys: &[&str]) -> BTreeMap<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), view.json(key)?))).collect()
}

/// Returns a verb that no file declares.
pub(super) fn built_in(effect: Effect, idempotency: Idempotency, input: Value, output: Value) -> Verb {
    Verb {
        effect,
        idempotency,
        key_valid: None,
        probe: None,
        undo: None,
        input,
        output,
        rate: None,
        timeout: timeout(),
        settings: BTreeMap::new(),
    }
}

/// Returns the schema of a table that has these texts.
pub(super) fn texts(names: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    json!({ "type": "object", "properties": properties, "required": names })
}
