//! The verbs that were called in a play, whatever came of it: a call that failed, that was lost, or that only looked is a call.

use adjutant_machine::{
    call::{Call, Perform},
    id::{EffectId, Stamp},
};
use adjutant_spec::plan::StepId;
use serde_json::Value;

use super::player::{Player, Turn};

/// A verb that was called.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) verb: String,
    pub(super) args: Value,
    pub(super) at: Stamp,
    /// The step that it was called for.
    pub(super) step: StepId,
}

impl Player<'_> {
    /// Lets an attempt begin, and notes the verb that is called with it; `None` where the machine decided otherwise.
    pub(super) fn lease(&mut self, effect: &EffectId) -> Turn<Option<Perform>> {
        let leased = self.host.lease(effect)?;
        if let Some(perform) = &leased {
            self.note(perform);
        }
        Ok(leased)
    }

    fn note(&mut self, perform: &Perform) {
        let (verb, args) = match &*perform.call {
            Call::Verb(call) => (&call.verb, &call.args),
            Call::Probe { of, probe } => (probe, &of.args),
            _ => return,
        };
        let (at, step) = (self.host.now, perform.step.clone());
        self.calls.push(Called { verb: verb.clone(), args: args.clone(), at, step });
    }
}
