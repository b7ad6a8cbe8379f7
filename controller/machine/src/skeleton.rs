//! The skeleton of an entry: what may stay when its payload is forgotten.
//!
//! It tells when something happened, of what kind it was, which effect it was about and which kinds of conclusions followed: no
//! text, no value and no name from outside. `version | moment | event | effect | facts`, with the places of the words in the
//! lists below. The lists are on disk: words are only added, at their ends.

use crate::{
    event::Event,
    fact::{Entry, Fact},
    id::Stamp,
};

/// The version byte that skeletons begin with.
const FORM: u8 = 1;

/// The words of events, by their places.
const EVENTS: [&str; 44] = [
    "run_started",
    "effect_leased",
    "effect_deferred",
    "effect_denied",
    "effect_needs_approval",
    "effect_outdated",
    "effect_succeeded",
    "effect_failed",
    "effect_unknown",
    "effect_held_back",
    "effect_probed",
    "effect_settled",
    "timer_fired",
    "gate_decided",
    "child_ended",
    "run_paused",
    "run_resumed",
    "run_cancelled",
    "run_killed",
    "run_retried",
    "class_corrected",
    "clock_set_back",
    "branch_ended",
    "run_rolled_back",
    "delivery_set_aside",
    "delivery_started",
    "delivery_dropped",
    "switch_paused",
    "switch_resumed",
    "slot_fired",
    "slot_skipped",
    "revision_attempted",
    "revision_moved",
    "revision_applied",
    "source_held",
    "source_released",
    "plan_confirmed",
    "proposal_moved",
    "mailbox_told",
    "signal_came",
    "signal_awaited",
    "signal_sent",
    "signal_went_on",
    "turn_came",
];

/// What happens to an instance that is no run: deliveries, switches, schedules, revisions and proposals. A number is a place in the
/// list of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum HostEvent {
    /// Something that came in was tried, and could not begin.
    DeliverySetAside = 24,
    /// Everything that a delivery should start has begun.
    DeliveryStarted = 25,
    /// A delivery starts nothing any more.
    DeliveryDropped = 26,
    /// A playbook, a connector or everything was paused.
    SwitchPaused = 27,
    /// Such a pause ended.
    SwitchResumed = 28,
    /// A slot of a schedule started its run.
    SlotFired = 29,
    /// A slot of a schedule, or a span of them, started nothing.
    SlotSkipped = 30,
    /// A revision is tried for the first time.
    RevisionAttempted = 31,
    /// The life of a revision went on.
    RevisionMoved = 32,
    /// A revision came into force.
    RevisionApplied = 33,
    /// The source is not followed any more.
    SourceHeld = 34,
    /// The source is followed again.
    SourceReleased = 35,
    /// The operator confirmed a plan.
    PlanConfirmed = 36,
    /// The life of a proposal went on.
    ProposalMoved = 37,
    /// A run begins to wait for a signal.
    SignalAwaited = 40,
    /// A signal was sent to those who wait for it.
    SignalSent = 41,
    /// More of those who wait for a signal are told of it.
    SignalWentOn = 42,
}

/// The words of facts, by their places.
const FACTS: [&str; 50] = [
    "run_opened",
    "buried",
    "run_moved",
    "positioned",
    "step_started",
    "step_skipped",
    "step_ended",
    "visit_returned",
    "effect_asked",
    "effect_moved",
    "effect_approved",
    "basis_moved",
    "child_started",
    "child_ended",
    "observed",
    "gate_opened",
    "gate_moved",
    "gate_passed",
    "covered",
    "coverage_lost",
    "coverage_used",
    "coverage_returned",
    "edited",
    "undo_registered",
    "undo_moved",
    "timer_set",
    "timer_cleared",
    "spent",
    "failed",
    "retried",
    "corrected",
    "posted",
    "told",
    "ignored",
    "branches_opened",
    "branches_started",
    "branch_ended",
    "branches_stopped",
    "branches_told",
    "branch_taken_back",
    "branches_closed",
    "branches_let_go",
    "branch_cleared",
    "signal_taken",
    "scope_entered",
    "scope_failing",
    "scope_left",
    "child_called_back",
    "turn_taken",
    "queue_left",
];

/// What is left of an entry for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skeleton {
    /// When it happened.
    pub at: Stamp,
    /// The word of what happened; `unknown` where a newer build wrote it.
    pub event: &'static str,
    /// The effect that it was about: the entry that asked for it, and its place there.
    pub effect: Option<(u64, u16)>,
    /// The words of what was concluded.
    pub facts: Vec<&'static str>,
}

