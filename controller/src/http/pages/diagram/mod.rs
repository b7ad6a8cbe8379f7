//! The state diagram of a playbook as SVG, with the way that a run took and the place where it stands.

mod layers;

use std::collections::BTreeMap;

use adjutant_spec::plan::{Playbook, Step, StepKind};
use maud::{Markup, html};

use layers::{Point, Sizes};

use crate::desk::views::RunView;

const SIZES: Sizes = Sizes { width: 172.0, height: 46.0, gap: 26.0, rise: 44.0 };
const MARGIN: f64 = 12.0;
/// More letters than this do not fit into a node.
const LONGEST_TITLE: usize = 20;
/// More letters than this do not fit beside an edge.
const LONGEST_LABEL: usize = 20;

/// What a run did so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Where it stands.
    here: Option<String>,
    /// The outcome of each step that was left.
    left_by: BTreeMap<String, String>,
    /// What its end means: `done`, `failed`, …; nothing while it lives.
    ended: Option<String>,
}

impl Progress {
    /// Reads how far a run is.
    pub(super) fn of(run: &RunView) -> Self {
        let left = run.steps.iter().filter(|step| step.visits > 0);
        let left_by = left.filter_map(|step| Some((step.id.clone(), step.outcome.clone()?))).collect();
        let ended = run.ended.map(|_| run.line.status.clone());
        Self { here: run.line.step.clone(), left_by, ended }
    }

    fn class(&self, step: &str) -> &'static str {
        if self.here.as_deref() == Some(step) {
            return if self.ended.is_some() { "node is-last" } else { "node is-here" };
        }
        match self.left_by.get(step).map(String::as_str) {
            Some("error" | "failed" | "denied" | "over_budget" | "refused") => "node is-bad",
            Some(_) => "node is-past",
            None => "node",
        }
    }

    fn took(&self, edge: &Edge) -> bool {
        if edge.enters {
            return self.left_by.contains_key(&edge.to) || self.here.as_ref() == Some(&edge.to);
        }
        self.left_by.get(&edge.from).is_some_and(|outcome| {
            edge.outcomes.iter().any(|known| known == outcome)
                || (edge.is_rest && !edge.listed.iter().any(|known| known == outcome))
        })
    }
}

struct Edge {
    from: String,
    to: String,
    /// What it is taken by, for people.
    label: String,
    outcomes: Vec<String>,
    /// Whether it takes every outcome that has no edge of its own.
    is_rest: bool,
    listed: Vec<String>,
    /// Whether it leads from a scope to the first step that stands in it.
    enters: bool,
}

/// The outcomes after which a step goes on behind its scope, where nothing follows it.
const ONWARD: [&str; 6] = ["ok", "approved", "edited", "skipped", "none", "chosen"];

/// Returns the diagram.
pub(super) fn diagram(playbook: &Playbook, progress: &Progress) -> Markup {
    let place: BTreeMap<&str, usize> =
        playbook.steps.iter().enumerate().map(|(place, step)| (step.id.as_str(), place)).collect();
    let edges: Vec<Edge> =
        edges_of(playbook).into_iter().filter(|edge| place.contains_key(edge.to.as_str())).collect();
    let links: Vec<(usize, usize)> =
        edges.iter().map(|edge| (place[edge.from.as_str()], place[edge.to.as_str()])).collect();
    let picture = layers::lay_out(playbook.steps.len(), &links, SIZES);
    let (width, height) = (picture.size.0 + 2.0 * MARGIN, picture.size.1 + 2.0 * MARGIN);
    html! {
        div.diagram role="region" aria-label={ "Diagram of " (playbook.title) } tabindex="0" {
            svg viewBox={ "0 0 " (number(width)) " " (number(height)) } width=(number(width)) height=(number(height)) role="group" aria-label="Steps and the ways between them" {
                defs { (tip("tip", "tip")) (tip("tip-taken", "tip is-taken")) }
                // What was taken is drawn last, above the rest.
                @for taken in [false, true] { @for (edge, way) in edges.iter().zip(&picture.edges).filter(|(edge, _)| progress.took(edge) == taken) { (line(edge, way, taken)) } }
                @for (step, at) in playbook.steps.iter().zip(&picture.nodes) { (node(step, *at, progress)) }
                @for (edge, (way, is_back)) in edges.iter().zip(&picture.edges).filter(|(edge, _)| !edge.label.is_empty()) { (label(edge, way, *is_back)) }
            }
        }
    }
}

fn tip(id: &str, class: &str) -> Markup {
    html! {
        marker id=(id) viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto" {
            path class=(class) d="M0 0.8 7.2 4 0 7.2z" {}
        }
    }
}

