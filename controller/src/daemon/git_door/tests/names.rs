//! What is wished and what is in force have one kind of name: the same files, the same name, whatever brought them.

use super::{Place, World, asks};
use crate::reconcile::{Mode, Status};

async fn followed() -> World {
    let world = Place::new(Mode::Worktree).open().await;
    let head = world.place.git(&["rev-parse", "HEAD"]);
    world.until_live(&head).await;
    world
}

fn is_one(status: &Status) -> bool {
    status.ready
        && status.desired.is_some()
        && status.desired == status.applied
        && status.attempted == status.applied
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_first_start_a_save_and_its_commit_they_are_equal() {
    let world = followed().await;
    assert!(is_one(&world.reconciler.status()), "{:#?}", world.reconciler.status());
    world.place.write("playbooks/hello.toml", &asks("Hello saved", ""));
    let saved =
        world.until(|status| is_one(status) && world.title("hello").as_deref() == Some("Hello saved")).await;
    assert_ne!(saved.commit, saved.revision);
    let commit = world.place.commit("what is in force");
    let committed = world.until_live(&commit).await;
    assert!(is_one(&committed) && committed.applied == saved.applied, "{committed:#?}");
    assert_eq!(committed.commit, Some(commit));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_file_of_the_company_changes_no_name() {
    let world = followed().await;
    let before = world.reconciler.status().applied;
    world.place.write("README.md", "for people\n");
    world.place.write("docs/deep/notes.txt", "more\n");
    let commit = world.place.commit("notes");
    let status = world.until_live(&commit).await;
    assert!(is_one(&status) && status.applied == before, "{status:#?}");
    let world = world.restart().await;
    drop(world.until_live(&commit).await);
    // What is in force is known at once; what the source has, only when it was looked at.
    let status = world.until(is_one).await;
    assert_eq!(status.applied, before, "{status:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_has_the_same_name_and_what_is_held_has_another() {
    let world = Place::new(Mode::Push).open().await;
    assert!(world.place.push(&["HEAD:main"]).await.0);
    let head = world.place.git(&["rev-parse", "HEAD"]);
    assert!(is_one(&world.until_live(&head).await));
    world.reconciler.hold("release week", "operator").await.expect("held");
    world.place.write("playbooks/more.toml", &asks("More", ""));
    let held = world.place.commit("more");
    assert!(world.place.push(&["HEAD:main"]).await.0);
    let status = world.until(|status| status.revision.as_deref() == Some(held.as_str())).await;
    assert!(!status.ready && status.desired != status.applied, "{status:#?}");
    world.reconciler.release("operator").await.expect("released");
    assert!(is_one(&world.until_live(&held).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_that_stays_behind_keeps_them_apart() {
    let world = followed().await;
    world.place.write("slices/sales/playbooks/lead.toml", "title = ");
    world.place.write("playbooks/hello.toml", &asks("Hello again", ""));
    let status = world.until(|_| world.title("hello").as_deref() == Some("Hello again")).await;
    assert!(!status.ready && status.desired != status.applied, "{status:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_nothing_changed_leaves_them_equal_in_each_mode() {
    for mode in [Mode::Worktree, Mode::Commit, Mode::Push] {
        let world = Place::new(mode).open().await;
        if mode == Mode::Push {
            assert!(world.place.push(&["HEAD:main"]).await.0);
        }
        let head = world.place.git(&["rev-parse", "HEAD"]);
        let first = world.until_live(&head).await;
        assert!(is_one(&first), "{mode:?}: {first:#?}");
        let world = world.restart().await;
        let again = world.until(is_one).await;
        assert_eq!(again.applied, first.applied, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_that_all_is_ready_reads_equal_names() {
    let world = followed().await;
    let (reconciler, mut statuses) = (world.reconciler.clone(), world.reconciler.statuses());
    let reader = tokio::spawn(async move {
        let mut seen = 0;
        while statuses.changed().await.is_ok() && seen < 12 {
            let status = reconciler.status();
            assert!(!status.ready || is_one(&status), "{status:#?}");
            seen += 1;
        }
    });
    for round in 0..8 {
        let title = format!("Round {round}");
        world.place.write("playbooks/hello.toml", &asks(&title, ""));
        world.until(|status| is_one(status) && world.title("hello").as_deref() == Some(title.as_str())).await;
    }
    reader.await.expect("no status contradicts itself");
}
