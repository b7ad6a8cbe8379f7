//! Branches as a file has them: what the compiler makes of `in` is what the machine runs.

use adjutant_machine::{call::Call, run::Status};
use adjutant_sim::Company;
use serde_json::{Value, json};

use super::tree::Tree;

const HEAD: &str = "schema = \"adjutant/v1\"\n\n[input.note]\ntype = \"string\"\ntrust = \"operator\"\n\n\
    [input.places]\ntype = \"list\"\ntrust = \"operator\"\n";
const FIRST: &str = "id = \"first\"\ncall = \"desk.note\"\nwith = { note = \"{{ input.note }}\" }";
const DIG: &str = "id = \"dig\"\neach = \"{{ input.places }}\"\nas = \"place\"\nmax_items = 5\nmin_ok = 1";
const AFTER: &str = "id = \"after\"\ncall = \"desk.note\"\nwith = { note = \"{{ steps.dig.items | map(attribute='status') | join(' ') }}\" }";
const DONE: &str = "id = \"done\"\nend = \"done\"";

fn tree(steps: &[&str], places: &[Value]) -> Tree {
    let steps: String = steps.iter().map(|step| format!("\n[[step]]\n{step}\n")).collect();
    Tree::of(&Company::of("dig", &format!("{HEAD}{steps}"), places))
}

fn mark(note: &str) -> String {
    format!("id = \"mark\"\nin = \"dig\"\ncall = \"desk.mark\"\nwith = {{ note = \"{note}\" }}")
}

/// Does the next act of a run, and returns what it was called with.
fn noted(tree: &mut Tree, run: &str) -> Value {
    let perform = tree.take(run);
    let Call::Verb(call) = &*perform.call else { panic!("a verb: {:?}", perform.call) };
    let note = call.args["note"].clone();
    tree.answer(&perform);
    tree.settle();
    note
}

#[test]
fn a_branch_reads_its_item_and_what_stood_outside() {
    let mark = mark("{{ place_index }} {{ place.name }} {{ steps.first.id }} {{ input.note }}");
    let mut tree = tree(&[FIRST, DIG, &mark, AFTER, DONE], &[json!({"name": "a"}), json!({"name": "b"})]);
    assert_eq!(noted(&mut tree, "dig-1~dig.1.1"), "1 b dig-1 a well");
    assert_eq!(noted(&mut tree, "dig-1~dig.1.0"), "0 a dig-1 a well");
    // Nothing follows the last step of a branch: it has ended well.
    assert_eq!(tree.status("dig-1~dig.1.0"), "done");
    assert_eq!(noted(&mut tree, "dig-1"), "done done");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Done));
}

#[test]
fn what_is_not_there_is_not_given_and_the_branch_falls_back() {
    let maybe = "id = \"maybe\"\nwhen = \"input.note == 'x'\"\ncall = \"desk.note\"\nwith = { note = \"x\" }";
    let mark = mark("{{ steps.maybe.id | default('none') }} {{ steps.maybe.id is defined }}");
    let mut tree = tree(&[FIRST, maybe, DIG, &mark, AFTER, DONE], &[json!(1)]);
    assert!(!tree.run("dig-1~dig.1.0").input.contains_key("steps:maybe:id"));
    assert_eq!(noted(&mut tree, "dig-1~dig.1.0"), "none False");
}

#[test]
fn too_few_good_items_take_the_edge_and_say_of_each_what_became_of_it() {
    let dig = format!("{DIG}\nmax_parallel = 1\non = {{ some_failed = \"lost\" }}");
    let bad = "id = \"bad\"\nin = \"dig\"\nend = \"failed\"";
    let lost = "id = \"lost\"\ncall = \"desk.note\"\nwith = { note = \"{{ steps.dig.items[0].error }} {{ steps.dig.failed }}\" }";
    let dig = dig.replace("min_ok = 1", "min_ok = 2");
    let steps =
        [FIRST, &dig, bad, &format!("{AFTER}\nnext = \"done\""), &format!("{lost}\nnext = \"done\""), DONE];
    let mut tree = tree(&steps, &[json!(1), json!(2)]);
    let value = tree.root().steps["dig"].value.as_ref().expect("a result").value.clone();
    assert_eq!(value["items"][0]["ok"], false);
    assert_eq!((&value["items"][0]["status"], &value["items"][0]["value"]), (&json!("failed"), &Value::Null));
    // After the first it was known that two cannot end well any more.
    assert_eq!(
        (&value["items"][1]["ok"], &value["items"][1]["status"]),
        (&json!(false), &json!("not_begun"))
    );
    let note = noted(&mut tree, "dig-1");
    assert!(note.as_str().is_some_and(|note| note.ends_with(" 2")), "{note}");
    assert_eq!(tree.host().ended("dig-1"), Some(Status::Done));
}

#[test]
fn an_inner_branch_reads_the_outer_item_and_lanes_are_read_by_name() {
    let fan = "id = \"fan\"\nin = \"dig\"\nparallel = [\"left\", \"right\"]";
    let lane = |lane: &str| {
        format!(
            "id = \"{lane}\"\nin = \"fan.{lane}\"\ncall = \"desk.note\"\nwith = {{ note = \"{lane} {{{{ place.name }}}} {{{{ steps.first.id }}}}\" }}"
        )
    };
    let mark = mark("{{ steps.fan.lanes.left.value.left.id }} {{ steps.fan.lanes.right.ok }}");
    let steps = [FIRST, DIG, fan, &lane("left"), &lane("right"), &mark, AFTER, DONE];
    let mut tree = tree(&steps, &[json!({"name": "a"})]);
    let outer = "dig-1~dig.1.0";
    assert_eq!(noted(&mut tree, &format!("{outer}~fan.1.1")), "right a dig-1");
    assert_eq!(noted(&mut tree, &format!("{outer}~fan.1.0")), "left a dig-1");
    assert_eq!(noted(&mut tree, outer), format!("{outer}~fan.1.0 True"));
    assert_eq!(noted(&mut tree, "dig-1"), "done");
}
