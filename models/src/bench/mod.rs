//! How fast the local model is, beside the peers, in one run.
//!
//! Machines drift by more than the differences that matter, so the engines take turns: every round measures every cell with
//! every engine, one right after the other, and ratios are taken within a round. A cell is a length of text, a batch and a
//! number of threads. The peers run in processes of their own (`models/benches/peers/server.py`), time themselves, and are
//! asked for a vector too: engines that disagree are not comparable.
//!
//! It measures speed and memory only; quality is the router's `eval`.

mod error;
mod machine;
mod peer;
mod plan;
mod report;
mod rounds;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{Embedder, Encoder, StaticTable};

pub use error::Error;
pub use machine::Machine;
pub use plan::{Cell, Length};
pub use report::{Contender, Figure, Measured, Report, Target};

use peer::Peer;
use rounds::{Contest, Engine, Load, Ours};

/// What to measure, and for how long.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of the model.
    pub model: PathBuf,
    /// The environment of the peers; none measures ours alone.
    pub peers: Option<PathBuf>,
    /// No round begins that would end after this, once [`Options::least_rounds`] are done.
    pub budget: Duration,
    /// Fewer rounds than this are not worth printing, however slow the machine is.
    pub least_rounds: usize,
    /// More rounds than this add nothing.
    pub most_rounds: usize,
    /// Also measures the peer's int8 graph, for information: its vectors differ.
    pub with_int8: bool,
}

impl Options {
    /// Returns what ends within 50 seconds on two quiet cores.
    #[must_use]
    pub fn short(model: PathBuf, peers: Option<PathBuf>) -> Self {
        Options {
            model,
            peers,
            budget: Duration::from_secs(48),
            least_rounds: 2,
            most_rounds: 9,
            with_int8: false,
        }
    }

    /// Returns what takes about four minutes, and can be quoted.
    #[must_use]
    pub fn long(model: PathBuf, peers: Option<PathBuf>) -> Self {
        let short = Options::short(model, peers);
        Options {
            budget: Duration::from_secs(240),
            least_rounds: 9,
            most_rounds: 25,
            with_int8: true,
            ..short
        }
    }
}

/// Returns where `make peers` installs them: `$ADJUTANT_PEERS`, else `adjutant/peers` in the user's cache.
#[must_use]
pub fn default_peers() -> PathBuf {
    if let Some(folder) = std::env::var_os("ADJUTANT_PEERS") {
        return folder.into();
    }
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("adjutant/peers")
}

/// Measures the model in the options' folder, with the peers in turns where they are asked for; `say` is told each step.
///
/// # Errors
/// [`Error`]: nothing is reported from a run in which an engine failed or disagreed.
pub fn run(options: &Options, say: &mut dyn FnMut(&str)) -> Result<Report, Error> {
    let load = |threads| -> Result<Box<dyn Embedder>, Error> {
        Ok(Box::new(Encoder::load(&options.model, crate::Options { threads, ..crate::Options::default() })?))
    };
    measure(options, &load, say)
}

fn measure(options: &Options, load: Load<'_>, say: &mut dyn FnMut(&str)) -> Result<Report, Error> {
    let peers = match &options.peers {
        Some(folder) => start_peers(options, folder)?,
        None => Vec::new(),
    };
    let mut engines: Vec<Box<dyn Engine + '_>> = vec![Box::new(Ours::new(load))];
    engines.extend(peers.into_iter().map(|peer| Box::new(peer) as Box<dyn Engine>));
    let mut contest = Contest::new(engines, Cell::all());
    let begun = Instant::now();
    contest.warm_up(say)?;
    let mut longest = Duration::ZERO;
    while contest.rounds() < options.most_rounds
        && (contest.rounds() < options.least_rounds || begun.elapsed() + longest < options.budget)
    {
        say(&format!("round {}", contest.rounds() + 1));
        let round = Instant::now();
        contest.round()?;
        longest = longest.max(round.elapsed());
    }
    Ok(Report::new(&contest, &rounds::bulk(&*StaticTable::built_in())?))
}

fn start_peers(options: &Options, folder: &Path) -> Result<Vec<Peer>, Error> {
    let engines = ["onnxruntime", "pytorch", "onnxruntime-int8"];
    let wanted = if options.with_int8 { 3 } else { 2 };
    engines.iter().take(wanted).map(|engine| Peer::start(engine, folder, &options.model)).collect()
}
