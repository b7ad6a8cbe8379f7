//! `secrets`: ciphertext in the repository, the key outside of it.

use std::{
    fs,
    io::{self, IsTerminal, Read as _, Write as _},
    path::Path,
};

use adjutant_spec::{Loaded, kinds::Role};
use serde_json::json;

use crate::{
    cli::{
        args::{SecretsAction, SecretsArgs},
        failure::{Exit, Failure, Outcome},
        offline::load,
        out::{Cell, Out, Table, words},
    },
    effects::{
        intake::weakness,
        secrets::{self, Keys, Sealed},
    },
};

/// The most that a secret may hold.
const LONGEST: u64 = 64 * 1024;

/// Sets or lists secrets.
pub(crate) fn secrets(out: &Out, args: &SecretsArgs) -> Outcome {
    match &args.action {
        SecretsAction::Set { name } => set(out, &args.dir, name),
        SecretsAction::List => list(out, &args.dir),
    }
}

/// Finds the key; one that was open to others is closed, with a word.
fn keys(out: &Out) -> Result<Keys, Failure> {
    let keys = Keys::locate()?;
    keys.secure()?.iter().for_each(|word| out.say(words!("{}", word)));
    Ok(keys)
}

/// Reads a secret from stdin and writes it encrypted; one of the same name is replaced at once.
fn set(out: &Out, folder: &Path, name: &str) -> Outcome {
    let keys = keys(out)?;
    if let Err(secrets::Error::NoKey(_)) = keys.public_key() {
        keys.generate_key()?;
        out.say(words!("a new key is in {}: keep a copy elsewhere", keys.path().display()));
    }
    if io::stdin().is_terminal() {
        out.say(words!("type the secret \"{}\", then Enter and Ctrl-D:", name));
    }
    let mut text = String::new();
    let read = io::stdin().lock().take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::invalid("stdin is no text").caused_by(&error))?;
    let value = text.trim_end_matches(['\r', '\n']);
    if value.is_empty() || value.len() as u64 > LONGEST {
        return Err(Failure::invalid("a secret has between 1 byte and 64 KiB")
            .hint("`printf %s \"$KEY\" | adjutant secrets set NAME`"));
    }
    refuse_weak(folder, name, value)?;
    let Sealed { path, bytes: sealed } = keys.encrypt(name, value)?;
    let target = folder.join(&path);
    let parent = target.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(Failure::file("make", parent))?;
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(Failure::file("write in", parent))?;
    file.write_all(&sealed).map_err(Failure::file("write", &target))?;
    file.persist(&target).map_err(|error| Failure::file("write", &target)(error.error))?;
    out.data(words!("{}", path))
}

/// Refuses a key that can be guessed where a webhook is verified with it, and one that is none anywhere.
fn refuse_weak(folder: &Path, name: &str, value: &str) -> Result<(), Failure> {
    let Some(why) = weakness(value) else { return Ok(()) };
    let signs = load(folder, None).is_ok_and(|(_, loaded)| verifies(&loaded, name));
    if !signs && !value.starts_with("whsec_") {
        return Ok(());
    }
    Err(Failure::invalid(format!("the secret \"{name}\" {why}"))
        .hint("take the one that the sender shows, or make one: `openssl rand -base64 32`"))
}

/// Returns whether a webhook is verified with a secret.
fn verifies(loaded: &Loaded, name: &str) -> bool {
    loaded
        .draft
        .connectors
        .values()
        .any(|at| at.is_for(Role::TakesPosts) && at.secret.as_deref() == Some(name))
}

struct Line {
    name: String,
    state: &'static str,
    used_by: Vec<String>,
}

/// Lists the secrets that there are or that a connector wants, and whether the key opens them.
fn list(out: &Out, folder: &Path) -> Outcome {
    let (files, loaded) = load(folder, None)?;
    let keys = keys(out)?;
    let uses = |name: &str| -> Vec<String> {
        let connectors = loaded.plan.iter().flat_map(|plan| plan.connectors.values());
        let using = connectors.filter(|connector| connector.secret.as_deref() == Some(name));
        using.map(|connector| connector.id.clone()).collect()
    };
    let mut lines: Vec<Line> = Vec::new();
    for (path, bytes) in files.iter() {
        let stem = path.strip_suffix(".age").and_then(|stem| stem.rsplit_once("secrets/"));
        let Some((_, name)) = stem else { continue };
        let state = match keys.decrypt(bytes) {
            Ok(secret) if verifies(&loaded, name) && weakness(secret.expose()).is_some() => "too weak",
            Ok(_) => "opens",
            Err(secrets::Error::NoKey(_)) => "no key",
            Err(_) => "sealed for another key",
        };
        lines.push(Line { name: name.to_owned(), state, used_by: uses(name) });
    }
    let wanted = loaded.plan.iter().flat_map(|plan| plan.connectors.values());
    for name in wanted.filter_map(|connector| connector.secret.clone()) {
        if !lines.iter().any(|line| line.name == name) {
            lines.push(Line { used_by: uses(&name), name, state: "missing" });
        }
    }
    lines.sort_by(|one, other| one.name.cmp(&other.name));
    show(out, &lines)
}

fn show(out: &Out, lines: &[Line]) -> Outcome {
    if out.json {
        let row = |line: &Line| json!({ "name": line.name, "state": line.state, "used_by": line.used_by });
        return out.value(&lines.iter().map(row).collect::<Vec<_>>());
    }
    if lines.is_empty() {
        out.say("no secrets, and no connector wants one");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["name", "state", "used by"]);
    for line in lines {
        table.row([line.name.as_str().into(), Cell::from(line.state), line.used_by.join(", ").into()]);
    }
    out.table(&table)?;
    if let Some(line) = lines.iter().find(|line| line.state == "missing") {
        out.say(words!("next: adjutant secrets set {}", line.name));
    }
    Ok(Exit::Done)
}