/// Returns the skeleton of an entry.
#[must_use]
pub fn of(entry: &Entry) -> Vec<u8> {
    let effect = entry.envelope.event.effect();
    let mut bytes = begun(entry.envelope.at, event(&entry.envelope.event), effect.is_some());
    if let Some(effect) = effect {
        bytes.extend_from_slice(&effect.seq.to_be_bytes());
        bytes.extend_from_slice(&effect.index.to_be_bytes());
    }
    bytes.extend(entry.facts.iter().map(fact));
    bytes
}

/// Returns the skeleton of an entry of an instance that is no run.
#[must_use]
pub fn of_host(at: Stamp, event: HostEvent) -> Vec<u8> {
    begun(at, event as u8, false)
}

fn begun(at: Stamp, event: u8, has_effect: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.push(FORM);
    bytes.extend_from_slice(&at.0.to_be_bytes());
    bytes.extend([event, u8::from(has_effect)]);
    bytes
}

/// Reads a skeleton; `None` where the bytes are none.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Skeleton> {
    let (head, rest) = bytes.split_at_checked(11)?;
    if head[0] != FORM {
        return None;
    }
    let at = Stamp(i64::from_be_bytes(head[1..9].try_into().ok()?));
    let (effect, facts) = if head[10] == 0 {
        (None, rest)
    } else {
        let (effect, facts) = rest.split_at_checked(10)?;
        let seq = u64::from_be_bytes(effect[..8].try_into().ok()?);
        (Some((seq, u16::from_be_bytes(effect[8..].try_into().ok()?))), facts)
    };
    let facts = facts.iter().map(|place| word(&FACTS, *place)).collect();
    Some(Skeleton { at, event: word(&EVENTS, head[9]), effect, facts })
}

impl Event {
    /// Returns its word, as it is stored and shown.
    #[must_use]
    pub fn word(&self) -> &'static str {
        word(&EVENTS, event(self))
    }
}

