//! One run: where it stands and why, its diagram, its steps with values, its effects and gates, at any of its entries.

use std::collections::BTreeMap;

use adjutant_machine::{
    branch::{root_of, steps_of},
    classified::Classified,
};
use adjutant_spec::plan::{Playbook, Step, StepKind};
use axum::extract::{Path, Query, State};
use maud::{Markup, html};

use super::{
    Page, Shown,
    act::Came,
    card,
    diagram::{self, Progress},
    frame::{Frame, Tab, short},
    parts, settle,
};
use crate::{
    desk::{
        split_at,
        views::{EffectView, JudgedView, RoundView, RunView, StepView, WhyView},
    },
    http::{App, auth::Principal},
};

/// What the page shows.
pub(super) struct OneRun {
    pub(super) run: RunView,
    /// The reason chain of its present place.
    pub(super) why: Option<WhyView>,
    /// The playbook for the diagram.
    pub(super) playbook: Option<(Playbook, Match)>,
    /// The entry after which it is shown; nothing for now.
    pub(super) at: Option<u64>,
    /// Its last entry.
    pub(super) last: u64,
    /// The routes in force, by the step that asks them.
    pub(super) asks: BTreeMap<String, Asks>,
}

/// What a route step asks, and what its text may be said to be.
pub(super) struct Asks {
    pub(super) route: String,
    pub(super) classes: Vec<String>,
}

/// How a playbook fits a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// It is what the run pins.
    Pinned,
    /// It has the same steps; the ways between them may be others.
    SameSteps,
}

/// What is asked for.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Asked {
    at: Option<String>,
    notice: Option<String>,
}

