//! What comes in is stored for years, so it holds no secret of the company: a form that echoes one, a mail that quotes one, an
//! operator who pastes one.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::event::{Decision, GateDecided};
use adjutant_spec::plan::Plan;
use serde_json::Value;

use super::{Delivery, Performer, SetAside, StartRun, core::Core};

/// Takes the secrets of the plan in force out of one thing that comes in.
struct Mask<'a> {
    performer: &'a dyn Performer,
    /// Absent before the first activation: then there are no secrets.
    plan: Option<Arc<Plan>>,
}

/// Returns a wish without secrets in its inputs. The key is masked, too: it is shown in every list.
pub(super) fn wish(core: &Core, wish: StartRun) -> StartRun {
    let mask = Mask::of(core);
    StartRun {
        input: mask.fields(wish.input),
        key: wish.key.map(|key| mask.text(key)),
        trigger: mask.value(wish.trigger),
        ..wish
    }
}

/// Returns a delivery without secrets in its fields.
pub(super) fn delivery(core: &Core, delivery: Delivery) -> Delivery {
    Delivery { fields: Mask::of(core).value(delivery.fields), ..delivery }
}

/// Returns an item that could not be read without secrets in what is shown of it.
pub(super) fn item(core: &Core, item: SetAside) -> SetAside {
    let mask = Mask::of(core);
    SetAside { content: mask.value(item.content), reason: mask.text(item.reason), ..item }
}

/// Returns an answer without secrets in its form, its edits and its reason.
pub(super) fn decided(core: &Core, decided: GateDecided) -> GateDecided {
    let mask = Mask::of(core);
    let decision = match decided.decision {
        Decision::Approved { form } => Decision::Approved { form: form.map(|form| mask.value(form)) },
        Decision::Edited { values } => Decision::Edited { values: mask.fields(values) },
        Decision::Denied => Decision::Denied,
    };
    GateDecided { decision, reason: decided.reason.map(|reason| mask.text(reason)), ..decided }
}

impl<'a> Mask<'a> {
    fn of(core: &'a Core) -> Self {
        Self { performer: core.performer.as_ref(), plan: core.live().plan.clone() }
    }

    fn value(&self, value: Value) -> Value {
        match &self.plan {
            Some(plan) => self.performer.masked(plan, value),
            None => value,
        }
    }

    fn fields(&self, fields: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
        fields.into_iter().map(|(name, value)| (name, self.value(value))).collect()
    }

    fn text(&self, text: String) -> String {
        match self.value(Value::String(text)) {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }
}
