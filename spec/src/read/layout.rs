//! Which file is what, by its path alone.

use crate::{draft::Kind, plan::is_id};

/// What a path of a company repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathKind {
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
    Runbook,
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
    /// `memory/*.toml`.
    Memory,
    /// `secrets/<name>.age`.
    Secret(String),
    /// In a folder of the language, but no file of it; what to do about it.
    Stray(&'static str),
    /// In a folder of the language and of another kind, such as a picture: it does nothing there.
    Idle,
    /// A file whose stem is no id.
    BadId(String),
    /// A name that is close to one of the language: the folder, or the file, that is probably meant.
    Misspelt(&'static str),
    /// Nothing of the language.
    Other,
}

const FOLDERS: [&str; 13] = [
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
    "tests",
    "memory",
    "slices",
];

/// The files that stand in the root.
const ROOT_FILES: [&str; 4] = ["adjutant.toml", "prices.toml", "models.toml", "adjutant.lock"];

/// Other words that people write for a folder of the language.
const SYNONYMS: [(&str, &str); 11] = [
    ("policy", "policies"),
    ("budgets", "policies"),
    ("workflow", "playbooks"),
    ("workflows", "playbooks"),
    ("flows", "playbooks"),
    ("integrations", "connectors"),
    ("router", "routes"),
    ("routers", "routes"),
    ("memories", "memory"),
    ("departments", "slices"),
    ("scenarios", "tests"),
];

/// Returns what a path is.
#[must_use]
pub fn classify(path: &str) -> PathKind {
    match path {
        "adjutant.toml" => return PathKind::Company,
        "prices.toml" => return PathKind::Prices,
        "models.toml" => return PathKind::Models,
        "adjutant.lock" => return PathKind::Lock,
        _ => {}
    }
    if path.split('/').any(is_noise) {
        return PathKind::Other;
    }
    match path.strip_prefix("slices/").map(|rest| rest.split_once('/')) {
        Some(None) => PathKind::Stray("a slice is a folder: slices/<slice>/slice.toml"),
        Some(Some((slice, _))) if !is_id(slice) => PathKind::BadId(slice.to_owned()),
        Some(Some((_, "slice.toml"))) => PathKind::Slice,
        Some(Some((_, name))) if ROOT_FILES.contains(&name) => {
            PathKind::Stray("this file belongs into the root of the repository")
        }
        Some(Some((_, inner))) => in_folder(inner, &["slice.toml"]),
        None => in_folder(path, &ROOT_FILES),
    }
}

/// Returns whether a name is one of an editor's or the system's files, or a note for people: files of that name do not count.
#[must_use]
pub fn is_noise(name: &str) -> bool {
    let ends = ["~", ".swp", ".swx", ".swo", ".tmp", ".bak", ".orig", ".part", "#"];
    name.starts_with('.')
        || name.starts_with('#')
        || name == "4913"
        || name.starts_with("README")
        || ends.iter().any(|end| name.ends_with(end))
}

/// Returns what a path below the root or a slice is; `files` are the names that stand there by themselves.
fn in_folder(path: &str, files: &[&'static str]) -> PathKind {
    let Some((folder, name)) = path.split_once('/') else { return lone(path, files) };
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_deep = name.contains('/');
    match folder {
        "prompts" | "templates" if matches!(ending, "md" | "txt") => text_role(folder),
        "prompts" | "templates" => stray(ending, "prompts and templates are .md or .txt files"),
        "tests" if is_deep => {
            if ending == "toml" {
                PathKind::Idle
            } else {
                PathKind::Other
            }
        }
        _ if is_deep && FOLDERS.contains(&folder) => {
            stray(ending, "files of this folder are not nested: move it up")
        }
        "playbooks" => object(Kind::Playbook, stem, ending, "toml"),
        "agents" => object(Kind::Agent, stem, ending, "toml"),
        "connectors" => object(Kind::Connector, stem, ending, "toml"),
        "routes" => object(Kind::Route, stem, ending, "toml"),
        "records" => object(Kind::Record, stem, ending, "json"),
        "policies" if ending == "toml" => PathKind::Policy,
        "policies" if ending == "cedar" => PathKind::Cedar,
        "policies" => stray(ending, "policies are .toml files"),
        "tests" if ending == "toml" => PathKind::Scenario,
        "tests" if matches!(ending, "yml" | "yaml") => PathKind::Stray("scenarios are .toml files"),
        // Other things are tested too, in folders of this name.
        "tests" => PathKind::Other,
        "memory" if ending == "toml" => PathKind::Memory,
        "memory" => stray(ending, "contracts of memory are .toml files"),
        "runbooks" if ending == "md" => PathKind::Runbook,
        "runbooks" => stray(ending, "runbooks are .md files"),
        "secrets" if ending == "age" && is_id(stem) => PathKind::Secret(stem.to_owned()),
        "secrets" => PathKind::Stray(
            "only ciphertext belongs here: `adjutant secrets set NAME` writes secrets/<name>.age",
        ),
        other => misplaced(other, name),
    }
}

/// Returns what a file is that stands in a folder of the language without being of it: one that somebody may have meant to be
/// is refused, anything else is named.
fn stray(ending: &str, help: &'static str) -> PathKind {
    let is_meant = ["toml", "tml", "yml", "yaml", "json", "md", "markdown", "cedar", "age"]
        .contains(&ending.to_lowercase().as_str());
    if is_meant || ending.is_empty() { PathKind::Stray(help) } else { PathKind::Idle }
}

/// Returns what a file outside every folder is: one that looks like a known one is named.
fn lone(name: &str, files: &[&'static str]) -> PathKind {
    let lower = name.to_lowercase();
    let is_near = |known: &&'static str| {
        strsim::damerau_levenshtein(known, &lower) <= 1
            || (stem_of(known) == stem_of(&lower) && is_structure(&lower))
    };
    match files.iter().copied().find(is_near) {
        Some(known) => PathKind::Misspelt(known),
        None if FOLDERS.contains(&stem_of(&lower)) && is_structure(&lower) => PathKind::Stray(
            "nothing reads this file: this is the name of a folder, with one file for each object",
        ),
        None => PathKind::Other,
    }
}

fn stem_of(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn text_role(folder: &str) -> PathKind {
    if folder == "prompts" { PathKind::Prompt } else { PathKind::Template }
}

fn object(kind: Kind, stem: &str, ending: &str, wanted: &str) -> PathKind {
    if ending != wanted {
        let help = if wanted == "json" {
            "records are JSON Schemas: <kind>.json"
        } else {
            "objects are .toml files"
        };
        return stray(ending, help);
    }
    if is_id(stem) { PathKind::Object(kind, stem.to_owned()) } else { PathKind::BadId(stem.to_owned()) }
}

/// Endings of files that the language has, or that people write instead.
const ENDINGS: [&str; 9] = ["toml", "md", "json", "age", "txt", "yml", "yaml", "cedar", "tml"];

fn is_ours(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending.to_lowercase().as_str()))
}

/// Returns what a file in a folder is that the language does not have: one that looks like a known folder is named.
fn misplaced(folder: &str, name: &str) -> PathKind {
    if !is_ours(name) {
        return PathKind::Other;
    }
    let lower = folder.to_lowercase();
    let synonym = || SYNONYMS.iter().find(|(word, _)| *word == lower).map(|(_, known)| *known);
    let is_near = |known: &&'static str| {
        // Words that other folders have too count for files that say whose they are.
        let is_common = matches!(*known, "tests" | "memory" | "slices");
        strsim::damerau_levenshtein(known, &lower) <= 1 && (!is_common || is_structure(name))
    };
    let near = FOLDERS.iter().copied().find(is_near);
    near.or_else(|| synonym().filter(|_| is_structure(name))).map_or(PathKind::Other, PathKind::Misspelt)
}

