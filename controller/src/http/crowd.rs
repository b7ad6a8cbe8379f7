//! Who is connected: bounds for each peer and for all, without a newcomer ever having to wait for a stranger that sits.
//!
//! A connection **waits** (for its first request, for the rest of a request's headers, for the next request), is **busy** with one,
//! or is **known**: a caller with credentials was answered on it. When there are too many, the one that has waited longest goes,
//! of the peer that has too many, else of the peer that has most. So a flood pushes itself out, and who sends a whole request at
//! once is answered. A busy connection goes only where it has stalled; a known one never does for a stranger.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{extract::FromRequestParts, http::request::Parts};
use tokio::sync::oneshot;

/// The most connections of one listener.
const MOST: usize = 256;
/// The most connections of one peer. A tunnel brings everybody from one address, so it is not small.
const MOST_OF_PEER: usize = 192;
/// The most known connections of one caller: more of them count as strangers'.
const MOST_OF_CALLER: usize = 48;
/// A connection that is busy for so long with one request may have stalled: its reader does not read.
const STALLED: Duration = Duration::from_secs(10);

/// Where a connection comes from. A network of IPv6 is one peer: whoever has one address of it has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Peer {
    /// The control socket.
    Socket,
    /// An address, the last 64 bits of IPv6 cleared.
    Address(IpAddr),
}

impl Peer {
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V6(six) => match six.to_ipv4_mapped() {
                Some(four) => Self::Address(IpAddr::V4(four)),
                None => Self::Address(IpAddr::V6((u128::from(six) & (u128::MAX << 64)).into())),
            },
            four @ IpAddr::V4(_) => Self::Address(four),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Every request gets one where it is accepted; a request without one is nobody's.
        let nobody = Self::Address(IpAddr::from([0, 0, 0, 0]));
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(nobody))
    }
}

/// Marks an answer to a caller with credentials, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known(pub(super) String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Waiting,
    Busy,
    Known(String),
}

struct Talk {
    peer: Peer,
    stage: Stage,
    since: Instant,
    /// Dropped to end the connection.
    _line: oneshot::Sender<()>,
}

/// The connections of one listener.
#[derive(Default)]
pub(super) struct Crowd {
    talks: Mutex<(u64, BTreeMap<u64, Talk>)>,
}

/// The place of a connection; dropping it frees the place.
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    id: u64,
}

impl Crowd {
    /// Lets a connection in; `None` where nobody can go for it. The second part resolves when it has to go itself.
    pub(super) fn admit(self: &Arc<Self>, peer: Peer) -> Option<(Seat, oneshot::Receiver<()>)> {
        self.admit_at(peer, Instant::now())
    }

    fn admit_at(self: &Arc<Self>, peer: Peer, now: Instant) -> Option<(Seat, oneshot::Receiver<()>)> {
        let mut guard = self.talks.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, talks) = &mut *guard;
        let of_peer = talks.values().filter(|talk| talk.peer == peer).count();
        let crowded = if of_peer >= MOST_OF_PEER && peer != Peer::Socket {
            Some(peer)
        } else if talks.len() >= MOST {
            Some(largest(talks))
        } else {
            None
        };
        if let Some(crowded) = crowded {
            let victim = victim(talks, crowded, now)?;
            talks.remove(&victim);
        }
        let (line, cut) = oneshot::channel();
        let id = *next;
        *next += 1;
        let talk = Talk { peer, stage: Stage::Waiting, since: now, _line: line };
        talks.insert(id, talk);
        Some((Seat { crowd: Arc::clone(self), id }, cut))
    }
}

