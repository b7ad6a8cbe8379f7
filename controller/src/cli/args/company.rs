//! Arguments of the commands on a company repository.

use std::path::PathBuf;

use adjutant_spec::value::Period;
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

/// What `adjutant test` is asked: which scenarios to play, and with which faults.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct TestArgs {
    /// Another way to come to a scenario.
    #[command(subcommand)]
    pub action: Option<TestAction>,
    /// A playbook, or a file of `tests/`; every scenario when absent.
    #[arg(value_name = "PLAYBOOK|FILE")]
    pub what: Option<String>,
    /// The company repository.
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// Disturb what holds: crashes, lost, late and doubled answers, cancels, gates that lapse.
    #[arg(long)]
    pub chaos: bool,
    /// Which pairs of faults are drawn.
    #[arg(long, default_value_t = 1, requires = "chaos")]
    pub seed: u64,
    /// How long faults are tried.
    #[arg(long = "for", value_name = "PERIOD", default_value = "60s", requires = "chaos")]
    pub patience: Period,
}

/// What else `adjutant test` does.
#[derive(Debug, Subcommand)]
pub(crate) enum TestAction {
    /// Write a run of the daemon down as a scenario: what it was asked and answered, and what came of it.
    Record(RecordArgs),
}

/// `adjutant test record`.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// The id of the run.
    pub run: String,
    /// The company repository.
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// The name of the file in `tests/`; that of the run when absent.
    #[arg(long)]
    pub name: Option<String>,
    /// Print the scenario, and write no file.
    #[arg(long)]
    pub print: bool,
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
