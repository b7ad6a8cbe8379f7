//! What waits for what: lines behind causes, not alarms for each who waits.
//!
//! An effect that may not leave yet stays queued, its outbox row stays, and it stands in the line of what holds it back. It goes on
//! when that **cause** moves: a pause ends, a freeze is deleted, a breaker closes, a budget is raised, a window ends. A line has
//! one alarm at most, for its first; nothing else has a moment.
//!
//! | cause | who goes on when it moves |
//! |---|---|
//! | no revision, a pause, a freeze | all, in their order |
//! | a breaker, a rate, a budget | the first; the next one as soon as it was decided on, until one must wait again |
//!
//! So no crowd is woken to be sent back, and nobody overtakes: a newcomer stands behind those that are there. Nothing of it is
//! stored: after a restart every queued effect asks again. Who decided on a cause that moved in between, or stands behind others
//! who have gone meanwhile, is told so by [`Lines::stand`], and decides again.

use std::collections::{BTreeMap, VecDeque};

use crate::id::{EffectId, Stamp};

/// What holds an effect back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Nothing is in force yet.
    NoRevision,
    /// A pause of this scope: `everything`, `playbook:<id>`, `connector:<id>`.
    Pause(String),
    /// A freeze of the policies.
    Freeze,
    /// The breaker of a verb.
    Breaker(String),
    /// The rate of a verb, or of a connector.
    Rate(String),
    /// A cap on money.
    Budget(String),
}

impl Cause {
    /// Returns whether its end lets only so many through: then one goes at a time.
    fn is_counted(&self) -> bool {
        matches!(self, Self::Breaker(_) | Self::Rate(_) | Self::Budget(_))
    }

    /// Returns the word for what an effect does that waits for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoRevision | Self::Pause(_) | Self::Freeze => "held",
            Self::Breaker(_) => "blocked_by_breaker",
            Self::Rate(_) => "waiting_for_slot",
            Self::Budget(_) => "waiting_for_budget",
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoRevision => f.write_str("no revision is in force yet"),
            Self::Pause(scope) => write!(f, "{scope} is paused"),
            Self::Freeze => f.write_str("a freeze of the policies holds it"),
            Self::Breaker(verb) => write!(f, "\"{verb}\" failed too often: it is tried again carefully"),
            Self::Rate(name) => write!(f, "the rate of \"{name}\" is used up"),
            Self::Budget(cap) => write!(f, "{cap} has no room for it"),
        }
    }
}

/// A decision to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What must move before it is asked again.
    pub cause: Cause,
    /// [`Lines::moves`] before the decision read what it was made from.
    pub seen: u64,
    /// What the wait ends by.
    pub until: Until,
}

/// What a wait ends by, if its cause does not move before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// By nothing else than its cause.
    Moved,
    /// By a moment, if the cause does not move before.
    Moment(Stamp),
    /// By those who stand before it: the cause itself was not asked.
    Others,
}

impl Until {
    /// Returns the moment.
    #[must_use]
    pub fn moment(self) -> Option<Stamp> {
        match self {
            Self::Moment(moment) => Some(moment),
            Self::Moved | Self::Others => None,
        }
    }
}

impl From<Option<Stamp>> for Until {
    fn from(moment: Option<Stamp>) -> Self {
        moment.map_or(Self::Moved, Self::Moment)
    }
}

/// The place of an effect among those that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InLine {
    /// What the line that it stands in waits for.
    pub cause: Cause,
    /// How many stand before it.
    pub before: usize,
    /// When the first of the line goes on, where that is known.
    pub until: Option<Stamp>,
}

/// An effect that waits, or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiter<T> {
    /// Which effect it is.
    pub effect: EffectId,
    /// What the host keeps of it while it waits.
    pub kept: T,
}

/// Everything that waits, in one line for each cause.
#[derive(Debug)]
pub struct Lines<T> {
    lines: BTreeMap<Cause, Line<T>>,
    /// In which line each stands.
    standing: BTreeMap<EffectId, Cause>,
    /// Who left a counted line and was not decided on yet.
    turns: BTreeMap<EffectId, Cause>,
    moves: u64,
    /// The move that was one of all causes.
    all: u64,
}

