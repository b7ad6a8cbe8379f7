//! What a kind of connector does in the world.

use std::sync::Arc;

use adjutant_machine::{call::VerbCall, event::Finding};
use adjutant_spec::{
    kinds::{self, ConnectorKind},
    plan::{Connector, Plan, Verb},
};
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::watch;

use crate::effects::{
    ground::Ground,
    intake::{IntakeError, Item, Received, Refused, Signed, Standings},
    job::VerbJob,
    llm::{AgentJob, Bill, Completion, Conversation},
    look::{Look, Seen},
    outcome::{Ending, Fault},
};

/// One kind of connector: its verbs, events and fields as the language has them, and what it does at the edge.
///
/// A kind implements what it does; what it does not do keeps the answer that says so.
///
/// # Flow
/// Whoever needs a connector finds its kind by the word in the plan ([`super::of`]) and asks here. What is the same for all
/// kinds has happened before: arguments fit their schema, modes that touch nothing have answered, an effect was counted.
///
/// # Guarantees
/// One call is one attempt: nothing is retried inside, and what definitely failed is told apart from what may have happened.
/// Nothing leaves without having asked the connector's door. A look and a question about a call change nothing.
///
/// # Assumptions
/// The caller has leased the effect durably, masks what comes back, and records an item before it says that it has it.
///
/// # Errors
/// A [`Fault`] says what became of an attempt; an [`IntakeError`] has a status for the sender.
pub(in crate::effects) trait Kind: Send + Sync {
    /// Returns its word in `kind = "…"`.
    fn word(&self) -> &'static str;

    /// Returns what the language knows of it: its fields, verbs and events.
    fn row(&self) -> &'static ConnectorKind {
        kinds::find(self.word())
            .expect("every kind at the edge has a row in the language: a test compares the two lists")
    }

    /// Calls a verb once.
    fn call<'a>(&'a self, _job: &'a VerbJob<'_>) -> BoxFuture<'a, Ending> {
        Box::pin(std::future::ready(Err(self.has_no("verbs"))))
    }

    /// Returns the arguments of the verb that finds out whether a call happened.
    fn question(&self, _probed: &Probed<'_>) -> Result<Value, Fault> {
        Err(self.has_no("verbs that find out whether a call happened"))
    }

    /// Returns what that verb's answer says about the call in doubt.
    fn finding(&self, _probed: &Probed<'_>, answer: Ending) -> Finding {
        let why = match answer {
            Ok(_) => "nothing can be read from the answer".to_owned(),
            Err(fault) => fault.message().to_owned(),
        };
        Finding::Unclear(why)
    }

    /// Looks at the other side, or at the folder, without changing anything: is it there, does it know us.
    fn look<'a>(&'a self, look: &'a Look<'_>) -> BoxFuture<'a, Result<Seen, Fault>>;

    /// Returns whether a question to a model carries the schema of its answer; else the prompt has to.
    fn sends_schema(&self, _connector: &Connector) -> bool {
        false
    }

    /// Asks a model for the next turn of a conversation; its cost is on the bill whatever comes of it.
    fn complete<'a>(
        &'a self,
        _job: &'a AgentJob<'_>,
        _conversation: &'a Conversation,
        _bill: &'a mut Bill,
    ) -> BoxFuture<'a, Result<Completion, Fault>> {
        Box::pin(std::future::ready(Err(self.has_no("models"))))
    }

    /// Returns the most bytes of a request that others send us; `None` where nobody does.
    fn most_bytes(&self, _connector: &Connector) -> Option<usize> {
        None
    }

    /// Verifies a request of others and says what it is.
    fn receive(&self, signed: &Signed<'_>) -> Result<Received, IntakeError> {
        Err(IntakeError::NoConnector(signed.connector.id.clone()))
    }

    /// Watches the places from which items come in, until told to stop: no item is moved away before it was delivered.
    fn watch(&self, _following: Following) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Returns the failure that connectors of this kind have none of something.
    fn has_no(&self, what: &str) -> Fault {
        Fault::unavailable(format!("connectors of kind \"{}\" have no {what}", self.word()))
    }
}

/// A verb that finds out whether a call happened, and the call in doubt.
pub(in crate::effects) struct Probed<'a> {
    pub(in crate::effects) verb: &'a Verb,
    pub(in crate::effects) of: &'a VerbCall,
}

/// What somebody needs who watches for items.
#[derive(Clone)]
pub(in crate::effects) struct Following {
    /// The word of the kind whose connectors are watched.
    pub(in crate::effects) kind: &'static str,
    /// The newest plan; none before the first one.
    pub(in crate::effects) newest: watch::Receiver<Option<Arc<Plan>>>,
    pub(in crate::effects) ground: Arc<Ground>,
    /// Where the connectors say how they stand.
    pub(in crate::effects) standings: Standings,
    pub(in crate::effects) deliver: Deliver,
    pub(in crate::effects) stop: watch::Receiver<bool>,
}

/// Records an item durably, or says why not, before it returns.
pub(in crate::effects) type Deliver =
    Arc<dyn Fn(Item) -> BoxFuture<'static, Result<(), Refused>> + Send + Sync>;
