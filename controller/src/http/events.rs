//! `/events`: hints that something changed. A client that missed some loads its page again; nothing is replayed.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
    routing::get,
};
use futures::stream::{self, Stream};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, broadcast::error::RecvError, watch};

use super::{App, Code, Refusal, Scope, auth::Principal, serve};
use crate::runtime::views::Notification;

/// The most streams at once.
const MOST_STREAMS: usize = 64;

/// Returns the route of the stream.
pub(super) fn router() -> Router<App> {
    let room = Arc::new(Semaphore::new(MOST_STREAMS));
    Router::new().route("/events", get(move |app: State<App>, who: Principal| events(app, who, room.clone())))
}

struct Listener {
    changes: broadcast::Receiver<Notification>,
    closing: watch::Receiver<bool>,
    _room: OwnedSemaphorePermit,
}

async fn events(
    State(app): State<App>,
    who: Principal,
    room: Arc<Semaphore>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    who.must(Scope::Read)?;
    let room =
        room.try_acquire_owned().map_err(|_| Refusal::new(Code::TooMany, "too many streams are open"))?;
    let listener = Listener { changes: app.handle.subscribe(), closing: app.closing.clone(), _room: room };
    let hints = stream::unfold(listener, |mut listener| async move {
        let hint = listener.next().await?;
        Some((Ok(hint), listener))
    });
    Ok(Sse::new(hints).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        tokio::select! {
            change = self.changes.recv() => match change {
                Ok(change) => {
                    let hint = json!({ "instance": change.instance, "seq": change.seq, "kind": change.kind });
                    Some(Event::default().event("change").data(hint.to_string()))
                }
                Err(RecvError::Lagged(_)) => Some(Event::default().event("reload").data("{}")),
                Err(RecvError::Closed) => None,
            },
            () = serve::closed(&mut self.closing) => None,
        }
    }
}
