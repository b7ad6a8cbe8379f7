//! Bodies of strangers: a deadline that only bytes move, and bounds for how many are read at once.
//!
//! A body has [`GRACE`] and then one second more for every [`RATE`] bytes that have come, so a trickle does not keep it alive. In a
//! lane (the hook of a connector, our own forms) at most [`MOST_OF_LANE`] bodies are read at once, and all together hold at most
//! [`MOST_BYTES`]: beyond it the oldest one is cut, so whoever sends at once is never behind somebody who does not.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep},
};

/// How long a body may take before its rate counts.
const GRACE: Duration = Duration::from_secs(5);
/// The slowest rate, in bytes a second.
const RATE: u64 = 16 * 1024;
/// The most bodies that are read at once in a lane.
const MOST_OF_LANE: usize = 16;
/// The most bytes of unfinished bodies.
const MOST_BYTES: u64 = 96 * 1024 * 1024;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    /// Too few bytes came in too much time.
    #[error("the body came too slowly")]
    TooSlow,
    /// Newer ones needed its place.
    #[error("too many bodies came at once")]
    Crowded,
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
}

struct Reading {
    lane: String,
    bytes: u64,
    /// Dropped to end the body.
    _line: oneshot::Sender<()>,
}

/// The bodies that are being read.
#[derive(Default)]
pub(super) struct Lanes {
    /// In the order in which they began.
    reading: Mutex<(u64, BTreeMap<u64, Reading>)>,
}

struct Place {
    lanes: Arc<Lanes>,
    id: u64,
    cut: oneshot::Receiver<()>,
}

impl Lanes {
    fn enter(self: &Arc<Self>, lane: &str) -> Place {
        let mut guard = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, reading) = &mut *guard;
        let mut here = reading.iter().filter(|(_, one)| one.lane == lane).map(|(id, _)| *id);
        let oldest = here.next();
        if here.count() + 1 >= MOST_OF_LANE {
            oldest.map(|oldest| reading.remove(&oldest));
        }
        let (line, cut) = oneshot::channel();
        let id = *next;
        *next += 1;
        reading.insert(id, Reading { lane: lane.to_owned(), bytes: 0, _line: line });
        Place { lanes: Arc::clone(self), id, cut }
    }
}

impl Place {
    fn grew(&self, bytes: u64) {
        let mut guard = self.lanes.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = &mut guard.1;
        if let Some(one) = reading.get_mut(&self.id) {
            one.bytes += bytes;
        }
        while reading.values().map(|one| one.bytes).sum::<u64>() > MOST_BYTES && reading.len() > 1 {
            let oldest = reading.iter().find(|(id, one)| **id != self.id && one.bytes > 0).map(|(id, _)| *id);
            let Some(oldest) = oldest else { break };
            reading.remove(&oldest);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lanes.reading.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.id);
    }
}

/// A body that has to hurry. It counts from its first byte that is asked for: one that nobody reads takes no place.
pub(super) struct Paced {
    inner: Incoming,
    lanes: Arc<Lanes>,
    lane: String,
    begun: Option<(Place, Instant, Pin<Box<Sleep>>)>,
    received: u64,
}

impl Paced {
    pub(super) fn new(inner: Incoming, lanes: Arc<Lanes>, lane: String) -> Self {
        Self { inner, lanes, lane, begun: None, received: 0 }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = &mut *self;
        let (place, since, sleep) = this.begun.get_or_insert_with(|| {
            let since = Instant::now();
            (this.lanes.enter(&this.lane), since, Box::pin(tokio::time::sleep_until(since + GRACE)))
        });
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| {
                let frame = frame.map_err(Cut::Broken)?;
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                this.received += bytes;
                place.grew(bytes);
                let earned = Duration::from_millis(this.received.saturating_mul(1_000) / RATE);
                sleep.as_mut().reset(*since + GRACE + earned);
                Ok(frame)
            }));
        }
        if Pin::new(&mut place.cut).poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Cut::Crowded)));
        }
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Some(Err(Cut::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
