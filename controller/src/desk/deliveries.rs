//! What came in and waits: open deliveries, and what to do with them.

use super::{Answered, Desk, DropWish, Scope, Who};
use crate::runtime::{
    Answer, DeliveryFilter,
    views::{DeliveryLine, DeliveryView, Paged},
};

impl Desk {
    /// Lists deliveries that no run has taken yet, oldest first and page by page; every one that was ever set aside where asked.
    ///
    /// # Errors
    /// Without the scope, and for a delivery to go on after that is not there.
    pub async fn deliveries(&self, who: &Who, filter: DeliveryFilter) -> Answered<Paged<DeliveryLine>> {
        who.must(Scope::Read)?;
        Ok(self.handle.deliveries(filter).await?)
    }

    /// Shows a delivery that is or was open, with its content.
    ///
    /// # Errors
    /// Without the scope, and for a delivery that is not there.
    pub async fn delivery(&self, who: &Who, id: &str) -> Answered<DeliveryView> {
        who.must(Scope::Read)?;
        Ok(self.handle.delivery(id).await?)
    }

    /// Tries an open delivery on the revision in force.
    ///
    /// # Errors
    /// Without the scope, for a delivery that is not there, that is not open, or that still cannot start.
    pub async fn start_delivery(&self, who: &Who, id: &str) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        Ok(self.handle.start_delivery(id).await?)
    }

    /// Drops an open delivery: it starts nothing any more, and its repetition neither.
    ///
    /// # Errors
    /// Without the scope or a reason, and for a delivery that is not there or not open.
    pub async fn drop_delivery(&self, who: &Who, id: &str, wish: DropWish) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        Ok(self.handle.drop_delivery(id, &wish.reason, &who.by).await?)
    }
}
