//! One line of a reason chain, and how it names runs, steps and files.

use adjutant_machine::run::Run;
use adjutant_spec::plan::Stage;

use crate::runtime::{
    Error,
    core::Core,
    views::{When, WhyLine},
};

/// Returns a line of a chain.
pub(super) fn line(kind: &str, id: &str, text: impl Into<String>, at: Option<When>) -> WhyLine {
    WhyLine { kind: kind.to_owned(), id: id.to_owned(), text: text.into(), at }
}

/// Returns a step with the file that declares it.
pub(super) fn step(core: &Core, run: &Run, step: &str) -> Result<WhyLine, Error> {
    let bundle = core.bundle(&run.bundle)?;
    let found = bundle.as_ref().and_then(|bundle| bundle.playbook.step(step));
    let word = found.map_or("step", |step| step.kind.word());
    let text = format!("step \"{step}\" ({word}) of {}", file(run));
    Ok(line("step", step, text, run.steps.get(step).and_then(|state| state.started).map(When)))
}

/// Returns the file that declares what a run does, at the revision that it began with.
pub(super) fn file(run: &Run) -> String {
    format!("{} at revision {}", path("playbooks", &run.playbook), run.revision)
}

/// Returns the file of something that a company declares: what belongs to a slice is written `slice/name`.
pub(super) fn path(folder: &str, id: &str) -> String {
    match id.split_once('/') {
        Some((slice, name)) => format!("slices/{slice}/{folder}/{name}.toml"),
        None => format!("{folder}/{id}.toml"),
    }
}

/// Says what a run is, in one line.
pub(super) fn summary(run: &Run) -> String {
    let stage = match run.stage {
        Stage::Observe => "; its slice only observes: nothing leaves it",
        Stage::Advise => "; its slice only advises: you decide each effect",
        Stage::Act => "",
    };
    format!("a run of playbook \"{}\", {}{stage}", run.playbook, run.status())
}
