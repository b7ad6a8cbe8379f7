//! The table of rooms and imports of README, held against the sources: a room that needs another import changes the
//! table first, in a commit of its own. Inside a room, and between rooms of one crate, no modules use each other in a circle.

#[path = "rooms/circles.rs"]
mod circles;
#[path = "rooms/tokens.rs"]
mod tokens;

use std::{
    fs,
    path::{Path, PathBuf},
};

use circles::{Graph, Source};

/// A room, what its sources may not name, and what its manifest may not depend on.
struct Room {
    folder: &'static str,
    never: &'static [&'static str],
    no_dependency: &'static [&'static str],
}

const PURE: &[&str] =
    &["std::fs", "std::net", "std::env", "std::thread", "SystemTime", "Instant::now", "std::process"];

const ROOMS: &[Room] = &[
    Room {
        folder: "spec/src",
        never: PURE,
        no_dependency: &[
            "tokio",
            "git2",
            "rocksdb",
            "statig",
            "candle-core",
            "tracing",
            "rand",
            "adjutant-machine",
        ],
    },
    Room {
        folder: "controller/machine/src",
        never: &[
            "std::fs",
            "std::net",
            "std::env",
            "SystemTime",
            "Instant::now",
            "HashMap",
            "HashSet",
            "async fn",
        ],
        no_dependency: &[
            "tokio",
            "git2",
            "rocksdb",
            "candle-core",
            "tracing",
            "rand",
            "jiff",
            "adjutant-models",
        ],
    },
    Room {
        folder: "controller/sim/src",
        never: &[
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
            "SystemTime",
            "Instant::now",
            "HashMap",
            "HashSet",
            "async fn",
            "adjutant::",
        ],
        no_dependency: &["tokio", "git2", "rocksdb", "candle-core", "tracing", "rand", "jiff", "adjutant"],
    },
    Room {
        folder: "models/src",
        never: &["adjutant_spec", "adjutant_machine"],
        no_dependency: &["adjutant-spec", "adjutant-machine", "adjutant", "rocksdb", "git2"],
    },
    Room {
        folder: "controller/src/source",
        never: &[
            "adjutant_machine",
            "crate::journal",
            "crate::effects",
            "crate::http",
            "crate::runtime",
            "rocksdb::",
        ],
        no_dependency: &[],
    },
    Room {
        folder: "controller/src/reconcile",
        never: &[
            "rocksdb::",
            "git2::",
            "crate::http",
            "crate::effects",
            "crate::source",
            "crate::journal",
            "crate::desk",
        ],
        no_dependency: &[],
    },
    Room {
        folder: "controller/src/journal",
        never: &[
            "adjutant_spec",
            "crate::source",
            "crate::effects",
            "crate::http",
            "crate::runtime",
            "tokio::",
        ],
        no_dependency: &[],
    },
    Room {
        folder: "controller/src/bench",
        never: &[
            "crate::cli",
            "crate::http",
            "crate::effects",
            "crate::source",
            "crate::reconcile",
            "rocksdb::",
        ],
        no_dependency: &[],
    },
    Room {
        folder: "controller/src/runtime",
        never: &[
            "rocksdb::",
            "git2::",
            "crate::http",
            "crate::journal",
            "crate::effects",
            "crate::source",
            "crate::desk",
            "candle",
        ],
        no_dependency: &[],
    },
    Room {
        folder: "controller/src/effects",
        never: &["crate::journal", "crate::source", "crate::http", "crate::runtime", "rocksdb::", "git2::"],
        no_dependency: &[],
    },
    Room {
        folder: "controller/src/judgement",
        never: &[
            "adjutant_machine",
            "crate::journal",
            "crate::source",
            "crate::http",
            "crate::runtime",
            "crate::effects",
            "crate::reconcile",
            "rocksdb::",
            "git2::",
        ],
        no_dependency: &[],
    },
    Room {
        folder: "controller/src/desk",
        never: &[
            "axum",
            "clap",
            "rocksdb",
            "git2::",
            "crate::cli",
            "crate::daemon",
            "crate::effects",
            "crate::http",
            "crate::journal",
            "crate::source",
        ],
        no_dependency: &[],
    },
    Room {
        folder: "controller/src/http",
        never: &[
            "crate::journal",
            "crate::effects",
            "crate::source",
            "crate::reconcile",
            "crate::runtime",
            "runtime::views",
            "rocksdb::",
            "git2::",
        ],
        no_dependency: &[],
    },
    // A command on a daemon speaks in wishes and views, as everybody else does.
    Room {
        folder: "controller/src/cli/client",
        never: &[
            "crate::runtime",
            "runtime::",
            "crate::http",
            "http::",
            "reconcile::",
            "journal::",
            "rocksdb::",
        ],
        no_dependency: &[],
    },
    Room { folder: "controller/src/daemon", never: &["crate::cli"], no_dependency: &[] },
    Room {
        folder: "tests/company/src",
        never: &["adjutant_machine", "adjutant::"],
        no_dependency: &["adjutant", "adjutant-machine", "adjutant-models", "rocksdb", "tokio"],
    },
    Room {
        folder: "tests/doubles/src",
        never: &["adjutant_spec", "adjutant_machine", "adjutant::"],
        no_dependency: &["adjutant", "adjutant-spec", "adjutant-machine", "adjutant-models"],
    },
];

