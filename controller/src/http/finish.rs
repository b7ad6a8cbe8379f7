//! A change is finished without its client.
//!
//! Whoever asks for a change may close the connection, or wait no longer, at any moment. A handler that were dropped there would
//! leave the store and memory apart: the row is written and nobody knows. So every request that may change something runs in a task
//! of its own, and whoever still listens awaits it. It is a layer and not a habit: a new handler cannot forget it.

use std::{sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Code, Refusal};

/// Where changes run; so many at once, whether or not anybody waits for them.
#[derive(Debug, Clone)]
pub(super) struct Finisher {
    room: Arc<Semaphore>,
    most: u32,
}

impl Finisher {
    /// Returns room for so many changes at once.
    pub(super) fn new(most: u32) -> Self {
        Self { room: Arc::new(Semaphore::new(most as usize)), most }
    }

    /// Runs a change to its end; returns its answer, or that it takes longer than anybody waits.
    pub(super) async fn run(
        &self,
        change: impl Future<Output = Response> + Send + 'static,
        longest: Duration,
    ) -> Response {
        // Until here nothing has begun: who goes away now has asked for nothing.
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else {
            return Refusal::unavailable("the server is closing").into_response();
        };
        let task = tokio::spawn(held(room, change));
        match tokio::time::timeout(longest, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Refusal::new(Code::Bug, format!("our own mistake: {error}")).into_response(),
            Err(_) => Refusal::unavailable("it takes long, and goes on without you")
                .help("look again in a moment what became of it")
                .into_response(),
        }
    }

    /// Returns how many changes run now.
    pub(super) fn running(&self) -> usize {
        (self.most as usize).saturating_sub(self.room.available_permits())
    }

    /// Waits until no change runs any more, for a while.
    pub(super) async fn idle(&self, within: Duration) {
        if tokio::time::timeout(within, self.room.acquire_many(self.most)).await.is_err() {
            tracing::warn!("a change does not end; its rows are whole all the same");
        }
    }
}

async fn held(room: OwnedSemaphorePermit, change: impl Future<Output = Response>) -> Response {
    let answer = change.await;
    drop(room);
    answer
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A change that waits for a word and then tells that it came to its end.
    fn change() -> (oneshot::Sender<()>, oneshot::Receiver<()>, impl Future<Output = Response>) {
        let ((go, may_go), (ended, end)) = (oneshot::channel::<()>(), oneshot::channel());
        let work = async move {
            may_go.await.unwrap();
            ended.send(()).unwrap();
            StatusCode::OK.into_response()
        };
        (go, end, work)
    }

    #[tokio::test]
    async fn a_change_comes_to_its_end_when_its_client_is_gone() {
        let finisher = Finisher::new(2);
        let (go, end, work) = change();
        let mut asked = Box::pin(finisher.run(work, LONG));
        assert!(futures::poll!(&mut asked).is_pending());
        drop(asked);
        assert_eq!(finisher.running(), 1, "nobody waits for it, and it is counted");
        go.send(()).unwrap();
        end.await.expect("it went on");
        finisher.idle(LONG).await;
        assert_eq!(finisher.running(), 0);
    }

    #[tokio::test]
    async fn a_change_that_takes_too_long_goes_on() {
        let finisher = Finisher::new(2);
        let (go, end, work) = change();
        let answer = finisher.run(work, Duration::ZERO).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        go.send(()).unwrap();
        end.await.expect("it went on");
    }

    #[tokio::test]
    async fn changes_that_nobody_waits_for_are_bounded() {
        let finisher = Finisher::new(1);
        let (go, _end, work) = change();
        let mut first = Box::pin(finisher.run(work, LONG));
        assert!(futures::poll!(&mut first).is_pending());
        drop(first);
        let (second_go, mut second_end, work) = change();
        let mut second = Box::pin(finisher.run(work, LONG));
        assert!(futures::poll!(&mut second).is_pending());
        second_go.send(()).unwrap();
        assert!(second_end.try_recv().is_err(), "there is no room for it yet");
        go.send(()).unwrap();
        assert_eq!(second.await.status(), StatusCode::OK);
    }
}
