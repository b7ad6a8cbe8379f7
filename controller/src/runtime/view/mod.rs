//! Read models: everything is read from rows and states, nothing is kept beside them, so a list is never stale.
//!
//! All of it blocks on the store and runs on the blocking pool.

mod after;
mod audit;
mod branches;
mod causes;
mod corrections;
mod deeds;
mod deliveries;
mod headline;
mod label;
mod line;
mod lists;
mod origin;
mod part;
mod queue;
mod recorded;
mod rollback;
mod run;
mod said;
mod spend;
mod story;
mod whom;
mod why;

pub(super) use after::{after_retry, left_by_kill};
#[cfg(test)]
pub(super) use audit::orphaned;
pub(super) use audit::{audit, check_run};
pub(super) use branches::{branches, run};
pub(super) use causes::causes;
pub(super) use corrections::{check_class, corrections};
pub(super) use deliveries::{KeptAt, deliveries, delivery, delivery_line, kept, open_deliveries};
pub use headline::{Headline, RECORD_WRITE, headline};
pub use label::label;
pub(super) use lists::{ENDED, dead, gate, inbox, live_runs, records, runs, slots, status};
pub use lists::{LIVE, STATUSES};
pub(super) use recorded::recorded;
pub(super) use rollback::rollback;
pub(super) use run::{calls, log, run_at};
pub use spend::{BudgetView, MonthView, SpendView};
pub(super) use spend::{month, spend};
pub use whom::{in_words, whom};
pub(super) use why::why;
