//! The ways to settle an effect that failed for good, or of which nobody knows whether it happened: the same wherever it is shown.

use maud::{Markup, html};

use super::frame::Frame;
use crate::desk::views::{EffectView, Way};

/// Returns a form for each way that is not refused, and nothing where the effect waits for nobody; the answer goes back to `place`.
pub(super) fn forms(frame: &Frame, effect: &EffectView, place: &str) -> Markup {
    html! {
        @if !effect.ways.is_empty() {
            @if effect.phase == "unknown" {
                p { "It was sent, and no answer came. Look at the other side, then say what you found." }
            }
            div.verbs { @for way in &effect.ways { (form(frame, effect, (*way, place))) } }
        }
    }
}

fn form(frame: &Frame, effect: &EffectView, (way, place): (Way, &str)) -> Markup {
    let action = format!("/effects/{}/settle", effect.id);
    let plain = |how: &str, title: &str| {
        html! { form method="post" action=(action) { (hidden(frame, how, place)) button type="submit" { (title) } } }
    };
    match way {
        Way::Retry => html! {
            form method="post" action={ "/runs/" (effect.run) "/steer" } {
                (frame.mark_field())
                input type="hidden" name="verb" value="retry";
                button type="submit" { "Try its step again" }
            }
        },
        Way::Happened => happened(frame, effect, place),
        Way::DidNotHappen => plain("did_not_happen", "It did not: try again"),
        Way::Undo => plain("undo", "Take it back"),
        Way::Drop => plain("drop", "Drop it"),
    }
}

fn happened(frame: &Frame, effect: &EffectView, place: &str) -> Markup {
    let id = format!("answer-{}", effect.id.to_string().replace('.', "-"));
    html! {
        details.verb-more {
            summary { "It happened" }
            form method="post" action={ "/effects/" (effect.id) "/settle" } {
                (hidden(frame, "happened", place))
                div.field { label for=(id) { "Its answer as JSON, where later steps read it" } textarea id=(id) name="value" rows="2" placeholder="{}" {} }
                button.primary type="submit" { "It happened" }
            }
        }
    }
}

fn hidden(frame: &Frame, how: &str, place: &str) -> Markup {
    html! {
        (frame.mark_field())
        input type="hidden" name="how" value=(how);
        input type="hidden" name="back" value=(place);
    }
}
