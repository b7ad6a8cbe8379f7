//! Doubt and unwinding: what may have happened is found out and never forgotten, and what nobody wants any more is never sent.

mod common;

use adjutant_machine::{
    Refusal, Verdict,
    event::{Deferral, ErrorClass, Event, Finding, Settlement},
    id::EffectId,
    run::{Phase, Status},
    trust::Speaker,
};
use adjutant_sim::companies::small;
use common::{
    World,
    calls::{DESK, VERBS, world},
    verb,
};
use serde_json::json;

/// What makes a run unwind.
#[derive(Debug, Clone, Copy)]
enum Cause {
    Cancel,
    CancelWhilePaused,
    Deadline,
}

const CAUSES: [Cause; 3] = [Cause::Cancel, Cause::CancelWhilePaused, Cause::Deadline];

fn unwind(world: &mut World, cause: Cause) {
    let reason = || "enough".to_owned();
    match cause {
        Cause::Cancel => drop(world.send("operator", Event::RunCancelled { reason: reason() })),
        Cause::CancelWhilePaused => {
            world.send("operator", Event::RunPaused { reason: reason() });
            world.send("operator", Event::RunCancelled { reason: reason() });
        }
        Cause::Deadline => {
            world.host.now = world.host.now.plus(31 * 86_400_000);
            let timer = adjutant_machine::event::TimerId::Deadline;
            assert_eq!(world.send("host", Event::TimerFired { timer }), Verdict::Applied);
        }
    }
}

fn kill(world: &mut World) {
    let reason = "stop it".to_owned();
    assert_eq!(world.send("operator", Event::RunKilled { reason }), Verdict::Applied);
}

fn retry(world: &mut World) -> Verdict {
    world.send(
        "operator",
        Event::RunRetried { step: None, edits: Default::default(), speaker: Speaker::Operator, reason: None },
    )
}

fn settle(world: &mut World, effect: &EffectId, settlement: Settlement) -> Verdict {
    world.send("operator", Event::EffectSettled { effect: effect.clone(), settlement, reason: None })
}

fn phase(world: &World, effect: &EffectId) -> String {
    world.state().effects[effect].life.phase.word().to_owned()
}

/// Fires every timer that is left, a few times: nothing may leave by them.
fn wait_long(world: &mut World) {
    for _ in 0..20 {
        let _is_fired = world.host.fire_next().unwrap_or_else(|broken| panic!("{broken}"));
    }
}

#[test]
fn a_failure_while_unwinding_settles_the_call_and_nothing_is_sent_again() {
    for verb in VERBS {
        for cause in CAUSES {
            for class in [ErrorClass::RateLimited, ErrorClass::Transient, ErrorClass::Invalid] {
                let mut world = world(verb);
                let sent = world.lease();
                unwind(&mut world, cause);
                assert!(matches!(world.state().phase, Phase::Unwinding { .. }), "{verb} {cause:?}");
                world.fail(&sent, class);
                wait_long(&mut world);
                assert!(world.host.outbox.is_empty(), "{verb} {cause:?} {class:?}: it is sent again");
                assert!(world.state().is_ended(), "{verb} {cause:?} {class:?}");
            }
        }
    }
}

#[test]
fn what_has_not_left_when_a_run_unwinds_is_withdrawn_whatever_it_waits_for() {
    let deferrals = [
        None,
        Some(Deferral::BlockedByBreaker),
        Some(Deferral::WaitingForSlot),
        Some(Deferral::WaitingForBudget),
        Some(Deferral::Held),
    ];
    for verb in VERBS {
        for cause in CAUSES {
            for deferral in deferrals {
                let mut world = world(verb);
                let effect = world.waiting().effect;
                if let Some(reason) = deferral {
                    let event = Event::EffectDeferred { effect: effect.clone(), reason, until: None };
                    world.send("host", event);
                }
                unwind(&mut world, cause);
                assert_eq!(phase(&world, &effect), "withdrawn", "{verb} {cause:?} {deferral:?}");
                assert!(world.host.outbox.is_empty() && world.state().is_ended());
            }
            let mut world = self::world(verb);
            let sent = world.lease();
            world.fail(&sent, ErrorClass::Transient);
            unwind(&mut world, cause);
            assert_eq!(phase(&world, &sent.effect), "withdrawn", "{verb} {cause:?}: it backed off");
        }
    }
}

