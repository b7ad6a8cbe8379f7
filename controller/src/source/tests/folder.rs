//! What one look at a folder finds, and that a commit of the same files reads the same.

use std::{fs, os::unix::fs::symlink};

use adjutant_spec::files::{FileProblemKind, FileSet};

use super::world::World;
use crate::source::{Error, Git, Limits, of_folder, of_revision};

fn read(world: &World) -> std::sync::Arc<FileSet> {
    of_folder(&world.folder(), &Git::default(), Limits::default()).expect("a readable folder")
}

fn read_head(world: &World) -> std::sync::Arc<FileSet> {
    of_revision(&world.folder(), "HEAD", &Git::default()).expect("a readable commit").files
}

fn kinds(files: &FileSet, path: &str) -> Vec<FileProblemKind> {
    files
        .problems()
        .iter()
        .filter(|problem| problem.path == path)
        .map(|problem| problem.kind.clone())
        .collect()
}

#[test]
fn only_files_of_the_language_are_read_and_bytes_are_untouched() {
    let world = World::new();
    world.write("playbooks/lead.toml", "\u{feff}schema = \"adjutant/v1\"\r\n");
    for other in
        ["README.md", "playbooks/lead.toml~", "playbooks/.lead.toml.swp", "playbooks/4913", "notes/x.toml"]
    {
        world.write(other, "x");
    }
    let files = read(&world);
    let paths: Vec<&str> = files.iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["adjutant.toml", "playbooks/lead.toml"]);
    let bytes = files.get("playbooks/lead.toml").expect("the playbook");
    assert_eq!(&**bytes, "\u{feff}schema = \"adjutant/v1\"\r\n".as_bytes());
}

#[test]
fn ignored_files_do_not_count_unless_they_are_committed() {
    let world = World::committed();
    world.write("playbooks/kept.toml", "x");
    world.write(".gitignore", "playbooks/*.toml\n");
    world.write("playbooks/private.toml", "x");
    world.git(&["add", "--force", "playbooks/kept.toml"]);
    let files = read(&world);
    assert!(files.get("playbooks/kept.toml").is_some());
    assert!(files.get("playbooks/private.toml").is_none());
}

#[test]
fn a_folder_and_its_commit_tell_the_same_problems() {
    let world = World::committed();
    world.write("prompts/real.md", "shared");
    world.write("shared/tone.md", "tone");
    world.write("slices/sales/prompts/own.md", "own");
    world
        .write("prompts/large.md", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n");
    world.write("playbooks/Lead.toml", "a");
    world.write("playbooks/lead.toml", "b");
    symlink("../shared/tone.md", world.path("prompts/tone.md")).expect("a link");
    symlink("../../prompts", world.path("slices/sales/templates")).expect("a link");
    symlink("missing.md", world.path("prompts/broken.md")).expect("a link");
    symlink("../../outside.md", world.path("prompts/outside.md")).expect("a link");
    symlink("/etc/hostname", world.path("prompts/absolute.md")).expect("a link");
    symlink("../.git/config", world.path("prompts/inner.md")).expect("a link");
    symlink("..", world.path("prompts/loop")).expect("a link");
    fs::write(world.root().join("outside.md"), "secret").expect("a file");
    world.commit("links");
    for files in [read(&world), read_head(&world)] {
        assert_eq!(files.get("prompts/tone.md").map(|bytes| bytes.to_vec()), Some(b"tone".to_vec()));
        assert_eq!(
            files.get("slices/sales/templates/real.md").map(|bytes| bytes.to_vec()),
            Some(b"shared".to_vec())
        );
        for path in [
            "prompts/broken.md",
            "prompts/outside.md",
            "prompts/absolute.md",
            "prompts/inner.md",
            "prompts/loop",
        ] {
            assert_eq!(kinds(&files, path), [FileProblemKind::SymlinkLeavesTree], "{path}");
            assert!(files.get(path).is_none(), "{path}");
        }
        assert_eq!(kinds(&files, "prompts/large.md"), [FileProblemKind::LfsPointer]);
        let collision = FileProblemKind::CaseCollision("playbooks/Lead.toml".to_owned());
        assert_eq!(kinds(&files, "playbooks/lead.toml"), [collision]);
    }
    assert_eq!(read(&world).iter().collect::<Vec<_>>(), read_head(&world).iter().collect::<Vec<_>>());
}

#[test]
fn submodules_and_foreign_names_are_problems_in_both() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let world = World::committed();
    let commit = world.head();
    world.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},slices/outside")]);
    fs::create_dir_all(world.path("slices/outside")).expect("a folder");
    fs::write(world.path("slices/outside/.git"), "gitdir: elsewhere\n").expect("a file");
    fs::create_dir_all(world.path("prompts")).expect("a folder");
    fs::write(world.path("prompts").join(OsStr::from_bytes(b"caf\xe9.md")), "x").expect("a file");
    world.git(&["add", "prompts"]);
    world.git(&["commit", "--quiet", "--message", "odd"]);
    for files in [read(&world), read_head(&world)] {
        assert_eq!(kinds(&files, "slices/outside"), [FileProblemKind::Gitlink]);
        assert_eq!(kinds(&files, "prompts/caf\u{fffd}.md"), [FileProblemKind::NameNotUtf8]);
        assert_eq!(files.len(), 1);
    }
}

#[test]
fn a_large_file_is_its_own_problem_and_a_large_tree_is_refused_whole() {
    let world = World::committed();
    world.write("prompts/a.md", "0123456789");
    world.write("prompts/b.md", "0123456789");
    world.commit("sizes");
    let commit = world.head();
    let limits =
        |files, file_bytes, total_bytes| Limits { files, file_bytes, total_bytes, ..Limits::default() };
    let mirror = world.mirror();
    mirror.fetch(world.folder(), &commit, "head").expect("fetched");
    let both = |limits: Limits| {
        let folder = of_folder(&world.folder(), &Git::default(), limits);
        let fresh = crate::source::Mirror::open(&world.data(), Git::default(), limits).expect("a mirror");
        [folder, fresh.read_commit(&commit, "").map(|read| read.files)]
    };
    world.write("adjutant.toml", "");
    for files in both(limits(9, 9, 99)) {
        let Ok(files) = files else { continue };
        assert_eq!(kinds(&files, "prompts/a.md"), [FileProblemKind::TooLarge(10)]);
    }
    for limits in [limits(2, 99, 99), limits(9, 99, 19)] {
        for outcome in both(limits) {
            assert!(matches!(outcome, Err(Error::OverLimit { .. })), "{outcome:?}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_read_is_never_an_empty_company() {
    let world = World::new();
    fs::remove_file(world.path("adjutant.toml")).expect("removed");
    let outcome = of_folder(&world.folder(), &Git::default(), Limits::default());
    assert!(matches!(outcome, Err(Error::NoCompany { .. })), "{outcome:?}");
    fs::remove_dir_all(world.folder()).expect("removed");
    let outcome = of_folder(&world.folder(), &Git::default(), Limits::default());
    assert!(matches!(outcome, Err(Error::File { .. })), "{outcome:?}");
}

#[test]
fn a_revision_that_does_not_exist_is_told_as_such() {
    let world = World::committed();
    let outcome = of_revision(&world.folder(), "no-such-branch", &Git::default());
    assert_eq!(outcome.expect_err("no such branch").code(), "ref-gone");
    let plain = World::new();
    let outcome = of_revision(&plain.folder(), "HEAD", &Git::default());
    assert_eq!(outcome.expect_err("no repository").code(), "not-a-repository");
}
