//! What every attempt stands on: the key of the secrets, the places of folders, the doors.

use std::{path::PathBuf, sync::Arc};

use adjutant_machine::{call::Call, event::ErrorClass};
use adjutant_spec::plan::{Connector, Plan};

use super::{
    doors::Doors,
    folders::Folders,
    intake::weakness,
    outcome::Fault,
    redact::Redactor,
    secrets::{Keys, Secret},
};
use crate::judgement::Routers;

/// What the room stands on.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the key of the secrets is.
    pub keys: Keys,
    /// Where the relative folders of connectors begin.
    pub files: PathBuf,
    /// Places that no connector's folder may be, lie in, or hold: the data folder, the repository. What lies below `files` is
    /// excepted, and the key is always one of them.
    pub keep_out: Vec<PathBuf>,
    /// The routers that decide locally about texts.
    pub routers: Routers,
}

/// The room's own, shared by all who act.
pub(super) struct Ground {
    pub(super) options: Options,
    pub(super) doors: Arc<dyn Doors>,
}

impl Ground {
    /// Returns what the folders of a plan are judged against.
    pub(super) fn folders(&self, plan: &Plan) -> Folders {
        Folders::new(&self.options.files, &self.options.keep_out, plan)
    }

    /// Returns the opened secret of a connector, or the failure of the call that needs it.
    pub(super) fn secret_of_call(&self, plan: &Plan, connector: &Connector) -> Result<Option<Secret>, Fault> {
        if connector.needed_secrets().is_empty() {
            return Ok(None);
        }
        self.secret(plan, connector).map_err(|reason| {
            Fault::new(
                ErrorClass::Auth,
                format!("the secret of connector \"{}\" cannot be used: {reason}", connector.id),
            )
        })
    }

    /// Returns the opened secret of a connector, or why it does not open.
    pub(super) fn secret(&self, plan: &Plan, connector: &Connector) -> Result<Option<Secret>, String> {
        connector.secret.as_ref().map(|name| self.open_secret(plan, name)).transpose()
    }

    /// Returns a secret that verifies what others sign, or why it verifies nothing.
    pub(super) fn signing_secret(&self, plan: &Plan, name: &str) -> Result<Secret, String> {
        let secret = self.open_secret(plan, name)?;
        // A key that can be guessed verifies nothing: whoever guesses it would be taken for the sender.
        match weakness(secret.expose()) {
            Some(why) => Err(format!("its secret \"{name}\" {why}")),
            None => Ok(secret),
        }
    }

    fn open_secret(&self, plan: &Plan, name: &str) -> Result<Secret, String> {
        let sealed = plan.secrets.get(name).ok_or_else(|| format!("there is no \"secrets/{name}.age\""))?;
        self.options.keys.decrypt(sealed).map_err(|error| error.to_string())
    }

    /// Returns what masks the answer of a call: every secret, as one may come back through another's answer, or stand in a
    /// prompt. What never leaves the machine needs none.
    pub(super) fn redactor(&self, plan: &Plan, call: &Call) -> Redactor {
        let leaves = match call {
            Call::Verb(_) | Call::Probe { .. } | Call::Agent(_) => true,
            Call::Route { route, .. } => plan.route(route).is_some_and(|route| !route.escalate.is_empty()),
            _ => false,
        };
        if leaves { self.full_redactor(plan) } else { Redactor::default() }
    }

    /// Returns what masks every secret of the company that opens.
    pub(super) fn full_redactor(&self, plan: &Plan) -> Redactor {
        let opened: Vec<Secret> =
            plan.secrets.values().filter_map(|sealed| self.options.keys.decrypt(sealed).ok()).collect();
        Redactor::of(&opened)
    }
}
