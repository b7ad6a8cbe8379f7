//! What people said of a route's decisions: the lessons of a refit.

use adjutant_machine::{
    call::Call,
    classified::Classified,
    id::EffectId,
    journal::{self, Table},
    run::{Correction, Run},
};
use adjutant_spec::plan::{Route, StepKind};

use crate::runtime::{
    Error,
    core::Core,
    reads, rows,
    views::{CorrectionView, When},
};

/// Lists what people said of a route's decisions, by run. What retention let go is left out.
pub(in crate::runtime) fn corrections(core: &Core, route: &str) -> Result<Vec<CorrectionView>, Error> {
    let names = names(core, route);
    let mut runs: Vec<String> = Vec::new();
    for name in &names {
        for row in journal::rows(core.journal.as_ref(), Table::Index, &rows::index::judged_of(name)) {
            runs.extend(String::from_utf8(row?.value));
        }
    }
    runs.sort();
    runs.dedup();
    let mut found = Vec::new();
    for id in runs {
        // One run that cannot be read keeps no route from learning of the others.
        let run = match reads::load(core, &id) {
            Err(Error::Quarantined { .. } | Error::NotFound { .. } | Error::Gone { .. }) => continue,
            found => found?,
        };
        for (effect, said) in run.corrections.iter().filter(|(_, said)| names.contains(&said.route)) {
            if let Some(Call::Route { text, .. }) = super::run::asked(core, effect)?.as_deref() {
                found.push(view(&run, (effect, said), text.clone()));
            }
        }
    }
    Ok(found)
}

/// Returns every name that a route has or had: what was said of it is kept under the one of its day.
fn names(core: &Core, route: &str) -> Vec<String> {
    let live = core.live();
    let found = live.plan.as_ref().and_then(|plan| plan.route(route));
    found.map_or_else(
        || vec![route.to_owned()],
        |found| std::iter::once(found.id.clone()).chain(found.was.iter().cloned()).collect(),
    )
}

fn view(run: &Run, (effect, said): (&EffectId, &Correction), text: String) -> CorrectionView {
    let step = run.steps.get(&said.step).filter(|step| step.effects.last() == Some(effect));
    let decided = step.and_then(|step| Classified::read(&step.value.as_ref()?.value));
    CorrectionView {
        run: run.id.clone(),
        step: said.step.clone(),
        text,
        decided: decided.map(|decided| decided.class),
        class: said.class.clone(),
        by: said.by.clone(),
        at: When(said.at),
    }
}

/// Refuses a class that the route in force does not have: nobody could be taught it.
pub(in crate::runtime) fn check_class(
    core: &Core,
    run: &str,
    step: &str,
    class: Option<&str>,
) -> Result<(), Error> {
    let Some(class) = class else { return Ok(()) };
    let run = reads::load(core, run)?;
    let Some(bundle) = core.bundle(&run.bundle)? else { return Ok(()) };
    let Some(StepKind::Route { route, .. }) = bundle.playbook.step(step).map(|step| &step.kind) else {
        return Ok(());
    };
    let plan = core.live().plan.clone();
    let Some(route) = plan.as_ref().and_then(|plan| plan.route(route)) else {
        return Err(Error::invalid(format!("route \"{route}\" is not in force any more")));
    };
    if route.classes.iter().any(|known| known.id == class) {
        return Ok(());
    }
    Err(Error::invalid(format!("route \"{}\" has no class \"{class}\": it has {}", route.id, words(route))))
}

fn words(route: &Route) -> String {
    let classes: Vec<&str> = route.classes.iter().map(|class| class.id.as_str()).collect();
    classes.join(", ")
}
