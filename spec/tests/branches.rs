//! `each` and `parallel` in a file: what stands in them, what it may read, and what the plan makes of it.

#[path = "branches/closed.rs"]
mod closed;
#[path = "branches/names.rs"]
mod names;
#[path = "branches/played.rs"]
mod played;

use adjutant_company::{CRM, CRM_GRANT, MAIL, company, plan};
use adjutant_spec::{
    files::FileSet,
    load,
    plan::{Fragment, Join, Playbook, Step, StepKind},
    value::Arg,
};

fn files(steps: &[&str]) -> FileSet {
    let steps: String = steps.iter().map(|step| format!("\n[[step]]\n{step}\n")).collect();
    let line = ("templates/line.md", "{{ topic_index }} {{ topic.name }}: {{ steps.intro.text }}\n");
    let line = Some(line).filter(|(path, _)| steps.contains(path));
    let inputs = "[input.topics]\ntype = \"list\"\ntrust = \"operator\"\n\n[input.note]\ntype = \"string\"\ntrust = \"operator\"\n";
    let playbook = format!("schema = \"adjutant/v1\"\n\n{inputs}{steps}");
    let files = [
        ("connectors/mail.toml", MAIL),
        ("connectors/crm.toml", CRM),
        ("policies/grants.toml", CRM_GRANT),
        ("templates/plain.md", "Hello.\n"),
        ("playbooks/hello.toml", &playbook),
    ];
    company(&files.into_iter().chain(line).collect::<Vec<_>>())
}

/// Returns `code: message` of each error.
fn errors(steps: &[&str]) -> Vec<String> {
    let report = load(&files(steps)).report;
    let errors = report.diagnostics().iter().filter(|found| found.code.name().starts_with('E'));
    errors.map(|found| format!("{}: {}", found.code, found.message)).collect()
}

fn hello(steps: &[&str]) -> Playbook {
    let plan = plan(&files(steps));
    closed::assert_closed(&plan.bundles["hello"]);
    (*plan.playbooks["hello"]).clone()
}

fn body<'a>(playbook: &'a Playbook, id: &str) -> &'a Fragment {
    let bodies = playbook.step(id).unwrap_or_else(|| panic!("there is {id}")).kind.fragments();
    bodies.into_iter().next().unwrap_or_else(|| panic!("{id} holds steps"))
}

fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}

/// Returns the inputs of a fragment as `name = text`.
fn inputs(fragment: &Fragment) -> Vec<String> {
    let text = |arg: &Arg| match arg {
        Arg::Template(template) => template.source.clone(),
        other => panic!("an input is a path: {other:?}"),
    };
    fragment.inputs.iter().map(|(name, arg)| format!("{name} = {}", text(arg))).collect()
}

const INTRO: &str = "id = \"intro\"\nrender = \"templates/plain.md\"";
const DIG: &str = "id = \"dig\"\neach = \"{{ input.topics }}\"\nas = \"topic\"\nmax_items = 20";
const LINE: &str = "id = \"line\"\nin = \"dig\"\nrender = \"templates/line.md\"";
const DONE: &str = "id = \"done\"\nend = \"done\"";
const FAN: &str = "id = \"fan\"\nparallel = [\"web\", \"post\"]";

#[test]
fn steps_stand_where_they_say_in_the_order_of_the_file() {
    let note = "id = \"note\"\nin = \"dig\"\ncall = \"crm.add\"\nwith = { note = \"{{ topic.name }} {{ steps.line.text }}\" }";
    let web = "id = \"search\"\nin = \"fan.web\"\nrender = \"templates/plain.md\"";
    let post = "id = \"print\"\nin = \"fan.post\"\nrender = \"templates/plain.md\"";
    let playbook = hello(&[INTRO, LINE, DIG, web, FAN, note, post, DONE]);
    assert_eq!(ids(&playbook.steps), ["intro", "dig", "fan", "done"]);
    assert_eq!(ids(&body(&playbook, "dig").steps), ["line", "note"]);
    let lanes = playbook.step("fan").expect("it is there").kind.fragments();
    assert_eq!(lanes.iter().map(|lane| ids(&lane.steps)).collect::<Vec<_>>(), [["search"], ["print"]]);
    // What follows is what follows in the same container; the last step of one ends its branch.
    let next = |id: &str| playbook.step(id).and_then(|step| step.next.as_deref());
    assert_eq!((next("intro"), next("dig"), next("fan")), (Some("dig"), Some("fan"), Some("done")));
    assert_eq!((next("line"), next("note"), next("search")), (Some("note"), None, None));
}

