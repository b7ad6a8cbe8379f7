//! Connectors: the edge of the company.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Id;
use crate::value::Period;

/// A system outside that the company uses: what can be done with it, and what it tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connector {
    /// The file's stem.
    pub id: Id,
    /// Its former ids.
    pub was: Vec<Id>,
    /// The slice that owns it.
    pub slice: Id,
    /// The persona that is responsible for it.
    pub owner: Id,
    /// The word of its kind: see [`crate::kinds`].
    pub kind: String,
    /// Where it is: a URL, `smtp://host:port`, or a folder; kinds that receive have none.
    pub endpoint: Option<String>,
    /// The name of its secret.
    pub secret: Option<Id>,
    /// The hosts it may talk to; the endpoint's own when empty.
    pub hosts: Vec<String>,
    /// `live`, `dry` or `fixture`.
    pub mode: Mode,
    /// The most calls of all its verbs together, and of the agents that ask it, in a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// What it can do.
    pub verbs: BTreeMap<String, Verb>,
    /// What it can tell: JSON Schema of each event's fields by event name.
    pub events: BTreeMap<String, Value>,
    /// By which field of an event those who wait for it as a signal know it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signals: BTreeMap<String, String>,
    /// Further settings of the kind, such as `from` of a mail connector.
    pub settings: BTreeMap<String, Value>,
}

impl Connector {
    /// Returns the names of its secrets: the one that it names, or several while one takes the place of another.
    #[must_use]
    pub fn secret_names(&self) -> Vec<&str> {
        let several = self.settings.get("secrets").and_then(Value::as_array);
        let several = several.into_iter().flatten().filter_map(Value::as_str);
        self.secret.as_deref().into_iter().chain(several).collect()
    }
}

/// How real a connector's calls are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The world is touched.
    #[default]
    Live,
    /// Reads are real, everything else is logged and answered as done.
    Dry,
    /// Answers come from the verb's fixture.
    Fixture,
}

/// One verb of a connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verb {
    /// What it does to the world.
    pub effect: Effect,
    /// What makes a repetition safe.
    pub idempotency: Idempotency,
    /// How long the other side keeps a key, for `native_key`: an older key is not sent again. `None` for every other class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_valid: Option<Period>,
    /// The verb that finds out whether a call happened; its `with` may read `effect.key` and `call.*`.
    pub probe: Option<String>,
    /// The verb that takes it back by default.
    pub undo: Option<String>,
    /// The JSON Schema of its arguments.
    pub input: Value,
    /// The JSON Schema of its answer.
    pub output: Value,
    /// The most calls in a window.
    pub rate: Option<Rate>,
    /// How long one attempt may take.
    pub timeout: Period,
    /// Settings of the kind, such as `method` and `path` of an http verb.
    pub settings: BTreeMap<String, Value>,
}

/// Names under which servers take another method than the one of the request.
const OVERRIDES: [&str; 4] = ["x-http-method-override", "x-http-method", "x-method-override", "_method"];

impl Verb {
    /// Returns the HTTP method of its requests: the one that is written, else GET for a read and POST for all others.
    #[must_use]
    pub fn method(&self) -> &str {
        let default = if self.effect == Effect::Read { "GET" } else { "POST" };
        self.settings.get("method").and_then(Value::as_str).unwrap_or(default)
    }

    /// Returns why its requests may change something, where they are taken for reads; settings of the connector count too.
    ///
    /// A read is repeated at will and asks nobody, so what can change something must be confirmed in the file.
    #[must_use]
    pub fn hidden_change(&self, connector: &BTreeMap<String, Value>) -> Option<String> {
        let method = self.method();
        let is_override = |name: &str| OVERRIDES.contains(&name.to_lowercase().as_str());
        let tables = [
            self.settings.get("headers"),
            self.settings.get("query"),
            self.settings.get("body"),
            connector.get("headers"),
        ];
        // Arguments that no setting places make the body.
        let tables = tables.into_iter().chain([self.input.get("properties")]).flatten();
        let names = tables.flat_map(|value| match value {
            Value::Object(fields) => fields.keys().cloned().collect::<Vec<_>>(),
            Value::Array(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        });
        if let Some(name) = names.chain(self.names_in_path()).find(|name| is_override(name)) {
            return Some(format!("`{name}` tells the other side to take another method than {method}"));
        }
        let confirmed = self.settings.get("read_by").and_then(Value::as_str);
        match method {
            "GET" | "HEAD" => None,
            "DELETE" => Some("DELETE removes: it never only looks".to_owned()),
            _ if confirmed == Some(method) => None,
            _ => Some(format!("{method} can change something")),
        }
    }

    /// Returns the names in the query that stands in the path itself.
    fn names_in_path(&self) -> Vec<String> {
        let path = self.settings.get("path").and_then(Value::as_str).unwrap_or_default();
        let query = path.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned()).collect()
    }
}

/// What a verb does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It looks at something and changes nothing.
    Read,
    /// It changes what can be changed back.
    Write,
    /// It tells somebody outside something.
    Send,
    /// It moves money.
    Spend,
    /// It removes something that may not come back.
    Delete,
    /// It tells everybody something.
    Publish,
}

impl Effect {
    /// Returns whether a gate must cover it: send, spend, delete, publish.
    #[must_use]
    pub fn is_guarded(self) -> bool {
        !matches!(self, Self::Read | Self::Write)
    }
}

/// What makes a repetition safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idempotency {
    /// The key is sent again and the other side knows it.
    NativeKey,
    /// After a doubt: look first, then act again.
    Probe,
    /// Never sent twice; an unknown outcome goes to the operator.
    AtMostOnce,
    /// Nothing changes however often it is called.
    Pure,
}

/// The most calls in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How many.
    pub calls: u32,
    /// In how long.
    pub per: Period,
}
