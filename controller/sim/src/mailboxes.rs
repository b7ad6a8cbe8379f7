//! The mailboxes of the host in memory: each is a list of entries and what they add up to.

use adjutant_machine::{
    event::{Envelope, Event},
    id::Stamp,
    life::mailbox::{Answered, Mailbox, MailboxEntry, MailboxEvent, MailboxTold, Signal, ToldRun},
};

use crate::{
    host::Broken,
    memory::{MemoryHost, Posted},
};

/// A mailbox as it is kept: its state and its whole log.
#[derive(Debug, Clone, Default)]
pub struct KeptMailbox {
    /// The state after the last entry; absent before the first.
    pub mailbox: Option<Mailbox>,
    /// Every entry of its log.
    pub log: Vec<MailboxEntry>,
}

impl MemoryHost {
    /// Tells a mailbox that somebody waits or that something was sent; what it tells runs is posted.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn tell_mailbox(&mut self, by: &str, told: MailboxTold) -> Result<(), Broken> {
        let name = told.mailbox.instance().name;
        let kept = self.mailboxes.entry(name.clone()).or_default();
        let told = dated(told, self.now);
        let entry = MailboxEntry { at: self.now, by: by.to_owned(), told };
        let Answered { next, told, is_repeated } = Mailbox::answer(kept.mailbox.clone(), &entry);
        if is_repeated {
            return Ok(());
        }
        kept.log.push(entry);
        kept.mailbox = Some(next);
        if Mailbox::fold(&kept.log) != kept.mailbox {
            let law = "the fold of its log is not its state (law 6)".to_owned();
            return Err(Broken { run: name, seq: kept.log.len() as u64, law });
        }
        let seq = kept.log.len();
        for (place, ToldRun { run, came }) in told.into_iter().enumerate() {
            let id = format!("{name}.{seq}.{place}");
            let event = Event::SignalCame(Box::new(came));
            let envelope = Envelope { at: self.now, id, by: "host".to_owned(), event };
            self.post.push(Posted { from: name.clone(), to: run, envelope });
        }
        Ok(())
    }
}

/// Returns what a mailbox is told, with the moment at which it arrives: a signal is sent when it is there.
fn dated(told: MailboxTold, now: Stamp) -> MailboxTold {
    match told.event {
        MailboxEvent::Sent { signal } => {
            MailboxTold { event: MailboxEvent::Sent { signal: Signal { at: now, ..signal } }, ..told }
        }
        MailboxEvent::Awaited { .. } => told,
    }
}
