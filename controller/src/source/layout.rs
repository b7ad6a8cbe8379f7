//! Which paths of a folder are files of the language.
//!
//! ```text
//! adjutant.toml prices.toml models.toml adjutant.lock      the root
//! slices/<slice>/slice.toml                                a slice
//! <folder>/**.<ending>   slices/<slice>/<folder>/**.<ending>
//! ```
//! Everything else is somebody else's: it is not read, not counted and cannot hold a revision back.

const ROOT_FILES: &[&str] = &["adjutant.toml", "adjutant.lock", "prices.toml", "models.toml"];

/// The folders of a slice and the endings that count in each.
const FOLDERS: &[(&str, &[&str])] = &[
    ("playbooks", &["toml"]),
    ("agents", &["toml"]),
    ("connectors", &["toml"]),
    ("routes", &["toml"]),
    ("records", &["json"]),
    ("prompts", &["md"]),
    ("templates", &["md"]),
    ("runbooks", &["md"]),
    ("policies", &["toml", "cedar"]),
    ("tests", &["toml"]),
    ("secrets", &["age"]),
];

/// Returns whether a path from the root, with `/` as separator, is a file of the language.
#[must_use]
pub fn is_language_path(path: &str) -> bool {
    if path.split('/').any(is_ignored_name) {
        return false;
    }
    let Some((first, rest)) = path.split_once('/') else { return ROOT_FILES.contains(&path) };
    if first != "slices" {
        return is_in_folder(first, rest);
    }
    let Some((_, inside)) = rest.split_once('/') else { return false };
    inside == "slice.toml" || inside.split_once('/').is_some_and(|(folder, file)| is_in_folder(folder, file))
}

fn is_in_folder(folder: &str, file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let Some((_, ending)) = name.rsplit_once('.') else { return false };
    FOLDERS.iter().any(|(known, endings)| *known == folder && endings.contains(&ending))
}

/// Returns whether a directory can hold files of the language.
pub(super) fn is_language_directory(path: &str) -> bool {
    if path.split('/').any(is_ignored_name) {
        return false;
    }
    let mut parts = path.split('/');
    let folder = match parts.next() {
        Some("slices") => parts.nth(1),
        first => first,
    };
    // `slices` and `slices/<slice>` themselves have no folder yet.
    folder.is_none_or(|name| FOLDERS.iter().any(|(known, _)| *known == name))
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

/// Returns whether a name is hidden or belongs to an editor: dot-files, `*~`, `*.swp`, `4913`, `#x#`.
#[must_use]
pub fn is_ignored_name(name: &str) -> bool {
    let is_autosave = name.len() > 1 && name.starts_with('#') && name.ends_with('#');
    let is_swap = [".swp", ".swo", ".swx"].iter().any(|ending| name.ends_with(ending));
    name.is_empty()
        || name.starts_with('.')
        || name.ends_with('~')
        || name == "4913"
        || is_autosave
        || is_swap
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
            "playbooks/notes.txt",
            "slices/slice.toml",
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
        for path in ["slices", "slices/sales", "slices/sales/prompts/deep", "playbooks", "templates/x"] {
            assert!(is_language_directory(path), "{path}");
        }
        for path in [".git", "node_modules", "slices/.x", "slices/sales/notes", "target"] {
            assert!(!is_language_directory(path), "{path}");
        }
    }
}
