//! The world as the runtime sees it: somebody who performs one attempt and answers with an event.

use std::sync::Arc;

use adjutant_machine::{
    call::{Call, Notice, Perform},
    event::Event,
    id::Stamp,
};
use adjutant_spec::{
    plan::{NotifyRule, Plan},
    value::Money,
};
use futures::future::BoxFuture;
use serde_json::Value;

/// Performs effects. The composition root implements it over the effects room; tests script it. The plan that let a call go comes
/// with it: a performer keeps none.
///
/// *Flow*: the runtime leases an effect, then calls [`Performer::perform`] once for the attempt; the answer goes back to
/// the run as an event. *Guarantees*: an at-most-once or probe verb is only performed after its lease is durable; no two attempts of
/// one effect are under way in one process. *Assumptions*: the answer is `EffectSucceeded`, `EffectFailed`, `EffectUnknown`
/// or `EffectProbed` for the same effect and attempt; nothing is retried inside. *Errors*: a panic counts as an unknown outcome.
pub trait Performer: Send + Sync + 'static {
    /// Performs one attempt; it should give up before `lease_until`.
    fn perform(&self, plan: Arc<Plan>, job: Perform, lease_until: Stamp) -> BoxFuture<'static, Event>;

    /// Returns the most that a call can cost under a plan: what is reserved before it starts.
    fn worst_case(&self, plan: &Plan, call: &Call) -> Worst;

    /// Returns a value without the secrets of a plan. A world that has none changes nothing.
    fn masked(&self, _plan: &Plan, value: Value) -> Value {
        value
    }

    /// Tells the operator something by one rule; by none where no rule of the plan carries it.
    fn notify(
        &self,
        plan: Arc<Plan>,
        notice: Notice,
        rule: Option<NotifyRule>,
    ) -> BoxFuture<'static, Result<(), NotifyFailure>>;
}

/// The most that a call can cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worst {
    /// It costs nothing, or nobody can be asked and it will fail at once.
    Nothing,
    /// At most so much.
    AtMost(Money),
    /// Nobody knows the price: it must not start. For people.
    Unpriced(String),
}

/// Why a notice did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotifyFailure {
    /// Whether it may work later.
    pub retry: bool,
    /// Whether nothing left: a pause shuts the door that it leaves by, or its rates have no room. Then it waits for that to end,
    /// and no try is used up.
    pub is_held: bool,
    /// After how many milliseconds there may be room; absent where a pause has to end.
    pub after: Option<u64>,
    /// What the other side said, redacted.
    pub message: String,
}
