//! One attempt: a call of a verb, a look whether a call happened, a question to a model.

use std::time::{Duration, Instant};

use adjutant_machine::{
    call::{AgentCall, Perform, VerbCall},
    event::Finding,
};
use adjutant_spec::plan::{Effect, Idempotency, Plan};
use serde_json::Value;

use super::{
    connectors::{self, Resolved},
    ground::Ground,
    job::VerbJob,
    kinds::{self, Probed},
    llm::{self, AgentJob, Answerer, price::Tariff},
    outcome::{Ending, Fault},
    redact::Redactor,
};

/// One attempt under the plan that let it go.
pub(super) struct Attempt<'a> {
    pub(super) ground: &'a Ground,
    pub(super) plan: &'a Plan,
    pub(super) job: &'a Perform,
    pub(super) redactor: &'a Redactor,
    pub(super) deadline: Instant,
}

impl Attempt<'_> {
    /// Calls a verb of a connector, once.
    pub(super) async fn verb(&self, call: &VerbCall) -> Ending {
        let Self { ground, plan, job, .. } = *self;
        let Resolved { connector, verb } = connectors::resolve(plan, &call.verb)?;
        let secret = ground.secret_of_call(plan, connector)?;
        let timeout = Duration::from_millis(job.timeout.min(verb.timeout.millis()).max(1));
        let (doors, folders) = (&ground.doors, ground.folders(plan));
        let work = VerbJob { connector, doors, is_counted: true, verb, call, secret, timeout, folders };
        connectors::perform(&work, job.dry).await
    }

    /// Finds out by another verb whether a call happened.
    ///
    /// # Errors
    /// The door to the connector is shut, or its rates have no room: the question is asked again.
    pub(super) async fn probe(&self, of: &VerbCall, probe: &str) -> Result<Finding, Fault> {
        let found = connectors::resolve(self.plan, probe);
        let found = found.and_then(|found| Ok((kinds::of(found.connector)?, found.verb)));
        let (kind, verb) = match found {
            Ok(found) => found,
            Err(fault) => return Ok(Finding::Unclear(fault.message().to_owned())),
        };
        let probed = Probed { verb, of };
        let answer = match kind.question(&probed) {
            Ok(args) => self.verb(&looking(probe, args, of)).await,
            Err(fault) => Err(fault),
        };
        match answer {
            // A door that is shut says nothing about the call in doubt: the probe asks again.
            Err(held @ Fault::Held(_)) => Err(held),
            answer => Ok(kind.finding(&probed, answer)),
        }
    }

    /// Asks a model. What was not counted when its effect began takes its place now.
    pub(super) async fn agent(&self, call: &AgentCall, is_counted: bool) -> Ending {
        let Self { ground, plan, job, redactor, deadline } = *self;
        let Answerer { connector, model } = llm::resolve(plan, call)?;
        let tariff =
            Tariff::of(&plan.prices, &model).map_err(|unpriced| Fault::unavailable(unpriced.to_string()))?;
        let secret = ground.secret_of_call(plan, connector)?;
        let work = AgentJob {
            connector,
            doors: &ground.doors,
            is_counted,
            model,
            tariff,
            call,
            reads_input: llm::reads_input(plan, &call.agent),
            labels: job.labels,
            key: job.effect.key(),
            secret,
            redactor,
            deadline,
        };
        llm::ask(&work).await
    }
}

/// Calls a verb beside any effect: a notice to the operator.
pub(super) async fn tell(ground: &Ground, plan: &Plan, call: &VerbCall) -> Result<(), Fault> {
    let Resolved { connector, verb } = connectors::resolve(plan, &call.verb)?;
    let secret = ground.secret_of_call(plan, connector)?;
    let timeout = Duration::from_millis(verb.timeout.millis());
    let (doors, folders) = (&ground.doors, ground.folders(plan));
    let work = VerbJob { connector, doors, is_counted: false, verb, call, secret, timeout, folders };
    connectors::perform(&work, false).await.map(drop)
}

/// The call of a probing verb: it looks, whatever the call in doubt did.
fn looking(probe: &str, args: Value, of: &VerbCall) -> VerbCall {
    VerbCall {
        verb: probe.to_owned(),
        args,
        key: of.key.clone(),
        effect: Effect::Read,
        idempotency: Idempotency::Pure,
        undo_of: None,
    }
}
