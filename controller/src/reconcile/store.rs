//! Entries and states of this room's instances: JSON, one synced batch for each change.

use std::sync::Arc;

use adjutant_machine::{
    codec,
    id::{InstanceId, InstanceKind, Stamp},
    journal::{self, Append, Batch, Journal, JournalError},
    skeleton::HostEvent,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

use super::Error;

/// The instance of the course of revisions.
pub(super) fn course() -> InstanceId {
    InstanceId { kind: InstanceKind::Revision, name: "source".to_owned() }
}

/// The instance of a proposal.
pub(super) fn proposal(id: &str) -> InstanceId {
    InstanceId { kind: InstanceKind::Proposal, name: id.to_owned() }
}

/// A state with the number of its last entry.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept<T> {
    pub(super) seq: u64,
    pub(super) state: T,
}

/// An entry of this room, with what of it stays when its text is forgotten.
pub(super) trait HostEntry: Serialize {
    /// Returns when it happened.
    fn at(&self) -> Stamp;

    /// Returns what kind of thing happened.
    fn event(&self) -> HostEvent;
}

/// New entries of an instance, with the state after them.
pub(super) struct Change<'a, T, E> {
    pub(super) instance: InstanceId,
    pub(super) expected: u64,
    pub(super) state: &'a T,
    pub(super) entries: &'a [E],
}

/// Reads the newest state of an instance; one that was never written is its default.
pub(super) fn load<T: DeserializeOwned + Default>(
    journal: &dyn Journal,
    instance: &InstanceId,
) -> Result<Kept<T>, Error> {
    let Some(stored) = journal.load(instance)? else { return Ok(Kept::default()) };
    let seq = stored.seq;
    let state = serde_json::from_slice(&stored.state(instance)?)
        .map_err(|error| JournalError::Corrupt { place: instance.to_string(), problem: error.to_string() })?;
    Ok(Kept { seq, state })
}

/// Lists the ids of all proposals.
pub(super) fn proposals(journal: &dyn Journal) -> Result<Vec<InstanceId>, Error> {
    let all = journal::instances(journal, Some(proposal("")));
    let is_proposal = |id: &Result<InstanceId, _>| {
        id.as_ref().map_or(true, |id: &InstanceId| id.kind == InstanceKind::Proposal)
    };
    Ok(all.take_while(is_proposal).collect::<Result<_, JournalError>>()?)
}

/// Appends entries and waits until they are durable; returns the number of the last one.
pub(super) async fn append<T: Serialize, E: HostEntry>(
    journal: &Arc<dyn Journal>,
    change: Change<'_, T, E>,
) -> Result<u64, Error> {
    let append = appended(&change)?;
    let last = append.expected + append.entries.len() as u64;
    let batch = Batch { appends: vec![append], ..Batch::default() };
    let (sender, receiver) = oneshot::channel();
    let store = Arc::clone(journal);
    blocking(move || {
        // Nobody waits any more only where the process ends.
        store.submit(batch, Box::new(move |answer| drop(sender.send(answer))));
        Ok(())
    })
    .await?;
    receiver.await.map_err(|_| JournalError::Busy)??;
    Ok(last)
}

/// Returns a change as the store takes it.
pub(super) fn appended<T: Serialize, E: HostEntry>(change: &Change<'_, T, E>) -> Result<Append, Error> {
    let bytes = |error: serde_json::Error| Error::Bug(format!("a record has no JSON form: {error}"));
    let content = |entry: &E| codec::encode_host(entry.at(), entry.event(), entry);
    let entries = change.entries.iter().map(content).collect::<Result<_, _>>().map_err(bytes)?;
    let snapshot = Some(serde_json::to_vec(change.state).map_err(bytes)?);
    Ok(Append { instance: change.instance.clone(), expected: change.expected, entries, snapshot })
}

/// Runs something that blocks beside the async workers.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Bug(format!("a task of reconcile ended: {error}")))?
}
