//! The command line, as the contract of the operator's surface words it.

mod company;
mod daemon;
mod models;
mod runs;

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

pub(crate) use company::{
    CheckArgs, FmtArgs, InitArgs, NewArgs, RecordArgs, SecretsAction, SecretsArgs, TestAction, TestArgs,
};
pub(crate) use daemon::{
    AuditAction, ConnectorAction, DEFAULT_LISTEN, DemoArgs, DiskBenchArgs, DoublesArgs, Mode,
    NewProposalArgs, PlanArgs, ProposalAction, ProposalsArgs, RetentionAction, TokenAction, UpArgs,
};
pub(crate) use models::{BenchArgs, EvalArgs, ModelsAction, PullArgs};
pub(crate) use runs::{
    ApproveArgs, DeadAction, DeadArgs, DeliveriesArgs, DeliveryAction, ForAllArg, PageArgs, PauseArgs,
    ReplayArgs, RunArgs, RunsArgs, ScopeArgs, SignalArgs,
};

/// The operating layer for a company of one.
#[derive(Debug, Parser)]
#[command(name = "adjutant", version, max_term_width = 110, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The daemon's data directory.
    #[arg(long, global = true, env = "ADJUTANT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A daemon elsewhere, in place of the control socket of the data directory.
    #[arg(long, global = true, env = "ADJUTANT_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// The token for `--server`.
    #[arg(long, global = true, env = "ADJUTANT_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// One JSON object or array on stdout.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a company repository that passes `check`, with prices and a key.
    Init(InitArgs),
    /// Make a new object from a commented template.
    New(NewArgs),
    /// Everything that a push would be told, offline.
    Check(CheckArgs),
    /// Play the scenarios of `tests/`: what your playbooks do, without a world.
    Test(TestArgs),
    /// The page of a diagnostic.
    Explain {
        /// Such as E0203; all codes when absent.
        code: Option<String>,
    },
    /// The JSON Schema of a kind of file, or of all.
    Schema {
        /// Such as playbook.
        kind: Option<String>,
    },
    /// Write the files in canonical form; comments are kept.
    Fmt(FmtArgs),
    /// What would change, and which live runs it touches.
    Plan(PlanArgs),
    /// The daemon.
    Up(UpArgs),
    /// The main job end to end on an example company.
    Demo(DemoArgs),
    /// The state of the daemon.
    Status,
    /// Start a run; the same key is the same run.
    Run(RunArgs),
    /// List runs, or show one, at a sequence number too: `runs ID@7`.
    Runs(RunsArgs),
    /// The entries of a run.
    Log {
        /// The id of a run, or another thing with a log: `schedule/NAME`, `revision/HASH`, `delivery/ID`.
        run: String,
        /// From this sequence number on.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// Those of all its branches too.
        #[arg(long, conflicts_with = "from")]
        tree: bool,
    },
    /// Follow a run until it ends.
    Watch {
        /// The id of the run to follow.
        run: String,
    },
    /// The chain of reasons for what a run, gate, effect or delivery waits for.
    Why {
        /// The id of a run, a gate, an effect or a delivery.
        id: String,
    },
    /// What waits for you.
    Inbox(PageArgs),
    /// The card of a gate.
    Show {
        /// The gate, or its run.
        gate: String,
    },
    /// Approve a gate as its card showed it.
    Approve(ApproveArgs),
    /// Refuse a gate.
    Deny {
        /// The gate, or its run.
        gate: String,
        /// Why you refuse; the log of the run keeps it.
        #[arg(short = 'm', long = "message")]
        reason: String,
    },
    /// The dead-letter list: what failed for good, or what nobody can tell.
    Dead(DeadArgs),
    /// What came in and starts nothing yet: list, show, start, drop.
    Deliveries(DeliveriesArgs),
    /// Tell those who wait for a signal, and start the playbooks that it triggers.
    Signal(SignalArgs),
    /// No further effect of a run, a playbook, a connector or everything starts.
    Pause(PauseArgs),
    /// Effects start again.
    Resume(ScopeArgs),
    /// A run unwinds and ends as cancelled.
    Cancel {
        /// The id of the run to cancel.
        run: String,
        /// Why; the log of the run keeps it.
        #[arg(short = 'm', long = "message", default_value = "cancelled by the operator")]
        reason: String,
    },
    /// What a run did is taken back, also when it has ended: shows first what that would come to.
    Rollback {
        /// The id of the run to take back.
        run: String,
        /// Do it: the token that the preview showed.
        #[arg(long, value_name = "TOKEN", requires = "reason")]
        confirm: Option<String>,
        /// Why; the log of the run keeps it.
        #[arg(short = 'm', long = "message", requires = "confirm")]
        reason: Option<String>,
    },
    /// A run ends at once: nothing is undone.
    Kill {
        /// The id of the run to kill.
        run: String,
        /// Why; the log of the run keeps it.
        #[arg(short = 'm', long = "message", default_value = "killed by the operator")]
        reason: String,
    },
    /// Let a quarantined run go on, once what was damaged is repaired.
    Release {
        /// The id of the run that was set aside.
        run: String,
    },
    /// Try a failed run again.
    Retry {
        /// The id of the run that failed.
        run: String,
        /// The step; the failed one when absent.
        #[arg(long)]
        step: Option<String>,
        /// Corrected values: `--set steps.qualify.budget=2000`.
        #[arg(long = "set", value_name = "PATH=JSON")]
        edits: Vec<String>,
    },
    /// Play a run again, as it was or with something changed: nothing of it leaves this machine.
    Replay(ReplayArgs),
    /// Say what the text of a route step really is: a lesson for `models refit`; the run goes on as it was.
    Correct {
        /// The id of the run that routed the text.
        run: String,
        /// The route step that judged it.
        step: String,
        /// The right class, also where the route named it; `none` where it is none of them.
        class: String,
    },
    /// Business records with where they come from.
    Records {
        /// The kind.
        kind: Option<String>,
        /// Where in the list to begin, and how much of it to show.
        #[command(flatten)]
        page: PageArgs,
    },
    /// Activate a stored revision at once, without Git, and hold the bad one.
    Revert {
        /// The revision; the one before the applied one when absent.
        #[arg(long)]
        to: Option<String>,
    },
    /// Hold the applied revision: newer ones wait. `hold --release` ends it.
    Hold {
        /// End the hold.
        #[arg(long)]
        release: bool,
        /// Why; `status` shows it while the hold lasts.
        #[arg(short = 'm', long = "message", default_value = "held by the operator")]
        reason: String,
    },
    /// Proposed changes: list, show, diff, approve, refuse, new.
    Proposals(ProposalsArgs),
    /// The connectors, or `connectors probe NAME`.
    Connectors {
        /// What to do.
        #[command(subcommand)]
        action: Option<ConnectorAction>,
    },
    /// The secrets of a company repository: ciphertext in Git, the key outside.
    Secrets(SecretsArgs),
    /// What was spent against the caps in force; `--month` shows a month by playbook, agent and day.
    Cost {
        /// A month, such as 2026-11; the present one where none is named.
        #[arg(long, value_name = "MONTH", num_args = 0..=1, default_missing_value = "")]
        month: Option<String>,
    },
    /// The playbooks in force, with what starts them.
    Playbooks,
    /// A new one-time link to the dashboard.
    Login,
    /// Tokens for HTTP.
    Token {
        /// What to do.
        #[command(subcommand)]
        action: TokenAction,
    },
    /// Ask a route what a text is.
    Route {
        /// The route.
        route: String,
        /// The text.
        text: String,
        /// The company repository.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
    /// Local models: pull, list, verify, bench, eval.
    Models {
        /// What to do.
        #[command(subcommand)]
        action: ModelsAction,
    },
    /// How long what is kept, and how the store grows.
    Retention {
        /// What to do; the report when absent.
        #[command(subcommand)]
        action: Option<RetentionAction>,
    },
    /// The audit trail.
    Audit {
        /// What to do.
        #[command(subcommand)]
        action: AuditAction,
    },
    /// Copy the store while it runs, and verify the copy.
    Backup {
        /// A new folder.
        dir: PathBuf,
    },
    /// Look at everything that has to be in order.
    Doctor,
    /// Measure durable transitions on this disk, beside raw writes of the same bytes.
    Bench(DiskBenchArgs),
    /// Completions for a shell.
    Completions {
        /// Which one.
        shell: clap_complete::Shell,
    },
    /// The manual page.
    Man {
        /// Write one page for each command into this folder.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// A systemd unit for `up`.
    Service {
        /// The company repository that it watches.
        #[arg(long, default_value = ".")]
        repo: PathBuf,
    },
    /// What Git runs in `company.git`.
    #[command(hide = true)]
    Hook {
        /// `pre-receive`, `post-receive` or `proc-receive`.
        name: String,
        /// What else Git gives.
        rest: Vec<String>,
    },
    /// The doubles of the outside world that `demo` uses.
    #[command(hide = true)]
    DemoDoubles(DoublesArgs),
}

/// Returns the command line with the commands of later versions, hidden.
#[must_use]
pub(crate) fn command() -> clap::Command {
    super::later::declare(Cli::command())
}

/// Returns the command line as people see it, for completions and manuals.
#[must_use]
pub(crate) fn visible_command() -> clap::Command {
    Cli::command()
}
