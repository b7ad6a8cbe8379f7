//! Every decision of Adjutant, pure: no clock, no files, no network, no randomness, no async.
//!
//! What holds here, whatever a host does (each law has its tests, most of them in `controller/sim`):
//!
//! 1. **Total.** [`step`] answers every pair of a state and an event: applied, duplicate, stale, or refused with a reason. It never
//!    panics.
//! 2. **Deterministic.** The same arguments give the same bytes: no clock, no chance, no order of a hash map.
//! 3. **Time is data.** Only events carry it; a wish to wait is a timer in the state.
//! 4. **Ids are derived.** An effect is (run, entry, place): the key that makes a repetition safe outside, and the fence against late
//!    answers inside. An answer to what the state has let go is stale, and told.
//! 5. **Nothing acts before it is durable.** Effects leave the outbox after the synced append alone; at its start a process takes
//!    up again what the outbox holds.
//! 6. **The fold is the state.** Folding the entries gives the state and every snapshot of it; where it does not, that instance is
//!    set aside and the rest goes on.
//! 7. **One instance, one key.** A machine reads its own state; machines talk by events, and what one tells another arrives in the
//!    order in which it was told. Rows that many share are read by the host, a pure function judges, and the judgement rides in the
//!    event, guarded by the versions that it read.
//! 8. **Answers are recorded.** What a model, an agent, a connector, a policy or a person said is an event that says where it comes
//!    from; nobody is asked twice for the sake of a replay.
//! 9. **History outlives code.** Variants are only added, every released form of a record keeps a reader and a sample in the tests,
//!    and a build that meets a newer store leaves it alone.
//! 10. **Reconciling is idempotent.** Why it was asked for never changes what comes of it.
//! 11. **Nothing waits without a cause that will wake it.** Every run that goes on has a timer, a lease, a gate, a line, a branch,
//!     a turn that others have before it, or a pause.
//! 12. **Deletion needs proof of absence.** Only a whole, verified tree of a known commit can take anything away; a read that failed
//!     never can.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod about;
pub mod accept;
mod batch;
pub mod branch;
mod bury;
pub mod call;
pub mod chain;
pub mod channel;
pub mod classified;
pub mod codec;
pub mod contract;
pub mod count;
mod decide;
mod definition;
mod draft;
pub mod eval;
pub mod event;
pub mod evolve;
pub mod fact;
pub mod given;
pub mod id;
pub mod journal;
mod kill;
mod labelled;
pub mod labels;
pub mod life;
pub mod memory;
pub mod money;
mod output;
pub mod projection;
pub mod purse;
pub mod reads;
pub mod records;
pub mod run;
pub mod sample;
pub mod skeleton;
mod step;
pub mod time;
pub mod trust;
pub mod verdict;
pub mod wait;

pub use bury::{Remains, step_buried, step_bury};
pub use decide::{Returning, WayBack, returning};
pub use definition::Definition;
pub use evolve::{apply, begins, fold};
pub use kill::step_kill;
pub use step::step;
pub use verdict::{Env, First, Next, Refusal, Step, Verdict};
