//! The `proc-receive` dialogue: how a push to `refs/for/main` becomes a proposal instead of a branch.
//!
//! ```text
//! git  : version=1\0push-options atomic …  flush     hook : version=1\0push-options  flush
//! git  : <old> <new> <reference> …         flush
//! git  : <push option> …                   flush     (only if both sides named push-options)
//!                                                    hook : ok <reference> / option … / ng <reference> <reason>  flush
//! ```

use std::io::{Read, Write};

use super::{
    error::Error,
    hook::RefUpdate,
    pktline::{read_section, write_flush, write_packet},
};

const DEFAULT_TOPIC: &str = "main";

/// What git asks in one dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialogue {
    /// The references under `refs/for/` of this push.
    pub updates: Vec<RefUpdate>,
    /// What was given with `git push -o`.
    pub push_options: Vec<String>,
}

/// What becomes of one reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Taken, and kept under another name.
    Taken {
        /// The reference that holds it.
        reference: String,
        /// The commit to which that pointed before.
        old: Option<String>,
        /// The commit to which it points now.
        new: String,
    },
    /// Refused; the pusher reads why.
    Refused(String),
}

/// What git is told of one reference of the dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefReport {
    /// The reference as git named it.
    pub reference: String,
    /// What becomes of the reference.
    pub verdict: Verdict,
}

impl Dialogue {
    /// Negotiates and reads what git asks.
    ///
    /// # Errors
    /// [`Error::Protocol`] if git speaks another version or breaks off.
    pub fn receive(input: &mut impl Read, output: &mut impl Write) -> Result<Self, Error> {
        let offer = read_section(input)?;
        let first = offer.first().map(String::as_str).unwrap_or_default();
        let (version, features) = first.split_once('\0').unwrap_or((first, ""));
        if version != "version=1" {
            return Err(Error::Protocol { expected: "\"version=1\"", found: format!("\"{version}\"") });
        }
        let has_options = features.split(' ').any(|feature| feature == "push-options");
        write_packet(output, if has_options { b"version=1\0push-options" } else { b"version=1" })?;
        write_flush(output)?;
        let updates =
            read_section(input)?.iter().map(|line| RefUpdate::parse(line)).collect::<Result<_, _>>()?;
        let push_options = if has_options { read_section(input)? } else { Vec::new() };
        Ok(Self { updates, push_options })
    }

    /// Returns the topic of the push: `-o topic=NAME` or `-o NAME`, else `main`.
    #[must_use]
    pub fn topic(&self) -> &str {
        let named = self.push_options.iter().find_map(|option| option.strip_prefix("topic="));
        let bare = self.push_options.iter().find(|option| !option.contains('='));
        named.or(bare.map(String::as_str)).filter(|topic| !topic.is_empty()).unwrap_or(DEFAULT_TOPIC)
    }
}

impl RefReport {
    /// Writes all reports of a dialogue and ends it.
    ///
    /// # Errors
    /// [`Error::File`] if git is gone.
    pub fn send(reports: &[Self], output: &mut impl Write) -> Result<(), Error> {
        for report in reports {
            report.write(output)?;
        }
        write_flush(output)
    }

    fn write(&self, output: &mut impl Write) -> Result<(), Error> {
        match &self.verdict {
            Verdict::Refused(reason) => {
                // A report is one line; git would take the rest for another one.
                let reason = reason.replace(['\n', '\r'], " ");
                write_packet(output, format!("ng {} {reason}", self.reference).as_bytes())
            }
            Verdict::Taken { reference, old, new } => {
                write_packet(output, format!("ok {}", self.reference).as_bytes())?;
                write_packet(output, format!("option refname {reference}").as_bytes())?;
                if let Some(old) = old {
                    write_packet(output, format!("option old-oid {old}").as_bytes())?;
                }
                write_packet(output, format!("option new-oid {new}").as_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lines: &[&[&str]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for section in lines {
            for line in *section {
                write_packet(&mut bytes, line.as_bytes()).expect("memory takes it");
            }
            write_flush(&mut bytes).expect("memory takes it");
        }
        bytes
    }

    fn topic(options: &[&str]) -> String {
        let push_options = options.iter().map(|&option| option.to_owned()).collect();
        Dialogue { updates: Vec::new(), push_options }.topic().to_owned()
    }

    #[test]
    fn options_are_read_only_if_git_offers_them() {
        let update =
            "0000000000000000000000000000000000000000 1111111111111111111111111111111111111111 refs/for/main";
        let with = asked(&[&["version=1\0push-options atomic"], &[update], &["topic=prices"]]);
        let mut answer = Vec::new();
        let dialogue = Dialogue::receive(&mut with.as_slice(), &mut answer).expect("a dialogue of git");
        assert_eq!((dialogue.updates.len(), dialogue.topic()), (1, "prices"));
        assert_eq!(answer, b"001bversion=1\0push-options\n0000");
        let without = asked(&[&["version=1\0atomic"], &[update]]);
        let dialogue =
            Dialogue::receive(&mut without.as_slice(), &mut Vec::new()).expect("a dialogue of git");
        assert_eq!(dialogue.topic(), "main");
    }

    #[test]
    fn another_version_and_a_broken_stream_are_errors() {
        for bytes in [asked(&[&["version=2"]]), asked(&[&["version=1"]]), Vec::new()] {
            assert!(Dialogue::receive(&mut bytes.as_slice(), &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn the_topic_is_named_bare_or_main() {
        assert_eq!(topic(&["topic=a"]), "a");
        assert_eq!(topic(&["a"]), "a");
        assert_eq!(topic(&["reason=x", "topic="]), "main");
        assert_eq!(topic(&[]), "main");
    }

    #[test]
    fn a_reason_stays_on_one_line() {
        let refused = Verdict::Refused("a\nb".to_owned());
        let answer = RefReport { reference: "refs/for/main".to_owned(), verdict: refused };
        let mut bytes = Vec::new();
        RefReport::send(&[answer], &mut bytes).expect("memory takes it");
        assert_eq!(bytes, b"0019ng refs/for/main a b\n0000");
    }
}
