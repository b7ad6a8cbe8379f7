//! Work that waits, on a thread that does nothing else.

use super::failure::{Exit, Failure};

/// Runs a client's few requests on this thread.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::of(Exit::Disk, &error))?.block_on(work)
}
