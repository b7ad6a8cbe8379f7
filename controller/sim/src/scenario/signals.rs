//! Signals: what a run sends comes to who waits for it here, and what it waits for is sent where the scenario says so.

use adjutant_machine::{
    call::Perform,
    life::mailbox::{MailboxEvent, MailboxId, MailboxTold, Signal},
    run::{Position, Wait},
};
use adjutant_spec::scenario::Reply;
use serde_json::json;

use super::{
    agenda::Due,
    player::{Player, Turn, Who},
    reply,
    script::Asked,
};
use crate::{host::Host, mailboxes::sent};

/// A step that waits for a signal.
pub(super) struct Awaited {
    run: String,
    step: String,
    mailbox: MailboxId,
    /// What tells this wait from every other one.
    name: String,
}

impl Player<'_> {
    /// A signal comes to who waits for it here; playbooks that it would start are not played.
    pub(super) fn signal(&mut self, perform: &Perform) -> Turn {
        let Some(perform) = self.lease(&perform.effect)? else { return Ok(()) };
        if let Some(told) = sent(&perform, self.host.now) {
            Host::tell_mailbox(&mut self.host, told)?;
        }
        let doing = reply::succeeded(&perform, json!({}));
        self.does(&perform, doing)
    }

    /// Returns a wait for a signal that nobody was asked about yet.
    pub(super) fn awaited(&self) -> Option<Awaited> {
        let mut waits = self.host.runs.values().filter_map(|kept| {
            let Position { step, visit, wait, .. } = kept.run.position.as_ref()?;
            let Wait::Signal { mailbox, .. } = wait else { return None };
            let (run, step, mailbox) = (kept.run.id.clone(), step.clone(), mailbox.clone());
            let name = format!("{run} {step} {visit}");
            Some(Awaited { run, step, mailbox, name })
        });
        waits.find(|awaited| !self.dealt.contains(&awaited.name))
    }

    /// Puts the signal on the agenda that the scenario says comes; without one, another run sends it, or the wait expires.
    pub(super) fn expect_signal(&mut self, awaited: &Awaited) {
        self.dealt.insert(awaited.name.clone());
        let Some(run) = Host::run(&self.host, &awaited.run) else { return };
        let who = Who { undo: false, asked: Asked::Sender };
        let Some(taken) = self.ask(&run, &awaited.step, who) else { return };
        let Reply::Outcome { with, .. } = taken.answer.reply else { return };
        let at = taken.answer.after.map_or(self.host.now, |after| self.host.now.plus(after.millis()));
        let (id, by, data) = (awaited.name.clone(), "scenario".to_owned(), with.unwrap_or_else(|| json!({})));
        let event = MailboxEvent::Sent { signal: Signal { id, by, at, data } };
        self.agenda.put(at, Due::Signal(Box::new(MailboxTold { mailbox: awaited.mailbox.clone(), event })));
    }
}
