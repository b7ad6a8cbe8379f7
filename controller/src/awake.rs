//! Time in which this process could have heard an answer.
//!
//! A limit on how long an answer may take is a promise about the other side. While this process is stopped, or its machine
//! sleeps, answers arrive and nobody hears them; then the timer and the answer are there in the same moment, and a plain
//! timeout takes the timer. Here time is counted in slices, what was slept through does not count, and the work is asked
//! before the timer each time: an answer that is there is taken.

use std::time::Duration;

use tokio::time::Instant;

/// How finely awake time is counted.
const SLICE: Duration = Duration::from_millis(250);
/// A slice that ends so much too late was slept through.
const ASLEEP: Duration = Duration::from_secs(1);

/// How much time something may still take.
#[derive(Debug)]
pub(crate) struct Patience {
    left: Duration,
}

impl Patience {
    /// Returns a patience of so much awake time.
    pub(crate) fn of(period: Duration) -> Self {
        Self { left: period }
    }

    /// Does something as long as the patience lasts; `None` where it is used up before. What is left serves the next.
    pub(crate) async fn within<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            let since = Instant::now();
            let slice = self.left.min(SLICE);
            tokio::select! {
                biased;
                answer = &mut work => {
                    self.left = self.left.saturating_sub(since.elapsed());
                    return Some(answer);
                }
                () = tokio::time::sleep(slice) => self.count(slice, since.elapsed()),
            }
            if self.left.is_zero() {
                return None;
            }
        }
    }

    fn count(&mut self, slice: Duration, took: Duration) {
        if took < slice + ASLEEP {
            self.left = self.left.saturating_sub(took.max(slice));
        }
    }
}

/// Returns after so much awake time.
pub(crate) async fn awake_for(period: Duration) {
    let nothing = std::future::pending::<()>();
    let _never: Option<()> = Patience::of(period).within(nothing).await;
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicU32, Ordering},
        task::Poll,
    };

    use super::*;

    /// An answer that is there, and takes so many looks until it is read whole.
    async fn read_in(looks: u32) -> &'static str {
        let seen = AtomicU32::new(0);
        poll_fn(|context| {
            if seen.fetch_add(1, Ordering::Relaxed) >= looks {
                return Poll::Ready("answer");
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    #[tokio::test]
    async fn what_never_answers_is_given_up_when_its_time_is_over() {
        let mut patience = Patience::of(Duration::from_millis(30));
        assert_eq!(patience.within(std::future::pending::<()>()).await, None);
        assert_eq!(patience.within(std::future::pending::<()>()).await, None, "nothing is left for the next");
    }

    #[tokio::test]
    async fn an_answer_that_is_there_is_taken_before_the_timer_however_often_it_is_looked_at() {
        for looks in [0, 1, 5] {
            let mut patience = Patience::of(Duration::from_millis(1));
            assert_eq!(patience.within(read_in(looks)).await, Some("answer"), "{looks}");
        }
    }

    #[test]
    fn what_was_slept_through_does_not_count_even_where_nearly_nothing_was_left() {
        for (left, slept) in [(10_000, 25), (100, 25), (1, 3_600), (250, 86_400)] {
            let mut patience = Patience::of(Duration::from_millis(left));
            let slice = patience.left.min(SLICE);
            patience.count(slice, Duration::from_secs(slept));
            assert_eq!(patience.left, Duration::from_millis(left), "{left} ms, asleep for {slept} s");
            patience.count(slice, slice);
            assert_eq!(patience.left, Duration::from_millis(left) - slice);
        }
    }
}
