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
use tokio::sync::{broadcast, broadcast::error::RecvError, watch};

use super::{
    Code, Refusal, Scope,
    app::{self, App},
    auth::Principal,
    places::{Place, Places},
};
use crate::desk::views::Notification;

/// The most streams of one caller at once.
const MOST_STREAMS: usize = 8;

/// Returns the route of the stream.
pub(super) fn router() -> Router<App> {
    let places = Places::new(MOST_STREAMS);
    Router::new()
        .route("/events", get(move |app: State<App>, who: Principal| events(app, who, places.clone())))
}

struct Listener {
    changes: broadcast::Receiver<Notification>,
    closing: watch::Receiver<bool>,
    _place: Place,
}

async fn events(
    State(app): State<App>,
    who: Principal,
    places: Arc<Places>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    who.must(Scope::Read)?;
    let place = places.take(&who.caller());
    let place = place.ok_or_else(|| {
        Refusal::new(Code::TooMany, "you have too many streams open").help("close one of them")
    })?;
    let listener = Listener { changes: app.desk.changes(), closing: app.closing.clone(), _place: place };
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
            () = app::closed(&mut self.closing) => None,
        }
    }
}
