//! `scope` in a file: what stands in it, what it and others may read, where its edges lead, and what the plan makes of it.

use adjutant_company::{CRM, CRM_GRANT, MAIL, company, plan};
use adjutant_spec::{
    load,
    plan::{Bundle, Step, StepKind},
};

const INTRO: &str = "id = \"intro\"\nrender = \"templates/plain.md\"";
const GROUP: &str = "id = \"group\"\nscope = \"the work\"\ndeadline = \"2h\"\non = { error = \"sorry\", expired = \"sorry\" }\nnext = \"done\"";
const LOOK: &str =
    "id = \"look\"\nin = \"group\"\ncall = \"crm.add\"\nwith = { note = \"{{ steps.intro.text }}\" }";
const KEEP: &str =
    "id = \"keep\"\nin = \"group\"\ncall = \"crm.add\"\nwith = { note = \"{{ steps.look.id }}\" }";
const SORRY: &str = "id = \"sorry\"\nrender = \"templates/plain.md\"\nnext = \"done\"";
const DONE: &str = "id = \"done\"\nend = \"done\"";

fn files(steps: &[&str]) -> adjutant_spec::files::FileSet {
    let steps: String = steps.iter().map(|step| format!("\n[[step]]\n{step}\n")).collect();
    let inputs = "[input.topics]\ntype = \"list\"\ntrust = \"operator\"\n\n[input.note]\ntype = \"string\"\ntrust = \"operator\"\n";
    let playbook = format!("schema = \"adjutant/v1\"\n\n{inputs}{steps}");
    company(&[
        ("connectors/mail.toml", MAIL),
        ("connectors/crm.toml", CRM),
        ("policies/grants.toml", CRM_GRANT),
        ("templates/plain.md", "Hello.\n"),
        ("playbooks/hello.toml", &playbook),
    ])
}

/// Returns `code: message` of each error, and of each warning about scopes.
fn found(steps: &[&str]) -> Vec<String> {
    let report = load(&files(steps)).report;
    let told = |name: &str| name.starts_with('E') || name == "W0301";
    let found = report.diagnostics().iter().filter(|found| told(found.code.name()));
    found.map(|found| format!("{}: {}", found.code, found.message)).collect()
}

fn bundle(steps: &[&str]) -> Bundle {
    (*plan(&files(steps)).bundles["hello"]).clone()
}

fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}

fn nothing() -> Vec<String> {
    Vec::new()
}

#[test]
fn what_stands_in_a_scope_comes_behind_it_and_goes_on_behind_it() {
    // The order among its own steps is that of the file, wherever the others stand.
    let bundle = bundle(&[LOOK, INTRO, GROUP, KEEP, SORRY, DONE]);
    let playbook = &bundle.playbook;
    assert_eq!(ids(&playbook.steps), ["intro", "group", "look", "keep", "sorry", "done"]);
    let next = |id: &str| playbook.step(id).expect("it is there").next.as_deref();
    assert_eq!([next("intro"), next("look"), next("keep")], [Some("group"), Some("keep"), None]);
    let StepKind::Scope { scope, deadline, budget, steps } = &playbook.steps[1].kind else { panic!() };
    assert_eq!((scope.as_str(), steps.clone()), ("the work", vec!["look".to_owned(), "keep".to_owned()]));
    assert_eq!((deadline.expect("it has one").millis(), *budget), (7_200_000, None));
}

