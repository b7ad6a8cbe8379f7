//! The rules of branches, one by one: how many go on, what is enough, what is taken back and in which order, who hears what.

mod common;
#[path = "branches/tree.rs"]
mod tree;
#[path = "branches/written.rs"]
mod written;

use adjutant_machine::{
    Refusal, Verdict,
    eval::Scope,
    event::{Event, Settlement},
    projection::{self, Listed},
    run::{Status, Wait, WakeUp},
};
use adjutant_sim::{Company, Many};
use adjutant_spec::{
    plan::{Join, StepKind},
    value::{Labels, Privacy, Template, Trust},
};
use common::World;
use serde_json::json;
use tree::{Tree, acted, ended, places};

const TWO: Many = Many { max_parallel: 2, min_ok: None };

#[test]
fn items_begin_in_their_order_and_so_many_go_on_at_once() {
    let mut tree = Tree::digs(&places(4), TWO);
    assert_eq!(tree.branches(), ["dig-1~dig.1.0", "dig-1~dig.1.1"]);
    tree.finish("dig-1~dig.1.1");
    assert_eq!(tree.branches().len(), 3, "one place is free");
    tree.finish("dig-1~dig.1.0");
    assert_eq!(tree.branches().last().map(String::as_str), Some("dig-1~dig.1.3"));
    let causes = tree.root().waiting();
    let first = "dig-1~dig.1.2".to_owned();
    assert_eq!(causes, [WakeUp::Branches { step: "dig".to_owned(), open: 2, first }]);
}

#[test]
fn results_are_read_by_place_whoever_ends_first() {
    let mut tree = Tree::digs(&places(3), Many { max_parallel: 3, min_ok: None });
    for place in [2, 0, 1] {
        tree.finish(&format!("dig-1~dig.1.{place}"));
    }
    let value = &tree.root().steps["dig"].value.as_ref().expect("a result").value;
    assert_eq!((&value["ok"], &value["failed"]), (&json!(3), &json!(0)));
    for (place, item) in value["items"].as_array().expect("a list").iter().enumerate() {
        assert_eq!(item["status"], "done");
        assert_eq!(item["value"]["dig-mark"]["id"], format!("dig-1~dig.1.{place}"));
    }
    let read = Template::parse("{{ steps.dig.items[2].value['dig-mark'].id }}").expect("a template");
    let def = &tree.host().definitions[&tree.root().bundle];
    assert_eq!(Scope::of(tree.root(), def).render(&read), Ok(json!("dig-1~dig.1.2")));
    assert_eq!(tree.root().position.as_ref().map(|at| at.step.as_str()), Some("after"));
    let kept = &tree.root().branches.values().next().expect("its undo is open").results;
    assert_eq!(kept.iter().count(), 0, "they are the step's value and are kept once");
}

#[test]
fn what_a_branch_is_given_keeps_its_labels_and_its_value() {
    let tree = Tree::digs(&places(1), TWO);
    let branch = tree.run("dig-1~dig.1.0");
    let (item, index) = (&branch.input["item"], &branch.input["item_index"]);
    assert_eq!(item.labels, Labels { trust: Trust::External, privacy: Privacy::Client }, "as the list was");
    assert_eq!(index.labels, Labels { trust: Trust::Operator, privacy: Privacy::Client }, "a place is ours");
    assert_eq!((&item.value["name"], &index.value), (&json!("place 0"), &json!(0)));
    assert_eq!(branch.input["note"].value, "a well");
    assert_eq!((branch.key.as_str(), branch.stage, branch.parent.as_ref()), ("m-1", tree.root().stage, None));
}

#[test]
fn a_bad_item_fails_alone_where_enough_others_are_good() {
    let mut tree = Tree::digs(&ended(&[false, true, false]), Many { max_parallel: 3, min_ok: Some(2) });
    assert_eq!(tree.status("dig-1~dig.1.1"), "failed");
    tree.finish("dig-1~dig.1.0");
    tree.finish("dig-1~dig.1.2");
    let value = &tree.root().steps["dig"].value.as_ref().expect("a result").value;
    assert_eq!((&value["ok"], &value["failed"]), (&json!(2), &json!(1)));
    assert_eq!(value["items"][1]["status"], "failed");
    let notices: Vec<&str> = tree.host().notices.iter().map(|notice| notice.topic.as_str()).collect();
    assert_eq!(notices, Vec::<&str>::new(), "its run knows, and the operator has nothing to do");
}

