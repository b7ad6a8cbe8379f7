//! `models list` and `models verify`.

use serde::Serialize;

use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Cell, Out, Paint, Table, words},
    },
    judgement::{FileReport, Flaw, ModelReport, Store},
};

/// One model in a list.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    state: &'static str,
    digest: Option<String>,
    bytes: u64,
    folder: String,
}

/// Lists the models that are known and those that are here.
pub(super) fn list(out: &Out) -> Outcome {
    let store = Store::locate()?;
    let reports = store.names()?.iter().map(|name| store.look(name)).collect::<Result<Vec<_>, _>>()?;
    let lines: Vec<Line> = reports.iter().map(line).collect();
    if out.json {
        return out.value(&lines);
    }
    let mut table = Table::new(&["model", "state", "bytes", "digest"]);
    for line in &lines {
        table.row([
            line.name.as_str().into(),
            out.paint(paint(line.state), line.state).into(),
            line.bytes.to_string().into(),
            Cell::from(line.digest.as_deref().unwrap_or("-")),
        ]);
    }
    out.table(&table)?;
    match lines.iter().find(|line| line.state != "whole") {
        Some(line) => out.say(words!("next: adjutant models pull {}", line.name)),
        None => out.say(words!("they lie in \"{}\"", store.root().display())),
    }
    Ok(Exit::Done)
}

fn line(report: &ModelReport) -> Line {
    Line {
        name: report.name.clone(),
        state: state(report),
        digest: report.digest.clone().filter(|_| report.is_whole()),
        bytes: report.bytes(),
        folder: report.folder.display().to_string(),
    }
}

fn state(report: &ModelReport) -> &'static str {
    if report.is_absent() {
        return "absent";
    }
    if report.is_whole() { "whole" } else { "damaged" }
}

fn paint(state: &str) -> Paint {
    match state {
        "whole" => Paint::Green,
        "damaged" => Paint::Red,
        _ => Paint::Dim,
    }
}

/// Reads every file; exit code 1 where one is not what it should be.
pub(super) fn verify(out: &Out, name: Option<&str>) -> Outcome {
    let store = Store::locate()?;
    let mut reports = match name {
        Some(name) => vec![store.look(name)?],
        None => store.names()?.iter().map(|name| store.look(name)).collect::<Result<_, _>>()?,
    };
    if name.is_none() {
        reports.retain(|report| !report.is_absent());
    }
    if reports.iter().all(ModelReport::is_absent) {
        let what = name.map_or_else(|| "no model".to_owned(), |name| format!("no \"{name}\""));
        let message = format!("there is {what} in \"{}\"", store.root().display());
        return Err(Failure::new(Exit::NotFound, message).hint("`adjutant models pull` fetches it"));
    }
    tell(out, &reports)?;
    Ok(if reports.iter().all(ModelReport::is_whole) { Exit::Done } else { Exit::Invalid })
}

fn tell(out: &Out, reports: &[ModelReport]) -> Outcome {
    if out.json {
        return out.value(&reports);
    }
    let mut table = Table::new(&["model", "file", "bytes", "found"]);
    for report in reports {
        for file in &report.files {
            let (word, paint) = found(file);
            table.row([
                report.name.as_str().into(),
                file.path.as_str().into(),
                file.found.as_ref().map_or_else(|| "-".to_owned(), |found| found.bytes.to_string()).into(),
                out.paint(paint, word).into(),
            ]);
        }
    }
    out.table(&table)?;
    for report in reports {
        for file in &report.files {
            if let (Some(Flaw::Digest), Some(expected), Some(found)) =
                (file.fault, &file.expected, &file.found)
            {
                out.say(words!("{}: expected {}, found {}", file.path, expected.sha256, found.sha256));
            }
        }
        match (&report.digest, report.is_whole()) {
            (Some(digest), true) => out.say(words!("{}: {}", report.name, digest)),
            _ => out.say(words!("next: adjutant models pull {}", report.name)),
        }
    }
    Ok(Exit::Done)
}

fn found(file: &FileReport) -> (&'static str, Paint) {
    match file.fault {
        None => ("ok", Paint::Green),
        Some(Flaw::Missing) => ("missing", Paint::Red),
        Some(Flaw::Length) => ("another length", Paint::Red),
        Some(Flaw::Digest) => ("another file", Paint::Red),
    }
}
