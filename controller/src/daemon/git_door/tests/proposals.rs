//! Proposals: what is approved is what was shown, and only the operator approves.

use super::{Place, World, asks};
use crate::{
    desk::GitDoor as _,
    reconcile::{Error, Extent, Mode, NewProposal, ProposalSource},
    runtime::PageWish,
};

async fn world(mode: Mode) -> World {
    let world = Place::new(mode).open().await;
    if mode == Mode::Push {
        let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
        assert!(is_taken, "{text}");
    }
    let head = world.place.git(&["rev-parse", "HEAD"]);
    world.until_live(&head).await;
    world
}

/// Pushes a change of one playbook for review and returns the commit.
async fn propose(world: &World, path: &str, title: &str) -> String {
    world.place.git(&["checkout", "--quiet", "-B", "work"]);
    world.place.write(path, &asks(title, ""));
    let head = world.place.commit(title);
    let (is_taken, text) = world.place.push(&["-o", "topic=words", "HEAD:refs/for/main"]).await;
    assert!(is_taken && text.contains("proposal p1 is"), "{text}");
    head
}

async fn digest(world: &World) -> String {
    world.reconciler.proposal("p1", Extent::Glance).await.expect("it is there").digest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_for_review_is_approved_by_digest_and_goes_live() {
    let world = world(Mode::Push).await;
    let head = propose(&world, "playbooks/hello.toml", "Hello proposed").await;
    let view = world.door.proposal("p1", false).await.expect("shown");
    assert_eq!(
        (view.state.as_str(), view.head.as_str(), view.author.as_str()),
        ("open", head.as_str(), "operator")
    );
    assert!(
        view.diff.as_deref().is_some_and(|diff| diff.contains("+title = \"Hello proposed\"")),
        "{view:?}"
    );
    assert!(view.plan.as_ref().is_some_and(|plan| plan.text.contains("\"hello\" changes")), "{view:?}");
    let agent = world.reconciler.approve("p1", &view.digest, "agent:scribe").await;
    assert!(matches!(agent, Err(Error::Forbidden { .. })), "{agent:?}");
    let done = world.reconciler.approve("p1", &view.digest, "operator").await.expect("approved");
    assert!(done.applied && done.message.contains("in force"), "{done:?}");
    assert_eq!(world.title("hello").as_deref(), Some("Hello proposed"));
    assert_eq!(world.company.main().expect("readable"), Some(head));
    let again = world.reconciler.approve("p1", &view.digest, "operator").await.expect("known");
    assert!(!again.applied && again.message.contains("was approved at"), "{again:?}");
    let world = world.restart().await;
    assert_eq!(
        world.reconciler.proposals(&PageWish::default()).await.expect("listed").items[0].state,
        "applied"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_is_stale_once_main_or_the_head_moved() {
    let world = world(Mode::Push).await;
    propose(&world, "playbooks/hello.toml", "Hello proposed").await;
    let first = digest(&world).await;
    world.place.git(&["checkout", "--quiet", "main"]);
    world.place.write("slices/sales/playbooks/lead.toml", &asks("Lead moved", ""));
    let moved = world.place.commit("main moves");
    assert!(world.place.push(&["HEAD:main"]).await.0);
    world.until_live(&moved).await;
    let stale = world.reconciler.approve("p1", &first, "operator").await.expect_err("stale");
    assert!(matches!(stale, Error::Conflict { .. }) && stale.to_string().contains("stale"), "{stale}");
    world.place.git(&["checkout", "--quiet", "work"]);
    let second = digest(&world).await;
    propose(&world, "playbooks/hello.toml", "Hello twice").await;
    let view = world.reconciler.proposal("p1", Extent::Glance).await.expect("shown");
    assert_eq!(view.state, "changed");
    assert!(view.digest != first && view.digest != second);
    world.reconciler.approve("p1", &view.digest, "operator").await.expect("approved");
    assert_eq!(world.title("hello").as_deref(), Some("Hello twice"));
    assert_eq!(world.title("lead").as_deref(), Some("Lead moved"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_in_conflict_cannot_be_approved() {
    let world = world(Mode::Push).await;
    propose(&world, "playbooks/hello.toml", "Hello proposed").await;
    world.place.git(&["checkout", "--quiet", "main"]);
    world.place.write("playbooks/hello.toml", &asks("Hello otherwise", ""));
    let moved = world.place.commit("main moves");
    assert!(world.place.push(&["HEAD:main"]).await.0);
    world.until_live(&moved).await;
    let view = world.reconciler.proposal("p1", Extent::Glance).await.expect("shown");
    assert_eq!((view.conflicts, view.digest.as_str()), (vec!["playbooks/hello.toml".to_owned()], ""));
    let refused = world.reconciler.approve("p1", "", "operator").await.expect_err("in conflict");
    assert!(refused.to_string().contains("playbooks/hello.toml"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_with_mistakes_is_refused_at_the_push() {
    let world = world(Mode::Push).await;
    world.place.write("playbooks/hello.toml", "title = ");
    world.place.commit("broken");
    let (is_taken, text) = world.place.push(&["HEAD:refs/for/main"]).await;
    assert!(!is_taken && text.contains("--> playbooks/hello.toml:"), "{text}");
    assert!(world.reconciler.proposals(&PageWish::default()).await.expect("listed").items.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_remembered() {
    let world = world(Mode::Push).await;
    propose(&world, "playbooks/hello.toml", "Hello proposed").await;
    world.reconciler.refuse("p1", "we never shout", "operator").await.expect("refused");
    let world = world.restart().await;
    let view = world.reconciler.proposal("p1", Extent::Glance).await.expect("shown");
    assert_eq!((view.state.as_str(), view.reason.as_deref()), ("refused", Some("we never shout")));
    let (is_taken, text) = world.place.push(&["-o", "topic=words", "HEAD:refs/for/main"]).await;
    assert!(!is_taken && text.contains("we never shout"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elsewhere_an_approval_is_published_and_lives_once_it_is_pulled_home() {
    let world = world(Mode::Worktree).await;
    let patch = "--- a/playbooks/hello.toml\n+++ b/playbooks/hello.toml\n@@ -1,3 +1,3 @@\n schema = \"adjutant/v1\"\n\
                 -title = \"Hello\"\n+title = \"Hello patched\"\n deadline = \"14d\"\n";
    let wish = NewProposal {
        title: "Say it better".to_owned(),
        reason: None,
        topic: "main".to_owned(),
        source: ProposalSource::Patch(patch.to_owned()),
        evidence: serde_json::Value::Null,
    };
    let view = world.reconciler.propose(wish, "agent:scribe").await.expect("opened");
    world.place.write("playbooks/hello.toml", &asks("Half done", ""));
    world.until(|status| status.ready && world.title("hello").as_deref() == Some("Half done")).await;
    let view = world.reconciler.proposal(&view.id, Extent::Glance).await.expect("shown");
    let dirty = world.reconciler.approve("p1", &view.digest, "operator").await.expect_err("in the way");
    assert!(dirty.help().is_some_and(|help| help == "commit or stash playbooks/hello.toml first"), "{dirty}");
    world.place.git(&["checkout", "--quiet", "."]);
    world.until(|status| status.ready && world.title("hello").as_deref() == Some("Hello")).await;
    let done = world.reconciler.approve("p1", &digest(&world).await, "operator").await.expect("approved");
    let command = done.next.expect("what to type");
    assert!(command.ends_with("approved/p1"), "{command}");
    assert_eq!(world.title("hello").as_deref(), Some("Hello"));
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    world.place.git(&words);
    world.until(|_| world.title("hello").as_deref() == Some("Hello patched")).await;
    world.until(|status| status.ready).await;
    assert_eq!(world.reconciler.proposal("p1", Extent::Glance).await.expect("shown").state, "applied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_a_crash_cut_off_lands_after_the_start() {
    let world = world(Mode::Push).await;
    let head = propose(&world, "playbooks/hello.toml", "Hello proposed").await;
    let lock = world.place.data().join("company.git/refs/heads/main.lock");
    std::fs::write(&lock, "").expect("a lock of somebody who was killed");
    let failed = world.reconciler.approve("p1", &digest(&world).await, "operator").await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!(world.reconciler.proposal("p1", Extent::Glance).await.expect("shown").state, "approved");
    std::fs::remove_file(&lock).expect("the lock was there");
    let world = world.restart().await;
    world.until_live(&head).await;
    world.until(|_| world.title("hello").as_deref() == Some("Hello proposed")).await;
    assert_eq!(world.company.main().expect("readable"), Some(head));
}

/// A patch of folders that link to each other.
fn web_of_links() -> String {
    let mut patch = String::new();
    let mut add = |mode: &str, path: &str, line: &str| {
        patch.push_str(&format!(
            "diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n\
             +{line}\n\\ No newline at end of file\n"
        ));
    };
    for one in 0..25 {
        add("100644", &format!("prompts/d{one}/a.md"), "text");
        for other in (0..25).filter(|other| *other != one) {
            add("120000", &format!("prompts/d{one}/l{other}"), &format!("../d{other}"));
        }
    }
    patch
}

fn wish(patch: &str) -> NewProposal {
    NewProposal {
        title: "A change".to_owned(),
        reason: None,
        topic: "main".to_owned(),
        source: ProposalSource::Patch(patch.to_owned()),
        evidence: serde_json::Value::Null,
    }
}

fn new_file(path: &str, lines: &str) -> String {
    let count = lines.lines().count();
    let lines: String = lines.lines().map(|line| format!("+{line}\n")).collect();
    format!(
        "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{count} @@\n{lines}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_proposal_is_refused_with_the_reason_and_everybody_else_goes_on() {
    let world = world(Mode::Push).await;
    let hostile = (0..3).map(|_| {
        let reconciler = world.reconciler.clone();
        tokio::spawn(async move { reconciler.propose(wish(&web_of_links()), "agent:scribe").await })
    });
    let hostile: Vec<_> = hostile.collect();
    world.place.write("playbooks/more.toml", &asks("More", ""));
    let head = world.place.commit("more");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(is_taken, "{text}");
    world.until_live(&head).await;
    for refused in hostile {
        let refused = refused.await.expect("no panic").expect_err("too many links");
        assert!(refused.to_string().contains("links to folders"), "{refused}");
    }
    let patch = world.place.root.path().join("web.patch");
    std::fs::write(&patch, web_of_links()).expect("written");
    world.place.git(&["apply", &patch.display().to_string()]);
    world.place.commit("a web");
    let (is_taken, text) = world.place.push(&["HEAD:refs/for/main"]).await;
    assert!(!is_taken && text.contains("links to folders"), "{text}");
    let (is_taken, text) = world.place.push(&["HEAD:main"]).await;
    assert!(!is_taken && text.contains("links to folders"), "{text}");
    assert!(world.reconciler.proposals(&PageWish::default()).await.expect("listed").items.is_empty());
    assert_eq!(world.company.main().expect("readable"), Some(head));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_shown_cannot_be_approved_until_it_is() {
    let world = world(Mode::Push).await;
    let changed = "--- a/playbooks/hello.toml\n+++ b/playbooks/hello.toml\n@@ -1,3 +1,3 @@\n schema = \"adjutant/v1\"\n\
                   -title = \"Hello\"\n+title = \"Hello hidden\"\n deadline = \"14d\"\n";
    let patch = new_file("aaa/long.txt", &"a line of a long text\n".repeat(70_000))
        + "diff --git a/playbooks/hello.toml b/playbooks/hello.toml\n"
        + changed;
    let view = world.reconciler.propose(wish(&patch), "agent:scribe").await.expect("opened");
    assert!(
        view.diff.as_deref().is_some_and(|diff| diff.contains("+title = \"Hello hidden\"")),
        "the company first"
    );
    assert!(view.digest.is_empty() && view.hidden[0].starts_with("aaa/long.txt: "), "{:?}", view.hidden);
    assert_eq!(view.next.as_deref(), Some("adjutant proposals p1 diff --full"));
    assert_eq!(world.reconciler.proposals(&PageWish::default()).await.expect("listed").items[0].digest, "");
    for guess in ["", "0123456789abcdef0123456789abcdef"] {
        let refused = world.reconciler.approve("p1", guess, "operator").await.expect_err("not shown");
        assert!(refused.to_string().contains("not all of it was shown"), "{refused}");
    }
    let full = world.reconciler.proposal("p1", Extent::All).await.expect("shown");
    assert!(full.hidden.is_empty() && full.diff.is_some_and(|diff| diff.len() > 1_500_000));
    world.reconciler.approve("p1", &full.digest, "operator").await.expect("approved");
    assert_eq!(world.title("hello").as_deref(), Some("Hello hidden"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_approved_by_the_view_that_names_it_and_a_new_push_asks_again() {
    let world = world(Mode::Push).await;
    let push = async |bytes: &[u8]| {
        std::fs::write(world.place.folder().join("logo.png"), bytes).expect("a file");
        world.place.commit("a picture");
        assert!(world.place.push(&["HEAD:refs/for/main"]).await.0);
    };
    push(b"\x89PNG\0one").await;
    let glance = world.reconciler.proposal("p1", Extent::Glance).await.expect("shown");
    assert!(glance.digest.is_empty() && glance.hidden.len() == 1, "{:?}", glance.hidden);
    let full = world.reconciler.proposal("p1", Extent::All).await.expect("shown");
    assert!(full.diff.is_some_and(|diff| diff.contains("logo.png: no text, 8 bytes, content ")));
    push(b"\x89PNG\0two").await;
    assert!(world.reconciler.approve("p1", &full.digest, "operator").await.is_err(), "another picture");
    let full = world.reconciler.proposal("p1", Extent::All).await.expect("shown");
    world.reconciler.approve("p1", &full.digest, "operator").await.expect("approved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protected_files_are_marked_in_the_list_and_come_first() {
    let world = world(Mode::Push).await;
    world.place.write("playbooks/aaa.toml", &asks("First by name", ""));
    world
        .place
        .write("slices/sales/slice.toml", "schema = \"adjutant/v1\"\nowner = \"founder\"\nstage = \"act\"\n");
    world.place.commit("more freedom");
    let (is_taken, text) = world.place.push(&["HEAD:refs/for/main"]).await;
    assert!(is_taken, "{text}");
    let listed = &world.reconciler.proposals(&PageWish::default()).await.expect("listed").items[0];
    assert_eq!(listed.protected, ["slices/sales/slice.toml"]);
    let diff = world.reconciler.proposal("p1", Extent::Glance).await.expect("shown").diff.expect("a diff");
    let place = |text: &str| diff.find(text).expect(text);
    assert!(place("+stage = \"act\"") < place("+title = \"First by name\""), "{diff}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proposals_are_read_page_by_page_and_those_to_decide_are_counted() {
    let world = world(Mode::Worktree).await;
    let ids = async |world: &World, after: Option<&str>, limit: usize| {
        let wish = PageWish { after: after.map(str::to_owned), limit };
        let page = world.reconciler.proposals(&wish).await.expect("listed");
        (page.items.into_iter().map(|found| found.id).collect::<Vec<_>>(), page.next, page.total)
    };
    assert_eq!(ids(&world, None, 2).await, (Vec::new(), None, 0));
    for topic in ["a", "b", "c", "d", "e"] {
        let patch = format!(
            "--- a/playbooks/hello.toml\n+++ b/playbooks/hello.toml\n@@ -1,3 +1,3 @@\n schema = \"adjutant/v1\"\n\
             -title = \"Hello\"\n+title = \"Hello {topic}\"\n deadline = \"14d\"\n"
        );
        let wish = NewProposal {
            title: format!("Say {topic}"),
            reason: None,
            topic: topic.to_owned(),
            source: ProposalSource::Patch(patch),
            evidence: serde_json::Value::Null,
        };
        world.reconciler.propose(wish, "agent:ratchet").await.expect("proposed");
    }
    assert_eq!(world.reconciler.open_proposals(), 5);
    let named = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&world, None, 2).await, (named(&["p5", "p4"]), Some("p4".to_owned()), 5));
    assert_eq!(ids(&world, Some("p4"), 2).await, (named(&["p3", "p2"]), Some("p2".to_owned()), 5));
    assert_eq!(ids(&world, Some("p2"), 2).await, (named(&["p1"]), None, 5));
    // One that was decided meanwhile still says where to go on.
    world.reconciler.refuse("p4", "not now", "operator").await.expect("refused");
    assert_eq!(ids(&world, Some("p4"), 1).await, (named(&["p3"]), Some("p3".to_owned()), 5));
    let view = world.reconciler.proposal("p3", Extent::Glance).await.expect("shown");
    world.reconciler.approve("p3", &view.digest, "operator").await.expect("approved");
    assert_eq!(world.reconciler.open_proposals(), 3);
    for nowhere in ["p9", "nope", "", "4"] {
        let wish = PageWish { after: Some(nowhere.to_owned()), limit: 2 };
        let missing = world.reconciler.proposals(&wish).await;
        assert!(matches!(missing, Err(Error::NotFound { what: "proposal", .. })), "{nowhere}");
    }
    let world = world.restart().await;
    assert_eq!(world.reconciler.open_proposals(), 3, "it is known from the start");
    assert_eq!(ids(&world, None, 9).await.2, 5);
}
