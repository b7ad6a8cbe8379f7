//! What is known of scenarios that were played: the same scenario under the same rules is not played twice.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_spec::{
    plan::{Id, Plan, Trigger},
    scenario::{Finding, Scenario},
};
use serde_json::json;

use super::{begin::Playhouse, play};

/// What a play came to, by what it depends on. Nothing is kept that the last call did not ask for.
#[derive(Debug, Default)]
pub struct Known {
    rows: BTreeMap<Digest, Option<Finding>>,
    /// How many were played by the last call.
    played: usize,
}

/// The digest of everything that a play depends on.
type Digest = [u8; 32];

/// A scenario that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotHeld {
    /// The path of its file from the root.
    pub file: String,
    /// What does not hold.
    pub finding: Finding,
}

impl Known {
    /// Returns what does not hold of these scenarios, in their order; plays those that are not known.
    pub fn judge(&mut self, plan: &Plan, scenarios: &[Scenario]) -> Vec<NotHeld> {
        let (mut house, mut bundles) = (Playhouse::new(plan), BTreeMap::new());
        let rules = rules(plan);
        let (mut asked, mut not_held) = (BTreeSet::new(), Vec::new());
        self.played = 0;
        for scenario in scenarios {
            let digest = digest(plan, scenario, &rules, &mut bundles);
            asked.insert(digest);
            let known = self.rows.entry(digest).or_insert_with(|| {
                self.played += 1;
                play(&mut house, scenario).finding
            });
            if let Some(finding) = known {
                not_held.push(NotHeld { file: scenario.file.clone(), finding: finding.clone() });
            }
        }
        self.rows.retain(|digest, _| asked.contains(digest));
        not_held
    }

    /// Returns how many scenarios the last call had to play.
    #[must_use]
    pub fn played(&self) -> usize {
        self.played
    }
}

/// Returns what every play depends on besides what its playbook pins.
fn rules(plan: &Plan) -> String {
    json!({ "company": plan.company, "slices": plan.slices, "autonomy": plan.policies.autonomy }).to_string()
}

fn digest(plan: &Plan, scenario: &Scenario, rules: &str, bundles: &mut BTreeMap<Id, String>) -> Digest {
    let bundle = plan.bundles.get(&scenario.playbook);
    let pinned = bundles
        .entry(scenario.playbook.clone())
        .or_insert_with(|| bundle.map(|bundle| bundle.id()).unwrap_or_default());
    let connector = bundle.and_then(|bundle| match &bundle.playbook.trigger {
        Trigger::Event { connector, .. } => plan.connectors.get(connector),
        _ => None,
    });
    let parts = json!([scenario, pinned, connector]).to_string();
    let mut hasher = blake3::Hasher::new();
    hasher.update(parts.as_bytes()).update(&[0]).update(rules.as_bytes());
    *hasher.finalize().as_bytes()
}
