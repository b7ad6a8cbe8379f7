//! Today: what waits for the operator, what went wrong, what was spent, what comes next.

use std::str::FromStr;

use adjutant_machine::{event::TimerId, id::Stamp};
use adjutant_spec::{
    advice::Advice,
    plan::{Plan, Trigger},
    shown,
    value::Money,
};
use axum::extract::{Query, State};
use croner::Cron;
use jiff::{Timestamp, tz::TimeZone};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Page, Shown,
    card::{self, Posting},
    frame::{Frame, Tab},
    parts,
};
use crate::{
    desk::{
        DeliveryFilter, PageWish, RunFilter, Who,
        views::{
            BudgetView, ConditionView, DeadView, DeliveryLine, GateView, HoldView, HookView, LIVE,
            MistakeView, Paged, PauseView, QuarantineView, SliceView, SpendView, WaitsView, When,
        },
    },
    http::{App, Refusal, auth::Principal},
};

/// How many waiting runs are asked for their timers.
const MOST_WAITING: usize = 12;
/// How many gates a page of the inbox has.
const MOST_GATES: usize = 60;
/// How many calls that failed or are in doubt are shown; the World page has all.
const MOST_CALLS: usize = 5;
/// How many cards are shown in full; the rest are lines.
const MOST_CARDS: usize = 12;
/// How many open deliveries are shown; the World page has all.
const MOST_DELIVERIES: usize = 5;

/// What Today shows.
pub(super) struct Today {
    /// The gates that wait: a page of them.
    pub(super) gates: Paged<GateView>,
    /// The first calls that failed for good, or are in doubt.
    pub(super) dead: Vec<DeadView>,
    /// What was spent.
    pub(super) spend: SpendView,
    /// What comes next, soonest first.
    pub(super) next: Vec<Coming>,
    /// What stands in the way of the revision that the source wishes.
    pub(super) held: Held,
    /// How many runs are under way.
    pub(super) live: u64,
    /// The first deliveries that start nothing yet.
    pub(super) deliveries: Vec<DeliveryLine>,
    /// Hooks that only refuse.
    pub(super) failing: Vec<HookView>,
}

/// What stands in the way.
#[derive(Default)]
pub(super) struct Held {
    /// What is wrong with the attempted revision, in the form of `check`.
    pub(super) diagnostics: Vec<MistakeView>,
    /// Slices that are held back.
    pub(super) slices: Vec<SliceView>,
    /// A hold by the operator.
    pub(super) hold: Option<HoldView>,
    /// A change that waits for a yes.
    pub(super) waits: Option<WaitsView>,
    /// Pauses of more than one run.
    pub(super) paused: Vec<PauseView>,
    /// Damaged instances.
    pub(super) quarantined: Vec<QuarantineView>,
    /// What else is not as it should be.
    pub(super) unmet: Vec<ConditionView>,
}

/// Something that will happen by itself.
pub(super) struct Coming {
    /// When.
    pub(super) at: When,
    /// What, in words.
    pub(super) what: String,
    /// Where to read on.
    pub(super) link: String,
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    notice: Option<String>,
    after: Option<String>,
}

/// Shows Today.
pub(super) async fn page(State(app): State<App>, who: Principal, Query(asked): Query<Asked>) -> Shown {
    let (frame, _) = Frame::read(&app, &who).await?;
    let frame = frame.with_notice(asked.notice);
    let today = read(&app, &who, asked.after).await?;
    Ok(Page(frame.page(Tab::Today, "Today", &content(&frame, &today))))
}

async fn read(app: &App, who: &Who, after: Option<String>) -> Result<Today, Refusal> {
    let desk = &app.desk;
    let status = desk.status(who).await?;
    let live = LIVE.iter().filter_map(|word| status.runs.by_status.get(*word)).sum();
    let mut held = Held {
        diagnostics: status.diagnostics,
        slices: status.slices.into_iter().filter(|slice| slice.held.is_some()).collect(),
        hold: status.hold,
        waits: status.waits,
        paused: status.paused,
        quarantined: status.quarantined,
        unmet: Vec::new(),
    };
    held.take_unmet(status.conditions);
    let open = DeliveryFilter { limit: MOST_DELIVERIES, ..DeliveryFilter::default() };
    Ok(Today {
        gates: desk.inbox(who, PageWish { after, limit: MOST_GATES }).await?,
        dead: desk.dead(who, PageWish { after: None, limit: MOST_CALLS }).await?.items,
        spend: desk.spend(who).await?,
        next: coming(app, who).await?,
        held,
        live,
        deliveries: desk.deliveries(who, open).await?.items,
        failing: desk.hooks().into_iter().filter(|hook| hook.failing).collect(),
    })
}

