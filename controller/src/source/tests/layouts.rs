//! Repositories as people have them: each is followed, or the true reason is told in plain words.

use std::{fs, path::PathBuf};

use super::{
    follow::Followed,
    world::{Ran, World, run_git},
};
use crate::source::{Mode, Observation, Unreadable};

fn git(world: &World, arguments: &[&str]) {
    run_git(world.root(), arguments).done();
}

fn follow(world: &World, mode: Mode) -> Followed {
    world.follow_with(|settings| settings.mode = mode.clone())
}

fn remote(folder: &std::path::Path, branch: &str) -> Mode {
    Mode::Remote { url: folder.display().to_string(), reference: format!("refs/heads/{branch}") }
}

async fn refused(world: &World, mode: Mode) -> Unreadable {
    follow(world, mode).until_unreadable().await
}

/// A company folder whose repository was made with an option.
fn made(option: &str) -> World {
    let world = World::new();
    world.git(&["init", "--quiet", "--initial-branch=main", option]);
    world.commit("first");
    world
}

#[tokio::test]
async fn sha_256_is_named_in_every_mode_and_saved_files_count_all_the_same() {
    let world = made("--object-format=sha256");
    for mode in [Mode::Commit { folder: world.folder() }, remote(&world.folder(), "main")] {
        let told = refused(&world, mode).await;
        assert_eq!(told.code, "object-format", "{told:?}");
        assert!(told.message.contains("SHA-256"), "{told:?}");
    }
    let seeded = world.company().seed(&world.folder()).expect_err("it cannot be read");
    assert!(seeded.to_string().contains("SHA-256"), "{seeded}");
    let seen = follow(&world, Mode::Worktree { folder: world.folder() }).until_observed(|_| true).await;
    assert_eq!(seen.files.len(), 1);
    assert!(seen.remark.as_deref().is_some_and(|remark| remark.contains("SHA-256")), "{:?}", seen.remark);
}

#[tokio::test]
async fn a_partial_clone_is_named_and_saved_files_count_all_the_same() {
    let world = World::committed();
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = world.root().join("clone");
    let (from, to) = (format!("file://{}", world.folder().display()), clone.display().to_string());
    git(&world, &["clone", "--quiet", "--filter=blob:none", "--no-checkout", &from, &to]);
    let told = refused(&world, Mode::Commit { folder: clone.clone() }).await;
    assert!(told.code == "partial-clone" && told.message.contains("partial clone"), "{told:?}");
    fs::write(clone.join("adjutant.toml"), "saved").expect("a file");
    let seen = follow(&world, Mode::Worktree { folder: clone }).until_observed(|_| true).await;
    assert!(seen.remark.is_some_and(|remark| remark.contains("partial clone")));
}

#[tokio::test]
async fn nothing_committed_no_repository_no_branch_and_no_files_are_four_reasons() {
    let world = World::new();
    let folder = world.folder();
    let told = refused(&world, Mode::Commit { folder: folder.clone() }).await;
    assert_eq!(told.code, "not-a-repository", "{told:?}");
    world.git(&["init", "--quiet", "--initial-branch=main"]);
    let told = refused(&world, Mode::Commit { folder: folder.clone() }).await;
    assert!(told.code == "no-commit" && told.message.contains("nothing is committed yet"), "{told:?}");
    world.commit("first");
    let told = refused(&world, remote(&folder, "release")).await;
    assert!(told.code == "ref-gone" && told.message.contains("refs/heads/release"), "{told:?}");
    let bare = world.root().join("bare.git");
    git(&world, &["clone", "--quiet", "--bare", &folder.display().to_string(), &bare.display().to_string()]);
    let told = refused(&world, Mode::Worktree { folder: bare.clone() }).await;
    assert!(told.code == "bare" && told.hint.is_some_and(|hint| hint.contains("--mode commit")), "{told:?}");
    let seen = follow(&world, Mode::Commit { folder: bare }).until_observed(|_| true).await;
    assert_eq!(seen.revision.id, world.head());
    let told = refused(&world, remote(&world.root().join("nowhere"), "main")).await;
    assert_eq!(told.code, "not-found", "{told:?}");
}

