//! The scenarios of a push: one that does not hold refuses it, at the terminal that pushes.
//!
//! Only a push plays them. What is in force already was pushed, and is not taken out of force because it is played anew: a later
//! version of this program may play otherwise.

use std::sync::{Mutex, PoisonError};

use adjutant_sim::scenario::{Known, NotHeld};
use adjutant_spec::{Loaded, scenario};
use serde_json::{Value, json};

use super::mistake::MistakeView;

/// What is known of scenarios that were played: a push plays those whose file, playbook or rules are others.
#[derive(Debug, Default)]
pub(super) struct Plays(Mutex<Known>);

/// Why a push is not taken: scenarios that do not hold.
pub(super) struct Refused {
    /// What the pusher reads.
    pub(super) text: String,
    /// The same for programs, in the form of `check`.
    pub(super) plan: Value,
}

impl Plays {
    /// Plays the scenarios of a company without mistakes; returns the refusal where one does not hold.
    pub(super) fn refusal(&self, loaded: &Loaded) -> Option<Refused> {
        let plan = loaded.plan.as_ref()?;
        let scenarios = scenario::all(&loaded.draft);
        let not_held = self.0.lock().unwrap_or_else(PoisonError::into_inner).judge(plan, &scenarios);
        if not_held.is_empty() {
            return None;
        }
        let mut report = loaded.report.filtered(|_| false);
        for NotHeld { file, finding } in not_held {
            report.push(scenario::diagnostic(&loaded.draft, &file, &finding));
        }
        let rows: Vec<MistakeView> =
            report.diagnostics().iter().map(|found| MistakeView::of(&report, found)).collect();
        let text = format!("{}`adjutant test` plays what does not hold where you are\n", report.render());
        Some(Refused { text, plan: json!({ "ok": false, "diagnostics": rows }) })
    }
}
