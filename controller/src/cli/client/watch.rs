//! Follows a run: prints its entries as they become durable, until it ends.
//!
//! The stream of changes carries hints only. After each one the log is read from the last entry on, so that nothing is
//! missed and nothing is told twice.

use std::time::Duration;

use super::{
    Cx,
    api::read,
    show::{self, short},
};
use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::words,
    },
    desk::{
        LogWish,
        views::{LogView, RunView},
    },
};

/// How long to wait for a hint before looking anyway: a hint may get lost.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Prints the entries of a run until it ends.
pub(crate) async fn watch(cx: &Cx, run: &str) -> Outcome {
    let mut told = 0;
    let ended = follow(cx, run, async |cx: &Cx, view: &RunView| {
        while told < view.seq {
            let wish = LogWish { from: Some(told + 1), limit: None };
            let entries: Vec<LogView> = read(cx.client.find(&["runs", run, "log"], &wish).await?)?;
            for entry in &entries {
                if cx.out.json {
                    cx.out.value_line(entry)?
                } else {
                    cx.out.data(show::entry(&cx.out, entry))?
                };
                told = entry.seq;
            }
            if entries.is_empty() {
                break;
            }
        }
        Ok(())
    })
    .await?;
    Ok(verdict(cx, &ended))
}

/// Waits until a run ends and prints how: the whole run with `--json`.
pub(super) async fn until_ended(cx: &Cx, run: &str) -> Outcome {
    cx.out.say(words!("{} runs; Ctrl-C stops the waiting, not the run", run));
    let mut asked = None;
    let ended = follow(cx, run, async |cx: &Cx, view: &RunView| {
        let open = view.gates.iter().find(|gate| gate.state == "open").map(|gate| gate.id.clone());
        if open != asked {
            if let Some(gate) = &open {
                cx.out.say(words!("it waits for you: adjutant show {}", gate));
            }
            asked = open;
        }
        Ok(())
    })
    .await?;
    if cx.out.json {
        cx.out.value(&ended)?;
    } else {
        cx.out.data(words!("{}", run))?;
    }
    Ok(verdict(cx, &ended))
}

fn verdict(cx: &Cx, run: &RunView) -> Exit {
    let line = &run.line;
    cx.out.say(words!("{} {} under revision {}", line.id, line.status, short(&line.revision)));
    if line.status == "done" { Exit::Done } else { Exit::Invalid }
}

/// Looks at a run after each hint until it has ended.
async fn follow(
    cx: &Cx,
    run: &str,
    mut look: impl AsyncFnMut(&Cx, &RunView) -> Result<(), Failure>,
) -> Result<RunView, Failure> {
    // Listening begins before the first look, so that no change falls in between.
    let mut changes = cx.client.events().await?;
    loop {
        let view: RunView = cx.client.view(&["runs", run]).await?;
        look(cx, &view).await?;
        if view.ended.is_some() {
            return Ok(view);
        }
        match tokio::time::timeout(LOOK_AGAIN, hint(&mut changes, run)).await {
            Ok(true) | Err(_) => {}
            Ok(false) => {
                return Err(Failure::new(Exit::Unreachable, "the daemon has gone away").hint(format!(
                    "the run goes on with the next `adjutant up`; then `adjutant watch {run}`"
                )));
            }
        }
    }
}

/// Waits for a hint about a run; `false` where the stream has ended.
async fn hint(changes: &mut reqwest::Response, run: &str) -> bool {
    loop {
        match changes.chunk().await {
            Ok(Some(bytes)) => {
                let text = String::from_utf8_lossy(&bytes);
                if text.contains(run) || text.contains("event: reload") {
                    return true;
                }
            }
            Ok(None) | Err(_) => return false,
        }
    }
}