const LONGEST: usize = 500;

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut broken = Vec::new();
    for room in ROOMS {
        for file in sources(&root().join(room.folder)).into_iter().filter(|file| is_shipped(file)) {
            let text = read(&file);
            for (number, line) in shipped_lines(&text) {
                for word in room.never.iter().filter(|word| line.contains(**word)) {
                    broken.push(format!("{}:{number}: {} may not name `{word}`", shown(&file), room.folder));
                }
            }
        }
    }
    assert!(broken.is_empty(), "imports that the table of rooms forbids:\n{}", broken.join("\n"));
}

#[test]
fn nothing_prints_but_the_one_writer() {
    // What may: the writer itself, Git's own protocol of packets, and a look whether there is a terminal.
    const MAY: &[&str] =
        &["controller/src/cli/out/", "controller/src/cli/hook.rs", "controller/src/cli/models/progress.rs"];
    let mut broken = Vec::new();
    for file in sources(&root().join("controller/src")).into_iter().filter(|file| is_shipped(file)) {
        if MAY.iter().any(|place| shown(&file).contains(place)) {
            continue;
        }
        let text = read(&file);
        for (number, line) in shipped_lines(&text) {
            for word in ["stdout()", "stderr()", "println!", "print!(", "io::stdout", "io::stderr"] {
                if line.contains(word) {
                    broken.push(format!("{}:{number}: `{word}` goes past `cli::out`", shown(&file)));
                }
            }
        }
    }
    assert!(broken.is_empty(), "what others wrote would be printed as it is:\n{}", broken.join("\n"));
}

#[test]
fn a_connectors_kind_is_asked_for_its_role_and_not_for_its_word() {
    let kinds = root().join("spec/src/kinds");
    let names = sources(&kinds).into_iter().filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()));
    let words: Vec<String> =
        names.filter(|name| !["mod", "kind", "parts"].contains(&name.as_str())).collect();
    assert!(words.len() > 5, "each kind of the language has a file: {words:?}");
    let mut broken = Vec::new();
    for folder in ["spec/src", "controller/src", "controller/machine/src"] {
        for file in sources(&root().join(folder)).into_iter().filter(|file| is_shipped(file)) {
            let text = read(&file);
            for (number, line) in shipped_lines(&text) {
                let asks = |word: &String| {
                    ["==", "!="].iter().any(|sign| line.contains(&format!("kind {sign} \"{word}\"")))
                };
                if words.iter().any(asks) {
                    broken.push(format!("{}:{number}: {}", shown(&file), line.trim()));
                }
            }
        }
    }
    assert!(
        broken.is_empty(),
        "ask for its role or its place (`adjutant_spec::kinds`):\n{}",
        broken.join("\n")
    );
}

#[test]
fn pure_crates_depend_on_nothing_that_acts() {
    let mut broken = Vec::new();
    for room in ROOMS.iter().filter(|room| !room.no_dependency.is_empty()) {
        let manifest = root().join(room.folder).join("../Cargo.toml");
        let text = read(&manifest);
        let section = text.split("[dependencies]").nth(1).unwrap_or_default();
        let shipped = section.split("\n[").next().unwrap_or_default();
        for name in shipped.lines().filter_map(|line| line.split(['.', ' ', '=']).next()) {
            if room.no_dependency.contains(&name) {
                broken.push(format!("{} may not depend on {name}", room.folder));
            }
        }
    }
    assert!(broken.is_empty(), "dependencies that the table of rooms forbids:\n{}", broken.join("\n"));
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let mut broken = Vec::new();
    for folder in members() {
        let graph = Graph::read(&shipped_sources(&folder));
        broken.extend(graph.circles().iter().map(|circle| told(circle, &graph.group(&circle[0].from))));
    }
    assert!(
        broken.is_empty(),
        "move what both need to a third module, or turn one around:\n{}",
        broken.join("\n")
    );
}

