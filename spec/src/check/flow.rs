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
    /// Whether it is the edge of a scope that is taken when something goes wrong in the step, or time is over.
    pub(crate) breaks: bool,
    /// The positions of the scopes that it leaves: their results are there after it.
    pub(crate) left: Vec<usize>,
}

impl Edge {
    /// Returns whether the result of a step is there after the edge, which leaves another one.
    pub(crate) fn gives(&self, from: usize, place: usize) -> bool {
        (self.gives && from == place) || self.left.contains(&place)
    }
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
        StepKind::Scope { .. } => vec![done("ok"), told("error"), told("expired")],
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

impl Flow {
    /// Returns the edges of steps whose `next` is resolved; a target that does not exist has no edge.
    pub(crate) fn of(draft: &Draft, steps: &[Step], homes: &Homes) -> Self {
        let ids = steps.iter().enumerate().rev().map(|(place, step)| (step.id.as_str(), place)).collect();
        let making = Making { draft, steps, homes, ids };
        let places = 0..steps.len();
        let mut edges: Vec<Vec<Edge>> = places.clone().map(|place| making.leaving(place)).collect();
        let mut entered: BTreeSet<Home> = BTreeSet::new();
        for (place, home) in places.clone().filter_map(|place| Some((place, homes.home(place)?))) {
            if entered.insert(home) {
                edges[home.holder].push(Edge { enters: !homes.is_scope(home), ..edge(place, "") });
            }
        }
        let ends = places.filter(|place| making.may_end(*place)).collect();
        Self { edges, start: homes.members(None).next().unwrap_or(0), ends }
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
                    given.extend(edge.gives.then_some(from).into_iter().chain(edge.left.iter().copied()));
                    let met: BTreeSet<usize> = before[edge.to].intersection(&given).copied().collect();
                    moved |= met.len() != before[edge.to].len();
                    before[edge.to] = met;
                }
            }
        }
        before
    }
}

/// Returns an edge to a step, for an outcome that gives nothing.
fn edge(to: usize, outcome: &str) -> Edge {
    let outcome = outcome.to_owned();
    Edge { to, outcome, gives: false, enters: false, breaks: false, left: Vec::new() }
}

/// What edges are made of.
struct Making<'a> {
    draft: &'a Draft,
    steps: &'a [Step],
    homes: &'a Homes,
    ids: BTreeMap<&'a str, usize>,
}

/// Where a run goes on after a step that says nothing else.
struct Onward {
    /// There; nowhere at the end of a branch, and where nothing follows.
    to: Option<usize>,
    /// The scopes that it leaves by that.
    left: Vec<usize>,
}

impl Making<'_> {
    fn place(&self, id: Option<&String>) -> Option<usize> {
        self.ids.get(id?.as_str()).copied()
    }

    /// Where nothing follows a step in a scope, what follows the scope comes next.
    fn onward(&self, place: usize) -> Onward {
        let mut left = Vec::new();
        let mut next = self.steps[place].next.as_ref();
        for holder in self.homes.scopes(place) {
            if next.is_some() {
                break;
            }
            left.push(holder);
            let scope = &self.steps[holder];
            next = scope.on.get("ok").or(scope.next.as_ref());
        }
        Onward { to: self.place(next), left }
    }

    /// Returns whether a run, or the branch that a step stands in, may be at its end after it. A run ends where that is said; a
    /// branch also where nothing follows.
    fn may_end(&self, place: usize) -> bool {
        let step = &self.steps[place];
        let falls_off = || {
            let is_in_branch = self.homes.branch(place).is_some();
            is_in_branch && falls_through(self.draft, step) && self.onward(place).to.is_none()
        };
        matches!(step.kind, StepKind::End { .. }) || falls_off()
    }

    fn leaving(&self, place: usize) -> Vec<Edge> {
        let step = &self.steps[place];
        let mut edges = Vec::new();
        let onward = self.onward(place);
        let mut add = |target: Option<&String>, outcome: &str, gives: bool| {
            let (to, left) = match target {
                Some(id) => (self.place(Some(id)), Vec::new()),
                None => (onward.to, onward.left.clone()),
            };
            edges.extend(to.map(|to| Edge { gives, left, ..edge(to, outcome) }));
        };
        if step.when.is_some() {
            add(None, "skip", false);
        }
        match &step.kind {
            // It is left by the steps that stand in it.
            StepKind::End { .. } | StepKind::Scope { .. } => {}
            StepKind::Choose { arms, otherwise } => {
                arms.iter().for_each(|arm| add(Some(&arm.to), "arm", true));
                add(otherwise.as_ref(), "else", true);
            }
            StepKind::Render { .. } => add(None, "ok", true),
            _ => {
                for outcome in outcomes(self.draft, step) {
                    let to = step.on.get(&outcome.word);
                    if to.is_some() || outcome.forward {
                        add(to, &outcome.word, outcome.gives);
                    }
                }
            }
        }
        edges.extend(self.breaking(place));
        edges
    }

    /// Whatever goes wrong in a step may be taken by an edge of the scopes that it stands in.
    fn breaking(&self, place: usize) -> Vec<Edge> {
        let edge_of = |holder: usize, outcome: &str| {
            let to = self.place(self.steps[holder].on.get(outcome))?;
            Some(Edge { breaks: true, left: vec![holder], ..edge(to, outcome) })
        };
        let outcomes = ["error", "expired"];
        let around = self.homes.scopes(place);
        around.flat_map(|holder| outcomes.map(|outcome| edge_of(holder, outcome))).flatten().collect()
    }
}