#[test]
fn what_is_written_of_an_each_and_a_parallel_is_in_the_plan() {
    let dig = "id = \"dig\"\neach = \"{{ input.topics }}\"\nas = \"topic\"\nmax_items = 20\nmax_parallel = 7\nmin_ok = 0\non = { some_failed = \"done\", error = \"done\" }\nnext = \"fan\"";
    let fan = "id = \"fan\"\nparallel = [\"web\", \"post\"]\njoin = \"any\"\non = { failed = \"done\" }\nnext = \"done\"";
    let web = "id = \"search\"\nin = \"fan.web\"\nrender = \"templates/plain.md\"";
    let post = "id = \"print\"\nin = \"fan.post\"\nrender = \"templates/plain.md\"";
    let playbook = hello(&[INTRO, dig, LINE, fan, web, post, DONE]);
    let StepKind::Each { item, max_items, max_parallel, min_ok, .. } = &playbook.steps[1].kind else {
        panic!()
    };
    assert_eq!((item.as_str(), *max_items, *max_parallel, *min_ok), ("topic", 20, 7, Some(0)));
    let StepKind::Parallel { join, .. } = &playbook.steps[2].kind else { panic!() };
    assert_eq!(*join, Join::Any);
}

#[test]
fn what_a_branch_reads_from_outside_becomes_its_input() {
    let note = "id = \"note\"\nin = \"dig\"\nwhen = \"topic.name != input.note\"\ncall = \"crm.add\"\n\
        with = { note = \"{{ steps.line.text }} {{ steps.intro.text }}\" }\n\
        undo = { call = \"crm.remove\", with = { id = \"{{ steps.note.id }} {{ topic.name }}\" } }";
    let playbook = hello(&[INTRO, DIG, LINE, note, DONE]);
    let dig = body(&playbook, "dig");
    assert_eq!(inputs(dig), ["note = {{ input.note }}", "steps:intro:text = {{ steps.intro.text }}"]);
    let [_, note] = dig.steps.as_slice() else { panic!("two steps") };
    let when = note.when.as_ref().expect("it has one");
    assert_eq!(when.expression.as_deref(), Some("input.topic.name != input.note"));
    let StepKind::Call { with, .. } = &note.kind else { panic!("a call") };
    assert_eq!(
        with["note"].reads().into_iter().collect::<Vec<_>>(),
        ["input.steps:intro:text", "steps.line.text"]
    );
    let undo = note.undo.as_ref().expect("it has one");
    assert_eq!(
        undo.with["id"].reads().into_iter().collect::<Vec<_>>(),
        ["input.topic.name", "steps.note.id"]
    );
}

#[test]
fn a_template_that_is_rendered_in_a_branch_reads_what_the_branch_has() {
    let plan = plan(&files(&[INTRO, DIG, LINE, DONE]));
    let bundle = &plan.bundles["hello"];
    let StepKind::Render { render } = &body(&bundle.playbook, "dig").steps[0].kind else { panic!() };
    let template = &bundle.templates[render];
    assert_eq!(
        template.source,
        "{{ input.topic_index }} {{ input.topic.name }}: {{ input['steps:intro:text'] }}\n"
    );
    assert!(bundle.templates.contains_key("templates/plain.md"), "what reads nothing from outside stays");
}

#[test]
fn a_branch_in_a_branch_is_given_what_it_reads_through_the_outer_one() {
    let dig = "id = \"part\"\nin = \"dig\"\neach = \"{{ topic.parts }}\"\nas = \"piece\"\nmax_items = 3";
    let note = "id = \"note\"\nin = \"part\"\ncall = \"crm.add\"\n\
        with = { note = \"{{ piece.name }} {{ piece_index }} {{ topic.name }} {{ topic_index }} {{ steps.intro.text }} {{ steps.line.text }}\" }";
    let playbook = hello(&[INTRO, DIG, LINE, dig, note, DONE]);
    assert_eq!(inputs(body(&playbook, "dig")), ["steps:intro:text = {{ steps.intro.text }}"]);
    assert_eq!(
        inputs(body(&playbook, "part")),
        [
            "steps:intro:text = {{ input['steps:intro:text'] }}",
            "steps:line:text = {{ steps.line.text }}",
            "topic = {{ input.topic }}",
            "topic_index = {{ input.topic_index }}",
        ]
    );
    let StepKind::Each { items, .. } = &playbook.step("part").expect("it is there").kind else { panic!() };
    assert_eq!(items.expression.as_deref(), Some("input.topic.parts"));
    let StepKind::Call { with, .. } = &playbook.step("note").expect("it is there").kind else { panic!() };
    let reads: Vec<String> = with["note"].reads().into_iter().collect();
    let expected = [
        "input.piece.name",
        "input.piece_index",
        "input.steps:intro:text",
        "input.steps:line:text",
        "input.topic.name",
        "input.topic_index",
    ];
    assert_eq!(reads, expected);
}