#[tokio::test]
async fn linked_work_trees_and_submodules_are_followed() {
    let world = World::committed();
    let (linked, nested) = (world.root().join("linked"), world.root().join("linked/nested"));
    world.git(&["worktree", "add", "--quiet", "-b", "one", &linked.display().to_string()]);
    run_git(&linked, &["worktree", "add", "--quiet", "-b", "two", &nested.display().to_string()]).done();
    let outer = world.root().join("outer");
    git(&world, &["init", "--quiet", "--initial-branch=main", &outer.display().to_string()]);
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    let folder = world.folder().display().to_string();
    run_git(&outer, &[&add[..], &[folder.as_str(), "company"]].concat()).done();
    for folder in [linked, nested, outer.join("company")] {
        for mode in [Mode::Worktree { folder: folder.clone() }, Mode::Commit { folder: folder.clone() }] {
            let mut followed = follow(&world, mode);
            let seen = followed.until_observed(|_| true).await;
            assert_eq!((seen.revision.commit, seen.revision.dirty), (Some(world.head()), false));
        }
    }
}

#[tokio::test]
async fn references_in_tables_are_read_and_a_commit_is_noticed() {
    let world = World::new();
    let Ran { is_done: is_made, text: told } =
        world.try_git(&["init", "--quiet", "--initial-branch=main", "--ref-format=reftable"]);
    if told.contains("unknown option") {
        // A git older than 2.45 makes no such repository, and would not follow one either.
        return;
    }
    assert!(is_made, "{told}");
    world.commit("first");
    let mut followed = follow(&world, Mode::Commit { folder: world.folder() });
    followed.until_observed(|_| true).await;
    let second = world.commit("second");
    followed.until_observed(|seen| seen.revision.id == second).await;
}

#[tokio::test]
async fn a_folder_of_another_user_is_told_as_such() {
    let world = World::committed();
    let chown = |place: PathBuf| std::os::unix::fs::chown(place, Some(65_534), None).is_ok();
    // Only the administrator can give a folder away; for others the text of git is tested where it is classified.
    if !(chown(world.folder()) && chown(world.path(".git"))) {
        return;
    }
    for mode in [Mode::Commit { folder: world.folder() }, remote(&world.folder(), "main")] {
        let told = refused(&world, mode).await;
        assert_eq!(told.code, "ownership", "{told:?}");
        assert!(told.message.contains("belongs to another user"), "{told:?}");
        assert!(told.hint.is_some_and(|hint| hint.contains("safe.directory")));
    }
}

/// A work tree in which two branches changed the same line.
fn forked() -> World {
    let world = World::new();
    world.git(&["init", "--quiet", "--initial-branch=main"]);
    world.write("prompts/a.md", "common\n");
    world.commit("common");
    world.git(&["checkout", "--quiet", "-b", "theirs"]);
    world.write("prompts/a.md", "theirs\n");
    world.commit("theirs");
    world.git(&["checkout", "--quiet", "main"]);
    world.write("prompts/a.md", "ours\n");
    world.commit("ours");
    world
}

#[tokio::test]
async fn a_work_tree_with_conflicts_is_not_taken_and_says_what_is_under_way() {
    for (command, doing) in [
        (&["merge", "theirs"][..], "a merge"),
        (&["rebase", "theirs"], "a rebase"),
        (&["cherry-pick", "theirs"], "a cherry-pick"),
        (&["revert", "--no-edit", "HEAD~1"], "a revert"),
    ] {
        let world = forked();
        let mut followed = follow(&world, Mode::Worktree { folder: world.folder() });
        followed.until_file("prompts/a.md", "ours\n").await;
        assert!(!world.try_git(command).is_done, "{command:?} ends in a conflict");
        followed.source.wake();
        // A look that began before git was done may not know yet what git was doing: the one that was asked for does.
        let is_held = |seen: &Observation| matches!(seen, Observation::Unreadable(why) if why.code == "unmerged" && why.message.starts_with(doing));
        let Observation::Unreadable(told) = followed.until(is_held).await else {
            unreachable!("asked for it")
        };
        assert!(told.message.contains("prompts/a.md"), "{told:?}");
        world.git(&[command[0], "--abort"]);
        followed.source.wake();
        followed.until_file("prompts/a.md", "ours\n").await;
    }
}

#[tokio::test]
async fn a_stash_that_does_not_fit_is_a_conflict_and_ends_with_git_add() {
    let world = forked();
    world.write("prompts/a.md", "stashed\n");
    world.git(&["stash", "--quiet"]);
    world.git(&["reset", "--quiet", "--hard", "theirs"]);
    let mut followed = follow(&world, Mode::Worktree { folder: world.folder() });
    followed.until_file("prompts/a.md", "theirs\n").await;
    assert!(!world.try_git(&["stash", "pop"]).is_done);
    followed.source.wake();
    let told =
        followed.until(|seen| matches!(seen, Observation::Unreadable(why) if why.code == "unmerged")).await;
    assert!(told.observed().is_none());
    world.write("prompts/a.md", "settled\n");
    world.git(&["add", "prompts/a.md"]);
    followed.source.wake();
    followed.until_file("prompts/a.md", "settled\n").await;
}
