//! The edge of the company: connectors, agents, routes, notices, and what comes in.
//!
//! ```text
//!   runtime ──Perform──► Effects ─┬─► connectors ─► kinds   one attempt each; the machine alone retries
//!                                 ├─► llm ────────► kinds   answers are checked against the agent's own schema
//!                                 └─► route                 rules, then the local router, then its hops
//!   runtime ◄───Event─── outcome ◄┘   redacted, with provenance
//!
//!   the world ──webhook, mail drop──► kinds ──Delivery──► (runtime, through the composition root)
//! ```
//!
//! This room knows neither runs nor the store. Endpoints, secrets, hosts, prices and modes are read from the plan in
//! force at each call; what a call does to the world is what its run has pinned. Nothing is retried here: an attempt
//! ends as done, as definitely not done, or as unknown, and the difference between the last two is whether bytes may have
//! reached the other side.

mod attempt;
mod connectors;
mod credentials;
mod doors;
mod egress;
mod expression;
mod folders;
mod ground;
mod hops;
pub mod intake;
mod job;
mod kinds;
mod llm;
mod look;
mod notify;
mod outcome;
mod patience;
mod perform;
mod probe;
mod redact;
mod route;
mod schema;
pub mod secrets;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

pub use doors::{Doors, Leaving, NoRoom, Unwatched};
pub use ground::Options;
pub use intake::{Delivery, IntakeError, Received, Unread, Webhook};
pub use llm::price::{Unpriced, worst_case};
pub use notify::NotifyFailure;
pub use patience::{Patience, Waiting};
pub use perform::{Effects, Inquiry, RouteIn};
pub use probe::ProbeError;
pub use redact::Redactor;
