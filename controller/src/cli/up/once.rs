//! `up --once`: reconciles, settles what is due, and exits. Nothing is served.

use std::{path::Path, time::Duration};

use adjutant_spec::spoken;
use serde_json::json;

use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Out, words},
    },
    daemon::{Rooms, Truth, seen},
    reconcile,
};

/// How long work that is due may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Brings the source in force, lets what is due come to rest, and tells what became of it.
pub(super) async fn once(out: &Out, data: &Path, truth: Truth) -> Outcome {
    let mut rooms = Rooms::open(data, &truth).await?;
    let outcome = settle(out, &mut rooms).await;
    rooms.close().await;
    outcome
}

async fn settle(out: &Out, rooms: &mut Rooms) -> Outcome {
    let looked = rooms.observations.wait_for(Option::is_some).await;
    let seen = looked.ok().and_then(|observation| observation.as_ref().map(seen));
    let seen = seen.ok_or_else(|| Failure::new(Exit::Bug, "the source was not looked at"))?;
    let tried = rooms.reconciler.observe(seen).await;
    tried.map_err(|error| Failure::of(Exit::Again, &error))?;
    rooms.handle.plan().iter().for_each(|plan| rooms.effects.prepare(plan));
    let is_settled = tokio::select! {
        settled = tokio::time::timeout(PATIENCE, rooms.handle.settled()) => settled.is_ok(),
        error = rooms.handle.failed() => return Err(error.into()),
    };
    tell(out, rooms, is_settled).await
}

async fn tell(out: &Out, rooms: &Rooms, is_settled: bool) -> Outcome {
    let (source, runs) = (rooms.reconciler.status(), rooms.handle.status().await?);
    if out.json {
        out.value(&json!({ "source": source, "runtime": runs, "settled": is_settled }))?;
    } else {
        let applied = source.applied.as_deref().unwrap_or("nothing");
        let counts: Vec<String> =
            runs.runs.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        out.data(words!("applied {}; runs: {}; {} wait for you", applied, counts, runs.inbox))?;
    }
    if let Some(failure) = refusal(&source) {
        return Err(failure);
    }
    if is_settled {
        return Ok(Exit::Done);
    }
    let message = format!("work that is due was not finished within {}", spoken::limit(PATIENCE));
    Err(Failure::new(Exit::Again, message).hint("it is in the outbox: `adjutant up` goes on with it"))
}

/// What the source wishes and what is in force must be the same, else the exit code says so.
fn refusal(source: &reconcile::Status) -> Option<Failure> {
    let errors = source.diagnostics.iter().filter(|found| found.is_error());
    let causes: Vec<String> = errors.map(ToString::to_string).collect();
    if !causes.is_empty() {
        let failure = Failure { causes, ..Failure::invalid("not everything in the repository is in force") };
        return Some(failure.hint("`adjutant check` shows each with its place"));
    }
    if source.applied.is_none() {
        let why = source.conditions.iter().find(|found| !found.message.is_empty());
        let why = why.map_or_else(|| "nothing is in force".to_owned(), |found| found.message.clone());
        return Some(Failure::invalid(why).hint("`adjutant init DIR` makes a company repository"));
    }
    None
}
