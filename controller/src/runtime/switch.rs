//! Pauses of everything, a playbook or a connector: kill switches. Each is an instance (`switch/…`) with an entry for every pause and
//! resume, so that its log says who did what, when, why and until when; a row says which stand now, memory holds a copy.
//!
//! A pause covers every kind of call that can leave: verbs, probes, undos, reads, agents; and at the last door, when bytes are
//! about to go, the hops of routes, second questions to a model, notices and looks at a connector (see [`super::pauses::door`]). What comes in by
//! a paused connector starts nothing: it is an open delivery with that reason, and is tried when the pause ends.
//!
//! Playbooks and connectors are known by the id that they had first, so that a new name ends no pause.

use std::sync::Arc;

use adjutant_machine::{
    codec,
    id::{InstanceId, InstanceKind, Stamp},
    journal::{self, Append, Batch, Journal, RowWrite, Table},
    skeleton::HostEvent,
    wait::Cause,
};
use serde::{Deserialize, Serialize};

use super::{
    Error,
    core::{Core, Live},
    deliveries,
    request::{Answer, Pause, PauseScope},
    rows, turns,
    views::{PauseView, When},
};

/// An entry of a switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SwitchEntry {
    at: When,
    by: String,
    #[serde(flatten)]
    what: SwitchEvent,
}

/// What happened to a switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
enum SwitchEvent {
    Paused { scope: String, reason: String, until: Option<When> },
    Resumed { scope: String, reason: String },
}

/// The state of a switch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct State {
    paused: Option<PauseView>,
}

/// Returns the instance of a pause: names of instances have no colon and no slash.
fn instance(key: &str) -> InstanceId {
    InstanceId { kind: InstanceKind::Switch, name: key.replace([':', '/'], ".") }
}

/// Reads the pauses that stand.
pub(super) fn load(journal: &dyn Journal, live: &mut Live) -> Result<(), Error> {
    let prefix = rows::host::PAUSES;
    for row in journal::rows(journal, Table::Host, prefix) {
        let row = row?;
        let key = String::from_utf8_lossy(row.key.get(prefix.len()..).unwrap_or_default()).into_owned();
        // A pause that cannot be read still says by its key what it holds, and goes on holding it.
        let view = serde_json::from_slice(&row.value).unwrap_or_else(|_| unreadable(&key));
        live.pauses.insert(key, view);
    }
    Ok(())
}

fn unreadable(key: &str) -> PauseView {
    PauseView {
        scope: key.to_owned(),
        reason: "it was paused, and the row that says why is damaged".to_owned(),
        by: "host".to_owned(),
        at: When::default(),
        until: None,
    }
}

/// Pauses everything, a playbook, or a connector.
pub(super) async fn pause(core: &Arc<Core>, wish: Pause) -> Result<Answer, Error> {
    core.check_open()?;
    let _one_at_a_time = core.host.lock().await;
    let live = core.live();
    known(&live, &wish.scope)?;
    let (name, key) = (wish.scope.to_string(), live.scope(&wish.scope));
    let now = core.clock.now();
    if wish.until.is_some_and(|until| until <= now) {
        return Err(Error::invalid("the pause would be over before it begins"));
    }
    if let Some(old) = live.pauses.get(&key) {
        let message = format!("already paused at {} by {}: {}", old.at, old.by, old.reason);
        return Ok(Answer { applied: false, message });
    }
    let until = wish.until.map(When);
    let view = PauseView { scope: name.clone(), reason: wish.reason, by: wish.by, at: When(now), until };
    let what = SwitchEvent::Paused { scope: name.clone(), reason: view.reason.clone(), until };
    let entry = SwitchEntry { at: view.at, by: view.by.clone(), what };
    let change = SwitchChange { key: key.clone(), entry, paused: Some(view.clone()) };
    let batch = core.read(move |core| change.batch(core.journal.as_ref())).await?;
    core.commit(batch, move |core| core.set_live(|live| drop(live.pauses.insert(key, view)))).await?;
    core.wheel.look_again();
    let end = until.map_or_else(String::new, |until| format!(" until {until}"));
    Ok(Answer { applied: true, message: format!("{name} is paused{end}: no further effect of it starts") })
}

