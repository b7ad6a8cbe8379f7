//! The clock: the only place where the controller's state machines learn what time it is.
//!
//! Timers are never early: [`Clock::wait_until`] may return late or for no reason, and its caller looks at
//! [`Clock::now`] again. A wall clock that jumps back delays timers, one that jumps forward fires them together.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use adjutant_machine::id::Stamp;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// Tells the time and waits.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present moment.
    fn now(&self) -> Stamp;

    /// Returns how many milliseconds have passed on a clock that nobody sets, since some moment.
    fn steady(&self) -> u64;

    /// Returns at the moment, or earlier for no reason.
    fn wait_until(&self, moment: Stamp) -> BoxFuture<'static, ()>;

    /// Returns after a time in which this process could have heard an answer: while it was stopped, or its machine slept, nothing
    /// could be heard, and that does not count.
    fn awake_for(&self, period: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealClock;

/// The longest sleep: a jump of the wall clock is noticed after it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

impl Clock for RealClock {
    fn now(&self) -> Stamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Stamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn steady(&self) -> u64 {
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        let passed = BEGINNING.get_or_init(Instant::now).elapsed();
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }

    fn wait_until(&self, moment: Stamp) -> BoxFuture<'static, ()> {
        let left = u64::try_from(moment.0.saturating_sub(self.now().0)).unwrap_or(0);
        Box::pin(tokio::time::sleep(Duration::from_millis(left).min(LONGEST_SLEEP)))
    }

    fn awake_for(&self, period: Duration) -> BoxFuture<'static, ()> {
        Box::pin(crate::awake::awake_for(period))
    }
}

/// A clock that stands still until it is moved: for tests and simulations.
#[derive(Debug, Clone)]
pub struct ManualClock {
    moment: Arc<watch::Sender<Moment>>,
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    wall: Stamp,
    steady: u64,
    /// How often it was set.
    sets: u64,
}

impl ManualClock {
    /// Returns a clock that stands at a moment.
    #[must_use]
    pub fn at(moment: Stamp) -> Self {
        Self { moment: Arc::new(watch::Sender::new(Moment { wall: moment, steady: 0, sets: 0 })) }
    }

    /// Moves the clock forward: time passes.
    pub fn advance(&self, millis: u64) {
        self.moment.send_modify(|moment| {
            moment.wall = moment.wall.plus(millis);
            moment.steady = moment.steady.saturating_add(millis);
        });
    }

    /// Sets the clock to anything, back too: no time passes.
    pub fn set(&self, moment: Stamp) {
        self.moment.send_modify(|now| (now.wall, now.sets) = (moment, now.sets + 1));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Stamp {
        self.moment.borrow().wall
    }

    fn steady(&self) -> u64 {
        self.moment.borrow().steady
    }

    fn wait_until(&self, moment: Stamp) -> BoxFuture<'static, ()> {
        let mut receiver = self.moment.subscribe();
        let sets = receiver.borrow().sets;
        Box::pin(async move {
            // The sender lives as long as the clock; without it nothing can come true any more.
            if receiver.wait_for(|now| now.wall >= moment || now.sets != sets).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }

    fn awake_for(&self, period: Duration) -> BoxFuture<'static, ()> {
        let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        self.wait_until(self.now().plus(millis))
    }
}
