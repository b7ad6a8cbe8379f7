//! What a play tells of its course: with what a step asked.

use adjutant_company::company;
use adjutant_sim::scenario::{Played, Playhouse, play};
use adjutant_spec::{Loaded, files::FileSet, load, scenario};

fn loaded(files: &FileSet) -> Loaded {
    let loaded = load(files);
    assert!(!loaded.report.has_errors(), "{}", loaded.report.render());
    loaded
}

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
