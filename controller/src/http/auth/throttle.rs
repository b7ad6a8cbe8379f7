//! A bound on wrong credentials: guessing is slowed for everybody who guesses, never for who knows.

use std::{collections::VecDeque, sync::Mutex};

use adjutant_machine::id::Stamp;

/// How many wrong credentials a minute takes before the rest is answered 429.
const WRONG_PER_MINUTE: usize = 30;

/// Counts wrong credentials of the last minute.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    wrong: Mutex<VecDeque<Stamp>>,
}

impl Throttle {
    /// Notes a wrong credential; returns whether there were too many.
    pub(super) fn wrong(&self, now: Stamp) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while wrong.front().is_some_and(|at| at.plus(60_000) <= now) {
            wrong.pop_front();
        }
        if wrong.len() >= WRONG_PER_MINUTE {
            return true;
        }
        wrong.push_back(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_are_slowed_and_a_minute_forgets_them() {
        let throttle = Throttle::default();
        assert!((0..WRONG_PER_MINUTE).all(|_| !throttle.wrong(Stamp(1_000))));
        assert!(throttle.wrong(Stamp(60_999)));
        assert!(!throttle.wrong(Stamp(61_000)));
    }
}
