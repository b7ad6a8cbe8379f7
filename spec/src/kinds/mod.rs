//! The kinds of connectors that the language knows: a file for each, and a row of [`ALL`].
//!
//! Whoever needs to know more of a connector than its verbs and events asks for its kind's [`Role`] or [`Place`], never for
//! its word: a kind that is added answers everywhere. What a kind does in the world is at the edge, in a folder of its name.

mod files;
mod http;
mod kind;
mod mail;
mod mail_drop;
mod openai;
pub(crate) mod parts;
mod webhook;

pub use kind::{ConnectorKind, Place, Role};

use crate::plan::{Connector, Mode};

/// Every kind, in the order of the reference page.
pub const ALL: [&ConnectorKind; 6] =
    [&http::KIND, &mail::KIND, &files::KIND, &webhook::KIND, &mail_drop::KIND, &openai::KIND];

/// Returns the kind with this word.
#[must_use]
pub fn find(word: &str) -> Option<&'static ConnectorKind> {
    ALL.into_iter().find(|kind| kind.word.word == word)
}

impl Connector {
    /// Returns its kind; `None` for a plan of another version, whose kinds this one does not have.
    #[must_use]
    pub fn known_kind(&self) -> Option<&'static ConnectorKind> {
        find(&self.kind)
    }

    /// Returns whether its kind is there for this.
    #[must_use]
    pub fn is_for(&self, role: Role) -> bool {
        self.known_kind().is_some_and(|kind| kind.role == role)
    }

    /// Returns the names of the secrets that it cannot do without: none where it answers from its fixtures and touches nothing.
    /// What comes in is verified whatever the mode.
    #[must_use]
    pub fn needed_secrets(&self) -> Vec<&str> {
        if self.mode == Mode::Fixture && !self.is_for(Role::TakesPosts) {
            return Vec::new();
        }
        self.secret_names()
    }

    /// Returns what its endpoint names.
    #[must_use]
    pub fn place(&self) -> Place {
        self.known_kind().map_or(Place::None, |kind| kind.place)
    }

    /// Returns whether it takes only what a sender proved to have sent: a webhook verifies a signature. A secret of another
    /// kind, such as one that a mail drop names, proves nothing about who wrote.
    #[must_use]
    pub fn senders_are_checked(&self) -> bool {
        self.is_for(Role::TakesPosts)
    }
}
