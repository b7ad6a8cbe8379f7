//! The `files` connector: one folder, and nothing outside of it.

mod task;

use futures::future::BoxFuture;

use super::kind::Kind;
use crate::effects::{
    doors::Door,
    job::VerbJob,
    look::{Look, Seen},
    outcome::{Ending, Fault},
};

/// The kind `files`.
pub(super) struct Files;

impl Kind for Files {
    fn word(&self) -> &'static str {
        "files"
    }

    fn call<'a>(&'a self, job: &'a VerbJob<'_>) -> BoxFuture<'a, Ending> {
        Box::pin(async { task::call(job, Door::to(job.doors, job.connector).pass()?).await })
    }

    fn look<'a>(&'a self, look: &'a Look<'_>) -> BoxFuture<'a, Result<Seen, Fault>> {
        Box::pin(async { Ok(Seen::folder(&look.folders.existing(look.connector)?)) })
    }
}
