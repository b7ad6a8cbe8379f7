//! The draft: every object of a company as it was read, with the place of each key.
//!
//! Reading has settled the form: keys, types, words, money, periods, the syntax and roots of templates, ids and their uniqueness.
//! Nothing refers to anything yet: names are as written, steps are in file order and unresolved. The checks do the rest.

mod answers;
mod looks;
mod places;
mod playbook;
mod shelf;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::Arc,
};

use serde_json::Value;

pub(crate) use answers::Answers;
pub(crate) use looks::{Look, Moved, Part, Rows, Watched, Watcher};
pub(crate) use places::inside;
pub use places::{Entry, Node, NodeKind, Places};
pub use playbook::{RawKind, RawPlaybook, RawStep, RawTrigger};
pub use shelf::{Shelf, Single};

use crate::{
    diag::Spot,
    plan::{
        Agent, Autonomy, Budget, Company, Connector, Freeze, Id, Limit, NotifyRule, Prices, Retention, Route,
        Slice, scenario::Scenario,
    },
    value::Template,
};

/// Something read, with the file and the key that it stands at.
#[derive(Debug, Clone, PartialEq)]
pub struct At<T> {
    /// The path of the file from the root.
    pub file: String,
    /// The key path of the object in the file; empty for the whole file.
    pub key: String,
    /// What was read.
    pub value: T,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> At<T> {
    /// Returns the key path of something below the object.
    #[must_use]
    pub fn path(&self, below: &str) -> String {
        if self.key.is_empty() { below.to_owned() } else { format!("{}.{below}", self.key) }
    }
}

/// The kinds of objects that have a file of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `playbooks/<id>.toml`.
    Playbook,
    /// `agents/<id>.toml`.
    Agent,
    /// `connectors/<id>.toml`.
    Connector,
    /// `routes/<id>.toml`.
    Route,
    /// `records/<id>.json`.
    Record,
}

impl Kind {
    /// Returns the word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Playbook => "playbook",
            Self::Agent => "agent",
            Self::Connector => "connector",
            Self::Route => "route",
            Self::Record => "record",
        }
    }

    /// Returns the folder that its files are in.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Playbook => "playbooks",
            Self::Agent => "agents",
            Self::Connector => "connectors",
            Self::Route => "routes",
            Self::Record => "records",
        }
    }
}

/// A Markdown file: a prompt or a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The text without byte order mark.
    pub text: Arc<str>,
    /// Its parsed form; absent when its syntax is wrong, which has been reported.
    pub template: Option<Template>,
}

/// The policies as written, each with its place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawPolicies {
    /// Caps on money.
    pub budgets: Vec<At<Budget>>,
    /// How freely playbooks may use verbs.
    pub autonomy: Vec<At<Autonomy>>,
    /// Who is told.
    pub notify: Vec<At<NotifyRule>>,
    /// Caps on counts.
    pub limits: Vec<At<Limit>>,
    /// When nothing acts.
    pub freezes: Vec<At<Freeze>>,
    /// How long bytes are kept.
    pub retention: Vec<At<Retention>>,
}

/// Every object of a company as read.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What `adjutant.toml` says; absent where it cannot be read.
    pub company: Single<Option<At<Company>>>,
    /// The slices by name; those without a `slice.toml` and `company` too, with the company's owner and stage.
    pub slices: Shelf<At<Slice>>,
    /// The playbooks, their names as written.
    pub playbooks: Shelf<At<RawPlaybook>>,
    /// The agents, their names as written.
    pub agents: Shelf<At<Agent>>,
    /// The connectors, the verbs and events of their kind filled in.
    pub connectors: Shelf<At<Connector>>,
    /// The routes, their names as written.
    pub routes: Shelf<At<Route>>,
    /// The JSON Schema of each kind of record.
    pub records: Shelf<At<Value>>,
    /// The scenarios by their path, their names as written.
    pub scenarios: Shelf<At<Scenario>>,
    /// Prompts and templates by their path from the root.
    pub texts: Shelf<Text>,
    /// The policies of all files, in the order of the files.
    pub policies: Single<RawPolicies>,
    /// `prices.toml`; where there is none, a table without models and with a small cap.
    pub prices: Single<Option<At<Prices>>>,
    /// The ciphertext of each secret by its name.
    pub secrets: Shelf<Arc<[u8]>>,
    /// The digest of each local model, from `adjutant.lock`.
    pub models: Single<BTreeMap<Id, String>>,
    /// Objects that have a file which could not be read, as `<kind>/<id>`: a reference to one is no mistake of its own.
    pub(crate) broken: Shelf<()>,
    /// Where each key is.
    pub places: Places,
    pub(crate) watcher: Watcher,
}

