//! The story of the agency as a pure test: the committed example, no world.

mod common;

use adjutant_machine::{
    Refusal, Verdict,
    event::{Decision, ErrorClass, Event, Finding, Settlement},
    run::{GatePhase, Status},
    trust::Speaker,
};
use adjutant_sim::companies::{agency, lead, qualified};
use adjutant_spec::{plan::Stage, value::Trust};
use common::{World, args, verb};
use serde_json::json;

fn at_the_gate() -> World {
    let mut world = World::start(&agency(), "inbound", &lead());
    world.answer(json!({"class": "lead", "probability": 0.97}));
    world.answer(qualified());
    assert_eq!(world.at(), "approve");
    world
}

fn until_sent() -> World {
    let mut world = at_the_gate();
    world.approve();
    assert_eq!(verb(&world.answer(json!({"message_id": "m"}))), "mail.send");
    world
}

#[test]
fn a_lead_becomes_a_quote_a_customer_an_invoice_and_a_follow_up() {
    let mut world = until_sent();
    assert_eq!(verb(&world.answer(json!({"value": {}, "version": 1}))), "record.write");
    let invoice = world.answer(json!({"id": "inv-1", "status": "open"}));
    assert_eq!(
        (verb(&invoice), args(&invoice)["amount"].clone()),
        ("billing.create_invoice".to_owned(), json!(1200))
    );
    assert_eq!(world.at(), "patience");
    world.fire();
    assert_eq!(world.at(), "money", "nobody has answered: has somebody paid?");
    world.fire();
    assert_eq!(verb(&world.answer(json!({"message_id": "m2"}))), "mail.send");
    assert_eq!(world.host.ended("inbound-1"), Some(Status::Done));
    assert!(
        world.state().undo.iter().all(|entry| entry.state == adjutant_machine::run::UndoState::Registered)
    );
    assert!(world.host.timers.is_empty() && world.host.outbox.is_empty(), "nothing is left behind");
}

#[test]
fn the_card_shows_every_call_with_its_undo_and_marks_what_comes_from_outside() {
    let world = at_the_gate();
    let card = world.gate().card;
    let verbs: Vec<&str> = card.effects.iter().map(|call| call.verb.as_str()).collect();
    assert_eq!(verbs, ["mail.send", "record.write", "billing.create_invoice", "mail.send"]);
    let undo = card.effects[2].undo.as_ref().expect("the invoice has an undo");
    assert_eq!(
        (undo.verb.as_str(), &undo.args),
        ("billing.void_invoice", &json!({"id": "⟨steps.invoice.id⟩"}))
    );
    assert_eq!(card.show["steps.qualify.lead.email"].labels.trust, Trust::External);
    assert_eq!(card.question, "Send this quote to mia@bakery.example, and invoice the deposit?");
}

#[test]
fn approval_raises_trust_for_the_covered_call() {
    let mut world = at_the_gate();
    world.approve();
    let send = world.waiting();
    assert_eq!(send.labels.trust, Trust::Operator);
    assert_eq!(send.approval.expect("covered").by, "operator");
}

#[test]
fn a_second_equal_decision_is_a_duplicate_and_an_opposite_one_a_conflict() {
    let mut world = at_the_gate();
    let gate = world.gate();
    world.approve();
    let again = world.decide_gate(&gate, Decision::Approved { form: None });
    assert!(matches!(again, Verdict::Duplicate { first: Some(first) } if first.by == "operator"));
    let opposite = World::refusal(world.decide_gate(&gate, Decision::Denied));
    assert!(matches!(opposite, Refusal::Conflict { .. }), "{opposite}");
}

#[test]
fn a_card_that_was_not_shown_cannot_be_approved() {
    let mut world = at_the_gate();
    let mut gate = world.gate();
    gate.digest = "0".repeat(64);
    let refusal = World::refusal(world.decide_gate(&gate, Decision::Approved { form: None }));
    assert!(matches!(refusal, Refusal::StaleDigest { .. }), "{refusal}");
    assert!(world.host.outbox.is_empty());
}

#[test]
fn an_edit_is_what_is_sent_and_the_original_stays() {
    let mut world = at_the_gate();
    let digest = world.gate().digest;
    let values = [("steps.quote.text".to_owned(), json!("Hello Mia, 4000 EUR."))].into();
    assert_eq!(world.decide(Decision::Edited { values }), Verdict::Applied);
    let send = world.waiting();
    assert_eq!(args(&send)["body"], "Hello Mia, 4000 EUR.");
    assert_ne!(send.approval.expect("covered").digest, digest, "another payload is another digest");
    let original = world.state().edits["steps.quote.text"].original.as_str().expect("a text").to_owned();
    assert!(original.contains("thank you for writing"), "{original}");
}

