//! The tree of runs: a kill ends what a run started, except what was to go on by itself.

mod common;

use adjutant_machine::{
    Verdict,
    event::{Event, Finding},
    id::EffectId,
    run::Status,
};
use adjutant_sim::companies::{small, started};
use adjutant_spec::plan::Plan;
use common::{World, verb};
use serde_json::json;

fn plan() -> Plan {
    let parent = |close: &str| {
        format!(
            "schema = \"adjutant/v1\"\ntitle = \"P\"\n[[step]]\nid = \"child\"\nrun = \"child\"\n\
             parent_close = \"{close}\"\non = {{ failed = \"close\" }}\nnext = \"done\"\n\
             [[step]]\nid = \"close\"\nend = \"cancelled\"\n[[step]]\nid = \"done\"\nend = \"done\"\n"
        )
    };
    let child = "schema = \"adjutant/v1\"\ntitle = \"C\"\n[[step]]\nid = \"rest\"\nwait = \"1h\"\nnext = \"done\"\n\
                 [[step]]\nid = \"done\"\nend = \"done\"\n";
    small(&[
        ("playbooks/child.toml", child),
        ("playbooks/wait.toml", &parent("wait")),
        ("playbooks/cancel.toml", &parent("cancel")),
        ("playbooks/detach.toml", &parent("detach")),
    ])
}

/// A parent whose child runs.
fn parent(close: &str) -> World {
    let mut world = World::start(&plan(), close, &[]);
    let asked = world.lease();
    assert_eq!(verb(&asked), "run child");
    begin_child(&mut world, &asked.effect);
    assert_eq!(world.succeed(&asked, json!({ "run": "child-1" })), Verdict::Applied);
    world
}

fn begin_child(world: &mut World, of: &EffectId) {
    let bundle = world.host.definitions.values().find(|bundle| bundle.playbook.id == "child").cloned();
    let mut started = started(&bundle.expect("a child"), adjutant_spec::plan::Stage::Act, &[]);
    started.parent = Some(of.clone());
    assert_eq!(world.host.start(started), Ok(Verdict::Applied));
}

fn kill(world: &mut World) {
    assert_eq!(world.send("operator", Event::RunKilled { reason: "stop".to_owned() }), Verdict::Applied);
    world.host.deliver_post().unwrap_or_else(|broken| panic!("{broken}"));
}

#[test]
fn a_kill_ends_the_children_that_a_run_would_wait_for_or_cancel() {
    for close in ["wait", "cancel"] {
        let mut world = parent(close);
        kill(&mut world);
        assert_eq!(world.host.ended("child-1"), Some(Status::Killed), "{close}");
        assert!(world.host.timers.is_empty(), "{close}: nothing of either wakes again");
    }
}

#[test]
fn a_child_that_was_to_go_on_by_itself_does_so_and_is_known_by_name() {
    let mut world = parent("detach");
    kill(&mut world);
    assert_eq!(world.host.ended("child-1"), None);
    let children: Vec<&str> =
        world.state().effects.values().filter_map(|state| Some(state.child.as_ref()?.run.as_str())).collect();
    assert_eq!(children, ["child-1"]);
}

#[test]
fn a_child_that_begins_after_its_parent_was_killed_ends_too() {
    for close in ["wait", "cancel", "detach"] {
        let mut world = World::start(&plan(), close, &[]);
        let asked = world.lease();
        kill(&mut world);
        begin_child(&mut world, &asked.effect);
        world.succeed(&asked, json!({ "run": "child-1" }));
        world.host.deliver_post().unwrap_or_else(|broken| panic!("{broken}"));
        let expected = (close != "detach").then_some(Status::Killed);
        assert_eq!(world.host.ended("child-1"), expected, "{close}");
    }
}

#[test]
fn a_child_that_ends_before_its_start_is_known_leaves_nobody_waiting() {
    for (fired, stands) in [(0, "leased"), (1, "backing_off"), (2, "queued")] {
        for is_unwound in [false, true] {
            let mut world = World::start(&plan(), "cancel", &[]);
            let asked = world.lease();
            begin_child(&mut world, &asked.effect);
            for _ in 0..fired {
                let next = world.host.timers.iter().find(|((of, _), _)| *of == world.run);
                let (timer, at) =
                    next.map(|((_, timer), at)| (timer.clone(), *at)).expect("a timer is stored");
                world.host.now = at;
                assert_eq!(world.send("host", Event::TimerFired { timer }), Verdict::Applied);
            }
            assert_eq!(world.state().effects[&asked.effect].life.phase.word(), stands);
            if is_unwound {
                world.send("operator", Event::RunCancelled { reason: "enough".to_owned() });
            }
            let killed = Event::RunKilled { reason: "stop".to_owned() };
            assert_eq!(world.host.send("child-1", "operator", killed), Ok(Verdict::Applied));
            world.host.deliver_post().unwrap_or_else(|broken| panic!("{broken}"));
            assert_eq!(world.host.ended(&world.run), Some(Status::Cancelled), "{stands} {is_unwound}");
            assert!(
                world.host.outbox.is_empty(),
                "{stands} {is_unwound}: nobody looks for it or starts it again"
            );
        }
    }
}

#[test]
fn a_start_that_was_lost_is_looked_up_and_not_repeated_while_its_run_unwinds() {
    for has_begun in [true, false] {
        let mut world = World::start(&plan(), "cancel", &[]);
        let asked = world.lease();
        if has_begun {
            begin_child(&mut world, &asked.effect);
        }
        world.send("operator", Event::RunCancelled { reason: "enough".to_owned() });
        world.lose(&asked);
        let probe = world.lease();
        assert_eq!(verb(&probe), "find child");
        let finding =
            if has_begun { Finding::Happened(json!({ "run": "child-1" })) } else { Finding::DidNotHappen };
        world.send("host", Event::EffectProbed { effect: probe.effect, finding });
        world.host.deliver_post().unwrap_or_else(|broken| panic!("{broken}"));
        assert_eq!(world.host.ended(&world.run), Some(Status::Cancelled), "begun: {has_begun}");
        assert_eq!(world.host.ended("child-1"), has_begun.then_some(Status::Cancelled));
    }
}
