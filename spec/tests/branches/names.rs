//! The names that a playbook gives the items of its lists are known to the steps that stand inside, and nowhere else.

use adjutant_company::company;
use adjutant_spec::load;

use super::{DIG, DONE, INTRO, LINE, errors};

/// Returns `code: message` of each error of a playbook that has more than inputs and steps.
fn with_head(head: &str) -> Vec<String> {
    let playbook = format!(
        "schema = \"adjutant/v1\"\n{head}\n[input.topics]\ntype = \"list\"\ntrust = \"operator\"\n\n\
         [[step]]\n{INTRO}\n[[step]]\n{DIG}\n\n[[step]]\n{LINE}\n\n[[step]]\n{DONE}\n"
    );
    let site = "schema = \"adjutant/v1\"\nkind = \"webhook\"\nsecret = \"site\"\n\n[events]\nlead = { id = \"string\" }\n";
    let report = load(&company(&[
        ("playbooks/hello.toml", &playbook),
        ("connectors/site.toml", site),
        ("templates/plain.md", "Hello.\n"),
        ("templates/line.md", "{{ topic.name }}\n"),
    ]))
    .report;
    let errors = report.diagnostics().iter().filter(|found| found.code.name().starts_with('E'));
    errors.map(|found| format!("{}: {}", found.code, found.message)).collect()
}

#[test]
fn what_is_read_before_a_run_has_items_knows_none() {
    let trigger = |key: &str| {
        format!("[trigger]\nkind = \"event\"\nconnector = \"site\"\nevent = \"lead\"\nkey = \"{key}\"\n")
    };
    let name = |from: &str| format!("[input.name]\ntype = \"string\"\nfrom = \"{from}\"\n");
    let about = |key: &str| format!("about = {{ kind = \"topic\", key = \"{key}\" }}\n");
    assert_eq!(with_head(&trigger("{{ event.id }}")), Vec::<String>::new());
    for head in [
        trigger("{{ topic.id }}"),
        trigger("{{ topic_index }}"),
        format!("{}{}", trigger("{{ event.id }}"), name("{{ topic.name }}")),
        about("{{ topic.name }}"),
    ] {
        let found = with_head(&head);
        let is_told = |name: &str| found == [format!("E0114: nothing is called \"{name}\" here")];
        assert!(is_told("topic") || is_told("topic_index"), "{head}\n{found:#?}");
    }
}

#[test]
fn what_a_gate_shows_begins_with_a_name_that_there_is() {
    let ask = |within: &str, path: &str| {
        let edges = "on = { denied = \"no\", expired = \"no\" }";
        let ask = format!("id = \"ask\"\n{within}gate = \"Send?\"\nshow = [\"{path}\"]\n{edges}");
        let no = format!("id = \"no\"\n{within}end = \"cancelled\"");
        let yes = format!("id = \"yes\"\n{within}end = \"done\"");
        let ask = ask.replace(edges, &format!("{edges}\nnext = \"yes\""));
        errors(&[INTRO, DIG, LINE, &ask, &yes, &no, DONE])
    };
    let inside = "in = \"dig\"\n";
    for path in ["topic.name", "topic_index", "input.note", "steps.line.text", "run.key", "company.name"] {
        assert_eq!(ask(inside, path), Vec::<String>::new(), "{path}");
    }
    assert_eq!(ask(inside, "topik.name"), ["E0114: nothing is called \"topik\" here"]);
    assert_eq!(ask(inside, "event.id"), ["E0114: nothing is called \"event\" here"]);
}

#[test]
fn a_gate_outside_of_branches_shows_what_there_is_too() {
    let ask = |path: &str| {
        errors(&[
            &format!(
                "id = \"ask\"\ngate = \"Send?\"\nshow = [\"{path}\"]\non = {{ denied = \"done\", expired = \"done\" }}\nnext = \"done\""
            ),
            DONE,
        ])
    };
    assert_eq!(ask("input.note"), Vec::<String>::new());
    assert_eq!(ask("inputt.note"), ["E0114: nothing is called \"inputt\" here"]);
    assert_eq!(ask("topic.name"), ["E0114: nothing is called \"topic\" here"]);
}

#[test]
fn a_name_that_a_template_sets_is_its_own_as_far_as_it_is_sure() {
    let said = |set: &str| {
        let line = format!(
            "id = \"line\"\nin = \"dig\"\ncall = \"crm.add\"\nwith = {{ note = \"{set}{{{{ topic.name }}}}!\" }}"
        );
        errors(&[INTRO, DIG, &line, DONE])
    };
    let other = "{% set topic = {'name': 'b'} %}";
    assert_eq!(
        said(&format!("{{% if topic.ok %}}{other}{{% else %}}{other}{{% endif %}}")),
        Vec::<String>::new()
    );
    assert_eq!(
        said(&format!("{{% if topic.ok %}}{other}{{% endif %}}")),
        ["E0111: a template of step \"line\" is too large or too tangled to stand in a branch"]
    );
}
