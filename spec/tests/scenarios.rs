//! Scenarios: what is read, and what is refused before anything is played.

use adjutant_company::{company, example};
use adjutant_spec::{
    Loaded, Memo,
    diag::Code,
    files::FileSet,
    load,
    scenario::{self, Answer, Begin, Reply, Scenario, Written},
};
use serde_json::json;

const TEST: &str = "tests/lead.toml";

fn agency(test: &str) -> FileSet {
    let mut files = example("agency");
    let gone: Vec<String> =
        files.iter().map(|(path, _)| path.to_owned()).filter(|path| path.contains("tests/")).collect();
    gone.iter().for_each(|path| drop(files.remove(path)));
    let text = format!("schema = \"adjutant/v1\"\nplaybook = \"inbound\"\n{test}");
    files.insert(TEST, text.as_bytes());
    files
}

/// The codes of a scenario with an input that fits.
fn codes(test: &str) -> Vec<Code> {
    let input = "input = { message = \"a\", sender = \"b@example.com\", name = \"c\" }\n";
    found(&load(&agency(&format!("{input}{test}"))))
}

fn found(loaded: &Loaded) -> Vec<Code> {
    let of_test = loaded.report.diagnostics().iter().filter(|found| found.file == TEST);
    of_test.map(|found| found.code).collect()
}

#[test]
fn a_scenario_is_read_as_it_is_written() {
    let loaded = load(&agency(
        r#"starts = 2026-03-02T09:00:00+01:00
event = { name = "Mia", email = "mia@bakery.example", message = "A website, please." }
never = ["billing.create_invoice"]
until = "approve"

[[answer]]
step = "sort"
outcome = "lead"

[[answer]]
step = "qualify"
error = "rate_limited"
times = 2
after = "3s"

[[expect]]
step = "qualify"
with = { name = "Mia" }
"#,
    ));
    assert_eq!(found(&loaded), [], "{}", loaded.report.render());
    let scenario = scenario::all(&loaded.draft).remove(0);
    assert_eq!(scenario.starts, 1_772_438_400_000);
    assert!(matches!(&scenario.begin, Begin::Event(event) if event["name"] == "Mia"));
    let [sort, qualify] = scenario.answers.as_slice() else { panic!("two answers") };
    assert!(matches!(&sort.reply, Reply::Outcome { word, with: None, .. } if word == "lead"));
    assert_eq!((qualify.times, &qualify.reply), (2, &Reply::Error("rate_limited".to_owned())));
    assert_eq!(scenario.expect[0].with["name"], json!("Mia"));
    assert_eq!((scenario.title.as_str(), scenario.end), ("lead", None));
}

#[test]
fn what_can_never_be_answered_or_met_is_refused() {
    let table = [
        ("[[answer]]\nstep = \"qualfy\"\n", Code::E0212),
        ("[[answer]]\nstep = \"approve\"\noutcome = \"refused\"\n", Code::E0303),
        ("[[answer]]\nstep = \"sort\"\noutcome = \"complaint\"\n", Code::E0303),
        ("[[answer]]\nstep = \"patience\"\nerror = \"transient\"\n", Code::E0701),
        ("[[answer]]\nstep = \"approve\"\nerror = \"transient\"\n", Code::E0701),
        ("[[answer]]\nstep = \"send\"\nprobe = \"happened\"\n", Code::E0701),
        ("[[answer]]\nstep = \"customer\"\nundo = true\n", Code::E0701),
        ("[[answer]]\nstep = \"qualify\"\nwith = { fit = \"perfect\" }\n", Code::E0702),
        ("[[answer]]\nstep = \"approve\"\nedit = { \"steps.qualify.fit\" = \"no\" }\n", Code::E0703),
        ("[[answer]]\nstep = \"approve\"\nerror = \"gone\"\noutcome = \"denied\"\n", Code::E0120),
        (
            "[[answer]]\nstep = \"send\"\nprobe = \"happened\"\nedit = { \"steps.quote.text\" = \"no\" }\n",
            Code::E0120,
        ),
        (
            "[[answer]]\nstep = \"send\"\nsettle = \"happened\"\nedit = { \"steps.quote.text\" = \"no\" }\n",
            Code::E0120,
        ),
        ("[[answer]]\nstep = \"qualify[3].approve\"\n", Code::E0212),
        ("[[answer]]\nstep = \"send\"\nplaybook = \"nowhere\"\n", Code::E0205),
        ("[[expect]]\nstep = \"sent\"\n", Code::E0212),
        ("[[expect]]\nstep = \"send\"\noutcome = \"approved\"\n", Code::E0303),
        ("[[expect]]\nstep = \"send\"\nwith = { receiver = \"a\" }\n", Code::E0410),
        ("[[records]]\nkind = \"client\"\nkey = \"a\"\n", Code::E0208),
        ("[[records]]\nkind = \"customer\"\nkey = \"a\"\nvalue = { state = \"quoted\" }\n", Code::E0213),
        ("[[records]]\nkind = \"customer\"\nkey = \"a\"\nmissing = true\nversion = 2\n", Code::E0120),
        (
            "[[given]]\nkind = \"customer\"\nkey = \"a\"\nvalue = { name = 7, status = \"client\" }\n",
            Code::E0702,
        ),
        ("never = [\"mail.sent\"]\n", Code::E0206),
        ("slot = \"2026-03-02T09:00:00Z\"\n", Code::E0120),
        ("until = \"approve\"\nend = \"done\"\n", Code::E0120),
    ];
    for (test, code) in table {
        let found = codes(test);
        assert!(found.contains(&code), "{test}: {found:?}");
    }
}

