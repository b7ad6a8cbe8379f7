//! `check` and `fmt`: what a push would be told, and canonical files.

use std::{fs, io::Write as _, path::Path, sync::Arc};

use adjutant_sim::scenario::{Known, NotHeld};
use adjutant_spec::{
    Loaded,
    diag::{Report, Severity},
    files::FileSet,
    plan::Plan,
    scenario,
};
use serde_json::json;

use crate::{
    cli::{
        args::{CheckArgs, FmtArgs},
        failure::{Exit, Failure, Outcome},
        out::{Out, Paint, Words, words},
    },
    source::{Git, Limits, is_language_path, of_folder, of_revision},
};

/// Reads, checks and compiles a folder, or a revision of it.
pub(crate) fn load(folder: &Path, revision: Option<&str>) -> Result<(Arc<FileSet>, Loaded), Failure> {
    let git = Git::default();
    let files = match revision {
        Some(revision) => of_revision(folder, revision, &git)?.files,
        None => of_folder(folder, &git, Limits::default())?,
    };
    let loaded = adjutant_spec::load_at(&files, jiff::Timestamp::now());
    Ok((files, loaded))
}

/// Returns the plan of a company that checks.
pub(crate) fn checked(folder: &Path) -> Result<Arc<Plan>, Failure> {
    load(folder, None)?.1.plan.ok_or_else(|| {
        Failure::invalid("the company does not check").hint("`adjutant check` tells what is wrong")
    })
}

/// Tells everything that is wrong with a company repository.
pub(crate) fn check(out: &Out, args: &CheckArgs) -> Outcome {
    let (files, mut loaded) = load(&args.dir, args.rev.as_deref())?;
    let played = if args.tests { played(&mut loaded) } else { None };
    let report = &loaded.report;
    let exit = if report.has_errors() { Exit::Invalid } else { Exit::Done };
    if out.json {
        let mut told = report.to_json();
        if let Some(number) = played {
            told["tests"] = json!(number);
        }
        out.value(&told)?;
        return Ok(exit);
    }
    out.data(Words::rendered(&if out.colour { report.render_coloured() } else { report.render() }))?;
    match loaded.plan.as_ref().filter(|_| exit == Exit::Done) {
        Some(plan) => out.data(words!(
            "{}: {}, {}, {}{}{}",
            out.paint(Paint::Green, "ok"),
            count(files.len(), "file"),
            count(plan.playbooks.len(), "playbook"),
            count(plan.connectors.len(), "connector"),
            played.map_or_else(String::new, |number| format!(", {}", count(number, "test"))),
            tail(report),
        ))?,
        None => {
            out.say(words!("{}: nothing would go live{}", args.dir.display(), tail(report)));
            Exit::Invalid
        }
    };
    Ok(exit)
}

/// Plays the scenarios of a company that has no mistakes, adds to its report what does not hold, and returns how many there are.
fn played(loaded: &mut Loaded) -> Option<usize> {
    let plan = loaded.plan.as_ref()?;
    let scenarios = scenario::all(&loaded.draft);
    for NotHeld { file, finding } in Known::default().judge(plan, &scenarios) {
        loaded.report.push(scenario::diagnostic(&loaded.draft, &file, &finding));
    }
    Some(scenarios.len())
}

fn tail(report: &Report) -> String {
    let number = |severity| report.diagnostics().iter().filter(|found| found.severity() == severity).count();
    let (errors, warnings) = (number(Severity::Error), number(Severity::Warning));
    let mut text = String::new();
    if errors > 0 {
        text.push_str(&format!(", {}", count(errors, "error")));
    }
    if warnings > 0 {
        text.push_str(&format!(", {}", count(warnings, "warning")));
    }
    text
}

/// Returns `1 file`, `2 files`; a word with a verb keeps it, as `2 tests were`.
pub(crate) fn count(number: usize, word: &str) -> String {
    match (number, word.split_once(' ')) {
        (1, _) => format!("1 {word}"),
        (_, Some((noun, "was"))) => format!("{number} {noun}s were"),
        _ => format!("{number} {word}s"),
    }
}

/// Writes files in canonical form.
pub(crate) fn fmt(out: &Out, args: &FmtArgs) -> Outcome {
    let files = of_folder(&args.dir, &Git::default(), Limits::default())?;
    let (mut changed, mut broken) = (Vec::new(), 0);
    for (path, bytes) in files.iter().filter(|(path, _)| is_language_path(path) && path.ends_with(".toml")) {
        let formatted = std::str::from_utf8(bytes)
            .map_err(|_| "the file is not UTF-8".to_owned())
            .and_then(|text| adjutant_spec::fmt::fmt(text).map_err(|error| error.to_string()));
        match formatted {
            Ok(formatted) if formatted.as_bytes() == bytes.as_ref() => {}
            Ok(formatted) => changed.push((path, formatted)),
            Err(reason) => {
                broken += 1;
                out.say(words!("{}: {}", path, reason));
            }
        }
    }
    for (path, formatted) in &changed {
        if !args.check {
            replace(&args.dir.join(path), formatted)?;
        }
        out.data(words!("{}", *path))?;
    }
    if broken > 0 {
        let message = format!("{} not formatted", count(broken, "file was"));
        return Err(Failure::invalid(message).hint("`adjutant check` tells where"));
    }
    Ok(if args.check && !changed.is_empty() { Exit::Invalid } else { Exit::Done })
}

/// Puts a file in another's place at once: a daemon that watches never sees half of it.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let permissions = fs::metadata(path).map_err(Failure::file("read", path))?.permissions();
    let mut file = tempfile::Builder::new()
        .prefix(".fmt-")
        .tempfile_in(folder)
        .map_err(Failure::file("write in", folder))?;
    file.write_all(text.as_bytes()).map_err(Failure::file("write", path))?;
    file.as_file().set_permissions(permissions).map_err(Failure::file("write", path))?;
    file.persist(path).map_err(|error| Failure::file("write", path)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_sentences() {
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(0, "file"), "0 files");
        assert_eq!(count(2, "test was"), "2 tests were");
        assert_eq!(count(1, "test was"), "1 test was");
    }
}
