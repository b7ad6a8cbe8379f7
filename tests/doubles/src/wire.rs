//! HTTP/1.1 on connections that a handler can cut, which is what an unknown outcome looks like from outside.
//!
//! Each connection is one task. A handler that must not answer calls `Cut::now`: the task drops the socket, the
//! client sees the end of the connection where it waits for an answer. Dropping the server drops every connection.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::{Extension, Router};
use bytes::Bytes;
use futures::stream;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Ends the connection that a request came on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<Notify>);

impl Cut {
    /// Ends the connection; never returns, because the handler is dropped with it.
    pub(crate) async fn now(&self) -> Infallible {
        self.0.notify_one();
        pending().await
    }
}

/// Serves a router until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, router.clone()))),
                Err(error) => tracing::warn!(%error, "accept failed"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, router: Router) {
    let cut = Cut::default();
    let service = TowerToHyperService::new(router.layer(Extension(cut.clone())));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // In this order: what the handler wrote before it cut is flushed first.
        biased;
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "connection ended early");
        },
        () = cut.0.notified() => tracing::debug!("connection cut by a fault"),
    }
}

/// A body in pieces: what an answer needs to be streamed, paused or cut.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pub(crate) pieces: VecDeque<Bytes>,
    /// The pause before each piece but the first.
    pub(crate) pause: Duration,
    /// The bytes after which the connection ends.
    pub(crate) limit: Option<usize>,
}

impl Pieces {
    /// Returns the body; without a limit it ends as the protocol demands.
    pub(crate) fn into_body(self, cut: Cut) -> Body {
        Body::from_stream(stream::unfold((self, cut, true), |(mut rest, cut, is_first)| async move {
            // A limit beyond the end cuts too: the body arrives whole and is never closed.
            let is_cut = rest.limit.is_some_and(|left| left == 0 || rest.pieces.is_empty());
            if is_cut {
                match cut.now().await {}
            }
            let piece = rest.pieces.pop_front()?;
            if !is_first && !rest.pause.is_zero() {
                tokio::time::sleep(rest.pause).await;
            }
            let piece = rest.within_limit(piece);
            Some((Ok::<_, Infallible>(piece), (rest, cut, false)))
        }))
    }

    fn within_limit(&mut self, piece: Bytes) -> Bytes {
        let Some(left) = self.limit else { return piece };
        let kept = left.min(piece.len());
        self.limit = Some(left - kept);
        piece.slice(..kept)
    }
}
