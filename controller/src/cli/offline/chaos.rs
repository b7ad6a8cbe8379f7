//! `test --chaos`: the scenarios that hold are played again with faults, and what must never happen is told with the shortest
//! history that leads to it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use adjutant_sim::scenario::{Explorer, Playhouse, Sort, Trouble};
use adjutant_spec::{plan::Plan, scenario::Scenario};
use serde_json::{Value, json};

use super::check;
use crate::cli::{
    args::TestArgs,
    failure::{Exit, Failure, Outcome},
    out::{Out, Paint, words},
};

/// What is disturbed.
pub(super) struct Wanted<'a> {
    pub(super) plan: &'a Plan,
    pub(super) scenarios: &'a [Scenario],
}

/// What one scenario came to.
struct Explored<'a> {
    scenario: &'a Scenario,
    /// How many faults were tried by themselves, of how many there are.
    singles: usize,
    of: usize,
    pairs: usize,
    /// The shortest history of each sort of trouble at each step.
    troubles: Vec<Trouble>,
}

/// Disturbs scenarios until every fault was tried by itself and the time is over.
pub(super) fn chaos(out: &Out, args: &TestArgs, wanted: &Wanted<'_>) -> Outcome {
    let patience = Duration::from_millis(args.patience.millis());
    let mut explored = Vec::new();
    let begun = Instant::now();
    for (place, scenario) in wanted.scenarios.iter().enumerate() {
        // What is left is shared among those that are left.
        let left = u32::try_from(wanted.scenarios.len() - place).unwrap_or(u32::MAX);
        let share = patience.saturating_sub(begun.elapsed()) / left;
        explored.push(explore(wanted.plan, scenario, &Patience { seed: args.seed, share })?);
    }
    let is_calm = explored.iter().all(|one| one.troubles.is_empty());
    if out.json {
        let rows: Vec<Value> = explored.iter().map(row_json).collect();
        out.value(&json!({ "ok": is_calm, "seed": args.seed, "scenarios": rows }))?;
    } else {
        for one in &explored {
            told(out, one)?;
        }
    }
    Ok(if is_calm { Exit::Done } else { Exit::Invalid })
}

/// How long one scenario is disturbed, and with which pairs.
struct Patience {
    seed: u64,
    share: Duration,
}

fn explore<'a>(plan: &Plan, scenario: &'a Scenario, patience: &Patience) -> Result<Explored<'a>, Failure> {
    let mut house = Playhouse::new(plan);
    let begun = Instant::now();
    let mut explorer = Explorer::new(&mut house, scenario, patience.seed).map_err(|found| {
        Failure::invalid(format!("{} does not hold: {}", scenario.file, found.message)).hint(format!(
            "`adjutant test {}` shows what happens; only what holds can be disturbed",
            scenario.file
        ))
    })?;
    let of = explorer.singles();
    let (mut singles, mut pairs) = (0, 0);
    let mut shortest: BTreeMap<Place, Trouble> = BTreeMap::new();
    // Drawn at random, so many pairs are nearly all that there are.
    while begun.elapsed() < patience.share && pairs < of * of {
        let is_single = !explorer.has_tried_singles();
        let Some(tried) = explorer.try_next() else { break };
        if is_single {
            singles += 1;
        } else {
            pairs += 1;
        }
        for trouble in tried.troubles {
            let place = Place { sort: trouble.sort, step: trouble.step.clone() };
            let is_longer = shortest.get(&place).is_some_and(|known| length(known) <= length(&trouble));
            if !is_longer {
                shortest.insert(place, trouble);
            }
        }
    }
    Ok(Explored { scenario, singles, of, pairs, troubles: shortest.into_values().collect() })
}

/// What counts as the same trouble.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    sort: Sort,
    step: Option<String>,
}

fn length(trouble: &Trouble) -> usize {
    trouble.faults.len() * 1_000 + trouble.history.len()
}

fn told(out: &Out, one: &Explored<'_>) -> Outcome {
    let Explored { scenario, singles, of, pairs, troubles } = one;
    let pairs = check::count(*pairs, "pair");
    let word = match troubles.is_empty() {
        true => out.paint(Paint::Green, "ok"),
        false => out.paint(Paint::Red, "FAIL"),
    };
    out.data(words!("{}  {}  {} of {} faults by themselves, {}", word, scenario.file, *singles, *of, pairs))?;
    for trouble in troubles {
        out.data(words!("\n  {}: {}", out.paint(Paint::Red, trouble.sort.word()), trouble.message))?;
        for fault in &trouble.faults {
            out.data(words!("    when {}", fault))?;
        }
        for line in &trouble.history {
            out.data(words!("      {}", line))?;
        }
    }
    Ok(Exit::Done)
}

fn row_json(one: &Explored<'_>) -> Value {
    let trouble = |trouble: &Trouble| {
        json!({
            "sort": trouble.sort.word(),
            "step": trouble.step,
            "message": trouble.message,
            "faults": trouble.faults,
            "history": trouble.history,
        })
    };
    json!({
        "file": one.scenario.file,
        "playbook": one.scenario.playbook,
        "faults": { "tried": one.singles, "of": one.of, "pairs": one.pairs },
        "troubles": one.troubles.iter().map(trouble).collect::<Vec<_>>(),
    })
}