#[test]
fn what_a_scope_gave_is_there_where_every_way_leads_through_it() {
    let after = |text: &str| {
        let done =
            format!("id = \"after\"\ncall = \"crm.add\"\nwith = {{ note = \"{text}\" }}\nnext = \"done\"");
        let group = GROUP.replace("next = \"done\"", "next = \"after\"");
        found(&[INTRO, &group, LOOK, KEEP, SORRY, &done, DONE])
    };
    assert_eq!(after("{{ steps.look.id }} {{ steps.keep.id }} {{ steps.group.status }}"), nothing());
    assert_eq!(
        after("{{ steps.group.text }}"),
        ["E0213: `steps.group.text` does not exist: there is no \"text\""]
    );
    let sorry = |text: &str| {
        let sorry =
            format!("id = \"sorry\"\ncall = \"crm.add\"\nwith = {{ note = \"{text}\" }}\nnext = \"done\"");
        found(&[INTRO, GROUP, LOOK, KEEP, &sorry, DONE])
    };
    assert_eq!(sorry("{{ steps.group.error }} {{ steps.intro.text }}"), nothing());
    assert_eq!(sorry("{{ steps.look.id | default('') }}"), nothing());
    assert_eq!(
        sorry("{{ steps.look.id }}"),
        [
            "E0214: step \"sorry\" reads `steps.look.id`, which is not there on the path intro -> group -> look -> sorry"
        ]
    );
    // A scope that may be skipped gives nothing for certain.
    let group =
        format!("{GROUP}\nwhen = \"input.note != ''\"").replace("next = \"done\"", "next = \"after\"");
    let last =
        "id = \"after\"\ncall = \"crm.add\"\nwith = { note = \"{{ steps.look.id }}\" }\nnext = \"done\"";
    let skipped = found(&[INTRO, &group, LOOK, KEEP, SORRY, last, DONE]);
    assert!(skipped.len() == 1 && skipped[0].starts_with("E0214"), "{skipped:?}");
    // Inside, the scope itself has no result yet.
    let early = KEEP.replace("steps.look.id", "steps.group.status");
    let early = found(&[INTRO, GROUP, LOOK, &early, SORRY, DONE]);
    assert!(early.len() == 1 && early[0].starts_with("E0214"), "{early:?}");
}

const ASK: &str = "id = \"ask\"\ngate = \"Send it?\"\non = { denied = \"done\", expired = \"done\" }";
const SEND: &str = "id = \"send\"\nin = \"group\"\ncall = \"mail.send\"\nwith = { to = \"a@example.com\", subject = \"Hi\", body = \"{{ input.note }}\" }";

#[test]
fn a_gate_covers_into_a_scope_and_out_of_it_but_not_where_something_went_wrong() {
    let bundle = bundle(&[INTRO, ASK, GROUP, LOOK, SEND, SORRY, DONE]);
    let covered: Vec<&str> = bundle.covers["ask"].iter().map(|covered| covered.step.as_str()).collect();
    assert_eq!(covered, ["look", "send"]);
    let ask = "id = \"ask\"\nin = \"group\"\ngate = \"Send it?\"\non = { denied = \"no\", expired = \"no\" }";
    let no = "id = \"no\"\nin = \"group\"\nend = \"failed\"";
    let look = LOOK.replace("\nwith", "\nnext = \"ask\"\nwith");
    let group = GROUP.replace("next = \"done\"", "next = \"send\"");
    let send = SEND.replace("in = \"group\"\n", "").replace("\ncall", "\nnext = \"done\"\ncall");
    let ask = format!("{ask}\nnext = \"keep\"");
    assert_eq!(found(&[INTRO, &group, &look, &ask, no, KEEP, SORRY, &send, DONE]), nothing());
    // What the gate inside approved says nothing of the way on which the scope failed.
    let sorry = SEND.replace("in = \"group\"\n", "").replace("\"send\"", "\"sorry\"") + "\nnext = \"done\"";
    let group = GROUP;
    let failed = found(&[INTRO, group, &look, &ask, no, KEEP, &sorry, DONE]);
    assert!(failed.len() == 1 && failed[0].starts_with("E0402: step \"sorry\""), "{failed:?}");
}

