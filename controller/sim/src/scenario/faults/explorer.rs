//! The explorer: plays a scenario again with every fault by itself, then with pairs of them.

use adjutant_spec::scenario::{Finding, Scenario};

use super::{
    Fault, Faults,
    found::{Counts, Trouble, counts, stopped, troubles},
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
    /// What was to go wrong.
    pub faults: Vec<Fault>,
    /// Whether all of it did: one fault may lead past the other.
    pub happened: bool,
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
        player.play().map_err(|stop| stop.finding)?;
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
        let Ok(mut player) = disturbed(self.house, self.scenario, &faults) else {
            // It began before: the same beginning begins again.
            return Tried { faults, happened: false, troubles: Vec::new() };
        };
        let troubles = played(&mut player, &self.usual);
        Tried { faults, happened: player.faults.have_happened(), troubles }
    }
}

/// Plays, and returns everything that must not have happened.
fn played(player: &mut Player<'_>, usual: &Counts) -> Vec<Trouble> {
    match player.play() {
        Ok(()) => troubles(player, usual),
        Err(stop) => vec![stopped(player, &stop)],
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

#[cfg(test)]
mod tests {
    use adjutant_company::{company, loaded};
    use adjutant_spec::{Loaded, scenario};

    use super::{super::found::Sort, *};
    use crate::scenario::finding::{Stop, finding};

    const ROUND: &str = r#"schema = "adjutant/v1"
title = "Rests again and again"

[trigger]
kind = "manual"

[[step]]
id = "rest"
wait = "1h"
visits = 40

[[step]]
id = "look"
record = { kind = "word", read = "one", key = "last" }
visits = 40
on = { missing = "rest" }
next = "done"

[[step]]
id = "done"
end = "done"
"#;

    const TEST: &str = r#"schema = "adjutant/v1"
playbook = "round"

[[given]]
kind = "word"
key = "last"
value = {}
after = "20h"
"#;

    fn round() -> Loaded {
        loaded(&company(&[
            ("playbooks/round.toml", ROUND),
            ("records/word.json", "{ \"type\": \"object\" }"),
            ("tests/round.toml", TEST),
        ]))
    }

    #[test]
    fn a_run_that_does_not_end_is_an_orphan() {
        let loaded = round();
        let scenario = scenario::all(&loaded.draft).remove(0);
        let mut house = Playhouse::new(loaded.plan.as_ref().expect("it checks"));
        let mut player = disturbed(&mut house, &scenario, &[Fault::Crash(2)]).expect("it begins");
        // It would end after some hundred: a play is patient, a test is not.
        player.most = 30;
        let troubles = played(&mut player, &Counts::new());
        let [orphan] = troubles.as_slice() else { panic!("{troubles:?}") };
        assert_eq!((orphan.sort, orphan.sort.word()), (Sort::Orphan, "orphan"));
        assert_eq!(orphan.message, "the run does not end: 30 things have happened");
        assert!(!orphan.history.is_empty());
    }

    #[test]
    fn what_cannot_be_answered_so_is_no_orphan() {
        let loaded = round();
        let scenario = scenario::all(&loaded.draft).remove(0);
        let mut house = Playhouse::new(loaded.plan.as_ref().expect("it checks"));
        let player = disturbed(&mut house, &scenario, &[]).expect("it begins");
        let stop: Box<Stop> = finding("answer[0]", "this cannot be decided so".to_owned()).into();
        assert_eq!(stopped(&player, &stop).sort, Sort::Unanswered);
    }
}
