//! The rules of scopes, one by one: where a run goes on, what is taken back and in which order, what time and people do to it.

#[path = "branches/tree.rs"]
#[expect(dead_code, reason = "other rules use the other words")]
mod tree;

use adjutant_company::company;
use adjutant_machine::{
    Verdict,
    event::{ErrorClass, Event, Settlement, TimerId},
    run::{EffectPhase, Run, Status, UndoState},
};
use adjutant_sim::{
    Company,
    scenario::{Coverage, Playhouse, play},
};
use adjutant_spec::{load, scenario};
use serde_json::{Value, json};
use tree::{Tree, acted};

const HEAD: &str = "schema = \"adjutant/v1\"\n\n[input.note]\ntype = \"string\"\ntrust = \"operator\"\n\n\
    [input.places]\ntype = \"list\"\ntrust = \"operator\"\n";
const GROUP: &str = "id = \"group\"\nscope = \"the work\"\non = { error = \"sorry\" }\nnext = \"after\"";
const TIMED: &str = "id = \"group\"\nscope = \"the work\"\ndeadline = \"2h\"\non = { error = \"sorry\", expired = \"late\" }\nnext = \"after\"";
/// Fails, and might not.
const FAIL: &str = "id = \"turn\"\nin = \"group\"\nchoose = [{ when = \"input.note != ''\", to = \"fail\" }]\nelse = \"calm\"\n\n\
    [[step]]\nid = \"fail\"\nin = \"group\"\nend = \"failed\"\n\n[[step]]\nid = \"calm\"\nin = \"group\"\nwait = \"1s\"";
const REST: &str = "id = \"rest\"\nin = \"group\"\nwait = \"9h\"";

fn note(id: &str, keys: &str) -> String {
    format!(
        "id = \"{id}\"\ncall = \"desk.note\"\nwith = {{ note = \"{id}\" }}\nretry = {{ attempts = 1 }}\n{keys}"
    )
}

fn mark(id: &str, keys: &str) -> String {
    note(id, keys).replace("desk.note", "desk.mark")
}

/// Starts a run of such a playbook; its first act is done.
fn tree(steps: &[&str]) -> Tree {
    let last =
        [note("sorry", "next = \"done\""), note("late", "next = \"done\""), note("after", "next = \"done\"")];
    let first = note("first", "next = \"group\"");
    let all = std::iter::once(first.as_str())
        .chain(steps.iter().copied())
        .chain(last.iter().map(String::as_str))
        .chain(["id = \"done\"\nend = \"done\""]);
    let used = |step: &&str| {
        let id = step.split('"').nth(1).unwrap_or_default();
        !["sorry", "late"].contains(&id) || steps.iter().any(|other| other.contains(&format!("\"{id}\"")))
    };
    let steps: String = all.filter(used).map(|step| format!("\n[[step]]\n{step}\n")).collect();
    Tree::of(&Company::of("dig", &format!("{HEAD}{steps}"), &[json!("a"), json!("b")]))
}

fn value<'a>(run: &'a Run, step: &str) -> &'a Value {
    &run.steps[step].value.as_ref().unwrap_or_else(|| panic!("{step} has no result")).value
}

fn at(tree: &Tree) -> Option<&str> {
    tree.root().position.as_ref().map(|position| position.step.as_str())
}

fn open(tree: &Tree) -> Vec<&str> {
    tree.root().scopes.iter().map(|scope| scope.round.step.as_str()).collect()
}

fn fire(tree: &mut Tree, timer: TimerId) {
    let moment = tree.root().timers[&timer];
    tree.wait_until(moment);
    tree.send("dig-1", Event::TimerFired { timer });
}

fn expire(tree: &mut Tree, scope: &str) {
    fire(tree, TimerId::Scope(scope.to_owned()));
}

