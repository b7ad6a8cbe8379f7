//! The tables of the machines, printed from what they answer over all samples; the same run proves that they answer.

#![expect(clippy::disallowed_methods, reason = "golden tables are files")]

use std::{collections::BTreeSet, fmt::Debug, fs, path::Path};

use adjutant_machine::{
    event::{Deferral, Denial, ErrorClass, Finding, Settlement},
    id::{EffectId, Stamp},
    life::{
        Lifecycle,
        breaker::{Breaker, BreakerEvent, BreakerPhase},
        delivery::{DeliveryEvent, DeliveryLife, DeliveryPhase, Unmet},
        effect::{EffectEvent, Failing, Leasing, Losing, Loss, Moment},
        gate::{GateEvent, GateLife},
        proposal::{ProposalEvent, ProposalLife, ProposalPhase},
        revision::{RevisionEvent, RevisionLife, RevisionPhase},
        run::{RunEvent, RunLife},
        table::{Samples, print},
        timer::{TimerEvent, TimerLife, TimerPhase},
    },
    run::{EffectPhase, GatePhase, Life, Phase, Status, Traits},
};
use adjutant_spec::plan::{Backoff, Effect, Idempotency, Retry};
use serde_json::json;

const AT: Stamp = Stamp(1_000);

fn golden<M>(file: &str, title: &str, samples: &Samples<M>, name: impl Fn(&M::State) -> String)
where
    M: Lifecycle,
    M::Action: Debug,
    M::State: PartialEq,
{
    let text = print(title, samples, name);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tables").join(file);
    if option_env!("ADJUTANT_WRITE_TABLES").is_some() {
        fs::write(&path, &text).expect("the table is writable");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, text, "tables/{file} is not what the machine answers");
    let rows = samples.states.len() * samples.events.len();
    assert_eq!(text.lines().count(), rows + 4, "every pair has its row");
}

#[test]
fn a_run_answers_every_event_in_every_phase() {
    let reason = || "r".to_owned();
    let ended = |status| Phase::Ended { status, at: AT, reason: None };
    let paused = |overdue, queued| Phase::Paused { reason: reason(), overdue, queued };
    let samples = Samples {
        machine: RunLife,
        states: vec![
            ("active", Phase::Active),
            ("paused", paused(false, None)),
            ("paused, overdue", paused(true, None)),
            ("unwinding", Phase::Unwinding { to: Status::Failed, reason: reason() }),
            ("done", ended(Status::Done)),
            ("failed", ended(Status::Failed)),
            ("cancelled", ended(Status::Cancelled)),
            ("killed", ended(Status::Killed)),
            ("unwinding to rolled back", Phase::Unwinding { to: Status::RolledBack, reason: reason() }),
            ("rolled back", ended(Status::RolledBack)),
            ("queued", Phase::Queued { since: AT }),
            ("queued, paused", paused(false, Some(AT))),
            ("queued, paused, overdue", paused(true, Some(AT))),
        ],
        events: vec![
            ("pause", RunEvent::Pause(reason())),
            ("resume", RunEvent::Resume),
            ("fail", RunEvent::Fail(reason())),
            ("give up", RunEvent::GiveUp(reason())),
            ("deadline", RunEvent::Deadline),
            ("finish", RunEvent::Finish(AT)),
            ("unwound", RunEvent::Unwound(AT)),
            ("retry", RunEvent::Retry(None)),
            ("roll back", RunEvent::RollBack(reason())),
            ("retry in its queue", RunEvent::Retry(Some(AT))),
            ("its turn", RunEvent::Turn),
        ],
    };
    golden("run.md", "The life of a run", &samples, |phase| match phase {
        Phase::Active => "active".to_owned(),
        Phase::Queued { .. } => "queued".to_owned(),
        Phase::Paused { overdue, queued, .. } => {
            let words = [(queued.is_some(), "queued"), (true, "paused"), (*overdue, "overdue")];
            let said = words.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word);
            said.collect::<Vec<_>>().join(", ")
        }
        Phase::Unwinding { to, .. } => format!("unwinding to {}", to.word()),
        Phase::Ended { status, .. } => status.word().to_owned(),
    });
}

#[test]
fn a_gate_answers_every_event_in_every_phase() {
    let phases = [
        ("open", GatePhase::Open),
        ("approved", GatePhase::Approved),
        ("edited", GatePhase::Edited),
        ("denied", GatePhase::Denied),
        ("expired", GatePhase::Expired),
        ("superseded", GatePhase::Superseded),
        ("withdrawn", GatePhase::Withdrawn),
    ];
    let samples = Samples {
        machine: GateLife,
        states: phases.to_vec(),
        events: vec![
            ("approve", GateEvent::Approve),
            ("edit", GateEvent::Edit),
            ("deny", GateEvent::Deny),
            ("expire", GateEvent::Expire),
            ("supersede", GateEvent::Supersede),
            ("withdraw", GateEvent::Withdraw),
        ],
    };
    golden("gate.md", "The life of a gate", &samples, |phase| format!("{phase:?}").to_lowercase());
}

