//! Scenarios: what the operator wrote about a playbook, played without a world.
//!
//! ```text
//!  Scenario ──begin──► MemoryHost ──asks──► script (answers by step and visit) ──► an event, now or later
//!                          │                 store (business records)
//!                          ▼
//!                       course: visits of steps, in the order in which they happened ──verdict──► what does not hold, first of all
//! ```
//! Time is virtual: where nothing is to be done, the next thing that is due comes. Nothing is sampled: what is asked and not
//! answered is what does not hold. What the company may spend, and how often it may call, is not played.

mod agenda;
mod arms;
mod begin;
mod calls;
mod children;
mod course;
mod coverage;
mod faults;
mod finding;
mod given;
mod known;
mod people;
mod player;
mod reply;
mod script;
mod signals;
mod store;
mod unsaid;
mod verdict;
mod words;

use adjutant_spec::scenario::{Finding, Scenario};

pub use begin::Playhouse;
pub use course::{Course, Ending, Visit};
pub use coverage::{Coverage, Covered, Way};
pub use faults::{Explorer, Fault, Sort, Tried, Trouble};
pub use known::{Known, NotHeld};
pub use words::since;

/// A scenario that was played.
#[derive(Debug)]
pub struct Played {
    /// What does not hold, first of all; `None` where everything does.
    pub finding: Option<Finding>,
    /// What the runs of the play did, in their order.
    pub course: Course,
}

/// Plays a scenario.
#[must_use]
pub fn play(house: &mut Playhouse<'_>, scenario: &Scenario) -> Played {
    let mut player = match begin::begin(house, scenario) {
        Ok(player) => player,
        Err(finding) => return Played { finding: Some(finding), course: Course::default() },
    };
    let stopped = player.play().err().map(|stop| stop.finding);
    let finding = stopped.or_else(|| verdict::first(&player));
    Played { finding, course: player.course }
}