/// Returns whether a file is an editor's, the system's, or a note for people: nothing looks into it.
#[must_use]
pub(super) fn is_ignored(path: &str) -> bool {
    path.split('/').any(is_noise)
}

/// Returns the folder of the language whose name stands somewhere in a path, where nothing looks for it.
#[must_use]
pub(super) fn folder_within(path: &str) -> Option<&'static str> {
    path.rsplit('/').skip(1).find_map(|part| FOLDERS.iter().copied().find(|known| *known == part))
}

/// Returns whether a file is one of those that say in their first line whose they are.
#[must_use]
pub(super) fn is_structure(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_lowercase();
    matches!(ending.as_str(), "toml" | "tml" | "yml" | "yaml" | "json" | "lock" | "lck")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_files_are() {
        let cases = [
            ("adjutant.toml", PathKind::Company),
            ("slices/sales/slice.toml", PathKind::Slice),
            ("slices/sales/playbooks/a.toml", PathKind::Object(Kind::Playbook, "a".into())),
            ("records/customer.json", PathKind::Object(Kind::Record, "customer".into())),
            ("playbooks/a.toml~", PathKind::Other),
            ("playbooks/.a.toml.swp", PathKind::Other),
            ("playbooks/README.md", PathKind::Other),
            ("playbook/a.toml", PathKind::Misspelt("playbooks")),
            ("playbooks/A b.toml", PathKind::BadId("A b".into())),
            ("policies/a.cedar", PathKind::Cedar),
            ("secrets/mail.age", PathKind::Secret("mail".into())),
            ("notes/a.md", PathKind::Other),
            ("memory/clients.toml", PathKind::Memory),
            (
                "slices/sales/prices.toml",
                PathKind::Stray("this file belongs into the root of the repository"),
            ),
        ];
        for (path, role) in cases {
            assert_eq!(classify(path), role, "{path}");
        }
    }

    const WRONG: [&str; 41] = [
        "policy/money.toml",
        "Policies/money.toml",
        "POLICIES/money.TOML",
        "policies/a.yml",
        "policies/a.TOML",
        "policies/deep/a.toml",
        "Playbooks/a.toml",
        "playbook/a.yaml",
        "playbooks/a.yml",
        "playbooks/a",
        "playbooks/deep/a.toml",
        "workflows/a.toml",
        "agents/a.json",
        "Agents/a.toml",
        "records/a.toml",
        "prompts/a.markdown",
        "Prompts/a.md",
        "runbooks/a.txt",
        "runbook/a.md",
        "secrets/a.txt",
        "Secrets/a.age",
        "tests/a.yaml",
        "tests/deep/a.toml",
        "memory/a.md",
        "memories/a.toml",
        "slices/sales.toml",
        "slice/sales/slice.toml",
        "Slices/sales/playbooks/a.toml",
        "slices/sales/policy/a.toml",
        "slices/sales/slice.yml",
        "slices/sales/Slice.toml",
        "slices/Sales/playbooks/a.toml",
        "Adjutant.toml",
        "adjutant.yml",
        "adjutant.tml",
        "prices.yaml",
        "price.toml",
        "model.toml",
        "adjutant.lck",
        "policies.toml",
        "playbooks.toml",
    ];
    const FINE: [&str; 22] = [
        "README.md",
        "docs/playbooks.md",
        "notes/policy.md",
        "Makefile",
        "website/index.html",
        "website/package.json",
        ".github/workflows/ci.yml",
        "playbooks/a.toml.swp",
        "playbooks/.#a.toml",
        "playbooks/README",
        "policies/notes.toml~",
        "policies/.hidden.yml",
        "scripts/release.sh",
        "LICENSE",
        "AGENTS.md",
        "memory.md",
        "website/templates/page.md",
        "contracts/acme.md",
        "tests/helper.py",
        "test/notes.md",
        "policy.md",
        "prices.txt",
    ];

    #[test]
    fn every_file_near_a_known_folder_is_known_or_named() {
        let named = |path: &str| {
            matches!(
                classify(path),
                PathKind::Stray(_) | PathKind::Misspelt(_) | PathKind::BadId(_) | PathKind::Idle
            )
        };
        let silent: Vec<&str> = WRONG.into_iter().filter(|path| !named(path)).collect();
        assert_eq!(silent, Vec::<&str>::new());
        for path in FINE {
            assert_eq!(classify(path), PathKind::Other, "{path}");
        }
    }
}
