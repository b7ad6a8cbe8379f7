//! Trees of somebody else's making: whatever they stand for, reading, merging and patching them ends, with the reason.

use std::{fs, os::unix::fs::symlink, time::Duration};

use super::world::{World, run_git_with};
use crate::source::{Company, Error, Git, Limits, Merge, Note, of_folder};

const NOTE: Note<'_> = Note { author: "Ada <ada@example.org>", message: "made here" };

/// Folders under `prompts/`, each with a link to each of the others.
fn web_of_links(world: &World, folders: usize) {
    for one in 0..folders {
        fs::create_dir_all(world.path(&format!("prompts/d{one}"))).expect("a folder");
        world.write(&format!("prompts/d{one}/a.md"), "text");
        for other in (0..folders).filter(|other| *other != one) {
            symlink(format!("../d{other}"), world.path(&format!("prompts/d{one}/l{other}"))).expect("a link");
        }
    }
}

/// Writes a tree in which every level holds the one below ten times; returns its id.
fn tower(world: &World, levels: usize) -> String {
    let blob = run_git_with(&world.folder(), &["hash-object", "-w", "--stdin"], "text");
    let mut rows = format!("100644 blob {blob}\ta.md\n");
    for _ in 0..levels {
        let tree = run_git_with(&world.folder(), &["mktree"], &rows);
        rows = (0..10).map(|place| format!("040000 tree {tree}\td{place}\n")).collect();
    }
    run_git_with(&world.folder(), &["mktree"], &rows)
}

/// Commits the present files with one more folder.
fn commit_with(world: &World, folder: &str, tree: &str) -> String {
    world.git(&["read-tree", "HEAD"]);
    let rows = world.git(&["ls-tree", "HEAD"]) + &format!("\n040000 tree {tree}\t{folder}\n");
    let root = run_git_with(&world.folder(), &["mktree"], &rows);
    world.git(&["commit-tree", &root, "-p", "HEAD", "-m", "a tower"])
}

/// A repository that was begun from a world's folder.
struct Begun {
    company: Company,
    main: String,
}

fn seeded(world: &World) -> Begun {
    let company = world.company();
    company.seed(&world.folder()).expect("seeded");
    let main = company.main().expect("read").expect("seeded");
    Begun { company, main }
}

fn is_over(error: &Error) -> bool {
    matches!(error, Error::OverLimit { .. })
}

#[test]
fn links_between_folders_end_with_the_reason_in_a_folder_and_in_a_commit() {
    let world = World::committed();
    let Begun { company, main } = seeded(&world);
    web_of_links(&world, 25);
    let folder = of_folder(&world.folder(), &Git::default(), Limits::default()).expect_err("too many links");
    assert!(folder.to_string().contains("links to folders"), "{folder}");
    world.commit("a web");
    let head = company.bring_from(&world.folder(), "HEAD").expect("brought").expect("there");
    let commit = company.read_commit(&head).expect_err("too many links");
    assert!(commit.to_string().contains("links to folders"), "{commit}");
    let merged =
        company.merge(&main, &head).expect("names are few").tree().map(str::to_owned).expect("merged");
    assert!(company.read_tree(&merged).is_err_and(|error| is_over(&error)));
    assert!(company.read_commit(&main).is_ok(), "what is in force is read as before");
}

#[test]
fn a_few_links_that_lead_in_circles_are_problems_and_nothing_more() {
    let world = World::committed();
    web_of_links(&world, 3);
    symlink("../prompts", world.path("prompts/d0/up")).expect("a link");
    symlink("self", world.path("prompts/self")).expect("a link");
    symlink("pong", world.path("prompts/ping")).expect("a link");
    symlink("ping", world.path("prompts/pong")).expect("a link");
    (0..12).for_each(|hop| {
        symlink(format!("h{}", hop + 1), world.path(&format!("prompts/h{hop}"))).expect("a link");
    });
    world.commit("circles");
    let Begun { company, main } = seeded(&world);
    let folder = of_folder(&world.folder(), &Git::default(), Limits::default()).expect("read");
    let commit = company.read_commit(&main).expect("read").files;
    assert_eq!(folder.iter().collect::<Vec<_>>(), commit.iter().collect::<Vec<_>>());
    assert!(folder.get("prompts/d0/l1/l2/a.md").is_some(), "what ends is followed");
    let problems =
        |path: &str| [&folder, &commit].map(|files| files.problems().iter().any(|one| one.path == path));
    for circle in ["prompts/d0/l1/l0", "prompts/self", "prompts/ping", "prompts/h0"] {
        assert_eq!(problems(circle), [true, true], "{circle}");
    }
}

#[test]
fn a_tower_of_the_same_folder_is_refused_wherever_it_lies() {
    let world = World::committed();
    let Begun { company, main } = seeded(&world);
    let tree = tower(&world, 12);
    for folder in ["prompts", "docs"] {
        let tall = commit_with(&world, folder, &tree);
        company.bring_from(&world.folder(), &tall).expect("brought");
        let read = company.read_commit(&tall).expect_err("too many names");
        assert!(is_over(&read) && read.to_string().contains("names"), "{read}");
        let merged = company.merge(&main, &tall).expect_err("too many names");
        assert!(is_over(&merged), "{merged}");
    }
}