/// Tells a circle by the places that make it, then who else is in it.
fn told(circle: &[&circles::Use], group: &[&str]) -> String {
    let steps: Vec<String> = circle.iter().map(|used| format!("  {}", used.place)).collect();
    format!("{}\n  {} modules reach each other: {}", steps.join("\n"), group.len(), group.join(", "))
}

/// Returns the folder of sources of each crate of the workspace.
fn members() -> Vec<PathBuf> {
    let manifest = read(&root().join("Cargo.toml"));
    let listed = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    let folders = listed.expect("the workspace lists its members").split('"').skip(1).step_by(2);
    folders.map(|folder| root().join(folder).join("src")).filter(|folder| folder.is_dir()).collect()
}

fn shipped_sources(folder: &Path) -> Vec<Source> {
    let is_program = |file: &PathBuf| file.ends_with("src/main.rs");
    let files = sources(folder).into_iter().filter(|file| is_shipped(file) && !is_program(file));
    files.map(|file| Source { file: shown(&file), text: read(&file) }).collect()
}

#[test]
fn files_stay_short_or_say_why() {
    let long: Vec<String> = ["spec", "controller", "models", "tests"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .map(|file| (read(&file), file))
        .filter(|(text, _)| text.lines().count() > LONGEST && !text.contains("Longer than 500 lines because"))
        .map(|(text, file)| format!("{}: {} lines", shown(&file), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "split by concept, or say in the file why not:\n{}", long.join("\n"));
}

#[test]
fn modules_say_what_they_are_for() {
    let silent: Vec<String> = [
        "spec/src",
        "controller/src",
        "controller/machine/src",
        "controller/sim/src",
        "models/src",
        "tests/doubles/src",
    ]
    .iter()
    .flat_map(|folder| sources(&root().join(folder)))
    .filter(|file| is_shipped(file) && !read(file).trim_start().starts_with("//!"))
    .map(|file| shown(&file))
    .collect();
    assert!(silent.is_empty(), "modules without a first line of documentation:\n{}", silent.join("\n"));
}

#[test]
fn only_the_named_entries_stand_at_the_top() {
    const NAMED: &[&str] = &[
        "Cargo.toml",
        "Cargo.lock",
        "Makefile",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "README.md",
        "controller",
        "models",
        "spec",
        "examples",
        "tests",
        "deny.toml",
        "rustfmt.toml",
        "clippy.toml",
        "target",
    ];
    let strange: Vec<String> = fs::read_dir(root())
        .expect("the repository can be listed")
        .map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !NAMED.contains(&name.as_str()))
        .collect();
    assert!(strange.is_empty(), "entries that the layout does not name: {strange:?}");
}

/// Files that read one page and mean one page: lists with a cursor, the wheel, a look for one entry, a store that passes
/// questions on, a log that is read page by page to an end that is known.
const ONE_PAGE: &[&str] = &[
    "controller/src/bench/tap.rs",
    "controller/src/daemon/git_door/tests/plug.rs",
    "controller/src/runtime/draft.rs",
    "controller/src/runtime/retention/tree.rs",
    "controller/src/runtime/signals/store.rs",
    "controller/src/runtime/tests/chaos/known.rs",
    "controller/src/runtime/view/deliveries.rs",
    "controller/src/runtime/view/lists.rs",
    "controller/src/runtime/view/run.rs",
    "controller/src/runtime/wheel.rs",
];

#[test]
fn a_page_is_never_taken_for_everything() {
    let mut found = Vec::new();
    for path in sources(&root().join("controller/src")) {
        let name = shown(&path);
        if name.contains("/journal/") || ONE_PAGE.contains(&name.as_str()) {
            continue;
        }
        let text = read(&path);
        let reads = [".scan(", ".instances(", ".entries("];
        found.extend(reads.iter().filter(|read| text.contains(*read)).map(|read| format!("{name}: {read}")));
    }
    assert!(
        found.is_empty(),
        "use `journal::rows` or `journal::instances`, or say here why a page is enough: {found:#?}"
    );
}

/// Returns numbered lines before the first test module, without comments.
fn shipped_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

/// Returns whether a file lies outside the test modules of its room.
fn is_shipped(file: &Path) -> bool {
    !shown(file).contains("src/") || !shown(file).split("src/").nth(1).unwrap_or_default().contains("tests/")
}

/// Returns the Rust files below a folder, without test modules of their own and other crates inside it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.expect("an entry can be read").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules"].contains(&name.as_str()) {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_path_buf()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}