#[test]
fn a_timer_answers_every_event_in_every_phase() {
    let samples = Samples {
        machine: TimerLife,
        states: vec![("absent", TimerPhase::Absent), ("armed", TimerPhase::Armed { at: AT })],
        events: vec![
            ("arm", TimerEvent::Arm(Stamp(2_000))),
            ("fire early", TimerEvent::Fire(Stamp(999))),
            ("fire", TimerEvent::Fire(AT)),
            ("clear", TimerEvent::Clear),
        ],
    };
    golden("timer.md", "The life of a timer", &samples, |phase| match phase {
        TimerPhase::Absent => "absent".to_owned(),
        TimerPhase::Armed { .. } => "armed".to_owned(),
    });
}

#[test]
fn a_breaker_answers_every_event_in_every_phase() {
    let samples = Samples {
        machine: Breaker { threshold: 2, first: 100, longest: 150 },
        states: vec![
            ("closed", BreakerPhase::Closed { failures: 0 }),
            ("closed, one short", BreakerPhase::Closed { failures: 1 }),
            ("open", BreakerPhase::Open { until: AT, pause: 100 }),
            ("half open", BreakerPhase::HalfOpen { until: AT, pause: 100, room: 1, out: 1 }),
            ("half open, wider", BreakerPhase::HalfOpen { until: AT, pause: 100, room: 4, out: 1 }),
        ],
        events: vec![
            ("admit before", BreakerEvent::Admit(Stamp(999))),
            ("admit after", BreakerEvent::Admit(AT)),
            ("success", BreakerEvent::Success),
            ("failure", BreakerEvent::Failure(AT)),
        ],
    };
    golden("breaker.md", "The life of a breaker", &samples, |phase| match phase {
        BreakerPhase::Closed { failures } => format!("closed, {failures} failures"),
        BreakerPhase::Open { pause, .. } => format!("open for {pause} ms"),
        BreakerPhase::HalfOpen { room, out, .. } => format!("half open, {out} of {room}"),
    });
}

#[test]
fn an_effect_answers_every_event_in_every_phase_and_class() {
    for (file, idempotency, has_probe) in [
        ("effect-pure.md", Idempotency::Pure, false),
        ("effect-native-key.md", Idempotency::NativeKey, false),
        ("effect-probe.md", Idempotency::Probe, true),
        ("effect-at-most-once.md", Idempotency::AtMostOnce, false),
    ] {
        let samples =
            Samples { machine: traits(idempotency, has_probe), states: lives(), events: happenings() };
        let covered: BTreeSet<&str> = samples.states.iter().map(|(_, life)| life.phase.word()).collect();
        assert_eq!(covered.len(), 16, "every phase is sampled: {covered:?}");
        let title = format!("The life of an effect: {idempotency:?}");
        golden(file, &title, &samples, |life| {
            let doubt = if life.doubt.is_empty() { "" } else { ", in doubt" };
            let unwanted = if life.unwanted { ", unwanted" } else { "" };
            format!("{} {}{doubt}{unwanted}", life.phase.word(), life.attempt)
        });
    }
}

#[test]
fn what_dies_with_its_host_again_and_again_is_shown_to_a_person() {
    let traits = traits(Idempotency::NativeKey, false);
    let mut life = Life::new(3, EffectPhase::Queued);
    let mut deaths = 0;
    while !matches!(life.phase, EffectPhase::Unknown { .. }) {
        let attempt = life.attempt;
        let moment = Moment { at: AT, seed: 1 };
        life = traits.drive(&life, &EffectEvent::Lease(Leasing { attempt, at: AT, until: AT })).state;
        let lost = Losing { attempt, by: Loss::HostDied, message: "it died".to_owned(), moment };
        life = traits.drive(&life, &EffectEvent::Lose(lost)).state;
        deaths += 1;
        let next = life.attempt;
        life = traits.drive(&life, &EffectEvent::Wake { attempt: next }).state;
        assert!(deaths <= 21, "a loop of crashes ends: {life:?}");
    }
    assert_eq!((deaths, life.attempt), (21, 21), "three attempts are allowed, and deaths are none of them");
    assert!(matches!(&life.phase, EffectPhase::Unknown { asked_operator: true, .. }), "{life:?}");
}

