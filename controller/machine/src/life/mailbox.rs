//! Mailboxes: where signals are sent, and where runs wait for them.
//!
//! ```text
//!  run waits ──awaited──► mailbox ◄──sent── step `signal` or `emit`, the operator, a mail, an event
//!      ▲                     │ keeps what came, knows who waits
//!      └────── signal came ──┘
//! ```
//! There is a mailbox for each name and key, and one for each name and run. It keeps the last signals for those that come to wait
//! later: each run is given a signal once, and none that is older than itself. All who wait are told, [`TOLD_AT_ONCE`] with an entry:
//! where more wait the mailbox goes on until nobody is owed anything.
//!
//! A mailbox has no phases: it is a list of what came and a list of who waits. It is folded from its entries as everything is.

use adjutant_spec::plan::StepId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::delivery;
use crate::id::{InstanceId, InstanceKind, Stamp};

/// The most signals that one keeps.
pub const KEPT: usize = 64;
/// How long one keeps a signal, in milliseconds: 30 days.
pub const KEPT_FOR: u64 = 30 * 86_400_000;

/// The most runs that are told with one entry: each is told the whole of what was sent, and all of it is one write.
pub const TOLD_AT_ONCE: usize = 256;

/// What a mailbox is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxId {
    /// The signal's name: a word of the company's own, `reply`, or `<connector>.<event>`.
    pub signal: String,
    /// Which signals of that name.
    #[serde(flatten)]
    pub of: Addressed,
}

/// What a signal is addressed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressed {
    /// The run that is told, by its id; its branches hear it too.
    Run(String),
    /// What those who wait know it by, such as the id of an invoice.
    Key(String),
}

impl MailboxId {
    /// Returns the instance: the signal's name, and sixteen letters of a hash of what it is addressed by.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        let (sort, address) = match &self.of {
            Addressed::Run(run) => ("run", run),
            Addressed::Key(key) => ("key", key),
        };
        let name = delivery::name(&self.signal, &format!("{sort}\0{address}"));
        InstanceId { kind: InstanceKind::Mailbox, name }
    }

    /// Returns what it is for, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        match &self.of {
            Addressed::Run(run) => format!("the signal \"{}\" to run \"{run}\"", self.signal),
            Addressed::Key(key) => format!("the signal \"{}\" about \"{key}\"", self.signal),
        }
    }
}

/// Something that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Its id: the same one twice is one.
    pub id: String,
    /// Who sent it.
    pub by: String,
    /// When it was sent.
    pub at: Stamp,
    /// What was sent with it.
    pub data: Value,
}

/// A run, or a branch, that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaiter {
    /// The id of the run that waits.
    pub run: String,
    /// The step that waits.
    pub step: StepId,
    /// Which visit of it.
    pub visit: u32,
    /// When the run began, of a branch its root: what is older is not meant for it.
    pub began: Stamp,
    /// The number of the last signal that it was given here, 0 where none; once it waits, of the last that is not for it.
    pub after: u64,
    /// When it gives up.
    pub until: Stamp,
}

/// What happens to a mailbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "happened")]
pub enum MailboxEvent {
    /// A run begins to wait.
    Awaited {
        /// The step of the run that waits for the next entry.
        waiter: Awaiter,
    },
    /// Something was sent.
    Sent {
        /// What was sent.
        signal: Signal,
    },
    /// More of those who wait are told of what is kept: an entry before told as many as it could.
    WentOn,
}

/// What a mailbox is told, with which one it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MailboxTold {
    /// The mailbox that it goes to.
    pub mailbox: MailboxId,
    /// What happens to it.
    #[serde(flatten)]
    pub event: MailboxEvent,
}

/// An entry of a mailbox's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MailboxEntry {
    /// When it happened.
    pub at: Stamp,
    /// Who caused it.
    pub by: String,
    /// The mailbox, and what happened to it.
    #[serde(flatten)]
    pub told: MailboxTold,
}

/// What a run that waits is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalCame {
    /// The mailbox that it came to.
    pub mailbox: MailboxId,
    /// The step that waits.
    pub step: StepId,
    /// Which visit of it.
    pub visit: u32,
    /// Its number in the mailbox: the run is given none up to it again.
    pub number: u64,
    /// What was sent.
    pub signal: Signal,
}

/// A signal that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number, from 1, in the order in which they came.
    pub number: u64,
    /// What was sent.
    #[serde(flatten)]
    pub signal: Signal,
    /// Whether any run was told of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_taken: bool,
}

/// A mailbox: the fold of its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Which one it is.
    pub id: MailboxId,
    /// The number of the last signal that came.
    pub last: u64,
    /// The signals that are kept, the oldest first.
    pub kept: Vec<Kept>,
    /// How many were let go because too many came.
    pub dropped: u64,
    /// Who waits, in the order in which they came.
    pub waiters: Vec<Awaiter>,
}

/// A run that is told of a signal.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldRun {
    /// The id of the run or branch.
    pub run: String,
    /// What it is told.
    pub came: SignalCame,
}

