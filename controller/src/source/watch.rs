//! File events as hints.
//!
//! Single directories are watched, never files and never trees: an editor that replaces a file by renaming ends a watch on
//! the file, and a recursive watch would enter `.git` and build output. A watch is bound to the identity of a directory, so
//! one that was deleted and made again is watched again. Where events are not to be had (the system's limit, a network file
//! system), [`Hints::is_watching`] is false and the caller looks more often.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, event};

use super::{layout::is_ignored_name, scan::Identity};

/// Directories by place, with the identity that each had when it was wanted.
pub(super) type Wanted = BTreeMap<PathBuf, Identity>;

/// A watch on a changing set of directories.
pub(super) struct Hints {
    watcher: Option<RecommendedWatcher>,
    armed: Wanted,
    has_failed: Arc<AtomicBool>,
    why_not: Option<String>,
}

impl Hints {
    /// Starts without any directory; `hint` is called from the watcher's thread.
    ///
    /// `folder` is the company's folder: of its parent's entries only itself counts.
    pub(super) fn start(folder: &Path, hint: impl Fn() + Send + 'static) -> Self {
        let has_failed = Arc::new(AtomicBool::new(false));
        let filter = Filter { folder: folder.to_owned(), parent: folder.parent().map(Path::to_owned) };
        let failed = has_failed.clone();
        let handler = move |event: notify::Result<Event>| match event {
            Ok(event) if !filter.counts(&event) => {}
            Ok(_) => hint(),
            Err(_) => {
                // Noted before the hint is sent: whoever comes for it finds the note, and arms every watch anew.
                failed.store(true, Ordering::Relaxed);
                hint();
            }
        };
        let (watcher, why_not) = match notify::recommended_watcher(handler) {
            Ok(watcher) => (Some(watcher), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { watcher, armed: Wanted::new(), has_failed, why_not }
    }

    /// Returns a watch that never fires, for file systems without events.
    pub(super) fn without_events(why: &str) -> Self {
        let has_failed = Arc::new(AtomicBool::new(false));
        Self { watcher: None, armed: Wanted::new(), has_failed, why_not: Some(why.to_owned()) }
    }

    /// Returns whether events arrive; if not, [`Hints::why_not`] says why.
    pub(super) fn is_watching(&self) -> bool {
        self.watcher.is_some() && self.why_not.is_none()
    }

    pub(super) fn why_not(&self) -> Option<&str> {
        self.why_not.as_deref()
    }

    /// Watches exactly these directories. Returns whether any is new: what happened in it before now was not seen.
    pub(super) fn arm(&mut self, wanted: Wanted) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        if self.has_failed.swap(false, Ordering::Relaxed) {
            // After an error nothing is known about any watch.
            self.armed.clear();
        }
        for (path, identity) in &self.armed {
            if wanted.get(path) != Some(identity) {
                // A directory that is gone has taken its watch along.
                watcher.unwatch(path).ok();
            }
        }
        self.armed.retain(|path, identity| wanted.get(path) == Some(identity));
        self.why_not = None;
        let mut is_new = false;
        for (path, identity) in wanted {
            if self.armed.contains_key(&path) {
                continue;
            }
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.armed.insert(path, identity);
                    is_new = true;
                }
                // Gone again: the next look sees it.
                Err(error) if is_missing(&error) => {}
                Err(error) => self.why_not = Some(error.to_string()),
            }
        }
        is_new
    }
}

fn is_missing(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Which events may mean a change.
struct Filter {
    folder: PathBuf,
    parent: Option<PathBuf>,
}

impl Filter {
    fn counts(&self, event: &Event) -> bool {
        // An overflow has no paths; it must be looked at before they are.
        if event.need_rescan() {
            return true;
        }
        let is_reading = matches!(event.kind, EventKind::Access(kind)
            if kind != event::AccessKind::Close(event::AccessMode::Write));
        !is_reading && (event.paths.is_empty() || event.paths.iter().any(|path| self.path_counts(path)))
    }

    fn path_counts(&self, path: &Path) -> bool {
        let is_neighbour = path.parent() == self.parent.as_deref() && path != self.folder;
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let is_noise =
            is_ignored_name(name) && name != ".gitignore" && !name.is_empty() && path != self.folder;
        !is_neighbour && !is_noise
    }
}

/// Returns the reason why a file system sends no events, if it is known not to.
pub(super) fn no_events_on(folder: &Path) -> Option<&'static str> {
    const SILENT: &[(i64, &str)] = &[
        (0x6969, "NFS"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB"),
        (0x517b, "SMB"),
        (0x0102_1997, "9P"),
        (0x6573_5546, "FUSE"),
    ];
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    SILENT.iter().find(|(known, _)| i128::from(*known) == i128::from(kind)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        Filter { folder: "/c/company".into(), parent: Some("/c".into()) }
    }

    fn event(kind: EventKind, path: &str) -> Event {
        Event::new(kind).add_path(path.into())
    }

    #[test]
    fn our_own_reading_is_no_hint() {
        let opened = EventKind::Access(event::AccessKind::Open(event::AccessMode::Any));
        assert!(!filter().counts(&event(opened, "/c/company/adjutant.toml")));
        let written = EventKind::Access(event::AccessKind::Close(event::AccessMode::Write));
        assert!(filter().counts(&event(written, "/c/company/adjutant.toml")));
    }

    #[test]
    fn neighbours_and_editor_files_are_no_hint_and_an_overflow_is() {
        let made = EventKind::Create(event::CreateKind::Any);
        assert!(!filter().counts(&event(made, "/c/other")));
        assert!(filter().counts(&event(made, "/c/company")));
        assert!(!filter().counts(&event(made, "/c/company/playbooks/.lead.toml.swp")));
        assert!(filter().counts(&event(made, "/c/company/.gitignore")));
        let overflow = Event::new(EventKind::Other).set_flag(event::Flag::Rescan);
        assert!(filter().counts(&overflow));
    }
}