#[test]
fn an_answer_of_low_confidence_has_the_outcome_that_follows_from_it() {
    let answer = |outcome: &str, confidence: f64| {
        codes(&format!(
            "[[answer]]\nstep = \"qualify\"\noutcome = \"{outcome}\"\nwith = {{ lead = {{ name = \"\", email = \"a@b.example\", \
             company = \"\", need = \"\" }}, budget = 1, fit = \"good\", confidence = {confidence:?}, reasons = [], summary = \"\" }}\n"
        ))
    };
    assert_eq!((answer("ok", 0.9), answer("low_confidence", 0.2)), (vec![], vec![]));
    assert_eq!((answer("ok", 0.2), answer("low_confidence", 0.9)), (vec![Code::E0702], vec![Code::E0702]));
}

#[test]
fn what_a_run_is_not_given_is_told_before_it_is_played() {
    assert_eq!(
        found(&load(&agency("input = { message = \"a\", sender = \"b@example.com\" }\n"))),
        [Code::E0702]
    );
    assert_eq!(found(&load(&agency("event = { name = \"Mia\" }\n"))), [Code::E0702]);
}

#[test]
fn a_mail_says_what_matters_and_the_rest_is_as_of_a_mail_that_has_nothing_there() {
    let of_mail = |event: &str| {
        let mut files = agency("");
        let text = format!("schema = \"adjutant/v1\"\nplaybook = \"inbound-mail\"\n{event}\n");
        files.insert(TEST, text.as_bytes());
        load(&files)
    };
    let short = of_mail("event = { from = \"mia@bakery.example\", text = \"A website, please.\" }");
    assert_eq!(found(&short), [], "{}", short.report.render());
    let wrong = of_mail("event = { frm = \"mia@bakery.example\" }");
    assert_eq!(found(&wrong), [Code::E0702], "a word that a mail does not have is told");
}

#[test]
fn a_gate_with_a_form_is_filled_in_and_not_edited() {
    let ask = |answer: &str| {
        let playbook = "schema = \"adjutant/v1\"\n[input.note]\ntype = \"string\"\n[[step]]\nid = \"ask\"\n\
                        gate = \"How much?\"\nshow = [\"input.note\"]\nform = { amount = \"number\" }\n\
                        on = { denied = \"done\", expired = \"done\" }\nnext = \"done\"\n[[step]]\nid = \"done\"\nend = \"done\"\n";
        let test = format!(
            "schema = \"adjutant/v1\"\nplaybook = \"ask\"\ninput = {{ note = \"a\" }}\n[[answer]]\nstep = \"ask\"\n{answer}\n"
        );
        found(&load(&company(&[("playbooks/ask.toml", playbook), (TEST, &test)])))
    };
    assert_eq!(ask("outcome = \"approved\"\nwith = { amount = 3 }"), []);
    assert_eq!(ask("edit = { \"input.note\" = \"b\" }"), [Code::E0702]);
}

#[test]
fn a_test_that_changes_leaves_the_plan_as_it_is_and_is_judged_anew() {
    let input = "input = { message = \"a\", sender = \"b@example.com\", name = \"c\" }\n";
    let mut memo = Memo::default();
    let first = memo.load(&agency(input));
    let second = memo.load(&agency(&format!("title = \"Another\"\n{input}")));
    let (first, second) = (first.plan.expect("it checks"), second.plan.expect("it checks"));
    assert!(std::sync::Arc::ptr_eq(&first, &second), "the very same plan");
    let wrong = memo.load(&agency(&format!("{input}until = \"nowhere\"\n")));
    assert_eq!(found(&wrong), [Code::E0212]);
    assert_eq!(found(&memo.load(&agency(input))), []);
}

