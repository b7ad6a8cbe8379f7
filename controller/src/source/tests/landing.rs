//! Merging and moving references in the company's repository.

use super::world::World;
use crate::source::{ChangeKind, Committed, Company, Error, Extent, Landing, Merge, Seeded};

/// A company whose `main` and a head beside it both changed something since.
struct Forked {
    world: World,
    company: Company,
    main: String,
    head: String,
}

/// One file as one side has it.
struct Edit<'a> {
    path: &'a str,
    text: &'a str,
}

fn edit<'a>(path: &'a str, text: &'a str) -> Edit<'a> {
    Edit { path, text }
}

impl Forked {
    fn new(ours: Edit<'_>, theirs: Edit<'_>) -> Self {
        let world = World::committed();
        world.write("prompts/both.md", "common\n");
        let base = world.commit("common");
        let company = world.company();
        assert_eq!(company.seed(&world.folder()).expect("seeded"), Seeded::Commit(base.clone()));
        world.write(theirs.path, theirs.text);
        let head = world.commit("theirs");
        world.git(&["push", "--quiet", &company.path().display().to_string(), "HEAD:refs/adjutant/head"]);
        world.git(&["reset", "--quiet", "--hard", &base]);
        world.write(ours.path, ours.text);
        let main = world.commit("ours");
        world.git(&["push", "--quiet", &company.path().display().to_string(), "HEAD:refs/heads/main"]);
        Self { world, company, main, head }
    }

    fn landing<'a>(&'a self, tree: &'a str) -> Landing<'a> {
        let (main, head) = (self.main.as_str(), self.head.as_str());
        Landing { main, head, tree, author: "Ada <ada@example.org>", message: "Approve the proposal" }
    }
}

#[test]
fn what_was_approved_lands_as_a_merge_of_both_parents() {
    let forked = Forked::new(edit("prompts/a.md", "ours\n"), edit("prompts/b.md", "theirs\n"));
    let company = &forked.company;
    let Merge::Merged { tree } = company.merge(&forked.main, &forked.head).expect("merged") else {
        panic!("both sides changed something")
    };
    let merged = company.land(&forked.landing(&tree)).expect("landed");
    assert_eq!(company.main().expect("read"), Some(merged.clone()));
    let Committed { revision, files } = company.read_main().expect("read");
    assert_eq!((revision.tree, revision.author.as_str()), (tree, "Ada <ada@example.org>"));
    assert!(files.get("prompts/a.md").is_some() && files.get("prompts/b.md").is_some());
    assert!(company.contains(&merged, &forked.main).expect("compared"));
    assert!(company.contains(&merged, &forked.head).expect("compared"));
    let again = company.land(&forked.landing(company.read_main().expect("read").revision.tree.as_str()));
    assert!(matches!(again, Err(Error::Moved { .. })), "{again:?}");
}

#[test]
fn a_conflict_names_its_files_and_never_lands() {
    let forked = Forked::new(edit("prompts/both.md", "ours\n"), edit("prompts/both.md", "theirs\n"));
    let merge = forked.company.merge(&forked.main, &forked.head).expect("an answer");
    assert_eq!(merge, Merge::Conflicts(vec!["prompts/both.md".to_owned()]));
    let refused = forked.company.land(&forked.landing(&forked.main));
    assert!(matches!(refused, Err(Error::OtherResult { .. })), "{refused:?}");
    assert_eq!(forked.company.main().expect("read"), Some(forked.main.clone()));
}

#[test]
fn a_head_that_contains_main_lands_without_a_merge_commit() {
    let world = World::committed();
    let company = world.company();
    company.seed(&world.folder()).expect("seeded");
    let main = world.head();
    world.write("prompts/a.md", "new\n");
    let head = world.commit("ahead");
    world.git(&["push", "--quiet", &company.path().display().to_string(), "HEAD:refs/adjutant/head"]);
    let merge = company.merge(&main, &head).expect("merged");
    let Merge::FastForward { tree } = &merge else { panic!("{merge:?}") };
    let landing = Landing { main: &main, head: &head, tree, author: "Ada", message: "unused" };
    assert_eq!(company.land(&landing).expect("landed"), head);
    let up_to_date = company.merge(&head, &main).expect("merged");
    assert!(matches!(up_to_date, Merge::UpToDate { .. }), "{up_to_date:?}");
}

