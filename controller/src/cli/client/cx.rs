//! What every command on a daemon has.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::api::{Client, read};
use crate::cli::{failure::Failure, out::Out};

/// Where a command writes, and whom it asks.
pub(crate) struct Cx {
    pub(crate) out: Out,
    pub(crate) client: Client,
}

impl Cx {
    /// Reads an answer as the view that it is. With `--json` it is printed as it came, fields of a newer daemon too, and there is
    /// nothing left to say.
    ///
    /// # Errors
    /// A daemon of another version.
    pub(super) fn view<T: DeserializeOwned>(&self, answer: Value) -> Result<Option<T>, Failure> {
        if self.out.json {
            self.out.value(&answer)?;
            return Ok(None);
        }
        read(answer).map(Some)
    }
}
