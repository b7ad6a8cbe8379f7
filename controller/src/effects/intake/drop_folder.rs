//! The mail drop: a folder into which mails are put, by hand or by a delivery agent.
//!
//! ```text
//!   *.eml, new/* ─► read ─► deliver (durable) ─► done/          a crash before the move: delivered again, same id
//!                    └────► no mail, bad fields ─► failed/ + <name>.reason.txt
//! ```
//! A file is moved only after it was recorded for good, so a crash repeats a delivery and never loses one; its Message-ID
//! makes the repetition known. The folder is watched; a slow look round covers file systems that do not tell.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use adjutant_spec::plan::Connector;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::{Notify, watch};

use super::{super::Effects, Delivery, delivery, letter, limit};

/// The largest mail, unless the connector says otherwise.
const MAX_BODY: usize = 25 * 1024 * 1024;

/// A file that was touched more recently may still be written.
const SETTLED: Duration = Duration::from_millis(300);

/// How often the folders are looked at when nothing tells of a change.
const ROUND: Duration = Duration::from_secs(60);

/// Why a delivery was not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The store is not there now: the file stays where it is.
    Later(String),
    /// It will never be taken.
    Never(String),
}

/// Watches the drop folders of the plan in force until told to stop; each mail is delivered, then moved.
///
/// *Flow*: `deliver` records the delivery durably, or says why not, before it returns. *Guarantees*: no mail is moved to
/// `done/` before `deliver` has returned `Ok`. *Assumptions*: repeated ids are dropped by whoever takes deliveries.
pub async fn watch<D, F>(effects: Arc<Effects>, deliver: D, mut stop: watch::Receiver<bool>)
where
    D: Fn(Delivery) -> F,
    F: Future<Output = Result<(), Refused>>,
{
    let changed = Arc::new(Notify::new());
    let mut watchers = BTreeMap::new();
    let mut updates = effects.updates();
    while !*stop.borrow() {
        let folders = drops(&effects);
        // Watched before looked at: what comes in between is told, and the look finds it.
        renew(&mut watchers, &folders, &changed);
        let wait = look_round(&folders, &deliver).await;
        tokio::select! {
            () = changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
            moved = updates.changed() => if moved.is_err() { return },
            ended = stop.changed() => if ended.is_err() { return },
        }
    }
}

/// One pass over all folders; returns how long to wait for the next one at most.
async fn look_round<D, F>(folders: &[(Connector, PathBuf)], deliver: &D) -> Duration
where
    D: Fn(Delivery) -> F,
    F: Future<Output = Result<(), Refused>>,
{
    let mut wait = ROUND;
    for (connector, folder) in folders {
        match pass(connector, folder, deliver).await {
            Ok(true) => {}
            // Something is left: half written, or the store was not there.
            Ok(false) => wait = wait.min(SETTLED),
            Err(error) => {
                tracing::warn!(connector = connector.id, %error, "mail drop cannot be read");
                wait = wait.min(Duration::from_secs(5));
            }
        }
    }
    wait
}

/// One pass over one folder; returns whether nothing is left in it.
pub(in crate::effects) async fn pass<D, F>(
    connector: &Connector,
    folder: &Path,
    deliver: &D,
) -> io::Result<bool>
where
    D: Fn(Delivery) -> F,
    F: Future<Output = Result<(), Refused>>,
{
    let (here, limit) = (folder.to_owned(), limit(connector, MAX_BODY));
    let found = blocking(move || collect(&here, limit)).await?;
    let mut is_clean = found.is_clean;
    for file in found.files {
        let outcome = match parse(connector, &file) {
            Ok(delivery) => deliver(delivery).await,
            Err(reason) => Err(Refused::Never(reason)),
        };
        let folder = folder.to_owned();
        match outcome {
            Ok(()) => blocking(move || put_away(&folder, &file.path, "done").map(drop)).await?,
            Err(Refused::Never(reason)) => {
                tracing::warn!(connector = connector.id, reason, "dropped mail is refused");
                blocking(move || put_aside(&folder, &file.path, &reason)).await?;
            }
            Err(Refused::Later(reason)) => {
                tracing::warn!(connector = connector.id, reason, "dropped mail has to wait");
                is_clean = false;
            }
        }
    }
    Ok(is_clean)
}

