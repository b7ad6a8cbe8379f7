//! Who asks, how that was proved, and what may be asked for.
//!
//! | comes by | is | may |
//! |---|---|---|
//! | control socket, same uid | `operator` | everything |
//! | browser session from a one-time login link | `operator` | everything; a high-risk approval only within ten minutes of a login |
//! | bearer token | its name, or `agent:<id>` | its scopes; never a high-risk approval; an agent's never any approval |
//! | link in a mail | `operator by link` | decide the one gate that it is bound to, never one of high risk |

use std::collections::BTreeSet;

use adjutant_machine::{id::Stamp, trust::Speaker};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Code, Refusal};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at everything.
    Read,
    /// Start runs of the playbooks in force.
    Run,
    /// Open proposals of changes to the company.
    Propose,
    /// Decide gates and proposals.
    Approve,
    /// Pause, cancel, settle, revert, hold, probe.
    Operate,
}

impl Scope {
    /// Every scope, in the order in which lists show them.
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

/// How a caller proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It runs as the daemon's own user: the control socket checked its uid.
    Socket,
    /// It has the cookie of a browser session.
    Session {
        /// Until when high-risk approvals are accepted.
        strong_until: Stamp,
    },
    /// It has a bearer token.
    Token {
        /// Whether it is an agent's.
        is_agent: bool,
    },
    /// It read a mail that was sent to the operator.
    Link,
}

/// Who asks for something, how that is proved, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The name that entries carry.
    pub by: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// How it proved who it is.
    pub proof: Proof,
}

impl Who {
    /// Returns the operator, who may do everything.
    #[must_use]
    pub fn operator(proof: Proof) -> Self {
        Self { by: "operator".to_owned(), scopes: Scope::ALL.into(), proof }
    }

    /// Returns somebody who opened the link in a mail to the operator: it reads and decides the gate that the link is bound to.
    #[must_use]
    pub fn by_link(recipient: &str) -> Self {
        let scopes = [Scope::Read, Scope::Approve].into();
        Self { by: format!("{recipient} by link"), scopes, proof: Proof::Link }
    }

    /// Returns how far its words are trusted: the operator at the socket or in a session, an agent's, or a program's. A link proves
    /// that somebody could read the mail, not that the operator is here.
    #[must_use]
    pub fn speaker(&self) -> Speaker {
        match self.proof {
            Proof::Socket | Proof::Session { .. } => Speaker::Operator,
            Proof::Token { is_agent: true } => Speaker::Agent,
            Proof::Token { is_agent: false } | Proof::Link => Speaker::Token,
        }
    }

    /// Refuses a caller without the scope.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub fn must(&self, scope: Scope) -> Result<(), Refusal> {
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
    pub fn must_be_socket(&self) -> Result<(), Refusal> {
        if self.proof == Proof::Socket {
            return Ok(());
        }
        Err(Refusal::forbidden("only the control socket may do this")
            .help("run the command on the daemon's machine"))
    }

    /// Refuses a high-risk approval by anybody but the operator at the socket, and by a session whose login is too long ago.
    ///
    /// # Errors
    /// [`Code::StepUp`].
    pub fn must_be_strong(&self, now: Stamp) -> Result<(), Refusal> {
        let message = match self.proof {
            Proof::Socket => return Ok(()),
            Proof::Session { strong_until } if now < strong_until => return Ok(()),
            Proof::Session { .. } => "a high-risk approval needs a login within the last ten minutes",
            Proof::Token { .. } => "a token cannot approve what is of high risk",
            Proof::Link => "a link in a mail cannot approve what is of high risk",
        };
        Err(Refusal::new(Code::StepUp, message).help(
            "type `adjutant login`, open the link, and decide again; or approve with `adjutant approve`",
        ))
    }
}