impl Default for Draft {
    fn default() -> Self {
        let watcher = Watcher::default();
        Self {
            company: Single::new(Part::Company, &watcher),
            slices: Shelf::new(Part::Slices, &watcher),
            playbooks: Shelf::new(Part::Playbooks, &watcher),
            agents: Shelf::new(Part::Agents, &watcher),
            connectors: Shelf::new(Part::Connectors, &watcher),
            routes: Shelf::new(Part::Routes, &watcher),
            records: Shelf::new(Part::Records, &watcher),
            scenarios: Shelf::new(Part::Scenarios, &watcher),
            texts: Shelf::new(Part::Texts, &watcher),
            policies: Single::new(Part::Policies, &watcher),
            prices: Single::new(Part::Prices, &watcher),
            secrets: Shelf::new(Part::Secrets, &watcher),
            models: Single::new(Part::Models, &watcher),
            broken: Shelf::new(Part::Broken, &watcher),
            places: Places::new(&watcher),
            watcher,
        }
    }
}

impl Draft {
    /// Returns a draft of the same objects before a watcher of its own; the shelves are shared until one is changed.
    pub(crate) fn next(&self) -> Self {
        let watcher = Watcher::default();
        Self {
            company: self.company.before(&watcher),
            slices: self.slices.before(&watcher),
            playbooks: self.playbooks.before(&watcher),
            agents: self.agents.before(&watcher),
            connectors: self.connectors.before(&watcher),
            routes: self.routes.before(&watcher),
            records: self.records.before(&watcher),
            scenarios: self.scenarios.before(&watcher),
            texts: self.texts.before(&watcher),
            policies: self.policies.before(&watcher),
            prices: self.prices.before(&watcher),
            secrets: self.secrets.before(&watcher),
            models: self.models.before(&watcher),
            broken: self.broken.before(&watcher),
            places: self.places.before(&watcher),
            watcher,
        }
    }

    /// Takes what one file holds, of the objects that one file alone may define.
    pub(crate) fn absorb(&mut self, file: &Self) {
        self.playbooks.absorb(&file.playbooks);
        self.agents.absorb(&file.agents);
        self.connectors.absorb(&file.connectors);
        self.routes.absorb(&file.routes);
        self.records.absorb(&file.records);
        self.scenarios.absorb(&file.scenarios);
        self.texts.absorb(&file.texts);
        self.broken.absorb(&file.broken);
        self.places.absorb(&file.places);
    }

    /// Lets go of what was absorbed of one file.
    pub(crate) fn release(&mut self, file: &Self) {
        self.playbooks.release(&file.playbooks);
        self.agents.release(&file.agents);
        self.connectors.release(&file.connectors);
        self.routes.release(&file.routes);
        self.records.release(&file.records);
        self.scenarios.release(&file.scenarios);
        self.texts.release(&file.texts);
        self.broken.release(&file.broken);
        self.places.release(&file.places);
    }

    /// Takes company and slices as they stand in another draft.
    pub(crate) fn begin_as(&mut self, other: &Self) {
        self.company.take_after(&other.company);
        self.slices = other.slices.before(&self.watcher);
    }

    /// Returns whether a file holds something that [`Draft::join`] joins.
    pub(crate) fn has_joined(&self) -> bool {
        let is_empty = self.secrets.holds_nothing()
            && *self.policies == RawPolicies::default()
            && self.prices.is_none()
            && self.models.is_empty();
        !is_empty
    }