#[test]
fn the_edited_form_of_a_gate_in_a_branch_names_what_the_branch_has() {
    let ask = "id = \"ask\"\nin = \"dig\"\ngate = \"Send {{ topic.name }}?\"\nshow = [\"topic.name\", \"steps.intro.text\", \"steps.line.text\"]\n\
        on = { denied = \"no\", expired = \"no\" }";
    let send = "id = \"send\"\nin = \"dig\"\ncall = \"mail.send\"\nwith = { to = \"{{ topic.email }}\", subject = \"Hi\", body = \"{{ steps.line.text }}\" }\nnext = \"sent\"";
    let (no, sent) =
        ("id = \"no\"\nin = \"dig\"\nend = \"cancelled\"", "id = \"sent\"\nin = \"dig\"\nend = \"done\"");
    let plan = plan(&files(&[INTRO, DIG, LINE, ask, send, no, sent, DONE]));
    let bundle = &plan.bundles["hello"];
    let StepKind::Gate { show, .. } = &bundle.playbook.step("ask").expect("it is there").kind else {
        panic!()
    };
    assert_eq!(*show, ["input.topic.name", "input.steps:intro:text", "steps.line.text"]);
    let covered: Vec<&str> = bundle.covers["ask"].iter().map(|covered| covered.step.as_str()).collect();
    assert_eq!(covered, ["send"]);
}

#[test]
fn what_is_wrong_with_a_container_is_said_where_it_is() {
    let inner = |within: &str| format!("id = \"line\"\nin = \"{within}\"\nrender = \"templates/plain.md\"");
    let lanes = [
        "id = \"a\"\nin = \"fan.web\"\nrender = \"templates/plain.md\"",
        "id = \"b\"\nin = \"fan.post\"\nrender = \"templates/plain.md\"",
    ];
    let cases: [(&[&str], &str); 14] = [
        (&[DIG, &inner("dug"), DONE], "E0313: step \"line\" stands in \"dug\", which does not exist"),
        (&[DIG, &inner("done"), DONE], "E0313: step \"line\" stands in \"done\", which holds no steps"),
        (&[DIG, &inner("dig.web"), DONE], "E0313: step \"line\" stands in \"dig.web\", which has no lanes"),
        (
            &[FAN, lanes[0], lanes[1], &inner("fan"), DONE],
            "E0313: step \"line\" stands in \"fan\", which has lanes",
        ),
        (
            &[FAN, lanes[0], lanes[1], &inner("fan.x"), DONE],
            "E0313: step \"line\" stands in \"fan.x\", which has no such lane",
        ),
        (
            &[&format!("{DIG}\nin = \"dig\""), LINE, DONE],
            "E0313: step \"dig\" stands in \"dig\", which stands in itself by that",
        ),
        (&[INTRO, DIG, DONE], "E0315: each \"dig\" has no steps to do for an item"),
        (&[FAN, lanes[0], DONE], "E0315: lane \"post\" of parallel \"fan\" has no steps"),
        (&["id = \"fan\"\nparallel = []", DONE], "E0315: parallel \"fan\" has no lanes"),
        (
            &["id = \"fan\"\nparallel = [\"a\", \"a\"]", DONE],
            "E0316: parallel \"fan\" has two lanes called \"a\"",
        ),
        (
            &[&format!("{DIG}\nmin_ok = 21"), &inner("dig"), DONE],
            "E0317: each \"dig\" wants more items to end well than it may have",
        ),
        (
            &[&format!("{FAN}\njoin = 3"), lanes[0], lanes[1], DONE],
            "E0317: parallel \"fan\" waits for more lanes than it has",
        ),
        (
            &[DIG, &format!("{}\nnext = \"done\"", inner("dig")), DONE],
            "E0314: step \"line\" stands in each \"dig\" and goes to step \"done\", which stands outside",
        ),
        (
            &[
                "id = \"a\"\nchoose = [{ when = \"true\", to = \"line\" }]\nelse = \"dig\"",
                DIG,
                &inner("dig"),
                DONE,
            ],
            "E0314: step \"a\" stands outside and goes to step \"line\", which stands in each \"dig\"",
        ),
    ];
    for (steps, expected) in cases {
        let found = errors(steps);
        assert!(found.iter().any(|found| found == expected), "{expected}\n{found:#?}");
        let others: Vec<&String> = found.iter().filter(|found| *found != expected).collect();
        assert!(
            others.iter().all(|other| other.starts_with("E0315") || other.starts_with("E0316")),
            "{expected}\n{found:#?}"
        );
    }
}

