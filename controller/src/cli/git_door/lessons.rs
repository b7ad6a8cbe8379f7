//! A refit as a proposal: the route's file on `main`, taught what people said.

use std::sync::Arc;

use adjutant_spec::load;
use serde_json::json;

use super::shapes;
use crate::{
    http::Refusal,
    judgement::refit::{self, Refit, Said},
    reconcile::{NewProposal, ProposalSource, Repository},
    runtime::views::CorrectionView,
};

/// So much of a text is told in the reason; the diff has all of it.
const TOLD: usize = 60;

/// Returns the proposal that teaches a route; reads `main`, and blocks meanwhile.
pub(super) fn wish(
    git: &dyn Repository,
    route: &str,
    said: &[CorrectionView],
) -> Result<NewProposal, Refusal> {
    let main = git.main().map_err(shapes::repository)?;
    let main = main.ok_or_else(|| Refusal::conflict("there is no `main` yet to propose for"))?;
    let files = git.commit(&main).map_err(shapes::repository)?.files;
    let loaded = load(&files);
    let Some(known) = loaded.draft.routes.get(route) else { return Err(Refusal::not_found("route", route)) };
    let text = files.get(&known.file).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| Refusal::not_found("file", &known.file))?;
    let refit = refit::refit(text, &known.value, &oldest_first(said))
        .map_err(|error| Refusal::invalid(format!("{}: {error}", known.file)))?;
    let Some(refit) = refit else { return Err(nothing(route, said.len())) };
    let mut changed = (*files).clone();
    changed.insert(known.file.clone(), refit.file.as_bytes());
    Ok(proposal(route, &refit, (said.len(), ProposalSource::Files(Arc::new(changed)))))
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

fn nothing(route: &str, said: usize) -> Refusal {
    let reason = match said {
        0 => format!("nobody said anything of what route \"{route}\" decided"),
        _ => format!("route \"{route}\" knows everything already that was said of its decisions ({said})"),
    };
    Refusal::conflict(reason)
        .help("`adjutant correct RUN STEP CLASS` says what a text really is; so does the run's page")
}

fn proposal(route: &str, refit: &Refit, (said, source): (usize, ProposalSource)) -> NewProposal {
    let strangers = refit.taught.iter().filter(|one| one.class.is_none()).count();
    let examples = refit.taught.len() - strangers;
    let count = |(count, word): (usize, &str)| {
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {word}{plural}"))
    };
    let lessons: Vec<String> =
        [(examples, "example"), (strangers, "stranger")].into_iter().filter_map(count).collect();
    let lines: Vec<String> = refit.taught.iter().map(line).collect();
    NewProposal {
        title: format!("Teach route {route} what was said of it: {}", lessons.join(", ")),
        reason: Some(format!("What was decided, and what it is:\n{}", lines.concat())),
        topic: format!("refit/{route}"),
        source,
        evidence: json!({ "route": route, "said": said, "taught": refit.taught }),
    }
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
