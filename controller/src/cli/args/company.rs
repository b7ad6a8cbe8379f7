//! Arguments of the commands on a company repository.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// A new or empty folder.
    pub dir: PathBuf,
    /// An example to begin with: hello or agency.
    #[arg(long, value_name = "NAME")]
    pub example: Option<String>,
}

/// `new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// playbook, agent, connector, route, policy, record, slice or test.
    pub kind: String,
    /// The id: the file's stem.
    pub id: String,
    /// The company repository.
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
}

/// `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The company repository.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// A revision of it in place of the files as they are.
    #[arg(long, value_name = "REV")]
    pub rev: Option<String>,
    /// Run its scenario tests too.
    #[arg(long)]
    pub tests: bool,
}

/// `fmt`.
#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// The company repository.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Only tell which files would change, with exit code 1.
    #[arg(long)]
    pub check: bool,
}

/// `secrets …`.
#[derive(Debug, Args)]
pub(crate) struct SecretsArgs {
    /// The company repository.
    #[arg(long, default_value = ".", global = true)]
    pub dir: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub action: SecretsAction,
}

/// `secrets …`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsAction {
    /// Read a secret from stdin and write `secrets/NAME.age`.
    Set {
        /// Its name.
        name: String,
    },
    /// The names, and whether the key opens them.
    List,
}
