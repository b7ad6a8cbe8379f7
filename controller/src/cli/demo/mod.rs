//! `demo`: the main job end to end on an example company, with doubles of the outside world.
//!
//! ```text
//!  this process ──starts──► demo-doubles (SMTP, billing API, model; a ledger on disk)
//!               ──starts──► up (the real daemon, on a fresh company and data folder)
//!               ──sends───► a signed webhook, a mail in the intake folder, an unclear message
//! ```
//! Doubles and daemon are processes of their own, so that one survives what is done to the other. Without `--script` the
//! demo ends with the inbox waiting for a person; with it, it plays that person, kills the daemon at the worst moment, and
//! proves from the doubles' ledger what came of it.

mod company;
mod doubles;
mod letters;
mod process;
mod proof;
mod stage;
mod story;

use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};

pub(super) use doubles::demo_doubles;

use super::{
    args::DemoArgs,
    failure::{Exit, Failure, Outcome},
    out::{Out, Paint, words},
};
use letters::Letters;
use stage::{PATIENCE, Stage};

/// Plays the demo, or sets its stage for a person.
pub(super) async fn demo(out: &Out, args: &DemoArgs) -> Outcome {
    let begun = Instant::now();
    let stage = Stage::set(args).await?;
    if args.script {
        return story::play(out, stage, begun).await;
    }
    wait_for_a_person(out, stage).await
}

/// Returns where this program lies: after `make demo` that is seldom on the path.
fn folder_of_this_program() -> std::path::PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.parent().map(std::path::Path::to_path_buf).unwrap_or_default()
}

async fn wait_for_a_person(out: &Out, mut stage: Stage) -> Outcome {
    let daemon = stage.start_daemon(None).await?;
    let letters = Letters::new(&stage, &daemon)?;
    letters.send_all().await?;
    let waiting = stage.wait_for_gates(&daemon, 3, PATIENCE).await?;
    out.say(words!(
        "{} is open. Mail, billing and model are doubles on this machine: nothing leaves it.\n",
        out.paint(Paint::Bold, "North Pier, a studio of one,")
    ));
    out.say("Three messages came in, and each waits for you:\n");
    for gate in &waiting {
        out.data(words!("  {:<28} {}", gate.id, gate.question))?;
    }
    out.say(words!(
        "\nopen   {}   (once, within ten minutes)\n\ntype   export ADJUTANT_DATA={}\n       export PATH=\"{}:$PATH\"\n       adjutant inbox\n       adjutant show {}\n\nedit   {}   a saved file is live\nlook   {}   what mail, billing and model were asked\nstop   Ctrl-C here; everything stays in {}",
        daemon.login,
        stage.data().display(),
        folder_of_this_program().display(),
        waiting.first().map_or("GATE", |gate| gate.id.as_str()),
        stage.company().display(),
        stage.ledger().display(),
        stage.folder().display(),
    ));
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::of(Exit::Bug, &error))?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(|error| Failure::of(Exit::Bug, &error))?,
        _ = terminate.recv() => {}
    }
    daemon.stop().await?;
    stage.keep();
    out.say(words!(
        "stopped; `adjutant up --repo {} --data {}` goes on without the doubles",
        stage.company().display(),
        stage.data().display()
    ));
    Ok(Exit::Done)
}
