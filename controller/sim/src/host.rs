//! What the chaos drives and the oracle reads, whoever it is.

use std::sync::Arc;

use adjutant_machine::{
    call::Perform,
    event::{Event, RunStarted},
    fact::Entry,
    id::{EffectId, Stamp},
    life::mailbox::MailboxTold,
    run::Run,
    verdict::Verdict,
};
use adjutant_spec::plan::Bundle;

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("run \"{run}\" at {seq}: {law}")]
pub struct Broken {
    /// The id of the run that broke it.
    pub run: String,
    /// The sequence number.
    pub seq: u64,
    /// Which promise, and how.
    pub law: String,
}

/// A run as it is kept: its state and its whole log.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The state after the last entry.
    pub run: Arc<Run>,
    /// Every entry of its log, from the first on.
    pub log: Vec<Entry>,
}

/// An event that is on its way to a run.
#[derive(Debug, Clone, PartialEq)]
pub struct OnItsWay {
    /// The id of the run that it is for.
    pub run: String,
    /// What happened.
    pub event: Event,
}

/// Something that keeps runs durable and brings them the world's answers.
///
/// *Flow*: whoever drives it starts runs, takes up what is [`Host::ready`], answers it or does not, moves the clock and
/// crashes it. *Guarantees*: when a call returns, everything that follows from it without the world has happened and is
/// durable. *Assumptions*: one driver; [`Host::take`] is asked for effects that [`Host::ready`] named.
/// *Errors*: [`Broken`] where a law of the machine or a promise of the host does not hold.
pub trait Host {
    /// Returns the moment that it is.
    fn now(&self) -> Stamp;

    /// Sets the clock; where it goes back, every run is told, as a host tells when its clock was ahead.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    fn set_clock(&mut self, now: Stamp) -> Result<(), Broken>;

    /// Returns the seed of all pauses.
    fn seed(&self) -> u64;

    /// Returns the bundles that runs may pin.
    fn bundles(&self) -> Vec<Arc<Bundle>>;

    /// Returns the ids of all runs.
    fn ids(&self) -> Vec<String>;

    /// Returns the state of a run.
    fn run(&self, id: &str) -> Option<Arc<Run>>;

    /// Returns a run with its log.
    fn kept(&self, id: &str) -> Option<Kept>;

    /// Returns whether any run may have a place in a queue: where none has, nobody looks for them.
    fn has_queues(&self) -> bool {
        true
    }

    /// Returns the effects that have a row in the outbox, leased or not.
    fn outbox(&self) -> Vec<EffectId>;

    /// Starts a run.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    fn start(&mut self, started: RunStarted) -> Result<Verdict, Broken>;

    /// Sends an event to a run under a new id.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    fn send(&mut self, run: &str, event: Event) -> Result<Verdict, Broken>;

    /// Returns the effects that the world can be asked for now, whether their attempts begin when they are taken up or wait
    /// for it.
    fn ready(&self) -> Vec<EffectId>;

    /// Takes one up: an attempt is under way from now on. `None` where the machine decided otherwise.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    fn take(&mut self, effect: &EffectId) -> Result<Option<Perform>, Broken>;

    /// Brings the answer of an attempt that was taken up, perhaps long after: then nobody may wait for it any more, and it
    /// arrives all the same.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    fn answer(&mut self, perform: &Perform, event: Event) -> Result<(), Broken>;

    /// Moves the clock to the next moment at which something happens by itself, and lets it; tells whether there was one.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    fn fire_next(&mut self) -> Result<bool, Broken>;

    /// Tells a mailbox that something was sent to it.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    fn tell_mailbox(&mut self, told: MailboxTold) -> Result<(), Broken>;

    /// Delivers what runs told each other and is not delivered yet: what one told another in the order in which it was told.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    fn deliver_post(&mut self) -> Result<(), Broken>;

    /// Delivers a little of what runs told each other, so that the rest comes later; all of it where the host cannot wait.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    fn deliver_some(&mut self) -> Result<(), Broken> {
        self.deliver_post()
    }

    /// Ends the process without a word, and begins another on what is durable: attempts under way are lost with it. Some events
    /// are on their way to runs as it ends: each may be found afterwards, or not, and nobody was told of any.
    ///
    /// # Errors
    /// [`Broken`] where something acknowledged is missing afterwards.
    fn crash(&mut self, on_their_way: Vec<OnItsWay>) -> Result<(), Broken>;
}
