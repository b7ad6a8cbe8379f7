//! Fault exploration of the operator's own playbooks: a scenario that holds is played again and again, each time with something
//! that goes wrong, and what must never happen is looked for.
//!
//! ```text
//!  a scenario that holds ──► every (moment, fault) pair by itself, then pairs of them by seed
//!                               └──► an effect twice, an undo that is missing, a run that nobody ends, a law that is broken
//! ```
//! Where a fault leads the run to a question that the scenario does not answer, the answer is assumed: what was answered last, else
//! a value of the right form; people agree. Probes find the truth, and the operator settles by it.

mod assumed;
mod disturb;
mod explorer;
mod found;

use adjutant_machine::run::Gate;

pub(super) use assumed::approved;
pub use explorer::{Explorer, Tried};
pub use found::{Sort, Trouble};

/// Something that goes wrong, with its place: the number of the turn, of the answer, or of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The run is cancelled.
    Cancel(usize),
    /// The process dies between two transitions.
    Crash(usize),
    /// The process dies while an attempt is under way, before it did anything.
    DiesBefore(usize),
    /// The process dies after an attempt did what it should, before that is written down.
    DiesAfter(usize),
    /// An attempt does what it should, and its answer is lost.
    Lost(usize),
    /// An attempt does what it should, and its answer comes after nobody waits any more.
    Late(usize),
    /// An answer comes twice.
    Twice(usize),
    /// Nobody decides a gate in time.
    Lapses(usize),
    /// A gate is decided twice.
    DecidedTwice(usize),
}

/// What is to go wrong in a play, and what did.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Whether this is more than a play: what is not answered is assumed.
    pub(super) is_on: bool,
    /// What is planned and did not happen yet.
    planned: Vec<Fault>,
    /// How many turns, answers and gates there were.
    turns: usize,
    answers: usize,
    gates: usize,
    /// What went wrong, for people.
    pub(super) told: Vec<String>,
}

impl Faults {
    /// Returns faults that are to happen; with none the play is only counted.
    pub(super) fn planned(planned: &[Fault]) -> Self {
        Self { is_on: true, planned: planned.to_vec(), ..Self::default() }
    }

    /// Returns every fault that a play like this one can meet.
    pub(super) fn every(&self) -> Vec<Fault> {
        let turns = (1..=self.turns).flat_map(|turn| [Fault::Cancel(turn), Fault::Crash(turn)]);
        let answers = (1..=self.answers).flat_map(|answer| {
            [Fault::DiesBefore, Fault::DiesAfter, Fault::Lost, Fault::Late, Fault::Twice]
                .map(|fault| fault(answer))
        });
        let gates = (1..=self.gates).flat_map(|gate| [Fault::Lapses(gate), Fault::DecidedTwice(gate)]);
        gates.chain(answers).chain(turns).collect()
    }

    /// Returns whether everything that was planned happened.
    fn have_happened(&self) -> bool {
        self.planned.is_empty()
    }

    /// Takes the fault that is planned, if it is.
    fn takes(&mut self, fault: Fault) -> bool {
        let place = self.planned.iter().position(|planned| *planned == fault);
        place.map(|place| self.planned.remove(place)).is_some()
    }

    /// Returns how often a gate is decided.
    pub(super) fn decisions(&mut self, gate: &Gate) -> usize {
        self.gates += 1;
        if self.takes(Fault::Lapses(self.gates)) {
            self.told.push(format!("nobody decides gate \"{}\"", gate.card.step));
            return 0;
        }
        if self.takes(Fault::DecidedTwice(self.gates)) {
            self.told.push(format!("gate \"{}\" is decided twice", gate.card.step));
            return 2;
        }
        1
    }
}