#[test]
fn a_lost_call_of_a_run_that_unwinds_is_found_out_and_not_sent() {
    for verb in VERBS {
        for cause in CAUSES {
            for is_lost_before in [false, true] {
                let mut world = world(verb);
                let sent = world.lease();
                if is_lost_before {
                    world.lose(&sent);
                    unwind(&mut world, cause);
                } else {
                    unwind(&mut world, cause);
                    world.lose(&sent);
                }
                assert_eq!(phase(&world, &sent.effect), "unknown", "{verb} {cause:?}");
                assert!(!world.state().is_ended(), "{verb} {cause:?}: what may have happened is known first");
                let rows: Vec<String> = world.host.outbox.values().map(common::verb).collect();
                let has_probe = matches!(verb, "keep" | "book");
                assert_eq!(
                    rows,
                    if has_probe { vec!["probe desk.find"] } else { vec![] },
                    "{verb} {cause:?}"
                );
                let verdict = if has_probe {
                    let (effect, finding) = (world.lease().effect, Finding::DidNotHappen);
                    world.send("host", Event::EffectProbed { effect, finding })
                } else {
                    settle(&mut world, &sent.effect, Settlement::DidNotHappen)
                };
                assert_eq!(verdict, Verdict::Applied);
                wait_long(&mut world);
                assert_eq!(phase(&world, &sent.effect), "withdrawn", "{verb} {cause:?}");
                assert!(world.host.outbox.is_empty() && world.state().is_ended(), "{verb} {cause:?}");
            }
        }
    }
}

#[test]
fn a_late_success_of_a_call_that_nobody_wants_any_more_is_known() {
    for verb in VERBS {
        let mut world = world(verb);
        let sent = world.lease();
        unwind(&mut world, Cause::Cancel);
        world.lose(&sent);
        world.succeed(&sent, json!({}));
        assert_eq!(phase(&world, &sent.effect), "succeeded", "{verb}");
        assert_eq!(world.host.ended(&world.run), Some(Status::Cancelled), "{verb}");
    }
}

#[test]
fn a_killed_run_keeps_the_doubt_about_what_was_under_way() {
    for verb in VERBS {
        let mut world = world(verb);
        let sent = world.lease();
        kill(&mut world);
        assert_eq!(world.host.ended(&world.run), Some(Status::Killed));
        assert_eq!(phase(&world, &sent.effect), "unknown", "{verb}");
        assert_eq!(world.state().dead_letters().count(), 1, "{verb}: the operator sees it");
        assert!(world.host.notices.iter().any(|notice| notice.topic == "unknown"), "{verb}");
        let refusal = World::refusal(retry(&mut world));
        assert_eq!(refusal, Refusal::InDoubt { effect: sent.effect.clone() });
        let advice = format!("adjutant dead settle {} --did-not-happen", sent.effect);
        assert!(refusal.to_string().contains(&advice), "{refusal}");
        assert!(world.host.outbox.is_empty());
    }
}

#[test]
fn a_doubt_from_before_a_kill_stays_too_and_what_never_left_is_no_doubt() {
    for verb in VERBS {
        let mut world = world(verb);
        let sent = world.lease();
        world.lose(&sent);
        kill(&mut world);
        assert_eq!(phase(&world, &sent.effect), "unknown", "{verb}");
        assert!(matches!(World::refusal(retry(&mut world)), Refusal::InDoubt { .. }), "{verb}");

        let mut world = self::world(verb);
        let effect = world.waiting().effect;
        kill(&mut world);
        assert_eq!(phase(&world, &effect), "withdrawn", "{verb}");
        assert_eq!(retry(&mut world), Verdict::Applied, "{verb}");
        assert_eq!(common::verb(&world.waiting()), format!("desk.{verb}"));
    }
}

#[test]
fn a_retry_sends_what_did_not_happen_once_more_and_what_did_not_at_all() {
    for verb in VERBS {
        let mut world = world(verb);
        let sent = world.lease();
        kill(&mut world);
        assert_eq!(settle(&mut world, &sent.effect, Settlement::DidNotHappen), Verdict::Applied);
        assert!(world.host.outbox.is_empty(), "{verb}: an ended run sends nothing");
        assert_eq!(retry(&mut world), Verdict::Applied);
        assert_ne!(world.waiting().effect, sent.effect, "{verb}");

        let mut world = self::world(verb);
        let sent = world.lease();
        kill(&mut world);
        let happened = Settlement::Happened(json!({ "id": "1" }));
        assert_eq!(settle(&mut world, &sent.effect, happened), Verdict::Applied);
        assert_eq!(retry(&mut world), Verdict::Applied);
        assert_eq!(world.at(), "after", "{verb}: what happened is not done a second time");
        assert!(world.host.outbox.is_empty());
    }
}

#[test]
fn an_answer_that_comes_after_a_kill_ends_the_doubt() {
    for verb in VERBS {
        let mut world = world(verb);
        let sent = world.lease();
        kill(&mut world);
        assert_eq!(world.succeed(&sent, json!({})), Verdict::Applied, "{verb}");
        assert_eq!(world.state().status(), "killed");
        assert_eq!(phase(&world, &sent.effect), "succeeded", "{verb}");
        assert_eq!(retry(&mut world), Verdict::Applied);
        assert_eq!(world.at(), "after", "{verb}");

        let mut world = self::world(verb);
        let sent = world.lease();
        kill(&mut world);
        assert_eq!(world.fail(&sent, ErrorClass::Transient), Verdict::Applied, "{verb}");
        assert!(world.host.outbox.is_empty() && world.host.timers.is_empty(), "{verb}");
        assert_eq!(retry(&mut world), Verdict::Applied);
        assert_eq!(common::verb(&world.waiting()), format!("desk.{verb}"));
    }
}

