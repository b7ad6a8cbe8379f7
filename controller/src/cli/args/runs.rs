//! Arguments of the commands on runs, gates and dead letters.

use std::path::PathBuf;

use adjutant_spec::value::Period;
use clap::{Args, Subcommand, ValueEnum};

use crate::desk::PageWish;

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The playbook.
    pub playbook: String,
    /// A JSON object, or `@FILE`.
    #[arg(long, value_name = "JSON or @FILE", default_value = "{}")]
    pub input: String,
    /// The run's idempotency key.
    #[arg(long)]
    pub key: Option<String>,
    /// Wait until it ends.
    #[arg(long)]
    pub wait: bool,
    /// Nothing but reads touches the world.
    #[arg(long)]
    pub dry: bool,
}

/// What `runs` takes: one run, or what narrows the list.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// One run, with `@seq` as it was then.
    #[arg(conflicts_with_all = ["status", "playbook", "about", "search", "after", "limit"])]
    pub id: Option<String>,
    /// Only of this status.
    #[arg(long)]
    pub status: Option<String>,
    /// Only of this playbook.
    #[arg(long)]
    pub playbook: Option<String>,
    /// Only those about this: `kind/key`, or the key alone.
    #[arg(long, value_name = "TEXT")]
    pub about: Option<String>,
    /// Only those with this text in their title, whom they are about, their key or their id.
    #[arg(short = 'q', long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Where in the list to begin, and how much of it to show.
    #[command(flatten)]
    pub page: PageArgs,
}

/// Which page of a list.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Only what comes after this item of the list.
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,
    /// At most so many; 50 when absent.
    #[arg(long)]
    pub limit: Option<usize>,
}

impl PageArgs {
    /// Returns how much of the list is asked for.
    pub(crate) fn size(&self) -> usize {
        self.limit.unwrap_or(50)
    }

    /// Returns whether anything was said of the page.
    pub(crate) fn is_given(&self) -> bool {
        self.after.is_some() || self.limit.is_some()
    }

    /// Returns what the daemon is asked for.
    pub(crate) fn wish(&self) -> PageWish {
        PageWish { after: self.after.clone(), limit: self.size() }
    }
}

/// `approve`.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The gate, or its run.
    pub gate: String,
    /// The digest that the card showed.
    #[arg(long)]
    pub digest: String,
    /// A JSON file with changed values by path.
    #[arg(long, value_name = "FILE")]
    pub edit: Option<PathBuf>,
    /// A JSON file with the form's values.
    #[arg(long, value_name = "FILE", conflicts_with = "edit")]
    pub form: Option<PathBuf>,
    /// Why; the run's record keeps it.
    #[arg(short = 'm', long = "message")]
    pub reason: Option<String>,
}

/// What `dead` takes: a page of the list, or what to do with one call.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeadArgs {
    /// Where in the list to begin, and how much of it to show.
    #[command(flatten)]
    pub page: PageArgs,
    /// What to do with one; the list when absent.
    #[command(subcommand)]
    pub action: Option<DeadAction>,
}

/// `dead …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadAction {
    /// Try it again: it did not happen.
    Retry {
        /// The effect.
        effect: String,
        /// Why; the log of its run keeps it.
        #[arg(short = 'm', long = "message")]
        reason: Option<String>,
    },
    /// Tell what the world says.
    Settle {
        /// The effect.
        effect: String,
        /// It happened; with its answer as JSON.
        #[arg(long, value_name = "JSON", num_args = 0..=1, default_missing_value = "{}", conflicts_with = "did_not_happen")]
        happened: Option<String>,
        /// It did not happen: it is tried again.
        #[arg(long)]
        did_not_happen: bool,
        /// How you know; the log of its run keeps it.
        #[arg(short = 'm', long = "message")]
        reason: Option<String>,
    },
    /// Take it back.
    Undo {
        /// The effect.
        effect: String,
        /// Why; the log of its run keeps it.
        #[arg(short = 'm', long = "message")]
        reason: Option<String>,
    },
    /// Leave it and take the error edge.
    Drop {
        /// The effect.
        effect: String,
        /// Why; the log of its run keeps it.
        #[arg(short = 'm', long = "message")]
        reason: Option<String>,
    },
    /// What failed or is in doubt by its cause: one outage is one line.
    Causes,
    /// Deal at once with everything that one cause struck.
    All {
        /// The cause, as `dead causes` names it.
        cause: String,
        /// What is done with each.
        how: ForAllArg,
        /// What the cause was shown with: nothing is done where it struck others since.
        #[arg(long)]
        token: String,
        /// Why; the log of each run keeps it.
        #[arg(short = 'm', long = "message")]
        reason: String,
    },
}

