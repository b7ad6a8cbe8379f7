//! What an unwinding would take back as things are, with what it would call: asked before anybody says yes to it.
//!
//! The decisions are those of the unwinding itself; nothing is decided here that it decides otherwise.

use super::{Decider, payload::Payload};
use crate::{
    branch::Round,
    call::{Approval, Call},
    definition::Definition,
    draft::Draft,
    event::{Envelope, Event},
    id::EffectId,
    run::{EffectPhase, Run, UndoEntry, UndoState},
    verdict::Env,
};

/// Something that would be taken back.
#[derive(Debug, Clone, PartialEq)]
pub enum Returning {
    /// What the branches of a round did: each takes it back itself, the last one first.
    Branches(Round),
    /// What an effect did.
    Deed {
        /// The effect that would be taken back.
        effect: EffectId,
        /// The verb that takes it back.
        verb: String,
        /// Whether it has happened; else it is taken back where it turns out to have.
        happened: bool,
        /// What would be called, or why that cannot be put together: then the operator decides.
        way: Result<Box<WayBack>, String>,
    },
}

/// The call that takes something back.
#[derive(Debug, Clone, PartialEq)]
pub struct WayBack {
    /// What would be called; what only the deed itself tells is a marked hole where it has not happened yet.
    pub call: Call,
    /// The approval that covers it.
    pub approval: Option<Approval>,
    /// Whether a person would be asked first, whatever the policy in force says.
    pub asks: bool,
}

/// Returns what an unwinding of a run would take back, in its order: the last first.
#[must_use]
pub fn returning(def: &Definition, run: &Run) -> Vec<Returning> {
    let (at, id, by) = (run.updated_at, String::new(), String::new());
    let envelope = Envelope { at, id, by, event: Event::ClockSetBack };
    let env = Env { seq: run.seq + 1, seed: 0 };
    let decider = Decider { def, draft: Draft::new(run.clone(), &envelope, env) };
    let open = run.undo.iter().rev().filter(|entry| is_open(&entry.state));
    open.filter_map(|entry| decider.returns(entry)).collect()
}

fn is_open(state: &UndoState) -> bool {
    matches!(state, UndoState::Registered | UndoState::Running(_))
}

impl Decider<'_> {
    fn returns(&self, entry: &UndoEntry) -> Option<Returning> {
        if let Some(number) = entry.round {
            return Some(Returning::Branches(Round { step: entry.step.clone(), number }));
        }
        let phase = &self.draft.run.effects.get(&entry.effect)?.life.phase;
        let happened = *phase == EffectPhase::Succeeded;
        if phase.is_settled() && !happened {
            return None;
        }
        let (effect, verb) = (entry.effect.clone(), entry.verb.clone());
        Some(Returning::Deed { effect, verb, happened, way: self.way_back(entry, happened).map(Box::new) })
    }

    fn way_back(&self, entry: &UndoEntry, happened: bool) -> Result<WayBack, String> {
        let step = self.step(&entry.step);
        let step = step.ok_or_else(|| format!("the playbook has no step \"{}\"", entry.step))?;
        let payload = match happened {
            true => self.undo_payload(step, entry)?,
            false => self.with_holes(step, entry)?,
        };
        let wish = self.wish_back(step, entry, &payload);
        let asks = self.needs_yes(&wish);
        Ok(WayBack { call: wish.call, approval: wish.approval, asks })
    }

    /// What is taken back has not happened: what only it could tell stays open.
    fn with_holes(&self, step: &adjutant_spec::plan::Step, entry: &UndoEntry) -> Result<Payload, String> {
        let contract = self.contract(&entry.verb)?;
        let shown = self.undo_with_holes(step)?.ok_or_else(|| "it has no undo".to_owned())?;
        Ok(Payload {
            verb: entry.verb.clone(),
            effect: contract.effect,
            idempotency: contract.idempotency,
            has_probe: contract.probe.is_some(),
            key_valid: None,
            args: shown.args,
            labels: Default::default(),
            timeout: contract.timeout.millis(),
        })
    }
}
