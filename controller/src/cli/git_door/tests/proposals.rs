//! Proposals: what is approved is what was shown, and only the operator approves.

use super::{Place, World, asks};
use crate::{
    http::doors::GitDoor as _,
    reconcile::{Error, Mode, NewProposal, ProposalSource},
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
    world.reconciler.proposal("p1").await.expect("it is there").digest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_for_review_is_approved_by_digest_and_goes_live() {
    let world = world(Mode::Push).await;
    let head = propose(&world, "playbooks/hello.toml", "Hello proposed").await;
    let view = world.door.proposal("p1").await.expect("shown");
    assert_eq!(
        (view.state.as_str(), view.head.as_str(), view.author.as_str()),
        ("open", head.as_str(), "operator")
    );
    assert!(
        view.diff.as_deref().is_some_and(|diff| diff.contains("+title = \"Hello proposed\"")),
        "{view:?}"
    );
    assert!(view.plan["text"].as_str().is_some_and(|text| text.contains("\"hello\" changes")), "{view:?}");
    let agent = world.reconciler.approve("p1", &view.digest, "agent:scribe").await;
    assert!(matches!(agent, Err(Error::Forbidden { .. })), "{agent:?}");
    let done = world.reconciler.approve("p1", &view.digest, "operator").await.expect("approved");
    assert!(done.applied && done.message.contains("in force"), "{done:?}");
    assert_eq!(world.title("hello").as_deref(), Some("Hello proposed"));
    assert_eq!(world.company.main().expect("readable"), Some(head));
    let again = world.reconciler.approve("p1", &view.digest, "operator").await.expect("known");
    assert!(!again.applied && again.message.contains("was approved at"), "{again:?}");
    let world = world.restart().await;
    assert_eq!(world.reconciler.proposals().await.expect("listed")[0].state, "applied");
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
    let view = world.reconciler.proposal("p1").await.expect("shown");
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
    let view = world.reconciler.proposal("p1").await.expect("shown");
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
    assert!(world.reconciler.proposals().await.expect("listed").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_remembered() {
    let world = world(Mode::Push).await;
    propose(&world, "playbooks/hello.toml", "Hello proposed").await;
    world.reconciler.refuse("p1", "we never shout", "operator").await.expect("refused");
    let world = world.restart().await;
    let view = world.reconciler.proposal("p1").await.expect("shown");
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
    let view = world.reconciler.proposal(&view.id).await.expect("shown");
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
    assert_eq!(world.reconciler.proposal("p1").await.expect("shown").state, "applied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_a_crash_cut_off_lands_after_the_start() {
    let world = world(Mode::Push).await;
    let head = propose(&world, "playbooks/hello.toml", "Hello proposed").await;
    let lock = world.place.data().join("company.git/refs/heads/main.lock");
    std::fs::write(&lock, "").expect("a lock of somebody who was killed");
    let failed = world.reconciler.approve("p1", &digest(&world).await, "operator").await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!(world.reconciler.proposal("p1").await.expect("shown").state, "approved");
    std::fs::remove_file(&lock).expect("the lock was there");
    let world = world.restart().await;
    world.until_live(&head).await;
    world.until(|_| world.title("hello").as_deref() == Some("Hello proposed")).await;
    assert_eq!(world.company.main().expect("readable"), Some(head));
}
