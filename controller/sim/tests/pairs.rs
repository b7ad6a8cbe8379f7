//! Every state that a run with branches, and a branch, comes through answers every event: it does not panic, the fold is the state,
//! and something will wake what goes on.

#[path = "branches/tree.rs"]
#[expect(dead_code, reason = "other rules use the other words")]
mod tree;

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{
    Definition, Env,
    branch::Round,
    event::{BranchEnded, Envelope, Event, Labelled, RunStarted, Settlement, TimerId},
    fact::Entry,
    fold,
    id::Stamp,
    run::Run,
    step,
    verdict::Verdict,
};
use adjutant_sim::{Company, Many};
use adjutant_spec::{plan::Join, value::Labels};
use serde_json::json;
use tree::{Tree, ended};

/// Returns trees that have come to their ends, good and bad, with the definition of their runs.
fn trees() -> Vec<(Company, Tree)> {
    let digs = Company::digs(&ended(&[false, true, false]), Many { max_parallel: 2, min_ok: Some(2) });
    let mut done = Tree::of(&digs);
    for run in ["dig-1~dig.1.0", "dig-1~dig.1.2", "dig-1"] {
        done.finish(run);
    }
    let mut back = Tree::of(&digs);
    for run in ["dig-1~dig.1.0", "dig-1~dig.1.2"] {
        back.finish(run);
    }
    back.cancel("dig-1");
    for run in ["dig-1~dig.1.2", "dig-1~dig.1.0", "dig-1"] {
        back.finish(run);
    }
    let splits = Company::splits(Join::AtLeast(2));
    let mut raced = Tree::of(&splits);
    raced.act("split-1~split.1.1");
    raced.approve("split-1~split.1.0");
    for run in ["split-1~split.1.2", "split-1~split.1.0", "split-1~split.1.1", "split-1"] {
        raced.finish(run);
    }
    let mut killed = Tree::of(&splits);
    killed.take("split-1~split.1.1");
    killed.send("split-1", Event::RunPaused { reason: "r".to_owned() });
    killed.send("split-1", Event::RunKilled { reason: "r".to_owned() });
    let mut trees = vec![(digs.clone(), done), (digs, back), (splits.clone(), raced), (splits, killed)];
    trees.extend(scoped());
    trees.extend(queued());
    trees
}

/// Returns trees of runs that stand in a queue: from the start, paused there, and once more after their end.
fn queued() -> Vec<(Company, Tree)> {
    let works = Company::works(&[json!("a"), json!("b")]).one_at_a_time();
    let mut ended = Tree::of(&works);
    ended.act("work-1");
    ended.cancel("work-1");
    ended.finish("work-1");
    let (step, edits, speaker, reason) = (None, Default::default(), Default::default(), None);
    assert_eq!(ended.verdict("work-1", Event::RunRetried { step, edits, speaker, reason }), Verdict::Applied);
    assert_eq!(ended.status("work-1"), "queued");
    let mut paused = Tree::standing(&works);
    assert_eq!(paused.verdict("work-1", Event::RunPaused { reason: "r".to_owned() }), Verdict::Applied);
    [ended, paused].map(|tree| (works.clone(), tree)).into()
}

/// Returns trees of runs with scopes: one that was left, one that failed and was begun again, one whose run gave up in it.
fn scoped() -> Vec<(Company, Tree)> {
    let works = Company::works(&[json!("a"), json!("b")]);
    let begun = || {
        let mut tree = Tree::of(&works);
        tree.act("work-1");
        tree
    };
    let mut done = begun();
    done.approve("work-1");
    done.finish("work-1");
    for run in ["work-1~fan.1.1", "work-1~fan.1.0", "work-1"] {
        done.finish(run);
    }
    let mut failed = begun();
    let gate = failed.root().timers.keys().find(|timer| matches!(timer, TimerId::Gate(_))).cloned();
    let timer = gate.expect("a person is asked");
    failed.wait_until(failed.root().timers[&timer]);
    failed.send("work-1", Event::TimerFired { timer });
    failed.finish("work-1");
    failed.approve("work-1");
    failed.finish("work-1");
    let mut back = begun();
    back.approve("work-1");
    back.finish("work-1");
    back.cancel("work-1");
    for run in ["work-1~fan.1.1", "work-1~fan.1.0", "work-1"] {
        back.finish(run);
    }
    [done, failed, back].map(|tree| (works.clone(), tree)).into()
}