/// Fails the next act of the run for good.
fn fail(tree: &mut Tree) {
    let perform = tree.take("dig-1");
    let (effect, attempt) = (perform.effect, perform.attempt);
    let (class, message) = (ErrorClass::Invalid, "it cannot be".to_owned());
    tree.send(
        "dig-1",
        Event::EffectFailed { effect, attempt, class, message, retry_after: None, cost: None },
    );
}

fn erased(tree: &Tree) -> usize {
    tree.undone("dig-1").len()
}

#[test]
fn where_nothing_follows_the_scope_is_left_and_what_it_did_is_the_runs() {
    let mut tree = tree(&[GROUP, &note("one", "in = \"group\""), &mark("two", "in = \"group\"")]);
    assert_eq!((open(&tree), at(&tree)), (vec!["group"], Some("one")));
    tree.act("dig-1");
    tree.act("dig-1");
    assert_eq!((open(&tree), at(&tree)), (Vec::new(), Some("after")));
    assert_eq!(value(tree.root(), "group"), &json!({ "status": "ok", "error": null }));
    assert_eq!(tree.root().steps["group"].outcome.as_deref(), Some("ok"));
    tree.cancel("dig-1");
    tree.finish("dig-1");
    assert_eq!(tree.undone("dig-1"), ["desk.unmark", "desk.erase", "desk.erase"]);
}

#[test]
fn what_goes_wrong_takes_back_the_scope_the_last_first_and_then_takes_its_edge() {
    let steps =
        [note("one", "in = \"group\""), mark("two", "in = \"group\""), note("three", "in = \"group\"")];
    let mut tree = tree(&[GROUP, &steps[0], &steps[1], &steps[2]]);
    tree.act("dig-1");
    tree.act("dig-1");
    fail(&mut tree);
    assert_eq!((at(&tree), tree.status("dig-1")), (None, "running"), "it takes back, and is not over");
    assert!(tree.root().failure.is_none() && tree.root().dead_letters().next().is_none());
    tree.act("dig-1");
    assert_eq!(tree.undone("dig-1"), ["desk.unmark"]);
    tree.act("dig-1");
    assert_eq!((tree.undone("dig-1").len(), at(&tree)), (2, Some("sorry")));
    let error = "step \"three\": it cannot be";
    assert_eq!(value(tree.root(), "group"), &json!({ "status": "error", "error": error }));
    let states: Vec<(&UndoState, bool)> =
        tree.root().undo.iter().map(|entry| (&entry.state, entry.by_scope)).collect();
    let (done, needless) = (&UndoState::Done, &UndoState::NotNeeded);
    assert_eq!(states[..4], [(&UndoState::Registered, false), (done, true), (done, true), (needless, true)]);
    tree.finish("dig-1");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Done));
    assert_eq!(erased(&tree), 2, "what came before the scope stands");
}

#[test]
fn a_run_that_unwinds_later_leaves_alone_what_a_scope_took_back() {
    let mut tree = tree(&[GROUP, &note("one", "in = \"group\""), FAIL]);
    tree.act("dig-1");
    tree.act("dig-1");
    assert_eq!((erased(&tree), at(&tree)), (1, Some("sorry")));
    tree.act("dig-1");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Done));
    let mut tree = self::tree(&[GROUP, &note("one", "in = \"group\""), FAIL]);
    tree.act("dig-1");
    tree.act("dig-1");
    tree.cancel("dig-1");
    tree.finish("dig-1");
    assert_eq!(erased(&tree), 2, "the first, and the one of the scope once");
    // A retry goes on where the run was taken back from, and not in the scope that had failed long before.
    tree.send(
        "dig-1",
        Event::RunRetried {
            step: None,
            edits: Default::default(),
            speaker: Default::default(),
            reason: None,
        },
    );
    assert_eq!(at(&tree), Some("first"));
}