/// What follows from an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The mailbox after it.
    pub next: Mailbox,
    /// Who is told what.
    pub told: Vec<ToldRun>,
    /// Whether the signal had come before: then nothing changed.
    pub is_repeated: bool,
    /// Whether any run was told of the signal, now or when it came before.
    pub is_taken: bool,
}

impl Mailbox {
    fn new(id: MailboxId) -> Self {
        Self { id, last: 0, kept: Vec::new(), dropped: 0, waiters: Vec::new() }
    }

    /// Applies an entry; law 6 holds because nothing else changes a mailbox.
    #[must_use]
    pub fn answer(before: Option<Self>, entry: &MailboxEntry) -> Answered {
        let MailboxTold { mailbox, event } = &entry.told;
        let mut next = before.unwrap_or_else(|| Self::new(mailbox.clone()));
        if let MailboxEvent::Sent { signal } = event
            && let Some(before) = next.kept.iter().find(|kept| kept.signal.id == signal.id)
        {
            let is_taken = before.is_taken;
            return Answered { next, told: Vec::new(), is_repeated: true, is_taken };
        }
        next.let_go(entry.at);
        match event {
            MailboxEvent::Awaited { waiter } => next.awaited(waiter),
            MailboxEvent::Sent { signal } => next.sent(signal),
            MailboxEvent::WentOn => {}
        }
        let told = next.tell_owed();
        let is_taken = !told.is_empty();
        Answered { next, told, is_repeated: false, is_taken }
    }

