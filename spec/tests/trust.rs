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
