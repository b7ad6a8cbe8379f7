//! What the rest of the program asks of deliveries and hooks.

use std::sync::Arc;

use crate::runtime::{
    Answer, Delivery, DeliveryFilter, Error, Handle, Heard, SetAside, Taken, hooks, masked, view,
    views::{DeliveryLine, DeliveryView, HookView, Paged},
};

type Answered<T> = Result<T, Error>;

impl Handle {
    /// Takes in what a connector tells: starts every playbook whose trigger matches, once for each delivery id. Where one cannot
    /// begin the delivery is open: it is kept with its content, shown, and tried again when a revision comes into force.
    ///
    /// *Guarantees*: when this returns the delivery has its runs, is open, or was dropped, durably. *Assumptions*: the content
    /// was verified; whether it fits the event's schema is judged here, on the plan in force.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the sender shall come again. [`Error::Conflict`]: another content came under the same id before.
    pub async fn intake(&self, delivery: Delivery) -> Answered<Taken> {
        self.core.check_open()?;
        let _seat = self.seat().await?;
        let (core, delivery) = (Arc::clone(&self.core), masked::delivery(&self.core, delivery));
        self.core.whole(async move { super::intake(&core, delivery).await }).await
    }

    /// Counts what happened at the hook of a connector that exists.
    pub fn hear(&self, connector: &str, heard: Heard) {
        hooks::hear(&self.core, connector, heard);
    }

    /// Lists what the hooks of connectors were told, by connector.
    #[must_use]
    pub fn hooks(&self) -> Vec<HookView> {
        hooks::hooks(&self.core)
    }

    /// Keeps an item that came in and cannot be read as an open delivery; returns its id, such as `inbox-k3v...`. The same item
    /// twice is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it is not kept, and must stay where it is.
    pub async fn set_aside(&self, item: SetAside) -> Answered<String> {
        self.core.check_open()?;
        let _seat = self.seat().await?;
        let (core, item) = (Arc::clone(&self.core), masked::item(&self.core, item));
        self.core.whole(async move { super::set_aside(&core, item).await }).await
    }

    /// Lists deliveries: the open ones, oldest first; with `all` every one that was ever set aside, by id.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the one to go on after.
    pub async fn deliveries(&self, filter: DeliveryFilter) -> Answered<Paged<DeliveryLine>> {
        self.core.read(move |core| view::deliveries(core, &filter)).await
    }

    /// Shows a delivery that is or was open, with its content.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delivery(&self, id: &str) -> Answered<DeliveryView> {
        let id = id.to_owned();
        self.core.read(move |core| view::delivery(core, &id)).await
    }

    /// Tries an open delivery on the plan in force.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] where it is not open, or still cannot start.
    pub async fn start_delivery(&self, id: &str) -> Answered<Answer> {
        let _seat = self.seat().await?;
        let (core, id) = (Arc::clone(&self.core), id.to_owned());
        self.core.whole(async move { super::start(&core, &id).await }).await
    }

    /// Drops an open delivery with a reason: it starts nothing any more, and its repetition neither.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] where it is not open, [`Error::Invalid`] without a reason.
    pub async fn drop_delivery(&self, id: &str, reason: &str, by: &str) -> Answered<Answer> {
        let _seat = self.seat().await?;
        let (core, id) = (Arc::clone(&self.core), id.to_owned());
        let (reason, by) = (reason.to_owned(), by.to_owned());
        self.core.whole(async move { super::drop(&core, &id, &reason, &by).await }).await
    }
}