#[test]
fn folders_inside_each_other_are_refused_past_the_limit() {
    let world = World::committed();
    let Begun { company, main } = seeded(&world);
    let blob = run_git_with(&world.folder(), &["hash-object", "-w", "--stdin"], "text");
    let mut tree = run_git_with(&world.folder(), &["mktree"], &format!("100644 blob {blob}\ta.md\n"));
    for _ in 0..200 {
        tree = run_git_with(&world.folder(), &["mktree"], &format!("040000 tree {tree}\td\n"));
    }
    let deep = commit_with(&world, "docs", &tree);
    company.bring_from(&world.folder(), &deep).expect("brought");
    let refused = company.merge(&main, &deep).expect_err("too deep");
    assert!(refused.to_string().contains("folders inside each other"), "{refused}");
    let path = "d/".repeat(5_000) + "a.md";
    let patch = format!("--- /dev/null\n+++ b/docs/{path}\n@@ -0,0 +1 @@\n+text\n");
    let refused = company.commit_patch(&main, &patch, NOTE).expect_err("too deep");
    assert!(is_over(&refused), "{refused}");
}

#[test]
fn a_patch_of_links_is_refused_with_the_reason_and_the_rest_goes_on() {
    let world = World::committed();
    let Begun { company, main } = seeded(&world);
    let mut patch = String::new();
    for one in 0..25 {
        for other in (0..25).filter(|other| *other != one) {
            let path = format!("prompts/d{one}/l{other}");
            patch.push_str(&format!(
                "diff --git a/{path} b/{path}\nnew file mode 120000\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n\
                 +../d{other}\n\\ No newline at end of file\n"
            ));
        }
        let path = format!("prompts/d{one}/a.md");
        patch.push_str(&format!(
            "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
        ));
    }
    let head = company.commit_patch(&main, &patch, NOTE).expect("links are no mistake of a patch");
    let merge = company.merge(&main, &head).expect("merged");
    assert!(matches!(merge, Merge::FastForward { .. }), "{merge:?}");
    let refused = company.read_commit(&head).expect_err("too many links");
    assert!(refused.to_string().contains("links to folders"), "{refused}");
    assert!(company.review(&main, &head, crate::source::Extent::Glance).is_err());
    assert!(company.read_commit(&main).is_ok());
}

#[test]
fn a_link_as_long_as_a_book_is_not_read() {
    let world = World::committed();
    let blob = run_git_with(&world.folder(), &["hash-object", "-w", "--stdin"], &"a/".repeat(3_000_000));
    world.git(&["update-index", "--add", "--cacheinfo", &format!("120000,{blob},prompts/long.md")]);
    world.git(&["commit", "--quiet", "--message", "long"]);
    let Begun { company, main } = seeded(&world);
    let files = company.read_commit(&main).expect("read").files;
    assert!(files.problems().iter().any(|problem| problem.path == "prompts/long.md"));
}

#[test]
fn a_folder_with_more_names_than_one_looks_at_is_refused_and_time_is_a_limit_too() {
    let world = World::new();
    (0..50).for_each(|place| world.write(&format!("prompts/p{place}.txt"), ""));
    let read = |limits| of_folder(&world.folder(), &Git::default(), limits);
    let refused = read(Limits { names: 20, ..Limits::default() }).expect_err("too many names");
    assert!(is_over(&refused), "{refused}");
    (0..300).for_each(|place| world.write(&format!("prompts/q{place}.md"), ""));
    let slow = read(Limits { time: Duration::ZERO, ..Limits::default() }).expect_err("no time");
    assert!(matches!(slow, Error::TooSlow { .. }), "{slow}");
}

#[test]
fn a_name_of_a_commit_is_an_id_or_a_branch_and_no_search() {
    let world = World::committed();
    let Begun { company, main } = seeded(&world);
    assert_eq!(company.resolve("main").expect("read"), Some(main.clone()));
    assert_eq!(company.resolve(&main).expect("read"), Some(main));
    for name in ["", ":/first", "main^{/first}", "main@{1 day ago}", "--all", "main:adjutant.toml"] {
        assert_eq!(company.resolve(name).expect("an answer"), None, "{name}");
        assert_eq!(company.bring_from(&world.folder(), name).expect("an answer"), None, "{name}");
    }
}

#[test]
fn a_series_of_patches_to_one_file_is_applied_in_order() {
    let world = World::committed();
    world.write("prompts/a.md", "one\n");
    world.commit("a file");
    let Begun { company, main } = seeded(&world);
    let step = |old: &str, new: &str| {
        format!(
            "diff --git a/prompts/a.md b/prompts/a.md\n--- a/prompts/a.md\n+++ b/prompts/a.md\n@@ -1 +1 @@\n-{old}\n+{new}\n"
        )
    };
    let head =
        company.commit_patch(&main, &(step("one", "two") + &step("two", "three")), NOTE).expect("applied");
    let files = company.read_commit(&head).expect("read").files;
    assert_eq!(files.get("prompts/a.md").map(|bytes| bytes.to_vec()), Some(b"three\n".to_vec()));
    let undone = company.commit_patch(&main, &(step("one", "two") + &step("two", "one")), NOTE);
    assert!(undone.expect_err("nothing is left").to_string().contains("changes nothing"));
}
