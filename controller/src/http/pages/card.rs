//! The card of a gate: the question, exactly what will happen, what is decided on, why, until when, and the verbs.

use std::collections::BTreeMap;

use adjutant_machine::run::{Card, CoveredCall, Shown};
use adjutant_spec::{
    plan::{Effect, Risk, as_written},
    shown::{self, look_twice_at},
};
use maud::{Markup, html};
use serde_json::Value;

use super::{form, frame::Frame, parts};
use crate::desk::views::{GateView, RECORD_WRITE, When, headline, label};

/// Where a card's forms post to, and what they carry.
pub(super) struct Posting<'a> {
    /// The frame, for times and the session's mark.
    pub(super) frame: &'a Frame,
    /// Where decisions are posted.
    pub(super) action: String,
    /// Whether the card stands alone on its page.
    pub(super) is_alone: bool,
    /// Whether values may be edited and forms filled here.
    pub(super) may_edit: bool,
}

/// Returns the card of a gate.
pub(super) fn card(posting: &Posting<'_>, gate: &GateView) -> Markup {
    let id = anchor(&gate.id);
    html! {
        article.card.gate id=(id) aria-labelledby={ (id) "-q" } data-card[gate.state == "open"] {
            header.card-head {
                p.card-meta {
                    (parts::risk(gate.risk)) (parts::mark(gate.mark.as_deref()))
                    @if gate.state != "open" { " " (parts::status(&gate.state)) }
                    " " a.soft href={ "/runs/" (gate.run) } { (gate.run) }
                    span.soft { " · " (gate.step) }
                }
                @if let Some(part) = &gate.part { p { "About " bdi { (part) } } }
                @if posting.is_alone { h1 id={ (id) "-q" } { (gate.question) } }
                @else { h3 id={ (id) "-q" } { a href={ "/gates/" (gate.id) } { (gate.question) } } }
                @if let Some(expires) = gate.expires.filter(|_| gate.state == "open") {
                    p.soft { "Lapses " (posting.frame.time(expires)) ", " (posting.frame.clock(expires)) ". Then it counts as expired." }
                }
            }
            (content(posting, gate))
            @if gate.state == "open" { (verbs(posting, gate)) } @else { (decided(posting.frame, gate)) }
        }
    }
}

/// Returns a gate's id as the id of an element.
pub(super) fn anchor(id: &str) -> String {
    format!("gate-{}", id.replace('.', "-"))
}

fn content(posting: &Posting<'_>, gate: &GateView) -> Markup {
    let card = &gate.card;
    html! {
        @if !card.changed.is_empty() { (changed(posting, card)) }
        section.part.happens {
            (title(posting, if card.form.is_some() { "If you answer" } else { "If you approve" }))
            @if card.effects.is_empty() {
                p { "Nothing leaves the company by this decision alone: the playbook goes on with the next step." }
            }
            @for call in &card.effects { (covered(call)) }
        }
        @if !card.show.is_empty() {
            section.part {
                (title(posting, "What you decide on"))
                @for (path, shown) in &card.show { (shown_value(card, path, shown)) }
            }
        }
        (given(posting, &gate.given))
        p.why.soft { "Asked because: " (why(card)) }
    }
}

/// What came in and began it all: a person decides on the words of the other side, not on a summary alone.
fn given(posting: &Posting<'_>, given: &BTreeMap<String, Value>) -> Markup {
    let given: Vec<(&String, &Value)> = given.iter().filter(|(_, value)| !value.is_null()).collect();
    html! {
        @if !given.is_empty() {
            section.part.came {
                (title(posting, "What came in"))
                dl.fields { @for (name, value) in given { dt { (as_written(name).replace('_', " ")) } dd { (parts::value(value)) } } }
            }
        }
    }
}

/// Returns the title of a part: the level below the question's own.
fn title(posting: &Posting<'_>, text: &str) -> Markup {
    html! { @if posting.is_alone { h2.part-title { (text) } } @else { h4.part-title { (text) } } }
}