#[test]
fn time_that_is_over_takes_back_the_scope_and_takes_the_edge_for_it() {
    let mut tree = tree(&[TIMED, &note("one", "in = \"group\""), REST]);
    tree.act("dig-1");
    assert_eq!(at(&tree), Some("rest"));
    expire(&mut tree, "group");
    assert!(tree.root().timers.keys().all(|timer| matches!(timer, TimerId::Lease(..))), "nothing else fires");
    tree.act("dig-1");
    assert_eq!((erased(&tree), at(&tree)), (1, Some("late")));
    assert_eq!(value(tree.root(), "group")["status"], "expired");
}

#[test]
fn a_scope_that_was_left_has_no_time_that_could_be_over() {
    let mut tree = tree(&[TIMED, &note("one", "in = \"group\"")]);
    tree.act("dig-1");
    assert_eq!(at(&tree), Some("after"));
    assert!(tree.root().timers.is_empty());
    let timer = TimerId::Scope("group".to_owned());
    assert_eq!(tree.verdict("dig-1", Event::TimerFired { timer }), Verdict::Stale);
}

#[test]
fn without_an_edge_of_its_own_the_failure_goes_outwards() {
    let inner = "id = \"inner\"\nin = \"group\"\nscope = \"a part\"\ndeadline = \"1h\"";
    let steps = [note("one", "in = \"group\""), note("two", "in = \"inner\"")];
    let rest = REST.replace("\"group\"", "\"inner\"");
    let mut outer = tree(&[GROUP, &steps[0], inner, &steps[1], &rest]);
    outer.act("dig-1");
    outer.act("dig-1");
    assert_eq!(open(&outer), ["group", "inner"]);
    expire(&mut outer, "inner");
    outer.act("dig-1");
    outer.act("dig-1");
    assert_eq!((erased(&outer), at(&outer), open(&outer)), (2, Some("sorry"), Vec::new()));
    assert_eq!(value(outer.root(), "group")["error"], "step \"inner\": its deadline passed");
    // With an edge the inner one takes back what is its own, and the outer one goes on.
    let inner = format!("{inner}\non = {{ error = \"rest\" }}\nnext = \"rest\"");
    let fail = FAIL.replace("in = \"group\"", "in = \"inner\"");
    let mut own = tree(&[GROUP, &steps[0], &inner, &steps[1], &fail, REST]);
    own.act("dig-1");
    own.act("dig-1");
    own.act("dig-1");
    assert_eq!((erased(&own), at(&own), open(&own)), (1, Some("rest"), vec!["group"]));
    // Around which no scope has an edge, the run fails.
    let bare = "id = \"group\"\nscope = \"the work\"\ndeadline = \"2h\"\nnext = \"after\"";
    let mut alone = tree(&[bare, &steps[0], FAIL]);
    alone.act("dig-1");
    assert_eq!(alone.status("dig-1"), "unwinding");
    alone.finish("dig-1");
    assert_eq!((erased(&alone), alone.host().ended("dig-1")), (2, Some(Status::Failed)));
}

#[test]
fn an_outer_scope_whose_time_is_over_goes_on_where_the_inner_one_takes_back() {
    let inner =
        "id = \"inner\"\nin = \"group\"\nscope = \"a part\"\non = { error = \"rest\" }\nnext = \"rest\"";
    let fail = FAIL.replace("in = \"group\"", "in = \"inner\"");
    let steps = [note("one", "in = \"group\""), note("two", "in = \"inner\"")];
    let mut tree = tree(&[TIMED, &steps[0], inner, &steps[1], &fail, REST]);
    tree.act("dig-1");
    tree.act("dig-1");
    let undo = tree.take("dig-1");
    expire(&mut tree, "group");
    assert_eq!(open(&tree), ["group"]);
    tree.answer(&undo);
    tree.act("dig-1");
    assert_eq!((erased(&tree), at(&tree)), (2, Some("late")));
}

