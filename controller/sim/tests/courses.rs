//! What a play tells of its course: with what a step asked, and which way was taken.

use adjutant_company::{company, loaded};
use adjutant_sim::scenario::{Coverage, Played, Playhouse, play};
use adjutant_spec::{Loaded, scenario};

/// Plays the one scenario of a company.
fn played(loaded: &Loaded) -> Played {
    let scenario = scenario::all(&loaded.draft).remove(0);
    play(&mut Playhouse::new(loaded.plan.as_ref().expect("it checks")), &scenario)
}

const THINKER: &str = r#"schema = "adjutant/v1"
prompt = "prompts/thinker.md"
input = { message = "string", tone = "string" }

[model]
connector = "llm"
name = "gpt-4.1-mini-2025-04-14"
fallback = "operator"
fallback_expires = "72h"

[output]
text = "string"
"#;

const LETTER: &str = r#"schema = "adjutant/v1"
title = "Answers a letter"

[trigger]
kind = "manual"

[input.message]
type = "string"
trust = "operator"

[[step]]
id = "think"
agent = "thinker"
with = { message = "{{ input.message }}", tone = "calm" }
timeout = "60s"
on = { refused = "lost", error = "lost", over_budget = "lost" }
next = "done"

[[step]]
id = "lost"
end = "failed"

[[step]]
id = "done"
end = "done"
"#;

const LLM: &str = r#"schema = "adjutant/v1"
kind = "openai"
endpoint = "http://127.0.0.1:1/v1"
"#;

#[test]
fn what_an_agent_was_asked_stands_where_a_person_stands_in() {
    let test = r#"schema = "adjutant/v1"
playbook = "letter"
input = { message = "Where is it?" }

[[answer]]
step = "think"
error = "invalid"

[[answer]]
step = "think"
outcome = "approved"
with = { text = "Here" }

[[expect]]
step = "think"
outcome = "ok"
with = { message = "Where is it?", tone = "calm" }
"#;
    let played = played(&loaded(&company(&[
        ("agents/thinker.toml", THINKER),
        ("prompts/thinker.md", "Answer {{ input.message }} in a {{ input.tone }} tone."),
        ("connectors/llm.toml", LLM),
        ("playbooks/letter.toml", LETTER),
        ("tests/letter.toml", test),
    ])));
    assert_eq!(played.finding, None, "{}", played.course.lines().join("\n"));
}

const FORK: &str = r#"schema = "adjutant/v1"
title = "Sorts a number"

[trigger]
kind = "manual"

[input.sum]
type = "number"
trust = "operator"

[[step]]
id = "look"
render = "templates/sum.md"

[[step]]
id = "fork"
choose = [
    { when = "input.sum > 100", to = "ask" },
    { when = "input.sum < 0", to = "ask" },
    { when = "steps.look.text == '7'", to = "done" },
]
else = "ELSE"
NEXT

[[step]]
id = "ask"
end = "failed"

[[step]]
id = "done"
end = "done"
"#;

/// Returns the ways that a play with a sum takes.
fn ways(fork: &str, sum: i32) -> Vec<String> {
    let test = format!("schema = \"adjutant/v1\"\nplaybook = \"fork\"\ninput = {{ sum = {sum} }}\n");
    let loaded = loaded(&company(&[
        ("playbooks/fork.toml", fork),
        ("templates/sum.md", "{{ input.sum }}"),
        ("tests/fork.toml", &test),
    ]));
    let bundle = &loaded.plan.as_ref().expect("it checks").bundles["fork"];
    let mut coverage = Coverage::default();
    coverage.begin(bundle);
    coverage.count(&played(&loaded).course);
    let taken = coverage.playbooks["fork"].ways.iter().filter(|(_, times)| **times > 0);
    taken.map(|(way, _)| format!("{} -{}-> {}", way.from, way.outcome, way.to)).collect()
}

#[test]
fn the_arm_that_held_is_counted_where_others_lead_to_the_same_step() {
    let fork = FORK.replace("ELSE", "ask").replace("NEXT\n", "");
    let first = "look -ok-> fork";
    assert_eq!(ways(&fork, 101), ["fork -input.sum > 100-> ask", first]);
    assert_eq!(ways(&fork, -1), ["fork -input.sum < 0-> ask", first]);
    assert_eq!(ways(&fork, 5), ["fork -else-> ask", first]);
    assert_eq!(ways(&fork, 7), ["fork -steps.look.text == '7'-> done", first]);
}

#[test]
fn what_follows_where_no_arm_holds_counts_as_else() {
    let fork = FORK.replace("else = \"ELSE\"\n", "").replace("NEXT", "next = \"ask\"");
    assert_eq!(ways(&fork, 5), ["fork -else-> ask", "look -ok-> fork"]);
}
