//! Why a wish is refused: one type, one JSON form `{code, message, help}`.

use adjutant_machine::journal::JournalError;
use adjutant_spec::advice::Advice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    reconcile::{self, Trouble},
    runtime,
};

/// What sort of refusal. The words are the contract of programs: only added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// What was given is wrong.
    Invalid,
    /// Nobody is logged in.
    Unauthorized,
    /// A rule forbids it.
    Forbidden,
    /// It needs a fresh login.
    StepUp,
    /// There is no such thing.
    NotFound,
    /// There was such a thing, and retention removed it.
    Gone,
    /// It does not fit what is there now.
    Conflict,
    /// The body is too long.
    TooLarge,
    /// Too many attempts.
    TooMany,
    /// The body came too slowly.
    TooSlow,
    /// It cannot be done now: the same wish may pass a little later.
    Unavailable,
    /// The instance is set aside.
    Quarantined,
    /// The store refuses.
    Journal,
    /// Our own mistake; a word of a newer version counts as one, too.
    #[serde(other)]
    Bug,
}

impl Code {
    /// Returns the exit code of the command line.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Invalid | Self::TooLarge => 1,
            Self::Unauthorized | Self::Forbidden | Self::StepUp => 3,
            Self::NotFound | Self::Gone => 4,
            Self::Conflict => 5,
            Self::Quarantined => 65,
            Self::Journal => 74,
            Self::TooMany | Self::TooSlow | Self::Unavailable => 75,
            Self::Bug => 70,
        }
    }
}

/// What a verb answers.
pub type Answered<T> = Result<T, Refusal>;

/// Why a wish is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Which sort of refusal it is: what programs go by.
    pub code: Code,
    /// What is wrong: a lower case fragment.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

impl Refusal {
    /// Returns a refusal without help.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None }
    }

    /// Sets what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the refusal of wrong input.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// Returns the refusal of a thing that is not there.
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} \"{id}\""))
    }

    /// Returns the refusal of what does not fit what is there now.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Code::Conflict, message)
    }

    /// Returns the refusal by a rule.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// Returns the refusal of a broken promise of our own code.
    #[must_use]
    pub fn bug(what: impl Into<String>) -> Self {
        runtime::Error::Bug(what.into()).into()
    }

    /// Returns the refusal that may pass by itself.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }
}

impl From<runtime::Error> for Refusal {
    fn from(error: runtime::Error) -> Self {
        let (code, help) = match &error {
            runtime::Error::NotFound { what, .. } => (Code::NotFound, Some(list_hint(what))),
            runtime::Error::Gone { .. } => {
                (Code::Gone, Some(format!("`{}` says how long what is kept", Advice::Retention)))
            }
            runtime::Error::Invalid { .. } => (Code::Invalid, None),
            runtime::Error::Conflict { .. } => (
                Code::Conflict,
                Some("look again: it was decided, or it changed since it was shown".to_owned()),
            ),
            runtime::Error::Forbidden { .. } => (Code::Forbidden, None),
            runtime::Error::Unavailable { .. } => {
                (Code::Unavailable, Some("try again in a moment".to_owned()))
            }
            runtime::Error::Quarantined { .. } => (
                Code::Quarantined,
                Some("everything else goes on; `adjutant audit verify` shows what is damaged".to_owned()),
            ),
            runtime::Error::Journal(cause) => (Code::Journal, Some(cause.to_string())),
            runtime::Error::Bug(_) => (Code::Bug, Some("please report it with the daemon's log".to_owned())),
        };
        Self { code, message: error.to_string(), help }
    }
}

fn list_hint(what: &str) -> String {
    let list = match what {
        "gate" => Advice::Inbox,
        "effect" => Advice::Dead,
        "cause" => Advice::DeadCauses,
        "playbook" => {
            return "its id is the name of its file, `playbooks/<id>.toml`, once that is in force".to_owned();
        }
        "proposal" => Advice::Proposals,
        "delivery" => Advice::Deliveries,
        "connector" => Advice::Connectors,
        "revision" | "switch" | "schedule" | "bundle" => {
            return format!("`{}` says what is in force, and what is paused", Advice::Status);
        }
        _ => Advice::Runs,
    };
    format!("`{list}` shows those that there are")
}

impl From<JournalError> for Refusal {
    fn from(error: JournalError) -> Self {
        runtime::Error::from(error).into()
    }
}

impl From<reconcile::Error> for Refusal {
    fn from(error: reconcile::Error) -> Self {
        let (help, message) = (error.help(), error.to_string());
        let code = match error {
            reconcile::Error::Runtime(error) => return error.into(),
            reconcile::Error::NotFound { .. } => Code::NotFound,
            reconcile::Error::Invalid { .. } => Code::Invalid,
            reconcile::Error::Forbidden { .. } => Code::Forbidden,
            reconcile::Error::Conflict { .. } => Code::Conflict,
            reconcile::Error::Repository(error) => match error.trouble {
                Trouble::Missing => Code::NotFound,
                Trouble::Moved => Code::Conflict,
                Trouble::Wrong => Code::Invalid,
                Trouble::Failed => Code::Unavailable,
            },
            reconcile::Error::Bug(_) => Code::Bug,
        };
        Self { code, message, help }
    }
}
