//! Flow: the outcomes of each kind of step, and the edges that they take.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use crate::{
    compile::homes::{Home, Homes},
    draft::Draft,
    plan::{RecordOp, Step, StepKind, Until},
};

/// An edge from one step to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    /// The position of the step that it leads to.
    pub(crate) to: usize,
    /// The outcome that takes it; `skip` where `when` is false, `else` and `arm` of a `choose`.
    pub(crate) outcome: String,
    /// Whether the step's result is there after it.
    pub(crate) gives: bool,
    /// Whether it leads into a branch. No edge leads out of one: a branch ends, and the step that began it goes on.
    pub(crate) enters: bool,
}

/// The edges of a playbook by the position of the step that they leave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flow {
    /// By position.
    pub(crate) edges: Vec<Vec<Edge>>,
    /// Where a run begins: the first step that stands in no container.
    pub(crate) start: usize,
    /// After which steps nothing may come: an `end`, and where a branch has nothing more to do.
    pub(crate) ends: BTreeSet<usize>,
}

/// An outcome of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Its word in `on`.
    pub(crate) word: String,
    /// Whether it goes to `next` when `on` does not list it.
    pub(crate) forward: bool,
    /// Whether the step has a result then.
    pub(crate) gives: bool,
}

/// Returns the outcomes of a step that `on` may list.
pub(crate) fn outcomes(draft: &Draft, step: &Step) -> Vec<Outcome> {
    match &step.kind {
        StepKind::Agent { .. } => {
            vec![done("ok"), told("low_confidence"), lost("refused"), lost("error"), lost("over_budget")]
        }
        StepKind::Call { .. } => vec![done("ok"), lost("error"), lost("denied")],
        StepKind::Gate { .. } => {
            vec![done("approved"), done("edited"), told("denied"), told("expired"), told("withdrawn")]
        }
        StepKind::Wait { wait: Until::Signal { .. } } => vec![done("ok"), lost("expired")],
        StepKind::Wait { .. } => vec![done("ok"), told("expired")],
        StepKind::Signal { .. } | StepKind::Emit { .. } => vec![done("ok"), lost("error")],
        StepKind::Run { .. } => vec![done("ok"), lost("failed")],
        StepKind::Each { .. } => vec![done("ok"), told("some_failed"), lost("error")],
        StepKind::Parallel { .. } => vec![done("ok"), told("failed"), lost("error")],
        StepKind::Record { op: RecordOp::ReadOne { .. } } => vec![done("ok"), lost("missing")],
        StepKind::Record { op: RecordOp::ReadList { .. } } => vec![done("ok")],
        StepKind::Record { op: RecordOp::Write { .. } } => vec![done("ok"), lost("conflict")],
        StepKind::Route { route, .. } => classes(draft, route),
        StepKind::Render { .. } | StepKind::Choose { .. } | StepKind::End { .. } => Vec::new(),
    }
}

/// Returns an outcome after which the run goes on, with a result.
fn done(word: &str) -> Outcome {
    Outcome { word: word.to_owned(), forward: true, gives: true }
}

/// Returns an outcome that needs an edge of its own, with a result.
fn told(word: &str) -> Outcome {
    Outcome { word: word.to_owned(), forward: false, gives: true }
}

/// Returns an outcome that needs an edge of its own, and leaves no result.
fn lost(word: &str) -> Outcome {
    Outcome { word: word.to_owned(), forward: false, gives: false }
}

fn classes(draft: &Draft, route: &str) -> Vec<Outcome> {
    let known = draft.routes.get(route).into_iter().flat_map(|route| &route.classes);
    let mut outcomes: Vec<Outcome> = known.map(|class| told(&class.id)).collect();
    if !outcomes.iter().any(|known| known.word == "unsure") {
        outcomes.push(told("unsure"));
    }
    outcomes
}

/// Returns whether a step can go to its `next`: some outcome that `on` does not list does.
pub(crate) fn falls_through(draft: &Draft, step: &Step) -> bool {
    if step.when.is_some() {
        return true;
    }
    match &step.kind {
        StepKind::End { .. } => false,
        StepKind::Choose { otherwise, .. } => otherwise.is_none(),
        StepKind::Render { .. } => true,
        _ => outcomes(draft, step).iter().any(|known| known.forward && !step.on.contains_key(&known.word)),
    }
}

