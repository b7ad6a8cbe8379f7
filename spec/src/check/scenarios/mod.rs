//! Checks of scenarios: what can never be answered or met is said before anything is played.

mod answers;
mod expected;
mod look;

use look::Look;

use super::{Children, cx::Out};
use crate::{
    diag::Diagnostic,
    draft::{At, Draft},
    scenario::{Scenario, resolve},
};

/// Checks one scenario.
pub(crate) fn check(draft: &Draft, at: &At<Scenario>, children: &Children<'_>) -> Vec<Diagnostic> {
    let scenario = resolve(draft, at);
    let look = Look { draft, at, scenario: &scenario, children };
    let mut out = Out::default();
    look.together(&mut out);
    if let Some(playbook) = look.playbook("playbook", &at.playbook, &mut out) {
        look.begin(playbook, &mut out);
        if let Some(until) = &scenario.until {
            look.step(playbook, until, "until", &mut out);
        }
    }
    look.given(&mut out);
    look.records(&mut out);
    look.never(&mut out);
    answers::check(&look, &mut out);
    expected::check(&look, &mut out);
    out.found
}