fn word(words: &[&'static str], place: u8) -> &'static str {
    words.get(usize::from(place)).copied().unwrap_or("unknown")
}

fn event(event: &Event) -> u8 {
    match event {
        Event::RunStarted(_) => 0,
        Event::EffectLeased { .. } => 1,
        Event::EffectDeferred { .. } => 2,
        Event::EffectDenied { .. } => 3,
        Event::EffectNeedsApproval { .. } => 4,
        Event::EffectOutdated { .. } => 5,
        Event::EffectSucceeded { .. } => 6,
        Event::EffectFailed { .. } => 7,
        Event::EffectUnknown { .. } => 8,
        Event::EffectHeldBack { .. } => 9,
        Event::EffectProbed { .. } => 10,
        Event::EffectSettled { .. } => 11,
        Event::TimerFired { .. } => 12,
        Event::GateDecided(_) => 13,
        Event::ChildEnded { .. } => 14,
        Event::RunPaused { .. } => 15,
        Event::RunResumed { .. } => 16,
        Event::RunCancelled { .. } => 17,
        Event::RunKilled { .. } => 18,
        Event::RunRetried { .. } => 19,
        Event::ClassCorrected { .. } => 20,
        Event::ClockSetBack => 21,
        Event::BranchEnded(_) => 22,
        Event::RunRolledBack { .. } => 23,
        Event::MailboxTold(_) => 38,
        Event::SignalCame(_) => 39,
        Event::TurnCame => 43,
    }
}

fn fact(fact: &Fact) -> u8 {
    match fact {
        Fact::RunOpened { .. } => 0,
        Fact::Buried { .. } => 1,
        Fact::RunMoved { .. } => 2,
        Fact::Positioned { .. } => 3,
        Fact::StepStarted { .. } => 4,
        Fact::StepSkipped { .. } => 5,
        Fact::StepEnded { .. } => 6,
        Fact::VisitReturned { .. } => 7,
        Fact::EffectAsked { .. } => 8,
        Fact::EffectMoved { .. } => 9,
        Fact::EffectApproved { .. } => 10,
        Fact::BasisMoved { .. } => 11,
        Fact::ChildStarted { .. } => 12,
        Fact::ChildEnded { .. } => 13,
        Fact::Observed { .. } => 14,
        Fact::GateOpened { .. } => 15,
        Fact::GateMoved { .. } => 16,
        Fact::GatePassed { .. } => 17,
        Fact::Covered { .. } => 18,
        Fact::CoverageLost { .. } => 19,
        Fact::CoverageUsed { .. } => 20,
        Fact::CoverageReturned { .. } => 21,
        Fact::Edited { .. } => 22,
        Fact::UndoRegistered { .. } => 23,
        Fact::UndoMoved { .. } => 24,
        Fact::TimerSet { .. } => 25,
        Fact::TimerCleared { .. } => 26,
        Fact::Spent { .. } => 27,
        Fact::Failed { .. } => 28,
        Fact::Retried { .. } => 29,
        Fact::Corrected { .. } => 30,
        Fact::Posted { .. } => 31,
        Fact::Told { .. } => 32,
        Fact::Ignored { .. } => 33,
        Fact::BranchesOpened { .. } => 34,
        Fact::BranchesStarted { .. } => 35,
        Fact::BranchEnded { .. } => 36,
        Fact::BranchesStopped { .. } => 37,
        Fact::BranchesTold { .. } => 38,
        Fact::BranchTakenBack { .. } => 39,
        Fact::BranchesClosed { .. } => 40,
        Fact::BranchesLetGo { .. } => 41,
        Fact::BranchCleared { .. } => 42,
        Fact::SignalTaken { .. } => 43,
        Fact::ScopeEntered { .. } => 44,
        Fact::ScopeFailing { .. } => 45,
        Fact::ScopeLeft { .. } => 46,
        Fact::ChildCalledBack { .. } => 47,
        Fact::TurnTaken { .. } => 48,
        Fact::QueueLeft { .. } => 49,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Envelope,
        id::{EffectId, InstanceId},
    };

    fn entry() -> Entry {
        let effect = EffectId { run: "lead-1".to_owned(), seq: 7, index: 2 };
        let event = Event::EffectHeldBack { effect, attempt: 1, reason: "the secret reason".to_owned() };
        let envelope = Envelope { at: Stamp(-5), id: "e".to_owned(), by: "host".to_owned(), event };
        let told = Event::RunCancelled { reason: "another secret".to_owned() };
        let posted = Fact::Posted { index: 0, to: InstanceId::run("child"), event: Box::new(told) };
        Entry { envelope, facts: vec![posted, Fact::Positioned { position: None }] }
    }

    #[test]
    fn a_skeleton_is_read_as_it_was_made() {
        let found = read(&of(&entry())).unwrap();
        let expected = Skeleton {
            at: Stamp(-5),
            event: "effect_held_back",
            effect: Some((7, 2)),
            facts: vec!["posted", "positioned"],
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_skeleton_holds_no_text() {
        let bytes = of(&entry());
        for text in ["secret", "lead-1", "child", "host"] {
            assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_happens_to_the_host_has_its_word() {
        let found = read(&of_host(Stamp(7), HostEvent::ProposalMoved)).unwrap();
        let expected = Skeleton { at: Stamp(7), event: "proposal_moved", effect: None, facts: Vec::new() };
        assert_eq!(found, expected);
        for event in [
            HostEvent::DeliverySetAside,
            HostEvent::DeliveryStarted,
            HostEvent::DeliveryDropped,
            HostEvent::SwitchPaused,
            HostEvent::SwitchResumed,
            HostEvent::SlotFired,
            HostEvent::SlotSkipped,
            HostEvent::RevisionAttempted,
            HostEvent::RevisionMoved,
            HostEvent::RevisionApplied,
            HostEvent::SourceHeld,
            HostEvent::SourceReleased,
            HostEvent::PlanConfirmed,
            HostEvent::ProposalMoved,
            HostEvent::SignalAwaited,
            HostEvent::SignalSent,
            HostEvent::SignalWentOn,
        ] {
            let word = read(&of_host(Stamp(7), event)).unwrap().event.replace('_', "");
            assert_eq!(format!("{event:?}").to_lowercase(), word);
        }
        assert_eq!(
            read(&of_host(Stamp(7), HostEvent::DeliverySetAside)).unwrap().event,
            "delivery_set_aside"
        );
    }

    #[test]
    fn cut_bytes_are_no_skeleton_or_a_shorter_one() {
        let bytes = of(&entry());
        assert!((0..21).all(|length| read(&bytes[..length]).is_none()));
        assert_eq!(read(&[9; 30]), None);
    }

    /// The lists say what serde writes: an entry and its skeleton use the same words.
    #[test]
    fn words_are_those_of_the_entries() {
        let entry = entry();
        let json = serde_json::to_value(&entry).unwrap();
        assert_eq!(json["envelope"]["event"]["event"], entry.envelope.event.word());
        let facts = read(&of(&entry)).unwrap().facts;
        for (fact, word) in entry.facts.iter().zip(facts) {
            assert_eq!(serde_json::to_value(fact).unwrap()["fact"], word);
        }
    }
}