#[test]
fn only_what_the_card_shows_may_be_edited_and_only_to_what_fits() {
    let mut world = at_the_gate();
    let refused = |world: &mut World, path: &str, value| {
        let values = [(path.to_owned(), value)].into();
        World::refusal(world.decide(Decision::Edited { values }))
    };
    let hidden = refused(&mut world, "steps.qualify.lead.need", json!("x"));
    assert!(matches!(hidden, Refusal::NotEditable { .. }), "{hidden}");
    let misfit = refused(&mut world, "steps.qualify.budget", json!("a lot"));
    assert!(matches!(misfit, Refusal::Invalid { .. }), "{misfit}");
    assert_eq!(world.gate().phase, GatePhase::Open);
}

#[test]
fn a_denied_or_expired_gate_sends_nothing() {
    let mut denied = at_the_gate();
    assert_eq!(denied.decide(Decision::Denied), Verdict::Applied);
    assert_eq!(denied.host.ended("inbound-1"), Some(Status::Cancelled));
    let mut expired = at_the_gate();
    expired.fire();
    assert_eq!(expired.host.ended("inbound-1"), Some(Status::Cancelled));
    assert!(expired.host.outbox.is_empty() && denied.host.outbox.is_empty());
}

#[test]
fn an_unsure_route_and_a_low_confidence_go_to_triage() {
    let mut unsure = World::start(&agency(), "inbound", &lead());
    unsure.answer(json!({"class": "unsure", "probability": 0.4}));
    assert_eq!(unsure.at(), "triage");
    let mut low = World::start(&agency(), "inbound", &lead());
    low.answer(json!({"class": "lead", "probability": 0.97}));
    let mut answer = qualified();
    answer["confidence"] = json!(0.3);
    low.answer(answer);
    assert_eq!(low.at(), "triage");
}

#[test]
fn without_a_model_the_operator_fills_in_the_form() {
    let mut world = World::start(&agency(), "inbound", &lead());
    world.answer(json!({"class": "lead", "probability": 0.97}));
    let agent = world.lease();
    assert_eq!(world.fail(&agent, ErrorClass::Unavailable), Verdict::Applied);
    let gate = world.gate();
    assert!(gate.card.form.is_some() && world.at() == "qualify");
    let missing = World::refusal(world.decide(Decision::Approved { form: None }));
    assert!(matches!(missing, Refusal::FormMissing { .. }));
    let misfit = World::refusal(world.decide(Decision::Approved { form: Some(json!({"fit": "good"})) }));
    assert!(matches!(misfit, Refusal::Invalid { .. }));
    assert_eq!(world.decide(Decision::Approved { form: Some(qualified()) }), Verdict::Applied);
    assert_eq!(world.at(), "approve");
}

#[test]
fn a_lost_mail_waits_for_the_operator_and_is_never_sent_twice() {
    let mut world = at_the_gate();
    world.approve();
    let mail = world.lease();
    assert_eq!(world.lose(&mail), Verdict::Applied);
    assert!(world.host.outbox.is_empty(), "nothing is sent again");
    assert!(world.host.notices.iter().any(|notice| notice.topic == "unknown"));
    let settlement = Settlement::Happened(json!({"message_id": "m"}));
    let settled =
        world.send("operator", Event::EffectSettled { effect: mail.effect, settlement, reason: None });
    assert_eq!((settled, world.at()), (Verdict::Applied, "customer"));
}

#[test]
fn a_host_that_dies_under_a_mail_leaves_it_unknown() {
    let mut world = at_the_gate();
    world.approve();
    world.lease();
    world.fire();
    assert_eq!(world.state().dead_letters().count(), 1);
    assert!(world.host.outbox.is_empty());
}

#[test]
fn a_lost_invoice_is_sent_again_under_its_key_and_a_late_answer_settles_it() {
    let mut world = until_sent();
    world.answer(json!({"value": {}, "version": 1}));
    let first = world.lease();
    assert_eq!(world.lose(&first), Verdict::Applied);
    world.fire();
    let second = world.waiting();
    assert_eq!((second.attempt, &second.call), (2, &first.call), "the same call under the same key");
    assert_eq!(world.succeed(&first, json!({"id": "inv-1", "status": "open"})), Verdict::Applied);
    assert!(world.host.outbox.is_empty(), "the newer attempt is withdrawn");
    assert_eq!(world.at(), "patience");
}

#[test]
fn an_invoice_in_doubt_after_its_last_attempt_is_probed() {
    let mut world = until_sent();
    world.answer(json!({"value": {}, "version": 1}));
    for _ in 0..5 {
        let attempt = world.lease();
        assert_eq!(world.lose(&attempt), Verdict::Applied);
        if world.host.outbox.is_empty() {
            world.fire();
        }
    }
    let probe = world.lease();
    assert_eq!(verb(&probe), "probe billing.find_invoice");
    let finding = Finding::Happened(json!({"id": "inv-1", "status": "open"}));
    assert_eq!(world.send("host", Event::EffectProbed { effect: probe.effect, finding }), Verdict::Applied);
    assert_eq!(world.at(), "patience");
}

