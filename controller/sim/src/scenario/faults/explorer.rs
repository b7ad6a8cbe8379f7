//! The explorer: plays a scenario again with every fault by itself, then with pairs of them.

use adjutant_spec::scenario::{Finding, Scenario};

use super::{
    Fault, Faults,
    found::{Counts, Trouble, counts, stuck, troubles},
};
use crate::{
    dice::Dice,
    scenario::{begin, begin::Playhouse, play, player::Player},
};

/// Explores what can go wrong with one scenario.
#[derive(Debug)]
pub struct Explorer<'a, 'p> {
    house: &'a mut Playhouse<'p>,
    scenario: &'a Scenario,
    /// How often each call happens where nothing goes wrong.
    usual: Counts,
    singles: Vec<Fault>,
    next: usize,
    dice: Dice,
}

/// What came of one play.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// What went wrong.
    pub faults: Vec<Fault>,
    /// What must not have happened.
    pub troubles: Vec<Trouble>,
}

impl<'a, 'p> Explorer<'a, 'p> {
    /// Returns the explorer of a scenario.
    ///
    /// # Errors
    /// What does not hold of the scenario as it is: nothing can be learnt from disturbing it.
    pub fn new(house: &'a mut Playhouse<'p>, scenario: &'a Scenario, seed: u64) -> Result<Self, Finding> {
        if let Some(finding) = play(house, scenario).finding {
            return Err(finding);
        }
        let mut player = disturbed(house, scenario, &[])?;
        player.play().map_err(|found| *found)?;
        let (usual, singles) = (counts(&player.world.acts), player.faults.every());
        Ok(Self { usual, singles, house, scenario, next: 0, dice: Dice::new(seed) })
    }

    /// Returns how many faults there are by themselves.
    #[must_use]
    pub fn singles(&self) -> usize {
        self.singles.len()
    }

    /// Returns whether every fault was tried by itself.
    #[must_use]
    pub fn has_tried_singles(&self) -> bool {
        self.next >= self.singles.len()
    }

    /// Tries the next fault, or a pair once each was tried by itself; `None` where there is nothing to disturb.
    pub fn try_next(&mut self) -> Option<Tried> {
        let faults = match self.singles.get(self.next) {
            Some(fault) => vec![*fault],
            None => vec![self.dice.pick(&self.singles)?, self.dice.pick(&self.singles)?],
        };
        self.next += 1;
        Some(self.with(faults))
    }

    /// Tries these faults together.
    pub fn with(&mut self, faults: Vec<Fault>) -> Tried {
        let troubles = match disturbed(self.house, self.scenario, &faults) {
            Ok(mut player) => match player.play() {
                Ok(()) => troubles(&player, &self.usual),
                Err(finding) => vec![stuck(&player, &finding.message)],
            },
            // It began before: the same beginning begins again.
            Err(_) => Vec::new(),
        };
        Tried { faults, troubles }
    }
}

/// Returns a player whose play is disturbed.
fn disturbed<'a>(
    house: &'a mut Playhouse<'_>,
    scenario: &'a Scenario,
    faults: &[Fault],
) -> Result<Player<'a>, Finding> {
    let mut player = begin::begin(house, scenario)?;
    player.faults = Faults::planned(faults);
    Ok(player)
}
