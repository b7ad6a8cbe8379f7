//! Which local model answers, as a condition of the status.

use std::sync::Arc;

use super::git_door::Conditions;
use crate::{
    desk::views::ConditionView,
    effects::Effects,
    judgement::{Standing, pin_of},
    runtime::Handle,
};

/// Returns what tells the condition of the model that routes decide with.
pub(super) fn conditions(effects: Arc<Effects>, handle: Handle) -> Conditions {
    Arc::new(move || {
        let Some(plan) = handle.plan().filter(|plan| !plan.routes.is_empty()) else { return Vec::new() };
        effects.standing(pin_of(&plan)).into_iter().map(|standing| condition(&standing)).collect()
    })
}

fn condition(standing: &Standing) -> ConditionView {
    let name = &standing.model.name;
    let (holds, reason, message) = match &standing.stand_in {
        None => (true, "answers", format!("{name} answers")),
        Some(stand_in) => {
            let text = format!(
                "{name} answers in place of {}: {}; {}",
                stand_in.wanted, stand_in.reason, stand_in.hint
            );
            (false, "stand_in", text)
        }
    };
    ConditionView {
        resource: format!("model/{}", standing.stand_in.as_ref().map_or(name, |stand_in| &stand_in.wanted)),
        condition: "Ready".to_owned(),
        holds,
        reason: reason.to_owned(),
        message,
        revision: None,
    }
}