#[test]
fn a_cancelled_run_takes_back_what_happened_the_last_first() {
    let mut world = until_sent();
    world.answer(json!({"value": {}, "version": 1}));
    let invoice = world.answer(json!({"id": "inv-1", "status": "open"}));
    assert_eq!(world.send("operator", Event::RunCancelled { reason: "enough".to_owned() }), Verdict::Applied);
    let void = world.answer(json!({}));
    assert_eq!((verb(&void), args(&void)), ("billing.void_invoice".to_owned(), json!({"id": "inv-1"})));
    assert_ne!(void.effect, invoice.effect, "an undo has its own key");
    let apology = world.answer(json!({"message_id": "m3"}));
    assert_eq!(args(&apology)["subject"], "Please ignore our last mail");
    assert!(apology.approval.is_some(), "the gate showed it");
    assert_eq!(world.host.ended("inbound-1"), Some(Status::Cancelled));
}

#[test]
fn a_mail_that_fails_for_good_goes_to_the_dead_letters_and_can_be_tried_again_under_a_new_approval() {
    let mut world = at_the_gate();
    world.approve();
    let mail = world.lease();
    assert_eq!(world.fail(&mail, ErrorClass::Invalid), Verdict::Applied);
    assert_eq!(world.host.ended("inbound-1"), Some(Status::Failed));
    assert_eq!(world.state().dead_letters().count(), 1);
    let edits = [("steps.quote.text".to_owned(), json!("Shorter."))].into();
    assert_eq!(
        world.send(
            "operator",
            Event::RunRetried { step: None, edits, speaker: Speaker::Operator, reason: None }
        ),
        Verdict::Applied
    );
    assert_eq!(world.at(), "approve", "the used approval covers no second call");
    world.approve();
    assert_eq!(args(&world.waiting())["body"], "Shorter.");
    assert_eq!(world.state().dead_letters().count(), 0);
}

#[test]
fn a_routes_decision_is_corrected_at_any_time_and_moves_nothing() {
    let mut world = World::start(&agency(), "inbound", &lead());
    let correct = |step: &str, class: Option<&str>| Event::ClassCorrected {
        step: step.to_owned(),
        class: class.map(str::to_owned),
    };
    let refusal = world.send("operator", correct("sort", None));
    assert_eq!(refusal, Verdict::Refused(Refusal::NotDecided { step: "sort".to_owned() }));
    world.answer(json!({"class": "lead", "probability": 0.97}));
    let refusal = world.send("operator", correct("nowhere", None));
    assert_eq!(refusal, Verdict::Refused(Refusal::NoSuchStep { step: "nowhere".to_owned() }));
    let refusal = world.send("operator", correct("qualify", None));
    assert_eq!(refusal, Verdict::Refused(Refusal::NotARoute { step: "qualify".to_owned() }));

    let (at, outbox) = (world.at().to_owned(), world.host.outbox.len());
    assert_eq!(world.send("operator", correct("sort", Some("support"))), Verdict::Applied);
    assert_eq!((world.at(), world.host.outbox.len()), (at.as_str(), outbox), "the run goes on as it was");
    world.send("operator", Event::RunCancelled { reason: "enough".to_owned() });
    assert_eq!(world.host.ended("inbound-1"), Some(Status::Cancelled));
    let again = world.send("operator", correct("sort", Some("support")));
    assert!(
        matches!(again, Verdict::Duplicate { first: Some(first) } if first.by == "operator"),
        "said before"
    );
    assert_eq!(world.send("operator", correct("sort", None)), Verdict::Applied, "the last word counts");
    let said: Vec<_> =
        world.state().corrections.values().map(|said| (&*said.route, said.class.clone())).collect();
    assert_eq!(said, [("inbound", None)]);
}

#[test]
fn an_observed_run_touches_nothing() {
    let plan = agency();
    let mut world = World::start_at(&plan, ("inbound", Stage::Observe), &lead());
    world.answer(json!({"class": "lead", "probability": 0.97}));
    world.answer(qualified());
    assert_eq!(world.at(), "patience");
    world.fire();
    assert_eq!(world.at(), "money", "nobody has answered: has somebody paid?");
    world.fire();
    assert_eq!(world.host.ended("inbound-1"), Some(Status::Done));
}

#[test]
fn a_pause_holds_the_mail_and_resume_sends_it() {
    let mut world = at_the_gate();
    world.send("operator", Event::RunPaused { reason: "thinking".to_owned() });
    world.approve();
    assert!(world.host.outbox.is_empty());
    assert_eq!(world.send("operator", Event::RunResumed { reason: String::new() }), Verdict::Applied);
    assert_eq!(verb(&world.waiting()), "mail.send");
}
