//! Every command that a text of ours tells somebody to type is one that the command line takes.
//!
//! The texts are read from the sources: string literals and comments of the rooms (help texts are comments), pages of
//! documentation, READMEs of the examples. A command is what stands in backticks, after `next: ` or `type `, on a line
//! of its own, or alone in a literal. Values in it are placeholders; what is checked is that the command exists, that it
//! takes the options, and that nothing which it needs is missing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use adjutant_spec::{advice::Advice, scaffold};
use clap::error::ErrorKind;

use super::{args, later};

/// Where texts of ours lie, from the root of the workspace.
const ROOTS: &[&str] =
    &["controller", "spec", "models", "examples", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"];

#[test]
fn every_command_that_a_text_advises_can_be_typed() {
    let advised = advised();
    assert!(advised.len() > 100, "the texts were read: {} commands", advised.len());
    let wrong: Vec<String> = advised
        .iter()
        .filter_map(|(command, place)| {
            refused(command).map(|why| format!("{place}\n    {command}\n    {why}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} texts advise what cannot be typed:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_advice_that_is_made_as_data_can_be_typed() {
    for advice in Advice::samples() {
        assert_eq!(refused(&advice.to_string()), None, "{advice}");
    }
}

#[test]
fn advice_that_does_not_work_is_found() {
    for wrong in [
        "adjutant dead settle X happened",
        "adjutant unquarantine RUN",
        "adjutant up --public X",
        "adjutant fork RUN",
        "adjutant deny GATE",
        "adjutant new company NAME",
        "adjutant proposals X approve",
        "adjutant models reft ROUTE",
        "adjutant runs --limit many",
    ] {
        assert!(refused(wrong).is_some(), "{wrong}");
    }
    for right in [
        "adjutant dead settle X --happened",
        "adjutant hold --release",
        "adjutant check",
        "adjutant --version",
    ] {
        assert_eq!(refused(right), None, "{right}");
    }
}

#[test]
fn commands_are_found_wherever_a_text_has_them() {
    let source = r##"
        /// Then `adjutant inbox`.
        const A: &str = "`adjutant up` or `watch RUN`; next: adjutant show {gate.id}\n  adjutant log {0}   # see";
        let b = words!("adjutant retry {}", run); html! { code { "adjutant run " (id) } "is written by adjutant alone" }
        const C: &str = "it is `printf x | adjutant secrets set NAME`, \
                         and `adjutant secrets list`";
    "##;
    let found: Vec<String> = of_rust(source).collect();
    let expected = [
        "adjutant inbox",
        "adjutant up",
        "adjutant watch RUN",
        "adjutant show X",
        "adjutant log X",
        "adjutant retry X",
        "adjutant run X",
        "adjutant secrets set NAME",
        "adjutant secrets list",
    ];
    for one in expected {
        assert!(found.iter().any(|text| text == one), "{one}: {found:?}");
    }
    assert!(!found.iter().any(|text| text.contains("alone")), "{found:?}");
}

/// Returns why a command cannot be typed.
fn refused(command: &str) -> Option<String> {
    let words = split(command);
    // Placeholders of a usage line may be left out.
    let words: Vec<String> = words.into_iter().filter(|word| !word.starts_with('[') && word != "…").collect();
    let first = words.get(1).map(String::as_str).unwrap_or_default();
    if later::refusal(first).is_some() {
        return Some("it is refused as not in this version".to_owned());
    }
    // A command that is only named, without anything that it takes, is a mention: it has to exist.
    let is_named_only =
        words.iter().all(|word| word.chars().all(|one| one.is_ascii_lowercase() || one == '-'));
    // `--listen ADDR`: what stands for a value needs not be one.
    let has_placeholder = words.iter().any(|word| word.chars().all(|one| one.is_ascii_uppercase()));
    let Err(refused) = args::command().try_get_matches_from(&words) else { return no_kind(&words) };
    match refused.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
        ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand if is_named_only => None,
        ErrorKind::ValueValidation | ErrorKind::InvalidValue if has_placeholder => None,
        _ => refused.to_string().lines().next().map(str::to_owned),
    }
}

/// `new KIND ID` takes any word, and refuses those that are no kind.
fn no_kind(words: &[String]) -> Option<String> {
    let kind = words.get(2).filter(|_| words[1] == "new")?;
    let is_placeholder = kind.chars().all(|one| one.is_ascii_uppercase());
    if is_placeholder { None } else { Some(scaffold::new_object(kind, "some-id").err()?.to_string()) }
}

/// Returns every command with the first place that advises it.
fn advised() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeMap::new();
    let mut rest: Vec<PathBuf> = ROOTS.iter().map(|name| root.join(name)).collect();
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            let inner = fs::read_dir(&path).expect("a folder of the repository");
            rest.extend(inner.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let place = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        for command in commands_of(&place, &text) {
            found.entry(command).or_insert_with(|| place.clone());
        }
    }
    found
}

fn commands_of(place: &str, text: &str) -> Vec<String> {
    let is_test = ["/tests/", "/tests.rs", "cli/advised.rs", "/gallery/", ".snap", "/benches/"];
    // The words of later versions stand in the contract alone, and what was changed in the past is history.
    if is_test.iter().any(|part| place.contains(part)) {
        return Vec::new();
    }
    match Path::new(place).extension().and_then(|kind| kind.to_str()) {
        Some("rs") => of_rust(text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)).collect(),
        Some("md" | "toml" | "html" | "js") | None => of_text(text).collect(),
        _ => Vec::new(),
    }
}

/// Literals and comments of a Rust source, one after the other.
fn of_rust(source: &str) -> impl Iterator<Item = String> {
    let mut texts = Vec::new();
    let comments = source.lines().filter_map(|line| line.trim_start().strip_prefix("//"));
    texts.extend(comments.map(|line| line.trim_start_matches(['/', '!']).trim_start().to_owned()));
    let code: String = source
        .lines()
        .map(|line| if line.trim_start().starts_with("//") { "\n" } else { line }.to_owned() + "\n")
        .collect();
    let mut rest = code.as_str();
    while let Some(at) = rest.find('"') {
        // A character, not the beginning of a text.
        if rest[..at].ends_with('\'') && rest[at + 1..].starts_with('\'') {
            rest = &rest[at + 2..];
            continue;
        }
        let (literal, after) = literal(&rest[at + 1..]);
        texts.push(literal);
        rest = after;
    }
    texts.into_iter().flat_map(|text| of_text(&text).collect::<Vec<_>>())
}

/// Reads a literal up to its end; values become `X`.
fn literal(text: &str) -> (String, &str) {
    let mut read = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (without_values(&read), &text[at + 1..]),
            '\\' => match letters.next() {
                Some((_, 'n')) => read.push('\n'),
                Some((at, '\n')) => {
                    let blank = text[at + 1..].len() - text[at + 1..].trim_start().len();
                    for _ in 0..text[at + 1..at + 1 + blank].chars().count() {
                        letters.next();
                    }
                }
                Some((_, other)) => read.push(other),
                None => break,
            },
            other => read.push(other),
        }
    }
    (without_values(&read), "")
}