#[test]
fn a_run_that_has_ended_takes_nothing_back_and_says_what_to_do() {
    let plan = small(&[
        ("connectors/desk.toml", DESK),
        (
            "playbooks/undoes.toml",
            "schema = \"adjutant/v1\"\ntitle = \"U\"\n[[step]]\nid = \"act\"\ncall = \"desk.post\"\n\
             with = { text = \"hi\" }\nundo = { call = \"desk.put\", with = { text = \"back\" } }\nnext = \"done\"\n\
             [[step]]\nid = \"done\"\nend = \"done\"\n",
        ),
        (
            "policies/grants.toml",
            "schema = \"adjutant/v1\"\ntitle = \"G\"\n[[autonomy]]\nsubject = \"playbook:undoes\"\n\
             verb = \"desk.*\"\nlevel = \"act\"\n",
        ),
    ]);
    let mut world = World::start(&plan, "undoes", &[]);
    let sent = world.lease();
    kill(&mut world);
    let refusal = World::refusal(settle(&mut world, &sent.effect, Settlement::Undo));
    assert_eq!(refusal, Refusal::NothingTakenBack { effect: sent.effect });
    assert!(refusal.to_string().contains("--happened"), "{refusal}");
}

#[test]
fn an_answer_of_a_probe_that_is_over_says_nothing_about_a_later_doubt() {
    let mut world = world("book");
    let sent = world.lease();
    world.lose(&sent);
    let probe = world.lease().effect;
    let found = |finding| Event::EffectProbed { effect: probe.clone(), finding };
    assert_eq!(world.send("host", found(Finding::DidNotHappen)), Verdict::Applied);
    let again = world.lease();
    world.lose(&again);
    assert_eq!(world.send("host", found(Finding::DidNotHappen)), Verdict::Stale, "it looked before");
    assert_eq!(phase(&world, &sent.effect), "unknown");
}

#[test]
fn a_key_is_sent_again_while_it_is_valid_and_never_after() {
    for (minutes, is_sent) in [(1_u64, true), (119, true), (121, false), (3 * 24 * 60, false)] {
        let mut world = world("put");
        let sent = world.lease();
        world.lose(&sent);
        world.fire();
        world.host.now = world.host.now.plus(minutes * 60_000);
        let effect = world.waiting().effect;
        let leased = world.host.lease(&effect).unwrap_or_else(|broken| panic!("{broken}"));
        assert_eq!(leased.is_some(), is_sent, "after {minutes} minutes");
        if !is_sent {
            assert_eq!(phase(&world, &effect), "unknown");
            assert_eq!(world.state().dead_letters().count(), 1, "without a probe the operator is asked");
            assert!(world.host.outbox.is_empty());
        }
    }
}

#[test]
fn a_key_that_lapsed_is_looked_up_first_where_there_is_a_probe() {
    for (finding, goes_on) in [
        (Finding::Happened(json!({})), true),
        (Finding::DidNotHappen, false),
        (Finding::Unclear("?".into()), false),
    ] {
        let mut world = world("keep");
        let sent = world.lease();
        world.lose(&sent);
        world.fire();
        world.host.now = world.host.now.plus(3 * 86_400_000);
        let effect = world.waiting().effect;
        assert_eq!(world.host.lease(&effect).unwrap_or_else(|broken| panic!("{broken}")), None);
        let probe = world.lease();
        assert_eq!(verb(&probe), "probe desk.find");
        let is_unclear = matches!(finding, Finding::Unclear(_));
        world.send("host", Event::EffectProbed { effect: probe.effect, finding });
        assert_eq!(world.at() == "after", goes_on);
        if is_unclear {
            assert_eq!(phase(&world, &effect), "unknown");
        } else if !goes_on {
            // It is known that nothing happened: the key is as good as new.
            assert_eq!(verb(&world.lease()), "desk.keep");
        }
    }
}

#[test]
fn a_key_lapses_too_while_the_call_waits_for_its_turn() {
    for reason in [Deferral::BlockedByBreaker, Deferral::WaitingForSlot, Deferral::Held] {
        let mut world = world("put");
        let sent = world.lease();
        world.lose(&sent);
        world.fire();
        let effect = sent.effect.clone();
        world.send("host", Event::EffectDeferred { effect: effect.clone(), reason, until: None });
        world.host.now = world.host.now.plus(3 * 3_600_000);
        world.fire();
        assert_eq!(world.host.lease(&effect).unwrap_or_else(|broken| panic!("{broken}")), None, "{reason:?}");
        assert_eq!(phase(&world, &effect), "unknown", "{reason:?}");
    }
}

#[test]
fn an_attempt_that_definitely_failed_uses_no_key_up() {
    let mut world = world("put");
    let sent = world.lease();
    world.fail(&sent, ErrorClass::Transient);
    world.fire();
    world.host.now = world.host.now.plus(3 * 86_400_000);
    assert_eq!(world.lease().attempt, 2, "nothing happened under it");
}