fn known(live: &Live, scope: &PauseScope) -> Result<(), Error> {
    let (what, id, is_known) = match scope {
        PauseScope::Everything => return Ok(()),
        PauseScope::Playbook(id) => ("playbook", id, live.playbook(id).is_some()),
        PauseScope::Connector(id) => {
            ("connector", id, live.plan.as_ref().is_some_and(|plan| plan.connector(id).is_some()))
        }
    };
    // What stands can be ended, also when its playbook or connector is gone.
    let stands = || live.pauses.contains_key(&live.scope(scope));
    if is_known || stands() { Ok(()) } else { Err(Error::NotFound { what, id: id.clone() }) }
}

/// Ends such a pause: what it held back goes on.
pub(super) async fn resume(
    core: &Arc<Core>,
    scope: PauseScope,
    reason: &str,
    by: &str,
) -> Result<Answer, Error> {
    core.check_open()?;
    let _one_at_a_time = core.host.lock().await;
    let live = core.live();
    let (name, key) = (scope.to_string(), live.scope(&scope));
    known(&live, &scope)?;
    if !live.pauses.contains_key(&key) {
        return Ok(Answer { applied: false, message: format!("{name} is not paused") });
    }
    let what = SwitchEvent::Resumed { scope: name.clone(), reason: reason.to_owned() };
    let entry = SwitchEntry { at: When(core.clock.now()), by: by.to_owned(), what };
    let change = SwitchChange { key: key.clone(), entry, paused: None };
    let batch = core.read(move |core| change.batch(core.journal.as_ref())).await?;
    let commit = core.commit(batch, move |core| {
        // First the pause goes, then those it held: nobody can stand behind it in between and be forgotten.
        core.set_live(|live| drop(live.pauses.remove(&key)));
        core.moved(&Cause::Pause(key));
        core.doors.send_modify(|moves| *moves += 1);
    });
    commit.await?;
    // What came in meanwhile waits as open deliveries, or stands in a queue.
    deliveries::wake(core);
    turns::look_at_all(core);
    Ok(Answer { applied: true, message: format!("{name} goes on") })
}

/// One entry of a switch, with the row that follows.
struct SwitchChange {
    key: String,
    entry: SwitchEntry,
    paused: Option<PauseView>,
}

impl SwitchChange {
    fn batch(self, journal: &dyn Journal) -> Result<Batch, Error> {
        let json = |error: serde_json::Error| Error::Bug(format!("a pause has no JSON form: {error}"));
        let switch = instance(&self.key);
        let expected = journal.last(&switch)?;
        let value = self.paused.as_ref().map(serde_json::to_vec).transpose().map_err(json)?;
        let row = RowWrite { table: Table::Host, key: rows::host::pause(&self.key), value };
        let word = match self.entry.what {
            SwitchEvent::Paused { .. } => HostEvent::SwitchPaused,
            SwitchEvent::Resumed { .. } => HostEvent::SwitchResumed,
        };
        let entries = vec![codec::encode_host(self.entry.at.0, word, &self.entry).map_err(json)?];
        let snapshot = Some(serde_json::to_vec(&State { paused: self.paused }).map_err(json)?);
        let appends = vec![Append { instance: switch, expected, entries, snapshot }];
        Ok(Batch { appends, writes: vec![row], ..Batch::default() })
    }
}

/// Ends the pauses whose time is over.
pub(super) async fn lapse(core: &Arc<Core>, now: Stamp) {
    let live = core.live();
    let over = live.pauses.iter().filter(|(_, pause)| pause.until.is_some_and(|until| until.0 <= now));
    let over: Vec<PauseScope> = over.filter_map(|(key, _)| key.parse().ok()).collect();
    for scope in over {
        if let Err(error) = resume(core, scope, "its time is over", "host").await {
            tracing::warn!(%error, "a pause could not be ended");
        }
    }
}
