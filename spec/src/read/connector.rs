//! Builds connectors from trees whose form was checked.

use super::{object::Head, view::View};
use crate::{
    kinds::{
        self,
        parts::{pick, rate},
    },
    plan::Connector,
};

/// Builds a connector, the verbs and events of its kind filled in.
pub(super) fn connector(view: &View<'_>, head: Head) -> Option<Connector> {
    let word = view.text("kind")?;
    let kind = kinds::find(&word);
    let mut verbs = kind.map(|kind| (kind.verbs)(view)).unwrap_or_default();
    let (rates, fixtures) = (view.tables("rate"), view.json("fixture").unwrap_or_default());
    for (name, verb) in &mut verbs {
        verb.rate = verb.rate.or_else(|| rates.get(name).and_then(rate));
        if let Some(fixture) = fixtures.get(name) {
            verb.settings.entry("fixture".to_owned()).or_insert_with(|| fixture.clone());
        }
    }
    let id = &head.id;
    for verb in verbs.values_mut() {
        for other in [&mut verb.probe, &mut verb.undo].into_iter().flatten() {
            *other = format!("{id}.{other}");
        }
    }
    Some(Connector {
        owner: view.text("owner").unwrap_or(head.owner),
        was: view.texts("was"),
        slice: head.slice,
        endpoint: view.text("endpoint"),
        secret: view.text("secret"),
        hosts: view.texts("hosts"),
        mode: view.word("mode").unwrap_or_default(),
        rate: view.table("total_rate").as_ref().and_then(rate),
        verbs,
        events: kind.map(|kind| (kind.events)(view)).unwrap_or_default(),
        signals: view.text_map("signals"),
        settings: kind.map(|kind| pick(view, kind.settings)).unwrap_or_default(),
        id: head.id,
        kind: word,
    })
}
