//! Bounds on callers that nobody knows: guessing is slowed for everybody who guesses, never for who knows, and
//! public addresses take only so many requests.

use std::{collections::VecDeque, sync::Mutex};

use adjutant_machine::id::Stamp;

/// How many wrong credentials a minute takes before the rest is answered 429.
const WRONG_PER_MINUTE: usize = 30;

/// How many milliseconds a request to a public address pays for.
const PUBLIC_PAUSE: u64 = 20;
/// How many of them may come at once.
const PUBLIC_BURST: u64 = 200;

/// Counts wrong credentials of the last minute, and requests to public addresses.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    wrong: Mutex<VecDeque<Stamp>>,
    /// When the requests so far are paid for.
    paid: Mutex<Stamp>,
}

impl Throttle {
    /// Notes a request to a public address; returns whether there were too many.
    pub(super) fn public(&self, now: Stamp) -> bool {
        let mut paid = self.paid.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A clock that was ahead shuts nobody out for longer than the burst lasts.
        *paid = (*paid).min(now.plus(PUBLIC_PAUSE * PUBLIC_BURST));
        let next = (*paid).max(now).plus(PUBLIC_PAUSE);
        if next > now.plus(PUBLIC_PAUSE * PUBLIC_BURST) {
            return true;
        }
        *paid = next;
        false
    }

    /// Notes a wrong credential; returns whether there were too many.
    pub(super) fn wrong(&self, now: Stamp) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        wrong.retain(|at| *at <= now && now < at.plus(60_000));
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
    fn public_addresses_take_a_burst_and_then_a_steady_stream() {
        let throttle = Throttle::default();
        assert!((0..PUBLIC_BURST).all(|_| !throttle.public(Stamp(5_000))));
        assert!(throttle.public(Stamp(5_000)));
        assert!(!throttle.public(Stamp(5_020)));
        assert!(throttle.public(Stamp(5_020)));
    }

    #[test]
    fn a_clock_that_was_ahead_shuts_nobody_out() {
        let throttle = Throttle::default();
        assert!((0..PUBLIC_BURST).all(|_| !throttle.public(Stamp(31_536_000_000))));
        assert!(throttle.public(Stamp(5_000)));
        assert!(!throttle.public(Stamp(5_000 + i64::try_from(PUBLIC_PAUSE * PUBLIC_BURST).unwrap())));
        assert!((0..WRONG_PER_MINUTE).all(|_| !throttle.wrong(Stamp(31_536_000_000))));
        assert!(!throttle.wrong(Stamp(5_000)));
    }

    #[test]
    fn guesses_are_slowed_and_a_minute_forgets_them() {
        let throttle = Throttle::default();
        assert!((0..WRONG_PER_MINUTE).all(|_| !throttle.wrong(Stamp(1_000))));
        assert!(throttle.wrong(Stamp(60_999)));
        assert!(!throttle.wrong(Stamp(61_000)));
    }
}