impl Held {
    /// Takes the conditions that are unmet and told by nothing else of the page: a mistake appears once.
    pub(super) fn take_unmet(&mut self, conditions: Vec<ConditionView>) {
        let is_company_told = self.hold.is_some() || self.waits.is_some() || !self.diagnostics.is_empty();
        let held: Vec<&str> = self.slices.iter().map(|slice| slice.id.as_str()).collect();
        self.unmet = conditions.into_iter().filter(|found| found.is_news(is_company_told, &held)).collect();
    }
}

async fn coming(app: &App, who: &Who) -> Result<Vec<Coming>, Refusal> {
    let mut next = app.desk.plan().map(|plan| slots(&plan, app.desk.now())).unwrap_or_default();
    let waiting =
        RunFilter { status: Some("waiting".to_owned()), limit: MOST_WAITING, ..RunFilter::default() };
    for line in app.desk.runs(who, waiting).await? {
        let run = app.desk.run(who, &line.id, None).await?;
        let timers = run.timers.iter().filter(|timer| matches!(timer.timer, TimerId::Wait(_)));
        next.extend(timers.map(|timer| Coming {
            at: timer.at,
            what: goes_on(&line.id, line.step.as_deref()),
            link: format!("/runs/{}", line.id),
        }));
    }
    next.sort_by_key(|coming| coming.at);
    next.truncate(6);
    Ok(next)
}

fn goes_on(run: &str, step: Option<&str>) -> String {
    step.map_or_else(
        || format!("{run} goes on with its next step"),
        |step| format!("{run} goes on with step {step}"),
    )
}

/// Returns the next slot of each schedule.
fn slots(plan: &Plan, now: Stamp) -> Vec<Coming> {
    let next = |cron: &str, zone: &str| {
        let now = Timestamp::from_millisecond(now.0).ok()?.to_zoned(TimeZone::get(zone).ok()?);
        let slot = Cron::from_str(cron).ok()?.find_next_occurrence(&now, false).ok()?;
        Some(When(Stamp(slot.timestamp().as_millisecond())))
    };
    let scheduled = plan.playbooks.values().filter_map(|playbook| match &playbook.trigger {
        Trigger::Schedule { cron, zone, .. } => {
            let link = format!("/playbooks/{}", playbook.id);
            Some(Coming { at: next(cron, zone)?, what: playbook.title.clone(), link })
        }
        Trigger::Manual | Trigger::Event { .. } | Trigger::Signal { .. } | Trigger::Record { .. } => None,
    });
    scheduled.collect()
}

/// Returns the page.
pub(super) fn content(frame: &Frame, today: &Today) -> Markup {
    html! {
        div.today-head {
            h1 { "Today" }
            p.soft { (frame.civil(When(frame.now), "%A, %-d %B")) }
        }
        (numbers(frame, today))
        div.columns {
            section aria-labelledby="inbox" { (inbox(frame, today)) }
            div.aside {
                (exceptions(frame, today))
                (spend(&today.spend))
                (next(frame, &today.next))
            }
        }
    }
}

fn problems(today: &Today) -> usize {
    let held = &today.held;
    let refused = usize::from(!held.diagnostics.is_empty())
        + usize::from(held.hold.is_some())
        + usize::from(held.waits.is_some());
    today.failing.len()
        + held.unmet.len()
        + held.slices.iter().filter(|slice| !is_told_below(held, slice)).count()
        + held.paused.len()
        + held.quarantined.len()
        + refused
}