    /// Returns whether somebody waits who is to be told of a signal that is kept: then the mailbox goes on.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.waiters.iter().any(|waiter| self.owed(waiter).is_some())
    }

    /// Returns the mailbox that the entries tell of.
    #[must_use]
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a MailboxEntry>) -> Option<Self> {
        entries.into_iter().fold(None, |before, entry| Some(Self::answer(before, entry).next))
    }

    /// Lets go what is too old, and who has given up.
    fn let_go(&mut self, now: Stamp) {
        self.kept.retain(|kept| kept.signal.at.plus(KEPT_FOR) > now);
        self.waiters.retain(|waiter| waiter.until > now);
    }

    /// Takes in who comes to wait; the same step of a run waits once.
    fn awaited(&mut self, waiter: &Awaiter) {
        let is_meant = |kept: &&Kept| kept.number > waiter.after && kept.signal.at >= waiter.began;
        // From here on the number alone says what it is owed: a clock that is set back must not lose it what comes.
        let after = self.kept.iter().find(is_meant).map_or(self.last, |kept| kept.number - 1);
        self.waiters.retain(|known| (&known.run, &known.step) != (&waiter.run, &waiter.step));
        self.waiters.push(Awaiter { after, ..waiter.clone() });
    }

    fn sent(&mut self, signal: &Signal) {
        self.last += 1;
        self.kept.push(Kept { number: self.last, signal: signal.clone(), is_taken: false });
        if self.kept.len() > KEPT {
            self.kept.remove(0);
            self.dropped += 1;
        }
    }

    /// Returns the place of the first kept signal that whoever waits was not given.
    fn owed(&self, waiter: &Awaiter) -> Option<usize> {
        self.kept.iter().position(|kept| kept.number > waiter.after)
    }

    /// Tells those who are owed a signal, in the order in which they came, as many as one entry may; they wait no more.
    fn tell_owed(&mut self) -> Vec<ToldRun> {
        let mut told = Vec::new();
        for waiter in std::mem::take(&mut self.waiters) {
            match self.owed(&waiter).filter(|_| told.len() < TOLD_AT_ONCE) {
                Some(place) => told.push(self.tell(&waiter, place)),
                None => self.waiters.push(waiter),
            }
        }
        told
    }

    fn tell(&mut self, waiter: &Awaiter, place: usize) -> ToldRun {
        let kept = &mut self.kept[place];
        kept.is_taken = true;
        let came = SignalCame {
            mailbox: self.id.clone(),
            step: waiter.step.clone(),
            visit: waiter.visit,
            number: kept.number,
            signal: kept.signal.clone(),
        };
        ToldRun { run: waiter.run.clone(), came }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id() -> MailboxId {
        MailboxId { signal: "paid".to_owned(), of: Addressed::Key("inv-1".to_owned()) }
    }

    fn signal(id: &str, at: i64) -> MailboxEvent {
        MailboxEvent::Sent {
            signal: Signal { id: id.to_owned(), by: "operator".to_owned(), at: Stamp(at), data: json!({}) },
        }
    }

    fn awaits(run: &str, after: u64) -> MailboxEvent {
        let waiter = Awaiter {
            run: run.to_owned(),
            step: "wait".to_owned(),
            visit: 1,
            began: Stamp(10),
            after,
            until: Stamp(1_000),
        };
        MailboxEvent::Awaited { waiter }
    }

    struct Played {
        mailbox: Option<Mailbox>,
        entries: Vec<MailboxEntry>,
    }

    impl Played {
        fn new() -> Self {
            Self { mailbox: None, entries: Vec::new() }
        }

        /// Applies an event and returns who was told of which signal.
        fn now(&mut self, at: i64, event: MailboxEvent) -> Vec<(String, String)> {
            let told = MailboxTold { mailbox: id(), event };
            let entry = MailboxEntry { at: Stamp(at), by: "host".to_owned(), told };
            let answered = Mailbox::answer(self.mailbox.take(), &entry);
            self.mailbox = Some(answered.next);
            self.entries.push(entry);
            let text = serde_json::to_string(&self.entries).unwrap();
            let read: Vec<MailboxEntry> = serde_json::from_str(&text).unwrap();
            assert_eq!(Mailbox::fold(&read), self.mailbox, "the fold is the state (law 6)");
            answered.told.into_iter().map(|told| (told.run, told.came.signal.id)).collect()
        }

        /// Sends a signal again and returns whether it was taken.
        fn again(&mut self, at: i64, event: MailboxEvent) -> bool {
            let told = MailboxTold { mailbox: id(), event };
            let entry = MailboxEntry { at: Stamp(at), by: "host".to_owned(), told };
            let answered = Mailbox::answer(self.mailbox.clone(), &entry);
            assert!(answered.is_repeated);
            answered.is_taken
        }
    }

    fn told(run: &str, id: &str) -> (String, String) {
        (run.to_owned(), id.to_owned())
    }

    #[test]
    fn everybody_who_waits_is_told_once() {
        let mut played = Played::new();
        assert_eq!(played.now(20, awaits("a", 0)), []);
        assert_eq!(played.now(21, awaits("b", 0)), []);
        assert_eq!(played.now(22, signal("s1", 22)), [told("a", "s1"), told("b", "s1")]);
        assert_eq!(played.now(23, signal("s1", 22)), [], "the same one twice is one");
        assert_eq!(played.now(24, signal("s2", 24)), [], "nobody waits any more");
    }

    #[test]
    fn who_comes_later_is_given_what_was_kept_in_its_order_and_each_once() {
        let mut played = Played::new();
        played.now(5, signal("older than the run", 5));
        played.now(20, signal("first", 20));
        played.now(21, signal("second", 21));
        assert_eq!(played.now(22, awaits("a", 0)), [told("a", "first")]);
        assert_eq!(played.now(23, awaits("a", 2)), [told("a", "second")]);
        assert_eq!(played.now(24, awaits("a", 3)), []);
        assert_eq!(played.now(25, awaits("b", 0)), [told("b", "first")], "another run is given it too");
    }

    #[test]
    fn of_very_many_some_are_told_with_each_entry_and_nobody_is_forgotten() {
        let mut played = Played::new();
        let many = TOLD_AT_ONCE * 2 + 1;
        for number in 0..many {
            assert_eq!(played.now(20, awaits(&format!("r{number}"), 0)), []);
        }
        let mut all = played.now(21, signal("s1", 21));
        assert_eq!(all.len(), TOLD_AT_ONCE);
        assert_eq!(
            played.now(22, signal("s2", 22)).len(),
            TOLD_AT_ONCE,
            "who is owed the first is not given the second"
        );
        all.extend(played.now(23, MailboxEvent::WentOn));
        assert!(!played.mailbox.as_ref().is_some_and(Mailbox::owes));
        assert_eq!(all.len() + TOLD_AT_ONCE, many);
        assert!(all.iter().all(|(_, id)| id == "s1"));
    }

    #[test]
    fn a_repeated_signal_says_whether_anybody_took_it() {
        let mut played = Played::new();
        played.now(20, signal("s1", 20));
        assert!(!played.again(21, signal("s1", 21)));
        assert_eq!(played.now(22, awaits("a", 0)), [told("a", "s1")]);
        assert!(played.again(23, signal("s1", 23)));
    }

    #[test]
    fn who_waits_is_told_though_the_clock_was_set_back() {
        let mut played = Played::new();
        played.now(20, awaits("a", 0));
        assert_eq!(played.now(5, signal("s1", 5)), [told("a", "s1")]);
    }

    #[test]
    fn who_has_given_up_is_not_told_and_old_signals_go() {
        let mut played = Played::new();
        played.now(20, awaits("a", 0));
        assert_eq!(played.now(1_000, signal("too late", 1_000)), []);
        let later = 1_000 + i64::try_from(KEPT_FOR).unwrap();
        assert_eq!(played.now(later, awaits("b", 0)), [], "it is older than what is kept");
    }

    #[test]
    fn too_many_drop_the_oldest_and_say_so() {
        let mut played = Played::new();
        for number in 0..=KEPT {
            played.now(20, signal(&format!("s{number}"), 20));
        }
        let mailbox = played.mailbox.clone().unwrap();
        assert_eq!((mailbox.kept.len(), mailbox.dropped, mailbox.last), (KEPT, 1, 65));
        assert_eq!(played.now(21, awaits("a", 0)), [told("a", "s1")]);
    }

    #[test]
    fn mailboxes_of_runs_and_of_keys_are_others() {
        let of_run = MailboxId { of: Addressed::Run("inv-1".to_owned()), ..id() };
        assert_ne!(of_run.instance(), id().instance());
        let event = MailboxId { signal: "billing.paid".to_owned(), ..id() };
        assert_eq!(event.instance().to_string().parse(), Ok(event.instance()));
    }
}
