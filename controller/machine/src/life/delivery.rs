//! The life of a delivery that no run has taken yet: a webhook, a mail, a file.
//!
//! | state | event => next |
//! |---|---|
//! | fresh | set aside => open · started => started · dropped => dropped |
//! | open | set aside for other reasons => open · set aside for the same ones: repeated · started => started · dropped => dropped |
//! | started, dropped | everything: late |
//!
//! A delivery is **known** (its repetition starts nothing) only once it is started or dropped. Until then it is open: it is
//! shown with its reasons, tried again whenever a revision comes into force, and never forgotten.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use statig::Outcome;

use super::{Answer, machine};
use crate::id::Stamp;

/// What never changes about a delivery's life: nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryLife;

/// Why one playbook, or none at all, could take a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmet {
    /// The playbook that should take it; `None` where the delivery itself cannot be read, or nobody wants it.
    pub playbook: Option<String>,
    /// Why not, for people: one line, cleaned by whoever shows it.
    pub reason: String,
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum DeliveryPhase {
    /// Nobody looked at it yet.
    #[default]
    Fresh,
    /// Something that should have begun could not: it waits for another revision, or for the operator.
    Open {
        /// Why, at least one.
        reasons: Vec<Unmet>,
    },
    /// Everything that it should start has begun.
    Started,
    /// It will start nothing any more.
    Dropped {
        /// Why it was dropped, for people.
        reason: String,
    },
}

/// What can happen to a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum DeliveryEvent {
    /// It was tried, and something could not begin.
    SetAside {
        /// Why, at least one.
        reasons: Vec<Unmet>,
        /// The runs that it has so far.
        #[serde(default)]
        runs: Vec<String>,
    },
    /// Everything that it should start has begun.
    Started {
        /// The ids of the runs that took it.
        runs: Vec<String>,
    },
    /// The operator, or the playbook's own `overlap`, lets it go.
    Dropped {
        /// Why: the operator's words, or the rule of the playbook.
        reason: String,
    },
}

/// What the host does next: nothing, it looks at the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryAction {}

impl DeliveryPhase {
    /// Returns the word for people and programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Open { .. } => "open",
            Self::Started => "started",
            Self::Dropped { .. } => "dropped",
        }
    }
}

machine!(DeliveryLife, DeliveryPhase, DeliveryEvent, DeliveryAction, DeliveryPhase::Fresh, on);

fn on(
    _: &DeliveryLife,
    phase: &DeliveryPhase,
    event: &DeliveryEvent,
    answer: &mut Answer<DeliveryAction>,
) -> Outcome<DeliveryPhase> {
    use {DeliveryEvent as E, DeliveryPhase as P};
    match (phase, event) {
        (P::Started | P::Dropped { .. }, _) => answer.late(),
        (P::Open { reasons: known }, E::SetAside { reasons, .. }) if known == reasons => answer.repeated(),
        (P::Fresh | P::Open { .. }, E::SetAside { reasons, .. }) => {
            Outcome::Transition(P::Open { reasons: reasons.clone() })
        }
        (P::Fresh | P::Open { .. }, E::Started { .. }) => Outcome::Transition(P::Started),
        (P::Fresh | P::Open { .. }, E::Dropped { reason }) => {
            Outcome::Transition(P::Dropped { reason: reason.clone() })
        }
    }
}

/// What came in, as its instance keeps it: `delivery/<name>`, see [`name`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// The connector that it came through.
    pub connector: String,
    /// The event's name; empty where the item could not be read so far.
    pub event: String,
    /// The id that its sender gave it, unique in the connector.
    pub id: String,
    /// Who brought it: `connector:<id>`.
    pub by: String,
    /// When it came first.
    pub at: Stamp,
    /// The digest of event and content: another content under the same id is another message.
    pub digest: String,
    /// Its fields; of an item that could not be read whatever is known of it.
    pub content: Value,
    /// How many runs in a row led to it, each begun by a record that the one before it wrote: with this one.
    #[serde(default, skip_serializing_if = "is_none_in_a_row")]
    pub chain: u32,
    /// Whether the content is the event's fields, so that a playbook may take it once it can. An item that could not be
    /// read is only shown: its sender, or the operator, must bring it again.
    pub readable: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_none_in_a_row(count: &u32) -> bool {
    *count == 0
}

/// An entry of a delivery's log: what happened, and with the first one what came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryEntry {
    /// When this happened to the delivery.
    pub at: Stamp,
    /// Who caused it.
    pub by: String,
    /// What came in: in the first entry, and where an item that could not be read was brought again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<Arrival>,
    /// What happened to the delivery.
    #[serde(flatten)]
    pub event: DeliveryEvent,
}

/// A delivery with where it stands: the fold of its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What came in, as it was verified.
    pub arrival: Arrival,
    /// The phase that its life is in.
    pub phase: DeliveryPhase,
    /// The runs that it has so far.
    pub runs: Vec<String>,
    /// Who changed it last, and when.
    pub changed: (String, Stamp),
}