fn traits(idempotency: Idempotency, has_probe: bool) -> Traits {
    let period = |text: &str| text.parse().expect("a period");
    let backoff = Backoff { first: period("1s"), longest: period("10s") };
    let id = EffectId { run: "r".to_owned(), seq: 1, index: 0 };
    let retry = Retry { attempts: 3, backoff };
    let key_valid = (idempotency == Idempotency::NativeKey).then_some(86_400_000);
    Traits { id, effect: Effect::Spend, idempotency, has_probe, retry, key_valid }
}

fn life(attempt: u32, doubt: &[u32], phase: EffectPhase) -> Life {
    Life { attempt, doubt: doubt.iter().copied().collect(), ..Life::new(3, phase) }
}

fn lives() -> Vec<(&'static str, Life)> {
    let message = || "m".to_owned();
    let class = ErrorClass::Invalid;
    let deferred = |reason| EffectPhase::Deferred { reason, until: AT };
    vec![
        ("queued", life(1, &[], EffectPhase::Queued)),
        ("queued 2, in doubt", life(2, &[1], EffectPhase::Queued)),
        (
            "queued 2, key lapsed",
            Life { sent: Some(Stamp(-90_000_000)), ..life(2, &[1], EffectPhase::Queued) },
        ),
        ("leased", life(1, &[], EffectPhase::Leased { until: AT })),
        ("leased 2, in doubt", life(2, &[1], EffectPhase::Leased { until: AT })),
        ("leased, last", life(3, &[], EffectPhase::Leased { until: AT })),
        ("leased, unwanted", Life { unwanted: true, ..life(1, &[], EffectPhase::Leased { until: AT }) }),
        ("backing off", life(2, &[], EffectPhase::BackingOff { until: AT })),
        ("backing off, in doubt", life(2, &[1], EffectPhase::BackingOff { until: AT })),
        ("blocked by breaker", life(1, &[], deferred(Deferral::BlockedByBreaker))),
        ("waiting for slot", life(1, &[], deferred(Deferral::WaitingForSlot))),
        ("waiting for budget", life(1, &[], deferred(Deferral::WaitingForBudget))),
        ("held", life(1, &[], EffectPhase::Held)),
        ("waiting for approval", life(1, &[], EffectPhase::WaitingForApproval { gate: message() })),
        ("unknown", life(1, &[1], EffectPhase::Unknown { message: message(), asked_operator: false })),
        ("unknown, asked", life(3, &[3], EffectPhase::Unknown { message: message(), asked_operator: true })),
        (
            "unknown, unwanted",
            Life {
                unwanted: true,
                ..life(1, &[1], EffectPhase::Unknown { message: message(), asked_operator: false })
            },
        ),
        ("dead", life(3, &[], EffectPhase::Dead { class, message: message() })),
        ("succeeded", life(1, &[], EffectPhase::Succeeded)),
        ("failed", life(3, &[], EffectPhase::Failed { class, message: message() })),
        ("denied", life(1, &[], EffectPhase::Denied { denial: Denial::Policy, message: message() })),
        ("undone", life(1, &[], EffectPhase::Undone)),
        ("withdrawn", life(1, &[], EffectPhase::Withdrawn)),
        ("dropped", life(1, &[], EffectPhase::Dropped)),
    ]
}

fn happenings() -> Vec<(&'static str, EffectEvent)> {
    let message = || "m".to_owned();
    let moment = Moment { at: AT, seed: 1 };
    let failing = |class| Failing { class, message: message(), retry_after: None, moment };
    let lose = |attempt, by| EffectEvent::Lose(Losing { attempt, by, message: message(), moment });
    let fail = |attempt, class| EffectEvent::Fail { attempt, failure: failing(class) };
    vec![
        ("lease 1", EffectEvent::Lease(Leasing { attempt: 1, at: AT, until: AT })),
        ("lease 2", EffectEvent::Lease(Leasing { attempt: 2, at: AT, until: AT })),
        ("defer", EffectEvent::Defer { reason: Deferral::WaitingForSlot, until: AT }),
        ("deny", EffectEvent::Deny { denial: Denial::Budget, message: message() }),
        ("ask", EffectEvent::Ask { gate: message() }),
        ("approve", EffectEvent::Approve),
        ("succeed 1", EffectEvent::Succeed { attempt: 1 }),
        ("succeed 2", EffectEvent::Succeed { attempt: 2 }),
        ("fail 1, transient", fail(1, ErrorClass::Transient)),
        ("fail 1, invalid", fail(1, ErrorClass::Invalid)),
        ("fail 3, transient", fail(3, ErrorClass::Transient)),
        ("lose 1", lose(1, Loss::Unanswered)),
        ("lose 3", lose(3, Loss::Unanswered)),
        ("lose 1 with its host", lose(1, Loss::HostDied)),
        ("lose 3 with its host", lose(3, Loss::HostDied)),
        ("hold back 1", EffectEvent::HoldBack { attempt: 1 }),
        ("wake 2", EffectEvent::Wake { attempt: 2 }),
        ("found: happened", EffectEvent::Found(Finding::Happened(json!(1)))),
        ("found: did not", EffectEvent::Found(Finding::DidNotHappen)),
        ("found: unclear", EffectEvent::Found(Finding::Unclear(message()))),
        ("settle: happened", EffectEvent::Settle(Settlement::Happened(json!(1)))),
        ("settle: did not", EffectEvent::Settle(Settlement::DidNotHappen)),
        ("settle: undo", EffectEvent::Settle(Settlement::Undo)),
        ("settle: drop", EffectEvent::Settle(Settlement::Drop)),
        ("hold", EffectEvent::Hold),
        ("release", EffectEvent::Release),
        ("withdraw", EffectEvent::Withdraw),
        ("abandon", EffectEvent::Abandon("w".to_owned())),
        ("bury", EffectEvent::Bury),
        ("undone", EffectEvent::Undone),
    ]
}