#[test]
fn what_is_wrong_with_a_scope_is_said_where_it_is() {
    let idle = "id = \"group\"\nscope = \"the work\"\nnext = \"done\"";
    let longer = "id = \"part\"\nin = \"group\"\nscope = \"a part\"\ndeadline = \"3h\"";
    let cases: [(&[&str], &str); 10] = [
        (&[INTRO, GROUP, SORRY, DONE], "E0315: scope \"group\" has no steps"),
        (
            &[INTRO, GROUP, &LOOK.replace("\"group\"", "\"group.a\""), SORRY, DONE],
            "E0313: step \"look\" stands in \"group.a\", which has no lanes",
        ),
        (
            &[INTRO, GROUP, &format!("{LOOK}\nnext = \"done\""), SORRY, DONE],
            "E0314: step \"look\" stands in scope \"group\" and goes to step \"done\", which stands outside",
        ),
        (
            &[&format!("{INTRO}\nnext = \"keep\""), GROUP, LOOK, KEEP, SORRY, DONE],
            "E0314: step \"intro\" stands outside and goes to step \"keep\", which stands in scope \"group\"",
        ),
        (
            &[INTRO, idle, LOOK, DONE],
            "W0301: scope \"group\" changes nothing: it has no deadline, no budget and no `error` edge",
        ),
        (
            &[INTRO, &GROUP.replace("deadline = \"2h\"\n", ""), LOOK, SORRY, DONE],
            "E0303: scope \"group\" has no deadline, so its outcome is never \"expired\"",
        ),
        (
            &[INTRO, &GROUP.replace("\"sorry\" }", "\"sorry\", failed = \"sorry\" }"), LOOK, SORRY, DONE],
            "E0303: a `scope` step has no outcome \"failed\"",
        ),
        (
            &[INTRO, SORRY, DONE, "id = \"group\"\nscope = \"the work\"\non = { error = \"sorry\" }", LOOK],
            "E0308: nothing follows step \"group\", and it does not end the run",
        ),
        (
            &[INTRO, GROUP, longer, &LOOK.replace("\"group\"", "\"part\""), SORRY, DONE],
            "E0610: scope \"part\" may take 3h, longer than the 2h of what it stands in",
        ),
        (
            &[INTRO, GROUP, LOOK, &SORRY.replace("\"done\"", "\"group\""), DONE],
            "E0310: nothing bounds the cycle through \"group\", \"look\" and \"sorry\"",
        ),
    ];
    for (steps, expected) in cases {
        let found = found(steps);
        assert!(found.iter().any(|found| found == expected), "{expected}\n{found:#?}");
    }
}

#[test]
fn a_cycle_through_the_edge_of_a_scope_is_bounded_with_everything_in_it() {
    let (intro, group) = (format!("{INTRO}\nnext = \"group\""), format!("{GROUP}\nvisits = 3"));
    let bundle = bundle(&[&intro, &group, LOOK, &SORRY.replace("\"done\"", "\"group\""), DONE]);
    let visits = |id: &str| bundle.playbook.step(id).expect("it is there").visits;
    assert_eq!([visits("group"), visits("look"), visits("sorry"), visits("intro")], [3, 4, 4, 1]);
}

