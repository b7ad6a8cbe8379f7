//! Gates that pass without a person: when they may, and what such a passing is worth.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{Auto, Stage, Step},
    value::{Labels, Trust},
};
use serde_json::{Value, json};

use super::{Decider, flow::Then, gates::Written, steps::ours};
use crate::{fact::Fact, labels, run::Coverage};

impl<'a> Decider<'a> {
    /// Returns whether a gate passes without a person.
    ///
    /// Where the slice only advises nothing does. A `limit` needs a sum over runs that no run can see, so a gate that has
    /// one asks a person: the tighter reading.
    pub(super) fn passes(&self, (step, gate): (&Step, &Written<'_>)) -> Result<bool, String> {
        match gate.auto {
            Some(auto) if auto.limit.is_none() && self.draft.run.stage == Stage::Act => {
                let holds = self.scope().holds(&auto.when).map_err(|error| error.to_string())?;
                Ok(holds && self.may_pass(&step.id, auto)?)
            }
            _ => Ok(false),
        }
    }

    /// Returns whether words from outside neither decide that a guarded call goes out nor stand in it. `check` proves it for what
    /// inputs declare; whoever started this run may be trusted less than that.
    fn may_pass(&self, gate: &str, auto: &Auto) -> Result<bool, String> {
        let guarded: Vec<_> =
            self.covered_calls(gate)?.into_iter().filter(|call| call.effect.is_guarded()).collect();
        let run = &self.draft.run;
        let is_ours = |labels: Labels| labels.trust > Trust::External;
        Ok(guarded.is_empty()
            || is_ours(labels::of_reads(run, &auto.when.reads))
                && guarded.iter().all(|call| is_ours(call.labels)))
    }

    /// Lets a gate pass by its condition: what it covers may act, but no trust rises.
    pub(super) fn pass_covered(&mut self, step: &'a Step) -> Then {
        let calls = match self.covered_calls(&step.id) {
            Ok(calls) => calls,
            Err(message) => return self.fail_step(&step.id, "error", message),
        };
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
            self.fact(Fact::Covered { step: call.step, coverage: Box::new(coverage) });
        }
        self.pass(step, "auto", &Value::Null)
    }

    pub(super) fn pass(&mut self, step: &Step, rule: &str, form: &Value) -> Then {
        self.fact(Fact::GatePassed { step: step.id.clone(), rule: rule.to_owned() });
        let value = json!({ "decision": "approved", "by": rule, "at": self.draft.at(), "reason": null, "form": form });
        self.end_step(step, "approved", Some(ours(value)))
    }
}
