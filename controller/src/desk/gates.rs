//! The inbox and its decisions, whoever decides: the API, the dashboard, a link in a mail.

use adjutant_machine::event::{Decision, GateDecided};
use adjutant_spec::plan::Risk;

use super::{Answered, Approve, Deny, Desk, Refusal, Scope, Who};
use crate::runtime::{
    Answer, PageWish,
    views::{GateView, Paged},
};

/// A digest may be given short, but not so short that another card could fit it.
const SHORTEST_DIGEST: usize = 8;

/// A decision as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Decide {
    /// The id of the gate that is decided.
    pub gate: String,
    /// The digest of the card that was seen; the present one when absent, which only a no may do: it is safe for any card.
    pub digest: Option<String>,
    /// What was decided.
    pub decision: Decision,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Approve {
    /// Returns the decision that it is for a gate.
    ///
    /// # Errors
    /// Edits and a form at once.
    pub fn of(self, gate: &str) -> Result<Decide, Refusal> {
        let Self { digest, edits, form, reason } = self;
        let decision = match (edits.is_empty(), form) {
            (true, form) => Decision::Approved { form },
            (false, None) => Decision::Edited { values: edits },
            (false, Some(_)) => return Err(Refusal::invalid("a gate takes edits or a form, not both")),
        };
        Ok(Decide { gate: gate.to_owned(), digest: Some(digest), decision, reason })
    }
}

impl Deny {
    /// Returns the decision that it is for a gate.
    #[must_use]
    pub fn of(self, gate: &str) -> Decide {
        let Self { reason, digest } = self;
        Decide { gate: gate.to_owned(), digest, decision: Decision::Denied, reason: Some(reason) }
    }
}

impl Desk {
    /// Lists the gates that wait, oldest first, page by page.
    ///
    /// # Errors
    /// Without the scope, and for a gate to go on after that is not there.
    pub async fn inbox(&self, who: &Who, page: PageWish) -> Answered<Paged<GateView>> {
        who.must(Scope::Read)?;
        Ok(self.handle.inbox(page).await?)
    }

    /// Shows a gate with everything that a decision is about.
    ///
    /// # Errors
    /// Without the scope, and for a gate that is not there.
    pub async fn gate(&self, who: &Who, id: &str) -> Answered<GateView> {
        who.must(Scope::Read)?;
        Ok(self.handle.gate(id).await?)
    }

    /// Decides a gate: the one way in for every caller.
    ///
    /// # Errors
    /// [`super::Code::Forbidden`] without the scope, [`super::Code::StepUp`] for a high-risk approval without a fresh login,
    /// [`super::Code::Invalid`] for a no without a reason, [`super::Code::Conflict`] for an opposite decision and for a card that
    /// changed.
    pub async fn decide(&self, who: &Who, wish: Decide) -> Answered<Answer> {
        who.must(Scope::Approve)?;
        let is_denied = wish.decision == Decision::Denied;
        if is_denied && wish.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
            return Err(
                Refusal::invalid("a denial needs a reason").help("say why: the run's record keeps it")
            );
        }
        let gate = self.handle.gate(&wish.gate).await?;
        if gate.risk == Risk::High && !is_denied {
            who.must_be_strong(self.clock.now())?;
        }
        let digest = match wish.digest {
            None if is_denied => gate.digest,
            Some(short) if short.len() >= SHORTEST_DIGEST && gate.digest.starts_with(&short) => gate.digest,
            given => given.unwrap_or_default(),
        };
        let Decide { gate, decision, reason, .. } = wish;
        let decided = GateDecided { gate, digest, decision, reason, speaker: who.speaker() };
        Ok(self.handle.decide(decided, &who.by).await?)
    }
}