/// Returns whether a run, or the branch that a step stands in, may be at its end after it. A run ends where that is said; a branch
/// also where nothing follows.
fn may_end(draft: &Draft, step: &Step, home: Option<Home>) -> bool {
    let falls_off = || home.is_some() && step.next.is_none() && falls_through(draft, step);
    matches!(step.kind, StepKind::End { .. }) || falls_off()
}

impl Flow {
    /// Returns the edges of steps whose `next` is resolved; a target that does not exist has no edge.
    pub(crate) fn of(draft: &Draft, steps: &[Step], homes: &Homes) -> Self {
        let ids: BTreeMap<&str, usize> =
            steps.iter().enumerate().rev().map(|(place, step)| (step.id.as_str(), place)).collect();
        let mut edges: Vec<Vec<Edge>> = steps.iter().map(|step| leaving(draft, step, &ids)).collect();
        let mut entered: BTreeSet<Home> = BTreeSet::new();
        for (place, home) in (0..steps.len()).filter_map(|place| Some((place, homes.home(place)?))) {
            if entered.insert(home) {
                edges[home.holder].push(Edge {
                    to: place,
                    outcome: String::new(),
                    gives: false,
                    enters: true,
                });
            }
        }
        let ends = (0..steps.len()).filter(|place| may_end(draft, &steps[*place], homes.home(*place)));
        Self { edges, start: homes.members(None).next().unwrap_or(0), ends: ends.collect() }
    }

    /// Returns the edges that a run takes itself, without those into its branches.
    pub(crate) fn own(&self) -> Graph {
        self.graph_of(|_, edge| !edge.enters)
    }

    /// Returns the edges without their outcomes.
    pub(crate) fn graph(&self) -> Graph {
        self.graph_of(|_, _| true)
    }

    /// Returns the edges that are kept, without their outcomes.
    pub(crate) fn graph_of(&self, keep: impl Fn(usize, &Edge) -> bool) -> Graph {
        let mut graph = Graph::new(self.edges.len());
        for (from, edges) in self.edges.iter().enumerate() {
            edges.iter().filter(|edge| keep(from, edge)).for_each(|edge| graph.edge(from, edge.to));
        }
        graph
    }

    /// Returns, by position, the steps whose results are there on every path before it is entered.
    pub(crate) fn there_before(&self) -> Vec<BTreeSet<usize>> {
        let all: BTreeSet<usize> = (0..self.edges.len()).collect();
        let mut before = vec![all; self.edges.len()];
        if let Some(first) = before.get_mut(self.start) {
            first.clear();
        }
        // Each round only takes away, so it ends.
        let mut moved = true;
        while moved {
            moved = false;
            for (from, edges) in self.edges.iter().enumerate() {
                for edge in edges {
                    let mut given = before[from].clone();
                    if edge.gives {
                        given.insert(from);
                    }
                    let met: BTreeSet<usize> = before[edge.to].intersection(&given).copied().collect();
                    moved |= met.len() != before[edge.to].len();
                    before[edge.to] = met;
                }
            }
        }
        before
    }
}

fn leaving(draft: &Draft, step: &Step, ids: &BTreeMap<&str, usize>) -> Vec<Edge> {
    let mut edges = Vec::new();
    let mut add = |target: Option<&String>, outcome: &str, gives: bool| {
        if let Some(to) = target.and_then(|id| ids.get(id.as_str())) {
            edges.push(Edge { to: *to, outcome: outcome.to_owned(), gives, enters: false });
        }
    };
    let next = step.next.as_ref();
    if step.when.is_some() {
        add(next, "skip", false);
    }
    match &step.kind {
        StepKind::End { .. } => return Vec::new(),
        StepKind::Choose { arms, otherwise } => {
            arms.iter().for_each(|arm| add(Some(&arm.to), "arm", true));
            add(otherwise.as_ref().or(next), "else", true);
        }
        StepKind::Render { .. } => add(next, "ok", true),
        _ => {
            for outcome in outcomes(draft, step) {
                let forward = if outcome.forward { next } else { None };
                add(step.on.get(&outcome.word).or(forward), &outcome.word, outcome.gives);
            }
        }
    }
    edges
}
