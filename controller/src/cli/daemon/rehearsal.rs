//! The latest recorded decisions of routes that a plan changes, decided again by the old and the new route.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use adjutant_machine::{command::Call, id::InstanceId};
use adjutant_spec::plan::{Id, Plan};
use futures::future::BoxFuture;
use serde_json::Value;

use crate::{
    effects::Effects,
    judgement::pin_of,
    reconcile::{Rehearse, Rehearsed},
    runtime::{Handle, RunFilter},
};

/// So many of a route's latest decisions are decided again, looked for in so many of the latest runs.
const DECISIONS: usize = 40;
const RUNS: usize = 200;
/// A plan does not wait longer for it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Decides again what the journal holds.
pub(super) struct Rehearsal {
    pub(super) effects: Arc<Effects>,
    pub(super) handle: Handle,
}

/// A text that a route was asked about, with what its rules could read.
type Asked = (String, Value);

impl Rehearse for Rehearsal {
    fn rehearse(&self, before: Arc<Plan>, after: Arc<Plan>) -> BoxFuture<'static, Vec<Rehearsed>> {
        let (effects, handle) = (Arc::clone(&self.effects), self.handle.clone());
        Box::pin(async move {
            let changed = changed(&before, &after);
            if changed.is_empty() {
                return Vec::new();
            }
            let work = async {
                let asked = recorded(&handle, &changed).await;
                let again = move || again(&effects, (&before, &after), &asked);
                tokio::task::spawn_blocking(again).await.unwrap_or_default()
            };
            tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
                tracing::warn!("recorded decisions were not decided again in time");
                Vec::new()
            })
        })
    }
}

/// Lists the routes that are in both plans and would decide otherwise.
fn changed(before: &Plan, after: &Plan) -> Vec<Id> {
    let is_pin_moved = pin_of(before) != pin_of(after);
    let differs = |(id, was): (&Id, &adjutant_spec::plan::Route)| {
        let is = after.routes.get(id)?;
        let teaches = (&was.rules, &was.classes, &was.strangers, was.precision, &was.calibration);
        let would_teach = (&is.rules, &is.classes, &is.strangers, is.precision, &is.calibration);
        (is_pin_moved || teaches != would_teach).then(|| id.clone())
    };
    before.routes.iter().filter_map(differs).collect()
}

/// Reads what the routes were asked lately, the latest runs first.
async fn recorded(handle: &Handle, routes: &[Id]) -> BTreeMap<Id, Vec<Asked>> {
    let mut found: BTreeMap<Id, Vec<Asked>> = routes.iter().map(|id| (id.clone(), Vec::new())).collect();
    let runs = handle.runs(RunFilter { limit: RUNS, ..RunFilter::default() }).await.unwrap_or_default();
    for run in runs {
        if found.values().all(|asked| asked.len() >= DECISIONS) {
            break;
        }
        let entries = handle.log(&InstanceId::run(&run.id), 1, 0).await.unwrap_or_default();
        let commands = entries.iter().flat_map(|entry| entry.commands.as_array().into_iter().flatten());
        for (route, asked) in commands.filter_map(question) {
            if let Some(list) = found.get_mut(&route).filter(|list| list.len() < DECISIONS) {
                list.push(asked);
            }
        }
    }
    found
}

/// Reads the question to a route out of a command.
fn question(command: &Value) -> Option<(Id, Asked)> {
    match serde_json::from_value(command.get("call")?.clone()).ok()? {
        Call::Route { route, text, context } => Some((route, (text, context))),
        _ => None,
    }
}

fn again(
    effects: &Effects,
    (before, after): (&Plan, &Plan),
    asked: &BTreeMap<Id, Vec<Asked>>,
) -> Vec<Rehearsed> {
    let asked = asked.iter().filter(|(_, asked)| !asked.is_empty());
    let rehearsed = asked.filter_map(|(id, asked)| {
        let was = effects.say_again((before, before.routes.get(id)?), asked);
        let would_be = effects.say_again((after, after.routes.get(id)?), asked);
        Some(Rehearsed::of(id.clone(), was.into_iter().zip(would_be)))
    });
    rehearsed.collect()
}
