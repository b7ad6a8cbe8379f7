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

use crate::recorded::Recorded;

use adjutant_machine::{event::RunStarted, id::Stamp};

pub use begin::Playhouse;
pub(crate) use begin::Stage;
pub use course::{Course, Ending, Visit};
pub use coverage::{Coverage, Covered, Way};
pub use faults::{Explorer, Fault, Sort, Tried, Trouble};
pub use known::{Known, NotHeld};
pub(crate) use player::is_undo;
pub(crate) use reply::{changes_nothing, word_of};
pub(crate) use verdict::covers;
pub use words::since;

/// A scenario that was played.
#[derive(Debug)]
pub struct Played {
    /// What does not hold, first of all; `None` where everything does.
    pub finding: Option<Finding>,
    /// What the runs of the play did, in their order.
    pub course: Course,
    /// The logs of these runs; nothing where none began.
    pub recorded: Option<Recorded>,
}

/// What came of a run that was played as it began.
#[derive(Debug)]
pub(crate) struct PlayedAs {
    pub(crate) played: Played,
    /// The steps for which an answer was made up.
    pub(crate) assumed: Vec<String>,
}

/// How far a run is played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HowFar {
    /// Whether what is asked and not answered is answered with a value of the right form, and people agree.
    pub(crate) assumes: bool,
    /// The moment after which nothing is played; to the end when absent.
    pub(crate) horizon: Option<Stamp>,
}

/// Plays a run that begins with this, with the answers of the scenario; nothing is expected of it.
pub(crate) fn play_as(stage: Stage<'_>, run: RunStarted, how_far: HowFar) -> PlayedAs {
    let mut player = match begin::begun(stage, run) {
        Ok(player) => player,
        Err(finding) => {
            let played = Played { finding: Some(finding), course: Course::default(), recorded: None };
            return PlayedAs { played, assumed: Vec::new() };
        }
    };
    player.left_open = Some(Default::default());
    (player.assumed, player.horizon) = (how_far.assumes.then(Vec::new), how_far.horizon);
    let finding = player.play().err().map(|stop| stop.finding);
    let (recorded, assumed) = (player.recorded(), player.assumed.take().unwrap_or_default());
    PlayedAs { played: Played { finding, course: player.course, recorded }, assumed }
}

/// Plays a scenario.
#[must_use]
pub fn play(house: &mut Playhouse<'_>, scenario: &Scenario) -> Played {
    let mut player = match begin::begin(house, scenario) {
        Ok(player) => player,
        Err(finding) => return Played { finding: Some(finding), course: Course::default(), recorded: None },
    };
    let stopped = player.play().err().map(|stop| stop.finding);
    let finding = stopped.or_else(|| verdict::first(&player));
    let recorded = player.recorded();
    Played { finding, course: player.course, recorded }
}
