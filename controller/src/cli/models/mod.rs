//! `models`: which local models there are, where they come from, whether they are what they
//! should be, how fast and how good they are.

mod bench;
mod eval;
mod lock;
mod progress;
mod pull;
mod shelf;

use super::{
    args::ModelsAction,
    blocking::block_on,
    failure::{Exit, Failure, Outcome},
    out::Out,
};
use crate::judgement;

/// Runs `models …`.
pub(super) fn models(out: &Out, action: &ModelsAction) -> Outcome {
    match action {
        ModelsAction::Pull(args) => block_on(pull::pull(out, args)),
        ModelsAction::List => shelf::list(out),
        ModelsAction::Verify { name } => shelf::verify(out, name.as_deref()),
        ModelsAction::Bench(args) => bench::bench(out, args),
        ModelsAction::Eval(args) => eval::eval(out, args),
        ModelsAction::Refit { .. } => Err(Failure::new(Exit::Bug, "a refit is asked of the daemon")),
    }
}

impl From<judgement::Error> for Failure {
    fn from(error: judgement::Error) -> Self {
        use judgement::Error;
        let exit = match &error {
            Error::NoPlace | Error::Name(_) | Error::Endpoint(_) => Exit::Usage,
            Error::Unknown(_) | Error::NotThere { .. } | Error::Missing { .. } => Exit::NotFound,
            Error::Fetch { .. } | Error::Pip { .. } | Error::Busy(_) => Exit::Again,
            Error::File { .. } => Exit::Disk,
            Error::Status { .. } | Error::Length { .. } | Error::Digest { .. } | Error::Wheel { .. } => {
                Exit::Invalid
            }
        };
        Self { hint: error.hint().map(str::to_owned), ..Self::of(exit, &error) }
    }
}