fn numbers(frame: &Frame, today: &Today) -> Markup {
    let problems = problems(today);
    let waiting = frame.waiting.total();
    let cap = today.spend.budgets.iter().find(|budget| budget.scope == "company" && budget.window == "day");
    html! {
        ul.numbers {
            li class=[(waiting > 0).then_some("is-waiting")] {
                a href="#inbox" { b { (waiting) } span { "waiting for you" } }
            }
            li class=[(problems > 0).then_some("is-wrong")] {
                a href="#exceptions" { b { (problems) } span { (plural(problems, "exception", "exceptions")) } }
            }
            li {
                a href="#spend" {
                    b { @match (today.spend.today, cap) { (Some(money), _) => (money), (None, Some(cap)) => (Money::zero(cap.limit.currency)), (None, None) => "nothing" } }
                    span { @match cap { Some(cap) => { "of " (cap.limit) " today" }, None => "spent today" } }
                }
            }
            li {
                a href="/runs?status=live" { b { (today.live) } span { (plural(today.live, "run under way", "runs under way")) } }
            }
            @if let Some(coming) = today.next.first() {
                li.is-next { a href="#next" { b { (frame.clock(coming.at)) } span { (coming.what) } } }
            }
        }
    }
}

fn plural<N: PartialEq + From<u8>>(count: N, one: &'static str, many: &'static str) -> &'static str {
    if count == N::from(1) { one } else { many }
}

fn inbox(frame: &Frame, today: &Today) -> Markup {
    let page = &today.gates;
    let gates = page.items.as_slice();
    let next = page.next.as_deref().map(|id| parts::address("/", ("after", id), "#inbox"));
    html! {
        h2 #inbox { "Waiting for you" }
        (calls(frame, &today.dead))
        (deliveries(frame, &today.deliveries))
        @if frame.waiting.proposals > 0 {
            p.notice { a href="/proposals" { (frame.waiting.proposals) " " (plural(frame.waiting.proposals, "open proposal", "open proposals")) } " to read and decide." }
        }
        @if frame.waiting.total() == 0 {
            (parts::nothing("Nothing waits for you.", "Work goes on by itself; what needs a decision appears here."))
        }
        @for gate in gates.iter().take(MOST_CARDS) {
            @let posting = Posting { frame, action: format!("/gates/{}/decide", gate.id), is_alone: false, may_edit: true };
            (card::card(&posting, gate))
        }
        @if gates.len() > MOST_CARDS {
            ul.lines {
                @for gate in &gates[MOST_CARDS..] {
                    li { a href={ "/gates/" (gate.id) } { (gate.question) } " " span.soft { (card::lapses(frame, gate.expires)) } }
                }
            }
        }
        (parts::paging("the inbox", page.total, next.as_deref()))
    }
}

/// The calls of which the operator has to say what became, or what becomes now.
fn calls(frame: &Frame, dead: &[DeadView]) -> Markup {
    let whom = |call: &DeadView| html! { @if let Some(whom) = &call.whom { " to " bdi { (whom) } } };
    html! {
        @for call in dead {
            @let place = format!("/runs/{}#step-{}", call.effect.run, call.effect.step);
            p.notice.is-warning data-row {
                @if call.effect.phase == "unknown" {
                    "Only you can say what became of " code { (call.effect.target) } (whom(call)) ": " a href=(place) { "look, then say what you found" }
                } @else {
                    code { (call.effect.target) } (whom(call)) " failed for good: " a href=(place) { "look, then say what becomes of it" }
                }
            }
        }
        @if frame.waiting.calls > dead.len() as u64 {
            p { a href="/connectors#dead" { "All " (frame.waiting.calls) " calls that failed or are in doubt" } }
        }
    }
}

/// What came in and starts nothing yet.
fn deliveries(frame: &Frame, open: &[DeliveryLine]) -> Markup {
    let count = frame.waiting.deliveries;
    html! {
        @if count > 0 {
            div.notice.is-warning {
                p { a href="/connectors#deliveries" { (count) (plural(count, " delivery starts", " deliveries start")) } " nothing yet:" }
                ul.lines {
                    @for line in open {
                        li { (parts::status(&line.state)) " " (line.connector) "." (shown::line(&line.event)) " " span.soft { (frame.time(line.at)) } ": " (shown::line(&line.reason)) }
                    }
                }
            }
        }
    }
}

