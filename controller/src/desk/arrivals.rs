//! What a webhook's sender proved to have sent, and what the sender is told.

use serde::{Deserialize, Serialize};

use super::{Answered, Desk};
use crate::runtime::{Delivery, Heard, SetAside, Taken};

/// What a webhook's sender proved to have sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A delivery of a declared event.
    Delivery(Delivery),
    /// An item that cannot be read as an event.
    Unread(SetAside),
    /// An event that the connector does not declare.
    Undeclared {
        /// The name of the event, as the sender gave it.
        event: String,
        /// What the sender wants to read in the answer.
        challenge: Option<String>,
    },
}

/// What the sender is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Told {
    /// The runs that it started, or had started before.
    pub runs: Vec<String>,
    /// Whether it had come before.
    pub duplicate: bool,
    /// The open delivery that it is, where it starts nothing yet: nothing needs to be sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// The event that nobody wants here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
    /// In words, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What a sender that asks who we are wants to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
}

impl Told {
    /// Returns whether something new was kept.
    #[must_use]
    pub fn is_news(&self) -> bool {
        !self.duplicate && self.ignored.is_none()
    }
}

impl From<Taken> for Told {
    fn from(taken: Taken) -> Self {
        let Taken { runs, open, known, why } = taken;
        let runs = runs.into_iter().map(|run| run.run).collect();
        Self { runs, duplicate: known, open, message: why, ..Self::default() }
    }
}

impl Desk {
    /// Takes in what a webhook's sender proved to have sent; it is durable when this returns.
    ///
    /// # Errors
    /// Where it is not kept: the sender shall come again.
    pub async fn arrived(&self, connector: &str, received: Received) -> Answered<Told> {
        let (told, heard) = match received {
            Received::Delivery(delivery) => (self.handle.intake(delivery).await?.into(), Heard::Taken),
            Received::Unread(item) => {
                let message = Some(format!("it could not be read: {}", item.reason));
                let open = Some(self.handle.set_aside(item).await?);
                (Told { open, message, ..Told::default() }, Heard::Taken)
            }
            Received::Undeclared { event, challenge } => {
                let told = Told { ignored: Some(event.clone()), challenge, ..Told::default() };
                (told, Heard::Undeclared(event))
            }
        };
        self.handle.hear(connector, heard);
        Ok(told)
    }

    /// Counts a request to the hook of a connector that was refused.
    pub fn turned_away(&self, connector: &str, reason: &str) {
        self.handle.hear(connector, Heard::Refused(reason.to_owned()));
    }
}
