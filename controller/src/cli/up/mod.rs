//! `up`: opens the daemon, says where it is, and ends with it.

mod logs;
mod once;
mod stop;
mod truth;

use std::path::Path;

use serde_json::json;

use super::{
    args::{Global, UpArgs},
    failure::{Exit, Failure, Outcome},
    out::{Out, words},
    place as places,
};
use crate::{
    daemon::{Address, Daemon, Truth},
    effects::secrets::Keys,
    private,
};
use stop::Stop;

/// Runs the daemon until it is told to stop, or until the store fails.
pub(super) fn up(out: &Out, global: &Global, args: &UpArgs) -> Outcome {
    logs::open(args.log_json);
    let data = places::data(global)?;
    make_private(out, &data)?;
    let truth = truth::truth(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("adjutant").build();
    let runtime = runtime.map_err(|error| Failure::of(Exit::Disk, &error))?;
    let outcome = runtime.block_on(async {
        if args.once { once::once(out, &data, truth).await } else { serve(out, &data, (truth, args)).await }
    });
    // Work on the blocking pool, such as a look at a remote that does not answer, must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome
}

/// The data folder holds secrets of sessions and the socket, and the key opens every secret: both are the operator's alone.
fn make_private(out: &Out, data: &Path) -> Result<(), Failure> {
    let mut words = private::folder(data)?;
    words.extend(Keys::locate()?.secure()?);
    words.iter().for_each(|word| out.say(words!("{}", word)));
    Ok(())
}

async fn serve(out: &Out, data: &Path, (truth, args): (Truth, &UpArgs)) -> Outcome {
    // From here on a signal is a wish to stop, also while the rooms open.
    let mut stop = Stop::listen()?;
    let daemon =
        Daemon::open(data, truth, &Address { listen: args.listen, public_url: args.public_url.clone() })
            .await?;
    greet(out, &daemon)?;
    let exit = tokio::select! {
        name = stop.wish() => {
            tracing::info!(signal = name, "stopping");
            Ok(Exit::Done)
        }
        error = daemon.handle.failed() => {
            tracing::error!(%error, "the store failed: stopping");
            let failure = Failure::from(error);
            stop.leaves_with(failure.exit);
            Err(failure.hint("nothing that was acknowledged is lost; look at the disk, then start again"))
        }
    };
    daemon.close().await;
    if exit.is_ok() {
        out.say("stopped; waiting runs wait on disk, `adjutant up` goes on where it was");
    }
    exit
}

/// Says what is watched, where to log in, and how to stop; with `--json`, as one line for programs.
fn greet(out: &Out, daemon: &Daemon) -> Result<(), Failure> {
    let Some(server) = &daemon.server else { return Ok(()) };
    let login = server.login_link()?;
    if out.json {
        let ready = json!({
            "url": server.url(),
            "login": login,
            "socket": server.socket(),
            "data": daemon.data,
            "pid": std::process::id(),
            "mode": daemon.truth.word(),
            "place": daemon.truth.place(),
        });
        out.value_line(&ready)?;
        return Ok(());
    }
    out.say(words!(
        "adjutant {} follows {} ({})\n  {}\n  dashboard  {}   (once, within ten minutes; then `adjutant login`)\n  inbox      adjutant inbox --data {}\n  stop       Ctrl-C: nothing is lost",
        env!("CARGO_PKG_VERSION"),
        daemon.truth.place(),
        daemon.truth.word(),
        daemon.truth.how(&daemon.data),
        login,
        daemon.data.display(),
    ));
    Ok(())
}
