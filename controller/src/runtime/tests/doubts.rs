//! Doubt in a running process: kills, retries, lapsed keys, leases that run out, and notices of more than one way.

use adjutant_machine::event::Settlement;
use serde_json::json;

use super::*;
use crate::runtime::{Error, PauseScope, Retry};

const DAY: u64 = 86_400_000;

async fn under_way(world: &World, verb: &str) -> String {
    world.script.will(&format!("desk.{verb}"), [Turn::Held(json!({ "id": "1" }))]);
    let run = world.start(verb, "k").await.run;
    world.until(|script| script.calls(&format!("desk.{verb}")).len() == 1).await;
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_says_what_nobody_knows_and_a_retry_waits_until_it_is_known() {
    for verb in ["put", "post", "book"] {
        let world = World::with(&[]).await;
        let run = under_way(&world, verb).await;
        let answer = world.handle.kill(&run, "stop", "operator").await.unwrap();
        assert!(answer.message.contains("--did-not-happen"), "{}", answer.message);
        let refused = world.handle.retry(&run, Retry::default(), "operator").await.unwrap_err();
        assert!(
            matches!(&refused, Error::Conflict { reason } if reason.contains("adjutant dead settle")),
            "{refused}"
        );
        let world = world.killed().await;
        world.rest().await;
        world.pass(3 * DAY).await;
        assert_eq!(world.script.calls(&format!("desk.{verb}")).len(), 1, "{verb}: nothing is sent again");
        let dead = world.dead().await;
        assert_eq!(dead.len(), 1, "{verb}: {dead:?}");
        world.handle.settle(&dead[0].effect.id, Settlement::DidNotHappen, "operator").await.unwrap();
        let answer = world.handle.retry(&run, Retry::default(), "operator").await.unwrap();
        // By the time of the answer it may be over already.
        assert!(answer.message.starts_with("tried again: it is "), "{}", answer.message);
        world.rest().await;
        assert_eq!(world.script.calls(&format!("desk.{verb}")).len(), 2, "{verb}");
        assert_eq!(world.run(&run).await.line.status, "done");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_after_a_kill_is_kept_and_nothing_is_done_twice() {
    for verb in ["put", "post", "book"] {
        let world = World::with(&[]).await;
        let run = under_way(&world, verb).await;
        world.handle.kill(&run, "stop", "operator").await.unwrap();
        world.script.released.send_replace(true);
        world.rest().await;
        assert!(world.dead().await.is_empty(), "{verb}: it is known now");
        world.handle.retry(&run, Retry::default(), "operator").await.unwrap();
        world.rest().await;
        assert_eq!(world.run(&run).await.line.status, "done");
        assert_eq!(world.script.calls(&format!("desk.{verb}")).len(), 1, "{verb}");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_sends_nothing_again_whatever_its_call_answers() {
    for (verb, turn) in [
        ("put", Turn::Fail(ErrorClass::RateLimited)),
        ("post", Turn::Fail(ErrorClass::Transient)),
        ("book", Turn::Fail(ErrorClass::Transient)),
    ] {
        let world = World::with(&[]).await;
        world.script.will(&format!("desk.{verb}"), [turn]);
        let run = world.ran(verb, "k").await.line.id;
        assert_eq!(world.run(&run).await.effects[0].phase, "backing_off", "{verb}");
        world.handle.cancel(&run, "enough", "operator").await.unwrap();
        world.pass(DAY).await;
        assert_eq!(world.script.calls(&format!("desk.{verb}")).len(), 1, "{verb}");
        assert_eq!(world.run(&run).await.line.status, "cancelled");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_call_is_not_sent_again_three_days_after_our_own_death() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Silent]);
    let run = world.start("put", "k").await.run;
    world.until(|script| script.calls("desk.put").len() == 1).await;
    world.clock.advance(3 * DAY);
    let world = world.killed().await;
    world.rest().await;
    world.pass(60_000).await;
    world.pass(DAY).await;
    assert_eq!(world.script.calls("desk.put").len(), 1, "its key has lapsed");
    let shown = world.run(&run).await;
    assert_eq!(shown.effects[0].phase, "unknown", "{shown:#?}");
    assert_eq!(world.dead().await.len(), 1);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_there_goes_before_the_lease_that_has_run_out() {
    for verb in ["put", "post", "book"] {
        let world = World::with(&[]).await;
        let run = under_way(&world, verb).await;
        // The process was stopped: when it goes on, the answer and the end of the lease are there in the same moment.
        world.script.released.send_replace(true);
        world.clock.advance(DAY / 2);
        world.rest().await;
        assert_eq!(world.run(&run).await.line.status, "done", "{verb}");
        assert_eq!(world.script.calls(&format!("desk.{verb}")).len(), 1, "{verb}");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_answers_loses_its_lease_all_the_same() {
    let world = World::with(&[]).await;
    world.script.will("desk.post", [Turn::Silent]);
    let run = world.start("post", "k").await.run;
    world.until(|script| script.calls("desk.post").len() == 1).await;
    // The lease may begin only after the call is seen here: a clock that has moved before that would never move again.
    let lapsed = async {
        while world.run(&run).await.effects[0].phase != "unknown" {
            world.clock.advance(60_000);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), lapsed).await.expect("the lease ends");
    world.rest().await;
    world.sound().await;
}

/// Lets minutes pass until something is so: who waits to try again is no work under way.
async fn pass_until(world: &World, what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            world.pass(60_000).await;
            // A clock that is moved without a pause leaves nobody time to read it.
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.expect("it happens");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_out_of_a_notice_is_a_delivery_of_its_own() {
    let mail = "schema = \"adjutant/v1\"\ntitle = \"Mail\"\nkind = \"mail\"\nendpoint = \"smtp://127.0.0.1:9\"\n\
                from = \"T <t@test.example>\"\n";
    let rule = |to: &str| format!("[[notify]]\non = \"dead\"\nvia = \"mail.send\"\nto = \"{to}\"\n");
    let rules = format!(
        "schema = \"adjutant/v1\"\ntitle = \"N\"\n{}{}{}",
        rule("a@test.example"),
        rule("b@test.example"),
        rule("c@test.example")
    );
    let world = World::with(&[("connectors/mail.toml", mail), ("policies/tell.toml", &rules)]).await;
    world.script.unreachable.lock().unwrap().push("b@test.example".to_owned());
    world.script.will("desk.post", [Turn::Unknown]);
    world.ran("post", "k").await;
    let tries = |to: &str| world.script.told.lock().unwrap().iter().filter(|(told, _)| told == to).count();
    pass_until(&world, || tries("b@test.example") > 3).await;
    let world = world.killed().await;
    world.rest().await;
    let tries = |to: &str| world.script.told.lock().unwrap().iter().filter(|(told, _)| told == to).count();
    assert_eq!((tries("a@test.example"), tries("c@test.example")), (1, 1), "what was told is not told again");
    assert!(tries("b@test.example") > 3, "the other one is tried again and again");
    world.script.unreachable.lock().unwrap().clear();
    // The process that was killed may have told it too, just before it fell: once at least is the promise.
    pass_until(&world, || world.script.notices.lock().unwrap().len() >= 3).await;
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_parent_ends_its_child_or_names_it() {
    for (close, expected) in [("wait", "killed"), ("cancel", "killed"), ("detach", "running")] {
        let parent = format!(
            "schema = \"adjutant/v1\"\ntitle = \"P\"\n[[step]]\nid = \"child\"\nrun = \"put\"\nwith = {{ text = \"x\" }}\n\
             parent_close = \"{close}\"\non = {{ failed = \"close\" }}\nnext = \"done\"\n\
             [[step]]\nid = \"close\"\nend = \"cancelled\"\n[[step]]\nid = \"done\"\nend = \"done\"\n"
        );
        let world = World::with(&[("playbooks/parent.toml", &parent)]).await;
        world
            .handle
            .pause_scope(pause(PauseScope::Connector("desk".to_owned()), "test", "operator"))
            .await
            .unwrap();
        let parent = world.ran("parent", "k").await;
        let child = parent.children[0].clone();
        let answer = world.handle.kill(&parent.line.id, "stop", "operator").await.unwrap();
        assert!(answer.message.contains(&child), "{close}: {}", answer.message);
        world.rest().await;
        assert_eq!(world.run(&child).await.line.status, expected, "{close}");
        let world = world.killed().await;
        world.handle.resume_scope(PauseScope::Connector("desk".to_owned()), "", "operator").await.unwrap();
        world.rest().await;
        let calls = world.script.calls("desk.put").len();
        assert_eq!(calls, usize::from(close == "detach"), "{close}: what was killed calls nobody");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_says_what_was_to_be_done_and_for_whom_after_its_run_moved_on() {
    let reach =
        "schema = \"adjutant/v1\"\ntitle = \"Reach\"\nkind = \"http\"\nendpoint = \"http://127.0.0.1:9\"\n";
    let verb = |name: &str, input: &str| {
        format!(
            "[verbs.{name}]\nmethod = \"POST\"\npath = \"/{name}\"\neffect = \"send\"\n\
             idempotency = \"at_most_once\"\ninput = {input}\n"
        )
    };
    let cases = [
        ("letter", "{ to = [\"string\"] }", "{ to = [\"ada@test.example\", \"bob@test.example\"] }"),
        ("card", "{ email = \"string\" }", "{ email = \"ada@test.example\" }"),
        ("alert", "{ channel = \"string\" }", "{ channel = \"#desk\" }"),
    ];
    let whom = ["ada@test.example, bob@test.example", "ada@test.example", "#desk"];
    let connector = cases.iter().fold(reach.to_owned(), |text, (name, input, _)| text + &verb(name, input));
    for ((name, _, with), whom) in cases.iter().zip(whom) {
        for (turn, phase) in [(Turn::Fail(ErrorClass::Invalid), "dead"), (Turn::Unknown, "unknown")] {
            let playbook = crate::runtime::tests::runs::GATED
                .replace("desk.post", &format!("reach.{name}"))
                .replace("with = { text = \"{{ input.text }}\" }", &format!("with = {with}"));
            let files =
                [("connectors/reach.toml", connector.as_str()), ("playbooks/reached.toml", &playbook)];
            let world = World::with(&files).await;
            world.script.will(&format!("reach.{name}"), [turn]);
            let run = world.ran("reached", "k").await.line.id;
            world.handle.decide(approve(&world.gate().await), "operator").await.unwrap();
            world.rest().await;
            if phase == "unknown" {
                world.handle.kill(&run, "stop", "operator").await.unwrap();
            }
            let dead = world.dead().await;
            assert_eq!(dead.len(), 1, "{name} {phase}");
            let line =
                (dead[0].effect.phase.as_str(), dead[0].effect.target.as_str(), dead[0].whom.as_deref());
            assert_eq!(line, (phase, format!("reach.{name}").as_str(), Some(whom)), "{name}");
        }
    }
}
