//! The answers of a scenario, and which of them is for what is asked.

use adjutant_machine::branch::BranchId;
use adjutant_spec::scenario::{Answer, BranchOf, Reply, Scenario};

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The outside, or an agent, or a route.
    World,
    /// A person at a gate.
    Person,
    /// The probe of a call in doubt.
    Probe,
    /// The operator, who settles what is in doubt.
    Operator,
    /// Whoever sends the signal that a step waits for.
    Sender,
}

/// Something that is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) playbook: &'a str,
    /// The run that asks, or the branch of one.
    pub(super) run: &'a str,
    pub(super) step: &'a str,
    pub(super) visit: u32,
    /// Whether it takes the step back.
    pub(super) undo: bool,
    pub(super) asked: Asked,
}

/// The answers that are left.
#[derive(Debug)]
pub(super) struct Script {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    answer: Answer,
    /// How many times it may be given still.
    left: u32,
}

/// An answer that was taken.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// Which one of the scenario's.
    pub(super) place: usize,
    pub(super) answer: Answer,
}

impl Script {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let row = |answer: &Answer| Row { answer: answer.clone(), left: answer.times };
        Self { rows: scenario.answers.iter().map(row).collect() }
    }

    /// Takes the first answer that is for a question.
    pub(super) fn take(&mut self, question: &Question<'_>) -> Option<Taken> {
        let mut rows = self.rows.iter_mut().enumerate();
        let (place, row) = rows.find(|(_, row)| row.left > 0 && is_for(&row.answer, question))?;
        row.left -= 1;
        Some(Taken { place, answer: row.answer.clone() })
    }

    /// Returns the last outcome that is for a question, used up or not: what goes wrong is not answered so for ever.
    pub(super) fn again(&self, question: &Question<'_>) -> Option<Taken> {
        let any = |answer: &Answer| Answer { visit: None, ..answer.clone() };
        let mut rows = self.rows.iter().enumerate().rev();
        let (place, row) = rows.find(|(_, row)| {
            matches!(row.answer.reply, Reply::Outcome { .. }) && is_for(&any(&row.answer), question)
        })?;
        Some(Taken { place, answer: row.answer.clone() })
    }

    /// Returns the first answer that was not asked for as often as it is there.
    pub(super) fn unused(&self) -> Option<Taken> {
        let mut rows = self.rows.iter().enumerate();
        let (place, row) = rows.find(|(_, row)| row.left > 0)?;
        Some(Taken { place, answer: row.answer.clone() })
    }
}

fn is_for(answer: &Answer, question: &Question<'_>) -> bool {
    let is_there = answer.playbook == question.playbook
        && answer.step == question.step
        && is_branch_of(&answer.branches, question.run)
        && answer.undo == question.undo
        && answer.visit.is_none_or(|visit| visit == question.visit);
    is_there && fits(&answer.reply, question.asked)
}

/// Returns whether a run is this branch; any is, where none is named.
fn is_branch_of(branches: &[BranchOf], run: &str) -> bool {
    let mut name = run.to_owned();
    for wanted in branches.iter().rev() {
        let Some(branch) = BranchId::of(&name) else { return false };
        if branch.round.step != wanted.step || branch.index != wanted.index {
            return false;
        }
        name = branch.parent;
    }
    true
}

/// Returns whether somebody can answer so.
fn fits(reply: &Reply, asked: Asked) -> bool {
    match (reply, asked) {
        (Reply::Outcome { word, .. }, Asked::Person) => {
            matches!(word.as_str(), "approved" | "edited" | "denied" | "expired")
        }
        (Reply::Outcome { word, .. }, Asked::World) => {
            !matches!(word.as_str(), "approved" | "edited" | "expired")
        }
        (Reply::Outcome { word, .. }, Asked::Sender) => word == "ok",
        (Reply::Error(_), Asked::World) | (Reply::Probe { .. }, Asked::Probe) => true,
        (Reply::Settle { .. }, Asked::Operator) => true,
        _ => false,
    }
}
