//! Which file is what, by its path alone.

use crate::draft::Kind;

use super::leaf::is_id;

/// What a path of a company repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// `adjutant.toml`.
    Company,
    /// `slices/<slice>/slice.toml`.
    Slice,
    /// An object with the stem as its id.
    Object(Kind, String),
    /// `prompts/*.md`.
    Prompt,
    /// `templates/*.md`.
    Template,
    /// `runbooks/<code>.md`.
    Runbook(String),
    /// `policies/*.toml`.
    Policy,
    /// `policies/*.cedar`.
    Cedar,
    /// `prices.toml`.
    Prices,
    /// `models.toml`.
    Models,
    /// `adjutant.lock`.
    Lock,
    /// `tests/*.toml`.
    Scenario,
    /// `secrets/<name>.age`.
    Secret(String),
    /// In a folder of the language, but no file of it; what to do about it.
    Stray(&'static str),
    /// A file whose stem is no id.
    BadId(String),
    /// In a folder whose name is close to one of the language.
    Misspelt(&'static str),
    /// Nothing of the language.
    Other,
}

const FOLDERS: [&str; 10] = [
    "playbooks",
    "agents",
    "connectors",
    "routes",
    "records",
    "prompts",
    "templates",
    "runbooks",
    "policies",
    "secrets",
];

/// Returns what a path is.
#[must_use]
pub fn classify(path: &str) -> Role {
    match path {
        "adjutant.toml" => return Role::Company,
        "prices.toml" => return Role::Prices,
        "models.toml" => return Role::Models,
        "adjutant.lock" => return Role::Lock,
        _ => {}
    }
    if path.split('/').any(is_noise) {
        return Role::Other;
    }
    match path.strip_prefix("slices/").and_then(|rest| rest.split_once('/')) {
        Some((slice, _)) if !is_id(slice) => Role::BadId(slice.to_owned()),
        Some((_, "slice.toml")) => Role::Slice,
        Some((_, "adjutant.toml" | "prices.toml" | "models.toml" | "adjutant.lock")) => {
            Role::Stray("this file belongs into the root of the repository")
        }
        Some((_, inner)) => in_folder(inner),
        None => in_folder(path),
    }
}

/// Returns whether a name is one of an editor's or the system's files, or a note for people.
fn is_noise(name: &str) -> bool {
    let ends = ["~", ".swp", ".swx", ".swo", ".tmp", ".bak", ".orig", ".part", "#"];
    name.starts_with('.')
        || name.starts_with('#')
        || name == "4913"
        || name.starts_with("README")
        || ends.iter().any(|end| name.ends_with(end))
}

fn in_folder(path: &str) -> Role {
    let Some((folder, name)) = path.split_once('/') else { return Role::Other };
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_deep = name.contains('/');
    match folder {
        "prompts" | "templates" if matches!(ending, "md" | "txt") => text_role(folder),
        "prompts" | "templates" => Role::Stray("prompts and templates are .md or .txt files"),
        _ if is_deep && FOLDERS.contains(&folder) => {
            Role::Stray("files of this folder are not nested: move it up")
        }
        "playbooks" => object(Kind::Playbook, stem, ending, "toml"),
        "agents" => object(Kind::Agent, stem, ending, "toml"),
        "connectors" => object(Kind::Connector, stem, ending, "toml"),
        "routes" => object(Kind::Route, stem, ending, "toml"),
        "records" => object(Kind::Record, stem, ending, "json"),
        "policies" if ending == "toml" => Role::Policy,
        "policies" if ending == "cedar" => Role::Cedar,
        "policies" => Role::Stray("policies are .toml files"),
        "tests" if ending == "toml" && !is_deep => Role::Scenario,
        "runbooks" if ending == "md" => Role::Runbook(stem.to_owned()),
        "runbooks" => Role::Stray("runbooks are .md files"),
        "secrets" if ending == "age" && is_id(stem) => Role::Secret(stem.to_owned()),
        "secrets" => {
            Role::Stray("only ciphertext belongs here: `adjutant secrets set NAME` writes secrets/<name>.age")
        }
        other => misspelt(other, ending),
    }
}

fn text_role(folder: &str) -> Role {
    if folder == "prompts" { Role::Prompt } else { Role::Template }
}

fn object(kind: Kind, stem: &str, ending: &str, wanted: &str) -> Role {
    if ending != wanted {
        let help = if wanted == "json" {
            "records are JSON Schemas: <kind>.json"
        } else {
            "objects are .toml files"
        };
        return Role::Stray(help);
    }
    if is_id(stem) { Role::Object(kind, stem.to_owned()) } else { Role::BadId(stem.to_owned()) }
}

fn misspelt(folder: &str, ending: &str) -> Role {
    if !matches!(ending, "toml" | "md" | "json" | "age") {
        return Role::Other;
    }
    let near = FOLDERS.iter().find(|known| strsim::damerau_levenshtein(known, folder) <= 1);
    near.map_or(Role::Other, |known| Role::Misspelt(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_files_are() {
        let cases = [
            ("adjutant.toml", Role::Company),
            ("slices/sales/slice.toml", Role::Slice),
            ("slices/sales/playbooks/a.toml", Role::Object(Kind::Playbook, "a".into())),
            ("records/customer.json", Role::Object(Kind::Record, "customer".into())),
            ("playbooks/a.toml~", Role::Other),
            ("playbooks/.a.toml.swp", Role::Other),
            ("playbooks/README.md", Role::Other),
            ("playbook/a.toml", Role::Misspelt("playbooks")),
            ("playbooks/A b.toml", Role::BadId("A b".into())),
            ("policies/a.cedar", Role::Cedar),
            ("secrets/mail.age", Role::Secret("mail".into())),
            ("notes/a.md", Role::Other),
            ("slices/sales/prices.toml", Role::Stray("this file belongs into the root of the repository")),
        ];
        for (path, role) in cases {
            assert_eq!(classify(path), role, "{path}");
        }
    }
}
