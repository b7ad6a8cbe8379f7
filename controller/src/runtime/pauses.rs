//! Which pauses stand, and whom they hold back; [`super::switch`] begins and ends them.

use adjutant_machine::{id::Stamp, wait::Cause};
use adjutant_spec::plan::{OldestId, Subject};

use super::{core::Live, request::PauseScope, views::PauseView};

fn playbook_key(playbook: &OldestId) -> String {
    Subject::playbook(playbook).as_str().to_owned()
}

fn connector_key(live: &Live, id: &str) -> String {
    live.scope(&PauseScope::Connector(id.to_owned()))
}

/// Returns what an effect waits for where a pause holds back its playbook, or the connector that it calls.
pub(super) fn holds(live: &Live, playbook: &OldestId, connector: Option<&str>) -> Option<Cause> {
    if live.pauses.is_empty() {
        return None;
    }
    let scopes = [
        Some(live.scope(&PauseScope::Everything)),
        Some(playbook_key(playbook)),
        connector.map(|id| connector_key(live, id)),
    ];
    scopes.into_iter().flatten().find(|key| live.pauses.contains_key(key)).map(Cause::Pause)
}

/// The last door, asked when bytes are about to leave to a connector: the pause that shuts it.
pub(super) fn door<'a>(live: &'a Live, connector: &str) -> Option<&'a PauseView> {
    let everything = live.pauses.get(&live.scope(&PauseScope::Everything));
    everything.or_else(|| of_connector(live, connector))
}

/// Returns the pause of a connector alone.
pub(super) fn of_connector<'a>(live: &'a Live, connector: &str) -> Option<&'a PauseView> {
    live.pauses.get(&connector_key(live, connector))
}

/// Returns the pauses that hold back every call of a playbook.
pub(super) fn of_playbook<'a>(live: &'a Live, playbook: &OldestId) -> impl Iterator<Item = &'a PauseView> {
    let keys = [live.scope(&PauseScope::Everything), playbook_key(playbook)];
    keys.into_iter().filter_map(|key| live.pauses.get(&key))
}

/// Returns when the next pause ends by itself.
pub(super) fn next_end(live: &Live) -> Option<Stamp> {
    live.pauses.values().filter_map(|pause| pause.until).map(|until| until.0).min()
}
