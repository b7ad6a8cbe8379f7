//! A question to a model, with everything it takes to ask it.

use std::{sync::Arc, time::Instant};

use adjutant_machine::call::AgentCall;
use adjutant_spec::{plan::Connector, value::Labels};

use super::price::Tariff;
use crate::effects::{doors::Doors, redact::Redactor, secrets::Secret};

/// A question with everything it takes to ask it.
pub(in crate::effects) struct AgentJob<'a> {
    pub(in crate::effects) connector: &'a Connector,
    pub(in crate::effects) doors: &'a Arc<dyn Doors>,
    /// Whether the rates of its connector counted the first question when its effect began.
    pub(in crate::effects) is_counted: bool,
    pub(in crate::effects) model: String,
    pub(in crate::effects) tariff: Tariff,
    pub(in crate::effects) call: &'a AgentCall,
    /// Whether the prompt's template reads its inputs.
    pub(in crate::effects) reads_input: bool,
    pub(in crate::effects) labels: Labels,
    /// Makes fences and request ids that a text cannot guess.
    pub(in crate::effects) key: String,
    pub(in crate::effects) secret: Option<Secret>,
    pub(in crate::effects) redactor: &'a Redactor,
    /// When both turns together must have ended: the lease is not longer.
    pub(in crate::effects) deadline: Instant,
}
