//! Dead letters by their cause: one outage is one line, however many calls it struck, and is dealt with at once.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_machine::{
    branch::root_of,
    journal::{self, Table},
    run::Run,
};
use adjutant_spec::value::Money;

use super::lists;
use crate::runtime::{
    Error,
    core::Core,
    head::Head,
    reads, rows,
    views::{CauseView, DeadView, When},
};

/// How many of those that a cause struck are named.
const NAMED: usize = 5;
/// How many letters of a digest tell causes apart.
const SHORT: usize = 8;

/// A cause with everything that it struck.
pub(in crate::runtime) struct Cause {
    /// What people see of it.
    pub(in crate::runtime) view: CauseView,
    /// The calls, in the order of their ids.
    pub(in crate::runtime) letters: Vec<DeadView>,
}

/// Returns the causes of all dead letters, the one that struck most first.
pub(in crate::runtime) fn causes(core: &Core) -> Result<Vec<Cause>, Error> {
    let mut found: BTreeMap<String, Gathered> = BTreeMap::new();
    // The rows are in the order of their runs: each is read once.
    let mut last: Option<Run> = None;
    for row in journal::rows(core.journal.as_ref(), Table::Index, rows::index::DEAD) {
        let Some(id) = rows::index::dead_of(&row?.key) else { continue };
        if last.as_ref().is_none_or(|run| run.id != id.run) {
            last = match reads::load(core, &id.run) {
                Ok(run) => Some(run),
                // One that cannot be read, or was settled just now, hides no other.
                Err(Error::Quarantined { .. } | Error::Gone { .. } | Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            };
        }
        let Some(run) = &last else { continue };
        let Some(letter) = run.dead_letters().find(|(effect, _)| **effect == id) else { continue };
        let letter = lists::dead_letter(core, run, letter)?;
        let gathered = found.entry(cause_of(&letter)).or_default();
        gathered.since = gathered.since.into_iter().chain([When(run.updated_at)]).min();
        let amount: Option<Money> = Head::of(run).amount.and_then(|amount| amount.parse().ok());
        let root = root_of(&run.id).to_owned();
        gathered.amounts.extend(amount.map(|amount| (root, amount)));
        gathered.letters.push(letter);
    }
    let mut causes: Vec<Cause> = found.into_iter().filter_map(|(id, gathered)| gathered.cause(id)).collect();
    causes.sort_by(|one, other| {
        other.view.count.cmp(&one.view.count).then_with(|| one.view.id.cmp(&other.view.id))
    });
    Ok(causes)
}

/// What was found of one cause so far.
#[derive(Default)]
struct Gathered {
    letters: Vec<DeadView>,
    /// What each run is about, once.
    amounts: BTreeMap<String, Money>,
    since: Option<When>,
}

impl Gathered {
    fn cause(self, id: String) -> Option<Cause> {
        let Self { letters, amounts, since } = self;
        let first = letters.first()?;
        let distinct = |of: &dyn Fn(&DeadView) -> Option<String>| {
            letters.iter().filter_map(of).collect::<BTreeSet<String>>()
        };
        let all: Vec<String> = letters.iter().map(|letter| letter.effect.id.to_string()).collect();
        let view = CauseView {
            id,
            target: first.effect.target.clone(),
            phase: first.effect.phase.clone(),
            error: first.effect.error.clone().unwrap_or_default(),
            count: letters.len() as u64,
            playbooks: distinct(&|letter| Some(letter.playbook.clone())).into_iter().collect(),
            whom: distinct(&|letter| letter.whom.clone()).into_iter().take(NAMED).collect(),
            amounts: sums(amounts.values()),
            since: since?,
            ways: first.effect.ways.clone(),
            token: short(&all.join("\n")),
        };
        Some(Cause { view, letters })
    }
}

/// Returns what tells a cause: what was called, whether it is known that it did not happen, and the error without what differs from
/// call to call.
fn cause_of(letter: &DeadView) -> String {
    let error = alike(letter.effect.error.as_deref().unwrap_or_default());
    short(&format!("{}\n{}\n{:?}\n{error}", letter.effect.target, letter.effect.phase, letter.effect.ways))
}

/// Returns an error without numbers and addresses: "the mailbox of ada@a.example is full" is one cause for everybody.
fn alike(error: &str) -> String {
    let word = |word: &str| {
        if word.contains('@') {
            return "@".to_owned();
        }
        let mut out = String::new();
        for letter in word.chars() {
            match letter {
                digit if digit.is_ascii_digit() => {
                    if !out.ends_with('#') {
                        out.push('#');
                    }
                }
                other => out.push(other),
            }
        }
        out
    };
    error.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn short(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..SHORT].to_owned()
}

/// Adds amounts up, by their currency.
fn sums<'a>(amounts: impl Iterator<Item = &'a Money>) -> Vec<Money> {
    let mut by_currency: BTreeMap<String, Money> = BTreeMap::new();
    for amount in amounts {
        let sum = by_currency.entry(amount.currency.to_string());
        sum.and_modify(|sum| sum.amount += amount.amount).or_insert(*amount);
    }
    by_currency.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_call_to_call_makes_no_other_cause() {
        let one = alike("503 of 10.0.0.7: mailbox of <ada@a.example> is full, try in 30 s");
        assert_eq!(one, alike("502 of 10.0.1.9: mailbox of <bob@b.example> is  full, try in 5 s"));
        assert_ne!(one, alike("503 of 10.0.0.7: mailbox of <ada@a.example> is gone"));
    }

    #[test]
    fn amounts_are_added_up_by_currency() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        let amounts = [money("10.00 EUR"), money("5.00 USD"), money("2.50 EUR")];
        let sums = sums(amounts.iter());
        assert_eq!(sums, [money("12.50 EUR"), money("5.00 USD")]);
    }
}