#[test]
fn a_reference_moves_only_from_where_it_is_believed_to_be() {
    let forked = Forked::new(edit("prompts/a.md", "a\n"), edit("prompts/b.md", "b\n"));
    let company = &forked.company;
    let (main, head) = (Some(forked.main.as_str()), Some(forked.head.as_str()));
    let name = "refs/adjutant/proposals/p1";
    company.move_reference(name, None, main).expect("made");
    let twice = company.move_reference(name, None, head);
    assert!(matches!(twice, Err(Error::Moved { .. })), "{twice:?}");
    let stale = company.move_reference(name, head, main);
    assert!(matches!(stale, Err(Error::Moved { .. })), "{stale:?}");
    company.move_reference(name, main, head).expect("moved");
    assert_eq!(company.reference(name).expect("read"), Some(forked.head.clone()));
    company.move_reference(name, head, None).expect("removed");
    assert_eq!(company.reference(name).expect("read"), None);
    assert!(matches!(company.move_reference("main\nx", None, head), Err(Error::Malformed { .. })));
}

#[test]
fn of_two_who_move_a_reference_at_once_one_wins() {
    let forked = Forked::new(edit("prompts/a.md", "a\n"), edit("prompts/b.md", "b\n"));
    let (main, head) = (forked.main.clone(), forked.head.clone());
    for round in 0..5 {
        let name = format!("refs/adjutant/race/{round}");
        let outcomes: Vec<bool> = std::thread::scope(|scope| {
            let race = |target: &str| forked.company.move_reference(&name, None, Some(target)).is_ok();
            let racers = [main.as_str(), head.as_str()].map(|target| scope.spawn(move || race(target)));
            racers.into_iter().map(|racer| racer.join().expect("no panic")).collect()
        });
        assert_eq!(outcomes.iter().filter(|won| **won).count(), 1, "{outcomes:?}");
    }
}

#[test]
fn changes_and_diff_say_what_a_merge_would_bring() {
    let forked = Forked::new(edit("prompts/a.md", "ours\n"), edit("prompts/both.md", "common\nmore\n"));
    let base = forked.world.git(&["rev-parse", "HEAD~1"]);
    let changes = forked.company.changes(Some(&base), Some(&forked.head)).expect("listed");
    let listed: Vec<_> = changes.iter().map(|change| (change.path.as_str(), change.kind)).collect();
    assert_eq!(listed, [("prompts/both.md", ChangeKind::Changed)]);
    let shown = forked.company.review(&base, &forked.head, Extent::Glance).expect("shown");
    assert!(shown.text.contains("--- a/prompts/both.md\n+++ b/prompts/both.md\n"), "{}", shown.text);
    assert!(shown.text.contains("\n common\n+more\n") && shown.hidden.is_empty(), "{}", shown.text);
    let whole = forked.company.changes(None, Some(&forked.main)).expect("listed");
    assert!(whole.iter().all(|change| change.kind == ChangeKind::Added));
}

#[test]
fn the_truth_elsewhere_is_mirrored_and_an_approved_commit_can_be_pulled_home() {
    let world = World::committed();
    let (mirror, company) = (world.mirror(), world.company());
    let first = mirror.fetch(world.folder(), "HEAD", "head").expect("fetched");
    company.follow(&mirror, &first).expect("followed");
    assert_eq!(company.main().expect("read"), Some(first.clone()));
    let second = world.commit("second");
    mirror.fetch(world.folder(), "HEAD", "head").expect("fetched");
    company.follow(&mirror, &second).expect("followed");
    company.publish_approved("p1", &second).expect("published");
    world.git(&["reset", "--quiet", "--hard", &first]);
    world.git(&["pull", "--quiet", "--ff-only", &company.path().display().to_string(), "approved/p1"]);
    assert_eq!(world.head(), second);
}

#[test]
fn a_plain_folder_is_seeded_with_its_files_once() {
    let world = World::new();
    world.write("prompts/a.md", "a");
    world.write("notes.txt", "private");
    let company = world.company();
    let Seeded::Files(commit) = company.seed(&world.folder()).expect("seeded") else {
        panic!("no history to take")
    };
    assert_eq!(company.read_main().expect("read").files.len(), 2);
    assert_eq!(company.seed(&world.folder()).expect("looked"), Seeded::Already(commit));
}