impl Kept {
    /// Applies an entry that was taken; `None` where the first one holds no arrival.
    #[must_use]
    pub fn apply(before: Option<Self>, entry: &DeliveryEntry) -> Option<Self> {
        use super::Lifecycle as _;
        let mut kept = match before {
            Some(kept) => kept,
            None => Self {
                arrival: entry.arrival.clone()?,
                phase: DeliveryPhase::Fresh,
                runs: Vec::new(),
                changed: (String::new(), entry.at),
            },
        };
        if let Some(arrival) = &entry.arrival {
            kept.arrival.clone_from(arrival);
        }
        kept.phase = DeliveryLife.drive(&kept.phase, &entry.event).state;
        if let DeliveryEvent::SetAside { runs, .. } | DeliveryEvent::Started { runs } = &entry.event {
            kept.runs.clone_from(runs);
        }
        kept.changed = (entry.by.clone(), entry.at);
        Some(kept)
    }

    /// Returns the delivery that the entries tell of.
    #[must_use]
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a DeliveryEntry>) -> Option<Self> {
        entries.into_iter().fold(None, Self::apply)
    }
}

/// Returns the name of a delivery's instance: its connector, and sixteen letters of a hash of (connector, id).
#[must_use]
pub fn name(connector: &str, id: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(connector.as_bytes()).update(&[0]).update(id.as_bytes());
    // Base 32 in lower case, as names of runs have it: what is typed and read aloud has no letters that look alike.
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = hasher.finalize();
    let letters: String =
        hash.as_bytes().iter().take(16).map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
    format!("{}-{letters}", connector.replace('/', "-"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::life::{Driven, Kind, Lifecycle as _};

    fn unmet(reason: &str) -> Vec<Unmet> {
        vec![Unmet { playbook: None, reason: reason.to_owned() }]
    }

    fn entry(event: DeliveryEvent, arrival: Option<Arrival>) -> DeliveryEntry {
        DeliveryEntry { at: Stamp(5), by: "operator".to_owned(), arrival, event }
    }

    fn arrival() -> Arrival {
        Arrival {
            connector: "website".to_owned(),
            event: "lead".to_owned(),
            id: "m-1".to_owned(),
            by: "connector:website".to_owned(),
            at: Stamp(1),
            digest: "d".to_owned(),
            content: json!({ "email": "a@b.example" }),
            chain: 0,
            readable: true,
        }
    }

    #[test]
    fn what_is_started_or_dropped_stays_so() {
        for ended in [DeliveryPhase::Started, DeliveryPhase::Dropped { reason: "spam".to_owned() }] {
            for event in [
                DeliveryEvent::SetAside { reasons: unmet("x"), runs: Vec::new() },
                DeliveryEvent::Started { runs: vec!["r".to_owned()] },
                DeliveryEvent::Dropped { reason: "twice".to_owned() },
            ] {
                let Driven { state, answer } = DeliveryLife.drive(&ended, &event);
                assert_eq!((state, answer.kind), (ended.clone(), Kind::Late));
            }
        }
    }

    #[test]
    fn the_same_reasons_are_no_news() {
        let open = DeliveryPhase::Open { reasons: unmet("held") };
        let again = DeliveryEvent::SetAside { reasons: unmet("held"), runs: Vec::new() };
        assert_eq!(DeliveryLife.drive(&open, &again).answer.kind, Kind::Repeated);
        let other = DeliveryEvent::SetAside { reasons: unmet("wrong type"), runs: Vec::new() };
        let Driven { state, answer } = DeliveryLife.drive(&open, &other);
        assert_eq!((state, answer.kind), (DeliveryPhase::Open { reasons: unmet("wrong type") }, Kind::Taken));
    }

    #[test]
    fn the_fold_of_the_entries_is_the_delivery() {
        let entries = [
            entry(DeliveryEvent::SetAside { reasons: unmet("held"), runs: Vec::new() }, Some(arrival())),
            entry(DeliveryEvent::Started { runs: vec!["lead-a".to_owned()] }, None),
        ];
        let text = serde_json::to_string(&entries).unwrap();
        let read: Vec<DeliveryEntry> = serde_json::from_str(&text).unwrap();
        let kept = Kept::fold(&read).unwrap();
        assert_eq!((kept.phase, kept.runs), (DeliveryPhase::Started, vec!["lead-a".to_owned()]));
        assert_eq!(kept.arrival, arrival());
        assert_eq!(Kept::fold(&entries[1..]), None);
    }

    #[test]
    fn names_tell_connectors_and_ids_apart() {
        assert_eq!(name("website", "m"), name("website", "m"));
        assert_ne!(name("website", "m"), name("website", "n"));
        assert_ne!(name("a", "b\0c"), name("a\0b", "c").replace('\0', ""));
        assert!(name("sales/website", "m").starts_with("sales-website-"));
    }
}
