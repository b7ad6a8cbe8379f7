//! Which paths of a folder are looked at: those that the language knows, and those that look as if it should.
//!
//! The language itself says which they are ([`adjutant_spec::read::classify`]), so that nothing is read here that it does not
//! judge, and nothing judged there that was never read. Everything else is somebody else's: it is not read, not counted and
//! cannot hold a revision back.

pub use adjutant_spec::read::is_noise as is_ignored_name;
use adjutant_spec::read::{PathKind, classify};

/// Returns whether a path from the root, with `/` as separator, is looked at: a file of the language, or one that is near it and
/// must be named.
#[must_use]
pub fn is_language_path(path: &str) -> bool {
    classify(path) != PathKind::Other
}

/// Endings by which a directory is asked whether anything in it would be looked at.
const PROBES: [&str; 4] = ["toml", "md", "json", "age"];

/// Returns whether a directory can hold files that are looked at.
pub(super) fn is_language_directory(path: &str) -> bool {
    // `slices` and `slices/<slice>` themselves hold folders.
    let is_slice =
        path.strip_prefix("slices/").is_some_and(|rest| !rest.contains('/') && !is_ignored_name(rest));
    is_slice || PROBES.iter().any(|ending| is_language_path(&format!("{path}/x.{ending}")))
}

/// Returns why a change of a file is the operator's own matter, where it is: it says who may do what, with what, for how much.
#[must_use]
pub fn protection(path: &str) -> Option<&'static str> {
    let slice = path.strip_prefix("slices/").and_then(|rest| rest.split_once('/')).map(|(_, inside)| inside);
    match slice.unwrap_or(path) {
        "adjutant.toml" | "slice.toml" => Some("says who owns what, and how much happens without a yes"),
        "adjutant.lock" | "models.toml" => Some("says which models decide"),
        "prices.toml" => Some("says what things cost"),
        inside => match inside.split('/').next() {
            Some("policies") => Some("says who may do what"),
            Some("secrets") => Some("holds a secret"),
            Some("connectors") => Some("says what can be reached outside, and how"),
            _ => None,
        },
    }
}

/// Returns the names at the root that must be present for a folder to be a company.
pub(super) const COMPANY_FILE: &str = "adjutant.toml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_language_count() {
        for path in [
            "adjutant.toml",
            "adjutant.lock",
            "playbooks/lead.toml",
            "prompts/tone/warm.md",
            "policies/money.cedar",
            "slices/sales/slice.toml",
            "slices/sales/records/customer.json",
            "secrets/billing.age",
        ] {
            assert!(is_language_path(path), "{path}");
        }
    }

    #[test]
    fn what_looks_like_a_file_of_the_language_is_looked_at_too() {
        for path in [
            "policy/money.toml",
            "policies/a.yml",
            "Playbooks/a.toml",
            "playbooks/notes.txt",
            "secrets/plain.txt",
            "prices.yml",
            "slices/slice.toml",
        ] {
            assert!(is_language_path(path), "{path}");
        }
    }

    #[test]
    fn other_and_editor_files_do_not_count() {
        for path in [
            "README.md",
            "playbooks",
            "playbooks/lead.toml~",
            "playbooks/.#lead.toml",
            "playbooks/#lead.toml#",
            "playbooks/.lead.toml.swp",
            "playbooks/4913",
            "playbooks/.hidden/lead.toml",
            "slices/sales/notes/x.toml",
            ".git/config",
            "target/playbooks/lead.toml",
        ] {
            assert!(!is_language_path(path), "{path}");
        }
    }

    #[test]
    fn what_says_who_may_do_what_is_protected_in_slices_too() {
        for path in [
            "adjutant.toml",
            "adjutant.lock",
            "policies/money.toml",
            "slices/sales/policies/deep/x.cedar",
            "slices/sales/slice.toml",
            "connectors/mail.toml",
            "secrets/billing.age",
            "slices/sales/connectors/crm.toml",
        ] {
            assert!(protection(path).is_some(), "{path}");
        }
        for path in
            ["playbooks/lead.toml", "prompts/policies.md", "slices/policies/prompts/x.md", "README.md"]
        {
            assert!(protection(path).is_none(), "{path}");
        }
    }

    #[test]
    fn only_directories_that_can_hold_files_are_entered() {
        for path in [
            "slices",
            "slices/sales",
            "slices/sales/prompts/deep",
            "playbooks",
            "templates/x",
            "policy",
            "Playbooks",
            "slices/sales/policy",
        ] {
            assert!(is_language_directory(path), "{path}");
        }
        for path in [".git", "node_modules", "slices/.x", "slices/sales/notes", "target"] {
            assert!(!is_language_directory(path), "{path}");
        }
    }
}