#[test]
fn a_pause_holds_what_takes_back_and_a_cancel_takes_over() {
    let mut tree = tree(&[GROUP, &note("one", "in = \"group\""), &note("two", "in = \"group\""), FAIL]);
    tree.act("dig-1");
    let two = tree.take("dig-1");
    tree.send("dig-1", Event::RunPaused { reason: "r".to_owned() });
    tree.answer(&two);
    assert_eq!(tree.act("dig-1"), Vec::<String>::new(), "nothing leaves");
    tree.send("dig-1", Event::RunResumed { reason: "r".to_owned() });
    let undo = tree.take("dig-1");
    tree.send("dig-1", Event::RunPaused { reason: "r".to_owned() });
    tree.answer(&undo);
    assert_eq!(tree.act("dig-1"), Vec::<String>::new());
    tree.send("dig-1", Event::RunCancelled { reason: "r".to_owned() });
    tree.finish("dig-1");
    assert_eq!((erased(&tree), tree.host().ended("dig-1")), (3, Some(Status::Cancelled)));
}

#[test]
fn an_undo_that_cannot_be_keeps_the_run_until_a_person_says_what_is_to_be() {
    let mut tree = tree(&[GROUP, &note("one", "in = \"group\""), &note("two", "in = \"group\""), FAIL]);
    tree.act("dig-1");
    tree.act("dig-1");
    fail(&mut tree);
    assert_eq!(tree.act("dig-1"), Vec::<String>::new(), "the earlier one waits for it");
    let (effect, state) = tree.root().dead_letters().next().expect("it is told");
    assert!(matches!(state.life.phase, EffectPhase::Dead { .. }));
    let effect = effect.clone();
    tree.send("dig-1", Event::EffectSettled { effect, settlement: Settlement::Drop, reason: None });
    tree.act("dig-1");
    assert_eq!((erased(&tree), at(&tree)), (1, Some("sorry")));
    let states: Vec<&UndoState> = tree.root().undo.iter().map(|entry| &entry.state).collect();
    assert_eq!(states[1..3], [&UndoState::Done, &UndoState::Dropped]);
}

#[test]
fn branches_in_a_scope_are_taken_back_with_it() {
    let dig = "id = \"dig\"\nin = \"group\"\neach = \"{{ input.places }}\"\nas = \"place\"\nmax_items = 5\nmax_parallel = 1";
    let add = note("add", "in = \"dig\"");
    let mut tree = tree(&[GROUP, dig, &add, &note("two", "in = \"group\"")]);
    tree.finish("dig-1~dig.1.0");
    tree.finish("dig-1~dig.1.1");
    fail(&mut tree);
    assert_eq!((at(&tree), tree.status("dig-1~dig.1.1")), (None, "unwinding"));
    tree.finish("dig-1~dig.1.1");
    tree.finish("dig-1~dig.1.0");
    assert_eq!((tree.status("dig-1~dig.1.0"), at(&tree)), ("rolled_back", Some("sorry")));
    assert_eq!(erased(&tree), 0, "what came before stands");
}

#[test]
fn a_scope_in_a_branch_takes_its_edge_and_the_branch_ends_well() {
    let group =
        "id = \"group\"\neach = \"{{ input.places }}\"\nas = \"place\"\nmax_items = 5\nnext = \"after\"";
    let part = "id = \"part\"\nin = \"group\"\nscope = \"one\"\non = { error = \"kept\" }";
    let fail = FAIL.replace("in = \"group\"", "in = \"part\"");
    let mut tree = tree(&[
        group,
        &format!("{part}\nnext = \"kept\""),
        &note("add", "in = \"part\""),
        &fail,
        &note("kept", "in = \"group\""),
    ]);
    let branch = "dig-1~group.1.0";
    tree.finish(branch);
    assert_eq!(acted(&tree, branch), ["desk.note", "desk.erase", "desk.note"]);
    assert_eq!(tree.status(branch), "done");
}

fn retried(tree: &mut Tree) {
    let event = Event::RunRetried {
        step: None,
        edits: Default::default(),
        speaker: Default::default(),
        reason: None,
    };
    tree.send("dig-1", event);
}