/// What is done with everything that one cause struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForAllArg {
    /// Try each again: it failed, so it did not happen.
    Retry,
    /// You looked at the other side: none of them happened, and each is tried again.
    DidNotHappen,
    /// Take each back.
    Undo,
    /// Leave each and take its error edge.
    Drop,
}

/// What `deliveries` takes: what narrows the list, or what to do with one.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeliveriesArgs {
    /// One of them; the list of the open ones when absent.
    pub id: Option<String>,
    /// Those that were started or dropped since, too.
    #[arg(long)]
    pub all: bool,
    /// Only of this connector.
    #[arg(long)]
    pub connector: Option<String>,
    /// Where in the list to begin, and how much of it to show.
    #[command(flatten)]
    pub page: PageArgs,
    /// What to do with one.
    #[command(subcommand)]
    pub action: Option<DeliveryAction>,
}

/// What can be done with a delivery.
#[derive(Debug, Subcommand)]
pub(crate) enum DeliveryAction {
    /// Try it on the revision in force.
    #[command(visible_alias = "retry")]
    Start {
        /// The delivery to start.
        id: String,
    },
    /// Let it go: it starts nothing any more, and its repetition neither.
    Drop {
        /// The delivery to drop.
        id: String,
        /// Why; its log keeps it.
        #[arg(short = 'm', long = "message")]
        reason: String,
    },
}

/// What `adjutant signal` is asked: which mailbox to tell what.
#[derive(Debug, Args)]
pub(crate) struct SignalArgs {
    /// The signal's name.
    pub signal: String,
    /// The run that is told.
    #[arg(long, value_name = "RUN", conflicts_with = "key")]
    pub to: Option<String>,
    /// What those who wait for it know it by, such as the id of an invoice.
    #[arg(long)]
    pub key: Option<String>,
    /// What is sent with it: a JSON object, or `@FILE`.
    #[arg(long, value_name = "JSON or @FILE", default_value = "{}")]
    pub with: String,
    /// Its id: the same one twice is one signal.
    #[arg(long)]
    pub id: Option<String>,
}

/// `pause`.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// What, and why.
    #[command(flatten)]
    pub what: ScopeArgs,
    /// How long, such as `2h`; until you resume it when absent. Not for one run.
    #[arg(long = "for", value_name = "PERIOD")]
    pub period: Option<Period>,
}

/// What a pause is about.
#[derive(Debug, Args)]
pub(crate) struct ScopeArgs {
    /// A run; `playbook:ID`, `connector:ID`, or `all`.
    pub scope: String,
    /// Why; `status` and the log show it.
    #[arg(short = 'm', long = "message", default_value = "no reason given")]
    pub reason: String,
}

/// What `adjutant replay` is asked: which run, and what of it is other.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The id of the run.
    pub run: String,
    /// Another input, or what a step would have been answered: `--set input.budget=2000`, `--set steps.approve.outcome=denied`.
    #[arg(long, value_name = "PATH=JSON")]
    pub set: Vec<String>,
    /// Play it by the playbook of a revision, or by the one in force: `applied`.
    #[arg(long, value_name = "REV")]
    pub to: Option<String>,
    /// Where nobody had answered, go on with a value of the right form, in place of stopping there.
    #[arg(long)]
    pub assume: bool,
    /// 0 where nothing differs, 10 where something does.
    #[arg(long)]
    pub exit_code: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::args::Cli;

    #[test]
    fn what_narrows_a_list_is_refused_beside_one_thing() {
        let taken = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        for narrow in ["--limit 3", "--after a-1", "--status waiting", "--playbook a", "--about a", "-q Ada"]
        {
            assert!(taken(&format!("adjutant runs {narrow}")), "{narrow}");
            assert!(!taken(&format!("adjutant runs a-1 {narrow}")), "{narrow}");
        }
        for narrow in ["--limit 3", "--after p-1"] {
            assert!(taken(&format!("adjutant proposals {narrow}")), "{narrow}");
            assert!(!taken(&format!("adjutant proposals p-2 {narrow}")), "{narrow}");
        }
        assert!(taken("adjutant runs a-1") && taken("adjutant proposals p-2 approve --digest d"));
    }
}
