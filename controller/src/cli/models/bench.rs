//! `models bench`: our embedder, beside its peers in the same run where they are installed.

use adjutant_models::bench::{self, Options, default_peers, run};

use crate::{
    cli::{
        args::BenchArgs,
        failure::{Exit, Failure, Outcome},
        out::{Out, Words},
    },
    judgement::{Store, catalogue::MINILM},
};

/// Measures.
pub(super) fn bench(out: &Out, args: &BenchArgs) -> Outcome {
    let store = Store::locate()?;
    let report = store.look(MINILM)?;
    if !report.is_whole() {
        let message = format!("\"{MINILM}\" is not whole in \"{}\"", store.root().display());
        return Err(Failure::new(Exit::NotFound, message).hint("`adjutant models pull` fetches it"));
    }
    let peers = args.peers.then(default_peers);
    let options =
        if args.long { Options::long(report.folder, peers) } else { Options::short(report.folder, peers) };
    let report = run(&options, &mut |step| out.say(Words::line(step))).map_err(failed)?;
    if out.json { out.value(&report) } else { out.data(Words::document(&report.to_string())) }
}

fn failed(error: bench::Error) -> Failure {
    let exit = match &error {
        bench::Error::PeersMissing { .. } => Exit::NotFound,
        bench::Error::Embed(_) | bench::Error::Peer { .. } => Exit::Again,
        _ => Exit::Invalid,
    };
    Failure { hint: error.hint().map(str::to_owned), ..Failure::of(exit, &error) }
}
