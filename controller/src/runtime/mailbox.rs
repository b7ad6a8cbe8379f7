//! What a shard is told, and the way in to it.
//!
//! Jobs come one by one. The store's answers lie in a heap beside them, and one message says that there are some: a group of
//! batches wakes each shard once, not once for each run.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use adjutant_machine::{
    event::Envelope,
    id::{EffectId, InstanceId, Stamp},
    journal::{JournalError, Receipt, Table},
    verdict::Verdict,
};
use tokio::sync::oneshot;

use super::{
    Error,
    identity::{NewRun, Started},
    pools::Permit,
};

/// Where an answer goes.
pub(super) type Reply<T> = Option<oneshot::Sender<Result<T, Error>>>;

/// Which part of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removing {
    /// All of it in one batch: a run alone, or a part of a tree whose root is on its way out.
    Whole,
    /// The root of a tree leaves the lists; what it began can be removed.
    First,
    /// What it began is removed: the root leaves the store.
    Last,
}

/// One thing that an instance shall deal with.
pub(super) enum Job {
    /// Something happened: the machine decides what follows.
    Event {
        envelope: Box<Envelope>,
        /// A row that is used up when the event is recorded, or is nothing new.
        consume: Option<(Table, Vec<u8>)>,
        /// Hears what became of the event, once that is durable.
        reply: Reply<Verdict>,
    },
    /// A run shall begin.
    Start { wish: Arc<NewRun>, reply: Reply<Started> },
    /// An effect has a place in its pool.
    Lease { effect: EffectId, permit: Option<Permit> },
    /// Retention removes the run, where it ended before a moment; tells whether it did.
    Remove { part: Removing, before: Stamp, reply: Reply<bool> },
}

/// What a shard is told.
pub(super) enum Message {
    /// Something for an instance.
    Job { instance: InstanceId, job: Job },
    /// The store has answered: [`Inbox::written`] has what.
    Written,
    /// The thread ends.
    Stop,
}

/// The store's answer to a batch of an instance: it is durable, or refused.
pub(super) struct Written {
    pub(super) instance: InstanceId,
    pub(super) outcome: Result<Receipt, JournalError>,
}

/// The way in to a shard.
#[derive(Clone)]
pub(super) struct Door {
    messages: mpsc::Sender<Message>,
    written: Arc<Mutex<Vec<Written>>>,
}

/// The shard's side of its door.
pub(super) struct Inbox {
    messages: mpsc::Receiver<Message>,
    written: Arc<Mutex<Vec<Written>>>,
}

/// Returns the two sides of a shard's door.
pub(super) fn door() -> (Door, Inbox) {
    let (sender, receiver) = mpsc::channel();
    let written = Arc::default();
    (Door { messages: sender, written: Arc::clone(&written) }, Inbox { messages: receiver, written })
}

impl Door {
    /// Tells the shard; returns whether it is still there.
    pub(super) fn send(&self, message: Message) -> bool {
        self.messages.send(message).is_ok()
    }

    /// Puts an answer of the store on the heap. Whoever puts the first one says so: the shard takes the whole heap at once.
    pub(super) fn answer(&self, written: Written) {
        let mut heap = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        heap.push(written);
        let is_first = heap.len() == 1;
        drop(heap);
        if is_first {
            // A shard that has ended needs no message.
            self.send(Message::Written);
        }
    }
}

impl Inbox {
    /// Waits for the next message; nothing comes any more where nobody is left who could send one.
    pub(super) fn next(&self) -> Option<Message> {
        self.messages.recv().ok()
    }

    /// Takes the store's answers that are there.
    pub(super) fn written(&self) -> Vec<Written> {
        std::mem::take(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the messages that are there.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> impl Iterator<Item = Message> {
        self.messages.try_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(door: &Door, run: &str) {
        door.answer(Written { instance: InstanceId::run(run), outcome: Err(JournalError::Busy) });
    }

    #[test]
    fn a_heap_of_answers_is_one_message() {
        let (door, inbox) = door();
        for run in ["a", "b", "c"] {
            answer(&door, run);
        }
        let names = || inbox.written().into_iter().map(|written| written.instance.name).collect::<Vec<_>>();
        assert!(matches!(inbox.next(), Some(Message::Written)));
        assert_eq!(names(), ["a", "b", "c"], "in the order in which they came");
        answer(&door, "d");
        assert!(matches!(inbox.next(), Some(Message::Written)), "one that comes later says so anew");
        assert_eq!(names(), ["d"]);
        drop(door);
        assert!(inbox.next().is_none());
    }
}
