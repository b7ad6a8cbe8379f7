//! A refit as a proposal: the route's file on `main`, taught what people said.

use std::sync::Arc;

use adjutant_spec::{
    files::FileSet,
    load,
    plan::{Route, RouteCalibration},
};
use serde_json::json;

use crate::{
    judgement::{
        Routers, outcomes, pin_of,
        refit::{self, RefitError, Said},
    },
    reconcile::{
        error::Error,
        proposal::{NewProposal, Source},
        repository::Repository,
    },
    runtime::views::CorrectionView,
};

/// So much of a text is told in the reason; the diff has all of it.
const TOLD: usize = 60;

/// What a refit comes to.
struct Refit {
    taught: Vec<Said>,
    calibration: Option<RouteCalibration>,
}

/// Returns the proposal that teaches a route; reads `main`, fits routers, and blocks meanwhile.
///
/// # Errors
/// There is nothing to teach, or no such route; Git, or a file that cannot be edited.
pub fn refit(
    git: &dyn Repository,
    routers: &Routers,
    route: &str,
    said: &[CorrectionView],
) -> Result<NewProposal, Error> {
    let main = git.main()?.ok_or_else(|| Error::Conflict {
        reason: "there is no `main` yet to propose for".to_owned(),
        help: Some("commit the company first".to_owned()),
    })?;
    let files = git.commit(&main)?.files;
    let loaded = load(&files);
    let Some(known) = loaded.draft.routes.get(route) else { return Err(missing("route", route)) };
    let text = files.get(&known.file).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| missing("file", &known.file))?;
    let last = refit::last_words(&oldest_first(said));
    let taught = refit::news(&known.value, &last);
    let unedited =
        |error: RefitError| Error::Invalid { reason: format!("{}: {error}", known.file), help: None };
    let lessons = refit::teach(text, &taught, None).map_err(unedited)?;
    let pin = loaded.plan.as_deref().and_then(pin_of);
    let taught_route = reread(&files, &known.file, &lessons, route)?;
    let calibration = outcomes::calibrate(routers, &taught_route, pin, &last);
    let calibration = calibration.filter(|found| known.value.calibration.as_ref() != Some(found));
    let refit = Refit { taught, calibration };
    if refit.taught.is_empty() && refit.calibration.is_none() {
        return Err(nothing(route, said.len()));
    }
    let lessons = refit::teach(&lessons, &[], refit.calibration.as_ref()).map_err(unedited)?;
    let mut changed = (*files).clone();
    changed.insert(known.file.clone(), lessons.as_bytes());
    Ok(proposal(route, &refit, &last, Source::Files(Arc::new(changed))))
}

/// Reads the route out of its new file.
fn reread(files: &FileSet, path: &str, text: &str, route: &str) -> Result<Route, Error> {
    let mut files = files.clone();
    files.insert(path, text.as_bytes());
    let read = load(&files).draft;
    read.routes.get(route).map(|at| at.value.clone()).ok_or_else(|| missing("route", route))
}

fn oldest_first(said: &[CorrectionView]) -> Vec<Said> {
    let mut said: Vec<&CorrectionView> = said.iter().collect();
    said.sort_by_key(|one| one.at);
    let word = |one: &CorrectionView| Said {
        run: one.run.clone(),
        step: one.step.clone(),
        decided: one.decided.clone(),
        class: one.class.clone(),
        text: one.text.clone(),
    };
    said.into_iter().map(word).collect()
}

fn missing(what: &'static str, id: &str) -> Error {
    Error::NotFound { what, id: id.to_owned() }
}

fn nothing(route: &str, said: usize) -> Error {
    let reason = match said {
        0 => format!("nobody said anything of what route \"{route}\" decided"),
        _ => format!("route \"{route}\" knows everything already that was said of its decisions ({said})"),
    };
    let help = "`adjutant correct RUN STEP CLASS` says what a text really is; so does the run's page";
    Error::Conflict { reason, help: Some(help.to_owned()) }
}

fn proposal(route: &str, refit: &Refit, last: &[Said], source: Source) -> NewProposal {
    let strangers = refit.taught.iter().filter(|one| one.class.is_none()).count();
    let examples = refit.taught.len() - strangers;
    let count = |(count, word): (usize, &str)| {
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {word}{plural}"))
    };
    let mut lessons: Vec<String> =
        [(examples, "example"), (strangers, "stranger")].into_iter().filter_map(count).collect();
    lessons.extend(refit.calibration.as_ref().map(|_| "its calibration".to_owned()));
    let lines: Vec<String> =
        refit.taught.iter().map(line).chain(refit.calibration.as_ref().map(calibrated)).collect();
    let confirmed = last.iter().filter(|one| one.is_confirmation()).count();
    NewProposal {
        title: format!("Teach route {route} what was said of it: {}", lessons.join(", ")),
        reason: Some(format!("What was decided, and what it is:\n{}", lines.concat())),
        topic: format!("refit/{route}"),
        source,
        evidence: json!({
            "route": route, "said": last.len(), "confirmed": confirmed,
            "taught": refit.taught, "calibration": refit.calibration,
        }),
    }
}

fn calibrated(found: &RouteCalibration) -> String {
    let threshold = found.threshold.map_or(String::new(), |threshold| format!("; decides from {threshold}"));
    let (outcomes, slope, offset) = (found.outcomes, found.slope, found.offset);
    format!("- {outcomes} outcomes say: log-odds times {slope} plus {offset}{threshold}\n")
}

fn line(taught: &Said) -> String {
    let flat = taught.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut told: String = flat.chars().take(TOLD).collect();
    if told.len() < flat.len() {
        told.push('…');
    }
    let class = taught.class.as_deref().unwrap_or("of no class");
    let decided = taught.decided.as_deref().unwrap_or("something else");
    format!("- \"{told}\" is {class}, was decided as {decided} ({})\n", taught.run)
}