#[test]
fn when_too_few_can_end_well_the_rest_takes_back_and_the_run_waits_for_it() {
    let mut tree = Tree::digs(&ended(&[false, false, true, false]), Many { max_parallel: 3, min_ok: None });
    // The third was bad before the others had an answer: they are told, and nothing more begins.
    assert_eq!(tree.branches().len(), 3);
    assert_eq!(tree.status("dig-1~dig.1.2"), "failed");
    assert_eq!(tree.status("dig-1~dig.1.0"), "cancelled");
    assert_eq!(tree.root().status(), "unwinding", "what it did before is taken back");
    assert_eq!(tree.act("dig-1"), ["desk.erase"]);
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Failed));
    let failure = tree.root().failure.clone().expect("it failed");
    assert_eq!(failure.step.as_deref(), Some("dig"));
    assert!(failure.message.starts_with("0 of 4 ended well, and 4 must: "), "{}", failure.message);
}

#[test]
fn the_run_goes_on_only_when_the_last_one_that_was_told_to_stop_has() {
    let mut tree = Tree::digs(&ended(&[false, false, true]), Many { max_parallel: 2, min_ok: None });
    let held = tree.take("dig-1~dig.1.0");
    tree.finish("dig-1~dig.1.1");
    assert_eq!(tree.status("dig-1~dig.1.2"), "failed");
    assert_eq!(tree.status("dig-1~dig.1.0"), "unwinding", "nobody knows yet what it did");
    assert!(matches!(tree.root().position.as_ref().map(|at| &at.wait), Some(Wait::Branches(_))));
    tree.answer(&held);
    tree.settle();
    assert_eq!(tree.act("dig-1~dig.1.0"), ["desk.unmark"]);
    tree.settle();
    assert_eq!(tree.status("dig-1~dig.1.0"), "cancelled");
    assert_eq!(tree.root().status(), "unwinding");
}

#[test]
fn a_run_that_unwinds_takes_its_items_back_the_last_first_before_what_came_before() {
    let mut tree = Tree::digs(&places(5), TWO);
    for place in 0..5 {
        tree.finish(&format!("dig-1~dig.1.{place}"));
    }
    tree.cancel("dig-1");
    let back = |tree: &Tree| -> Vec<String> {
        tree.branches().into_iter().filter(|branch| tree.status(branch) == "unwinding").collect()
    };
    assert_eq!(back(&tree), ["dig-1~dig.1.3", "dig-1~dig.1.4"], "two at once, the last ones first");
    tree.finish("dig-1~dig.1.3");
    assert_eq!(back(&tree), ["dig-1~dig.1.2", "dig-1~dig.1.4"]);
    for place in [4, 2, 1] {
        tree.finish(&format!("dig-1~dig.1.{place}"));
    }
    assert!(!acted(&tree, "dig-1").contains(&"desk.erase".to_owned()), "one item stands still");
    assert_eq!(tree.undone("dig-1~dig.1.4"), ["desk.erase", "desk.unmark"], "its own last act first");
    tree.finish("dig-1~dig.1.0");
    tree.finish("dig-1");
    assert_eq!(tree.status("dig-1~dig.1.0"), "rolled_back");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Cancelled));
    assert_eq!(tree.undone("dig-1"), ["desk.erase"]);
}

#[test]
fn lanes_are_taken_back_one_by_one() {
    let mut tree = Tree::of(&Company::splits(Join::All));
    tree.approve("split-1~split.1.0");
    for lane in 0..3 {
        tree.finish(&format!("split-1~split.1.{lane}"));
    }
    tree.cancel("split-1");
    for lane in [2, 1, 0] {
        let open: Vec<String> =
            tree.branches().into_iter().filter(|branch| tree.status(branch) == "unwinding").collect();
        assert_eq!(open, [format!("split-1~split.1.{lane}")]);
        tree.finish(&open[0]);
    }
    tree.finish("split-1");
    assert_eq!(tree.host().ended("split-1"), Some(Status::Cancelled));
}

#[test]
fn a_race_is_won_by_so_many_and_the_others_take_back() {
    let mut tree = Tree::of(&Company::splits(Join::Any));
    tree.act("split-1~split.1.1");
    tree.finish("split-1~split.1.2");
    assert_eq!(tree.status("split-1~split.1.0"), "cancelled", "nobody is asked any more");
    assert_eq!(tree.host().run("split-1~split.1.0").expect("there").open_gates().count(), 0);
    assert_eq!(tree.status("split-1~split.1.1"), "unwinding");
    assert_eq!(tree.root().position.as_ref().map(|at| at.step.as_str()), Some("split"), "it waits for that");
    tree.finish("split-1~split.1.1");
    assert_eq!(tree.undone("split-1~split.1.1"), ["desk.unmark"]);
    assert_eq!(tree.root().position.as_ref().map(|at| at.step.as_str()), Some("after"));
    let value = &tree.root().steps["split"].value.as_ref().expect("a result").value;
    assert_eq!(value["lanes"]["act"]["status"], "done");
    assert_eq!(value["lanes"]["ask"]["status"], "cancelled");
}

