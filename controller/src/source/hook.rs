//! The hook side of a push: what git tells a hook.
//!
//! `pre-receive` sees every reference of a push, those of `refs/for/` too, before anything is taken. The objects lie in the
//! quarantine that git names to the hook ([`super::Company::within`] reads there), and vanish if the hook refuses.

use std::fmt;

use super::{company::MAIN, error::Error, history};

const PROPOSALS: &str = "refs/for/";

/// A reference that a push wants to move; `None` stands for "does not exist".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// The commit that it points to now; absent where it is new.
    pub old: Option<String>,
    /// The commit that it is to point to; absent where it is to be deleted.
    pub new: Option<String>,
    /// The full name of the reference, such as `refs/heads/main`.
    pub name: String,
}

/// Where a push is going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `main`: the change goes live.
    Main {
        /// The commit that is pushed.
        commit: String,
    },
    /// A proposal for a branch.
    Proposal {
        /// The commit that is proposed.
        commit: String,
        /// The branch that it is for; always `main`.
        target: String,
    },
    /// A tag, which means nothing here and harms nothing.
    Tag,
}

/// Why a reference is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A branch other than `main`.
    OtherBranch(String),
    /// A proposal for a branch other than `main`.
    OtherTarget(String),
    /// The push would delete `main`.
    DeletesMain,
    /// A reference that belongs to the daemon.
    Reserved(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherBranch(name) => write!(
                formatter,
                "branch \"{name}\" is not taken here; push to `main` to make it live, or propose it with \
                 `git push ... HEAD:refs/for/main`"
            ),
            Self::OtherTarget(name) => {
                write!(formatter, "there is no branch \"{name}\" to propose for; use `refs/for/main`")
            }
            Self::DeletesMain => {
                formatter.write_str("`main` cannot be deleted; push a commit that undoes the change")
            }
            Self::Reserved(name) => write!(formatter, "\"{name}\" is written by adjutant alone"),
        }
    }
}

impl RefUpdate {
    /// Parses one line `<old> <new> <reference>`.
    ///
    /// # Errors
    /// [`Error::Protocol`].
    pub fn parse(line: &str) -> Result<Self, Error> {
        let wrong =
            || Error::Protocol { expected: "\"<old> <new> <reference>\"", found: format!("\"{line}\"") };
        let mut words = line.splitn(3, ' ');
        let mut id = || -> Result<Option<String>, Error> {
            let word = words.next().unwrap_or_default();
            let oid = history::oid(word).map_err(|_| wrong())?;
            Ok((!oid.is_zero()).then(|| word.to_owned()))
        };
        let (old, new) = (id()?, id()?);
        let name = words.next().filter(|name| name.starts_with("refs/")).ok_or_else(wrong)?;
        Ok(Self { old, new, name: name.to_owned() })
    }

    /// Says where the update is going, or why it is not taken.
    ///
    /// # Errors
    /// [`Refusal`], whose text is for the person who pushes.
    pub fn destination(&self) -> Result<Destination, Refusal> {
        if self.name == MAIN {
            let commit = self.new.clone().ok_or(Refusal::DeletesMain)?;
            return Ok(Destination::Main { commit });
        }
        if let Some(target) = self.name.strip_prefix(PROPOSALS) {
            return match &self.new {
                Some(commit) if target == "main" => {
                    Ok(Destination::Proposal { commit: commit.clone(), target: target.to_owned() })
                }
                _ => Err(Refusal::OtherTarget(target.to_owned())),
            };
        }
        if self.name.starts_with("refs/tags/") {
            return Ok(Destination::Tag);
        }
        match self.name.strip_prefix("refs/heads/") {
            Some(branch) if branch.starts_with("approved/") => Err(Refusal::Reserved(branch.to_owned())),
            Some(branch) => Err(Refusal::OtherBranch(branch.to_owned())),
            None => Err(Refusal::Reserved(self.name.clone())),
        }
    }
}

/// Parses what git writes to the stdin of `pre-receive` and `post-receive`.
///
/// # Errors
/// [`Error::Protocol`].
pub fn parse_updates(stdin: &str) -> Result<Vec<RefUpdate>, Error> {
    stdin.lines().map(RefUpdate::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: &str = "0000000000000000000000000000000000000000";
    const ONE: &str = "1111111111111111111111111111111111111111";

    fn destination(old: &str, new: &str, name: &str) -> Result<Destination, Refusal> {
        RefUpdate::parse(&format!("{old} {new} {name}")).expect("a line of git").destination()
    }

    #[test]
    fn main_proposals_and_tags_are_taken() {
        let commit = ONE.to_owned();
        assert_eq!(
            destination(ZERO, ONE, "refs/heads/main"),
            Ok(Destination::Main { commit: commit.clone() })
        );
        let proposal = Destination::Proposal { commit, target: "main".to_owned() };
        assert_eq!(destination(ZERO, ONE, "refs/for/main"), Ok(proposal));
        assert_eq!(destination(ZERO, ONE, "refs/tags/v1"), Ok(Destination::Tag));
    }

    #[test]
    fn other_branches_are_refused_with_what_to_type() {
        let refusal = destination(ZERO, ONE, "refs/heads/topic").expect_err("only main is taken");
        assert!(refusal.to_string().contains("HEAD:refs/for/main"), "{refusal}");
        assert_eq!(destination(ONE, ZERO, "refs/heads/main"), Err(Refusal::DeletesMain));
        assert_eq!(destination(ZERO, ONE, "refs/for/x"), Err(Refusal::OtherTarget("x".to_owned())));
        let reserved = destination(ZERO, ONE, "refs/adjutant/trees/x");
        assert_eq!(reserved, Err(Refusal::Reserved("refs/adjutant/trees/x".to_owned())));
    }

    #[test]
    fn a_line_that_git_never_writes_is_an_error() {
        for line in ["", "main", "x y refs/heads/main", "0000 1111 refs/heads/main"] {
            assert!(parse_updates(&format!("{line}\n")).is_err(), "{line}");
        }
        let branch = format!("{ZERO} {ONE} main");
        assert!(parse_updates(&branch).is_err());
    }
}
