//! What the language knows of a kind of connector.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    fields::{Table, Word},
    plan::Verb,
    read::View,
};

/// A kind of connector: its keys, and what comes of them.
#[derive(Debug)]
pub struct ConnectorKind {
    /// Its word in `kind = "…"`, with what it means.
    pub word: Word,
    /// The keys that only connectors of this kind have.
    pub table: &'static Table,
    /// The keys that are kept as settings, for the edge to read.
    pub settings: &'static [&'static str],
    /// What it is there for.
    pub role: Role,
    /// What its endpoint names.
    pub place: Place,
    /// Returns its verbs: those that every connector of it has, or those that the file declares.
    pub(crate) verbs: fn(&View<'_>) -> BTreeMap<String, Verb>,
    /// Returns its events, each with the schema of its fields. `message_id`, the id of the delivery, is always among them.
    pub(crate) events: fn(&View<'_>) -> BTreeMap<String, Value>,
}

/// What a kind is there for, where somebody asks for more than its verbs and events. Several kinds may share a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Calls of an interface that its file describes.
    Calls,
    /// Sends mails to people.
    SendsMails,
    /// Holds files that playbooks write and read.
    HoldsFiles,
    /// Takes POST requests that their senders sign.
    TakesPosts,
    /// Takes mails that anybody may have written.
    TakesMails,
    /// Answers the questions of agents.
    AnswersAgents,
}

/// What an endpoint names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A host that is connected to.
    Host,
    /// A folder of this machine.
    Folder,
    /// Nothing: there is no endpoint.
    None,
}

impl ConnectorKind {
    /// Returns whether verbs are declared in the file, and not built in.
    #[must_use]
    pub fn declares_verbs(&self) -> bool {
        self.table.fields.iter().any(|field| field.name == "verbs")
    }
}
