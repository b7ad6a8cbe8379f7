//! Why a command fails, its exit code, and the one printer of errors.

use std::{error::Error as StdError, io, path::Path, process::ExitCode};

use adjutant_machine::journal::JournalError;

use super::out::{Paint, Words, words};
use crate::{bench, daemon, desk::Refusal, effects, http, journal, private, runtime, source};

/// How a command ends. The numbers are the contract of the operator's surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The input is wrong.
    Invalid = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A rule forbids it.
    Forbidden = 3,
    /// There is no such thing.
    NotFound = 4,
    /// It does not fit what is there now.
    Conflict = 5,
    /// `plan --exit-code`: there are changes.
    Changes = 10,
    /// The store is newer than this build, or damaged.
    Damaged = 65,
    /// The daemon is not reachable.
    Unreachable = 69,
    /// Our own mistake.
    Bug = 70,
    /// The disk refuses.
    Disk = 74,
    /// Try again.
    Again = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    fn of_number(number: u8) -> Self {
        match number {
            1 => Self::Invalid,
            3 => Self::Forbidden,
            4 => Self::NotFound,
            5 => Self::Conflict,
            65 => Self::Damaged,
            74 => Self::Disk,
            75 => Self::Again,
            _ => Self::Bug,
        }
    }
}

/// What every command answers.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Why a command fails: what, because of what, and what to type next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What failed: a lower case fragment.
    pub message: String,
    /// What caused it, the nearest first.
    pub causes: Vec<String>,
    /// What to type or look at next.
    pub hint: Option<String>,
}

impl Failure {
    /// Returns a failure with its exit code.
    #[must_use]
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// Returns the failure of an error, with its causes.
    #[must_use]
    pub(crate) fn of(exit: Exit, error: &dyn StdError) -> Self {
        Self::new(exit, error.to_string()).because_of(error)
    }

    /// Returns the failure of input that is wrong.
    #[must_use]
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, message)
    }

    /// Sets what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the causes of an error, not the error itself.
    #[must_use]
    pub(crate) fn because_of(mut self, error: &dyn StdError) -> Self {
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            // Transparent wrappers repeat the text of what they wrap.
            if self.causes.last().unwrap_or(&self.message) != &text {
                self.causes.push(text);
            }
            cause = inner.source();
        }
        self
    }

    /// Adds an error as the cause, with the causes of it.
    #[must_use]
    pub(crate) fn caused_by(mut self, error: &dyn StdError) -> Self {
        self.causes.push(error.to_string());
        self.because_of(error)
    }

    /// Returns a function that names the file that an operation failed on.
    pub(crate) fn file<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |error| {
            let exit = match error.kind() {
                io::ErrorKind::NotFound => Exit::NotFound,
                io::ErrorKind::AlreadyExists => Exit::Conflict,
                io::ErrorKind::StorageFull => Exit::Disk,
                _ => Exit::Invalid,
            };
            Self::new(exit, format!("cannot {doing} \"{}\"", path.display())).caused_by(&error)
        }
    }

    /// Returns the text for people: `error:`, `caused by:`, `hint:`.
    #[must_use]
    pub(crate) fn text(&self) -> Words {
        let error = Words::from("error:").painted(Paint::Red);
        let mut text = words!("{} {}\n", error, below(&self.message));
        for cause in &self.causes {
            text += words!("  caused by: {}\n", below(cause));
        }
        if let Some(hint) = &self.hint {
            text += words!("  hint: {}\n", below(hint));
        }
        text
    }
}

/// A text of several lines, as parsers write them: those after the first stand behind a mark, so that none can be taken
/// for a hint of ours.
fn below(text: &str) -> Words {
    let (first, rest) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
    let mut words = Words::line(first.trim_end());
    for line in rest.lines() {
        words += words!("\n    | {}", line);
    }
    words
}

impl From<source::Error> for Failure {
    fn from(error: source::Error) -> Self {
        let exit = match &error {
            source::Error::NoCompany { .. } => Exit::NotFound,
            source::Error::Moved { .. } | source::Error::OtherResult { .. } => Exit::Conflict,
            source::Error::Unsettled { .. } => Exit::Again,
            source::Error::Git {
                code: source::GitCode::RefGone | source::GitCode::NotARepository | source::GitCode::NoCommit,
                ..
            } => Exit::NotFound,
            _ => Exit::Invalid,
        };
        let hint = error.hint().map(str::to_owned).or_else(|| {
            matches!(error, source::Error::NoCompany { .. })
                .then(|| "`adjutant init DIR` makes a company repository".to_owned())
        });
        Self { hint, ..Self::of(exit, &error) }
    }
}

