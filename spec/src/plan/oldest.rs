//! Identity over renames: what a rule, a pause, a budget, a schedule or a list means is the oldest id of an object.
//!
//! The id that people see may change (`was`); a live run keeps the one that it began with, and rows are written under the one
//! of their day. So nothing compares ids that are shown. [`OldestId`] and [`Subject`] can only be had from a plan or from an
//! object itself, and only two of them can be compared.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Agent, Connector, Id, Plan, Playbook, Route, Slice, Verb};
use crate::kinds::Role;

/// The first id that an object had: the same however often it is renamed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OldestId(String);

impl OldestId {
    /// Returns the identity of what never had another id, or of what no plan knows any more.
    #[must_use]
    pub fn never_renamed(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// Returns it as it stands in keys of rows.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OldestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom a rule is about, or what it holds for: `company`, `slice:<id>`, or `playbook:`, `agent:` and `connector:` with the oldest id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// Returns the whole company.
    #[must_use]
    pub fn company() -> Self {
        Self("company".to_owned())
    }

    /// Returns a slice, which cannot be renamed.
    #[must_use]
    pub fn slice(slice: &Slice) -> Self {
        Self(format!("slice:{}", slice.id))
    }

    /// Returns a playbook.
    #[must_use]
    pub fn playbook(id: &OldestId) -> Self {
        Self(format!("playbook:{id}"))
    }

    /// Returns an agent.
    #[must_use]
    pub fn agent(id: &OldestId) -> Self {
        Self(format!("agent:{id}"))
    }

    /// Returns a connector.
    #[must_use]
    pub fn connector(id: &OldestId) -> Self {
        Self(format!("connector:{id}"))
    }

    /// Returns it as it stands in keys of rows.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What may be renamed.
pub trait Renamed {
    /// Returns the id that is shown.
    fn id(&self) -> &Id;

    /// Returns the former ids, oldest last.
    fn was(&self) -> &[Id];

    /// Returns its identity.
    fn oldest(&self) -> OldestId {
        OldestId(self.was().last().unwrap_or(self.id()).clone())
    }
}

macro_rules! renamed {
    ($($object:ty),+) => {$(
        impl Renamed for $object {
            fn id(&self) -> &Id {
                &self.id
            }

            fn was(&self) -> &[Id] {
                &self.was
            }
        }
    )+};
}
renamed!(Playbook, Agent, Connector, Route);

impl<T: Renamed> Renamed for Arc<T> {
    fn id(&self) -> &Id {
        self.as_ref().id()
    }

    fn was(&self) -> &[Id] {
        self.as_ref().was()
    }
}

/// Returns what has an id or had it.
fn find<'a, T: Renamed>(all: &'a BTreeMap<Id, T>, id: &str) -> Option<&'a T> {
    all.get(id).or_else(|| all.values().find(|found| found.was().iter().any(|was| was == id)))
}

fn oldest<T: Renamed>(all: &BTreeMap<Id, T>, id: &str) -> OldestId {
    find(all, id).map_or_else(|| OldestId::never_renamed(id), Renamed::oldest)
}

impl Plan {
    /// Returns the playbook that has an id, or had it.
    #[must_use]
    pub fn playbook(&self, id: &str) -> Option<&Playbook> {
        find(&self.playbooks, id).map(AsRef::as_ref)
    }

    /// Returns the connector that has an id, or had it.
    #[must_use]
    pub fn connector(&self, id: &str) -> Option<&Connector> {
        find(&self.connectors, id)
    }

    /// Returns the connector that an agent asks: the one it pins, else the first of kind `openai`.
    #[must_use]
    pub fn model_connector(&self, pinned: Option<&str>) -> Option<&Connector> {
        let is_model = |found: &&Connector| found.is_for(Role::AnswersAgents);
        match pinned {
            Some(id) => self.connector(id).filter(is_model),
            None => self.connectors.values().find(is_model),
        }
    }

    /// Returns the agent that has an id, or had it.
    #[must_use]
    pub fn agent(&self, id: &str) -> Option<&Agent> {
        find(&self.agents, id)
    }

    /// Returns the route that has an id, or had it.
    #[must_use]
    pub fn route(&self, id: &str) -> Option<&Route> {
        find(&self.routes, id)
    }

    /// Returns the agent that a hop of a route asks.
    #[must_use]
    pub fn hop(&self, name: &str) -> Option<&Agent> {
        self.agent(name.strip_prefix("agent:")?)
    }

    /// Returns the agents that a route asks, in their order; hops that name nobody are passed over.
    pub fn hops<'a>(&'a self, route: &'a Route) -> impl Iterator<Item = &'a Agent> {
        route.escalate.iter().filter_map(|name| self.hop(name))
    }

    /// Returns the playbook with an identity.
    #[must_use]
    pub fn playbook_of(&self, id: &OldestId) -> Option<&Playbook> {
        let mut all = self.playbooks.values().map(AsRef::as_ref);
        all.find(|playbook: &&Playbook| playbook.was.last().unwrap_or(&playbook.id) == id.as_str())
    }

