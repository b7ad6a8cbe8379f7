//! What every page has around it: the head, the bar, the notice, and the clock that its times are told by.

use adjutant_machine::id::Stamp;
use adjutant_spec::spoken;
use jiff::{Timestamp, tz::TimeZone};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets;
use crate::{
    desk::views::{StatusView, Waiting, When},
    http::{App, Refusal, auth::Principal},
};

/// Where in the dashboard a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Today,
    Runs,
    Playbooks,
    Proposals,
    Connectors,
    Nowhere,
}

/// What every page knows of everything.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The company.
    pub(super) company: String,
    /// The zone in which times are told.
    pub(super) zone: TimeZone,
    /// The present moment.
    pub(super) now: Stamp,
    /// What each form carries; empty for callers that are no browsers.
    pub(super) csrf: String,
    /// Whether a high-risk approval is accepted now.
    pub(super) is_strong: bool,
    /// What waits for the operator.
    pub(super) waiting: Waiting,
    /// The revision in force.
    pub(super) revision: Option<String>,
    /// Whether anything at all is paused by the operator.
    pub(super) is_paused: bool,
    /// What came of the last form.
    pub(super) notice: Option<String>,
}

impl Frame {
    /// Reads what every page knows; whoever may not look at everything gets no page.
    pub(super) async fn read(app: &App, who: &Principal) -> Result<(Self, StatusView), Refusal> {
        let status = app.desk.standing(who).await?;
        let plan = app.desk.plan();
        let (company, zone) = plan.map_or_else(
            || ("Adjutant".to_owned(), TimeZone::UTC),
            |plan| (plan.company.name.clone(), TimeZone::get(&plan.company.zone).unwrap_or(TimeZone::UTC)),
        );
        let now = app.desk.now();
        let csrf = who.session.as_ref().map_or_else(String::new, |session| session.csrf.clone());
        let frame = Self {
            company,
            zone,
            now,
            csrf,
            is_strong: who.must_be_strong(now).is_ok(),
            waiting: app.desk.waiting(&status),
            revision: status.applied.as_ref().map(|applied| applied.revision.clone()),
            is_paused: !status.paused.is_empty(),
            notice: None,
        };
        Ok((frame, status))
    }

    /// Returns the frame with what came of the last form.
    pub(super) fn with_notice(mut self, notice: Option<String>) -> Self {
        self.notice = notice.map(|text| text.chars().take(300).collect());
        self
    }

    /// Returns the page around its content.
    pub(super) fn page(&self, tab: Tab, title: &str, content: &Markup) -> Markup {
        let content = html! {
            (self.bar(tab))
            main #main tabindex="-1" data-live[tab != Tab::Nowhere] {
                @if let Some(notice) = &self.notice {
                    p.notice role="status" { (notice) }
                }
                (content)
            }
            (self.foot())
        };
        document(&format!("{title} · {}", self.company), &content)
    }

    fn bar(&self, tab: Tab) -> Markup {
        let link = |this: Tab, address: &str, text: &str, count: u64| {
            html! {
                a href=(address) aria-current=[(this == tab).then_some("page")] {
                    (icon(this)) span { (text) }
                    @if count > 0 { span.count { (count) span.unseen { " waiting" } } }
                }
            }
        };
        html! {
            header.bar {
                div.bar-in {
                    a.brand href="/" { (mark()) span { (self.company) } }
                    nav aria-label="Pages" {
                        (link(Tab::Today, "/", "Today", self.waiting.total()))
                        (link(Tab::Runs, "/runs", "Runs", 0))
                        (link(Tab::Playbooks, "/playbooks", "Playbooks", 0))
                        (link(Tab::Proposals, "/proposals", "Proposals", self.waiting.proposals))
                        (link(Tab::Connectors, "/connectors", "World", self.waiting.calls + self.waiting.deliveries))
                    }
                    @if self.is_paused { a.pill.is-paused href="/connectors#paused" { "paused" } }
                }
            }
        }
    }

    fn foot(&self) -> Markup {
        html! {
            footer.foot {
                span { "In force: " @match &self.revision {
                    Some(revision) => code { (short(revision)) },
                    None => "nothing yet",
                } }
                span.only-keys { kbd { "?" } " keys" }
                @if !self.csrf.is_empty() {
                    form method="post" action="/logout" { (self.mark_field()) button.plain type="submit" { "Log out" } }
                }
            }
        }
    }

    /// Returns the hidden field that each form carries.
    pub(super) fn mark_field(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }

    /// Returns a moment: how far it is, with the exact time behind it.
    pub(super) fn time(&self, when: When) -> Markup {
        html! { time datetime=(when) title=(self.exact(when)) { (spoken::distance(when.0.0, self.now.0)) } }
    }

    /// Returns the exact civil time of a moment.
    pub(super) fn exact(&self, when: When) -> String {
        self.civil(when, "%a %-d %b %Y, %H:%M")
    }

    /// Returns the civil time of a moment, with the day where it is another one.
    pub(super) fn clock(&self, when: When) -> String {
        let is_today = self.civil(when, "%F") == self.civil(When(self.now), "%F");
        self.civil(when, if is_today { "%H:%M" } else { "%a %-d %b, %H:%M" })
    }

    /// Returns a moment in the company's zone.
    pub(super) fn civil(&self, when: When, form: &str) -> String {
        match Timestamp::from_millisecond(when.0.0) {
            Ok(moment) => moment.to_zoned(self.zone.clone()).strftime(form).to_string(),
            Err(_) => when.to_string(),
        }
    }
}

/// Returns the beginning of a long id.
pub(super) fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// Returns a page without bar, for those who are not logged in, and for errors.
pub(super) fn plain(title: &str, content: &Markup) -> Markup {
    let content = html! {
        main #main .plain-page tabindex="-1" {
            p.brand { (mark()) span { "Adjutant" } }
            (content)
        }
    };
    document(title, &content)
}

fn document(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(assets::icon_address()) type="image/svg+xml";
                link rel="stylesheet" href=(assets::style());
                script src=(assets::script()) defer {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                (content)
            }
        }
    }
}

fn mark() -> Markup {
    PreEscaped(
        r#"<svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="M12 2.5 21 20.5h-4.6l-1.5-3.2H9.1l-1.5 3.2H3z"/><path class="mark-in" d="m12 9.2 2 4.4h-4z"/></svg>"#
            .to_owned(),
    )
}

fn icon(tab: Tab) -> Markup {
    let path = match tab {
        Tab::Today => "M4 13l3-8h10l3 8v6H4zM4 13h5l1 2.5h4l1-2.5h5",
        Tab::Runs => "M5 6h14M5 12h14M5 18h9",
        Tab::Playbooks => "M7 5h4v4H7zM13 15h4v4h-4zM9 9v3h6v3",
        Tab::Proposals => "M7 5v14M7 5a2 2 0 1 0 .1 0M17 9v2a4 4 0 0 1-4 4H7M17 5a2 2 0 1 0 .1 0",
        Tab::Connectors => "M12 3a9 9 0 1 0 .1 0M3 12h18M12 3c5 5 5 13 0 18M12 3c-5 5-5 13 0 18",
        Tab::Nowhere => "",
    };
    html! { svg.tab-icon viewBox="0 0 24 24" aria-hidden="true" focusable="false" { path d=(path) {} } }
}
