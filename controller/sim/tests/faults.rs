//! Fault exploration of playbooks that an operator wrote, and what their scenarios come through.

mod common;

use adjutant_company::{company, example, loaded};
use adjutant_sim::{
    Company,
    scenario::{Coverage, Explorer, Fault, Playhouse, Sort, Trouble, Way, play},
};
use adjutant_spec::{
    Loaded,
    scenario::{self, Answer, Begin, Reply, Scenario},
};
use serde_json::json;

use crate::common::desk;

/// Tries every fault by itself, then so many pairs, on the scenario of a file.
fn explore(loaded: &Loaded, file: &str, pairs: usize) -> Vec<Trouble> {
    let plan = loaded.plan.as_ref().expect("it checks");
    let scenario =
        scenario::all(&loaded.draft).into_iter().find(|one| one.file == file).expect("it is there");
    let mut house = Playhouse::new(plan);
    let mut explorer = Explorer::new(&mut house, &scenario, 7).expect("it holds");
    assert!(explorer.singles() > 10, "there is something to disturb");
    let tries = explorer.singles() + pairs;
    (0..tries).filter_map(|_| explorer.try_next()).flat_map(|tried| tried.troubles).collect()
}

fn told(troubles: &[Trouble]) -> String {
    let one = |trouble: &Trouble| {
        format!(
            "{}: {}\n{:?}\n{}",
            trouble.sort.word(),
            trouble.message,
            trouble.faults,
            trouble.history.join("\n")
        )
    };
    troubles.iter().take(3).map(one).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn a_call_that_may_be_repeated_counts_once() {
    let troubles = explore(&loaded(&example("hello")), "tests/hello.toml", 100);
    assert!(troubles.is_empty(), "{}", told(&troubles));
}

#[test]
fn nothing_goes_wrong_twice_or_stands_in_the_examples_whatever_fails() {
    let files = [
        ("agency", "tests/lead.toml"),
        ("agency", "slices/support/tests/answered.toml"),
        ("studio", "slices/money/tests/billing.toml"),
        ("studio", "slices/money/tests/collect-answered.toml"),
        ("studio", "tests/sprint.toml"),
        ("newsletter", "tests/weekly.toml"),
        ("newsletter", "tests/unsubscribe-mistake.toml"),
    ];
    for (name, file) in files {
        let troubles = explore(&loaded(&example(name)), file, 20);
        assert!(troubles.is_empty(), "{name}/{file}\n{}", told(&troubles));
    }
}

#[test]
fn the_scenarios_of_the_studio_and_of_the_newsletter_take_every_way() {
    for name in ["newsletter", "studio"] {
        let loaded = loaded(&example(name));
        let plan = loaded.plan.as_ref().expect("it checks");
        let (mut coverage, mut house) = (Coverage::default(), Playhouse::new(plan));
        plan.bundles.values().for_each(|bundle| coverage.begin(bundle));
        for scenario in scenario::all(&loaded.draft) {
            coverage.count(&play(&mut house, &scenario).course);
        }
        for (playbook, covered) in &coverage.playbooks {
            assert_eq!(
                covered.missed_steps().collect::<Vec<_>>(),
                Vec::<&String>::new(),
                "{name}/{playbook}"
            );
            assert_eq!(covered.missed_ways().collect::<Vec<_>>(), vec![] as Vec<&Way>, "{name}/{playbook}");
        }
    }
}

const STEPS: &str = r#"schema = "adjutant/v1"
title = "Books a room"
deadline = "30d"

[trigger]
kind = "manual"

[input.room]
type = "string"
default = "blue"
trust = "operator"

[[step]]
id = "ask"
gate = "Book {{ input.room }}?"
show = ["input.room"]
risk = "low"
expires = "7d"
on = { denied = "close", expired = "close" }

[[step]]
id = "book"
call = "desk.book"
with = { room = "{{ input.room }}" }
undo = { call = "desk.unbook", with = { id = "{{ steps.book.id }}", note = "NOTE" } }

[[step]]
id = "sure"
gate = "Is the room right?"
risk = "low"
expires = "7d"
on = { denied = "close", expired = "AGAIN" }
next = "done"

[[step]]
id = "again"
call = "desk.book"
with = { room = "{{ input.room }}" }
next = "done"

[[step]]
id = "close"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

const TEST: &str = r#"schema = "adjutant/v1"
playbook = "desk"
end = "done"

[[answer]]
step = "ask"
outcome = "approved"

[[answer]]
step = "book"
with = { id = "b-1" }

[[answer]]
step = "sure"
outcome = "approved"
"#;

const GRANT: &str = r#"schema = "adjutant/v1"

[[autonomy]]
subject = "playbook:desk"
verb = "desk.*"
level = "act"
"#;

fn desk(again: &str, note: &str) -> Loaded {
    let mut steps = STEPS.replace("AGAIN", again).replace("NOTE", note);
    if again != "again" {
        let (start, end) = (steps.find("[[step]]\nid = \"again\""), steps.find("[[step]]\nid = \"close\""));
        steps.replace_range(start.expect("there")..end.expect("there"), "");
    }
    loaded(&company(&[
        ("playbooks/desk.toml", &steps),
        ("connectors/desk.toml", desk::VERBS),
        ("tests/desk.toml", TEST),
        ("policies/grants.toml", GRANT),
    ]))
}

#[test]
fn a_playbook_that_books_again_when_nobody_answers_is_found() {
    let troubles = explore(&desk("again", "sorry"), "tests/desk.toml", 0);
    let twice: Vec<&Trouble> = troubles.iter().filter(|trouble| trouble.sort == Sort::EffectTwice).collect();
    assert!(!twice.is_empty(), "{}", told(&troubles));
    assert_eq!(twice[0].faults, ["nobody decides gate \"sure\""]);
    assert_eq!(twice[0].message, "\"desk.book\" happened 2 times, with { room = \"blue\" }");
    assert!(explore(&desk("close", "sorry"), "tests/desk.toml", 40).is_empty());
}

#[test]
fn an_undo_that_cannot_be_written_is_found() {
    let broken = "{% if steps.book.id == 'b-1' %}{{ 1 // 0 }}{% endif %}";
    let troubles = explore(&desk("close", broken), "tests/desk.toml", 0);
    let missing = troubles.iter().find(|trouble| trouble.sort == Sort::MissingUndo);
    let missing = missing.unwrap_or_else(|| panic!("{}", told(&troubles)));
    assert_eq!(missing.step.as_deref(), Some("book"));
}

#[test]
fn the_same_faults_give_the_same_play() {
    let loaded = desk("again", "sorry");
    let plan = loaded.plan.as_ref().expect("it checks");
    let scenario = scenario::all(&loaded.draft).remove(0);
    let mut house = Playhouse::new(plan);
    let mut explorer = Explorer::new(&mut house, &scenario, 1).expect("it holds");
    let faults = || vec![Fault::Crash(3), Fault::Lapses(2)];
    let first = explorer.with(faults());
    let told = first.troubles.iter().map(|trouble| trouble.history.len()).max();
    assert!(told.is_some_and(|lines| lines > 3), "there is a history to compare");
    assert_eq!(first, explorer.with(faults()));
}

#[test]
fn a_pair_counts_only_where_both_faults_happened() {
    let loaded = desk("close", "sorry");
    let plan = loaded.plan.as_ref().expect("it checks");
    let scenario = scenario::all(&loaded.draft).remove(0);
    let mut house = Playhouse::new(plan);
    let mut explorer = Explorer::new(&mut house, &scenario, 1).expect("it holds");
    let mut happened = |faults: &[Fault]| explorer.with(faults.to_vec()).happened;
    assert!(happened(&[Fault::Crash(3), Fault::Lapses(2)]));
    assert!(!happened(&[Fault::Crash(3), Fault::Crash(3)]), "it is one");
    assert!(!happened(&[Fault::Lapses(1), Fault::Lapses(2)]), "nobody comes to the second gate");
}

#[test]
fn a_scenario_that_does_not_hold_is_not_disturbed() {
    let mut files = example("hello");
    files.insert("tests/hello.toml", "schema = \"adjutant/v1\"\nplaybook = \"hello\"\n".as_bytes());
    let loaded = loaded(&files);
    let scenario = scenario::all(&loaded.draft).remove(0);
    let mut house = Playhouse::new(loaded.plan.as_ref().expect("it checks"));
    let refused = Explorer::new(&mut house, &scenario, 1).expect_err("it does not hold");
    assert!(refused.message.contains("asks a person"), "{}", refused.message);
}

#[test]
fn what_no_scenario_comes_through_is_counted() {
    let loaded = desk("again", "sorry");
    let plan = loaded.plan.as_ref().expect("it checks");
    let (mut coverage, mut house) = (Coverage::default(), Playhouse::new(plan));
    coverage.begin(&plan.bundles["desk"]);
    for scenario in scenario::all(&loaded.draft) {
        coverage.count(&play(&mut house, &scenario).course);
    }
    let covered = &coverage.playbooks["desk"];
    assert_eq!(covered.missed_steps().collect::<Vec<_>>(), ["again", "close"]);
    let missed: Vec<String> =
        covered.missed_ways().map(|way| format!("{} -{}-> {}", way.from, way.outcome, way.to)).collect();
    let expected = [
        "again -ok-> done",
        "ask -denied-> close",
        "ask -edited-> book",
        "ask -expired-> close",
        "sure -denied-> close",
        "sure -expired-> again",
    ];
    assert_eq!(missed, expected);
}

/// A scenario of the workshop, whose verbs are of every class: each step is answered well.
fn workshop() -> Scenario {
    let answer = |step: &str, word: &str, with: serde_json::Value| Answer {
        playbook: "workshop".to_owned(),
        branches: Vec::new(),
        step: step.to_owned(),
        visit: None,
        times: 1,
        undo: false,
        after: None,
        reply: Reply::Outcome { word: word.to_owned(), with: Some(with), edit: Default::default() },
    };
    let done = |step: &str| answer(step, "ok", json!({ "id": step }));
    Scenario {
        file: "tests/workshop.toml".to_owned(),
        title: "Books, charges and tells".to_owned(),
        playbook: "workshop".to_owned(),
        starts: 0,
        begin: Begin::Input([("note".to_owned(), json!("a table"))].into()),
        given: Vec::new(),
        answers: vec![answer("ask", "approved", json!({})), done("book"), done("charge"), done("announce")],
        cancel: None,
        expect: Vec::new(),
        never: Vec::new(),
        records: Vec::new(),
        until: None,
        end: Some("done".to_owned()),
    }
}

#[test]
fn verbs_of_every_class_happen_once_and_are_taken_back_whatever_fails() {
    let (plan, scenario) = (Company::workshop().plan, workshop());
    let mut house = Playhouse::new(&plan);
    let mut explorer = Explorer::new(&mut house, &scenario, 3).expect("it holds");
    for _ in 0..explorer.singles() + 200 {
        let tried = explorer.try_next().expect("there is something to disturb");
        assert!(tried.troubles.is_empty(), "{:?}\n{}", tried.faults, told(&tried.troubles));
    }
}

/// Books in a scope that is begun once more, in the run and in branches.
const AGAIN: &str = r#"schema = "adjutant/v1"
title = "Books, and once more"
deadline = "30d"

[[step]]
id = "work"
scope = "the booking"
deadline = "9h"
on = { error = "sorry", expired = "sorry" }
visits = 2
next = "done"

[[step]]
id = "book"
in = "work"
call = "desk.book"
with = { room = "blue" }
undo = { call = "desk.unbook", with = { id = "{{ steps.book.id }}" } }

[[step]]
id = "fan"
in = "work"
parallel = ["one", "two"]

[[step]]
id = "first"
in = "fan.one"
call = "desk.book"
with = { room = "green" }
undo = { call = "desk.unbook", with = { id = "{{ steps.first.id }}" } }

[[step]]
id = "second"
in = "fan.two"
call = "desk.book"
with = { room = "red" }
undo = { call = "desk.unbook", with = { id = "{{ steps.second.id }}" } }

[[step]]
id = "ask"
in = "work"
gate = "Book the last one?"
risk = "low"
expires = "1h"
on = { denied = "no", expired = "no" }
next = "last"

[[step]]
id = "no"
in = "work"
end = "failed"

[[step]]
id = "last"
in = "work"
call = "desk.book"
with = { room = "white" }
undo = { call = "desk.unbook", with = { id = "{{ steps.last.id }}" } }

[[step]]
id = "sorry"
choose = [{ when = "steps.work.status == 'error'", to = "work" }]
else = "close"

[[step]]
id = "close"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

#[test]
fn what_a_scope_took_back_may_be_done_once_more() {
    let answer =
        |step: &str, id: &str| format!("\n[[answer]]\nstep = \"{step}\"\nwith = {{ id = \"{id}\" }}\n");
    let answers =
        [("book", "b"), ("first", "f"), ("second", "s"), ("last", "l")].map(|(step, id)| answer(step, id));
    let approved = "\n[[answer]]\nstep = \"ask\"\noutcome = \"approved\"\n";
    let grants = "schema = \"adjutant/v1\"\ntitle = \"Desk\"\n\n[[autonomy]]\nsubject = \"playbook:again\"\nverb = \"desk.*\"\nlevel = \"act\"\n";
    let test = format!(
        "schema = \"adjutant/v1\"\nplaybook = \"again\"\n{}\n[[expect]]\nstep = \"done\"\n",
        answers.concat() + approved
    );
    let files = company(&[
        ("connectors/desk.toml", desk::VERBS),
        ("policies/desk.toml", grants),
        ("playbooks/again.toml", AGAIN),
        ("tests/again.toml", &test),
    ]);
    let troubles = explore(&loaded(&files), "tests/again.toml", 150);
    assert!(troubles.is_empty(), "{}", told(&troubles));
}
