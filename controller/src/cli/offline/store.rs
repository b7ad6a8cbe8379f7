//! `backup`, and the clock that the store knows: without a daemon.

use std::path::Path;

use serde_json::json;

use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Out, words},
    },
    desk::views::{BackupView, ClockView},
    journal::{self, Copied, Options, RocksJournal},
    runtime,
};

/// Copies the store of a data folder and verifies the copy; `None` where a daemon has it open, which can do it itself.
pub(crate) fn backup(out: &Out, data: &Path, folder: &Path) -> Result<Option<Exit>, Failure> {
    if !data.join("store").is_dir() {
        return Err(Failure::new(Exit::NotFound, format!("there is no store in \"{}\"", data.display()))
            .hint("`--data DIR` names the daemon's data folder"));
    }
    let journal = match RocksJournal::open(data, Options::default()) {
        Err(journal::Error::Locked { .. }) => return Ok(None),
        opened => opened?,
    };
    let Copied { chain, bytes } = journal.backup(folder)?;
    journal.close();
    tell_backup(out, data, &BackupView { folder: folder.display().to_string(), bytes, chain }).map(Some)
}

/// Returns what a store at rest knows of the clock; nothing where there is none, or it cannot be opened now.
pub(crate) fn stored_clock(data: &Path) -> Option<ClockView> {
    if !data.join("store").is_dir() {
        return None;
    }
    let journal = RocksJournal::open(data, Options::default()).ok()?;
    let clock = runtime::stored_clock(&journal).ok();
    journal.close();
    clock
}

/// Says what was copied, and what a backup needs besides.
pub(crate) fn tell_backup(out: &Out, data: &Path, copied: &BackupView) -> Outcome {
    if out.json {
        return out.value(&json!(copied));
    }
    out.data(words!("{}", copied.folder))?;
    out.say(words!(
        "{} batches with {} entries, {} bytes, verified; it is a data folder: `adjutant up --data {}` takes it\n\
         the key and `company.git` are not in it: copy {} and the key file too",
        copied.chain.batches,
        copied.chain.entries,
        copied.bytes,
        copied.folder,
        data.join("company.git").display(),
    ));
    Ok(Exit::Done)
}
