//! What `check` proves of trust and bounds is what happens, also to a run whose bundle an older build has checked.

mod common;

use std::sync::Arc;

use adjutant_machine::{
    Verdict,
    event::{Labelled, RunStarted},
    run::Status,
};
use adjutant_sim::MemoryHost;
use adjutant_sim::companies::{small, started};
use adjutant_spec::{
    plan::{Bundle, PURE_STEPS, Plan, Stage, StepKind},
    value::{Labels, Privacy, Template, Trust},
};
use common::{World, verb};
use serde_json::{Value, json};

const MAIL: &str = "schema = \"adjutant/v1\"\nkind = \"mail\"\nendpoint = \"smtp://127.0.0.1:2525\"\nfrom = \"me@example.com\"\n";
const PAY: &str = "schema = \"adjutant/v1\"
deadline = \"1d\"

[input.amount]
type = \"number\"
trust = \"verified\"

[input.body]
type = \"string\"
trust = \"verified\"

[[step]]
id = \"ask\"
gate = \"Send?\"
expires = \"12h\"
auto = { when = \"input.amount < 20\" }
on = { denied = \"close\", expired = \"close\" }

[[step]]
id = \"send\"
call = \"mail.send\"
with = { to = \"me@example.com\", subject = \"Hi\", body = \"{{ input.body }}\" }
next = \"done\"

[[step]]
id = \"close\"
end = \"cancelled\"

[[step]]
id = \"done\"
end = \"done\"
";

fn plan() -> Plan {
    small(&[("connectors/mail.toml", MAIL), ("playbooks/pay.toml", PAY)])
}

/// Starts a run whose inputs are trusted so far.
fn run(bundle: &Arc<Bundle>, inputs: &[(&str, Value, Trust)]) -> World {
    let mut host = MemoryHost::seeded(7);
    host.define(Arc::clone(bundle));
    let input = inputs.iter().map(|(name, value, trust)| {
        let labels = Labels { trust: *trust, privacy: Privacy::Internal };
        ((*name).to_owned(), Labelled { value: value.clone(), labels })
    });
    let begin = RunStarted { input: input.collect(), ..started(bundle, Stage::Act, &[]) };
    let run = begin.run.clone();
    assert_eq!(host.start(begin), Ok(Verdict::Applied));
    World { host, run }
}

#[test]
fn a_gate_passes_by_itself_where_everything_is_trusted() {
    let bundle = Arc::clone(&plan().bundles["pay"]);
    let world =
        run(&bundle, &[("amount", json!(5), Trust::Verified), ("body", json!("Fine."), Trust::Verified)]);
    assert_eq!(verb(&world.waiting()), "mail.send");
}

#[test]
fn a_condition_over_what_an_outsider_gave_asks_a_person() {
    let bundle = Arc::clone(&plan().bundles["pay"]);
    // The input is declared as verified, and whoever started the run is trusted less.
    let world =
        run(&bundle, &[("amount", json!(5), Trust::External), ("body", json!("Fine."), Trust::Verified)]);
    assert_eq!(world.at(), "ask");
}

#[test]
fn an_outsiders_text_in_what_would_go_out_asks_a_person() {
    let bundle = Arc::clone(&plan().bundles["pay"]);
    let world =
        run(&bundle, &[("amount", json!(5), Trust::Verified), ("body", json!("Buy!"), Trust::External)]);
    assert_eq!(world.at(), "ask");
}

#[test]
fn a_bundle_of_an_older_build_opens_no_gate_for_an_outsider() {
    let mut old = (*plan().bundles["pay"]).clone();
    for step in &mut old.playbook.steps {
        if let StepKind::Gate { auto: Some(auto), .. } = &mut step.kind {
            auto.when = Template::parse_expression("'YES' in input.body").expect("an expression");
        }
    }
    let world = run(
        &Arc::new(old),
        &[("amount", json!(5), Trust::Verified), ("body", json!("YES"), Trust::External)],
    );
    assert_eq!(world.at(), "ask");
}

#[test]
fn an_agent_whose_precondition_does_not_hold_declines() {
    let agent = "schema = \"adjutant/v1\"\nprompt = \"prompts/read.md\"\ninput = { text = \"string\" }\npreconditions = [\"input.text | length > 0\"]\noutput = { amount = \"number\" }\n";
    let edges =
        "low_confidence = \"close\", refused = \"declined\", error = \"close\", over_budget = \"close\"";
    let playbook = format!(
        "schema = \"adjutant/v1\"\n[input.text]\ntype = \"string\"\n[[step]]\nid = \"read\"\nagent = \"reader\"\nwith = {{ text = \"{{{{ input.text }}}}\" }}\non = {{ {edges} }}\nnext = \"done\"\n[[step]]\nid = \"declined\"\nwait = \"1h\"\nnext = \"done\"\n[[step]]\nid = \"close\"\nend = \"cancelled\"\n[[step]]\nid = \"done\"\nend = \"done\"\n"
    );
    let plan = small(&[
        ("agents/reader.toml", agent),
        ("prompts/read.md", "Read {{ input.text }}.\n"),
        ("playbooks/hello.toml", &playbook),
    ]);
    let world = World::start(&plan, "hello", &[("text", json!(""))]);
    assert_eq!(world.at(), "declined");
    let world = World::start(&plan, "hello", &[("text", json!("a mail"))]);
    assert_eq!(world.at(), "read");
}

#[test]
fn the_most_steps_that_check_lets_through_are_taken_in_one_go() {
    // Two steps in a circle, each as often as the other and once more, and the end.
    let visits = PURE_STEPS / 2 - 2;
    let playbook = format!(
        "schema = \"adjutant/v1\"\n[[step]]\nid = \"text\"\nrender = \"templates/text.md\"\nvisits = {visits}\n[[step]]\nid = \"more\"\nchoose = [{{ when = \"run.id == 'x'\", to = \"done\" }}]\nelse = \"text\"\n[[step]]\nid = \"done\"\nend = \"done\"\n"
    );
    let plan = small(&[("templates/text.md", "Hello.\n"), ("playbooks/hello.toml", &playbook)]);
    let world = World::start(&plan, "hello", &[]);
    let failure = world.state().failure.clone().expect("the visits are used up");
    assert!(failure.message.contains("visited"), "the visits end it, not the walk: {}", failure.message);
    assert_eq!(world.host.ended(&world.run), Some(Status::Failed));
}

#[test]
fn the_longest_line_that_check_lets_through_is_walked_to_its_end() {
    let line: String = (0..PURE_STEPS)
        .map(|step| format!("[[step]]\nid = \"s{step}\"\nrender = \"templates/text.md\"\n"))
        .collect();
    let playbook = format!("schema = \"adjutant/v1\"\n{line}[[step]]\nid = \"done\"\nend = \"done\"\n");
    let plan = small(&[("templates/text.md", "Hello.\n"), ("playbooks/hello.toml", &playbook)]);
    let world = World::start(&plan, "hello", &[]);
    assert_eq!(world.host.ended(&world.run), Some(Status::Done));
}
