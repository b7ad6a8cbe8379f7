//! The mirror is a cache: damage and locks are repaired, kept trees are bounded, a stuck git is ended.

use std::{fs, os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use adjutant_spec::files::FileSet;

use super::world::World;
use crate::source::{Error, Git, GitCode, Invocation, Limits, Mirror};

#[test]
fn a_stale_lock_is_repaired() {
    let world = World::committed();
    let mirror = world.mirror();
    let commit = mirror.fetch(world.folder(), "HEAD", "head").expect("fetched");
    let next = world.commit("second");
    fs::write(mirror.path().join("refs/adjutant/src/head.lock"), "").expect("a lock");
    assert_eq!(mirror.fetch(world.folder(), "HEAD", "head").expect("repaired"), next);
    assert!(mirror.contains(&next, &commit).expect("compared"));
}

#[test]
fn locks_of_a_crash_are_swept_at_the_start() {
    let world = World::committed();
    let lock = world.mirror().path().join("packed-refs.lock");
    fs::write(&lock, "").expect("a lock");
    world.mirror();
    assert!(!lock.exists());
}

#[test]
fn a_damaged_object_makes_a_new_mirror() {
    let world = World::committed();
    world.write("prompts/a.md", "content");
    let commit = world.commit("second");
    let blob = world.git(&["rev-parse", "HEAD:prompts/a.md"]);
    let mirror = world.mirror();
    mirror.fetch(world.folder(), &commit, "head").expect("fetched");
    let object = mirror.path().join("objects").join(&blob[..2]).join(&blob[2..]);
    fs::set_permissions(&object, fs::Permissions::from_mode(0o644)).expect("writable");
    fs::write(&object, "garbage").expect("damaged");
    assert!(mirror.read_commit(&commit, "").is_err());
    let read = mirror.repaired(|mirror| {
        if !mirror.has(&commit) {
            mirror.fetch(world.folder(), &commit, "head")?;
        }
        mirror.read_commit(&commit, "")
    });
    assert!(read.expect("repaired").files.get("prompts/a.md").is_some());
}

#[test]
fn what_was_written_once_is_written_again_into_a_new_mirror() {
    let world = World::committed();
    let mirror = world.mirror();
    let mut files = FileSet::new();
    files.insert("prompts/a.md", b"one".as_slice());
    files.insert("prompts/b.md", b"two".as_slice());
    let first = mirror.keep_tree(&files).expect("written");
    files.insert("prompts/b.md", b"three".as_slice());
    let second = mirror.keep_tree(&files).expect("written");
    assert_ne!(first, second, "the changed file counts");
    assert_eq!(*mirror.read_tree(&second).expect("read"), files);
    mirror.rebuild().expect("made anew");
    assert_eq!(mirror.keep_tree(&files).expect("written again"), second);
    assert_eq!(*mirror.read_tree(&second).expect("every blob is there"), files);
}

/// Only folders with a change in them are written again: whatever changed, the tree is the one that a new mirror writes.
#[test]
fn a_tree_that_is_written_on_top_of_another_is_the_same_as_one_written_anew() {
    let world = World::committed();
    let mirror = world.mirror();
    let steps: [&[(&str, &str)]; 7] = [
        &[
            ("adjutant.toml", "1"),
            ("playbooks/a.toml", "1"),
            ("playbooks/b.toml", "1"),
            ("prompts/a.md", "1"),
        ],
        &[
            ("adjutant.toml", "1"),
            ("playbooks/a.toml", "1"),
            ("playbooks/b.toml", "2"),
            ("prompts/a.md", "1"),
        ],
        &[
            ("adjutant.toml", "1"),
            ("playbooks/a.toml", "1"),
            ("playbooks/b.toml", "2"),
            ("prompts/deep/er/c.md", "1"),
        ],
        &[
            ("adjutant.toml", "2"),
            ("playbooks/a.toml", "1"),
            ("playbooks/b.toml", "2"),
            ("prompts/deep/er/c.md", "1"),
            ("zones/z", "1"),
        ],
        &[
            ("adjutant.toml", "2"),
            ("playbooks/a.toml/inner", "1"),
            ("playbooks/b.toml", "2"),
            ("prompts/deep/er", "1"),
        ],
        &[
            ("adjutant.toml", "2"),
            ("playbooks/a.toml", "1"),
            ("prompts/deep/er/c.md", "1"),
            ("prompts/deep/er/d.md", "1"),
        ],
        &[],
    ];
    let mut last = FileSet::new();
    for step in steps {
        let mut files = FileSet::new();
        for (path, text) in step {
            // What is the very same in memory stays so, as where a company is read again.
            let known = last.get(path).filter(|bytes| ***bytes == *text.as_bytes());
            files.insert(*path, known.map_or_else(|| Arc::from(text.as_bytes()), Arc::clone));
        }
        let fresh = World::committed().mirror().keep_tree(&files).expect("written anew");
        assert_eq!(mirror.keep_tree(&files).expect("written"), fresh, "{step:?}");
        last = files;
    }
}

#[test]
fn a_mirror_that_is_no_repository_is_made_anew() {
    let world = World::committed();
    fs::create_dir_all(world.data().join("mirror.git")).expect("a folder");
    fs::write(world.data().join("mirror.git/HEAD"), "garbage").expect("a file");
    world.mirror().fetch(world.folder(), "HEAD", "head").expect("works");
}

#[test]
fn an_unchanged_tree_is_not_read_again() {
    let world = World::committed();
    let mirror = world.mirror();
    let commit = mirror.fetch(world.folder(), "HEAD", "head").expect("fetched");
    let first = mirror.read_commit(&commit, "").expect("read").files;
    let second = mirror.read_commit(&commit, "").expect("read").files;
    assert!(std::sync::Arc::ptr_eq(&first, &second));
}

#[test]
fn the_last_two_hundred_trees_are_kept() {
    let world = World::new();
    let mirror = world.mirror();
    let keep = |number: u32| {
        let mut files = FileSet::new();
        files.insert("adjutant.toml", number.to_string().into_bytes());
        mirror.keep_tree(&files).expect("kept")
    };
    let first = keep(0);
    let ids: Vec<String> = (1..=200).map(keep).collect();
    let kept = |id: &str| mirror.path().join("refs/adjutant/trees").join(id).exists();
    assert!(!kept(&first));
    assert!(ids.iter().all(|id| kept(id)));
    assert_eq!(keep(1), ids[0]);
    assert!(kept(&ids[1]), "a tree kept again pushes nothing out");
}

#[test]
fn a_company_in_a_folder_of_a_larger_repository_is_read_there() {
    let world = World::new();
    world.git(&["init", "--quiet", "--initial-branch=main"]);
    fs::remove_file(world.path("adjutant.toml")).expect("removed");
    world.write("work/company/adjutant.toml", "inner");
    let commit = world.commit("nested");
    let mirror = world.mirror();
    mirror.fetch(world.folder(), &commit, "head").expect("fetched");
    let files = mirror.read_commit(&commit, "work/company").expect("read").files;
    assert_eq!(files.iter().map(|(path, _)| path).collect::<Vec<_>>(), ["adjutant.toml"]);
}

#[test]
fn a_git_that_hangs_is_ended_with_its_children() {
    let world = World::new();
    let program = world.root().join("stuck");
    fs::write(&program, "#!/bin/sh\nsleep 600 &\nwait\n").expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    let git = Git::default().with_program(program).with_deadline(Duration::from_millis(100));
    let outcome = git.run(&Invocation::reading(&world.folder(), "status"));
    assert!(matches!(outcome, Err(Error::Git { code: GitCode::Timeout, .. })), "{outcome:?}");
    let mirror = Mirror::open(&world.data(), git, Limits::default()).expect("opening needs no git");
    assert_eq!(mirror.fetch("x", "HEAD", "head").expect_err("stuck").code(), "timeout");
}

#[tokio::test]
async fn a_missing_program_and_too_much_output_have_their_codes() {
    let world = World::committed();
    let missing = Git::default().with_program("/nonexistent/git");
    let outcome = missing.run_async(Invocation::reading(&world.folder(), "status")).await;
    assert_eq!(outcome.expect_err("no program").code(), "no-program");
    let greedy = Invocation::reading(&world.folder(), "log").stdout_limit(5);
    assert_eq!(Git::default().run(&greedy).expect_err("too much").code(), "too-much-output");
}

#[test]
fn many_who_keep_trees_at_once_all_succeed() {
    let world = World::new();
    let mirror = world.mirror();
    let files = |number: usize| {
        let mut files = FileSet::new();
        files.insert("adjutant.toml", number.to_string().into_bytes());
        files
    };
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let mirror = mirror.clone();
            scope.spawn(move || {
                for round in 0..40 {
                    // The same tree at the same moment, and a tree of one's own.
                    for number in [round, 1_000 + worker * 100 + round] {
                        let kept = mirror.keep_tree(&files(number)).expect("kept");
                        assert!(mirror.has(&kept));
                    }
                }
            });
        }
    });
}

#[test]
fn a_read_that_began_before_a_new_mirror_leaves_nothing_behind_in_it() {
    let world = World::new();
    let mirror = world.mirror();
    let mut files = FileSet::new();
    files.insert("adjutant.toml", b"one".as_slice());
    std::thread::scope(|scope| {
        let writer =
            scope.spawn(|| (0..50).for_each(|_| drop(mirror.repaired(|mirror| mirror.keep_tree(&files)))));
        (0..10).for_each(|_| mirror.rebuild().expect("made anew"));
        writer.join().expect("no panic");
    });
    mirror.rebuild().expect("made anew");
    let kept = mirror.keep_tree(&files).expect("kept");
    assert_eq!(*mirror.read_tree(&kept).expect("every blob is there"), files);
}
