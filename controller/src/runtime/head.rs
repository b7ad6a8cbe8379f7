//! The head of a run: what lists find it by without reading its state. One index row per run, written where it changes.

use adjutant_machine::{about::About, run::Run};
use adjutant_spec::value::Money;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is found in lists. Fields are only added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) playbook: String,
    pub(super) bundle: String,
    pub(super) key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) about: Option<About>,
    /// The newest amount of money that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) amount: Option<String>,
}

impl Head {
    pub(super) fn of(run: &Run) -> Self {
        Self {
            playbook: run.playbook.clone(),
            bundle: run.bundle.clone(),
            key: run.key.clone(),
            about: run.about.clone(),
            amount: amount(run).map(|money| money.to_string()),
        }
    }

    /// Returns what the id alone says of a run that cannot be read.
    pub(super) fn unread(id: &str) -> Self {
        let playbook = id.rsplit_once('-').map_or(id, |(playbook, _)| playbook);
        let (bundle, key) = (String::new(), String::new());
        Self { playbook: playbook.to_owned(), bundle, key, about: None, amount: None }
    }

    /// Returns whether a text stands in anything that the lists show of the run; letters count alike in both cases.
    pub(super) fn says(&self, id: &str, title: &str, text: &str) -> bool {
        let text = text.trim().to_lowercase();
        let about = self.about.iter().flat_map(|about| [about.kind.as_str(), about.key.as_str()]);
        [id, title, &self.playbook, &self.key]
            .into_iter()
            .chain(about)
            .any(|known| known.to_lowercase().contains(&text))
    }
}

/// The newest amount of money that a step gave, else the first that the run was given: a text that is money, its currency said.
fn amount(run: &Run) -> Option<Money> {
    let money = |value: &Value| value.as_str().and_then(|text| text.parse::<Money>().ok());
    let of_step = |value: &Value| value.as_object().and_then(|fields| fields.values().find_map(money));
    let given =
        run.steps.values().filter_map(|step| Some((step.ended?, of_step(&step.value.as_ref()?.value)?)));
    let newest = given.max_by_key(|(ended, _)| *ended).map(|(_, money)| money);
    newest.or_else(|| run.input.values().find_map(|input| money(&input.value)))
}
