//! Deliveries whose sender gives them no id: within the connector's `dedupe` window the same content is the same delivery.
//!
//! The row that says which delivery a content is now comes before any run: a crash in between makes the sender come again,
//! the row gives the same id, and the keys find the same runs.

use std::sync::Arc;

use adjutant_machine::{
    codec::canonical,
    id::Stamp,
    journal::{Batch, Guard, JournalError, RowWrite, Table},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Error, core::Core, request::Delivery, rows, views::When};

/// How often the row is read again because another one wrote it.
const MOST_TRIES: usize = 16;

/// Which delivery a content is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Window {
    id: String,
    at: Stamp,
}

/// Returns the digest of what was said: another content under the same id is another message.
pub(super) fn digest(event: &str, content: &Value) -> String {
    blake3::hash(&canonical(&json!({ "event": event, "content": content }))).to_hex().to_string()
}

/// A delivery that has its id.
pub(super) struct Named {
    pub(super) delivery: Delivery,
    /// What the sender is told where the same content came before.
    pub(super) repeated: Option<String>,
}

/// Gives a delivery its id; one that has an id of its sender's stays as it is.
pub(super) async fn named(core: &Arc<Core>, delivery: Delivery) -> Result<Named, Error> {
    let Some(within) = delivery.within else { return Ok(Named { delivery, repeated: None }) };
    let digest = digest(&delivery.event, &delivery.fields);
    let place = rows::dedupe::window(&delivery.connector, &digest);
    for _ in 0..MOST_TRIES {
        let (key, now) = (place.clone(), core.clock.now());
        let found = core.read(move |core| Ok(core.journal.row(Table::Dedupe, &key)?)).await?;
        let version = found.as_ref().map_or(0, |row| row.version);
        let known = found.and_then(|row| serde_json::from_slice::<Window>(&row.value).ok());
        if let Some(known) = known.filter(|known| now < known.at.plus(within)) {
            let told = format!(
                "the same content came at {}: within {} s it counts as one delivery",
                When(known.at),
                within / 1_000
            );
            return Ok(Named { delivery: carrying(delivery, known.id), repeated: Some(told) });
        }
        let window = Window { id: format!("{}@{}", &digest[..16], now.0), at: now };
        let guards = vec![Guard { table: Table::Dedupe, key: place.clone(), version }];
        let value = serde_json::to_vec(&window).ok();
        let writes = vec![RowWrite { table: Table::Dedupe, key: place.clone(), value }];
        match core.write(Batch { writes, guards, ..Batch::default() }).await {
            Ok(_) => return Ok(Named { delivery: carrying(delivery, window.id), repeated: None }),
            // Another delivery of the same content was quicker: its id is ours.
            Err(Error::Journal(JournalError::Moved { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::unavailable("the delivery is being dealt with"))
}

/// Returns the delivery with this id, which its event has as `message_id` too: what keys of runs are made of.
fn carrying(mut delivery: Delivery, id: String) -> Delivery {
    if let Some(fields) = delivery.fields.as_object_mut() {
        fields.entry("message_id").or_insert_with(|| id.clone().into());
    }
    Delivery { id, within: None, ..delivery }
}