#[test]
fn scopes_stand_in_branches_and_hold_them_and_each_other() {
    let dig = "id = \"dig\"\nin = \"group\"\neach = \"{{ input.topics }}\"\nas = \"topic\"\nmax_items = 20";
    let part = "id = \"part\"\nin = \"dig\"\nscope = \"one\"\non = { error = \"kept\" }";
    let inner = "id = \"inner\"\nin = \"part\"\nscope = \"the rest\"\ndeadline = \"1h\"";
    let add = "id = \"add\"\nin = \"inner\"\ncall = \"crm.add\"\nwith = { note = \"{{ steps.look.id }} {{ topic.name }}\" }";
    let last = "id = \"last\"\nin = \"part\"\ncall = \"crm.add\"\nwith = { note = \"{{ steps.add.id }}\" }";
    let kept = "id = \"kept\"\nin = \"dig\"\nend = \"done\"";
    let part_done = format!("{part}\nnext = \"kept\"");
    let steps = [INTRO, GROUP, LOOK, dig, &part_done, inner, add, last, kept, SORRY, DONE];
    assert_eq!(found(&steps), nothing());
    let bundle = bundle(&steps);
    let playbook = &bundle.playbook;
    assert_eq!(ids(&playbook.steps), ["intro", "group", "look", "dig", "sorry", "done"]);
    let StepKind::Each { body, .. } = &playbook.step("dig").expect("it is there").kind else { panic!() };
    assert_eq!(ids(&body.steps), ["part", "inner", "add", "last", "kept"]);
    let given: Vec<&str> = body.inputs.keys().map(String::as_str).collect();
    assert_eq!(given, ["steps:look:id"]);
    let StepKind::Call { with, .. } = &playbook.step("last").expect("it is there").kind else { panic!() };
    let reads: Vec<String> = with.values().flat_map(|arg| arg.reads()).collect();
    assert_eq!(reads, ["steps.add.id"], "beside it in the same branch, through the scope");
    let StepKind::Scope { steps, .. } = &playbook.step("part").expect("it is there").kind else { panic!() };
    assert_eq!(*steps, ["inner", "last"]);
}

#[test]
fn what_stands_in_a_budget_fits_into_it_and_is_seen_by_it() {
    let files = |group: &str, ask: &str| {
        let playbook = format!(
            "schema = \"adjutant/v1\"\n\n[input.topics]\ntype = \"list\"\n\n[[step]]\n{group}\n\n[[step]]\n{ask}\n\n[[step]]\n{DONE}\n"
        );
        let reader =
            "schema = \"adjutant/v1\"\nprompt = \"prompts/reader.md\"\noutput = { topic = \"string\" }\n";
        let other = format!("schema = \"adjutant/v1\"\n\n[[step]]\n{DONE}\n");
        let report = load(&company(&[
            ("agents/reader.toml", reader),
            ("prompts/reader.md", "What is this?\n"),
            ("playbooks/other.toml", &other),
            ("playbooks/hello.toml", &playbook),
        ]))
        .report;
        let told = |name: &str| name.starts_with('E') || ["W0301", "W0605"].contains(&name);
        let found = report.diagnostics().iter().filter(|found| told(found.code.name()));
        found.map(|found| format!("{}: {}", found.code, found.message)).collect::<Vec<_>>()
    };
    let group = "id = \"group\"\nscope = \"the work\"\nbudget = \"1.00 EUR\"\nnext = \"done\"";
    let ask = |cost: &str| format!("id = \"ask\"\nin = \"group\"\nagent = \"reader\"\nmax_cost = \"{cost}\"");
    assert_eq!(files(group, &ask("0.90 EUR")), nothing());
    assert_eq!(
        files(group, &ask("1.10 EUR")),
        ["E0604: step \"ask\" may cost 1.10 EUR, more than the budget of 1.00 EUR of scope \"group\""]
    );
    assert!(
        files(&group.replace("EUR", "USD"), &ask("0.10 EUR")).iter().any(|found| found.starts_with("E0605"))
    );
    let each = "id = \"group\"\neach = \"{{ input.topics }}\"\nas = \"topic\"\nmax_items = 20\nbudget = \"1.00 EUR\"\nnext = \"done\"";
    assert_eq!(files(each, &ask("0.05 EUR")), nothing());
    assert_eq!(
        files(each, &ask("0.06 EUR")),
        [
            "W0605: step \"ask\" may cost 1.20 EUR for 20 items, more than the budget of 1.00 EUR of each \"group\""
        ]
    );
    let run = "id = \"ask\"\nin = \"group\"\nrun = \"other\"";
    assert_eq!(
        files(group, run),
        ["E0609: scope \"group\" has a budget, and step \"ask\" in it runs \"other\""]
    );
}