impl From<runtime::Error> for Failure {
    fn from(error: runtime::Error) -> Self {
        Self::of(Exit::of_number(error.exit_code()), &error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = Exit::of_number(refusal.code.exit_code());
        Self { hint: refusal.help, ..Self::new(exit, refusal.message) }
    }
}

impl From<journal::Error> for Failure {
    fn from(error: journal::Error) -> Self {
        match &error {
            journal::Error::Locked { .. } => Self::of(Exit::Again, &error)
                .hint("one daemon serves one data folder: stop the other one, or give another `--data`"),
            journal::Error::File { .. } => Self::of(Exit::Disk, &error),
            journal::Error::Store(JournalError::Newer { .. }) => {
                Self::of(Exit::Damaged, &error).hint("use the build that wrote it, or a newer one")
            }
            journal::Error::Store(JournalError::Older { .. }) => Self::of(Exit::Damaged, &error)
                .hint("nothing was written: move the data folder away, or give another one with `--data`"),
            journal::Error::Store(JournalError::Corrupt { .. }) => {
                Self::of(Exit::Damaged, &error).hint("put a backup in its place: nothing was written")
            }
            journal::Error::Store(JournalError::Disk(_)) => Self::of(Exit::Disk, &error),
            journal::Error::Store(_) => Self::of(Exit::Bug, &error),
        }
    }
}

impl From<daemon::Error> for Failure {
    fn from(error: daemon::Error) -> Self {
        use daemon::Error;
        match error {
            Error::Store(error) => error.into(),
            Error::Runtime(error) => error.into(),
            Error::Secrets(error) => error.into(),
            Error::Source(error) => error.into(),
            Error::Reconcile(error) => Self::of(Exit::Bug, &error),
            Error::Served(error) => not_served(&error),
            Error::Program(error) => Self::file("find", Path::new("adjutant"))(error),
            Error::Panicked(_) => Self::of(Exit::Bug, &error),
        }
    }
}

fn not_served(error: &http::ServeError) -> Failure {
    let failure = Failure::of(Exit::Again, error);
    match error {
        http::ServeError::Listen { .. } => failure.hint("give another address with `--listen 127.0.0.1:0`"),
        http::ServeError::Taken(_) => {
            failure.hint("one daemon serves one data folder: give another `--data`")
        }
        http::ServeError::Refused(refusal) => {
            Failure { exit: Exit::Bug, causes: refusal.help.clone().into_iter().collect(), ..failure }
        }
    }
}

impl From<bench::Error> for Failure {
    fn from(error: bench::Error) -> Self {
        match error {
            bench::Error::Store(error) => error.into(),
            bench::Error::Runtime(error) => error.into(),
            bench::Error::Odd(_) => Self::of(Exit::Bug, &error),
        }
    }
}

impl From<private::Error> for Failure {
    fn from(error: private::Error) -> Self {
        let hint = error.hint();
        Self::of(Exit::Forbidden, &error).hint(hint)
    }
}

impl From<effects::secrets::Error> for Failure {
    fn from(error: effects::secrets::Error) -> Self {
        use effects::secrets::Error;
        let (exit, hint) = match &error {
            Error::NoKey(_) => (
                Exit::NotFound,
                Some("`adjutant init` makes a key; or set `ADJUTANT_KEY_FILE` to the file of your key"),
            ),
            Error::KeyExists(_) => (Exit::Conflict, None),
            Error::NoPlace => (Exit::Invalid, Some("set `ADJUTANT_KEY_FILE`")),
            Error::NotPrivate(open) => (Exit::Forbidden, Some(open.hint())),
            _ => (Exit::Invalid, None),
        };
        Self { hint: hint.map(str::to_owned), ..Self::of(exit, &error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_next() {
        let cause = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let failure = Failure::file("read", Path::new("a.json"))(cause).hint("make it");
        assert_eq!(
            failure.text().render(false),
            "error: cannot read \"a.json\"\n  caused by: no such file\n  hint: make it\n"
        );
        assert_eq!(failure.exit, Exit::NotFound);
    }

    #[test]
    fn a_cause_that_repeats_the_message_is_told_once() {
        let error = journal::Error::from(JournalError::Disk("full".to_owned()));
        let failure = Failure::from(error);
        assert_eq!((failure.exit, failure.causes.len()), (Exit::Disk, 0));
    }
}
