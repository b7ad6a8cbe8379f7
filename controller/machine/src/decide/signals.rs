//! Signals: a step waits for one, is given one, sends one.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{Effect, Idempotency, Step, StepKind},
    value::{Arg, Labels, Period, Privacy, Template, Trust},
};
use serde_json::json;

use super::{Decider, ask::Wish, flow::Then};
use crate::{
    branch::root_of,
    call::Call,
    event::{Event, Labelled, TimerId},
    fact::Fact,
    labels,
    life::mailbox::{Addressed, Awaiter, MailboxEvent, MailboxId, MailboxTold, SignalCame},
    run::Wait,
    verdict::Verdict,
};

/// How long sending may take, in milliseconds: all of it happens inside.
const TIMEOUT: u64 = 30_000;
/// Anybody may have sent what comes with a signal, as with a record: the same labels as `check` reckons with.
const LABELS: Labels = Labels { trust: Trust::External, privacy: Privacy::Client };

/// What a step waits for.
pub(super) struct Awaited<'a> {
    pub(super) signal: &'a str,
    pub(super) key: Option<&'a Template>,
    pub(super) expires: Period,
}

/// What a step sends.
struct Sending<'a> {
    signal: &'a str,
    /// The run, or the key.
    address: Option<&'a Template>,
    with: &'a BTreeMap<String, Arg>,
}

impl Decider<'_> {
    /// Waits for a signal: the mailbox is told who waits, and says when one comes or was there before.
    pub(super) fn await_signal(&mut self, step: &Step, awaited: &Awaited<'_>) -> Then {
        let of = match self.address(awaited.key) {
            Ok(Some(key)) => Addressed::Key(key),
            // A signal to a run is heard by its branches too.
            Ok(None) => Addressed::Run(root_of(&self.draft.run.id).to_owned()),
            Err(message) => return self.trouble(step, "error", message),
        };
        let mailbox = MailboxId { signal: awaited.signal.to_owned(), of };
        let expires = step.timeout.map_or(awaited.expires, |limit| limit.min(awaited.expires));
        let until = self.draft.at().plus(expires.millis());
        let (run, instance) = (&self.draft.run, mailbox.instance());
        let waiter = Awaiter {
            run: run.id.clone(),
            step: step.id.clone(),
            visit: run.steps.get(&step.id).map_or(1, |state| state.visits),
            began: run.hears_since.unwrap_or(run.started_at),
            after: run.heard.get(&instance.name).copied().unwrap_or_default(),
            until,
        };
        let told = MailboxTold { mailbox: mailbox.clone(), event: MailboxEvent::Awaited { waiter } };
        self.draft.post(instance, Event::MailboxTold(Box::new(told)));
        self.draft.set_timer(TimerId::Wait(step.id.clone()), until);
        self.stop_at(step, Wait::Signal { mailbox, until })
    }

    /// Ends the wait that a signal came for; one that comes after it is kept for the next.
    pub(super) fn signal_came(&mut self, came: &SignalCame) -> Verdict {
        let position = self.draft.run.position.clone();
        let waits = position.is_some_and(|position| {
            let is_its = matches!(&position.wait, Wait::Signal { mailbox, .. } if *mailbox == came.mailbox);
            is_its && position.step == came.step && position.visit == came.visit
        });
        let Some(step) = self.step(&came.step).filter(|_| waits) else { return Verdict::Stale };
        let (mailbox, number) = (came.mailbox.instance().name, came.number);
        self.fact(Fact::SignalTaken { mailbox, number });
        self.draft.clear_timer(&TimerId::Wait(came.step.clone()));
        let signal = &came.signal;
        let value = json!({ "by": signal.by, "at": signal.at, "data": signal.data });
        let then = self.end_step(step, "ok", Some(Labelled { value, labels: LABELS }));
        self.follow(then);
        Verdict::Applied
    }

    /// Sends what a step says: to a run, or to all that wait for it by its key and to what it triggers.
    pub(super) fn signal(&mut self, step: &Step) -> Then {
        let sending = match &step.kind {
            StepKind::Signal { signal, to, with } => Sending { signal, address: Some(to), with },
            StepKind::Emit { emit, key, with } => Sending { signal: emit, address: key.as_ref(), with },
            _ => return self.trouble(step, "error", "it sends no signal".to_owned()),
        };
        let is_to_run = matches!(step.kind, StepKind::Signal { .. });
        match self.address(sending.address) {
            // A branch listens where its run does.
            Ok(Some(run)) if is_to_run => {
                self.send_signal(step, &sending, Some(Addressed::Run(root_of(&run).to_owned())))
            }
            Ok(key) => self.send_signal(step, &sending, key.map(Addressed::Key)),
            Err(message) => self.trouble(step, "error", message),
        }
    }

    fn send_signal(&mut self, step: &Step, sending: &Sending<'_>, to: Option<Addressed>) -> Then {
        let data = match self.scope().args(sending.with) {
            Ok(data) => data,
            Err(error) => return self.trouble(step, "error", error.to_string()),
        };
        let address = sending.address.map(|address| labels::of_reads(&self.draft.run, &address.reads));
        let labels = address.into_iter().fold(self.labels_of(sending.with), Labels::join);
        if labels.privacy == Privacy::Secret {
            return self.trouble(step, "error", "a secret may not be sent with a signal".to_owned());
        }
        let triggers = !matches!(to, Some(Addressed::Run(_)));
        let call = Call::Signal { signal: sending.signal.to_owned(), to, triggers, data };
        let pure = Wish { labels, timeout: TIMEOUT, ..Wish::pure(call) };
        // Its id is the effect's: sent twice it is one.
        self.ask_guarded(step, Wish { effect: Effect::Write, idempotency: Idempotency::NativeKey, ..pure })
    }

    /// Returns what a signal is addressed by, where that is said.
    fn address(&self, template: Option<&Template>) -> Result<Option<String>, String> {
        let Some(template) = template else { return Ok(None) };
        let text = self.scope().text(template).map_err(|error| error.to_string())?;
        let text = text.trim();
        if text.is_empty() {
            return Err(format!("`{}` comes out empty: nobody could be meant by it", template.source));
        }
        Ok(Some(text.to_owned()))
    }
}
