//! Arguments of the daemon, and of what reviews and serves it.

use std::path::PathBuf;

use adjutant_spec::value::Period;
use clap::{Args, Subcommand, ValueEnum};

use super::PageArgs;

/// Where HTTP listens unless told otherwise.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:7717";

/// `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The revision to go to; what the source has now when absent.
    #[arg(long, value_name = "REV")]
    pub to: Option<String>,
    /// 0 without a change, 10 with changes.
    #[arg(long)]
    pub exit_code: bool,
    /// Say yes to the plan that waits for it, by the token that it shows.
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["to", "exit_code", "simulate"])]
    pub confirm: Option<String>,
    /// Try it on so many recorded runs.
    #[arg(long, value_name = "N")]
    pub simulate: Option<u32>,
}

/// `up`.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// A folder, or the URL of a repository.
    #[arg(long, value_name = "DIR or URL")]
    pub repo: Option<String>,
    /// Where the truth lives.
    #[arg(long, value_enum)]
    pub(crate) mode: Option<Mode>,
    /// The branch of a remote.
    #[arg(long, default_value = "main")]
    pub branch: String,
    /// Where HTTP listens.
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_LISTEN)]
    pub listen: std::net::SocketAddr,
    /// How your browser and senders of webhooks reach it, where that is not the listening address: behind a tunnel or a
    /// proxy, such as https://desk.example.
    #[arg(long, value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// Reconcile, settle what is due, and exit.
    #[arg(long)]
    pub once: bool,
    /// Log lines as JSON.
    #[arg(long)]
    pub log_json: bool,
}

/// Its host is one that requests may name, so it is an address and nothing else.
fn public_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !["http", "https"].contains(&url.scheme()) || !url.username().is_empty() || !is_bare {
        return Err("it is http:// or https:// and a host, such as https://desk.example".to_owned());
    }
    Ok(text.to_owned())
}

/// Where the truth lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// What is saved in a folder is live.
    Worktree,
    /// A folder's HEAD.
    Commit,
    /// A branch of a remote.
    Remote,
    /// The bare repository `<data>/company.git`, which takes pushes.
    Push,
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Play the whole story unattended; exit code 0 only if it holds.
    #[arg(long)]
    pub script: bool,
    /// Without any model endpoint: a gate with a form takes its place.
    #[arg(long)]
    pub no_model: bool,
    /// Where the company and the data go; a new folder when absent.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// What `proposals` takes: a page of the list, or one proposal and what to do with it.
#[derive(Debug, Args)]
pub(crate) struct ProposalsArgs {
    /// The proposal, or `new`.
    #[arg(conflicts_with_all = ["after", "limit"])]
    pub id: Option<String>,
    /// Where in the list to begin, and how much of it to show.
    #[command(flatten)]
    pub page: PageArgs,
    /// What to do with it.
    #[command(subcommand)]
    pub action: Option<ProposalAction>,
}

/// `proposals ID …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProposalAction {
    /// What changes, line by line.
    Diff {
        /// Everything, however long; where not all of it is shown, only this has a digest.
        #[arg(long)]
        full: bool,
    },
    /// Approve what the digest is bound to.
    Approve {
        /// The digest that was shown.
        #[arg(long)]
        digest: String,
    },
    /// Refuse it; the refusal is remembered.
    Refuse {
        /// Why; the same proposal is not made again.
        #[arg(short = 'm', long = "message")]
        reason: String,
    },
    /// Open one: from a branch or commit, from a diff, or from mails of `git format-patch`.
    New(NewProposalArgs),
}

/// `proposals new`.
#[derive(Debug, Args)]
pub(crate) struct NewProposalArgs {
    /// The repository.
    #[arg(long, default_value = ".")]
    pub repo: PathBuf,
    /// The branch or commit: everything in it that `main` has not.
    #[arg(long, default_value = "HEAD")]
    pub head: String,
    /// A diff or mails of `git format-patch` in place of a commit; `-` is stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "head")]
    pub patch: Option<PathBuf>,
    /// One open proposal for each topic.
    #[arg(long, default_value = "main")]
    pub topic: String,
    /// What it is about, in one line.
    #[arg(long)]
    pub title: Option<String>,
    /// Why it is proposed; the proposal shows it.
    #[arg(short = 'm', long = "message")]
    pub reason: Option<String>,
}

/// `connectors …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorAction {
    /// Find out whether a connector works, without changing anything.
    Probe {
        /// The connector.
        name: String,
    },
    /// Later: what differs between our records and theirs.
    #[command(hide = true)]
    Drift,
    /// Later: reads only, for every connector.
    #[command(hide = true)]
    SafeMode,
}

/// `token …`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenAction {
    /// Make a token and show it once.
    New {
        /// What it is for; entries carry it.
        #[arg(long)]
        name: Option<String>,
        /// The agent that it is for: it may propose, never approve.
        #[arg(long)]
        agent: Option<String>,
        /// What it may: read, run, propose, approve, operate.
        #[arg(long = "scope", value_delimiter = ',')]
        scopes: Vec<String>,
        /// After how many days it lapses.
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// The tokens, without their secrets.
    List(PageArgs),
    /// Take a token back: it works no longer.
    Revoke {
        /// Its id, as `token list` shows it.
        id: String,
    },
}

/// `audit …`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditAction {
    /// Walk the hash chain and fold every instance.
    Verify,
}

/// `retention …`.
#[derive(Debug, Subcommand)]
pub(crate) enum RetentionAction {
    /// Remove now what is kept no longer, instead of by the hour.
    Run,
}

/// `demo-doubles`.
#[derive(Debug, Args)]
pub(crate) struct DoublesArgs {
    /// Where what they accepted is recorded.
    #[arg(long, value_name = "FILE")]
    pub ledger: PathBuf,
}

/// What `bench` takes: where and what to measure.
#[derive(Debug, Args)]
pub(crate) struct DiskBenchArgs {
    /// A folder on the disk that matters; the data folder when absent.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Measure runs the whole way instead of the store alone: from the wish to the last durable entry.
    #[arg(long)]
    pub path: bool,
    /// How many runs stand in line while the rate behind a backlog is measured.
    #[arg(long, value_name = "RUNS", default_value_t = 100_000, requires = "path")]
    pub depth: usize,
    /// How many entries the run has that goes round and round alone.
    #[arg(long, value_name = "ENTRIES", default_value_t = 20_000, requires = "path")]
    pub long: u64,
    /// For how long each rate is measured.
    #[arg(long, default_value = "10s", requires = "path")]
    pub time: Period,
}
