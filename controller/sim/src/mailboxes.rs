//! The mailboxes of the host in memory: each is a list of entries and what they add up to.

use adjutant_machine::{
    call::{Call, Perform},
    id::Stamp,
    life::mailbox::{Answered, Mailbox, MailboxEntry, MailboxEvent, MailboxId, MailboxTold, Signal, ToldRun},
};

use crate::host::Broken;

/// A mailbox as it is kept: its state and its whole log.
#[derive(Debug, Clone, Default)]
pub struct KeptMailbox {
    /// The state after the last entry; absent before the first.
    pub mailbox: Option<Mailbox>,
    /// Every entry of its log.
    pub log: Vec<MailboxEntry>,
}

impl KeptMailbox {
    /// Returns whether somebody is still to be told of what is kept.
    pub(crate) fn owes(&self) -> bool {
        self.mailbox.as_ref().is_some_and(Mailbox::owes)
    }

    /// Takes what the mailbox is told at a moment, and returns the runs that are told of it.
    pub(crate) fn tell(&mut self, at: Stamp, by: &str, told: MailboxTold) -> Result<Vec<ToldRun>, Broken> {
        let entry = MailboxEntry { at, by: by.to_owned(), told: dated(told, at) };
        let Answered { next, told, is_repeated, .. } = Mailbox::answer(self.mailbox.clone(), &entry);
        if is_repeated {
            return Ok(Vec::new());
        }
        self.log.push(entry);
        self.mailbox = Some(next);
        if Mailbox::fold(&self.log) == self.mailbox {
            return Ok(told);
        }
        let run = self.mailbox.as_ref().map(|mailbox| mailbox.id.in_words()).unwrap_or_default();
        let law = "the fold of its log is not its state (law 6)".to_owned();
        Err(Broken { run, seq: self.log.len() as u64, law })
    }
}

/// Returns what a mailbox is told, with the moment at which it arrives: a signal is sent when it is there.
fn dated(told: MailboxTold, now: Stamp) -> MailboxTold {
    match told.event {
        MailboxEvent::Sent { signal } => {
            MailboxTold { event: MailboxEvent::Sent { signal: Signal { at: now, ..signal } }, ..told }
        }
        MailboxEvent::Awaited { .. } | MailboxEvent::WentOn => told,
    }
}

/// Returns what a mailbox is told of the signal that a run sends; `None` where it is for nobody in particular, or no signal.
pub(crate) fn sent(perform: &Perform, at: Stamp) -> Option<MailboxTold> {
    let Call::Signal { signal, to, data, .. } = &*perform.call else { return None };
    let mailbox = MailboxId { signal: signal.clone(), of: to.clone()? };
    let signal = Signal { id: perform.effect.key(), by: "host".to_owned(), at, data: data.clone() };
    Some(MailboxTold { mailbox, event: MailboxEvent::Sent { signal } })
}
