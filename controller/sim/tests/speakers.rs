//! Who speaks caps trust: what an input declares is not enough, a gate's `auto` sees who gave the value, and what a person fills
//! in or changes is trusted as that person is.

mod common;

use std::collections::BTreeMap;

use adjutant_machine::{
    event::{Decision, Event, GateDecided},
    run::Phase,
    trust::Speaker,
    verdict::Verdict,
};
use adjutant_sim::companies::small;
use adjutant_spec::{
    plan::{Plan, Stage},
    value::{Labels, Privacy, Trust},
};
use common::{World, verb};
use serde_json::{Value, json};

const MAIL: &str = "schema = \"adjutant/v1\"\nkind = \"mail\"\nendpoint = \"smtp://127.0.0.1:2525\"\nfrom = \"me@example.com\"\n";

const SMALL: &str = r#"schema = "adjutant/v1"
title = "Answers small orders by itself"
deadline = "9d"

[input.amount]
type = "number"
trust = "operator"

[input.to]
type = "string"
trust = "operator"

[[step]]
id = "ask"
gate = "Answer?"
show = ["input.to"]
risk = "low"
expires = "72h"
auto = { when = "input.amount < 20" }
on = { denied = "close", expired = "close" }

[[step]]
id = "send"
call = "mail.send"
with = { to = "{{ input.to }}", subject = "Yours", body = "Thank you." }
on = { denied = "close" }

[[step]]
id = "done"
end = "done"

[[step]]
id = "close"
end = "cancelled"
"#;

fn plan() -> Plan {
    small(&[("connectors/mail.toml", MAIL), ("playbooks/small.toml", SMALL)])
}

/// Starts the playbook as the host does: what is declared, capped by who speaks.
fn started(speaker: Speaker) -> World {
    let inputs: [(&str, Value); 2] = [("amount", json!(5)), ("to", json!("a@b.example"))];
    let declared = Labels { trust: Trust::Operator, privacy: Privacy::Internal };
    World::start_labelled(&plan(), ("small", Stage::Act), &inputs, speaker.cap(declared))
}

#[test]
fn a_gate_passes_by_itself_only_for_words_that_are_not_from_outside() {
    for speaker in [Speaker::Operator, Speaker::Token, Speaker::Signed] {
        assert_eq!(verb(&started(speaker).waiting()), "mail.send", "{speaker:?}");
    }
    for speaker in [Speaker::Agent, Speaker::Outside] {
        let world = started(speaker);
        assert_eq!(world.gate().card.step, "ask", "{speaker:?}");
        assert_eq!(world.state().phase, Phase::Active);
    }
}

#[test]
fn what_is_changed_at_a_gate_is_trusted_as_who_changes_it() {
    for (speaker, expected) in [
        (Speaker::Operator, Trust::Operator),
        (Speaker::Token, Trust::Verified),
        (Speaker::Agent, Trust::External),
    ] {
        let mut world = started(Speaker::Outside);
        let gate = world.gate();
        let values = BTreeMap::from([("input.to".to_owned(), json!("c@d.example"))]);
        let decided = GateDecided {
            gate: gate.id.clone(),
            digest: gate.digest,
            decision: Decision::Edited { values },
            reason: None,
            speaker,
        };
        assert_eq!(world.send("somebody", Event::GateDecided(Box::new(decided))), Verdict::Applied);
        assert_eq!(
            adjutant_machine::labels::of_path(world.state(), "input.to").trust,
            expected,
            "{speaker:?}"
        );
        // What the gate itself tells is no more than who decided it.
        assert_eq!(
            adjutant_machine::labels::of_path(world.state(), "steps.ask.by").trust,
            expected,
            "{speaker:?}"
        );
    }
}