/// Shows a run, now or after one of its entries.
pub(super) async fn page(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Shown {
    let (frame, _) = Frame::read(&app, &who).await?;
    let (id, named) = split_at(&id)?;
    let now = app.desk.run(&who, id, None).await?;
    let last = now.seq;
    let at = asked.at.as_deref().and_then(|at| at.parse().ok()).or(named).filter(|at| *at < last);
    let run = match at {
        Some(seq) => app.desk.run(&who, id, Some(seq)).await?,
        None => now,
    };
    let why = match at {
        None => app.desk.why(&who, id).await.ok(),
        Some(_) => None,
    };
    let playbook = playbook_of(&app, &run);
    let asks = playbook.as_ref().map(|(playbook, _)| asks(&app, playbook)).unwrap_or_default();
    let shown = OneRun { playbook, run, why, at, last, asks };
    let frame = frame.with_notice(Came { notice: asked.notice }.notice);
    Ok(Page(frame.page(Tab::Runs, &shown.run.line.id, &content(&frame, &shown))))
}

/// Returns the playbook that the run pins where it is in force, else the one in force where it has the same steps; of a branch with
/// the steps of its container.
fn playbook_of(app: &App, run: &RunView) -> Option<(Playbook, Match)> {
    let plan = app.desk.plan()?;
    let bundle = plan.bundles.get(&run.line.playbook)?;
    let steps = steps_of(&bundle.playbook, &run.line.id)?.to_vec();
    let present = Playbook { steps, ..bundle.playbook.clone() };
    if bundle.id() == run.line.bundle {
        return Some((present, Match::Pinned));
    }
    let is_same = present.steps.len() == run.steps.len()
        && present
            .steps
            .iter()
            .zip(&run.steps)
            .all(|(step, view)| step.id == view.id && step.kind.word() == view.kind);
    is_same.then_some((present, Match::SameSteps))
}

/// Returns the routes in force, by the step that asks them.
fn asks(app: &App, playbook: &Playbook) -> BTreeMap<String, Asks> {
    let Some(plan) = app.desk.plan() else { return BTreeMap::new() };
    let of_step = |step: &Step| {
        let StepKind::Route { route, .. } = &step.kind else { return None };
        let classes = plan.routes.get(route)?.classes.iter().map(|class| class.id.clone()).collect();
        Some((step.id.clone(), Asks { route: route.clone(), classes }))
    };
    playbook.steps.iter().filter_map(of_step).collect()
}

/// Returns the page.
pub(super) fn content(frame: &Frame, shown: &OneRun) -> Markup {
    let run = &shown.run;
    html! {
           p.crumbs { a href="/runs" { "Runs" } " / " (run.line.id) }
           header.run-head {
               h1 { @match &shown.playbook { Some((playbook, _)) => (playbook.title), None => (run.line.playbook) } }
               p {
                   (parts::status(&run.line.status)) (parts::mark(run.line.mark()))
                   @if let Some(step) = &run.line.step { " at " a href={ "#step-" (step) } { (step) } }
                   span.soft { " · since " (frame.time(run.line.since)) " · began " (frame.time(run.line.started)) }
               }
    @if run.line.about.is_some() || run.line.amount.is_some() {
                   p {
                       @if let Some(about) = &run.line.about { "About " a href={ "/runs?q=" (query(&about.key)) } { (about.kind.replace('_', " ")) " " bdi { (about.key) } } }
                       @if let Some(amount) = &run.line.amount { " · " strong.amount { (amount) } }
                   }
               }
               @if let Some(part) = &run.line.part { p { "About " bdi { (part) } } }
               p.soft { code { (run.line.id) } " · key " code { (run.line.key) } " · revision " code { (short(&run.line.revision)) } " · bundle " code { (short(&run.line.bundle)) }
                   @if root_of(&run.line.id) != run.line.id { " · a branch of " a href={ "/runs/" (root_of(&run.line.id)) } { (root_of(&run.line.id)) } }
                   @if let Some(parent) = &run.parent { " · started by " a href={ "/runs/" (parent.run) } { (parent.run) } } }
           }
           (scrubber(shown))
           div.columns.is-run {
               div {
                   @if shown.at.is_none() { (waiting(frame, shown)) }
                   (scopes(frame, run))
                   (gates(frame, run))
                   (steps(frame, shown))
                   @for round in &run.rounds { (branches(frame, round)) }
                   (timeline(frame, run))
               }
               div.aside {
                   (picture(shown))
                   @if shown.at.is_none() { (steer(frame, run)) }
                   section.panel { h2 { "Given" } @if run.input.is_empty() { p.soft { "No inputs." } } dl.fields { @for (name, value) in &run.input { dt { (name) } dd { (parts::value(value)) } } } }
                   @if !run.children.is_empty() { section.panel { h2 { "Started" } ul.lines { @for child in &run.children { li { a href={ "/runs/" (child) } { (child) } } } } } }
               }
           }
       }
}

fn query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn scrubber(shown: &OneRun) -> Markup {
    let (id, seq, last) = (&shown.run.line.id, shown.run.seq, shown.last);
    html! {
        nav.scrubber aria-label="Moments of this run" {
            @if seq > 1 { a href={ "/runs/" (id) "?at=" (seq - 1) } rel="prev" { "← before" } }
            form method="get" action={ "/runs/" (id) } {
                label for="at" { "Entry" }
                input #at type="number" name="at" min="1" max=(last) value=(seq);
                span.soft { " of " (last) }
                button type="submit" { "Show" }
            }
            @if seq < last { a href={ "/runs/" (id) "?at=" (seq + 1) } rel="next" { "after →" } a href={ "/runs/" (id) } { "now" } }
            @if shown.at.is_some() { p.notice { "This is the run as it was after entry " (seq) "." } }
        }
    }
}

fn waiting(frame: &Frame, shown: &OneRun) -> Markup {
    let run = &shown.run;
    html! {
        @if run.ended.is_none() {
            section.panel.is-why aria-labelledby="why" {
                h2 #why { "Why is this waiting?" }
                @if run.waiting.is_empty() { p { "It is not: the next step is under way." } }
                @for reason in &run.waiting { p { (reason) } }
                @if let Some(why) = &shown.why {
                    ol.chain { @for line in &why.chain {
                        li { span.tag { (line.kind) } " " (line.text) @if let Some(at) = line.at { span.soft { " · " (frame.time(at)) } } }
                    } }
                }
            }
        }
    }
}

/// The scopes that the run is in.
fn scopes(frame: &Frame, run: &RunView) -> Markup {
    html! {
        @for scope in &run.scopes {
            @let step = html! { a href={ "#step-" (scope.step) } { (scope.step) } };
            @if let Some(why) = &scope.failing {
                p.notice.is-warning { "Scope " (step) " takes back what it did: " (why) }
            } @else {
                p.soft { "In scope " (step) @if let Some(ends) = scope.ends { " · ends " (frame.time(ends)) " at the latest" } }
            }
        }
    }
}

fn gates(frame: &Frame, run: &RunView) -> Markup {
    html! {
        @for gate in run.gates.iter().filter(|gate| gate.state == "open") {
            p.notice.is-warning { a href={ "/gates/" (gate.id) } { (gate.question) } " " (card::lapses(frame, gate.expires)) }
        }
    }
}

fn steps(frame: &Frame, shown: &OneRun) -> Markup {
    html! {
        section aria-labelledby="steps" {
            h2 #steps { "Steps" }
            ol.steps {
                @for step in &shown.run.steps { (self::step(frame, shown, step)) }
            }
        }
    }
}

/// How far the branches of a step are, and the first that are not over.
fn branches(frame: &Frame, round: &RoundView) -> Markup {
    let id = format!("branches-{}-{}", round.step, round.number);
    html! {
        section.panel aria-labelledby=(id) {
            h2 id=(id) { "Branches of " (round.step) @if round.number > 1 { ", round " (round.number) } }
            p { (round.begun) " of " (round.count) " begun · " (round.ok) " ok · " (round.failed) " failed · " (round.open) " open" }
            @if !round.unfinished.is_empty() {
                ul.lines { @for branch in &round.unfinished {
                    li {
                        (parts::status(&branch.status)) " "
                        a href={ "/runs/" (branch.id) } { bdi { (branch.part.as_deref().unwrap_or(&branch.id)) } }
                        @if let Some(step) = &branch.step { span.soft { " · " (step) } }
                        span.soft.when { " · " (frame.time(branch.since)) }
                    }
                } }
            }
        }
    }
}

fn step(frame: &Frame, shown: &OneRun, step: &StepView) -> Markup {
    let run = &shown.run;
    let is_here = run.line.step.as_deref() == Some(step.id.as_str()) && run.ended.is_none();
    let class = match (is_here, step.visits) {
        (true, _) => "step is-here",
        (false, 0) => "step is-unseen",
        (false, _) => "step is-past",
    };
    let effects: Vec<&EffectView> =
        run.effects.iter().filter(|effect| step.effects.contains(&effect.id)).collect();
    html! {
        li class=(class) id={ "step-" (step.id) } {
            p.step-head {
                span.kind { (step.kind) } " " strong { (step.title.as_deref().unwrap_or(&step.id)) }
                @if is_here { " " span.pill.is-here { "here" } }
                @if let Some(outcome) = &step.outcome { " " span.outcome { "→ " (outcome.replace('_', " ")) } }
                @if step.visits > 1 { span.soft { " · " (step.visits) " times" } }
                @if let Some(ended) = step.ended.or(step.started) { span.soft.when { (frame.time(ended)) } }
            }
            @for effect in effects {
                (parts::effect(frame, effect))
                @if shown.at.is_none() { (settle::forms(frame, effect, &format!("/runs/{}", run.line.id))) }
            }
            @if let Some(decided) = step.value.as_ref().and_then(Classified::read) {
                (decision(&decided))
                @if let Some(judged) = &step.judged { (verdict(frame, judged)) }
                @if let Some(asks) = shown.asks.get(&step.id).filter(|_| shown.at.is_none()) {
                    (correct(frame, (run, step), (&decided, asks)))
                }
            }
            @if let Some(value) = &step.value {
                details.value open[is_here] {
                    summary { "Result " @if let Some(labels) = step.labels { (parts::labels(labels)) } @if step.original.is_some() { span.tag { "edited" } } }
                    (parts::value(value))
                    @if let Some(original) = &step.original { p.soft { "Before it was edited:" } (parts::value(original)) }
                }
            }
        }
    }
}

/// Why a route said what it said.
fn decision(decided: &Classified) -> Markup {
    let number = |number: f64| format!("{number:.3}");
    html! {
        dl.fields.decision {
            dt { "Class" } dd { strong { (decided.class) } (decided.author()) @if let Some(other) = &decided.runner_up { span.soft { " · before " (other) " by " (number(decided.margin)) } } }
            @if let Some(threshold) = decided.threshold {
                dt { "Probability" } dd { span.number { (number(decided.probability)) } span.soft { " · decides from " (number(threshold)) } }
                dt { "Model" } dd { code { (decided.model) } }
            }
            @if !decided.neighbours.is_empty() {
                dt { "Nearest" }
                dd { ul.values { @for near in &decided.neighbours { li { span.tag { (near.class) } " " span.number { (format!("{:.2}", near.similarity)) } " " (near.text) } } } }
            }
        }
    }
}

/// What a person said of it.
fn verdict(frame: &Frame, judged: &JudgedView) -> Markup {
    html! {
        p { "Judged: " strong { (judged.class.as_deref().unwrap_or("none of the classes")) } span.soft { " · " (judged.by) " · " (frame.time(judged.at)) } }
    }
}

/// Lets a person say what the text really is.
fn correct(
    frame: &Frame,
    (run, step): (&RunView, &StepView),
    (decided, asks): (&Classified, &Asks),
) -> Markup {
    let id = format!("class-{}", step.id);
    let said = step.judged.as_ref().map_or(Some(&decided.class), |judged| judged.class.as_ref());
    let is_none = said.is_none_or(|said| !asks.classes.contains(said));
    html! {
        details.verb-more {
            summary { "Right or wrong?" }
            form method="post" action={ "/runs/" (run.line.id) "/correct" } {
                (frame.mark_field())
                input type="hidden" name="step" value=(step.id);
                p { "A lesson for the route; this run goes on as it was." }
                div.field {
                    label for=(id) { "What is it?" }
                    select id=(id) name="class" {
                        @for class in &asks.classes { option value=(class) selected[said == Some(class)] { (class) } }
                        option value="" selected[is_none] { "none of them" }
                    }
                }
                button type="submit" { "Note it" }
            }
            @if step.judged.is_some() {
                form method="post" action={ "/routes/" (asks.route) "/refit" } {
                    (frame.mark_field())
                    p { "Everything that was said of what route " code { (asks.route) } " decided, as a change of its file for you to approve:" }
                    button type="submit" { "Propose what it learns" }
                }
            }
        }
    }
}

fn timeline(frame: &Frame, run: &RunView) -> Markup {
    html! {
        section aria-labelledby="timeline" {
            h2 #timeline { "What happened" }
            ol.timeline {
                @for line in run.timeline.iter().rev() {
                    li {
                        a.seq href={ "/runs/" (run.line.id) "?at=" (line.seq) } title="Show the run after this entry" { (line.seq) }
                        span { (line.event.replace('_', " ")) @if let Some(about) = &line.about { " " code { (about) } } }
                        span.soft { (line.by) " · " (frame.time(line.at)) }
                    }
                }
            }
        }
    }
}

fn picture(shown: &OneRun) -> Markup {
    html! {
        section.panel aria-labelledby="picture" {
            h2 #picture { "Where it stands" }
            @match &shown.playbook {
                Some((playbook, fit)) => {
                    (diagram::diagram(playbook, &Progress::of(&shown.run)))
                    @if *fit == Match::SameSteps { p.soft { "The ways are those in force now; this run keeps the ones that it began with." } }
                }
                None => p.soft { "This run keeps the playbook that it began with; the one in force has other steps." },
            }
        }
    }
}

fn steer(frame: &Frame, run: &RunView) -> Markup {
    let action = format!("/runs/{}/steer", run.line.id);
    let plain = |verb: &str, title: &str| {
        html! { form method="post" action=(action) { (frame.mark_field()) input type="hidden" name="verb" value=(verb); button type="submit" { (title) } } }
    };
    let with_reason = |verb: &str, title: &str, help: &str| {
        let id = format!("why-{verb}");
        html! {
            details.verb-more {
                summary { (title) "…" }
                form method="post" action=(action) {
                    (frame.mark_field())
                    input type="hidden" name="verb" value=(verb);
                    p { (help) }
                    div.field { label for=(id) { "Why?" } input id=(id) name="reason" type="text" required; }
                    button.danger type="submit" { (title) }
                }
            }
        }
    };
    html! {
        section.panel aria-labelledby="steer" {
            h2 #steer { "Steer" }
            div.verbs {
                @if run.line.status == "paused" { (plain("resume", "Resume")) }
                @else if run.ended.is_none() { (plain("pause", "Pause")) }
                @if run.ended.is_none() {
                    (with_reason("cancel", "Cancel", "What was done is taken back, then the run ends."))
                    (with_reason("kill", "Kill", "The run ends at once. Nothing is taken back."))
                }
                @if run.line.status == "failed" { (plain("retry", "Try again")) }
                @if root_of(&run.line.id) == run.line.id && run.line.status != "rolled_back" {
                    p { a href={ "/runs/" (run.line.id) "/rollback" } { "Take it back…" } span.soft { " shows first what that comes to." } }
                }
                @if run.ended.is_some() && run.line.status != "failed" { p.soft { "It is over." } }
            }
        }
    }
}