#[test]
fn five_containers_in_each_other_are_too_many() {
    let deep = |depth: usize| {
        let holder = |level: usize| {
            let within = if level == 0 { String::new() } else { format!("in = \"d{}\"\n", level - 1) };
            format!(
                "id = \"d{level}\"\n{within}each = \"{{{{ input.topics }}}}\"\nas = \"t{level}\"\nmax_items = 2"
            )
        };
        let mut steps: Vec<String> = (0..depth).map(holder).collect();
        steps.push(format!("id = \"x\"\nin = \"d{}\"\nrender = \"templates/plain.md\"", depth - 1));
        steps.push(DONE.to_owned());
        errors(&steps.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(deep(4), Vec::<String>::new());
    let found = deep(5);
    assert_eq!(
        found,
        ["E0313: step \"x\" stands in \"d4\", which is too deep: containers nest at most 4 deep"]
    );
}

#[test]
fn a_name_of_an_item_is_free() {
    for (name, why) in [
        ("input", "templates have `input` for something else"),
        ("steps", "templates have `steps` for something else"),
        ("event", "templates have `event` for something else"),
        ("loop", "templates have `loop` for something else"),
        ("note", "the playbook has an input \"note\""),
        ("a-b", "a `-` in a template takes one value from another"),
    ] {
        let dig = DIG.replace("\"topic\"", &format!("\"{name}\""));
        let found = errors(&[INTRO, &dig, "id = \"a\"\nin = \"dig\"\nrender = \"templates/plain.md\"", DONE]);
        let expected = format!("E0316: each \"dig\" cannot call its item \"{name}\": {why}");
        assert!(found.contains(&expected), "{expected}\n{found:#?}");
    }
    let part = "id = \"part\"\nin = \"dig\"\neach = \"{{ topic.parts }}\"\nas = \"topic\"\nmax_items = 3";
    let inner = "id = \"a\"\nin = \"part\"\nrender = \"templates/plain.md\"";
    assert_eq!(
        errors(&[INTRO, DIG, LINE, part, inner, DONE]),
        [
            "E0316: each \"part\" cannot call its item \"topic\": `topic` is of each \"dig\", which it stands in"
        ]
    );
    // Side by side two lists may call their items alike.
    let other = "id = \"other\"\neach = \"{{ input.topics }}\"\nas = \"topic\"\nmax_items = 3";
    let inner = "id = \"a\"\nin = \"other\"\nrender = \"templates/line.md\"";
    assert_eq!(errors(&[INTRO, DIG, LINE, other, inner, DONE]), Vec::<String>::new());
}

#[test]
fn inside_sees_outside_and_outside_sees_the_result() {
    let ask = |text: &str| {
        format!(
            "id = \"ask\"\ngate = \"{text}?\"\non = {{ denied = \"done\", expired = \"done\" }}\nnext = \"done\""
        )
    };
    let after = |text: &str| errors(&[INTRO, DIG, LINE, &ask(text), DONE]);
    assert_eq!(after("{{ steps.dig.items | length }} {{ steps.dig.ok }}"), Vec::<String>::new());
    assert_eq!(
        after("{{ steps.line.text }}"),
        ["E0225: step \"ask\" reads `steps.line.text`, which stands in each \"dig\""]
    );
    assert_eq!(
        after("{{ topic.name }}"),
        ["E0114: `topic` is of each \"dig\", and step \"ask\" stands outside of it"]
    );
    assert_eq!(
        after("{{ steps.dig.lanes }}"),
        ["E0213: `steps.dig.lanes` does not exist: there is no \"lanes\""]
    );
    let within = |text: &str| {
        let note = format!("id = \"note\"\nin = \"dig\"\ncall = \"crm.add\"\nwith = {{ note = \"{text}\" }}");
        let late = "id = \"late\"\nrender = \"templates/plain.md\"";
        errors(&[INTRO, DIG, LINE, &note, late, DONE])
    };
    assert_eq!(
        within("{{ topic }} {{ topic_index }} {{ steps.intro.text }} {{ run.key }}"),
        Vec::<String>::new()
    );
    assert_eq!(
        within("{{ steps.late.text }}"),
        [
            "E0214: step \"note\" reads `steps.late.text`, which is not there on the path intro -> dig -> line -> note"
        ]
    );
    assert_eq!(
        within("{{ steps.dig.ok }}"),
        [
            "E0214: step \"note\" reads `steps.dig.ok`, which is not there on the path intro -> dig -> line -> note"
        ]
    );
    assert_eq!(
        within("{{ steps | length }}"),
        ["E0225: step \"note\" reads all of `steps`, and in each \"dig\" there is only what is named"]
    );
    assert_eq!(within("{{ topik }}"), ["E0114: nothing is called \"topik\" here"]);
}

#[test]
fn lanes_see_what_stands_before_them_and_not_each_other() {
    let web = "id = \"search\"\nin = \"fan.web\"\nrender = \"templates/plain.md\"";
    let post = |text: &str| {
        format!("id = \"print\"\nin = \"fan.post\"\ncall = \"crm.add\"\nwith = {{ note = \"{text}\" }}")
    };
    let note = |text: &str| format!("id = \"note\"\ncall = \"crm.add\"\nwith = {{ note = \"{text}\" }}");
    let found = |lane: &str, after: &str| errors(&[INTRO, FAN, web, &post(lane), &note(after), DONE]);
    assert_eq!(
        found("{{ steps.intro.text }}", "{{ steps.fan.lanes.web.value.search.text }}"),
        Vec::<String>::new()
    );
    assert_eq!(
        found("{{ steps.search.text }}", "x"),
        ["E0225: step \"print\" reads `steps.search.text`, which stands in lane \"web\" of parallel \"fan\""]
    );
    assert_eq!(
        found("x", "{{ steps.fan.lanes.wob.value.search.text }}"),
        ["E0213: `steps.fan.lanes.wob.value.search.text` does not exist: there is no \"wob\""]
    );
}

#[test]
fn a_gate_outside_of_a_branch_covers_nothing_inside() {
    let ask = "id = \"ask\"\ngate = \"Send all?\"\non = { denied = \"done\", expired = \"done\" }";
    let send = "id = \"send\"\nin = \"dig\"\ncall = \"mail.send\"\nwith = { to = \"a@example.com\", subject = \"Hi\", body = \"Hello\" }";
    let loaded = load(&files(&[INTRO, ask, DIG, LINE, send, DONE]));
    let text = loaded.report.render();
    assert!(text.contains("E0402") && text.contains("gate \"ask\" stands outside of each \"dig\""), "{text}");
    assert!(
        text.contains("put a gate into the branch") && text.contains("or do it outside of each \"dig\""),
        "{text}"
    );
}

#[test]
fn what_an_item_carries_is_what_its_list_carries() {
    let read = "id = \"list\"\nrecord = { kind = \"person\", read = \"list\" }";
    let steps = |to: &str| {
        let dig = "id = \"dig\"\neach = \"{{ steps.list.items }}\"\nas = \"topic\"\nmax_items = 3";
        let add = format!("id = \"put\"\nin = \"dig\"\ncall = \"crm.put\"\nwith = {{ to = \"{to}\" }}");
        let mut files = files(&[read, dig, &add, DONE]);
        let verb = "\n[verbs.put]\nmethod = \"POST\"\npath = \"/put\"\neffect = \"write\"\nundo = \"remove\"\ninput = { to = \"string\" }\n";
        files.insert("connectors/crm.toml", format!("{CRM}{verb}").into_bytes());
        files.insert(
            "records/person.json",
            br#"{"type":"object","properties":{"email":{"type":"string"}}}"#.to_vec(),
        );
        let report = load(&files).report;
        let errors = report.diagnostics().iter().filter(|found| found.code.name().starts_with('E'));
        errors.map(|found| format!("{}: {}", found.code, found.message)).collect::<Vec<_>>()
    };
    assert_eq!(
        steps("{{ topic.email }}"),
        [
            "E0501: what somebody outside wrote decides \"to\" of step \"put\": topic.email <- steps.list.items <- the answer of `record` \"list\""
        ]
    );
    assert_eq!(steps("{{ input.note }}"), Vec::<String>::new());
    // How many there were is nobody's text.
    assert_eq!(steps("number {{ topic_index }}"), Vec::<String>::new());
}

#[test]
fn a_branch_goes_in_a_circle_only_so_often() {
    let again =
        "id = \"again\"\nin = \"dig\"\nchoose = [{ when = \"topic.more\", to = \"line\" }]\nelse = \"over\"";
    let over = "id = \"over\"\nin = \"dig\"\nend = \"done\"";
    let found = errors(&[INTRO, DIG, LINE, again, over, DONE]);
    assert_eq!(found, ["E0310: nothing bounds the cycle through \"line\" and \"again\""]);
    let bounded = format!("{again}\nvisits = 3");
    assert_eq!(errors(&[INTRO, DIG, LINE, &bounded, over, DONE]), Vec::<String>::new());
    // A circle around an `each` says nothing of the steps inside: each time they run in branches of their own.
    let back = "id = \"back\"\nchoose = [{ when = \"input.note == 'x'\", to = \"dig\" }]\nelse = \"done\"\nvisits = 3";
    let intro = format!("{INTRO}\nnext = \"dig\"");
    let playbook = hello(&[&intro, DIG, LINE, back, DONE]);
    let visits = |id: &str| playbook.step(id).map(|step| step.visits);
    assert_eq!((visits("dig"), visits("line")), (Some(4), Some(1)));
}

#[test]
fn what_stands_in_a_branch_is_pinned_and_compared_like_everything_else() {
    let note = |text: &str| {
        format!("id = \"note\"\nin = \"dig\"\ncall = \"crm.add\"\nwith = {{ note = \"{text}\" }}")
    };
    let one = plan(&files(&[INTRO, DIG, LINE, &note("a"), DONE]));
    let other = plan(&files(&[INTRO, DIG, LINE, &note("b"), DONE]));
    let bundle = &one.bundles["hello"];
    assert!(bundle.verbs.contains_key("crm.add") && bundle.verbs.contains_key("crm.remove"));
    assert_ne!(bundle.id(), other.bundles["hello"].id());
    let changes: Vec<String> =
        adjutant_spec::diff::diff(&one, &other).into_iter().map(|change| change.text).collect();
    assert!(changes.contains(&"step \"note\" of playbook \"hello\" changes".to_owned()), "{changes:#?}");
    assert!(!changes.contains(&"step \"dig\" of playbook \"hello\" changes".to_owned()), "{changes:#?}");
}

#[test]
fn the_rules_of_a_route_are_given_inputs_in_a_branch_and_no_step_outside() {
    let ask = "id = \"sort\"\nin = \"dig\"\nroute = \"kind\"\ntext = \"{{ topic.name }}\"\non = { a = \"over\", unsure = \"over\" }";
    let over = "id = \"over\"\nin = \"dig\"\nend = \"done\"";
    let asked = |condition: &str| {
        let mut files = files(&[INTRO, DIG, ask, over, DONE]);
        let route = format!(
            "schema = \"adjutant/v1\"\n[[class]]\nid = \"a\"\ndescription = \"a\"\nexamples = [\"one\", \"two\", \"three\"]\n\
             [[rule]]\nwhen = \"{condition}\"\nclass = \"a\"\n"
        );
        files.insert("routes/kind.toml", route.into_bytes());
        load(&files)
    };
    let plan = asked("input.note == 'x'").plan.expect("it has no mistakes");
    assert_eq!(inputs(body(&plan.playbooks["hello"], "dig")), ["note = {{ input.note }}"]);
    let text = asked("steps.intro.text == 'x'").report.render();
    assert!(
        text.contains("E0225") && text.contains("a rule of route \"kind\" reads `steps.intro.text`"),
        "{text}"
    );
}
