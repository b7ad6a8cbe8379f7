//! The SMTP double: RFC 5321 on plain TCP, with SIZE, PIPELINING, 8BITMIME, SMTPUTF8 and AUTH PLAIN and LOGIN.
//!
//! It accepts for any domain and delivers nowhere: an accepted message is an entry in the ledger, synced before the
//! final 250. `command` reads lines, `session` holds the dialogue.

mod auth;
mod command;
mod session;
mod shared;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use auth::Login;

use session::Session;
pub(crate) use shared::Smtp;

/// Serves dialogues until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, smtp: Smtp) {
    let mut dialogues = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let session = Session::new(stream, smtp.clone());
                    dialogues.spawn(async move {
                        if let Err(error) = session.run().await {
                            tracing::debug!(%error, "dialogue ended early");
                        }
                    });
                }
                Err(error) => tracing::warn!(%error, "accept failed"),
            },
            Some(_) = dialogues.join_next() => {}
        }
    }
}