fn edges_of(playbook: &Playbook) -> Vec<Edge> {
    let mut around: BTreeMap<&str, &Step> = BTreeMap::new();
    for step in &playbook.steps {
        if let StepKind::Scope { steps, .. } = &step.kind {
            around.extend(steps.iter().map(|inner| (inner.as_str(), step)));
        }
    }
    let mut edges: Vec<Edge> = playbook.steps.iter().flat_map(edges).collect();
    for step in &playbook.steps {
        match &step.kind {
            StepKind::Scope { steps, .. } => {
                let next = step.on.get("ok").or(step.next.as_ref());
                edges.retain(|edge| edge.from != step.id || !edge.is_rest || Some(&edge.to) != next);
                edges.extend(
                    steps.first().map(|first| Edge { enters: true, ..from(step, first, String::new()) }),
                );
            }
            _ => edges.extend(onward(step, &around).map(|to| {
                let outcomes = ONWARD.map(str::to_owned).into();
                Edge { outcomes, ..from(step, to, String::new()) }
            })),
        }
    }
    edges
}

/// Returns where a step leads behind which nothing stands in its scope: to what follows the scope.
fn onward<'a>(step: &Step, around: &BTreeMap<&str, &'a Step>) -> Option<&'a str> {
    let says_all = match &step.kind {
        StepKind::End { .. } | StepKind::Route { .. } => true,
        StepKind::Choose { otherwise, .. } => otherwise.is_some(),
        _ => ["ok", "approved"].iter().any(|outcome| step.on.contains_key(*outcome)),
    };
    if says_all || step.next.is_some() {
        return None;
    }
    // As many scopes at most as there are steps: what names scopes in a circle was not checked.
    let scopes = std::iter::successors(around.get(step.id.as_str()), |scope| around.get(scope.id.as_str()));
    let mut nexts = scopes.take(around.len()).map(|scope| scope.on.get("ok").or(scope.next.as_ref()));
    nexts.find_map(|next| next.map(String::as_str))
}

/// Returns an edge that no outcome takes yet.
fn from(step: &Step, to: &str, label: String) -> Edge {
    let (from, to, listed) = (step.id.clone(), to.to_owned(), step.on.keys().cloned().collect());
    Edge { from, to, label, outcomes: Vec::new(), is_rest: false, listed, enters: false }
}

