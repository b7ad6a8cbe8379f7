//! `test`: the scenarios of a company are played, and told so that a difference is understood at once.

use std::{path::Path, sync::Arc};

use adjutant_sim::scenario::{Coverage, Covered, Played, Playhouse, Way, play};
use adjutant_spec::{
    Loaded,
    diag::Report,
    plan::Plan,
    scenario::{self, Scenario},
};
use serde_json::{Value, json};

use super::{chaos, check};
use crate::cli::{
    args::TestArgs,
    failure::{Exit, Failure, Outcome},
    out::{Cell, Out, Paint, Table, Words, words},
};

/// So many steps and ways that no scenario takes are named for each playbook; `--json` has all.
const NAMED: usize = 8;

/// Plays scenarios, or disturbs them.
pub(crate) fn test(out: &Out, args: &TestArgs) -> Outcome {
    let company = Company::load(out, &args.dir)?;
    let scenarios = company.chosen(args.what.as_deref())?;
    if args.chaos {
        return chaos::chaos(out, args, &chaos::Wanted { plan: &company.plan, scenarios: &scenarios });
    }
    let is_whole = args.what.is_none();
    told(out, &Plays::of(&company.loaded, &company.plan, Chosen { scenarios, is_whole }))
}

/// Plays the scenario of one file.
pub(crate) fn test_file(out: &Out, dir: &Path, file: &str) -> Outcome {
    let company = Company::load(out, dir)?;
    let scenarios = company.chosen(Some(file))?;
    told(out, &Plays::of(&company.loaded, &company.plan, Chosen { scenarios, is_whole: false }))
}

/// A company without mistakes.
struct Company {
    loaded: Loaded,
    plan: Arc<Plan>,
}

impl Company {
    fn load(out: &Out, dir: &Path) -> Result<Self, Failure> {
        let (_, loaded) = check::load(dir, None)?;
        match loaded.plan.clone() {
            Some(plan) => Ok(Self { loaded, plan }),
            None => {
                out.say(Words::rendered(&loaded.report.render()));
                Err(Failure::invalid("the company does not check, so nothing is played"))
            }
        }
    }

    fn chosen(&self, what: Option<&str>) -> Result<Vec<Scenario>, Failure> {
        chosen(&self.plan, scenario::all(&self.loaded.draft), what)
    }
}

/// Returns the scenarios that are meant.
fn chosen(plan: &Plan, all: Vec<Scenario>, what: Option<&str>) -> Result<Vec<Scenario>, Failure> {
    let Some(what) = what else {
        return match all.is_empty() {
            true => Err(Failure::new(Exit::NotFound, "there is no scenario in `tests/`")
                .hint("`adjutant new test ID` makes one")),
            false => Ok(all),
        };
    };
    let path = what.strip_prefix("./").unwrap_or(what);
    let id = what.rsplit('/').next().unwrap_or(what);
    let is_meant = |one: &Scenario| one.file == path || one.file.ends_with(&format!("/{path}"));
    let by_file: Vec<Scenario> = all.iter().filter(|one| is_meant(one)).cloned().collect();
    if !by_file.is_empty() {
        return Ok(by_file);
    }
    let by_playbook: Vec<Scenario> = all.into_iter().filter(|one| is_about(one, id)).collect();
    match (by_playbook.is_empty(), plan.playbooks.contains_key(id)) {
        (false, _) => Ok(by_playbook),
        (true, true) => Err(Failure::new(Exit::NotFound, format!("playbook \"{id}\" has no scenario"))
            .hint("`adjutant new test ID` makes one")),
        (true, false) => {
            Err(Failure::new(Exit::NotFound, format!("there is no playbook and no scenario \"{what}\""))
                .hint("name a playbook, or a file such as tests/lead.toml"))
        }
    }
}

/// Returns whether a scenario plays a playbook, or answers for it or expects something of it where it runs as a child.
fn is_about(scenario: &Scenario, playbook: &str) -> bool {
    scenario.playbook == playbook
        || scenario.answers.iter().any(|answer| answer.playbook == playbook)
        || scenario.expect.iter().any(|wanted| wanted.playbook == playbook)
}

/// Scenarios that are to be played.
struct Chosen {
    scenarios: Vec<Scenario>,
    /// Whether they are all that there are.
    is_whole: bool,
}

/// Scenarios that were played.
struct Plays<'a> {
    loaded: &'a Loaded,
    scenarios: Vec<Scenario>,
    played: Vec<Played>,
    coverage: Coverage,
    is_whole: bool,
}

impl<'a> Plays<'a> {
    fn of(loaded: &'a Loaded, plan: &Plan, chosen: Chosen) -> Self {
        let Chosen { scenarios, is_whole } = chosen;
        let (mut house, mut coverage) = (Playhouse::new(plan), Coverage::default());
        let is_meant = |id: &str| is_whole || scenarios.iter().any(|one| is_about(one, id));
        plan.bundles.iter().filter(|(id, _)| is_meant(id)).for_each(|(_, bundle)| coverage.begin(bundle));
        let played: Vec<Played> = scenarios.iter().map(|one| play(&mut house, one)).collect();
        played.iter().for_each(|played| coverage.count(&played.course));
        Self { loaded, scenarios, played, coverage, is_whole }
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.scenarios.iter().zip(&self.played).map(|(scenario, played)| Row { scenario, played })
    }