#[test]
fn two_of_three_are_enough_where_two_are_asked_for() {
    let mut tree = Tree::of(&Company::splits(Join::AtLeast(2)));
    tree.finish("split-1~split.1.2");
    assert_eq!(tree.root().position.as_ref().map(|at| at.step.as_str()), Some("split"));
    tree.approve("split-1~split.1.0");
    tree.finish("split-1~split.1.0");
    assert_eq!(tree.status("split-1~split.1.1"), "cancelled");
    assert_eq!(tree.root().position.as_ref().map(|at| at.step.as_str()), Some("after"));
}

#[test]
fn a_pause_reaches_what_goes_on_and_nothing_begins_until_it_is_over() {
    let mut tree = Tree::digs(&places(3), TWO);
    let held = tree.take("dig-1~dig.1.0");
    tree.send("dig-1", Event::RunPaused { reason: "wait".to_owned() });
    assert_eq!(tree.status("dig-1~dig.1.0"), "paused");
    assert_eq!(tree.act("dig-1~dig.1.1"), Vec::<String>::new(), "it is held");
    tree.answer(&held);
    tree.send("dig-1~dig.1.1", Event::RunKilled { reason: "not this one".to_owned() });
    assert_eq!(tree.branches().len(), 2, "none begins");
    tree.send("dig-1", Event::RunResumed { reason: String::new() });
    assert_eq!(tree.status("dig-1~dig.1.0"), "unwinding", "all must end well, and one did not");
    assert_eq!(tree.branches().len(), 2);

    let mut tree = Tree::digs(&places(3), Many { max_parallel: 1, min_ok: None });
    tree.take("dig-1~dig.1.0");
    tree.send("dig-1", Event::RunPaused { reason: "wait".to_owned() });
    tree.send("dig-1", Event::RunResumed { reason: String::new() });
    assert_eq!(tree.status("dig-1~dig.1.0"), "running");
}

#[test]
fn a_kill_ends_every_branch_however_deep_and_undoes_nothing() {
    let parts = json!([{ "name": "a" }, { "name": "b" }]);
    let mut tree = Tree::of(&Company::digs_deep(&[json!({ "name": "x", "parts": parts })]));
    tree.act("deep-1~dig.1.0");
    assert_eq!(tree.branches().len(), 3, "{:?}", tree.branches());
    tree.send("deep-1", Event::RunKilled { reason: "stop".to_owned() });
    for branch in tree.branches() {
        assert_eq!(tree.status(&branch), "killed", "{branch}");
    }
    assert!(tree.host().timers.is_empty() && tree.host().outbox.is_empty(), "nothing wakes again");
    assert_eq!(tree.root().branches.values().map(|branches| branches.live()).sum::<u32>(), 0);
}

#[test]
fn an_end_that_is_told_again_changes_nothing_and_one_of_nobody_is_refused() {
    let mut tree = Tree::digs(&places(3), TWO);
    tree.finish("dig-1~dig.1.0");
    let end = tree.end_of("dig-1~dig.1.0");
    let before = tree.root().clone();
    assert_eq!(
        tree.verdict("dig-1", Event::BranchEnded(end.clone().into())),
        Verdict::Duplicate { first: None }
    );
    assert_eq!(*tree.root(), before);
    let mut other = end.clone();
    other.index = 9_999_999;
    let refused = World::refusal(tree.verdict("dig-1", Event::BranchEnded(other.clone().into())));
    assert_eq!(refused, Refusal::NoSuchBranch { branch: "dig-1~dig.1.9999999".to_owned() });
    other.round.number = 7;
    let refused = World::refusal(tree.verdict("dig-1", Event::BranchEnded(other.into())));
    assert!(matches!(refused, Refusal::NoSuchBranch { .. }), "{refused}");
    tree.send("dig-1", Event::RunKilled { reason: "stop".to_owned() });
    assert_eq!(tree.verdict("dig-1", Event::BranchEnded(end.into())), Verdict::Stale, "nobody waits for it");
}