fn drops(effects: &Effects) -> Vec<(Connector, PathBuf)> {
    let plan = effects.plan();
    let connectors = plan.connectors.values().filter(|connector| connector.kind == "mail_drop");
    connectors.filter_map(|connector| Some((connector.clone(), effects.folder_of(connector)?))).collect()
}

/// Watches exactly the folders of the plan.
fn renew(
    watchers: &mut BTreeMap<PathBuf, notify::RecommendedWatcher>,
    folders: &[(Connector, PathBuf)],
    changed: &Arc<Notify>,
) {
    watchers.retain(|path, _| folders.iter().any(|(_, folder)| folder == path));
    for (connector, folder) in folders {
        if watchers.contains_key(folder) {
            continue;
        }
        match watcher(folder, changed) {
            Ok(watcher) => drop(watchers.insert(folder.clone(), watcher)),
            // Tried again at the next round; until then the folder is looked at once a minute.
            Err(error) => tracing::warn!(connector = connector.id, %error, "mail drop cannot be watched"),
        }
    }
}

fn watcher(folder: &Path, changed: &Arc<Notify>) -> notify::Result<notify::RecommendedWatcher> {
    fs::create_dir_all(folder).map_err(notify::Error::io)?;
    let changed = Arc::clone(changed);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Our own moves into `done/` end in folders that are not watched; reads are nobody's news.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            changed.notify_one();
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    let maildir = folder.join("new");
    if maildir.is_dir() {
        watcher.watch(&maildir, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

struct Found {
    files: Vec<Dropped>,
    is_clean: bool,
}

struct Dropped {
    path: PathBuf,
    /// The bytes, or why they cannot be had.
    bytes: Result<Vec<u8>, String>,
}

fn collect(folder: &Path, limit: usize) -> io::Result<Found> {
    fs::create_dir_all(folder)?;
    let mut found = Found { files: Vec::new(), is_clean: true };
    let is_mail =
        |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml"));
    let mut paths = regular_files(folder)?;
    paths.retain(|path| is_mail(path));
    let maildir = folder.join("new");
    if maildir.is_dir() {
        paths.extend(regular_files(&maildir)?);
    }
    paths.sort();
    for path in paths {
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if !is_settled(&metadata) {
            found.is_clean = false;
            continue;
        }
        let bytes = match metadata.len() > limit as u64 {
            true => Err(format!("it is larger than {limit} bytes")),
            false => Ok(fs::read(&path)?),
        };
        found.files.push(Dropped { path, bytes });
    }
    Ok(found)
}

fn regular_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type()?.is_file() && !is_hidden {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// A clock that was set back must not hold a file for ever.
fn is_settled(metadata: &fs::Metadata) -> bool {
    let Ok(modified) = metadata.modified() else { return true };
    match SystemTime::now().duration_since(modified) {
        Ok(age) => age >= SETTLED,
        Err(ahead) => ahead.duration() > ROUND,
    }
}

fn parse(connector: &Connector, file: &Dropped) -> Result<Delivery, String> {
    let bytes = file.bytes.as_ref().map_err(Clone::clone)?;
    let letter = letter::read(bytes)?;
    delivery(connector, "message", letter.id, letter.fields).map_err(|error| error.to_string())
}

fn put_aside(folder: &Path, path: &Path, reason: &str) -> io::Result<()> {
    let moved = put_away(folder, path, "failed")?;
    let mut note = moved.into_os_string();
    note.push(".reason.txt");
    fs::write(note, format!("This mail was not taken: {reason}.\n"))
}

/// Moves a file; one of the same name that is there already keeps its name.
fn put_away(folder: &Path, path: &Path, to: &str) -> io::Result<PathBuf> {
    let target = folder.join(to);
    fs::create_dir_all(&target)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = (0..).map(|count| if count == 0 { name.clone() } else { format!("{count}-{name}") });
    let free =
        free.map(|name| target.join(name)).find(|path| !path.exists()).unwrap_or_else(|| target.join(&name));
    fs::rename(path, &free)?;
    fs::File::open(&target)?.sync_all()?;
    Ok(free)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
