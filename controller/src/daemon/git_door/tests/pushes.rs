//! `git push` to the daemon's own repository: the mistakes or the plan come back to whoever pushes.

use super::{Place, World, asks, run_git};
use crate::{reconcile::Mode, runtime::PageWish};

async fn pushed() -> World {
    let world = Place::new(Mode::Push).open().await;
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(is_taken, "{text}");
    let head = world.place.git(&["rev-parse", "HEAD"]);
    world.until_live(&head).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_push_prints_the_plan_and_goes_live() {
    let world = pushed().await;
    let run = world.start("hello").await;
    world.place.write("playbooks/hello.toml", &asks("Hello again", ""));
    world.place.write("playbooks/more.toml", &asks("More", ""));
    let head = world.place.commit("more");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(is_taken, "{text}");
    assert!(
        text.contains("+ playbook \"more\" is new") && text.contains("playbook \"hello\" changes"),
        "{text}"
    );
    assert!(text.contains("1 of \"hello\" finish on what they began with (compatible)"), "{text}");
    let status = world.until_live(&head).await;
    assert!(status.ready && status.applied.is_some(), "{status:#?}");
    assert_eq!(world.title("more").as_deref(), Some("More"));
    assert_eq!(world.handle.run(&run).await.expect("the run is there").line.status, "waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_checked_once() {
    let world = pushed().await;
    let before = world.reconciler.checks();
    world.place.write("playbooks/more.toml", &asks("More", ""));
    let head = world.place.commit("more");
    assert!(world.place.push(&["HEAD:main"]).await.0);
    world.until_live(&head).await;
    assert_eq!(world.reconciler.checks() - before, 1, "what was admitted is what goes live");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_push_is_refused_with_its_place_and_changes_nothing() {
    let world = pushed().await;
    let before = world.reconciler.status().applied;
    world
        .place
        .write("playbooks/hello.toml", &asks("Hello", "").replace("next = \"done\"", "next = \"dome\""));
    world.place.commit("broken");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(!is_taken, "{text}");
    assert!(text.contains("error[E") && text.contains("--> playbooks/hello.toml:"), "{text}");
    assert!(text.contains("dome") && text.contains("nothing changed"), "{text}");
    assert_eq!(world.reconciler.status().applied, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_daemon_nothing_is_taken_and_the_pusher_is_told() {
    let mut world = pushed().await;
    world.server.take().expect("it serves").shutdown().await;
    let before = world.company.main().expect("readable");
    world.place.write("playbooks/more.toml", &asks("More", ""));
    world.place.commit("more");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(!is_taken && text.contains("start `adjutant up`; nothing changed"), "{text}");
    assert_eq!(world.company.main().expect("readable"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_branch_is_refused_with_what_to_type() {
    let world = pushed().await;
    let (is_taken, text) = world.place.push(&["HEAD:topic"]).await;
    assert!(!is_taken && text.contains("refs/for/main"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elsewhere_a_push_to_main_is_told_where_the_truth_lives() {
    let world = Place::new(Mode::Worktree).open().await;
    let head = world.place.git(&["rev-parse", "HEAD"]);
    world.until_live(&head).await;
    world.place.commit("more");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(!is_taken && text.contains("mirrors the folder (mode worktree)"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retiring_a_playbook_with_live_runs_needs_the_token_of_the_plan() {
    let world = pushed().await;
    world.start("hello").await;
    std::fs::remove_file(world.place.folder().join("playbooks/hello.toml")).expect("it was there");
    let head = world.place.commit("without hello");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(!is_taken && text.contains("retired while 1 of its runs are live"), "{text}");
    let token = text.split("confirm=").nth(1).and_then(|rest| rest.get(..12)).expect("a token").to_owned();
    let (is_taken, text) = world.place.push(&["-o", "confirm=000000000000", "HEAD:main"]).await;
    assert!(!is_taken, "{text}");
    let (is_taken, text) = world.place.push(&["-o", &format!("confirm={token}"), "HEAD:main"]).await;
    assert!(is_taken, "{text}");
    world.until_live(&head).await;
    assert_eq!(world.title("hello"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_survives_a_restart_and_pushes_wait_for_its_end() {
    let world = pushed().await;
    let done = world.reconciler.hold("release week", "operator").await.expect("held");
    assert!(done.applied);
    let world = world.restart().await;
    world.place.write("playbooks/more.toml", &asks("More", ""));
    let head = world.place.commit("more");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(is_taken && text.contains("release week"), "{text}");
    let held = |status: &crate::reconcile::Status| status.phase.as_deref() == Some("held");
    let status =
        world.until(|status| status.revision.as_deref() == Some(head.as_str()) && held(status)).await;
    assert!(!status.ready && status.hold.is_some(), "{status:#?}");
    assert_eq!(world.title("more"), None);
    let world = world.restart().await;
    world.until(|status| status.revision.as_deref() == Some(head.as_str()) && held(status)).await;
    world.until(|status| status.desired.is_some()).await;
    world.reconciler.release("operator").await.expect("released");
    world.until_live(&head).await;
    assert_eq!(world.title("more").as_deref(), Some("More"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_pushed_while_the_last_process_ended_is_live_after_the_start() {
    let world = pushed().await;
    let mut world = world;
    world.server.take().expect("it serves").shutdown().await;
    world.plug.pull();
    let before = world.company.main().expect("readable");
    world.place.write("playbooks/more.toml", &asks("More", ""));
    let head = world.place.commit("more");
    // As a push that Git took just when the daemon was killed: `main` moved, and nobody heard of it.
    world.company.bring_from(&world.place.folder(), "HEAD").expect("brought");
    world.company.move_reference("refs/heads/main", before.as_deref(), Some(&head)).expect("moved");
    let world = world.restart().await;
    world.until_live(&head).await;
    assert_eq!(world.title("more").as_deref(), Some("More"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_pushes_at_once_one_is_live_and_the_other_is_told() {
    let world = pushed().await;
    let clone = |name: &str| {
        let folder = world.place.root.path().join(name);
        let target = folder.display().to_string();
        assert!(run_git(world.place.root.path(), &["clone", "--quiet", &world.place.bare(), &target]).0);
        std::fs::write(folder.join(format!("playbooks/{name}.toml")), asks(name, "")).expect("a file");
        assert!(run_git(&folder, &["add", "--all"]).0);
        assert!(run_git(&folder, &["commit", "--quiet", "--message", name]).0);
        folder
    };
    let folders = ["left", "right"].map(clone);
    let pushes = folders.clone().map(|folder| {
        tokio::task::spawn_blocking(move || run_git(&folder, &["push", "origin", "HEAD:main"]))
    });
    let mut outcomes = Vec::new();
    for push in pushes {
        outcomes.push(push.await.expect("git runs"));
    }
    assert_eq!(outcomes.iter().filter(|(won, _)| *won).count(), 1, "{outcomes:?}");
    let winner = folders.iter().zip(&outcomes).find(|(_, (won, _))| *won).expect("one won").0;
    world.until_live(&run_git(winner, &["rev-parse", "HEAD"]).1).await;
}

/// The disk of the repository takes no more than so many bytes of one file: as a full disk does, in the middle of a push.
fn push_to_a_full_disk(world: &World, reference: &str) -> (bool, String) {
    let script = format!("trap '' XFSZ; ulimit -f 64; exec git push {} {reference}", world.place.bare());
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(world.place.folder())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("bash runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_the_disk_does_not_take_is_refused_whole_with_the_reason() {
    let world = pushed().await;
    let before = world.company.main().expect("readable");
    let mut noise = Vec::with_capacity(400_000);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while noise.len() < 400_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.extend_from_slice(format!("{state:x}\n").as_bytes());
    }
    std::fs::write(world.place.folder().join("notes.txt"), &noise).expect("a file");
    world.place.write("playbooks/more.toml", &asks("More", ""));
    let head = world.place.commit("more than the disk takes");
    for reference in ["HEAD:main", "HEAD:refs/for/main"] {
        let (is_taken, text) = tokio::task::block_in_place(|| push_to_a_full_disk(&world, reference));
        assert!(!is_taken, "{text}");
        assert!(text.contains("File too large") || text.contains("unpack"), "the reason is told: {text}");
        assert_eq!(world.company.main().expect("readable"), before);
        assert!(world.company.read_commit(&head).is_err(), "nothing is half taken");
        assert!(world.reconciler.proposals(&PageWish::default()).await.expect("listed").items.is_empty());
    }
    assert!(run_git(&world.place.data().join("company.git"), &["fsck", "--no-dangling"]).0);
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(is_taken, "{text}");
    world.until_live(&head).await;
}

/// A scenario of the playbook that asks, in which a person answers so and the run ends as done.
fn answered(outcome: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\nplaybook = \"hello\"\nend = \"done\"\n\
         [[answer]]\nstep = \"ask\"\noutcome = \"{outcome}\"\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_with_a_scenario_that_does_not_hold_is_refused_at_its_place() {
    let world = pushed().await;
    let before = world.reconciler.status().applied;
    world.place.write("tests/hello.toml", &answered("denied"));
    world.place.commit("a scenario");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(!is_taken, "{text}");
    assert!(text.contains("error[E0705]: the run ended as cancelled"), "{text}");
    assert!(text.contains("--> tests/hello.toml:3:7") && text.contains("nothing changed"), "{text}");
    assert_eq!(world.reconciler.status().applied, before);
    world.place.write("tests/hello.toml", &answered("approved"));
    let head = world.place.commit("a scenario that holds");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(is_taken, "{text}");
    world.until_live(&head).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_breaks_a_scenario_is_refused_for_review_too() {
    let world = pushed().await;
    world.place.write("tests/hello.toml", &answered("approved"));
    world.place.commit("a scenario");
    assert!(world.place.push(&["HEAD:main"]).await.0);
    let other = asks("Hello", "").replace("next = \"done\"", "next = \"close\"");
    world
        .place
        .write("playbooks/hello.toml", &other.replace("[[step]]\nid = \"done\"\nend = \"done\"\n", ""));
    world.place.commit("another end");
    let (is_taken, text) = world.place.push(&["HEAD:refs/for/main"]).await;
    assert!(!is_taken && text.contains("error[E0705]"), "{text}");
}