    /// Joins what more than one file may say: policies add up, and of secrets with one name the last one counts.
    pub(crate) fn join<'a>(&mut self, files: impl Iterator<Item = &'a Self>) {
        let mut joined = Self::default();
        for file in files.filter(|file| file.has_joined()) {
            joined.policies.absorb(&file.policies);
            joined.secrets.absorb(&file.secrets);
            if file.prices.is_some() {
                joined.prices.take_after(&file.prices);
            }
            if !file.models.is_empty() {
                joined.models.take_after(&file.models);
            }
        }
        self.policies.take_after(&joined.policies);
        self.prices.take_after(&joined.prices);
        self.models.take_after(&joined.models);
        self.secrets = joined.secrets.before(&self.watcher);
    }

    /// Returns what is another here than in the draft before.
    pub(crate) fn moved_since(&self, before: &Self) -> Moved {
        let mut moved = Moved::default();
        self.company.compare(&before.company, &mut moved);
        self.slices.compare(&before.slices, &mut moved);
        self.playbooks.compare(&before.playbooks, &mut moved);
        self.agents.compare(&before.agents, &mut moved);
        self.connectors.compare(&before.connectors, &mut moved);
        self.routes.compare(&before.routes, &mut moved);
        self.records.compare(&before.records, &mut moved);
        self.scenarios.compare(&before.scenarios, &mut moved);
        self.texts.compare(&before.texts, &mut moved);
        self.policies.compare(&before.policies, &mut moved);
        self.prices.compare(&before.prices, &mut moved);
        self.secrets.compare(&before.secrets, &mut moved);
        self.models.compare(&before.models, &mut moved);
        self.broken.compare(&before.broken, &mut moved);
        self.places.compare(&before.places, &mut moved);
        moved
    }

    /// Notes that the file of an object could not be read.
    pub(crate) fn breaks(&mut self, kind: Kind, id: &str) {
        self.broken.insert(broken_key(kind, id), ());
    }

    /// Returns the ids of a kind: what was read and what has a file but could not be read.
    #[must_use]
    pub fn ids(&self, kind: Kind) -> BTreeSet<&str> {
        let broken = self.broken.keys().filter_map(|key| key.strip_prefix(kind.word())?.strip_prefix('/'));
        let mut ids: BTreeSet<&str> = broken.collect();
        match kind {
            Kind::Playbook => ids.extend(self.playbooks.keys().map(String::as_str)),
            Kind::Agent => ids.extend(self.agents.keys().map(String::as_str)),
            Kind::Connector => ids.extend(self.connectors.keys().map(String::as_str)),
            Kind::Route => ids.extend(self.routes.keys().map(String::as_str)),
            Kind::Record => ids.extend(self.records.keys().map(String::as_str)),
        }
        ids
    }

    /// Returns whether an object was read, or has a file which could not be.
    #[must_use]
    pub fn has(&self, kind: Kind, id: &str) -> bool {
        let was_read = match kind {
            Kind::Playbook => self.playbooks.contains_key(id),
            Kind::Agent => self.agents.contains_key(id),
            Kind::Connector => self.connectors.contains_key(id),
            Kind::Route => self.routes.contains_key(id),
            Kind::Record => self.records.contains_key(id),
        };
        was_read || self.is_broken(kind, id)
    }

    /// Returns whether an object has a file which could not be read.
    #[must_use]
    pub fn is_broken(&self, kind: Kind, id: &str) -> bool {
        self.broken.contains_key(&broken_key(kind, id))
    }

    /// Returns the spot of the value at a key path below an object, or of its nearest parent.
    #[must_use]
    pub fn spot<T>(&self, object: &At<T>, below: &str) -> Spot {
        let path = object.path(below);
        Spot { file: object.file.clone(), span: self.places.place(&object.file, &path) }
    }

    /// Returns the spot of the key itself at a key path below an object, or of its nearest parent.
    #[must_use]
    pub fn key_spot<T>(&self, object: &At<T>, below: &str) -> Spot {
        let path = object.path(below);
        Spot { file: object.file.clone(), span: self.places.key_place(&object.file, &path) }
    }
}

fn broken_key(kind: Kind, id: &str) -> String {
    format!("{}/{id}", kind.word())
}

impl RawPolicies {
    fn absorb(&mut self, file: &Self) {
        self.budgets.extend_from_slice(&file.budgets);
        self.autonomy.extend_from_slice(&file.autonomy);
        self.notify.extend_from_slice(&file.notify);
        self.limits.extend_from_slice(&file.limits);
        self.freezes.extend_from_slice(&file.freezes);
        self.retention.extend_from_slice(&file.retention);
    }
}
