//! Watching the drop folders of the plan in force. A slow look round covers file systems that do not tell of changes.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use adjutant_spec::plan::{Connector, Plan};
use notify::{
    EventKind, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind, RenameMode},
};
use tokio::sync::Notify;

use super::{
    super::kind::Following,
    drop_folder::{DropFolder, ROUND},
    folder::{MAILDIR, Name, plain},
    still::Told,
};
use crate::effects::{
    ground::Ground,
    intake::{DropStanding, Item, Refused},
};

/// How soon a folder is looked at again that could not be.
const RETRY: Duration = Duration::from_secs(5);

/// The most news of one folder that are kept between two looks; what is beyond is found by the look itself.
const MOST_NEWS: usize = 10_000;

/// A folder that is followed.
struct Followed {
    drop: DropFolder,
    news: Arc<News>,
    watcher: Option<notify::RecommendedWatcher>,
    has_maildir: bool,
}

/// A drop folder of the plan.
struct Wished {
    connector: Connector,
    /// Where it really is, or why it is not used.
    place: Result<PathBuf, String>,
    is_ours: bool,
}

/// What a look at a folder came to.
struct Looked {
    standing: DropStanding,
    /// How long to wait for the next one at most.
    next: Duration,
}

/// What the system told since the last look.
#[derive(Default)]
struct News {
    told: Mutex<BTreeMap<Name, Told>>,
}

/// Watches the drop folders of the plan in force until told to stop; each item is delivered, then moved.
pub(super) async fn watch(following: Following) {
    let Following { kind, mut newest, ground, standings, deliver, mut stop } = following;
    let deliver = move |item| deliver(item);
    let changed = Arc::new(Notify::new());
    let mut followed: BTreeMap<PathBuf, Followed> = BTreeMap::new();
    while !*stop.borrow() {
        let plan = newest.borrow_and_update().clone();
        let drops = plan.iter().flat_map(|plan| drops(&ground, plan, kind)).collect::<Vec<_>>();
        followed.retain(|path, _| drops.iter().any(|drop| drop.place.as_ref() == Ok(path)));
        standings.keep(|id| drops.iter().any(|drop| drop.connector.id == id));
        let mut wait = ROUND;
        for Wished { connector, place, is_ours } in drops {
            let Looked { standing, next } = match place {
                Ok(path) => {
                    let new = || Followed::new(DropFolder::new(path.clone(), is_ours));
                    let one = followed.entry(path.clone()).or_insert_with(new);
                    one.look(&connector, &deliver, &changed).await
                }
                Err(problem) => Looked { standing: unused(&connector, problem), next: RETRY },
            };
            standings.set(&connector.id, standing);
            wait = wait.min(next);
        }
        tokio::select! {
            () = changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
            moved = newest.changed() => if moved.is_err() { return },
            ended = stop.changed() => if ended.is_err() { return },
        }
    }
}

fn drops(ground: &Ground, plan: &Plan, kind: &str) -> Vec<Wished> {
    let folders = ground.folders(plan);
    let connectors = plan.connectors.values().filter(|connector| connector.kind == kind);
    let folder = |connector: &Connector| {
        let place = folders.own(connector);
        let is_ours =
            connector.endpoint.as_deref().is_some_and(|endpoint| !Path::new(endpoint).is_absolute());
        Wished { connector: connector.clone(), place, is_ours }
    };
    connectors.map(folder).collect()
}

/// A folder that is refused is told by the name that the company gave it.
fn unused(connector: &Connector, problem: String) -> DropStanding {
    let folder = PathBuf::from(connector.endpoint.as_deref().unwrap_or_default());
    DropStanding { folder, problem: Some(problem), ..DropStanding::default() }
}

impl Followed {
    fn new(drop: DropFolder) -> Self {
        Self { drop, news: Arc::default(), watcher: None, has_maildir: false }
    }