#[test]
fn a_slot_is_one_of_the_schedule() {
    let weekly = "schema = \"adjutant/v1\"\n[trigger]\nkind = \"schedule\"\ncron = \"0 0 8 * * MON\"\n\
                  [[step]]\nid = \"done\"\nend = \"done\"\n";
    let at = |slot: &str| {
        let test = format!("schema = \"adjutant/v1\"\nplaybook = \"weekly\"\nslot = \"{slot}\"\n");
        load(&company(&[("playbooks/weekly.toml", weekly), (TEST, &test)]))
    };
    assert_eq!(found(&at("2026-03-02T08:00:00+01:00")), []);
    let other = at("2026-03-03T08:00:00+01:00");
    assert_eq!(found(&other), [Code::E0704]);
    assert!(
        other.report.render().contains("the next one is 2026-03-09T08:00:00+01:00"),
        "{}",
        other.report.render()
    );
}

/// Returns the scenarios of a company, by file.
fn scenarios(files: &FileSet) -> Vec<Scenario> {
    scenario::all(&adjutant_company::loaded(files).draft)
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let mut count = 0;
    for name in ["agency", "hello", "newsletter", "studio"] {
        let mut files = example(name);
        let before = scenarios(&files);
        let plan = adjutant_company::plan(&files);
        for one in &before {
            let Written { text, left_out } = scenario::write(&plan, one, &["From a run".to_owned()]);
            assert_eq!(left_out, Vec::<String>::new());
            assert_eq!(adjutant_spec::fmt::fmt(&text).as_ref(), Ok(&text), "it is in canonical form");
            files.insert(one.file.as_str(), text.as_bytes());
        }
        assert_eq!(scenarios(&files), before);
        count += before.len();
    }
    assert!(count > 4, "there are scenarios to write");
}

#[test]
fn what_is_odd_is_written_so_that_it_is_read_as_it_was() {
    let files = example("agency");
    let plan = adjutant_company::plan(&files);
    let mut odd = scenarios(&files).remove(0);
    let texts =
        ["", "two\nlines \"quoted\" \\ '''", "\u{1b}[31m\u{7}\r\n\ttab", "ünï\u{202e}", "'''\n\"\"\"\n#"];
    let fields = json!({
        "texts": texts, "empty": {}, "list": [], "deep": [{ "a": [1, [2.5, true]] }], "a b.c": -7,
        "large": i64::MAX, "small": 1e-7,
    });
    odd.begin = Begin::Event(fields.clone());
    odd.title = texts.join("|");
    let reply = Reply::Outcome { word: "approved".to_owned(), with: Some(fields), edit: Default::default() };
    odd.answers = vec![Answer { reply, ..odd.answers[0].clone() }];
    let mut written = example("agency");
    written.insert(odd.file.as_str(), scenario::write(&plan, &odd, &[]).text.as_bytes());
    let draft = adjutant_spec::load(&written).draft;
    let read = scenario::all(&draft).into_iter().find(|one| one.file == odd.file);
    assert_eq!(read, Some(odd));
}

#[test]
fn what_cannot_be_said_is_named() {
    let files = example("agency");
    let plan = adjutant_company::plan(&files);
    let mut one = scenarios(&files).remove(0);
    one.begin = Begin::Event(json!({ "name": null, "ids": [1, null, u64::MAX] }));
    let Written { text, left_out } = scenario::write(&plan, &one, &[]);
    assert_eq!(
        left_out,
        ["event.name is null", "event.ids[1] is null", "event.ids[2] is 18446744073709551615"]
    );
    assert!(text.contains("ids = [1]"), "{text}");
}

/// A person is asked about each place, with a note that the run was given.
const DIG: &str = r#"schema = "adjutant/v1"
title = "Asks about every place"

[trigger]
kind = "manual"

[input.places]
type = "list"
trust = "operator"

[input.note]
type = "string"
trust = "operator"

[[step]]
id = "dig"
each = "{{ input.places }}"
as = "place"
max_items = 5
on = { some_failed = "done" }
next = "done"

[[step]]
id = "ask"
in = "dig"
gate = "Dig at {{ place.name }}?"
show = ["input.note", "place.name"]
risk = "low"
expires = "7d"
on = { denied = "no", expired = "no" }
next = "yes"

[[step]]
id = "no"
in = "dig"
end = "failed"

[[step]]
id = "yes"
in = "dig"
end = "done"

[[step]]
id = "done"
end = "done"
"#;

#[test]
fn what_is_edited_in_a_branch_is_written_by_the_paths_of_the_playbook() {
    let test = "schema = \"adjutant/v1\"\nplaybook = \"dig\"\ninput = { places = [{ name = \"a\" }], note = \"deep\" }\n\
                [[answer]]\nstep = \"dig[0].ask\"\nedit = { \"input.note\" = \"flat\", \"place.name\" = \"b\" }\n";
    let mut files = company(&[("playbooks/dig.toml", DIG), ("tests/dig.toml", test)]);
    let before = scenarios(&files);
    let written = scenario::write(&adjutant_company::plan(&files), &before[0], &[]);
    files.insert("tests/dig.toml", written.text.as_bytes());
    assert_eq!(scenarios(&files), before, "{}", written.text);
    assert!(written.text.contains("\"place.name\" = \"b\""), "{}", written.text);
}
