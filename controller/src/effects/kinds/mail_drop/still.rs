//! When a file is whole: nobody writes it, and it has not changed for a while.
//!
//! | how it came | taken |
//! |---|---|
//! | renamed into the folder, or in a Maildir's `new/` | at once |
//! | written in place | closed, and unchanged for two seconds |
//! | written in place, and looks as if its end were missing | closed, and unchanged for ten |
//! | held open by somebody who writes | after the close; after ten minutes without a change in any case |
//!
//! Where the system does not tell of closes (a network folder), only the second half of each row is known.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::folder::{Fingerprint, Name};

/// How long a file that was written in place must be unchanged.
const STILL: Duration = Duration::from_secs(2);

/// How long one must that looks unfinished.
const UNFINISHED: Duration = Duration::from_secs(10);

/// How long one that somebody holds open must.
const HELD: Duration = Duration::from_secs(600);

/// What was told of a file since it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Bytes were written.
    Written,
    /// Whoever wrote it has closed it.
    Closed,
    /// It was renamed to this name: it is whole.
    Renamed,
}

/// The moment of a look, by both clocks: one that a person can set, and one that only goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) wall: i64,
    pub(super) steady: Instant,
}

/// A file as a look saw it.
pub(super) struct Sight {
    pub(super) stamp: Fingerprint,
    pub(super) now: Now,
}

/// What is known of the files that wait.
#[derive(Debug, Default)]
pub(super) struct Still {
    seen: BTreeMap<Name, Waited>,
}

#[derive(Debug)]
struct Waited {
    stamp: Fingerprint,
    since: Instant,
    told: Option<Told>,
    is_unfinished: bool,
}

impl Still {
    /// Takes in what the system tells of a file that is there.
    pub(super) fn tell(&mut self, name: Name, told: Told, sight: Sight) {
        let Sight { stamp, now } = sight;
        let fresh = Waited { stamp, since: now.steady, told: Some(told), is_unfinished: false };
        match self.seen.get_mut(&name).filter(|_| told != Told::Renamed) {
            Some(seen) => seen.told = Some(told),
            // A rename puts another file in the place of the one that was there.
            None => drop(self.seen.insert(name, fresh)),
        }
    }

    /// Returns how long a file has still to be waited for; `None` where it is whole.
    pub(super) fn wait(&mut self, name: &Name, stamp: Fingerprint, now: Now) -> Option<Duration> {
        let fresh = || Waited { stamp, since: now.steady, told: None, is_unfinished: false };
        let seen = self.seen.entry(name.clone()).or_insert_with(fresh);
        if seen.stamp != stamp {
            // It grew: whatever was told of it before was about something else.
            *seen = Waited { told: seen.told.filter(|told| *told != Told::Renamed), ..fresh() };
        }
        if name.is_maildir || seen.told == Some(Told::Renamed) {
            return None;
        }
        let need = match seen.told {
            Some(Told::Written) => HELD,
            _ if seen.is_unfinished => UNFINISHED,
            _ => STILL,
        };
        // A clock that was set back must not hold a file for ever, and one that was set forward must not tear it.
        let by_wall = u64::try_from(now.wall.saturating_sub(stamp.millis()))
            .map_or(Duration::ZERO, Duration::from_millis);
        let by_wall = if seen.told == Some(Told::Written) { Duration::ZERO } else { by_wall };
        let age = now.steady.duration_since(seen.since).max(by_wall);
        need.checked_sub(age).filter(|left| !left.is_zero())
    }

    /// Says that a file looked unfinished; returns whether it is worth waiting for more of it.
    pub(super) fn unfinished(&mut self, name: &Name, stamp: Fingerprint, now: Now) -> bool {
        if let Some(seen) = self.seen.get_mut(name) {
            seen.is_unfinished = true;
        }
        self.wait(name, stamp, now).is_some()
    }