#[test]
fn a_branch_begins_once_however_often_it_is_told() {
    let mut tree = Tree::digs(&places(1), TWO);
    let again = tree.start_of("dig-1~dig.1.0");
    let seq = tree.run("dig-1~dig.1.0").seq;
    let verdict = tree.verdict("dig-1~dig.1.0", Event::RunStarted(again.into()));
    assert!(matches!(verdict, Verdict::Duplicate { .. }), "{verdict:?}");
    assert_eq!(tree.run("dig-1~dig.1.0").seq, seq);
}

#[test]
fn a_retry_of_the_run_begins_new_branches_and_a_branch_is_not_tried_again_by_itself() {
    let mut tree = Tree::digs(&ended(&[true]), TWO);
    tree.finish("dig-1");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Failed));
    let retried = || Event::RunRetried {
        step: None,
        edits: Default::default(),
        speaker: Default::default(),
        reason: None,
    };
    let refused = World::refusal(tree.verdict("dig-1~dig.1.0", retried()));
    assert_eq!(refused, Refusal::BranchAlone { root: "dig-1".to_owned() });
    tree.send("dig-1", retried());
    tree.finish("dig-1");
    assert_eq!(tree.branches(), ["dig-1~dig.1.0", "dig-1~dig.2.0"]);
    let end = tree.end_of("dig-1~dig.1.0");
    assert_eq!(tree.verdict("dig-1", Event::BranchEnded(end.into())), Verdict::Stale, "that round is over");
}

#[test]
fn what_cannot_be_a_list_of_items_takes_the_error_edge() {
    let cases = [
        (json!({ "a": 1 }), "`{{ input.places }}` is no list"),
        (json!([1, 2, 3]), "there are 3 items, and at most 2 may be"),
    ];
    for (items, message) in cases {
        let mut company = Company::digs(&[], TWO);
        company.change(|playbook| {
            let step = playbook.steps.iter_mut().find(|step| step.id == "dig").expect("it is there");
            let StepKind::Each { max_items, .. } = &mut step.kind else { panic!("it has items") };
            *max_items = 2;
        });
        company.inputs[1].1 = items;
        let tree = Tree::of(&company);
        assert_eq!(tree.root().failure.as_ref().map(|failure| failure.message.as_str()), Some(message));
        assert_eq!(tree.branches(), Vec::<String>::new());
    }
}

#[test]
fn no_items_are_enough_where_none_must_end_well() {
    for (min_ok, status) in [(None, "running"), (Some(0), "running"), (Some(1), "unwinding")] {
        let tree = Tree::digs(&[], Many { max_parallel: 2, min_ok });
        assert_eq!(tree.root().status(), status, "{min_ok:?}");
        assert_eq!(tree.root().steps["dig"].value.as_ref().expect("a result").value["items"], json!([]));
    }
}

#[test]
fn branches_nest_four_deep_and_no_deeper() {
    let tree = Tree::of(&tree::nested(5));
    let deepest = tree.branches().into_iter().max_by_key(String::len).expect("some began");
    assert_eq!(adjutant_machine::branch::depth(&deepest), 4, "{deepest}");
    let failure = tree.run(&deepest).failure.clone().expect("it cannot go on");
    assert_eq!(failure.message, "branches nest at most 4 deep");
    let tree = Tree::of(&tree::nested(4));
    assert_eq!(tree.root().position.as_ref().map(|at| at.step.as_str()), Some("after"));
}

#[test]
fn an_edge_that_leads_out_of_a_branch_fails_it() {
    let mut company = Company::digs(&places(1), TWO);
    company.change(|playbook| {
        let step = playbook.steps.iter_mut().find(|step| step.id == "dig").expect("it is there");
        let StepKind::Each { body, .. } = &mut step.kind else { panic!("it has items") };
        let keep = body.steps.iter_mut().find(|step| step.id == "dig-keep").expect("it is there");
        keep.next = Some("after".to_owned());
    });
    let mut tree = Tree::of(&company);
    tree.act("dig-1~dig.1.0");
    tree.act("dig-1~dig.1.0");
    let failure = tree.run("dig-1~dig.1.0").failure.clone().expect("it fails");
    assert_eq!(
        (failure.step.as_deref(), failure.message.as_str()),
        (Some("after"), "the playbook has no such step")
    );
}

