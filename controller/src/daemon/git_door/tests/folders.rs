//! A folder that is followed: slices move alone, nothing is removed without proof, and a revert needs no Git.

use std::fs;

use super::{Place, World, asks};
use crate::reconcile::{Mode, Status};

async fn followed() -> World {
    let world = Place::new(Mode::Worktree).open().await;
    let head = world.place.git(&["rev-parse", "HEAD"]);
    world.until_live(&head).await;
    world
}

fn is_degraded(status: &Status, resource: &str) -> bool {
    status
        .conditions
        .iter()
        .any(|found| found.resource == resource && found.condition == "Degraded" && found.holds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_slice_keeps_its_last_good_while_the_other_moves() {
    let world = followed().await;
    world.place.write("slices/sales/playbooks/lead.toml", "schema = \"adjutant/v1\"\ntitle = \n");
    world.place.write("playbooks/hello.toml", &asks("Hello again", ""));
    let status = world
        .until(|status| is_degraded(status, "slice/sales") && status.phase.as_deref() == Some("live"))
        .await;
    assert_eq!(world.title("hello").as_deref(), Some("Hello again"));
    assert_eq!(world.title("lead").as_deref(), Some("Lead"));
    let sales = status.slices.iter().find(|slice| slice.id == "sales").expect("the slice is there");
    assert!(!status.ready && sales.held.is_some() && !sales.diagnostics.is_empty(), "{status:#?}");
    assert_ne!(sales.applied, status.revision);
    world.place.write("slices/sales/playbooks/lead.toml", &asks("Lead mended", ""));
    world.until(|status| status.ready).await;
    assert_eq!(world.title("lead").as_deref(), Some("Lead mended"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_everywhere_leave_everything_as_it_is() {
    let world = followed().await;
    let applied = world.reconciler.status().applied;
    world.place.write("playbooks/hello.toml", "title = ");
    let status = world.until(|status| status.phase.as_deref() == Some("refused")).await;
    assert_eq!(status.applied, applied);
    assert!(status.diagnostics.iter().any(|row| row.file == "playbooks/hello.toml"), "{status:#?}");
    world.place.git(&["checkout", "--quiet", "."]);
    let status = world.until(|status| status.ready).await;
    assert_eq!(status.applied, applied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_gone_removes_nothing_and_comes_back() {
    let world = followed().await;
    let (folder, away) = (world.place.folder(), world.place.root.path().join("away"));
    fs::rename(&folder, &away).expect("moved away");
    let status = world.until(|status| is_degraded(status, "source")).await;
    assert!(status.applied.is_some() && !status.ready);
    assert_eq!(world.title("hello").as_deref(), Some("Hello"));
    fs::rename(&away, &folder).expect("moved back");
    world.place.write("playbooks/hello.toml", &asks("Hello again", ""));
    world.until(|status| status.ready).await;
    assert_eq!(world.title("hello").as_deref(), Some("Hello again"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revert_is_in_force_at_once_holds_the_bad_one_and_ends_with_the_fix() {
    let world = followed().await;
    let good = world.reconciler.status().applied.expect("in force");
    world.place.write("playbooks/hello.toml", &asks("Hello bad", ""));
    let bad = world.place.commit("bad");
    world.until_live(&bad).await;
    let done = world.reconciler.revert(None, "operator").await.expect("reverted");
    assert!(done.next.as_deref().is_some_and(|next| next.starts_with("adjutant proposals p")), "{done:?}");
    let status = world.reconciler.status();
    assert_eq!(status.applied.as_deref(), Some(good.as_str()));
    assert_eq!(status.hold.and_then(|hold| hold.revision).as_deref(), Some(bad.as_str()));
    assert_eq!(world.title("hello").as_deref(), Some("Hello"));
    let world = world.restart().await;
    world.until(|status| status.desired.is_some() && status.phase.as_deref() == Some("held")).await;
    assert_eq!(world.title("hello").as_deref(), Some("Hello"));
    let again = world.reconciler.revert(Some(&good), "operator").await.expect_err("in force already");
    assert!(again.has_moved(), "{again}");
    world.place.git(&["revert", "--no-edit", "HEAD"]);
    let status = world.until(|status| status.ready && status.hold.is_none()).await;
    assert_eq!(status.applied.as_deref(), Some(good.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_tells_what_a_commit_would_change_and_touches_nothing() {
    let world = followed().await;
    let applied = world.reconciler.status().applied;
    world.start("lead").await;
    // In a tree of its own: what is saved in the followed folder would be live.
    let later = world.place.data().with_file_name("later");
    world.place.git(&["worktree", "add", "--quiet", "-b", "later", &later.display().to_string()]);
    let changed = asks("Lead", "").replace("\"ask\"", "\"question\"");
    std::fs::write(later.join("slices/sales/playbooks/lead.toml"), changed).expect("a file");
    let in_later =
        |arguments: &[&str]| world.place.git(&[&["-C", &later.display().to_string()], arguments].concat());
    in_later(&["commit", "--quiet", "--all", "--message", "later"]);
    let commit = in_later(&["rev-parse", "HEAD"]);
    let answer = world.reconciler.plan(Some(&commit)).await.expect("planned").view();
    assert!(answer.ok && answer.has_changes, "{answer:#?}");
    assert_eq!(answer.plan["runs"][0]["class"], "incompatible", "{answer:#?}");
    let same = world.reconciler.plan(Some(&applied.expect("in force"))).await.expect("planned").view();
    assert!(!same.has_changes, "{same:#?}");
    assert_eq!(same.plan["runs"][0]["class"], "same", "{same:#?}");
    let unknown = world.reconciler.plan(Some("nowhere")).await.expect_err("nobody knows it");
    assert!(unknown.to_string().contains("nowhere"), "{unknown}");
}
