//! Whatever lets something pass is a sink of trust: what an outsider wrote does not decide it, or it is told.

use adjutant_company::{MAIL, company};
use adjutant_spec::{files::FileSet, load};

const ROUTE: &str = "schema = \"adjutant/v1\"\n[[class]]\nid = \"thanks\"\nexamples = [\"many thanks\"]\n[[class]]\nid = \"spam\"\nexamples = [\"buy now\"]\n";
const AGENT: &str = "schema = \"adjutant/v1\"\nprompt = \"prompts/read.md\"\ninput = { text = \"string\" }\noutput = { amount = \"number\" }\n";
const INPUTS: &str = "\n[input.text]\ntype = \"string\"\n\n[input.amount]\ntype = \"number\"\ntrust = \"verified\"\n\n[input.own]\ntype = \"number\"\ntrust = \"operator\"\n";

fn with(steps: &[&str]) -> FileSet {
    let steps: String = steps.iter().map(|step| format!("\n[[step]]\n{step}\n")).collect();
    let playbook = format!("schema = \"adjutant/v1\"\n{INPUTS}{steps}");
    company(&[
        ("connectors/mail.toml", MAIL),
        ("routes/sort.toml", ROUTE),
        ("agents/reader.toml", AGENT),
        ("prompts/read.md", "Read {{ input.text }}.\n"),
        ("records/note.json", r#"{ "type": "object", "properties": { "amount": { "type": "number" } } }"#),
        ("templates/text.md", "{{ input.text }}\n"),
        ("playbooks/hello.toml", &playbook),
    ])
}

/// Returns the codes of what is said about trust.
fn said(files: &FileSet) -> Vec<String> {
    let report = load(files).report;
    let codes = report.diagnostics().iter().map(|found| found.code.name().to_owned());
    codes
        .filter(|code| matches!(code.as_str(), "E0402" | "E0404" | "W0401") || code.starts_with("E03"))
        .collect()
}

fn gate(auto: &str) -> String {
    format!(
        "id = \"ask\"\ngate = \"Send?\"\n{auto}\non = {{ denied = \"close\", expired = \"close\" }}\nnext = \"send\""
    )
}

const SEND: &str = "id = \"send\"\ncall = \"mail.send\"\nwith = { to = \"me@example.com\", subject = \"Hi\", body = \"Fixed.\" }\nnext = \"done\"";
const DONE: &str = "id = \"done\"\nend = \"done\"";
const CLOSE: &str = "id = \"close\"\nend = \"cancelled\"";

#[test]
fn an_outsiders_text_opens_no_gate_however_it_comes_to_the_condition() {
    let render = "id = \"text\"\nrender = \"templates/text.md\"";
    let agent = "id = \"read\"\nagent = \"reader\"\nwith = { text = \"{{ input.text }}\" }\non = { low_confidence = \"close\", refused = \"close\", error = \"close\", over_budget = \"close\" }";
    let record = "id = \"note\"\nrecord = { kind = \"note\", key = \"1\", read = \"one\" }\non = { missing = \"close\" }";
    let route = "id = \"sort\"\nroute = \"sort\"\ntext = \"{{ input.text }}\"\non = { thanks = \"ask\", spam = \"ask\", unsure = \"ask\" }";
    let cases: [(&[&str], &str); 7] = [
        (&[], "'YES' in input.text"),
        (&[render], "steps.text.text == 'go'"),
        (&[agent], "steps.read.amount < 20"),
        (&[record], "steps.note.value.amount < 20"),
        (&[route], "steps.sort.class == 'thanks'"),
        (&[], "run.key == 'go'"),
        (&[], "input.amount < 20 and (input.text | length) > 3"),
    ];
    for (before, when) in cases {
        let ask = gate(&format!("auto = {{ when = \"{when}\" }}"));
        let mut steps = before.to_vec();
        steps.extend([ask.as_str(), SEND, DONE, CLOSE]);
        assert!(said(&with(&steps)).contains(&"E0404".to_owned()), "{when}: {:?}", said(&with(&steps)));
    }
    for when in
        ["input.amount < 20", "input.own < 20", "run.playbook == 'hello'", "company.name == 'Example'"]
    {
        let ask = gate(&format!("auto = {{ when = \"{when}\" }}"));
        assert_eq!(said(&with(&[&ask, SEND, DONE, CLOSE])), Vec::<String>::new(), "{when}");
    }
}

#[test]
fn a_condition_is_judged_also_where_the_gate_covers_nothing_guarded() {
    let ask = "id = \"ask\"\ngate = \"Go on?\"\nauto = { when = \"'YES' in input.text\" }\non = { denied = \"close\", expired = \"close\" }\nnext = \"done\"";
    assert_eq!(said(&with(&[ask, DONE, CLOSE])), ["E0404"]);
}

#[test]
fn an_outsiders_way_to_what_nobody_looks_at_is_told() {
    let auto = gate("auto = { when = \"input.amount < 20\" }");
    let choose =
        "id = \"sort\"\nchoose = [{ when = \"'thanks' in input.text\", to = \"ask\" }]\nelse = \"done\"";
    let route = "id = \"sort\"\nroute = \"sort\"\ntext = \"{{ input.text }}\"\non = { thanks = \"ask\", spam = \"done\", unsure = \"done\" }";
    let agent = "id = \"read\"\nagent = \"reader\"\nwith = { text = \"{{ input.text }}\" }\non = { low_confidence = \"close\", refused = \"close\", error = \"close\", over_budget = \"close\" }";
    let when = SEND.replace("next = \"done\"", "when = \"'thanks' in input.text\"\nnext = \"done\"");
    let cases: [(&str, Vec<&str>); 4] = [
        ("choose", vec![choose, &auto, SEND, DONE, CLOSE]),
        ("route", vec![route, &auto, SEND, DONE, CLOSE]),
        ("agent", vec![agent, &auto, SEND, DONE, CLOSE]),
        ("when", vec![auto.as_str(), when.as_str(), DONE, CLOSE]),
    ];
    for (name, steps) in cases {
        assert_eq!(said(&with(&steps)), ["W0401"], "{name}");
    }
}

#[test]
fn nothing_is_told_where_a_person_looks_or_the_way_is_trusted() {
    let (auto, person) = (gate("auto = { when = \"input.amount < 20\" }"), gate(""));
    let choose = |when: &str| {
        format!("id = \"sort\"\nchoose = [{{ when = \"{when}\", to = \"ask\" }}]\nelse = \"done\"")
    };
    let outside = choose("'thanks' in input.text");
    let trusted = choose("input.amount < 100");
    let both =
        "id = \"sort\"\nchoose = [{ when = \"'thanks' in input.text\", to = \"ask\" }]\nelse = \"ask\"";
    let cases: [(&str, Vec<&str>); 3] = [
        ("a person answers", vec![outside.as_str(), person.as_str(), SEND, DONE, CLOSE]),
        ("a trusted choice", vec![trusted.as_str(), auto.as_str(), SEND, DONE, CLOSE]),
        ("both ways lead there", vec![both, &auto, SEND, DONE, CLOSE]),
    ];
    for (name, steps) in cases {
        assert_eq!(said(&with(&steps)), Vec::<String>::new(), "{name}");
    }
}

/// Puts steps into the `each` "dig", over a list that the operator gives.
fn in_branch(steps: &[&str]) -> FileSet {
    let dig = "id = \"dig\"\neach = \"{{ input.topics }}\"\nas = \"topic\"\nmax_items = 9";
    let inside: Vec<String> = steps.iter().map(|step| format!("{step}\nin = \"dig\"")).collect();
    let end = "id = \"end\"\nend = \"done\"\n\n[input.topics]\ntype = \"list\"\ntrust = \"operator\"";
    let all: Vec<&str> =
        std::iter::once(dig).chain(inside.iter().map(String::as_str)).chain(std::iter::once(end)).collect();
    with(&all)
}

#[test]
fn a_branch_that_is_at_its_end_has_done_without_what_it_passed_by() {
    let auto = gate("auto = { when = \"input.amount < 20\" }").replace("\"close\"", "\"note\"");
    let send = SEND.replace("\"done\"", "\"note\"");
    let note = "id = \"note\"\nrender = \"templates/text.md\"";
    let choose =
        "id = \"sort\"\nchoose = [{ when = \"'thanks' in input.text\", to = \"ask\" }]\nelse = \"note\"";
    assert_eq!(said(&in_branch(&[choose, &auto, &send, note])), ["W0401"], "a step after it is the last");
    let first = "id = \"first\"\nrender = \"templates/text.md\"\nnext = \"read\"";
    let over = "id = \"note\"\nend = \"done\"";
    let agent = "id = \"read\"\nagent = \"reader\"\nwith = { text = \"{{ input.text }}\" }\n\
        on = { low_confidence = \"ask\", refused = \"ask\", error = \"ask\", over_budget = \"ask\" }";
    assert_eq!(said(&in_branch(&[first, &auto, &send, over, agent])), ["W0401"], "it is the last itself");
    let trusted = choose.replace("'thanks' in input.text", "input.amount < 100");
    assert_eq!(said(&in_branch(&[&trusted, &auto, &send, note])), Vec::<String>::new());
}

#[test]
fn a_branch_that_ends_elsewhere_says_nothing_of_what_comes_after_it() {
    let choose =
        "id = \"sort\"\nchoose = [{ when = \"'thanks' in input.text\", to = \"fan\" }]\nelse = \"ask\"";
    let fan =
        "id = \"fan\"\nparallel = [\"a\", \"b\"]\non = { failed = \"ask\", error = \"ask\" }\nnext = \"ask\"";
    let ask = gate("auto = { when = \"input.amount < 20\" }").replace("\"close\"", "\"fan\"");
    let ask = format!("{ask}\nvisits = 2");
    for last in ["render = \"templates/text.md\"", "end = \"done\""] {
        let (a, b) =
            (format!("id = \"a\"\nin = \"fan.a\"\n{last}"), format!("id = \"b\"\nin = \"fan.b\"\n{last}"));
        assert_eq!(said(&with(&[choose, fan, &a, &b, &ask, SEND, DONE])), Vec::<String>::new(), "{last}");
    }
}

#[test]
fn what_leads_to_a_branch_is_judged_by_the_step_that_holds_it() {
    let auto = gate("auto = { when = \"input.amount < 20\" }").replace("\"close\"", "\"note\"");
    let send = SEND.replace("\"done\"", "\"note\"");
    let note = "id = \"note\"\nrender = \"templates/text.md\"";
    let lane: Vec<String> =
        [&auto, &send, note].iter().map(|step| format!("{step}\nin = \"fan.a\"")).collect();
    let fan = |edges: &str| {
        format!("id = \"fan\"\nparallel = [\"a\"]\non = {{ failed = \"done\", error = \"done\" }}\n{edges}")
    };
    let sort = |otherwise: &str| {
        format!(
            "id = \"sort\"\nchoose = [{{ when = \"'thanks' in input.text\", to = \"fan\" }}]\nelse = \"{otherwise}\""
        )
    };
    let more = "id = \"more\"\nrender = \"templates/text.md\"\nnext = \"fan\"";
    let told = |sort: &str, more: &[&str], fan: &str| {
        let all = std::iter::once(sort).chain(more.iter().copied()).chain([fan]);
        let all = all.chain(lane.iter().map(String::as_str)).chain([DONE]);
        said(&with(&all.collect::<Vec<_>>()))
    };
    assert_eq!(told(&sort("done"), &[], &fan("next = \"done\"")), ["W0401"]);
    assert_eq!(told(&sort("more"), &[more], &fan("next = \"done\"")), Vec::<String>::new(), "both ways");
    let when = fan("when = \"'thanks' in input.text\"\nnext = \"done\"");
    assert_eq!(told(more, &[], &when), ["W0401"], "what holds it may be passed by");
}

#[test]
fn an_outsiders_list_decides_what_is_done_for_an_item_also_at_the_end_of_a_branch() {
    let inner = "id = \"each\"\neach = \"{{ input.parts }}\"\nas = \"part\"\nmax_items = 9";
    let inside = |step: &str| format!("{step}\nin = \"each\"").replace("\"close\"", "\"note\"");
    let auto = inside(&gate("auto = { when = \"input.amount < 20\" }"));
    let send = inside(&SEND.replace("\"done\"", "\"note\""));
    let note = inside("id = \"note\"\nrender = \"templates/text.md\"");
    for (trust, told) in [("external", vec!["W0401"]), ("operator", Vec::new())] {
        let dig = "id = \"dig\"\neach = \"{{ input.topics }}\"\nas = \"topic\"\nmax_items = 9";
        let inner = format!("{inner}\nin = \"dig\"");
        let list =
            |name: &str, trust: &str| format!("\n[input.{name}]\ntype = \"list\"\ntrust = \"{trust}\"\n");
        let end = format!("{DONE}\n{}{}", list("topics", "operator"), list("parts", trust));
        assert_eq!(said(&with(&[dig, &inner, &auto, &send, &note, &end])), told, "{trust}");
    }
}
