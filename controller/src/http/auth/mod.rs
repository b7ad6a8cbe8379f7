//! Who asks: the operator over the control socket, a browser session, or a token with scopes.
//!
//! | comes by | is | may |
//! |---|---|---|
//! | control socket, same uid | `operator` | everything |
//! | browser session from a one-time login link | `operator` | everything; a high-risk approval only within ten minutes of a login |
//! | bearer token | its name, or `agent:<id>` | its scopes; never a high-risk approval; an agent's never any approval |
//! | link in a mail | `operator by link` | decide the one gate that it is bound to, never one of high risk |

mod guard;
mod link;
mod throttle;
mod vault;

use std::collections::BTreeSet;

use adjutant_machine::{id::Stamp, trust::Speaker};
use axum::{extract::FromRequestParts, http::request::Parts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Code, Refusal};

pub(super) use guard::{guard, wrong};
pub use link::GateLink;
pub(super) use vault::SESSION_SECONDS;
pub use vault::{Issued, NewToken, TokenView, Vault};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at everything.
    Read,
    /// Start runs.
    Run,
    /// Open proposals.
    Propose,
    /// Decide gates and proposals.
    Approve,
    /// Pause, cancel, settle, revert, hold, probe.
    Operate,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [Self::Read, Self::Run, Self::Propose, Self::Approve, Self::Operate];

    /// Returns the word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Propose => "propose",
            Self::Approve => "approve",
            Self::Operate => "operate",
        }
    }
}

/// Which listener a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// The control socket; the peer's uid was checked.
    Socket,
    /// TCP.
    Tcp,
}

/// How a caller proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Via {
    /// By its uid.
    Socket,
    /// By a cookie.
    Session(Session),
    /// By a bearer token.
    Token {
        /// Whether it is an agent's.
        is_agent: bool,
    },
}

/// A browser session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// The hash of the cookie's value, as hex: its row.
    pub(super) hash: String,
    /// What each form must carry.
    pub(super) csrf: String,
    /// Until when high-risk approvals are accepted.
    pub(super) strong_until: Stamp,
}

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    /// The name that entries carry.
    pub(super) by: String,
    /// What it may do.
    pub(super) scopes: BTreeSet<Scope>,
    /// How it proved who it is.
    pub(super) via: Via,
}

impl Principal {
    /// Returns the operator behind the control socket.
    pub(super) fn socket() -> Self {
        Self { by: "operator".to_owned(), scopes: Scope::ALL.into(), via: Via::Socket }
    }

    /// Returns who asks, where callers share what is bounded: sessions and the socket each for themselves, tokens by their name.
    pub(super) fn caller(&self) -> String {
        match &self.via {
            Via::Socket => "socket".to_owned(),
            Via::Session(session) => format!("session:{}", session.hash),
            Via::Token { .. } => self.by.clone(),
        }
    }

    /// Returns how far its words are trusted: the operator at the socket or in a session, a token for a program, or an agent's.
    pub(super) fn speaker(&self) -> Speaker {
        match &self.via {
            Via::Socket | Via::Session(_) => Speaker::Operator,
            Via::Token { is_agent: true } => Speaker::Agent,
            Via::Token { is_agent: false } => Speaker::Token,
        }
    }

    /// Refuses a caller without the scope.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub(super) fn must(&self, scope: Scope) -> Result<(), Refusal> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let message = format!("\"{}\" may not do this: it lacks the scope `{}`", self.by, scope.word());
        Err(Refusal::forbidden(message).help("use the control socket, or a token with that scope"))
    }

    /// Refuses everybody but the operator at the control socket.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub(super) fn must_be_socket(&self) -> Result<(), Refusal> {
        if self.via == Via::Socket {
            return Ok(());
        }
        Err(Refusal::forbidden("only the control socket may do this")
            .help("run the command on the daemon's machine"))
    }

    /// Refuses a high-risk approval by a token, and by a session whose login is too long ago.
    ///
    /// # Errors
    /// [`Code::StepUp`].
    pub(super) fn must_be_strong(&self, now: Stamp) -> Result<(), Refusal> {
        let message = match &self.via {
            Via::Socket => return Ok(()),
            Via::Session(session) if now < session.strong_until => return Ok(()),
            Via::Session(_) => "a high-risk approval needs a login within the last ten minutes",
            Via::Token { .. } => "a token cannot approve what is of high risk",
        };
        Err(Refusal::new(Code::StepUp, message).help(
            "type `adjutant login`, open the link, and decide again; or approve with `adjutant approve`",
        ))
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
