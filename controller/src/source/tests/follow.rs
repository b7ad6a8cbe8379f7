//! A followed source: what is saved, committed or pushed is told; what cannot be read is never an empty company.

use std::{
    fs::{self, File},
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::world::{World, run_git};
use crate::source::{Mode, Observation, Observations, Observed, Settings, Source, Unreadable, Watching};

/// Longer than anything here takes; reached only if a promise is broken.
const DEADLINE: Duration = Duration::from_secs(20);

/// A source that is followed, and what it tells.
pub(super) struct Followed {
    pub(super) source: Source,
    pub(super) seen: Observations,
}

impl Followed {
    /// Waits until an observation satisfies the question.
    pub(super) async fn until(&mut self, question: impl Fn(&Observation) -> bool) -> Observation {
        let wait = self.seen.wait_for(|seen| seen.as_ref().is_some_and(&question));
        let seen =
            tokio::time::timeout(DEADLINE, wait).await.expect("seen in time").expect("the source lives");
        seen.clone().expect("an observation satisfied the question")
    }

    pub(super) async fn until_observed(&mut self, question: impl Fn(&Observed) -> bool) -> Observed {
        let seen = self.until(|seen| seen.observed().is_some_and(&question)).await;
        seen.observed().cloned().expect("a revision satisfied the question")
    }

    pub(super) async fn until_file(&mut self, path: &str, text: &str) -> Observed {
        self.until_observed(|seen| seen.files.get(path).is_some_and(|bytes| **bytes == *text.as_bytes()))
            .await
    }

    pub(super) async fn until_unreadable(&mut self) -> Unreadable {
        match self.until(|seen| matches!(seen, Observation::Unreadable(_))).await {
            Observation::Unreadable(unreadable) => unreadable,
            Observation::Observed(_) => unreachable!("asked for a failure"),
        }
    }
}

impl World {
    /// Follows the folder with short pauses; the periodic look is far away so that only events can be the cause.
    pub(super) fn follow(&self) -> Followed {
        self.follow_with(|_| {})
    }

    pub(super) fn follow_with(&self, change: impl FnOnce(&mut Settings)) -> Followed {
        let mut settings = Settings::new(Mode::Worktree { folder: self.folder() });
        settings.quiet = Duration::from_millis(100);
        settings.rescan = Duration::from_secs(3600);
        change(&mut settings);
        let (source, seen) = Source::start(settings, self.mirror()).expect("a thread");
        Followed { source, seen }
    }
}

#[tokio::test]
async fn a_saved_file_is_told_and_a_clean_tree_is_its_commit() {
    let world = World::committed();
    let mut followed = world.follow();
    let clean = followed.until_observed(|_| true).await;
    assert_eq!(clean.revision.commit, Some(world.head()));
    assert!(!clean.revision.dirty);
    world.write("playbooks/lead.toml", "one");
    let dirty = followed.until_file("playbooks/lead.toml", "one").await;
    assert!(dirty.revision.dirty);
    assert_eq!(dirty.revision.commit, Some(world.head()));
    assert_eq!(dirty.revision.id, dirty.revision.tree);
    assert_eq!(dirty.uncommitted, ["playbooks/lead.toml"]);
    assert_eq!(*world.mirror().read_tree(&dirty.revision.tree).expect("kept"), *dirty.files);
    let commit = world.commit("second");
    let clean = followed.until_observed(|seen| seen.revision.id == commit).await;
    assert!(!clean.revision.dirty);
    assert_eq!(clean.revision.title, "second");
    assert_eq!(followed.source.watching(), Watching::Events);
}

#[tokio::test]
async fn an_editor_that_replaces_the_file_is_followed_again_and_again() {
    let world = World::new();
    world.write("playbooks/lead.toml", "0");
    let mut followed = world.follow();
    followed.until_file("playbooks/lead.toml", "0").await;
    for round in 1..4 {
        let text = round.to_string();
        world.write("playbooks/4913", "");
        world.write("playbooks/.lead.toml.swp", &text);
        world.write("playbooks/lead.toml.tmp", &text);
        fs::rename(world.path("playbooks/lead.toml.tmp"), world.path("playbooks/lead.toml"))
            .expect("renamed");
        followed.until_file("playbooks/lead.toml", &text).await;
    }
}

#[tokio::test]
async fn a_burst_of_a_hundred_files_is_one_revision() {
    let world = World::new();
    let mut followed = world.follow_with(|settings| settings.quiet = Duration::from_millis(300));
    followed.until_observed(|_| true).await;
    for number in 0..100 {
        world.write(&format!("prompts/p{number}.md"), "x");
    }
    let seen = followed.until_observed(|seen| seen.files.len() > 1).await;
    assert_eq!(seen.files.len(), 101);
}

#[tokio::test]
async fn a_file_that_is_still_being_written_is_waited_for() {
    let world = World::new();
    world.write("prompts/long.md", "");
    let mut followed = world.follow_with(|settings| settings.cap = Duration::from_millis(200));
    followed.until_file("prompts/long.md", "").await;
    let mut file = File::options().append(true).open(world.path("prompts/long.md")).expect("opened");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    // Without a pause, so that two readings can never agree before the end, which the cap comes before.
    let writer = std::thread::spawn(move || {
        let mut length = 0;
        while !stopped.load(Ordering::Relaxed) && length < 900_000 {
            length += file.write(b"line\n").expect("written");
            std::thread::yield_now();
        }
        length
    });
    followed.source.wake();
    stop_after_looks(&stop);
    let length = writer.join().expect("the writer ended");
    let seen = followed
        .until_observed(|seen| seen.files.get("prompts/long.md").is_some_and(|b| !b.is_empty()))
        .await;
    assert_eq!(seen.files.get("prompts/long.md").map(|bytes| bytes.len()), Some(length));
}

/// Lets the writer go on for some looks: the time is part of the story, nothing waits for it to be long enough.
fn stop_after_looks(stop: &AtomicBool) {
    let (_never, wait) = std::sync::mpsc::channel::<()>();
    wait.recv_timeout(Duration::from_millis(600)).expect_err("nobody sends");
    stop.store(true, Ordering::Relaxed);
}

#[tokio::test]
async fn a_folder_that_is_gone_and_comes_back_recovers() {
    let world = World::new();
    world.write("playbooks/lead.toml", "one");
    let mut followed = world.follow();
    followed.until_file("playbooks/lead.toml", "one").await;
    let away = world.root().join("away");
    fs::rename(world.folder(), &away).expect("moved away");
    let gone = followed.until_unreadable().await;
    assert_eq!(gone.code, "unreadable");
    fs::rename(&away, world.folder()).expect("moved back");
    followed.until_file("playbooks/lead.toml", "one").await;
    world.write("playbooks/lead.toml", "two");
    followed.until_file("playbooks/lead.toml", "two").await;
}

#[tokio::test]
async fn a_deleted_and_restored_directory_is_watched_again() {
    let world = World::new();
    world.write("playbooks/lead.toml", "one");
    let mut followed = world.follow();
    followed.until_file("playbooks/lead.toml", "one").await;
    fs::remove_dir_all(world.path("playbooks")).expect("deleted");
    followed.until_observed(|seen| seen.files.len() == 1).await;
    world.write("playbooks/lead.toml", "two");
    followed.until_file("playbooks/lead.toml", "two").await;
    world.write("playbooks/lead.toml", "three");
    followed.until_file("playbooks/lead.toml", "three").await;
}

#[tokio::test]
async fn an_emptied_folder_is_unreadable_and_not_a_deletion() {
    let world = World::new();
    world.write("playbooks/lead.toml", "one");
    let mut followed = world.follow();
    followed.until_file("playbooks/lead.toml", "one").await;
    fs::remove_dir_all(world.folder()).expect("deleted");
    fs::create_dir(world.folder()).expect("an empty mount point");
    let seen =
        followed.until(|seen| matches!(seen, Observation::Unreadable(why) if why.code == "no-company")).await;
    assert!(seen.observed().is_none());
}

#[tokio::test]
async fn without_events_looking_often_still_finds_it() {
    let world = World::new();
    let mut followed = world.follow_with(|settings| {
        settings.without_events = true;
        settings.poll = Duration::from_millis(50);
    });
    followed.until_observed(|_| true).await;
    world.write("playbooks/lead.toml", "one");
    followed.until_file("playbooks/lead.toml", "one").await;
    assert_eq!(followed.source.watching(), Watching::Polling("switched off".to_owned()));
}

#[tokio::test]
async fn a_commit_source_follows_head_and_ignores_what_is_not_committed() {
    let world = World::committed();
    let mut followed = world.follow_with(|settings| settings.mode = Mode::Commit { folder: world.folder() });
    followed.until_observed(|_| true).await;
    world.write("playbooks/lead.toml", "uncommitted");
    followed.source.wake();
    world.write("playbooks/lead.toml", "one");
    let commit = world.commit("second");
    let seen = followed.until_file("playbooks/lead.toml", "one").await;
    assert_eq!((seen.revision.id, seen.revision.dirty), (commit, false));
}

#[tokio::test]
async fn a_remote_is_followed_and_rewritten_history_is_told() {
    let world = World::committed();
    let first = world.commit("to be rewritten");
    let mut followed = world.follow_with(|settings| {
        let url = world.folder().display().to_string();
        settings.mode = Mode::Remote { url, reference: "refs/heads/main".to_owned() };
    });
    let seen = followed.until_observed(|_| true).await;
    assert_eq!((seen.revision.id, seen.rewound_from), (first.clone(), None));
    let second = world.commit("onward");
    followed.source.wake();
    assert_eq!(followed.until_observed(|seen| seen.revision.id == second).await.rewound_from, None);
    world.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    let third = world.commit("another past");
    followed.source.wake();
    let seen = followed.until_observed(|seen| seen.revision.id == third).await;
    assert_eq!(seen.rewound_from, Some(second));
    world.git(&["checkout", "--quiet", "--detach"]);
    world.git(&["branch", "--quiet", "--delete", "--force", "main"]);
    followed.source.wake();
    assert_eq!(followed.until_unreadable().await.code, "ref-gone");
}

#[tokio::test]
async fn push_mode_reads_main_of_the_companys_repository() {
    let world = World::committed();
    let company = world.company();
    let settings = Settings::new(Mode::Push { company: company.clone() });
    let (source, seen) = Source::start(settings, world.mirror()).expect("a thread");
    let mut followed = Followed { source, seen };
    assert_eq!(followed.until_unreadable().await.code, "ref-gone");
    company.seed(&world.folder()).expect("seeded");
    followed.source.wake();
    let seen = followed.until_observed(|_| true).await;
    assert_eq!(seen.revision.id, world.head());
    followed.source.stop();
}

#[tokio::test]
async fn a_shallow_clone_and_a_folder_not_yet_committed_are_followed() {
    let world = World::committed();
    let second = world.commit("second");
    let clone = world.root().join("shallow");
    let from = format!("file://{}", world.folder().display());
    let target = clone.display().to_string();
    run_git(world.root(), &["clone", "--quiet", "--depth", "1", &from, &target]).done();
    let mut shallow = world.follow_with(|settings| settings.mode = Mode::Worktree { folder: clone.clone() });
    let seen = shallow.until_observed(|_| true).await;
    assert_eq!((seen.revision.id, seen.revision.dirty), (second, false));
    world.write("nested/adjutant.toml", "inner");
    let nested = world.path("nested");
    let mut followed = world.follow_with(|settings| settings.mode = Mode::Worktree { folder: nested });
    let seen = followed.until_file("adjutant.toml", "inner").await;
    assert!(seen.revision.dirty);
    assert_eq!(seen.uncommitted, ["adjutant.toml"]);
    let third = world.commit("third");
    let seen = followed.until_observed(|seen| !seen.revision.dirty).await;
    assert_eq!(seen.revision.id, third);
}

#[tokio::test]
async fn what_is_saved_counts_even_if_history_is_damaged() {
    let world = World::committed();
    let tree = world.git(&["rev-parse", "HEAD^{tree}"]);
    fs::remove_file(world.path(".git/objects").join(&tree[..2]).join(&tree[2..])).expect("damaged");
    let mut followed = world.follow();
    let seen = followed.until_observed(|_| true).await;
    assert!(seen.revision.dirty);
    assert_eq!(seen.files.len(), 1);
}