    /// Looks at the folder once.
    async fn look<D, F>(&mut self, connector: &Connector, deliver: &D, changed: &Arc<Notify>) -> Looked
    where
        D: Fn(Item) -> F,
        F: Future<Output = Result<(), Refused>>,
    {
        // Watched before looked at: what comes in between is told, and the look finds it.
        self.watch(connector, changed);
        self.drop.hear(self.news.take()).await;
        match self.drop.pass(connector, deliver).await {
            Ok(wait) => {
                let next = if self.watcher.is_some() { wait } else { wait.min(RETRY) };
                Looked { standing: self.drop.standing(None), next }
            }
            Err(error) => {
                // It may be another folder when it comes back: what was watched is gone with it.
                self.watcher = None;
                Looked { standing: self.drop.standing(Some(plain(&error))), next: RETRY }
            }
        }
    }

    /// Watches the folder, and its `new/` once that is there.
    fn watch(&mut self, connector: &Connector, changed: &Arc<Notify>) {
        let maildir = self.drop.path.join(MAILDIR);
        let has_maildir = maildir.is_dir();
        if self.watcher.is_some() && has_maildir == self.has_maildir {
            return;
        }
        self.has_maildir = has_maildir;
        match watcher(&self.drop.path, has_maildir.then_some(maildir.as_path()), &self.news, changed) {
            Ok(watcher) => self.watcher = Some(watcher),
            // The pass says what is wrong with the folder; one that cannot be watched is looked at more often.
            Err(error) => tracing::debug!(connector = connector.id, %error, "mail drop is not watched"),
        }
    }
}

fn watcher(
    folder: &Path,
    maildir: Option<&Path>,
    news: &Arc<News>,
    changed: &Arc<Notify>,
) -> notify::Result<notify::RecommendedWatcher> {
    let (news, changed, root) = (Arc::clone(news), Arc::clone(changed), folder.to_owned());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return changed.notify_one() };
        if news.add(&root, &event) {
            changed.notify_one();
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    if let Some(maildir) = maildir {
        watcher.watch(maildir, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

impl News {
    /// Takes in an event; returns whether it is worth a look.
    fn add(&self, root: &Path, event: &notify::Event) -> bool {
        let told = match event.kind {
            // Opening and reading is nobody's news, our own least of all.
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Told::Closed),
            EventKind::Access(_) => return false,
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => Some(Told::Written),
            EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => Some(Told::Renamed),
            _ => None,
        };
        let names: Vec<Name> = event.paths.iter().filter_map(|path| named(root, path)).collect();
        // Names that begin with a dot are drafts of others, and our own mark.
        let Some(last) = names.last() else { return event.paths.is_empty() };
        if let Some(told) = told {
            let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() < MOST_NEWS {
                all.insert(last.clone(), told);
            }
        }
        true
    }

    /// Takes the news; the lock is let go at once, as the thread of the watcher waits for it.
    fn take(&self) -> BTreeMap<Name, Told> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the name of a path in the folder or in its `new/`.
fn named(root: &Path, path: &Path) -> Option<Name> {
    let file: &OsStr = path.file_name()?;
    let is_hidden = file.as_encoded_bytes().starts_with(b".");
    let is_maildir = path.parent()?.ends_with(MAILDIR) && path.parent()?.parent()? == root;
    let is_here = path.parent()? == root || is_maildir;
    (is_here && !is_hidden).then(|| Name { is_maildir, file: file.to_owned() })
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange};

    use super::*;

    #[test]
    fn what_is_told_of_files_is_kept_and_of_drafts_is_not() {
        let news = News::default();
        let tell = |kind: EventKind, path: &str| {
            news.add(Path::new("/in"), &notify::Event::new(kind).add_path(PathBuf::from(path)))
        };
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert!(!tell(EventKind::Access(AccessKind::Open(AccessMode::Any)), "/in/a.eml"));
        assert!(!tell(written, "/in/.adjutant-reading") && !tell(written, "/in/done/x.eml"));
        assert!(tell(EventKind::Create(CreateKind::File), "/in/a.eml"));
        assert!(tell(written, "/in/a.eml") && tell(closed, "/in/b.eml"));
        assert!(tell(EventKind::Modify(ModifyKind::Name(RenameMode::To)), "/in/new/c"));
        let told: Vec<(bool, Told)> =
            news.take().into_iter().map(|(name, told)| (name.is_maildir, told)).collect();
        assert_eq!(told, [(false, Told::Written), (false, Told::Closed), (true, Told::Renamed)]);
        assert!(news.take().is_empty());
    }
}