fn changed(posting: &Posting<'_>, card: &Card) -> Markup {
    html! {
        section.part.is-changed {
            (title(posting, "Changed since the card before this one"))
            dl.fields {
                @for (path, before) in &card.changed {
                    dt title=(path) { (label(path)) }
                    dd { span.soft { "was " } (parts::value(before)) }
                }
            }
        }
    }
}

fn why(card: &Card) -> String {
    match card.why.as_str() {
        "gate" => format!("the playbook has a gate at step \"{}\"", card.step),
        "no model" => "no model can answer, and the agent's fallback is you".to_owned(),
        "stage advise" => "this slice only advises: every effect is a proposal".to_owned(),
        "auto refused" => "the condition to pass without you did not hold".to_owned(),
        "used" => {
            "your earlier approval was for one call, and that call was made; this is another one".to_owned()
        }
        other => other.to_owned(),
    }
}

fn covered(call: &CoveredCall) -> Markup {
    let headline = headline(&call.verb, call.effect, &call.args);
    let joint = if call.effect == Effect::Send { " to " } else { " for " };
    html! {
        div class={ "happening is-" (headline.class) } {
            p.headline {
                span.class { (headline.class) } " "
                strong { (headline.what) }
                @if let Some(whom) = &headline.whom { (joint) strong.whom { (whom) } }
                @if let Some(amount) = &headline.amount { ": " strong.amount { (amount) } }
            }
            @for warning in look_twice_at(&call.args) { p.notice.is-warning { strong { "Look twice: " } (warning) } }
            p.soft { code { (call.verb) } " · step " (call.step) " · " (taken_back(call)) " " (parts::labels(call.labels)) }
            details.args open[call.args.to_string().len() < 600] {
                summary { "Exactly this is sent" }
                (parts::value(&call.args))
            }
        }
    }
}

fn taken_back(call: &CoveredCall) -> String {
    match &call.undo {
        None if call.verb == RECORD_WRITE => "the version before stays on record".to_owned(),
        Some(undo) => format!("can be taken back by {}", undo.verb),
        None => "cannot be taken back".to_owned(),
    }
}

fn shown_value(card: &Card, path: &str, shown: &Shown) -> Markup {
    let is_above = shown.value.as_str().is_some_and(|text| text.len() > 80 && is_sent(card, text));
    html! {
        div.shown {
            p.shown-head { span title=(path) { (label(&as_written(path))) } " " (parts::labels(shown.labels)) }
            @if is_above { details { summary.soft { "The same text as above" } (parts::value(&shown.value)) } }
            @else { (parts::value(&shown.value)) }
        }
    }
}

/// Returns whether a text is an argument of a covered call, word for word.
fn is_sent(card: &Card, text: &str) -> bool {
    let arguments = card.effects.iter().filter_map(|call| call.args.as_object());
    arguments.flat_map(|args| args.values()).any(|argument| argument.as_str() == Some(text))
}

fn decided(frame: &Frame, gate: &GateView) -> Markup {
    html! {
        p.decided {
            (parts::status(&gate.state))
            @if let Some(by) = &gate.by { " by " (by) }
            @if let Some(at) = gate.at { " " (frame.time(at)) ", " (frame.clock(at)) }
            @if let Some(reason) = &gate.reason { ": “" (reason) "”" }
        }
    }
}

fn verbs(posting: &Posting<'_>, gate: &GateView) -> Markup {
    let needs_login = gate.risk == Risk::High && !posting.frame.is_strong;
    let (card, form) = (&gate.card, gate.card.form.as_ref());
    let editable = card.editable.iter().filter(|_| posting.may_edit);
    let editable: Vec<(&str, &Shown)> =
        editable.filter_map(|path| Some((path.as_str(), card.show.get(path)?))).collect();
    html! {
        div.verbs {
            @if needs_login {
                p.notice.is-warning {
                    "High risk: approving needs a login within the last ten minutes. Type " code { "adjutant login" }
                    ", open the link, and come back. Denying works as it is."
                }
            } @else if let Some(schema) = form {
                (filled(posting, gate, schema))
            } @else {
                form.verb method="post" action=(posting.action) {
                    (hidden(posting, gate, "approve"))
                    button.primary type="submit" data-key="a" { "Approve" }
                }
            }
            @if !needs_login && form.is_none() && !editable.is_empty() { (edited(posting, gate, &editable)) }
            (denied(posting, gate))
        }
        p.digest.soft { "What you see has the digest " code { (gate.digest.get(..12).unwrap_or(&gate.digest)) } }
    }
}