#[test]
fn what_a_retry_has_done_once_more_is_not_done_a_third_time() {
    let mut tree = tree(&[TIMED, &note("one", "in = \"group\""), &note("two", "in = \"group\""), REST]);
    tree.act("dig-1");
    tree.cancel("dig-1");
    tree.finish("dig-1");
    assert_eq!(tree.status("dig-1"), "cancelled");
    retried(&mut tree);
    assert_eq!(at(&tree), Some("first"), "both were taken back");
    tree.act("dig-1");
    tree.act("dig-1");
    tree.send("dig-1", Event::RunKilled { reason: "r".to_owned() });
    let before = acted(&tree, "dig-1");
    retried(&mut tree);
    assert_eq!(at(&tree), Some("two"), "what was taken back earlier was done again since, and stands");
    assert_eq!(acted(&tree, "dig-1"), before);
}

#[test]
fn a_retry_of_a_scope_that_ran_out_of_time_goes_on_where_it_stood() {
    let group = "id = \"group\"\nscope = \"the work\"\ndeadline = \"2h\"\nnext = \"done\"";
    let short = "id = \"short\"\nin = \"group\"\nwait = \"1h\"";
    let steps = [group, short, REST, "id = \"done\"\nend = \"done\""];
    let steps: String = steps.iter().map(|step| format!("\n[[step]]\n{step}\n")).collect();
    let mut tree = Tree::of(&Company::of("dig", &format!("{HEAD}{steps}"), &[json!("a"), json!("b")]));
    fire(&mut tree, TimerId::Wait("short".to_owned()));
    expire(&mut tree, "group");
    assert_eq!(tree.status("dig-1"), "failed");
    retried(&mut tree);
    assert_eq!(
        (open(&tree), at(&tree)),
        (vec!["group"], Some("rest")),
        "what is behind it is not done again"
    );
}

#[test]
fn a_retry_in_a_scope_is_in_it_again_with_time_of_its_own_and_what_it_did() {
    let mut tree = tree(&[TIMED, &note("one", "in = \"group\""), &note("two", "in = \"group\""), REST]);
    tree.act("dig-1");
    tree.send("dig-1", Event::RunKilled { reason: "r".to_owned() });
    assert!(tree.root().timers.is_empty());
    let step = Some("two".to_owned());
    tree.send(
        "dig-1",
        Event::RunRetried { step, edits: Default::default(), speaker: Default::default(), reason: None },
    );
    assert_eq!((open(&tree), at(&tree)), (vec!["group"], Some("two")));
    tree.act("dig-1");
    expire(&mut tree, "group");
    tree.act("dig-1");
    tree.act("dig-1");
    assert_eq!((erased(&tree), at(&tree)), (2, Some("late")), "also what it did before it was killed");
    assert_eq!(tree.root().steps["group"].rounds, 2);
}

#[test]
fn an_answer_to_a_question_of_a_scope_that_is_over_says_nothing() {
    let look = "id = \"look\"\nin = \"group\"\ncall = \"desk.look\"\nwith = { key = \"k\" }";
    let mut tree = tree(&[TIMED, look]);
    let asked = tree.take("dig-1");
    expire(&mut tree, "group");
    assert_eq!(at(&tree), Some("late"), "nobody waits for what changes nothing");
    let (effect, attempt, value) = (asked.effect, asked.attempt, json!({}));
    let late = Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null };
    assert_eq!(tree.verdict("dig-1", late), Verdict::Stale);
    assert!(tree.root().steps["look"].value.is_none());
    tree.finish("dig-1");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Done));
}

#[test]
fn the_end_of_the_run_may_stand_in_a_scope() {
    let mut tree =
        tree(&[TIMED, &note("one", "in = \"group\""), &FAIL.replace("end = \"failed\"", "end = \"done\"")]);
    tree.act("dig-1");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Done));
    assert!(tree.root().timers.is_empty() && erased(&tree) == 0);
}

