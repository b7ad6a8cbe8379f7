//! A look at a connector, for `connectors probe`: what is given, and what was seen.

use std::{path::Path, sync::Arc, time::Duration};

use adjutant_spec::plan::Connector;
use serde_json::{Value, json};

use super::{doors::Doors, folders::Folders, secrets::Secret};

/// A connector that is looked at, behind a door that stands open.
pub(super) struct Look<'a> {
    pub(super) connector: &'a Connector,
    pub(super) doors: &'a Arc<dyn Doors>,
    pub(super) secret: Option<&'a Secret>,
    /// What the connector's folder is judged against.
    pub(super) folders: &'a Folders,
    pub(super) timeout: Duration,
}

/// What the other side let us see.
pub(super) struct Seen {
    /// Encrypted, where there is a connection.
    pub(super) tls: Option<bool>,
    /// Whether our secret was taken, where one was shown.
    pub(super) auth: Option<bool>,
    pub(super) detail: Value,
}

impl Seen {
    /// Returns what is seen of a folder: that it is there.
    pub(super) fn folder(path: &Path) -> Self {
        Self { tls: None, auth: None, detail: json!({ "folder": path.display().to_string() }) }
    }
}
