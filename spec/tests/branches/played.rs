//! Scenarios of playbooks with branches: people write the paths that stand in the playbook, wherever its steps stand.

use adjutant_spec::{
    load,
    scenario::{self, Reply, Scenario},
};

use super::{DIG, DONE, INTRO, LINE, files};

const TEST: &str = "tests/dig.toml";

const ASK: &str = "id = \"ask\"\nin = \"dig\"\ngate = \"Send {{ topic.name }}?\"\n\
    show = [\"topic.name\", \"steps.intro\", \"steps.intro.text\", \"steps.line.text\"]\n\
    on = { denied = \"no\", expired = \"no\" }";

/// Returns the codes and messages of a scenario, and the scenario as it is played.
fn played(test: &str) -> (Vec<String>, Scenario) {
    let send = "id = \"send\"\nin = \"dig\"\ncall = \"crm.add\"\nwith = { note = \"{{ topic.name }}\" }\nnext = \"sent\"";
    let (no, sent) =
        ("id = \"no\"\nin = \"dig\"\nend = \"cancelled\"", "id = \"sent\"\nin = \"dig\"\nend = \"done\"");
    let mut files = files(&[INTRO, DIG, LINE, ASK, send, no, sent, DONE]);
    let begin = "schema = \"adjutant/v1\"\nplaybook = \"hello\"\ninput = { topics = [{ name = \"a\" }], note = \"n\" }\n";
    files.insert(TEST, format!("{begin}\n{test}").into_bytes());
    let loaded = load(&files);
    let of_test = loaded.report.diagnostics().iter().filter(|found| found.file == TEST);
    let found = of_test.map(|found| format!("{}: {}", found.code, found.message)).collect();
    (found, scenario::all(&loaded.draft).remove(0))
}

fn edited(scenario: &Scenario) -> Vec<&str> {
    let Reply::Outcome { edit, .. } = &scenario.answers[0].reply else { panic!("an outcome") };
    edit.keys().map(String::as_str).collect()
}

#[test]
fn a_gate_in_a_branch_is_edited_by_the_paths_of_its_playbook() {
    let edit =
        |path: &str| played(&format!("[[answer]]\nstep = \"dig[0].ask\"\nedit = {{ \"{path}\" = \"x\" }}"));
    for (written, in_branch) in [
        ("topic.name", "input.topic.name"),
        ("topic.name.first", "input.topic.name.first"),
        ("steps.intro.text", "input.steps:intro:text"),
        ("steps.intro.other", "input.steps:intro.other"),
        ("steps.line.text", "steps.line.text"),
    ] {
        let (found, scenario) = edit(written);
        assert_eq!((found, edited(&scenario)), (vec![], vec![in_branch]), "{written}");
    }
    for wrong in ["topic.email", "topic.names", "input.topic.name", "input.steps:intro:text"] {
        let message = format!("E0703: gate \"ask\" does not show \"{wrong}\"");
        assert_eq!(edit(wrong).0, [message]);
    }
}

#[test]
fn what_a_gate_in_a_branch_shows_is_expected_by_the_paths_of_its_playbook() {
    let expect = |table: &str, path: &str| {
        played(&format!("[[expect]]\nstep = \"ask\"\n{table} = {{ \"{path}\" = \"x\" }}"))
    };
    for (written, in_branch) in [
        ("topic.name", "input.topic.name"),
        ("steps.intro", "input.steps:intro"),
        ("steps.intro.text", "input.steps:intro:text"),
        ("steps.line.text", "steps.line.text"),
    ] {
        let (found, scenario) = expect("with", written);
        let keys: Vec<&str> = scenario.expect[0].with.keys().map(String::as_str).collect();
        assert_eq!((found, keys), (vec![], vec![in_branch]), "{written}");
        let (found, scenario) = expect("contains", written);
        let keys: Vec<&str> = scenario.expect[0].contains.keys().map(String::as_str).collect();
        assert_eq!((found, keys), (vec![], vec![in_branch]), "{written}");
    }
    for wrong in ["topic", "input.topic.name"] {
        let message = format!("E0410: step \"ask\" has no argument \"{wrong}\"");
        assert_eq!(expect("with", wrong).0, [message]);
    }
}
