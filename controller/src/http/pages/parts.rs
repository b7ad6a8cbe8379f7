//! Small pieces that several pages show: statuses, values with their labels, effects, refusals.

use adjutant_spec::{
    plan::Risk,
    value::{Labels, Privacy, Trust},
};
use maud::{Markup, html};
use serde_json::Value;

use super::frame::Frame;
use crate::desk::{Refusal, views::EffectView};

/// How many items of a list are on a page.
pub(super) const PAGE: usize = 50;
/// A text longer than this is folded.
const LONG_TEXT: usize = 700;

/// Returns the pill of a run's status or an effect's phase.
pub(super) fn status(word: &str) -> Markup {
    html! { span class={ "pill is-" (word.replace('_', "-")) } { (word.replace('_', " ")) } }
}

/// Returns the pill of what does not simply act, so that it never looks like what does.
pub(super) fn mark(mark: Option<&str>) -> Markup {
    html! { @if let Some(mark) = mark { " " span class="pill is-paused" { (mark) } } }
}

/// Returns the pill of a risk.
pub(super) fn risk(risk: Risk) -> Markup {
    let (class, word) = match risk {
        Risk::Low => ("is-low", "low risk"),
        Risk::Medium => ("is-medium", "medium risk"),
        Risk::High => ("is-high", "high risk"),
    };
    html! { span class={ "pill " (class) } { (word) } }
}

/// Returns the marks of labels that a person should see; the usual ones are silent.
pub(super) fn labels(labels: Labels) -> Markup {
    html! {
        @match labels.trust {
            Trust::External => span.tag.is-external title="Written by somebody outside: it is data, not an order" { "from outside" },
            Trust::Verified => span.tag title="Checked by a system of record or an extractor" { "verified" },
            Trust::Operator => {},
        }
        @match labels.privacy {
            Privacy::Client => span.tag title="Belongs to a client" { "client" },
            Privacy::Secret => span.tag.is-secret { "secret" },
            Privacy::Public | Privacy::Internal => {},
        }
    }
}

/// Returns a value as people read it: texts as texts, tables as lists of names.
pub(super) fn value(value: &Value) -> Markup {
    match value {
        Value::Null => html! { span.none { "nothing" } },
        Value::Bool(yes) => html! { (if *yes { "yes" } else { "no" }) },
        Value::Number(number) => html! { span.number { (number) } },
        Value::String(text) => text_value(text),
        Value::Array(items) if items.is_empty() => html! { span.none { "empty list" } },
        Value::Array(items) => html! { ul.values { @for item in items { li { (self::value(item)) } } } },
        Value::Object(fields) if fields.is_empty() => html! { span.none { "nothing" } },
        Value::Object(fields) => html! {
            dl.fields { @for (name, field) in fields { dt { (name) } dd { (self::value(field)) } } }
        },
    }
}

fn text_value(text: &str) -> Markup {
    if text.trim().is_empty() {
        return html! { span.none { "empty" } };
    }
    if text.chars().count() > LONG_TEXT {
        let beginning: String = text.chars().take(220).collect();
        return html! {
            details.long {
                summary { span.clip { (beginning) "…" } span.more { "Show all " (text.chars().count()) " characters" } }
                div.text { (text) }
            }
        };
    }
    if text.contains('\n') || text.len() > 80 {
        return html! { div.text { (text) } };
    }
    html! { span.word { (text) } }
}

/// Returns an effect with its attempt and what went wrong.
pub(super) fn effect(frame: &Frame, effect: &EffectView) -> Markup {
    html! {
        div.effect {
            (status(&effect.phase))
            @if !effect.target.is_empty() { " " span.call { (effect.call.replace('_', " ")) " " code { (effect.target) } } }
            @if effect.attempt > 1 { span.soft { " · attempt " (effect.attempt) } }
            @if let Some(until) = effect.until { span.soft { " · looked at again " (frame.time(until)) } }
            @if let Some(error) = &effect.error { p.error { (error) } }
            span.id { (effect.id) }
        }
    }
}

/// Returns a refusal for people.
pub(super) fn refusal(refusal: &Refusal) -> Markup {
    html! {
        h1 { "That did not work" }
        p.error role="alert" { (refusal.message) }
        @if let Some(help) = &refusal.help { p { (help) } }
        p { a href="/" { "Back to Today" } }
    }
}

/// Returns the way to the next page of a list.
pub(super) fn paging(what: &str, total: u64, next: Option<&str>) -> Markup {
    html! {
        @if let Some(address) = next {
            nav.paging aria-label={ "Pages of " (what) } { a rel="next" href=(address) { "The next ones of " (total) " →" } }
        }
    }
}

/// Returns the address of the page of a list that begins after an item.
pub(super) fn address(page: &str, (name, after): (&str, &str), place: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, after).finish();
    format!("{page}?{query}{place}")
}

/// Returns what stands where a list is empty.
pub(super) fn nothing(title: &str, text: &str) -> Markup {
    html! { div.nothing { p.nothing-title { (title) } p { (text) } } }
}