    /// Returns the identity of the playbook that has an id, or had it.
    #[must_use]
    pub fn oldest_playbook(&self, id: &str) -> OldestId {
        oldest(&self.playbooks, id)
    }

    /// Returns the identity of the connector that has an id, or had it.
    #[must_use]
    pub fn oldest_connector(&self, id: &str) -> OldestId {
        oldest(&self.connectors, id)
    }

    /// Returns the identity of the agent that has an id, or had it.
    #[must_use]
    pub fn oldest_agent(&self, id: &str) -> OldestId {
        oldest(&self.agents, id)
    }

    /// Returns the identity of the route that has an id, or had it.
    #[must_use]
    pub fn oldest_route(&self, id: &str) -> OldestId {
        oldest(&self.routes, id)
    }

    /// Returns the slice that owns a playbook.
    #[must_use]
    pub fn slice_of(&self, playbook: &OldestId) -> Option<&Slice> {
        self.playbook_of(playbook).and_then(|found| self.slices.get(&found.slice))
    }

    /// Returns whom a scope or a subject means that a policy wrote: by any id that it has or had.
    #[must_use]
    pub fn subject(&self, written: &str) -> Subject {
        match written.split_once(':') {
            Some(("playbook", id)) => Subject::playbook(&self.oldest_playbook(id)),
            Some(("agent", id)) => Subject::agent(&self.oldest_agent(id)),
            Some(("connector", id)) => Subject::connector(&self.oldest_connector(id)),
            _ => Subject(written.to_owned()),
        }
    }

    /// Returns a verb by its full name, such as `mail.send`, with its connector; a former name of the connector will do.
    #[must_use]
    pub fn verb(&self, name: &str) -> Option<(&Connector, &Verb)> {
        let (connector, verb) = name.split_once('.')?;
        let connector = self.connector(connector)?;
        connector.verbs.get(verb).map(|found| (connector, found))
    }

    /// Returns a verb's name with the oldest id of its connector: what its breaker, its rate and its grants are kept under.
    #[must_use]
    pub fn oldest_verb(&self, name: &str) -> String {
        match name.split_once('.') {
            Some((connector, verb)) => format!("{}.{verb}", self.oldest_connector(connector)),
            None => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{files::FileSet, load};

    use super::*;

    fn plan() -> Plan {
        let mut files = FileSet::new();
        let mut put = |path: &str, text: &str| files.insert(path, text.as_bytes().to_vec());
        put(
            "adjutant.toml",
            "schema = \"adjutant/v1\"\nname = \"T\"\nowner = \"f\"\nzone = \"UTC\"\ncurrency = \"EUR\"\n",
        );
        put(
            "connectors/ledger.toml",
            "schema = \"adjutant/v1\"\nkind = \"http\"\nendpoint = \"https://l.example.com\"\nwas = [\"books\", \"desk\"]\n\
             [verbs.put]\nmethod = \"PUT\"\npath = \"/p\"\neffect = \"write\"\n",
        );
        put(
            "playbooks/welcome.toml",
            "schema = \"adjutant/v1\"\ntitle = \"W\"\nwas = [\"greet\", \"hello\"]\n\
             [[step]]\nid = \"done\"\nend = \"done\"\n",
        );
        let loaded = load(&files);
        Arc::unwrap_or_clone(loaded.plan.unwrap_or_else(|| panic!("{}", loaded.report.render())))
    }

    #[test]
    fn every_name_that_a_thing_ever_had_means_the_same() {
        let plan = plan();
        for id in ["welcome", "greet", "hello"] {
            assert_eq!(plan.oldest_playbook(id).as_str(), "hello", "{id}");
            assert_eq!(plan.subject(&format!("playbook:{id}")), plan.subject("playbook:hello"));
            assert_eq!(plan.playbook(id).map(|found| found.id.as_str()), Some("welcome"));
        }
        for id in ["ledger", "books", "desk"] {
            assert_eq!(plan.oldest_verb(&format!("{id}.put")), "desk.put", "{id}");
            assert!(plan.verb(&format!("{id}.put")).is_some(), "{id}");
        }
        assert_ne!(plan.subject("playbook:other"), plan.subject("playbook:hello"));
        assert_ne!(plan.subject("agent:hello"), plan.subject("playbook:hello"), "an agent is no playbook");
    }

    #[test]
    fn what_no_plan_knows_is_its_own_identity() {
        let plan = plan();
        assert_eq!(plan.oldest_playbook("gone"), OldestId::never_renamed("gone"));
        assert!(plan.playbook_of(&OldestId::never_renamed("gone")).is_none());
        assert_eq!(
            plan.playbook_of(&plan.oldest_playbook("greet")).map(|found| found.id.as_str()),
            Some("welcome")
        );
    }
}
