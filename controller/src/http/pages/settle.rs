//! The ways to settle an effect that failed for good, or of which nobody knows whether it happened: the same wherever it is shown.

use maud::{Markup, html};

use super::frame::Frame;
use crate::runtime::views::EffectView;

/// Returns whether a person can say what became of an effect.
pub(super) fn is_open(effect: &EffectView) -> bool {
    matches!(effect.phase.as_str(), "unknown" | "dead")
}

/// Returns the forms; the answer goes back to `place`.
pub(super) fn forms(frame: &Frame, effect: &EffectView, place: &str) -> Markup {
    let action = format!("/effects/{}/settle", effect.id);
    let hidden = |how: &str| {
        html! {
            (frame.mark_field())
            input type="hidden" name="how" value=(how);
            input type="hidden" name="back" value=(place);
        }
    };
    let button = |how: &str, title: &str| {
        html! { form method="post" action=(action) { (hidden(how)) button type="submit" { (title) } } }
    };
    let id = format!("answer-{}", effect.id.to_string().replace('.', "-"));
    html! {
        @if effect.phase == "unknown" {
            p { "It was sent, and no answer came. Look at the other side, then say what you found." }
        }
        div.verbs {
            details.verb-more {
                summary { "It happened" }
                form method="post" action=(action) {
                    (hidden("happened"))
                    div.field { label for=(id) { "Its answer as JSON, where later steps read it" } textarea id=(id) name="value" rows="2" placeholder="{}" {} }
                    button.primary type="submit" { "It happened" }
                }
            }
            (button("did_not_happen", "It did not: try again"))
            (button("undo", "Take it back"))
            (button("drop", "Drop it"))
        }
    }
}
