//! The kinds of connectors: a folder each, behind one trait, in one registry.
//!
//! A kind that is added has its folder here, its row in [`ALL`], and its table in the language ([`adjutant_spec::kinds`]).
//! Nobody else asks which kind a connector is.

mod files;
mod http;
mod kind;
mod mail;
pub(super) mod mail_drop;
mod openai;
mod webhook;

use adjutant_spec::plan::Connector;

pub(super) use kind::{Deliver, Following, Kind, Probed};

use super::outcome::Fault;

/// The kinds of connectors that this build can reach, each with what performs it.
pub(super) const ALL: [&dyn Kind; 6] =
    [&http::Http, &mail::Mail, &files::Files, &webhook::Webhooks, &mail_drop::MailDrop, &openai::OpenAi];

/// Returns the kind of a connector.
///
/// # Errors
/// The plan is one of another version, whose kinds this one does not have.
pub(super) fn of(connector: &Connector) -> Result<&'static dyn Kind, Fault> {
    let found = ALL.into_iter().find(|kind| kind.word() == connector.kind);
    found.ok_or_else(|| Fault::unavailable(format!("no connector has the kind \"{}\"", connector.kind)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_of_the_language_has_a_row_here_and_the_other_way_round() {
        let known: Vec<&str> = adjutant_spec::kinds::ALL.iter().map(|kind| kind.word.word).collect();
        let here: Vec<&str> = ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(here, known);
        assert_eq!(here.iter().collect::<BTreeSet<_>>().len(), here.len(), "a word twice");
        assert!(ALL.iter().zip(&known).all(|(kind, word)| kind.row().word.word == *word));
    }
}
