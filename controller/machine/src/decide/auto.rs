//! Gates that pass without a person: when they may, and what such a passing is worth.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{Stage, Step},
    value::Trust,
};
use serde_json::{Value, json};

use super::{Decider, flow::Then, gates::Written};
use crate::{
    event::Labelled,
    fact::Fact,
    labels,
    run::{Coverage, CoveredCall},
};

impl<'a> Decider<'a> {
    /// Returns whether a gate passes without a person.
    ///
    /// Where the slice only advises nothing does, and nothing passes on the word of somebody outside: what decides in your place
    /// is trusted as you are, or you are asked. A `limit` needs a sum over runs that no run can see, so a gate that has
    /// one asks a person: the tighter reading.
    pub(super) fn passes(&self, gate: &Written<'_>) -> Result<bool, String> {
        match gate.auto {
            Some(auto)
                if auto.limit.is_none()
                    && self.draft.run.stage == Stage::Act
                    && labels::of_reads(&self.draft.run, &auto.when.reads).trust >= Trust::Verified =>
            {
                self.scope().holds(&auto.when).map_err(|error| error.to_string())
            }
            _ => Ok(false),
        }
    }

    /// Returns whether a call may go out although nobody has looked at it.
    ///
    /// `check` refuses such a gate for what inputs declare; whoever started this run may be trusted less than that, and a bundle
    /// that an older build has checked is held to the same here.
    fn is_own(call: &CoveredCall) -> bool {
        !call.effect.is_guarded() || call.labels.trust >= Trust::Verified
    }

    /// Lets a gate pass by its condition: what it covers may act, but no trust rises.
    pub(super) fn pass_covered(&mut self, step: &'a Step) -> Then {
        let calls = match self.covered_calls(&step.id) {
            Ok(calls) => calls,
            Err(message) => return self.fail_step(&step.id, "error", message),
        };
        if !calls.iter().all(Self::is_own) {
            return self.open_step_gate(step, "gate", BTreeMap::new(), None);
        }
        let gate = format!("{}.{}.auto", self.draft.run.id, step.id);
        for call in calls {
            let coverage = Coverage {
                gate: gate.clone(),
                gate_step: step.id.clone(),
                digest: String::new(),
                by: "auto".to_owned(),
                raises_trust: false,
                args: call.args,
                undo: call.undo,
                shown: BTreeMap::new(),
            };
            self.fact(Fact::Covered { step: call.step, coverage: coverage.into() });
        }
        self.pass(step, "auto", &Value::Null)
    }

    pub(super) fn pass(&mut self, step: &Step, rule: &str, form: &Value) -> Then {
        self.fact(Fact::GatePassed { step: step.id.clone(), rule: rule.to_owned() });
        let value = json!({ "decision": "approved", "by": rule, "at": self.draft.at(), "reason": null, "form": form });
        self.end_step(step, "approved", Some(Labelled::ours(value)))
    }
}