#[test]
fn what_runs_in_a_budget_knows_whose_it_is() {
    let group = format!("{GROUP}\nbudget = \"2.00 EUR\"");
    let dig = "id = \"dig\"\nin = \"group\"\neach = \"{{ input.places }}\"\nas = \"place\"\nmax_items = 5\nbudget = \"1.00 EUR\"";
    let part = "id = \"part\"\nin = \"dig\"\nscope = \"one\"\nbudget = \"0.50 EUR\"";
    let mut tree = tree(&[&group, dig, part, &note("add", "in = \"part\""), &note("two", "in = \"group\"")]);
    let purses = |tree: &Tree, run: &str| -> Vec<String> {
        let purses = tree.run(run).purses();
        purses.map(|purse| format!("{} {}: {}", purse.run, purse.round, purse.limit)).collect()
    };
    let branch = "dig-1~dig.1.1";
    let own = [
        "dig-1 group.1: 2.00 EUR".to_owned(),
        "dig-1 dig.1: 1.00 EUR".to_owned(),
        format!("{branch} part.1: 0.50 EUR"),
    ];
    assert_eq!(purses(&tree, branch), own);
    assert_eq!(purses(&tree, "dig-1"), own[..1], "what the items have is theirs");
    tree.finish(branch);
    tree.finish("dig-1~dig.1.0");
    tree.act("dig-1");
    assert_eq!((at(&tree), purses(&tree, "dig-1").len()), (Some("after"), 0));
}

const PLAYED: &str = r#"schema = "adjutant/v1"

[[step]]
id = "group"
scope = "the work"
deadline = "2h"
on = { error = "sorry", expired = "late" }
next = "done"

[[step]]
id = "ask"
in = "group"
gate = "Go on?"
risk = "low"
expires = "1h"
on = { denied = "no", expired = "no" }
next = "rest"

[[step]]
id = "no"
in = "group"
end = "failed"

[[step]]
id = "rest"
in = "group"
wait = { signal = "go", expires = "9h" }

[[step]]
id = "sorry"
end = "cancelled"

[[step]]
id = "late"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

#[test]
fn scenarios_play_scopes_and_count_the_ways_out_of_them() {
    let begin = "schema = \"adjutant/v1\"\nplaybook = \"hello\"\n";
    let ask = |outcome: &str| format!("\n[[answer]]\nstep = \"ask\"\noutcome = \"{outcome}\"\n");
    let steps = |steps: &[&str]| -> String {
        steps.iter().map(|step| format!("\n[[expect]]\nstep = \"{step}\"\n")).collect()
    };
    let signal = "\n[[answer]]\nstep = \"rest\"\noutcome = \"ok\"\n";
    let files = company(&[
        ("playbooks/hello.toml", PLAYED),
        (
            "tests/good.toml",
            &format!("{begin}{}{signal}{}", ask("approved"), steps(&["group", "rest", "done"])),
        ),
        ("tests/no.toml", &format!("{begin}{}{}", ask("denied"), steps(&["group", "sorry"]))),
        ("tests/late.toml", &format!("{begin}{}{}", ask("approved"), steps(&["rest", "late"]))),
    ]);
    let loaded = load(&files);
    assert!(!loaded.report.has_errors(), "{}", loaded.report.render());
    let plan = loaded.plan.as_ref().expect("it checks");
    let mut house = Playhouse::new(plan);
    let mut coverage = Coverage::default();
    coverage.begin(&plan.bundles["hello"]);
    for one in &scenario::all(&loaded.draft) {
        let played = play(&mut house, one);
        assert!(played.finding.is_none(), "{}: {:#?}", one.file, played.finding);
        coverage.count(&played.course);
    }
    let missed: Vec<String> = coverage.playbooks["hello"]
        .missed_ways()
        .map(|way| format!("{} {} {}", way.from, way.outcome, way.to))
        .collect();
    assert_eq!(missed, ["ask expired no"]);
}