#[derive(Debug)]
struct Line<T> {
    queue: VecDeque<Waiter<T>>,
    alarm: Option<Stamp>,
    moved: u64,
    /// Whether somebody has its turn.
    is_served: bool,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), alarm: None, moved: 0, is_served: false }
    }
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { lines: BTreeMap::new(), standing: BTreeMap::new(), turns: BTreeMap::new(), moves: 0, all: 0 }
    }
}

impl<T> Lines<T> {
    /// Returns how often anything moved so far: what a decision must have seen.
    #[must_use]
    pub fn moves(&self) -> u64 {
        self.moves
    }

    fn has_moved(&self, cause: &Cause, since: u64) -> bool {
        self.lines.get(cause).map_or(0, |line| line.moved).max(self.all) > since
    }

    /// Returns whether nobody stands before this effect: the line is empty, or it is its turn.
    #[must_use]
    pub fn is_first(&self, cause: &Cause, effect: &EffectId) -> bool {
        self.turns.get(effect) == Some(cause)
            || self.lines.get(cause).is_none_or(|line| line.queue.is_empty() && !line.is_served)
    }

    /// Puts an effect into a line: who had its turn stands first again, anybody else last. Returns it where the cause moved since
    /// it was looked at, or where nobody is left whom it could stand behind: then it must be decided again.
    ///
    /// # Errors
    /// The effect, to be decided again.
    pub fn stand(&mut self, waiter: Waiter<T>, ticket: Ticket) -> Result<(), Waiter<T>> {
        let effect = waiter.effect.clone();
        let Ticket { cause, seen, until } = ticket;
        let had_turn = self.turns.get(&effect) == Some(&cause);
        let is_alone = until == Until::Others && self.is_first(&cause, &effect);
        if is_alone || self.has_moved(&cause, seen) {
            return Err(waiter);
        }
        if had_turn {
            self.turns.remove(&effect);
        }
        match self.standing.get(&effect) {
            Some(known) if *known == cause => return Ok(()),
            Some(known) => {
                if let Some(line) = self.lines.get_mut(&known.clone()) {
                    line.queue.retain(|other| other.effect != effect);
                }
            }
            None => {}
        }
        let line = self.lines.entry(cause.clone()).or_default();
        if had_turn {
            line.is_served = false;
        }
        let until = until.moment();
        if !cause.is_counted() {
            // All of them go at its alarm, and whose own moment is later stands here again.
            line.alarm = line.alarm.into_iter().chain(until).min();
            line.queue.push_back(waiter);
        } else if had_turn || line.queue.is_empty() {
            line.alarm = until;
            line.queue.push_front(waiter);
        } else {
            line.queue.push_back(waiter);
        }
        self.standing.insert(effect, cause);
        Ok(())
    }

    /// Notes that an effect was decided on, whatever came of it; returns who goes on in its place.
    #[must_use]
    pub fn decided(&mut self, effect: &EffectId) -> Option<Waiter<T>> {
        let cause = self.turns.remove(effect)?;
        self.lines.get_mut(&cause)?.is_served = false;
        self.call(&cause)
    }

    /// Notes that a cause moved; returns who goes on.
    #[must_use]
    pub fn moved(&mut self, cause: &Cause) -> Vec<Waiter<T>> {
        self.moves += 1;
        let moves = self.moves;
        let line = self.lines.entry(cause.clone()).or_default();
        line.moved = moves;
        self.release(cause)
    }

    /// Notes that everything may have moved but the pauses: another revision is in force, or the clock was set.
    #[must_use]
    pub fn all_moved(&mut self) -> Vec<Waiter<T>> {
        self.moves += 1;
        self.all = self.moves;
        let causes = self.lines.keys().filter(|cause| !matches!(cause, Cause::Pause(_)));
        let causes: Vec<Cause> = causes.cloned().collect();
        causes.iter().flat_map(|cause| self.release(cause)).collect()
    }

    /// Returns who goes on because a moment has come.
    #[must_use]
    pub fn due(&mut self, now: Stamp) -> Vec<Waiter<T>> {
        let due = self.lines.iter().filter(|(_, line)| line.alarm.is_some_and(|alarm| alarm <= now));
        let due: Vec<Cause> = due.map(|(cause, _)| cause.clone()).collect();
        due.iter().flat_map(|cause| self.release(cause)).collect()
    }

    /// Returns the earliest alarm.
    #[must_use]
    pub fn next(&self) -> Option<Stamp> {
        self.lines.values().filter_map(|line| line.alarm).min()
    }

