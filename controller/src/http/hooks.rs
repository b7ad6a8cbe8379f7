//! What HTTP asks of the room that knows the senders of webhooks; the composition root implements it.

use axum::http::HeaderMap;
use bytes::Bytes;
use futures::future::BoxFuture;

use crate::desk::Received;

/// Webhook intake: bytes in, what the sender proved to have sent out. The signature is checked over the bytes as they came.
pub trait Hooks: Send + Sync + 'static {
    /// Returns the most bytes of a delivery: asked before anything of its body is read.
    ///
    /// # Errors
    /// [`HookRefusal::Unknown`], [`HookRefusal::Unavailable`].
    fn limit(&self, connector: &str) -> Result<usize, HookRefusal>;

    /// Verifies a delivery; nothing is stored yet.
    fn verify(
        &self,
        connector: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> BoxFuture<'static, Result<Received, HookRefusal>>;
}

/// Why a webhook delivery is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookRefusal {
    /// There is no connector of this name that receives: 404.
    #[error("no connector \"{0}\" takes webhooks")]
    Unknown(String),
    /// The signature is missing, wrong, or too old: 401.
    #[error("{0}")]
    Signature(String),
    /// The body or its fields are not what the connector declares: 422.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The body is longer than the connector takes: 413.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// The connector cannot verify now, for want of its secret: 503.
    #[error("{0}")]
    Unavailable(String),
}