fn ends(round: &Round, index: u32) -> Vec<Event> {
    let output = Labelled { value: json!({ "status": "x" }), labels: Labels::OPERATOR };
    let end = |status: &str, stands, doubt| {
        let (round, status, reason, output) = (round.clone(), status.to_owned(), None, output.clone());
        Event::BranchEnded(Box::new(BranchEnded { round, index, status, stands, doubt, reason, output }))
    };
    vec![
        end("done", true, false),
        end("done", false, false),
        end("failed", false, false),
        end("cancelled", false, false),
        end("killed", false, true),
        end("killed", false, false),
        end("rolled_back", false, false),
        end("of a newer build", true, true),
    ]
}

/// Returns everything that can happen to a run, and much that cannot.
fn events(run: &Run, started: &RunStarted) -> Vec<Event> {
    let reason = || "r".to_owned();
    let mut all = vec![
        Event::RunStarted(Box::new(started.clone())),
        Event::RunPaused { reason: reason() },
        Event::RunResumed { reason: String::new() },
        Event::RunCancelled { reason: reason() },
        Event::RunKilled { reason: reason() },
        Event::RunRolledBack { reason: reason(), seen: None },
        Event::RunRolledBack { reason: reason(), seen: Some(run.seq) },
        Event::RunRolledBack { reason: reason(), seen: Some(run.seq + 1) },
        Event::RunRetried {
            step: None,
            edits: Default::default(),
            speaker: Default::default(),
            reason: None,
        },
        Event::RunRetried {
            step: Some("dig".to_owned()),
            edits: Default::default(),
            speaker: Default::default(),
            reason: None,
        },
        Event::ClockSetBack,
        Event::TurnCame,
    ];
    all.extend(run.timers.keys().map(|timer| Event::TimerFired { timer: timer.clone() }));
    for effect in run.effects.keys() {
        let (effect, attempt) = (effect.clone(), 1);
        let settlement = Settlement::DidNotHappen;
        all.push(Event::EffectSettled { effect: effect.clone(), settlement, reason: None });
        let value = json!({ "id": "x" });
        let provenance = json!(null);
        all.push(Event::EffectSucceeded { effect, attempt, value, cost: None, provenance });
    }
    let rounds: BTreeSet<Round> = run.branches.keys().cloned().collect();
    for round in rounds {
        (0..4).for_each(|index| all.extend(ends(&round, index)));
    }
    let step = "split".to_owned();
    all.extend(ends(&Round { step: step.clone(), number: 0 }, 0));
    all.extend(ends(&Round { step, number: 9 }, u32::MAX));
    all
}

#[test]
fn every_state_of_a_tree_answers_every_event() {
    let (mut states, mut pairs, mut applied) = (0, 0, 0);
    for (company, tree) in trees() {
        let def = Definition::new(Arc::clone(&company.plan.bundles[company.playbook]));
        for kept in tree.host().runs.values() {
            for length in 1..=kept.log.len() {
                let log = &kept.log[..length];
                let run = fold(log).expect("it begins with its opening");
                states += 1;
                for event in events(&run, &company.started(1)) {
                    pairs += 1;
                    applied += u32::from(answered(&def, (&run, log), event));
                }
            }
        }
    }
    assert!(
        states > 150 && pairs > 6_000 && applied > 800,
        "{states} states, {pairs} pairs, {applied} applied"
    );
}

/// Steps once; tells whether anything came of it.
fn answered(def: &Definition, (run, log): (&Run, &[Entry]), event: Event) -> bool {
    let envelope =
        Envelope { at: Stamp(1_000_000_000_000), id: "new".to_owned(), by: "host".to_owned(), event };
    let env = Env { seq: run.seq + 1, seed: 1 };
    let answer = step(def, Some(run), &envelope, &env);
    assert_eq!(answer, step(def, Some(run), &envelope, &env), "the same arguments give the same bytes");
    let Some(next) = answer.next else { return false };
    let longer: Vec<Entry> = log.iter().cloned().chain([next.entry]).collect();
    assert_eq!(fold(&longer).as_ref(), Some(&next.run), "{:?} at {}", envelope.event, run.id);
    assert!(
        next.run.has_wake_up_cause(),
        "nothing will wake {} after {:?}: {:?}",
        run.id,
        envelope.event,
        next.run.position
    );
    true
}
