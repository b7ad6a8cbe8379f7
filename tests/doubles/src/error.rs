//! What can go wrong while doubles are started or their ledger is kept.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The one error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port could not be bound on loopback.
    #[error("the {double} double cannot listen on {address}")]
    Bind {
        /// The double that could not listen.
        double: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The ledger file cannot be opened, read or cut back to its last whole entry.
    #[error("the ledger cannot be opened: {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process writes this ledger.
    #[error("the ledger is in use by other doubles: {}", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A whole line of the ledger is not an entry.
    #[error("line {line} of the ledger is no entry: {}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line of the file, counted from 1.
        line: usize,
        /// What the reader of JSON says.
        source: serde_json::Error,
    },
    /// An entry could not be written and synced; nothing is accepted from then on.
    #[error("the ledger takes no more entries")]
    Write {
        /// Why; absent for every entry after the first that failed.
        source: Option<io::Error>,
    },
    /// The fixtures are not valid JSON of the expected form.
    #[error("the fixtures cannot be read")]
    Fixtures {
        /// What the reader of JSON says.
        source: serde_json::Error,
    },
    /// A fixture file cannot be read.
    #[error("the fixtures cannot be read: {}", path.display())]
    FixtureFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A pattern between slashes is not a regular expression.
    #[error("rule \"{rule}\" has a pattern that is no regular expression: {pattern}")]
    Pattern {
        /// The rule's name.
        rule: String,
        /// The pattern as written.
        pattern: String,
        /// What is wrong with the pattern.
        source: regex_lite::Error,
    },
}
