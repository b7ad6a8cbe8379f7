//! Who may come in, as it is wished and shown: tokens and login links.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::who::Scope;
use crate::runtime::views::When;

/// A wish for a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for; entries of who uses it carry it.
    pub name: String,
    /// The agent that it is for, where it is for one.
    #[serde(default)]
    pub agent: Option<String>,
    /// What it may do; only `read` when empty.
    #[serde(default)]
    pub scopes: BTreeSet<Scope>,
    /// After how many days it lapses: 1 to 3,650; 90 when absent.
    #[serde(default)]
    pub days: Option<u32>,
}

/// A token as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// The first part of the token, by which it is revoked; it proves nothing.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// The agent that it is for.
    pub agent: Option<String>,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    pub created: When,
    /// When it lapses.
    pub expires: When,
}

/// A token with its secret: shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Issued {
    /// What lists show.
    #[serde(flatten)]
    pub view: TokenView,
    /// What the caller sends; not stored.
    pub token: String,
}

/// A one-time login link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginLink {
    /// What to open in a browser; absent where only the control socket is served.
    pub url: Option<String>,
    /// When it lapses.
    pub expires: When,
}
