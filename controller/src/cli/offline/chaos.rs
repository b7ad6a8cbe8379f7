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
    /// How many pairs of which both faults happened.
    pairs: usize,
    /// The shortest history of each sort of trouble at each step.
    troubles: Vec<Trouble>,
}

/// Disturbs scenarios until every fault was tried by itself and the time is over. All have to hold before one is disturbed:
/// what was found would be lost otherwise.
pub(super) fn chaos(out: &Out, args: &TestArgs, wanted: &Wanted<'_>) -> Outcome {
    let mut houses: Vec<Playhouse<'_>> =
        wanted.scenarios.iter().map(|_| Playhouse::new(wanted.plan)).collect();
    let begin = |(house, scenario)| explorer(house, scenario, args.seed);
    let ready: Vec<Ready<'_, '_>> =
        houses.iter_mut().zip(wanted.scenarios).map(begin).collect::<Result<_, Failure>>()?;
    let explored = explore_all(ready, Duration::from_millis(args.patience.millis()));
    let is_calm = explored.iter().all(|one| one.troubles.is_empty());
    if out.json {
        let rows: Vec<Value> = explored.iter().map(row_json).collect();
        out.value(&json!({ "ok": is_calm, "seed": args.seed, "scenarios": rows }))?;
    } else {
        for one in &explored {
            told(out, args.seed, one)?;
        }
    }
    Ok(if is_calm { Exit::Done } else { Exit::Invalid })
}

/// A scenario that holds, ready to be disturbed.
struct Ready<'a, 'p> {
    scenario: &'a Scenario,
    explorer: Explorer<'a, 'p>,
}

fn explorer<'a, 'p>(
    house: &'a mut Playhouse<'p>,
    scenario: &'a Scenario,
    seed: u64,
) -> Result<Ready<'a, 'p>, Failure> {
    let explorer = Explorer::new(house, scenario, seed).map_err(|found| {
        Failure::invalid(format!("{} does not hold: {}", scenario.file, found.message)).hint(format!(
            "`adjutant test {}` shows what happens; only what holds can be disturbed",
            scenario.file
        ))
    })?;
    Ok(Ready { scenario, explorer })
}

fn explore_all<'a>(ready: Vec<Ready<'a, '_>>, patience: Duration) -> Vec<Explored<'a>> {
    let (begun, all) = (Instant::now(), ready.len());
    let explored = ready.into_iter().enumerate().map(|(place, one)| {
        // What is left is shared among those that are left.
        let left = u32::try_from(all - place).unwrap_or(u32::MAX);
        explore(one, patience.saturating_sub(begun.elapsed()) / left)
    });
    explored.collect()
}

/// Disturbs one scenario: with every fault by itself, however long that takes, and with pairs for as long as its share lasts.
fn explore<'a>(ready: Ready<'a, '_>, share: Duration) -> Explored<'a> {
    let Ready { scenario, mut explorer } = ready;
    let (begun, of) = (Instant::now(), explorer.singles());
    let (mut singles, mut pairs, mut drawn) = (0, 0, 0);
    let mut shortest: BTreeMap<Place, Trouble> = BTreeMap::new();
    // Drawn at random, so many pairs are nearly all that there are.
    while !explorer.has_tried_singles() || (begun.elapsed() < share && drawn < of * of) {
        let is_single = !explorer.has_tried_singles();
        let Some(tried) = explorer.try_next() else { break };
        // What did not happen was not tried: one fault may lead past the other.
        let counted = usize::from(tried.happened);
        if is_single {
            singles += counted;
        } else {
            (drawn, pairs) = (drawn + 1, pairs + counted);
        }
        tried.troubles.into_iter().for_each(|trouble| keep_shorter(&mut shortest, trouble));
    }
    Explored { scenario, singles, of, pairs, troubles: shortest.into_values().collect() }
}

fn keep_shorter(shortest: &mut BTreeMap<Place, Trouble>, trouble: Trouble) {
    let place = Place { sort: trouble.sort, step: trouble.step.clone() };
    if shortest.get(&place).is_none_or(|known| length(known) > length(&trouble)) {
        shortest.insert(place, trouble);
    }
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

fn told(out: &Out, seed: u64, one: &Explored<'_>) -> Outcome {
    let Explored { scenario, singles, of, pairs, troubles } = one;
    let pairs = check::count(*pairs, "pair");
    let word = match troubles.is_empty() {
        true => out.paint(Paint::Green, "ok"),
        false => out.paint(Paint::Red, "FAIL"),
    };
    out.data(words!(
        "{}  {}  {} of {} faults by themselves, {} with --seed {}",
        word,
        scenario.file,
        *singles,
        *of,
        pairs,
        seed
    ))?;
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
