//! The `mail_drop` connector: a folder that mails are put into, by hand or by a delivery agent.

mod drop_folder;
mod folder;
mod reader;
mod still;
mod watching;

use futures::future::BoxFuture;

use super::kind::{Following, Kind};
use crate::effects::{
    look::{Look, Seen},
    outcome::Fault,
};

#[cfg(test)]
pub(in crate::effects) use drop_folder::DropFolder;

/// The kind `mail_drop`.
pub(super) struct MailDrop;

impl Kind for MailDrop {
    fn word(&self) -> &'static str {
        "mail_drop"
    }

    fn look<'a>(&'a self, look: &'a Look<'_>) -> BoxFuture<'a, Result<Seen, Fault>> {
        Box::pin(async { Ok(Seen::folder(&look.folders.existing(look.connector)?)) })
    }

    fn watch(&self, following: Following) -> BoxFuture<'static, ()> {
        Box::pin(watching::watch(following))
    }
}
