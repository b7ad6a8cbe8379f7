//! A trigger on business records: what its event has, what is refused, and what the plan makes of it.

use adjutant_company::company;
use adjutant_spec::{
    Memo,
    files::FileSet,
    load,
    plan::{RecordChange, Trigger},
    value::Privacy,
};

const CUSTOMER: &str = r#"{"type": "object", "required": ["name"], "additionalProperties": false,
 "properties": {"name": {"type": "string"}, "stage": {"type": "string"}, "visits": {"type": "integer"}}}"#;

const END: &str = "[[step]]\nid = \"done\"\nend = \"done\"\n";

fn files(trigger: &str, rest: &str) -> FileSet {
    let text = format!("schema = \"adjutant/v1\"\n[trigger]\nkind = \"record\"\n{trigger}\n{rest}{END}");
    company(&[("records/customer.json", CUSTOMER), ("playbooks/hello.toml", &text)])
}

fn input(from: &str, type_: &str) -> String {
    format!("[input.it]\nfrom = \"{{{{ {from} }}}}\"\ntype = \"{type_}\"\n")
}

/// Returns the codes of what is wrong.
fn wrong(trigger: &str, rest: &str) -> Vec<String> {
    let report = load(&files(trigger, rest)).report;
    let errors = report.diagnostics().iter().filter(|found| found.code.name().starts_with('E'));
    errors.map(|found| found.code.name().to_owned()).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_write_tells_of_itself_and_of_what_was_there() {
    for (read, type_) in [
        ("event.record", "string"),
        ("event.key", "string"),
        ("event.change", "string"),
        ("event.version", "integer"),
        ("event.value.name", "string"),
        ("event.value", "table"),
        ("event.before.name", "string"),
    ] {
        let on = "record = \"customer\"\non = \"changed\"";
        assert_eq!(wrong(on, &input(read, type_)), NONE, "{read}");
    }
    let when = "record = \"customer\"\non = \"changed\"\nwhen = \"event.value.name != event.before.name\"";
    assert_eq!(wrong(when, ""), NONE);
}

#[test]
fn what_is_not_there_is_refused_at_its_place() {
    let customer = "record = \"customer\"";
    for (trigger, from, type_, code) in [
        (customer, "event.value.nope", "string", "E0216"),
        (customer, "event.values", "string", "E0216"),
        ("record = \"customer\"\non = \"created\"", "event.before.name", "string", "E0216"),
        (customer, "event.before.name", "string", "E0223"),
        (customer, "event.value.stage", "string", "E0223"),
        (customer, "event.value.name", "integer", "E0224"),
        ("record = \"nobody\"", "event.key", "string", "E0208"),
        ("record = \"customer\"\non = \"deleted\"", "event.key", "string", "E0104"),
    ] {
        let found = wrong(trigger, &input(from, type_));
        assert!(found.contains(&code.to_owned()), "{trigger} {from}: {found:?}");
    }
    let when = "record = \"customer\"\nwhen = \"event.before.name == 'Ada'\"";
    assert_eq!(wrong(when, ""), ["E0223"], "there is nothing before a record that is new");
    let when = "record = \"customer\"\nwhen = \"event.value.nope\"";
    assert_eq!(wrong(when, ""), ["E0216"]);
    let guarded = "record = \"customer\"\nwhen = \"event.before is defined and event.before.name == 'Ada'\"";
    assert_eq!(wrong(guarded, ""), NONE);
}

#[test]
fn a_playbook_that_its_own_writes_start_again_is_refused() {
    let write = "[[step]]\nid = \"note\"\nrecord = { kind = \"customer\", write = { stage = \"seen\" }, key = \"{{ input.it }}\" }\non = { conflict = \"done\" }\n";
    let rest = format!("{}{write}", input("event.key", "string"));
    let on = |on: &str| format!("record = \"customer\"\n{on}");
    let is_refused = |trigger: &str| wrong(trigger, &rest).contains(&"E0227".to_owned());
    assert!(is_refused(&on("")));
    assert!(is_refused(&on("on = \"changed\"")));
    assert!(!is_refused(&on("on = \"created\"")), "what was there is not created again");
    let when = on("on = \"changed\"\nwhen = \"event.before.name != event.value.name\"");
    assert!(!is_refused(&when), "it says where it ends");
}

#[test]
fn what_a_record_holds_is_as_private_and_as_trusted_as_ever() {
    let public = format!("{}privacy = \"public\"\n", input("event.value.name", "string"));
    let loaded = load(&files("record = \"customer\"", &public));
    let plan = loaded.plan.expect("it is right");
    assert_eq!(plan.playbooks["hello"].inputs["it"].privacy, Privacy::Client);
    let verified = format!("{}trust = \"verified\"\n", input("event.value.name", "string"));
    assert_eq!(wrong("record = \"customer\"", &verified), ["E0504"], "who wrote it is not known");
}

#[test]
fn each_write_has_a_key_of_its_own_where_none_is_written() {
    let plan = load(&files("record = \"customer\"", "")).plan.expect("it is right");
    let Trigger::Record { record, on, when, key, .. } = &plan.playbooks["hello"].trigger else {
        panic!("{:?}", plan.playbooks["hello"].trigger)
    };
    assert_eq!((record.as_str(), *on, when), ("customer", RecordChange::Any, &None));
    for read in ["event.record", "event.key", "event.version"] {
        assert!(key.reads.contains(read), "{:?}", key.reads);
    }
}

#[test]
fn another_schema_of_the_record_is_seen_by_a_memo() {
    let mut memo = Memo::default();
    let rest = input("event.value.name", "string");
    let before = files("record = \"customer\"", &rest);
    assert_eq!(memo.load(&before).report.render(), load(&before).report.render());
    let mut after = files("record = \"customer\"", &rest);
    after.insert("records/customer.json", CUSTOMER.replace("name", "called").into_bytes());
    let fresh = load(&after).report.render();
    assert!(fresh.contains("E0216"), "{fresh}");
    assert_eq!(memo.load(&after).report.render(), fresh);
}
