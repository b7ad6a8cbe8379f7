//! The book of proposals, durably: each is the fold of its entries (`proposal/<id>`).

use std::{collections::BTreeMap, ops::Bound};

use adjutant_machine::{
    id::Stamp,
    journal::Journal,
    life::{
        Driven, Kind, Lifecycle,
        proposal::{ProposalEvent, ProposalLife, ProposalPhase},
    },
    skeleton::HostEvent,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    reconcile::{
        Error,
        store::{self, HostEntry, Kept},
    },
    runtime::{PageWish, views::Paged},
};

/// A proposal as its entries amount to: what is proposed, by whom, and how far it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(in crate::reconcile) struct Proposal {
    pub(super) number: u32,
    pub(super) author: String,
    pub(super) topic: String,
    pub(super) title: String,
    pub(super) reason: Option<String>,
    pub(super) evidence: Value,
    /// The commit of `main` when its head came.
    pub(super) base: String,
    pub(super) head: String,
    pub(super) phase: ProposalPhase,
    pub(super) approval: Option<Approval>,
    pub(super) opened: Stamp,
    pub(super) moved: Stamp,
}

/// A yes, with everything that it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::reconcile) struct Approval {
    pub(super) digest: String,
    /// The tree of the merge result that was approved.
    pub(super) tree: String,
    /// The digest of its files of the language.
    pub(super) files: String,
    /// The commit of `main` that was shown.
    pub(super) main: String,
    /// The id of the plan that was shown with it.
    pub(super) plan: String,
    /// The commit that was published, where the truth lives elsewhere.
    pub(super) published: Option<String>,
    pub(super) by: String,
    pub(super) at: Stamp,
}

/// One entry of a proposal's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    at: Stamp,
    by: String,
    what: What,
}

/// What happened to a proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// It begins, with its head.
    Begun(Box<Proposal>),
    /// Its author brought another head.
    Head { title: String, reason: Option<String>, evidence: Value, base: String, head: String },
    /// The operator approved it.
    Approved(Approval),
    /// What was approved was published.
    Published { commit: String },
    /// Something else happened to it.
    Life(ProposalEvent),
}

impl HostEntry for Entry {
    fn at(&self) -> Stamp {
        self.at
    }

    fn event(&self) -> HostEvent {
        HostEvent::ProposalMoved
    }
}

impl Proposal {
    /// Returns its id.
    pub(super) fn id(&self) -> String {
        format!("p{}", self.number)
    }

    /// Applies an entry; returns false where the life cycle refuses it.
    pub(super) fn apply(&mut self, entry: &Entry) -> bool {
        self.moved = entry.at;
        match &entry.what {
            What::Begun(proposal) => {
                *self = (**proposal).clone();
                self.live(&ProposalEvent::Opened)
            }
            What::Head { title, reason, evidence, base, head } => {
                (self.title, self.base, self.head) = (title.clone(), base.clone(), head.clone());
                (self.reason, self.evidence, self.approval) = (reason.clone(), evidence.clone(), None);
                self.live(&ProposalEvent::HeadReplaced)
            }
            What::Approved(approval) => {
                let event = ProposalEvent::Approved { digest: approval.digest.clone() };
                self.approval = Some(approval.clone());
                self.live(&event)
            }
            What::Published { commit } => {
                if let Some(approval) = &mut self.approval {
                    approval.published = Some(commit.clone());
                }
                true
            }
            What::Life(event) => {
                if *event == ProposalEvent::CouldNotLand {
                    self.approval = None;
                }
                self.live(event)
            }
        }
    }

    fn live(&mut self, event: &ProposalEvent) -> bool {
        let Driven { state: phase, answer } = ProposalLife.drive(&self.phase, event);
        self.phase = phase;
        matches!(answer.kind, Kind::Taken | Kind::Repeated)
    }
}

impl Entry {
    pub(super) fn new(at: Stamp, by: &str, what: What) -> Self {
        Self { at, by: by.to_owned(), what }
    }
}

/// All proposals that the store holds, by number.
#[derive(Debug, Default)]
pub(in crate::reconcile) struct Book(pub(super) BTreeMap<u32, Kept<Proposal>>);

impl Book {
    /// Reads all proposals out of the store.
    pub(in crate::reconcile) fn load(journal: &dyn Journal) -> Result<Self, Error> {
        let mut book = BTreeMap::new();
        for id in store::proposals(journal)? {
            let kept: Kept<Proposal> = store::load(journal, &id)?;
            book.insert(kept.state.number, kept);
        }
        Ok(Self(book))
    }

    /// Returns a proposal by its id.
    pub(super) fn get(&self, id: &str) -> Result<&Kept<Proposal>, Error> {
        let number = id.strip_prefix('p').and_then(|number| number.parse().ok());
        let found = number.and_then(|number: u32| self.0.get(&number));
        found.ok_or_else(|| Error::NotFound { what: "proposal", id: id.to_owned() })
    }

    /// Returns the open proposal of an author and topic.
    pub(super) fn open(&self, author: &str, topic: &str) -> Option<&Kept<Proposal>> {
        let is_it = |kept: &&Kept<Proposal>| {
            kept.state.phase.is_open() && kept.state.author == author && kept.state.topic == topic
        };
        self.0.values().find(is_it)
    }

    /// Returns a page of the proposals, newest first.
    pub(super) fn page(&self, wish: &PageWish) -> Result<Paged<Proposal>, Error> {
        let before = wish.after.as_deref().map(|id| self.get(id)).transpose()?;
        let before = before.map_or(Bound::Unbounded, |kept| Bound::Excluded(kept.state.number));
        let older = self.0.range((Bound::Unbounded, before)).rev().map(|(_, kept)| &kept.state);
        let list = older.map(|proposal| Ok((proposal.id(), proposal.clone())));
        Paged::of(list, wish.size(), self.0.len() as u64)
    }

    /// Counts the proposals that wait for a yes or a no.
    pub(in crate::reconcile) fn undecided(&self) -> u64 {
        self.newest_first()
            .filter(|proposal| matches!(proposal.phase, ProposalPhase::Open | ProposalPhase::Changed))
            .count() as u64
    }

    /// Returns the number that the next proposal gets.
    pub(super) fn next(&self) -> u32 {
        self.0.last_key_value().map_or(1, |(number, _)| number + 1)
    }

    /// Returns the proposals, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Proposal> {
        self.0.values().rev().map(|kept| &kept.state)
    }
}