#[test]
fn a_revision_answers_every_event_in_every_phase() {
    let text = || "x".to_owned();
    let samples = Samples {
        machine: RevisionLife,
        states: vec![
            ("seen", RevisionPhase::Seen),
            ("checked", RevisionPhase::Checked),
            ("planned", RevisionPhase::Planned { plan: text() }),
            ("applying", RevisionPhase::Applying { plan: text() }),
            ("live", RevisionPhase::Live),
            ("refused", RevisionPhase::Refused { reason: text() }),
            ("held", RevisionPhase::Held { reason: text() }),
            ("superseded", RevisionPhase::Superseded { by: text() }),
        ],
        events: vec![
            ("check passed", RevisionEvent::CheckPassed),
            ("check failed", RevisionEvent::CheckFailed { reason: text() }),
            ("planned", RevisionEvent::Planned { plan: text() }),
            ("withheld", RevisionEvent::Withheld { reason: text() }),
            ("begun", RevisionEvent::Begun),
            ("activated", RevisionEvent::Activated),
            ("moved", RevisionEvent::Moved),
            ("again", RevisionEvent::Again),
            ("newer", RevisionEvent::Newer { by: text() }),
        ],
    };
    golden("revision.md", "The life of a revision", &samples, |phase| phase.word().to_owned());
}

#[test]
fn a_delivery_answers_every_event_in_every_phase() {
    let reasons = |text: &str| vec![Unmet { playbook: None, reason: text.to_owned() }];
    let set_aside = |text| DeliveryEvent::SetAside { reasons: reasons(text), runs: Vec::new() };
    let samples = Samples {
        machine: DeliveryLife,
        states: vec![
            ("fresh", DeliveryPhase::Fresh),
            ("open", DeliveryPhase::Open { reasons: reasons("held") }),
            ("started", DeliveryPhase::Started),
            ("dropped", DeliveryPhase::Dropped { reason: "spam".to_owned() }),
        ],
        events: vec![
            ("set aside", set_aside("held")),
            ("set aside, another reason", set_aside("wrong type")),
            ("started", DeliveryEvent::Started { runs: vec!["r".to_owned()] }),
            ("dropped", DeliveryEvent::Dropped { reason: "spam".to_owned() }),
        ],
    };
    golden("delivery.md", "The life of a delivery", &samples, |phase| phase.word().to_owned());
}

#[test]
fn a_proposal_answers_every_event_in_every_phase() {
    let text = || "x".to_owned();
    let samples = Samples {
        machine: ProposalLife,
        states: vec![
            ("draft", ProposalPhase::Draft),
            ("open", ProposalPhase::Open),
            ("changed", ProposalPhase::Changed),
            ("approved", ProposalPhase::Approved { digest: text() }),
            ("merged", ProposalPhase::Merged { commit: text() }),
            ("applied", ProposalPhase::Applied),
            ("refused", ProposalPhase::Refused { reason: text() }),
        ],
        events: vec![
            ("opened", ProposalEvent::Opened),
            ("head replaced", ProposalEvent::HeadReplaced),
            ("approved", ProposalEvent::Approved { digest: text() }),
            ("approved, another digest", ProposalEvent::Approved { digest: "y".to_owned() }),
            ("landed", ProposalEvent::Landed { commit: text() }),
            ("could not land", ProposalEvent::CouldNotLand),
            ("activated", ProposalEvent::Activated),
            ("refused", ProposalEvent::Refused { reason: text() }),
        ],
    };
    golden("proposal.md", "The life of a proposal", &samples, |phase| phase.word().to_owned());
}