    /// Returns what does not hold of one scenario, as a report.
    fn report(&self, row: &Row<'_>) -> Option<Report> {
        let found = row.played.finding.as_ref()?;
        let mut report = self.loaded.report.filtered(|_| false);
        report.push(scenario::diagnostic(&self.loaded.draft, &row.scenario.file, found));
        Some(report)
    }
}

/// A scenario with what came of it.
struct Row<'a> {
    scenario: &'a Scenario,
    played: &'a Played,
}

fn told(out: &Out, plays: &Plays<'_>) -> Outcome {
    let failed = plays.rows().filter(|row| row.played.finding.is_some()).count();
    let exit = if failed == 0 { Exit::Done } else { Exit::Invalid };
    if out.json {
        out.value(&json!({
            "ok": failed == 0,
            "scenarios": plays.rows().map(|row| row_json(plays, &row)).collect::<Vec<_>>(),
            "coverage": coverage_json(&plays.coverage),
        }))?;
        return Ok(exit);
    }
    for row in plays.rows() {
        told_row(out, plays, &row)?;
    }
    told_coverage(out, plays)?;
    let count = check::count(plays.scenarios.len(), "scenario");
    match failed {
        0 => out.data(words!("{}: {}", out.paint(Paint::Green, "ok"), count))?,
        _ => out.data(words!("{}: {} of {}", out.paint(Paint::Red, "failed"), failed, count))?,
    };
    Ok(exit)
}

fn told_row(out: &Out, plays: &Plays<'_>, row: &Row<'_>) -> Outcome {
    let Some(report) = plays.report(row) else {
        return out.data(words!(
            "{}    {}  {}",
            out.paint(Paint::Green, "ok"),
            row.scenario.file,
            row.scenario.title
        ));
    };
    out.data(words!("{}  {}  {}", out.paint(Paint::Red, "FAIL"), row.scenario.file, row.scenario.title))?;
    for line in row.played.course.lines() {
        out.data(words!("      {}", line))?;
    }
    let text = if out.colour { report.render_coloured() } else { report.render() };
    out.data(Words::rendered(&format!("\n{text}")))
}

fn told_coverage(out: &Out, plays: &Plays<'_>) -> Outcome {
    let Plays { coverage, is_whole, .. } = plays;
    let most = if *is_whole { NAMED } else { usize::MAX };
    let mut table = Table::new(&["playbook", "steps", "ways", "no scenario takes"]);
    for (playbook, covered) in &coverage.playbooks {
        let missed_steps = covered.missed_steps().count();
        let missed_ways = covered.missed_ways().count();
        let of = |missed: usize, all: usize| format!("{} of {all}", all - missed);
        table.row([
            Cell::from(playbook),
            of(missed_steps, covered.steps.len()).into(),
            of(missed_ways, covered.ways.len()).into(),
            missed(covered, most).into(),
        ]);
    }
    if !table.is_empty() {
        out.data("\n")?;
        out.table(&table)?;
        out.data("\n")?;
    }
    Ok(Exit::Done)
}

/// Names the first steps and ways that no scenario takes.
fn missed(covered: &Covered, most: usize) -> String {
    let steps = covered.missed_steps().cloned();
    // A way out of a step that no scenario comes to goes without saying.
    let is_new = |way: &&Way| covered.steps.get(&way.from).is_some_and(|times| *times > 0);
    let ways = covered.missed_ways().filter(is_new).map(|way| format!("{}/{}", way.from, way.outcome));
    let all: Vec<String> = steps.chain(ways).collect();
    let more = all.len().saturating_sub(most);
    let named = all.into_iter().take(most).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

fn row_json(plays: &Plays<'_>, row: &Row<'_>) -> Value {
    let report = plays.report(row);
    let finding = report.map(|report| report.to_json()["diagnostics"][0].take());
    json!({
        "file": row.scenario.file,
        "title": row.scenario.title,
        "playbook": row.scenario.playbook,
        "ok": row.played.finding.is_none(),
        "finding": finding,
        "course": row.played.course.lines(),
    })
}

fn coverage_json(coverage: &Coverage) -> Value {
    let way = |(way, times): (&Way, &usize)| json!({ "from": way.from, "outcome": way.outcome, "to": way.to, "times": times });
    let of = |covered: &Covered| json!({ "steps": covered.steps, "ways": covered.ways.iter().map(way).collect::<Vec<_>>() });
    let rows = coverage.playbooks.iter().map(|(playbook, covered)| (playbook.clone(), of(covered)));
    Value::Object(rows.collect())
}
