//! What comes in is stored for years, so it holds no secret of the company: a form that echoes one, a mail that quotes one, an
//! operator who pastes one.

use std::collections::BTreeMap;

use adjutant_machine::event::{Decision, GateDecided};
use serde_json::Value;

use super::{Delivery, SetAside, StartRun, core::Core};

/// Returns a wish without secrets in its inputs. The key is masked, too: it is shown in every list.
pub(super) fn wish(core: &Core, wish: StartRun) -> StartRun {
    StartRun {
        input: fields(core, wish.input),
        key: wish.key.map(|key| text(core, key)),
        trigger: core.performer.masked(wish.trigger),
        ..wish
    }
}

/// Returns a delivery without secrets in its fields.
pub(super) fn delivery(core: &Core, delivery: Delivery) -> Delivery {
    Delivery { fields: core.performer.masked(delivery.fields), ..delivery }
}

/// Returns an item that could not be read without secrets in what is shown of it.
pub(super) fn item(core: &Core, item: SetAside) -> SetAside {
    SetAside { content: core.performer.masked(item.content), reason: text(core, item.reason), ..item }
}

/// Returns an answer without secrets in its form, its edits and its reason.
pub(super) fn decided(core: &Core, decided: GateDecided) -> GateDecided {
    let decision = match decided.decision {
        Decision::Approved { form } => {
            Decision::Approved { form: form.map(|form| core.performer.masked(form)) }
        }
        Decision::Edited { values } => Decision::Edited { values: fields(core, values) },
        Decision::Denied => Decision::Denied,
    };
    GateDecided { decision, reason: decided.reason.map(|reason| text(core, reason)), ..decided }
}

fn fields(core: &Core, fields: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    fields.into_iter().map(|(name, value)| (name, core.performer.masked(value))).collect()
}

fn text(core: &Core, text: String) -> String {
    match core.performer.masked(Value::String(text)) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