fn exceptions(frame: &Frame, today: &Today) -> Markup {
    let held = &today.held;
    html! {
        section.panel aria-labelledby="exceptions" {
            h2 #exceptions { "Exceptions" }
            @if problems(today) == 0 { p.soft { "None. Everything that was started is under way or done." } }
            @if let Some(hold) = &held.hold {
                p.error { "The source is not followed: " (hold.reason) " (" (hold.by) "). " code { (Advice::HoldRelease) } " ends it." }
            }
            @if let Some(waits) = &held.waits {
                div.error {
                    p { "A change waits for your yes: " (waits.because.join("; ")) ". Everything else goes on. " code { (waits.next) } }
                    form method="post" action="/plan/confirm" {
                        (frame.mark_field())
                        input type="hidden" name="token" value=(waits.token);
                        button type="submit" { "Yes, do it" }
                    }
                }
            }
            @for slice in &held.slices {
                p.error { "Slice " strong { (slice.id) } " keeps its last good revision" @if is_told_below(held, slice) { ", for the mistakes below." } @else { ": " (slice.held.as_deref().unwrap_or_default()) } }
            }
            @for diagnostic in held.diagnostics.iter().take(5) { (self::diagnostic(diagnostic)) }
            @if held.diagnostics.len() > 5 { p.soft { (held.diagnostics.len() - 5) " more: " code { "adjutant check" } } }
            @for pause in &held.paused {
                p.error { strong { (pause.scope) } " is paused: " (pause.reason) " (" (pause.by) ", " (frame.time(pause.at)) "). " a href="/connectors#paused" { "Resume" } }
            }
            @for damaged in &held.quarantined { p.error { strong { (damaged.instance) } " was set aside, because its stored data is damaged: " (damaged.reason) } }
            @for hook in &today.failing {
                p.error { "Deliveries to " a href="/connectors#deliveries" { (hook.connector) } " are only refused (" (hook.refused_in_a_row) " in a row): " (shown::line(hook.last_reason.as_deref().unwrap_or_default())) }
            }
            @for found in &held.unmet { p.error { strong { (found.resource) } ": " (found.message) } }
        }
    }
}

/// Returns whether a slice is held back by nothing but mistakes that are listed anyway: a mistake appears once.
fn is_told_below(held: &Held, slice: &SliceView) -> bool {
    !slice.diagnostics.is_empty() && slice.diagnostics.iter().all(|found| held.diagnostics.contains(found))
}

fn diagnostic(found: &MistakeView) -> Markup {
    html! {
        div.diagnostic {
            p { code { (found.code) } " " (found.message) }
            p.soft { (found.file) ":" (found.line) @if let Some(help) = &found.help { " · " (help) } }
        }
    }
}

fn spend(spend: &SpendView) -> Markup {
    html! {
        section.panel aria-labelledby="spend" {
            h2 #spend { "Money" }
            @if spend.budgets.is_empty() { p.soft { "No cap is used yet." } }
            @for budget in &spend.budgets { (self::budget(budget)) }
        }
    }
}

fn budget(budget: &BudgetView) -> Markup {
    use rust_decimal::prelude::ToPrimitive;
    let used = budget.reserved.plus(budget.settled).map_or(budget.settled.amount, |sum| sum.amount);
    let limit = budget.limit.amount;
    let share = (!limit.is_zero()).then(|| (used / limit).to_f64()).flatten().unwrap_or(1.0);
    html! {
        div.budget {
            p { span { (budget.scope) " · " (budget.window) } span.number { (used) " of " (budget.limit) } }
            meter min="0" max="1" low="0.7" high="0.9" optimum="0" value=(format!("{share:.3}"))
                aria-label={ (budget.scope) " " (budget.window) ": " (used) " of " (budget.limit) } {}
        }
    }
}

fn next(frame: &Frame, next: &[Coming]) -> Markup {
    html! {
        section.panel aria-labelledby="next" {
            h2 #next { "Next" }
            @if next.is_empty() { p.soft { "Nothing is scheduled." } }
            ul.lines {
                @for coming in next { li { a href=(coming.link) { (coming.what) } " " span.soft { (frame.time(coming.at)) ", " (frame.clock(coming.at)) } } }
            }
        }
    }
}
