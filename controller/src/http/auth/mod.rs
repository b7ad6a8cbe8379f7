//! How callers prove who they are: by the socket, a session, or a token. What they may do then is the desk's to judge.

mod guard;
mod link;
mod throttle;
mod vault;

use std::ops::Deref;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{Code, Refusal};
use crate::desk::{Proof, Who};

pub(super) use guard::{guard, wrong};
pub use link::GateLink;
pub(super) use vault::SESSION_SECONDS;
pub use vault::Vault;

/// Which listener a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// The control socket; the peer's uid was checked.
    Socket,
    /// TCP.
    Tcp,
}

/// A browser session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// The hash of the cookie's value, as hex: its row.
    pub(super) hash: String,
    /// What each form must carry.
    pub(super) csrf: String,
}

/// A caller: who it is, and the session of its browser where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    /// Whom the request comes from, and what they may do.
    pub(super) who: Who,
    /// The session of its browser; none where a token or the socket proves who asks.
    pub(super) session: Option<Session>,
}

impl Deref for Principal {
    type Target = Who;

    fn deref(&self) -> &Who {
        &self.who
    }
}

impl Principal {
    /// Returns the operator behind the control socket.
    pub(super) fn socket() -> Self {
        Self { who: Who::operator(Proof::Socket), session: None }
    }

    /// Returns who asks, where callers share what is bounded: sessions and the socket each for themselves, tokens by their name.
    pub(super) fn caller(&self) -> String {
        match &self.session {
            Some(session) => format!("session:{}", session.hash),
            None if self.proof == Proof::Socket => "socket".to_owned(),
            None => self.by.clone(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthorized)
    }
}

/// Returns the refusal of a caller that nobody knows.
pub(super) fn unauthorized() -> Refusal {
    Refusal::new(Code::Unauthorized, "nobody is logged in").help(
        "type `adjutant login` for a link, or send `Authorization: Bearer <token>` from `adjutant token new`",
    )
}
