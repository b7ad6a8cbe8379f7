//! Commits that no pusher made.

use super::world::World;
use crate::source::{Committed, Company, Error, Note};

const NOTE: Note<'_> = Note { author: "Ada <ada@example.org>", message: "made here" };

/// A repository that was begun from a world's folder.
struct Begun {
    world: World,
    company: Company,
    main: String,
}

fn seeded() -> Begun {
    let world = World::committed();
    world.write("prompts/a.md", "one\ntwo\n");
    world.write("prompts/deep/b.md", "b\n");
    world.write("notes.txt", "not of the language\n");
    let main = world.commit("files");
    let company = world.company();
    company.seed(&world.folder()).expect("seeded");
    Begun { world, company, main }
}

#[test]
fn a_commit_of_files_leaves_what_is_not_of_the_language() {
    let Begun { company, main, world: _world } = seeded();
    let mut files = (*company.read_commit(&main).expect("read").files).clone();
    files.remove("prompts/deep/b.md");
    files.insert("prompts/new/c.md", b"c\n".to_vec());
    let commit = company.commit_on(&main, &files, NOTE).expect("committed");
    let Committed { revision, files: found } = company.read_commit(&commit).expect("read");
    assert_eq!((&*found, revision.author.as_str()), (&files, "Ada <ada@example.org>"));
    let changes = company.changes(Some(&main), Some(&commit)).expect("listed");
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["prompts/deep/b.md", "prompts/new/c.md"]);
    assert!(company.contains(&commit, &main).expect("compared"));
}

#[test]
fn a_patch_applies_with_and_without_the_headers_of_git() {
    let Begun { company, main, world: _world } = seeded();
    let hunk = "--- a/prompts/a.md\n+++ b/prompts/a.md\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n";
    for patch in [hunk.to_owned(), format!("diff --git a/prompts/a.md b/prompts/a.md\n{hunk}")] {
        let commit = company.commit_patch(&main, &patch, NOTE).expect("applied");
        let files = company.read_commit(&commit).expect("read").files;
        assert_eq!(files.get("prompts/a.md").map(|bytes| bytes.to_vec()), Some(b"one\nthree\n".to_vec()));
    }
    let new = "--- /dev/null\n+++ b/prompts/c.md\n@@ -0,0 +1 @@\n+c\n";
    let commit = company.commit_patch(&main, new, NOTE).expect("applied");
    assert!(company.read_commit(&commit).expect("read").files.get("prompts/c.md").is_some());
}

#[test]
fn a_patch_that_does_not_apply_is_refused() {
    let Begun { company, main, world: _world } = seeded();
    let patch = "--- a/prompts/a.md\n+++ b/prompts/a.md\n@@ -1,2 +1,2 @@\n other\n-two\n+three\n";
    for wrong in [patch, "not a patch"] {
        let refused = company.commit_patch(&main, wrong, NOTE);
        assert!(matches!(refused, Err(Error::Malformed { .. })), "{refused:?}");
    }
}

#[test]
fn only_a_quarantine_of_this_repository_is_read() {
    let Begun { world, company, .. } = seeded();
    for folder in [world.folder(), company.path().to_owned(), company.path().join("objects")] {
        assert!(company.within(&folder).is_err(), "{}", folder.display());
    }
    assert!(company.within(&company.path().join("objects/info")).is_ok());
}
