//! The list of runs: filters, pages.

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Page, Shown,
    frame::{Frame, Tab, short},
    parts,
};
use crate::{
    desk::{
        RunFilter,
        views::{RunLine, STATUSES},
    },
    http::{App, auth::Principal},
};

/// Returns the statuses that a filter offers: all that are live together, and each alone.
fn offered() -> Vec<String> {
    ["live"].iter().chain(STATUSES).map(|status| (*status).to_owned()).collect()
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) playbook: String,
    /// A text of what the list shows.
    #[serde(default)]
    pub(super) q: String,
    #[serde(default)]
    pub(super) after: String,
}

/// Shows a page of runs.
pub(super) async fn page(State(app): State<App>, who: Principal, Query(filter): Query<Filter>) -> Shown {
    let (frame, _) = Frame::read(&app, &who).await?;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let wish = RunFilter {
        status: some(&filter.status),
        playbook: some(&filter.playbook),
        text: some(filter.q.trim()),
        after: some(&filter.after),
        limit: parts::PAGE + 1,
        ..RunFilter::default()
    };
    let runs = app.desk.runs(&who, wish).await?;
    let playbooks: Vec<String> =
        app.desk.plan().map(|plan| plan.playbooks.keys().cloned().collect()).unwrap_or_default();
    Ok(Page(frame.page(Tab::Runs, "Runs", &content(&frame, &runs, &filter, &playbooks))))
}

/// Returns the page; a run more than fit tells that there is another page.
pub(super) fn content(frame: &Frame, runs: &[RunLine], filter: &Filter, playbooks: &[String]) -> Markup {
    let shown = &runs[..runs.len().min(parts::PAGE)];
    html! {
        h1 { "Runs" }
        form.filters method="get" action="/runs" {
            div.field {
                label for="q" { "Search" }
                input id="q" name="q" type="search" value=(filter.q) placeholder="title, whom, key or id";
            }
            (choice("status", "Status", &filter.status, &offered()))
            (choice("playbook", "Playbook", &filter.playbook, playbooks))
            button type="submit" { "Show" }
        }
        @if shown.is_empty() {
            (parts::nothing("No runs here.", nothing(filter)))
        } @else { (table(frame, shown)) }
        nav.paging aria-label="Pages of runs" {
            @if !filter.after.is_empty() { a href=(address(filter, "")) { "Newest" } }
            @if let Some(last) = shown.last().filter(|_| runs.len() > parts::PAGE) { a rel="next" href=(address(filter, &last.id)) { "Older →" } }
        }
    }
}

fn nothing(filter: &Filter) -> &'static str {
    if filter.q.trim().is_empty() {
        "A trigger starts them, or `adjutant run PLAYBOOK`."
    } else {
        "No run has this text in its title, whom it is about, its key or its id."
    }
}

fn address(filter: &Filter, after: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("q", filter.q.as_str()),
        ("status", &filter.status),
        ("playbook", &filter.playbook),
        ("after", after),
    ] {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    format!("/runs?{}", query.finish())
}

fn choice(name: &str, title: &str, chosen: &str, words: &[String]) -> Markup {
    html! {
        div.field {
            label for=(name) { (title) }
            select id=(name) name=(name) {
                option value="" { "any" }
                @for word in words { option value=(word) selected[word == chosen] { (word.replace('_', " ")) } }
            }
        }
    }
}

fn table(frame: &Frame, runs: &[RunLine]) -> Markup {
    html! {
        table.runs {
            thead { tr { th scope="col" { "Run" } th scope="col" { "Status" } th scope="col" { "About" } th scope="col" { "Amount" } th scope="col" { "Step" } th scope="col" { "Since" } th scope="col" { "Began" } th scope="col" { "Revision" } } }
            tbody {
                @for run in runs {
                    tr data-row {
                        th scope="row" {
                            a href={ "/runs/" (run.id) } { (title(run)) }
                            span.soft.key { (run.id) }
                            span.soft.key { (run.key) }
                        }
                        td { (parts::status(&run.status)) (parts::mark(run.mark())) }
                        td data-name="about" { (about(run)) }
                        td data-name="amount" { (run.amount.as_deref().unwrap_or("–")) }
                        td data-name="step" { (run.step.as_deref().unwrap_or("–")) }
                        td data-name="since" { (frame.time(run.since)) }
                        td data-name="began" { (frame.time(run.started)) }
                        td data-name="revision" { code { (short(&run.revision)) } }
                    }
                }
            }
        }
    }
}

/// A run that cannot be read has no title.
fn title(run: &RunLine) -> &str {
    if run.title.is_empty() { &run.id } else { &run.title }
}

fn about(run: &RunLine) -> Markup {
    html! {
        @match &run.about {
            Some(about) => { (about.key) " " span.soft { (about.kind) } }
            None => { "–" }
        }
    }
}
