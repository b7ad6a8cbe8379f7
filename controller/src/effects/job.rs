//! One call of a verb, with everything it needs.

use std::{sync::Arc, time::Duration};

use adjutant_machine::call::VerbCall;
use adjutant_spec::plan::{Connector, Verb};

use super::{doors::Doors, folders::Folders, outcome::Fault, secrets::Secret};

/// One call of a verb, with everything it needs.
pub(super) struct VerbJob<'a> {
    pub(super) connector: &'a Connector,
    pub(super) doors: &'a Arc<dyn Doors>,
    /// Whether its rates counted it when its effect began.
    pub(super) is_counted: bool,
    pub(super) verb: &'a Verb,
    pub(super) call: &'a VerbCall,
    /// The connector's secret, opened for this call alone.
    pub(super) secret: Option<Secret>,
    pub(super) timeout: Duration,
    /// What the connector's folder is judged against.
    pub(super) folders: Folders,
}

impl<'a> VerbJob<'a> {
    /// Returns the connector's endpoint.
    pub(super) fn endpoint(&self) -> Result<&'a str, Fault> {
        let missing = || Fault::unavailable(format!("connector \"{}\" has no endpoint", self.connector.id));
        self.connector.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()).ok_or_else(missing)
    }

    /// Returns the verb's name in its connector.
    pub(super) fn name(&self) -> &'a str {
        self.call.verb.split_once('.').map_or(self.call.verb.as_str(), |(_, verb)| verb)
    }
}