fn largest(talks: &BTreeMap<u64, Talk>) -> Peer {
    let mut counts: BTreeMap<Peer, usize> = BTreeMap::new();
    for talk in talks.values() {
        *counts.entry(talk.peer).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(Peer::Socket, |(peer, _)| peer)
}

/// Returns who goes: the longest waiting one, else the longest busy one that has stalled.
fn victim(talks: &BTreeMap<u64, Talk>, peer: Peer, now: Instant) -> Option<u64> {
    let oldest = |fits: &dyn Fn(&Talk) -> bool| {
        let fitting = talks.iter().filter(|(_, talk)| talk.peer == peer && fits(talk));
        fitting.min_by_key(|(id, talk)| (talk.since, **id)).map(|(id, _)| *id)
    };
    let has_stalled =
        |talk: &Talk| talk.stage == Stage::Busy && now.saturating_duration_since(talk.since) >= STALLED;
    oldest(&|talk| talk.stage == Stage::Waiting).or_else(|| oldest(&has_stalled))
}

impl Seat {
    /// A request has come whole.
    pub(super) fn busy(&self) {
        self.change(|stage, _| if *stage == Stage::Waiting { Some(Stage::Busy) } else { None });
    }

    /// The request is answered; by whom, where that is known.
    pub(super) fn rests(&self, known: Option<&Known>) {
        self.change(|stage, talks| match (stage, known) {
            (Stage::Known(_), _) => None,
            (_, Some(Known(name))) if of_caller(talks, name) < MOST_OF_CALLER => {
                Some(Stage::Known(name.clone()))
            }
            _ => Some(Stage::Waiting),
        });
    }

    fn change(&self, next: impl FnOnce(&Stage, &BTreeMap<u64, Talk>) -> Option<Stage>) {
        let mut guard = self.crowd.talks.lock().unwrap_or_else(PoisonError::into_inner);
        let talks = &mut guard.1;
        let Some(stage) = talks.get(&self.id).and_then(|talk| next(&talk.stage, talks)) else { return };
        if let Some(talk) = talks.get_mut(&self.id) {
            (talk.stage, talk.since) = (stage, Instant::now());
        }
    }
}

fn of_caller(talks: &BTreeMap<u64, Talk>, name: &str) -> usize {
    talks.values().filter(|talk| matches!(&talk.stage, Stage::Known(known) if known == name)).count()
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.talks.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::of(IpAddr::from([192, 0, 2, last]))
    }

    fn is_cut(cut: &mut oneshot::Receiver<()>) -> bool {
        matches!(cut.try_recv(), Err(oneshot::error::TryRecvError::Closed))
    }

    #[test]
    fn a_flood_of_one_peer_pushes_itself_out() {
        let crowd = Arc::new(Crowd::default());
        let mut quiet = crowd.admit(peer(1)).unwrap();
        let mut flood: Vec<_> = (0..MOST_OF_PEER).map(|_| crowd.admit(peer(2)).unwrap()).collect();
        flood.push(crowd.admit(peer(2)).unwrap());
        assert!(is_cut(&mut flood[0].1) && !is_cut(&mut flood[1].1), "the longest waiting one went");
        assert!(!is_cut(&mut quiet.1), "another peer's stays");
    }

    #[test]
    fn many_peers_give_way_where_most_come_from() {
        let crowd = Arc::new(Crowd::default());
        let mut one = crowd.admit(peer(1)).unwrap();
        let mut many: Vec<_> =
            (0..MOST - 1).map(|n| crowd.admit(peer(2 + u8::from(n % 3 == 0))).unwrap()).collect();
        drop(crowd.admit(peer(9)).unwrap());
        assert!(!is_cut(&mut one.1));
        let gone = many.iter_mut().map(|(_, cut)| is_cut(cut)).filter(|is_gone| *is_gone).count();
        assert_eq!(gone, 1);
    }

    #[test]
    fn who_is_busy_goes_only_when_stalled_and_who_is_known_stays() {
        let crowd = Arc::new(Crowd::default());
        let mut talks: Vec<_> = (0..MOST_OF_PEER).map(|_| crowd.admit(peer(1)).unwrap()).collect();
        talks.iter().for_each(|(seat, _)| seat.busy());
        talks[0].0.rests(Some(&Known("token:a".to_owned())));
        assert!(crowd.admit(peer(1)).is_none(), "nobody waits, nobody has stalled");
        let newcomer = crowd.admit_at(peer(1), Instant::now() + STALLED);
        assert!(newcomer.is_some() && !is_cut(&mut talks[0].1) && is_cut(&mut talks[1].1));
    }

    #[test]
    fn a_caller_has_only_so_many_known_connections() {
        let crowd = Arc::new(Crowd::default());
        let talks: Vec<_> = (0..=MOST_OF_CALLER).map(|_| crowd.admit(peer(1)).unwrap()).collect();
        for (seat, _) in &talks {
            seat.busy();
            seat.rests(Some(&Known("agent:a".to_owned())));
        }
        let known = of_caller(&crowd.talks.lock().unwrap().1, "agent:a");
        assert_eq!(known, MOST_OF_CALLER);
    }

    #[test]
    fn a_network_of_six_is_one_peer() {
        let of = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
