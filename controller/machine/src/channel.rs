//! By which channels a notice goes out: each is a delivery of its own, so one that fails, waits or is tried again touches no other.

use adjutant_spec::plan::{NotifyRule, Plan, Risk};

use crate::call::Notice;

/// Returns the rules that carry a notice, each way out once. What was done under a grant of level `notify` is to be told in any
/// case: where no rule is about it, those of gates carry it, whatever risk they begin at.
#[must_use]
pub fn channels<'a>(plan: &'a Plan, notice: &Notice) -> Vec<&'a NotifyRule> {
    let on = match notice.topic.as_str() {
        "dead" | "unknown" | "failed" => "dead",
        topic => topic,
    };
    let fits = |rule: &&NotifyRule| {
        let is_risky_enough =
            rule.min_risk.is_none_or(|least| notice.risk.is_none_or(|risk| weight(risk) >= weight(least)));
        (rule.on == on || rule.on == notice.topic) && is_risky_enough
    };
    let mut found: Vec<&NotifyRule> = plan.policies.notify.iter().filter(fits).collect();
    if notice.topic == "act" && found.is_empty() {
        found = plan.policies.notify.iter().filter(|rule| rule.on == "gate").collect();
    }
    let mut ways = std::collections::BTreeSet::new();
    found.retain(|rule| ways.insert((&rule.via, &rule.to)));
    found
}

fn weight(risk: Risk) -> u8 {
    match risk {
        Risk::Low => 0,
        Risk::Medium => 1,
        Risk::High => 2,
    }
}
