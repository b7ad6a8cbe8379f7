//! Puts a wish to begin a run into the run's mailbox; whoever makes the wish has decided that it may begin.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    Error,
    core::Core,
    identity::{NewRun, Started},
    mailbox::Job,
};

/// Sends the wish to the run's shard and waits until it is durable.
pub(super) async fn begin_run(core: &Arc<Core>, run: NewRun) -> Result<Started, Error> {
    core.check_open()?;
    let (sender, receiver) = oneshot::channel();
    core.send(run.instance(), Job::Start { wish: Arc::new(run), reply: Some(sender) });
    receiver.await.map_err(|_| Error::unavailable("the runtime is closing"))?
}