fn hidden(posting: &Posting<'_>, gate: &GateView, decision: &str) -> Markup {
    html! {
        (posting.frame.mark_field())
        input type="hidden" name="digest" value=(gate.digest);
        input type="hidden" name="decision" value=(decision);
    }
}

fn filled(posting: &Posting<'_>, gate: &GateView, schema: &Value) -> Markup {
    let form = html! {
        form.fill method="post" action=(posting.action) {
            (hidden(posting, gate, "fill"))
            @for field in form::fields(schema) { (field.html(&anchor(&gate.id))) }
            button.primary type="submit" { "Send this answer" }
        }
    };
    html! {
        // In a list the form is folded: the next card is near.
        @if posting.is_alone { (form) } @else { details.verb-more.is-primary { summary data-key="a" { "Answer" } (form) } }
    }
}

fn edited(posting: &Posting<'_>, gate: &GateView, editable: &[(&str, &Shown)]) -> Markup {
    let scope = anchor(&gate.id);
    html! {
        details.verb-more {
            summary data-key="e" { "Edit, then approve" }
            form method="post" action=(posting.action) {
                (hidden(posting, gate, "edit"))
                @for (number, (path, shown)) in editable.iter().enumerate() {
                    @let id = format!("{scope}-edit-{number}");
                    div.field {
                        label for=(id) title=(path) { (label(path)) }
                        @match shown.value.as_str() {
                            Some(text) => textarea id=(id) name={ "text:" (path) } rows=(rows(text)) { "\n" (text) },
                            None => textarea id=(id) name={ "json:" (path) } rows="4" spellcheck="false" { "\n" (pretty(&shown.value)) },
                        }
                    }
                }
                button.primary type="submit" { "Approve with these changes" }
            }
        }
    }
}

/// Returns how many lines a text needs in a narrow field.
fn rows(text: &str) -> usize {
    text.lines().map(|line| 1 + line.chars().count() / 60).sum::<usize>().clamp(2, 18)
}

/// Returns JSON for a field: what cannot be seen is an escape that JSON knows, so that it means the same when it comes back.
fn pretty(value: &Value) -> String {
    shown::json(&format!("{value:#}")).into_owned()
}

fn denied(posting: &Posting<'_>, gate: &GateView) -> Markup {
    let id = format!("{}-why", anchor(&gate.id));
    html! {
        details.verb-more {
            summary data-key="d" { "Deny" }
            form method="post" action=(posting.action) {
                (hidden(posting, gate, "deny"))
                div.field {
                    label for=(id) { "Why? The run's record keeps it." }
                    textarea id=(id) name="reason" rows="2" required {}
                }
                button.danger type="submit" { "Deny" }
            }
        }
    }
}

/// Returns until when a gate is open, for lists.
pub(super) fn lapses(frame: &Frame, expires: Option<When>) -> Markup {
    html! { @if let Some(expires) = expires { "lapses " (frame.time(expires)) } }
}

#[cfg(test)]
mod tests {
    use adjutant_spec::value::Labels;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_never_said_to_be_lost() {
        let (step, verb) = ("bill".to_owned(), RECORD_WRITE.to_owned());
        let args = json!({ "record": "customer", "key": "ada@x", "value": {} });
        let write =
            CoveredCall { step, verb, effect: Effect::Write, args, labels: Labels::OPERATOR, undo: None };
        assert_eq!(taken_back(&write), "the version before stays on record");
    }
}
