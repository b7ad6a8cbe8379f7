//! One line of a reason chain, and how it names runs, steps and files.

use adjutant_machine::run::Run;
use adjutant_spec::plan::Stage;

use crate::runtime::{
    Error,
    core::Core,
    views::{When, WhyLine},
};

/// The slice of what lies in no folder of a slice.
const COMPANY: &str = "company";

/// Returns a line of a chain.
pub(super) fn line(kind: &str, id: &str, text: impl Into<String>, at: Option<When>) -> WhyLine {
    WhyLine { kind: kind.to_owned(), id: id.to_owned(), text: text.into(), at }
}

/// Returns a step with the file that declares it.
pub(super) fn step(core: &Core, run: &Run, step: &str) -> Result<WhyLine, Error> {
    let bundle = core.bundle(&run.bundle)?;
    let found = bundle.as_ref().and_then(|bundle| bundle.playbook.step(step));
    let word = found.map_or("step", |step| step.kind.word());
    let text = format!("step \"{step}\" ({word}) of {}", file(core, run)?);
    Ok(line("step", step, text, run.steps.get(step).and_then(|state| state.started).map(When)))
}

/// Returns the file that declares what a run does, at the revision that it began with.
pub(super) fn file(core: &Core, run: &Run) -> Result<String, Error> {
    Ok(format!("{} at revision {}", playbook(core, run)?, run.revision))
}

/// Returns the file of the playbook of a run, in the slice that it lay in when the run began.
pub(super) fn playbook(core: &Core, run: &Run) -> Result<String, Error> {
    let bundle = core.bundle(&run.bundle)?;
    let slice = bundle.as_ref().map_or(COMPANY, |bundle| bundle.playbook.slice.as_str());
    Ok(path(slice, &format!("playbooks/{}.toml", run.playbook)))
}

/// Returns the file of a connector of the plan in force.
pub(super) fn connector(core: &Core, id: &str) -> String {
    let live = core.live();
    let found = live.plan.as_ref().and_then(|plan| plan.connector(id));
    path(found.map_or(COMPANY, |found| found.slice.as_str()), &format!("connectors/{id}.toml"))
}

/// Returns where a file of a slice lies: ids do not say it.
fn path(slice: &str, below: &str) -> String {
    if slice == COMPANY { below.to_owned() } else { format!("slices/{slice}/{below}") }
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