#[test]
fn lists_of_runs_have_roots_alone_and_a_person_is_asked_wherever_it_happens() {
    let tree = Tree::of(&Company::splits(Join::All));
    let branch = tree.run("split-1~split.1.0");
    let listed = projection::index(branch);
    assert!(listed.contains(&Listed::Branch { parent: "split-1".to_owned() }), "{listed:?}");
    assert!(listed.iter().any(|listed| matches!(listed, Listed::Gate { .. })), "{listed:?}");
    let as_run = |listed: &Listed<'_>| {
        matches!(listed, Listed::Status { .. } | Listed::Playbook { .. } | Listed::Live { .. })
    };
    assert!(!listed.iter().any(as_run), "{listed:?}");
    assert_eq!(projection::index(tree.root()).iter().filter(|listed| as_run(listed)).count(), 3);
}

#[test]
fn a_branch_that_ended_well_is_taken_back_once() {
    let mut tree = Tree::digs(&places(1), TWO);
    tree.finish("dig-1~dig.1.0");
    tree.finish("dig-1");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Done));
    let back = || Event::RunRolledBack { reason: "no".to_owned(), seen: None };
    tree.send("dig-1~dig.1.0", back());
    assert_eq!(tree.status("dig-1~dig.1.0"), "unwinding");
    tree.finish("dig-1~dig.1.0");
    assert_eq!(tree.status("dig-1~dig.1.0"), "rolled_back");
    let ends = |tree: &Tree| tree.host().runs["dig-1~dig.1.0"].run.seq;
    let before = ends(&tree);
    tree.send("dig-1~dig.1.0", back());
    assert_eq!(ends(&tree), before + 1, "it says so once more, and nothing else comes of it");
    assert_eq!(tree.status("dig-1~dig.1.0"), "rolled_back");
}

#[test]
fn a_cancel_reaches_every_branch_that_goes_on_and_nothing_begins() {
    let mut tree = Tree::digs(&places(4), TWO);
    tree.act("dig-1~dig.1.0");
    tree.cancel("dig-1");
    assert_eq!(tree.branches().len(), 2);
    assert_eq!(tree.status("dig-1~dig.1.1"), "cancelled", "it had done nothing");
    assert_eq!(tree.status("dig-1~dig.1.0"), "unwinding");
    assert_eq!(tree.act("dig-1"), Vec::<String>::new(), "what came before waits for it");
    tree.finish("dig-1~dig.1.0");
    tree.finish("dig-1");
    assert_eq!(tree.undone("dig-1~dig.1.0"), ["desk.unmark"]);
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Cancelled));
}

/// A key is new in a new round: what a killed branch may have done must be known before its step begins another.
#[test]
fn a_killed_run_is_tried_again_only_when_nothing_of_its_branches_is_in_doubt() {
    let mut tree = Tree::digs(&places(2), TWO);
    let sent = tree.take("dig-1~dig.1.0");
    assert_eq!(tree.verdict("dig-1", Event::RunKilled { reason: "stop".to_owned() }), Verdict::Applied);
    let retried = || Event::RunRetried {
        step: None,
        edits: Default::default(),
        speaker: Default::default(),
        reason: None,
    };
    let unheard = World::refusal(tree.verdict("dig-1", retried()));
    assert_eq!(unheard, Refusal::BranchInDoubt { branch: "dig-1~dig.1.0".to_owned() });
    tree.settle();
    assert_eq!(tree.status("dig-1~dig.1.0"), "killed");
    assert_eq!(World::refusal(tree.verdict("dig-1", retried())), unheard, "one call left, and nobody knows");
    let settlement = Settlement::DidNotHappen;
    tree.send("dig-1~dig.1.0", Event::EffectSettled { effect: sent.effect, settlement, reason: None });
    tree.send("dig-1", retried());
    assert_eq!(tree.branches().last().map(String::as_str), Some("dig-1~dig.2.1"));
}

/// What ended well while its run was killed is known to it, and goes with it when it is tried again and unwinds.
#[test]
fn what_ended_well_while_its_run_was_killed_is_taken_back_when_that_run_unwinds_after_all() {
    let mut tree = Tree::digs(&places(1), TWO);
    tree.act("dig-1~dig.1.0");
    let last = tree.take("dig-1~dig.1.0");
    tree.answer(&last);
    assert_eq!(tree.status("dig-1~dig.1.0"), "done", "its parent has not heard of it");
    tree.send("dig-1", Event::RunKilled { reason: "stop".to_owned() });
    let retried = Event::RunRetried {
        step: None,
        edits: Default::default(),
        speaker: Default::default(),
        reason: None,
    };
    tree.send("dig-1", retried);
    tree.cancel("dig-1");
    for run in ["dig-1~dig.2.0", "dig-1~dig.1.0", "dig-1"] {
        tree.finish(run);
    }
    assert_eq!(tree.status("dig-1~dig.1.0"), "rolled_back");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Cancelled));
}
