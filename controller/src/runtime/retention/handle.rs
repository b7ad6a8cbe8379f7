//! What the rest of the program asks of retention.

use std::sync::Arc;

use super::{
    pass::{pass, tidy},
    report::report,
};
use crate::runtime::{
    Error, Handle,
    views::{RemovedView, RetentionView},
};

type Answered<T> = Result<T, Error>;

impl Handle {
    /// Removes now what is kept no longer, instead of by the hour.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn remove_old(&self, by: &str) -> Answered<RemovedView> {
        tracing::info!(by, "what is kept no longer is to be removed now");
        let core = Arc::clone(&self.core);
        let pass = async move {
            let removed = pass(&core, core.clock.now()).await?;
            // Who asks for it waits for the space, too.
            tidy(&core).await?;
            Ok(removed)
        };
        self.core.whole(pass).await
    }

    /// Reports how long what is kept, and how the store grows.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn retention(&self) -> Answered<RetentionView> {
        self.core.read(report).await
    }
}
