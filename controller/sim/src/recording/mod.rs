//! What a run did, read off its log, with what it began: as a course, and as a scenario that plays it again.
//!
//! ```text
//!  logs of a run, its branches, its child runs ──merged by time──► Course      what happened
//!                                              └─────────────────► Scenario    what was asked and answered, what must happen
//! ```
//! The scenario is the one way in which a run is played again: `adjutant test record` writes it down, and a replay plays it.

mod answers;
mod compare;
mod expected;
mod made;
mod records;
mod replay;

pub use compare::{Compared, Mark, Pair, RecordChange, StepChange};
pub use made::{Name, Recording};
pub use replay::{Replay, Replayed, Unplayable};

pub use crate::{
    recorded::{Recorded, RecordedRun},
    redecide::{Redecided, redecided, redecided_by},
};
