//! The verbs that were called in a play, whatever came of it: a call that failed, that was lost, or that only looked is a call.

use adjutant_machine::{
    call::{Call, Perform},
    id::Stamp,
};
use adjutant_spec::plan::StepId;
use serde_json::Value;

/// A verb that was called.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) verb: String,
    pub(super) args: Value,
    pub(super) at: Stamp,
    /// The step that it was called for.
    pub(super) step: StepId,
}

impl Called {
    /// Returns the verb that an attempt calls as it begins; `None` where it calls none.
    pub(super) fn of(perform: &Perform, at: Stamp) -> Option<Self> {
        let (verb, args) = match &*perform.call {
            Call::Verb(call) => (&call.verb, &call.args),
            Call::Probe { of, probe } => (probe, &of.args),
            _ => return None,
        };
        Some(Self { verb: verb.clone(), args: args.clone(), at, step: perform.step.clone() })
    }
}