/// Puts `X` in the place of each `{value}`; a literal that ends in a space goes on with a value.
fn without_values(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.replace("{{", "(").replace("}}", ")");
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, tail)) = after.split_once('}') else { break };
        plain.push_str(before);
        plain.push('X');
        rest = tail.to_owned();
    }
    plain.push_str(&rest);
    if plain.ends_with(' ') { plain + "X" } else { plain }
}

/// Commands of a text: in backticks with or without our name, at the beginning of a line, after `next: ` and the like.
fn of_text(text: &str) -> impl Iterator<Item = String> {
    let spans = text.split('`').skip(1).step_by(2).map(str::to_owned);
    let bare = spans.filter_map(|span| {
        let span = span.trim().to_owned();
        let is_command =
            span.split_whitespace().count() > 1 && is_known(span.split(' ').next().unwrap_or_default());
        if span.contains("adjutant ") { Some(span) } else { is_command.then(|| format!("adjutant {span}")) }
    });
    let lines = text.lines().filter_map(|line| {
        let line = line.trim_start_matches([' ', '$', '\t', '@']);
        let after = ["next: ", "type ", ": "].iter().find_map(|word| {
            let at = line.find(&format!("{word}adjutant "))?;
            Some(&line[at + word.len()..])
        });
        after.or_else(|| line.starts_with("adjutant ").then_some(line)).map(str::to_owned)
    });
    let found: Vec<String> = bare.chain(lines).collect();
    found.into_iter().filter_map(|text| command(&text))
}

/// Returns whether a word alone is a command of ours that no word of the language is.
fn is_known(word: &str) -> bool {
    const ALSO_OF_THE_LANGUAGE: &[&str] =
        &["run", "route", "records", "schema", "plan", "policy", "check", "test", "kill"];
    let is_command = args::command().get_subcommands().any(|command| command.get_name() == word);
    is_command && !ALSO_OF_THE_LANGUAGE.contains(&word)
}

/// Cuts a text to the command: from our name to the end of it.
fn command(text: &str) -> Option<String> {
    let at = text.find("adjutant ").filter(|at| !text[..*at].ends_with("-p "))?;
    let mut rest = &text[at..];
    for end in ["  #", "   ", " # ", " | ", " > ", " && ", "\n", "`", "; ", ", ", "…", ")", " \\"] {
        rest = rest.split(end).next().unwrap_or(rest);
    }
    let rest = rest.trim_end_matches([',', ':', ';', ' ']);
    // The end of a sentence, but not a folder.
    let rest = rest.strip_suffix('.').filter(|rest| !rest.ends_with(' ')).unwrap_or(rest);
    // A sentence about us, not something to type.
    let second = rest.split(' ').nth(1)?;
    let is_word = second.chars().all(|one| one.is_ascii_lowercase() || one == '-');
    (is_word && second != "alone").then(|| rest.to_owned())
}

/// Splits as a shell does.
fn split(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in command.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().expect("there is one").push(letter),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}
