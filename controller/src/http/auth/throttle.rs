//! Bounds on callers that nobody knows: each peer has its own, so guessing is slowed for who guesses, and never for who knows.
//!
//! What a hook takes is bounded for each connector, after the signature: a stranger cannot use up what a sender may send.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use adjutant_machine::id::Stamp;

use crate::http::crowd::Peer;

/// A sort of request, with how many milliseconds one pays for and how many may come at once.
#[derive(Debug, Clone, Copy)]
struct Price {
    pause: u64,
    burst: u64,
}

/// A wrong credential.
const WRONG: Price = Price { pause: 2_000, burst: 30 };
/// A request to a public address that costs us work.
const PUBLIC: Price = Price { pause: 20, burst: 200 };
/// A delivery that its sender has signed.
const DELIVERY: Price = Price { pause: 10, burst: 1_000 };

/// The most payers that are remembered: beyond it those who owe nothing are forgotten, then those who owe least.
const MOST: usize = 8_192;

/// Who pays for a request with patience: one peer, or everybody who asks one hook.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Payer {
    Wrong(Peer),
    Public(Peer),
    Hook(String),
}

/// Remembers until when each payer has paid.
#[derive(Debug, Default)]
pub(in crate::http) struct Throttle {
    paid: Mutex<BTreeMap<Payer, Stamp>>,
}

impl Throttle {
    /// Notes a request of a peer to a public address; returns whether there were too many.
    pub(in crate::http) fn public(&self, peer: Peer, now: Stamp) -> bool {
        self.pays(Payer::Public(peer), PUBLIC, now)
    }

    /// Notes a wrong credential of a peer; returns whether there were too many.
    pub(in crate::http) fn wrong(&self, peer: Peer, now: Stamp) -> bool {
        self.pays(Payer::Wrong(peer), WRONG, now)
    }

    /// Notes a signed delivery to a connector; returns whether there were too many.
    pub(in crate::http) fn delivery(&self, connector: &str, now: Stamp) -> bool {
        self.pays(Payer::Hook(connector.to_owned()), DELIVERY, now)
    }

    fn pays(&self, payer: Payer, price: Price, now: Stamp) -> bool {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        if paid.len() >= MOST && !paid.contains_key(&payer) {
            forget(&mut paid, now);
        }
        let until = paid.entry(payer).or_insert(now);
        // A clock that was set back must not leave a payer in debt for longer than a full burst.
        let most = now.plus(price.pause * price.burst);
        *until = (*until).clamp(now, most);
        let next = until.plus(price.pause);
        if next > most {
            return true;
        }
        *until = next;
        false
    }
}

fn forget(paid: &mut BTreeMap<Payer, Stamp>, now: Stamp) {
    paid.retain(|_, until| *until > now);
    while paid.len() >= MOST {
        let least = paid.iter().min_by_key(|(_, until)| **until).map(|(payer, _)| payer.clone());
        let Some(least) = least else { return };
        paid.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::of(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn a_peer_has_a_burst_and_then_a_steady_stream() {
        let throttle = Throttle::default();
        assert!((0..PUBLIC.burst).all(|_| !throttle.public(peer(1), Stamp(5_000))));
        assert!(throttle.public(peer(1), Stamp(5_000)));
        assert!(!throttle.public(peer(1), Stamp(5_020)));
        assert!(throttle.public(peer(1), Stamp(5_020)));
    }

    #[test]
    fn nobody_pays_for_another() {
        let throttle = Throttle::default();
        while !throttle.public(peer(1), Stamp(5_000)) {}
        while !throttle.wrong(peer(1), Stamp(5_000)) {}
        while !throttle.delivery("noisy", Stamp(5_000)) {}
        assert!(!throttle.public(peer(2), Stamp(5_000)));
        assert!(!throttle.wrong(peer(2), Stamp(5_000)));
        assert!(!throttle.delivery("website", Stamp(5_000)));
    }

    #[test]
    fn guesses_are_slowed_and_time_forgets_them() {
        let throttle = Throttle::default();
        assert!((0..WRONG.burst).all(|_| !throttle.wrong(peer(1), Stamp(1_000))));
        assert!(throttle.wrong(peer(1), Stamp(1_000)));
        assert!(!throttle.wrong(peer(1), Stamp(61_000)));
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_nobody_out_for_ever() {
        let throttle = Throttle::default();
        assert!(!throttle.public(peer(1), Stamp(86_400_000)));
        assert!(throttle.public(peer(1), Stamp(0)), "it owes a full burst");
        assert!(!throttle.public(peer(1), Stamp(i64::from(u32::try_from(PUBLIC.pause).unwrap()))));
    }

    #[test]
    fn no_crowd_of_peers_fills_the_memory() {
        let throttle = Throttle::default();
        for number in 0..(MOST as u128 + 100) {
            let address = IpAddr::V6((0x2001_0db8_u128 << 96 | number << 64).into());
            assert!(!throttle.public(Peer::of(address), Stamp(1_000)));
        }
        assert!(throttle.paid.lock().unwrap().len() <= MOST);
    }
}