    /// Returns how many stand in lines.
    #[must_use]
    pub fn count(&self) -> usize {
        self.standing.len()
    }

    /// Returns where an effect stands.
    #[must_use]
    pub fn place(&self, effect: &EffectId) -> Option<InLine> {
        let cause = self.standing.get(effect)?;
        let line = self.lines.get(cause)?;
        let before = line.queue.iter().position(|other| other.effect == *effect)?;
        Some(InLine { cause: cause.clone(), before, until: line.alarm })
    }

    /// Lets go on who may: all, or the first where a line is counted.
    fn release(&mut self, cause: &Cause) -> Vec<Waiter<T>> {
        let Some(line) = self.lines.get_mut(cause) else { return Vec::new() };
        line.alarm = None;
        if cause.is_counted() {
            return self.call(cause).into_iter().collect();
        }
        let all: Vec<Waiter<T>> = line.queue.drain(..).collect();
        for waiter in &all {
            self.standing.remove(&waiter.effect);
        }
        all
    }

    /// Gives the first of a counted line its turn, unless somebody has it.
    fn call(&mut self, cause: &Cause) -> Option<Waiter<T>> {
        let line = self.lines.get_mut(cause)?;
        if line.is_served || line.alarm.is_some() {
            return None;
        }
        let waiter = line.queue.pop_front()?;
        line.is_served = true;
        self.standing.remove(&waiter.effect);
        self.turns.insert(waiter.effect.clone(), cause.clone());
        Some(waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: [u64; 0] = [];

    fn effect(seq: u64) -> EffectId {
        EffectId { run: "r".to_owned(), seq, index: 0 }
    }

    fn waiter(seq: u64) -> Waiter<()> {
        Waiter { effect: effect(seq), kept: () }
    }

    fn rate() -> Cause {
        Cause::Rate("desk.put".to_owned())
    }

    fn ticket(lines: &Lines<()>, cause: &Cause, until: Option<i64>) -> Ticket {
        Ticket { cause: cause.clone(), seen: lines.moves(), until: until.map(Stamp).into() }
    }

    fn behind(lines: &Lines<()>, cause: &Cause) -> Ticket {
        Ticket { until: Until::Others, ..ticket(lines, cause, None) }
    }

    fn line_of(cause: &Cause, count: u64, until: Option<i64>) -> Lines<()> {
        let mut lines = Lines::default();
        for seq in 1..=count {
            let ticket = ticket(&lines, cause, until);
            lines.stand(waiter(seq), ticket).unwrap();
        }
        lines
    }

    fn seqs(next: impl IntoIterator<Item = Waiter<()>>) -> Vec<u64> {
        next.into_iter().map(|waiter| waiter.effect.seq).collect()
    }

    #[test]
    fn one_of_a_counted_line_is_woken_and_the_next_only_when_that_one_was_decided_on() {
        for cause in [rate(), Cause::Breaker("desk.put".into()), Cause::Budget("the day".into())] {
            let mut lines = line_of(&cause, 500, Some(10));
            assert_eq!(seqs(lines.due(Stamp(9))), NOBODY);
            assert_eq!(seqs(lines.due(Stamp(10))), [1]);
            assert_eq!(seqs(lines.due(Stamp(99))), NOBODY, "{cause}: its turn is not over");
            assert_eq!(seqs(lines.decided(&effect(1))), [2]);
            let again = ticket(&lines, &cause, Some(20));
            lines.stand(waiter(2), again).unwrap();
            assert_eq!(
                seqs(lines.decided(&effect(2))),
                NOBODY,
                "it must wait again, and everybody behind it"
            );
            assert_eq!(lines.next(), Some(Stamp(20)));
            assert_eq!(seqs(lines.due(Stamp(20))), [2], "it did not lose its place");
        }
    }

    #[test]
    fn the_end_of_what_held_all_lets_all_go_in_their_order() {
        for cause in [Cause::Freeze, Cause::NoRevision, Cause::Pause("everything".into())] {
            let mut lines = line_of(&cause, 4, None);
            assert_eq!(seqs(lines.moved(&cause)), [1, 2, 3, 4], "{cause}");
            assert_eq!(lines.count(), 0);
        }
    }

    #[test]
    fn a_newcomer_stands_behind_those_that_are_there() {
        let mut lines = line_of(&rate(), 2, Some(10));
        assert!(!lines.is_first(&rate(), &effect(3)));
        assert_eq!(seqs(lines.due(Stamp(10))), [1]);
        assert!(lines.is_first(&rate(), &effect(1)) && !lines.is_first(&rate(), &effect(3)));
        assert_eq!(seqs(lines.decided(&effect(1))), [2]);
        assert!(!lines.is_first(&rate(), &effect(3)), "the last of the line has its turn still");
        assert_eq!(seqs(lines.decided(&effect(2))), NOBODY);
        assert!(lines.is_first(&rate(), &effect(3)));
    }

    #[test]
    fn who_decided_on_what_moved_in_between_decides_again() {
        for cause in [rate(), Cause::Freeze, Cause::Pause("connector:desk".into())] {
            let mut lines: Lines<()> = Lines::default();
            let old = ticket(&lines, &cause, Some(10));
            drop(lines.moved(&cause));
            assert_eq!(lines.stand(waiter(1), old), Err(waiter(1)), "{cause}");
            let new = ticket(&lines, &cause, Some(10));
            assert_eq!(lines.stand(waiter(1), new), Ok(()));
        }
        let mut lines: Lines<()> = Lines::default();
        let old = ticket(&lines, &Cause::Freeze, None);
        assert_eq!(seqs(lines.all_moved()), NOBODY);
        assert!(lines.stand(waiter(1), old).is_err(), "another revision came meanwhile");
    }

    #[test]
    fn who_goes_from_one_line_to_another_passes_its_turn_on() {
        let mut lines = line_of(&rate(), 2, Some(10));
        assert_eq!(seqs(lines.due(Stamp(10))), [1]);
        let frozen = ticket(&lines, &Cause::Freeze, None);
        lines.stand(waiter(1), frozen).unwrap();
        assert_eq!(seqs(lines.decided(&effect(1))), [2]);
        assert_eq!(lines.place(&effect(1)).map(|place| place.cause), Some(Cause::Freeze));
    }

    #[test]
    fn another_revision_ends_every_wait_but_a_pause() {
        let mut lines = line_of(&rate(), 2, Some(1_000));
        for (seq, cause) in [(7, Cause::Freeze), (8, Cause::Pause("everything".into()))] {
            let ticket = ticket(&lines, &cause, Some(2_000));
            lines.stand(waiter(seq), ticket).unwrap();
        }
        let mut woken = seqs(lines.all_moved());
        woken.sort_unstable();
        assert_eq!(woken, [1, 7]);
        assert_eq!(lines.place(&effect(8)).map(|place| place.before), Some(0));
    }

    #[test]
    fn who_would_stand_behind_others_that_are_gone_is_decided_again() {
        for cause in [rate(), Cause::Breaker("desk.put".into()), Cause::Budget("the day".into())] {
            let mut lines = line_of(&cause, 1, Some(10));
            assert_eq!(seqs(lines.due(Stamp(10))), [1]);
            assert!(!lines.is_first(&cause, &effect(2)));
            let (late, seen) = (behind(&lines, &cause), behind(&lines, &cause));
            lines.stand(waiter(3), seen).unwrap();
            assert_eq!(seqs(lines.decided(&effect(1))), [3], "it stood behind, and has its turn");
            assert_eq!(seqs(lines.decided(&effect(3))), NOBODY);
            assert_eq!(lines.stand(waiter(2), late), Err(waiter(2)), "{cause}: nobody would wake it");
        }
    }

    #[test]
    fn who_is_frozen_for_longer_holds_nobody() {
        let mut lines = line_of(&Cause::Freeze, 1, Some(1_000));
        let short = ticket(&lines, &Cause::Freeze, Some(10));
        lines.stand(waiter(2), short).unwrap();
        assert_eq!(lines.next(), Some(Stamp(10)));
        assert_eq!(seqs(lines.due(Stamp(10))), [1, 2], "the first stands there again once it was decided on");
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn nobody_stands_twice() {
        let mut lines = line_of(&rate(), 2, Some(10));
        let again = ticket(&lines, &rate(), Some(10));
        lines.stand(waiter(1), again).unwrap();
        assert_eq!(lines.count(), 2);
        assert_eq!(seqs(lines.due(Stamp(10))), [1]);
        assert_eq!(seqs(lines.decided(&effect(1))), [2]);
        assert_eq!(seqs(lines.decided(&effect(2))), NOBODY);
    }
}