fn edges(step: &Step) -> Vec<Edge> {
    let mut by_target: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (outcome, to) in &step.on {
        by_target.entry(to).or_default().push(outcome.clone());
    }
    let edge = |to: &str, label: String| from(step, to, label);
    let mut found: Vec<Edge> = by_target
        .iter()
        .map(|(to, outcomes)| Edge { outcomes: outcomes.clone(), ..edge(to, outcomes.join(", ")) })
        .collect();
    if let StepKind::Choose { arms, otherwise } = &step.kind {
        // The outcome of a choose is the step that it chose.
        let arm =
            |to: &str, label: &str| Edge { outcomes: vec![to.to_owned()], ..edge(to, label.to_owned()) };
        found.extend(arms.iter().map(|chosen| arm(&chosen.to, &format!("if {}", chosen.when.source))));
        found.extend(otherwise.iter().map(|to| arm(to, "else")));
    }
    let is_listed = step.next.as_deref().is_some_and(|next| by_target.contains_key(next));
    if let Some(next) = step.next.as_deref().filter(|_| !is_listed) {
        found.push(Edge { is_rest: true, ..edge(next, String::new()) });
    }
    found
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

fn at((x, y): Point) -> String {
    format!("{:.1} {:.1}", x + MARGIN, y + MARGIN)
}

fn line(edge: &Edge, (way, is_back): &(Vec<Point>, bool), taken: bool) -> Markup {
    let path = if *is_back { corner(way) } else { curve(way) };
    let class = match (taken, is_back) {
        (true, _) => "edge is-taken",
        (false, true) => "edge is-back",
        (false, false) => "edge",
    };
    html! { path class=(class) d=(path) marker-end=(if taken { "url(#tip-taken)" } else { "url(#tip)" }) { title { (edge.from) " → " (edge.to) } } }
}

/// Returns a line that leaves and enters each point downwards.
fn curve(way: &[Point]) -> String {
    let mut path = way.first().map(|first| format!("M{}", at(*first))).unwrap_or_default();
    for pair in way.windows(2) {
        let bend = (pair[1].1 - pair[0].1) / 2.0;
        let (out, into) = ((pair[0].0, pair[0].1 + bend), (pair[1].0, pair[1].1 - bend));
        path.push_str(&format!("C{} {} {}", at(out), at(into), at(pair[1])));
    }
    path
}

/// Returns a line around the side, with round corners.
fn corner(way: &[Point]) -> String {
    let [start, low, high, end] = way else { return String::new() };
    let round = 10.0_f64.min((low.1 - high.1).abs() / 2.0);
    let up = if low.1 > high.1 { round } else { -round };
    format!(
        "M{}L{}Q{} {}L{}Q{} {}L{}",
        at(*start),
        at((low.0 - round, low.1)),
        at(*low),
        at((low.0, low.1 - up)),
        at((high.0, high.1 + up)),
        at(*high),
        at((high.0 - round, high.1)),
        at(*end)
    )
}

fn label(edge: &Edge, way: &[Point], is_back: bool) -> Markup {
    let (Some(first), Some(second)) = (way.first(), way.get(1)) else { return html! {} };
    // Near the step that is left, where the ways have parted already.
    let (x, y) = if is_back {
        (second.0, second.1 - 8.0)
    } else {
        (first.0 + (second.0 - first.0) * 0.62, first.1 + (second.1 - first.1) * 0.56)
    };
    let short = clipped(&edge.label, LONGEST_LABEL);
    html! {
        text.edge-label x=(number(x + MARGIN)) y=(number(y + MARGIN)) text-anchor="middle" { (short) title { (edge.label) } }
    }
}

fn node(step: &Step, (x, y): Point, progress: &Progress) -> Markup {
    let (left, top) = (x - SIZES.width / 2.0 + MARGIN, y - SIZES.height / 2.0 + MARGIN);
    let title = step.title.as_deref().unwrap_or(&step.id);
    let round = match step.kind {
        StepKind::End { .. } => "23",
        StepKind::Gate { .. } => "4",
        _ => "10",
    };
    let class = progress.class(&step.id);
    let state = if class.ends_with("is-here") { ", the run stands here" } else { "" };
    html! {
        a href={ "#step-" (step.id) } aria-label={ (step.kind.word()) " " (title) (state) } {
            g class={ (class) " is-" (step.kind.word()) } {
                @if class.ends_with("is-here") {
                    rect.halo x=(number(left - 5.0)) y=(number(top - 5.0)) width=(number(SIZES.width + 10.0)) height=(number(SIZES.height + 10.0)) rx="14" {}
                }
                rect.box x=(number(left)) y=(number(top)) width=(number(SIZES.width)) height=(number(SIZES.height)) rx=(round) {}
                text.node-kind x=(number(x + MARGIN)) y=(number(top + 17.0)) text-anchor="middle" { (step.kind.word()) }
                text.node-title x=(number(x + MARGIN)) y=(number(top + 34.0)) text-anchor="middle" { (clipped(title, LONGEST_TITLE)) }
                title { (step.kind.word()) ": " (title) }
            }
        }
    }
}

fn clipped(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest - 1).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use adjutant_company::{company, plan};

    use super::*;

    const WORKS: &str = r#"schema = "adjutant/v1"

[[step]]
id = "group"
scope = "the work"
on = { error = "sorry" }
next = "done"

[[step]]
id = "ask"
in = "group"
gate = "Go on?"
risk = "low"
expires = "1h"
on = { denied = "no", expired = "no" }
next = "rest"

[[step]]
id = "no"
in = "group"
end = "failed"

[[step]]
id = "rest"
in = "group"
wait = "1h"

[[step]]
id = "sorry"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

    #[test]
    fn a_scope_is_entered_at_its_first_step_and_left_behind_its_last() {
        let plan = plan(&company(&[("playbooks/hello.toml", WORKS)]));
        let edges = edges_of(&plan.playbooks["hello"]);
        let mut ways: Vec<String> =
            edges.iter().map(|edge| format!("{} -> {} {}", edge.from, edge.to, edge.label)).collect();
        ways.sort();
        let expected = [
            "ask -> no denied, expired",
            "ask -> rest ",
            "group -> ask ",
            "group -> sorry error",
            "rest -> done ",
        ];
        assert_eq!(ways, expected);
        let left_by = [("ask", "approved"), ("rest", "ok"), ("group", "ok")];
        let left_by = left_by.map(|(step, outcome)| (step.to_owned(), outcome.to_owned())).into();
        let progress = Progress { here: None, left_by, ended: None };
        let took: Vec<&str> =
            edges.iter().filter(|edge| progress.took(edge)).map(|edge| edge.to.as_str()).collect();
        assert_eq!(took.len(), 3, "in, on and out: {took:?}");
        assert!(!took.contains(&"sorry") && !took.contains(&"no"));
    }
}
