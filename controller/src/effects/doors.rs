//! The last door: asked each time that something is about to leave to a connector.
//!
//! Pauses and rates are decided on when an effect asks to start; but one attempt may leave more than once (a second question to
//! a model, the hops of a route), and notices and looks at a connector are no effects at all. All of them pass here: nothing
//! resolves a host and nothing touches a folder without having asked, and what leaves without having been counted when an
//! effect began takes its place here.

use std::sync::Arc;

use adjutant_spec::plan::Connector;
use futures::future::BoxFuture;

use super::outcome::{Fault, Held};

/// Says which doors are shut; the composition root implements it over the runtime's pauses.
pub trait Doors: Send + Sync + 'static {
    /// Returns why nothing may leave to a connector now; `None` where it may.
    fn shut(&self, connector: &str) -> Option<String>;

    /// Takes a place of every rate that holds for what leaves beside an effect: durable before it leaves.
    fn take<'a>(&'a self, leaving: Leaving<'a>) -> BoxFuture<'a, Result<(), NoRoom>>;
}

/// What leaves beside an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaving<'a> {
    /// The connector that the call goes to.
    pub connector: &'a str,
    /// By which verb, where it is a call of one.
    pub verb: Option<&'a str>,
}

/// Why something may not leave yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRoom {
    /// Which rate is used up, and until when: a sentence for people.
    pub reason: String,
    /// After how many milliseconds there may be room.
    pub after: u64,
}

/// Doors that nobody shuts: for looks without a runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Doors for Unwatched {
    fn shut(&self, _connector: &str) -> Option<String> {
        None
    }

    fn take<'a>(&'a self, _leaving: Leaving<'a>) -> BoxFuture<'a, Result<(), NoRoom>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The door to one connector.
#[derive(Clone)]
pub(super) struct Door {
    doors: Arc<dyn Doors>,
    connector: String,
}

/// The proof that a door stood open a moment ago: there is no other way to have one.
#[derive(Debug)]
#[must_use]
pub(super) struct Passage(());

impl Door {
    /// Returns the door to a connector.
    pub(super) fn to(doors: &Arc<dyn Doors>, connector: &Connector) -> Self {
        Self { doors: Arc::clone(doors), connector: connector.id.clone() }
    }

    /// Lets something out, or says why not.
    pub(super) fn pass(&self) -> Result<Passage, Fault> {
        match self.doors.shut(&self.connector) {
            None => Ok(Passage(())),
            Some(why) => Err(Fault::Held(Held { why, after: None })),
        }
    }

    /// Takes a place for what leaves beside an effect, or says why not. Behind a door that is shut none is used up.
    pub(super) async fn take(&self, verb: Option<&str>) -> Result<(), Fault> {
        let _open = self.pass()?;
        let leaving = Leaving { connector: &self.connector, verb };
        let taken = self.doors.take(leaving).await;
        taken.map_err(|NoRoom { reason, after }| Fault::Held(Held { why: reason, after: Some(after) }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Doors of which some are shut.
    #[derive(Default)]
    pub(in crate::effects) struct Shut(pub(in crate::effects) Vec<&'static str>);

    impl Doors for Shut {
        fn shut(&self, connector: &str) -> Option<String> {
            self.0.contains(&connector).then(|| format!("connector:{connector} is paused"))
        }

        fn take<'a>(&'a self, _leaving: Leaving<'a>) -> BoxFuture<'a, Result<(), NoRoom>> {
            Box::pin(std::future::ready(Ok(())))
        }
    }
}