    /// Returns by what a file is known, where it was looked at.
    pub(super) fn stamp(&self, name: &Name) -> Option<Fingerprint> {
        self.seen.get(name).map(|seen| seen.stamp)
    }

    /// Forgets a file: it was moved.
    pub(super) fn forget(&mut self, name: &Name) {
        self.seen.remove(name);
    }

    /// Forgets every file that is not there any more.
    pub(super) fn keep(&mut self, names: &[Name]) {
        self.seen.retain(|name, _| names.binary_search(name).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::{super::folder::Folder, *};

    struct World {
        dir: tempfile::TempDir,
        folder: Folder,
        still: Still,
        begin: Instant,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folder = Folder::open(dir.path(), true).unwrap();
            Self { dir, folder, still: Still::default(), begin: Instant::now() }
        }

        fn now(&self, millis: u64) -> Now {
            Now { wall: 0, steady: self.begin + Duration::from_millis(millis) }
        }

        fn write(&self, text: &str) {
            std::fs::write(self.dir.path().join("a.eml"), text).unwrap();
        }

        fn stamp(&self) -> Fingerprint {
            self.folder.stamp(&name()).unwrap().unwrap()
        }

        fn tell(&mut self, told: Told, millis: u64) {
            let (stamp, now) = (self.stamp(), self.now(millis));
            self.still.tell(name(), told, Sight { stamp, now });
        }

        fn is_whole(&mut self, millis: u64) -> bool {
            let (stamp, now) = (self.stamp(), self.now(millis));
            self.still.wait(&name(), stamp, now).is_none()
        }
    }

    fn name() -> Name {
        Name { is_maildir: false, file: "a.eml".into() }
    }

    #[test]
    fn a_file_is_whole_after_it_was_still() {
        let mut world = World::new();
        world.write("half");
        assert!(!world.is_whole(0) && !world.is_whole(1_900));
        world.write("half and the rest");
        assert!(!world.is_whole(2_100) && !world.is_whole(4_000));
        assert!(world.is_whole(4_200));
    }

    #[test]
    fn who_holds_it_open_is_waited_for_but_not_for_ever() {
        let mut world = World::new();
        world.write("half");
        world.tell(Told::Written, 0);
        assert!(!world.is_whole(0) && !world.is_whole(60_000));
        assert!(world.is_whole(601_000));
        world.tell(Told::Closed, 60_000);
        assert!(world.is_whole(60_100));
    }

    #[test]
    fn a_rename_is_whole_at_once_until_it_grows() {
        let mut world = World::new();
        world.write("whole");
        world.tell(Told::Renamed, 0);
        assert!(world.is_whole(0));
        world.write("whole, and more of it");
        assert!(!world.is_whole(1));
        let maildir = Name { is_maildir: true, ..name() };
        let (stamp, now) = (world.stamp(), world.now(5));
        assert_eq!(world.still.wait(&maildir, stamp, now), None);
    }

    #[test]
    fn what_looks_unfinished_is_waited_for_longer() {
        let mut world = World::new();
        world.write("ha");
        assert!(!world.is_whole(0));
        assert!(world.is_whole(2_000));
        let (stamp, now) = (world.stamp(), world.now(2_000));
        assert!(world.still.unfinished(&name(), stamp, now));
        assert!(!world.is_whole(9_000) && world.is_whole(10_000));
        let (stamp, now) = (world.stamp(), world.now(10_000));
        assert!(!world.still.unfinished(&name(), stamp, now));
    }

    #[test]
    fn an_old_file_is_whole_at_the_first_look_whatever_the_clock_says_later() {
        let mut world = World::new();
        world.write("whole");
        let stamp = world.stamp();
        let at = |wall: i64| Now { wall, steady: world.begin };
        assert_eq!(world.still.wait(&name(), stamp, at(stamp.millis() + 2_000)), None);
        assert!(world.still.wait(&name(), stamp, at(stamp.millis() - 86_400_000)).is_some());
    }
}
