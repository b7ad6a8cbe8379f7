//! Scenarios that are played: what holds, what does not and why, and that time costs none.

mod common;

use adjutant_company::{company, example, examples, loaded};
use adjutant_sim::scenario::{Known, Played, Playhouse, play};
use adjutant_spec::{
    Loaded,
    diag::{Code, Page, Report},
    files::FileSet,
    scenario,
};

use crate::common::desk::{self, BOOKED, YES, desk};

/// Plays every scenario of a company, by the path of its file.
fn play_all(loaded: &Loaded) -> Vec<(String, Played)> {
    let plan = loaded.plan.as_ref().expect("it checks");
    let mut house = Playhouse::new(plan);
    let all = scenario::all(&loaded.draft);
    all.iter().map(|one| (one.file.clone(), play(&mut house, one))).collect()
}

/// Plays the one scenario of a company, and returns what does not hold.
fn found(files: &FileSet) -> String {
    let (_, played) = play_all(&loaded(files)).remove(0);
    played.finding.map_or_else(|| "it holds".to_owned(), |found| format!("{}: {}", found.key, found.message))
}

#[test]
fn the_scenarios_of_the_examples_hold() {
    for name in examples() {
        let played = play_all(&loaded(&example(&name)));
        assert!(!played.is_empty(), "{name} has scenarios");
        for (file, played) in played {
            assert_eq!(played.finding, None, "{file}\n{}", played.course.lines().join("\n"));
        }
    }
}

#[test]
fn the_page_of_the_code_shows_a_scenario_that_does_not_hold() {
    let page = Page::of(Code::E0705);
    let loaded = loaded(&page.files);
    let mut report = loaded.report.filtered(|_| false);
    for (file, played) in play_all(&loaded) {
        let found = played.finding.expect("it does not hold");
        report.push(scenario::diagnostic(&loaded.draft, &file, &found));
    }
    assert_eq!(format!("{}\n", Report::render(&report).trim_end()), page.diagnostics);
}

#[test]
fn a_year_of_waiting_takes_no_time() {
    let files =
        desk(&format!("end = \"done\"\n{YES}{BOOKED}[[expect]]\nstep = \"done\"\nafter = \"365d\"\n"));
    assert_eq!(found(&files), "it holds");
}

#[test]
fn what_is_asked_and_not_answered_does_not_hold() {
    assert_eq!(found(&desk("")), "playbook: step \"ask\" asks a person, and nothing is answered: Book blue?");
    let unanswered = found(&desk(YES));
    assert_eq!(
        unanswered,
        "playbook: step \"book\" asks desk.book, and nothing is answered; with { room = \"blue\" }"
    );
}

#[test]
fn an_answer_that_is_never_used_does_not_hold() {
    let twice = format!("{YES}{BOOKED}{BOOKED}");
    assert_eq!(
        found(&desk(&twice)),
        "answer[2]: step \"book\" has an answer that is not used: it was not asked"
    );
}

#[test]
fn the_first_difference_is_told() {
    let expect = |test: &str| found(&desk(&format!("{YES}{BOOKED}{test}")));
    assert_eq!(
        expect("[[expect]]\nstep = \"book\"\nwith = { room = \"red\" }\n"),
        "expect[0].with.room: \"room\" of step \"book\" is \"blue\", expected \"red\""
    );
    assert_eq!(
        expect("[[expect]]\nstep = \"look\"\noutcome = \"ok\"\n"),
        "expect[0].outcome: step \"look\" ended with \"missing\" (there is no such record), expected \"ok\""
    );
    assert_eq!(
        expect("[[expect]]\nstep = \"taken\"\n"),
        "expect[0].step: step \"taken\" was expected, and the run ended as done after step \"done\" without it"
    );
    assert_eq!(
        expect("[[expect]]\nstep = \"book\"\n[[expect]]\nstep = \"ask\"\n"),
        "expect[1].step: step \"ask\" was not reached in this order: it came before what stands above it"
    );
    assert_eq!(
        expect("[[expect]]\nstep = \"rest\"\nafter = \"1h\"\n"),
        "expect[0].after: step \"rest\" began at +0s, expected +1h or later"
    );
}

#[test]
fn what_must_never_be_called_and_how_it_ends_is_judged() {
    let never = found(&desk(&format!("never = [\"desk.book\"]\n{YES}{BOOKED}")));
    assert_eq!(never, "never[0]: \"desk.book\" was called at +0s by step \"book\", with { room = \"blue\" }");
    let ends = found(&desk(&format!("end = \"cancelled\"\n{YES}{BOOKED}")));
    assert_eq!(ends, "end: the run ended as done, expected cancelled");
}

#[test]
fn what_must_never_be_called_is_not_called_in_vain_either() {
    let called = "never[0]: \"desk.book\" was called at +0s by step \"book\", with { room = \"blue\" }";
    let book = |answers: &str| found(&desk(&format!("never = [\"desk.book\"]\n{YES}{answers}")));
    assert_eq!(book("[[answer]]\nstep = \"book\"\nerror = \"invalid\"\n"), called);
    let lost = "[[answer]]\nstep = \"book\"\nerror = \"unknown\"\n";
    let settled = "[[answer]]\nstep = \"book\"\nsettle = \"did_not_happen\"\n";
    // It is not sent again: what was lost is the only call.
    let again = "[[answer]]\nstep = \"book\"\noutcome = \"denied\"\n";
    assert_eq!(book(&format!("{lost}{settled}{again}")), called);
}

#[test]
fn a_probe_is_a_call_too() {
    let probe = "idempotency = \"probe\"\nprobe = \"find\"\n";
    let find = "\n[verbs.find]\nmethod = \"GET\"\npath = \"/find\"\neffect = \"read\"\ninput = { room = \"string\" }\noutput = { id = \"string\" }\n";
    let verbs = desk::VERBS.replacen("idempotency = \"at_most_once\"\n", probe, 1) + find;
    let lost = "[[answer]]\nstep = \"book\"\nerror = \"unknown\"\n";
    let looked = "[[answer]]\nstep = \"book\"\nprobe = \"happened\"\nwith = { id = \"b-1\" }\n";
    let mut files = desk(&format!("never = [\"desk.find\"]\n{YES}{lost}{looked}"));
    files.insert("connectors/desk.toml", verbs.as_bytes());
    let told = found(&files);
    assert!(told.starts_with("never[0]: \"desk.find\" was called"), "{told}");
}

#[test]
fn records_are_kept_and_judged() {
    let given = "[[given]]\nkind = \"booking\"\nkey = \"blue\"\nvalue = { by = \"Jo\" }\n";
    assert_eq!(found(&desk(&format!("never = [\"desk.book\"]\nend = \"cancelled\"\n{given}"))), "it holds");
    let record = |fields: &str| {
        let wanted = format!("[[records]]\nkind = \"booking\"\nkey = \"blue\"\n{fields}\n");
        found(&desk(&format!("{YES}{BOOKED}{wanted}")))
    };
    assert_eq!(record("value = { id = \"b-1\" }\nversion = 1"), "it holds");
    assert_eq!(
        record("value = { by = \"Jo\" }"),
        "records[0].value.by: \"by\" of booking \"blue\" is \"me\", expected \"Jo\""
    );
    assert_eq!(record("version = 2"), "records[0].version: booking \"blue\" is at version 1, expected 2");
    assert!(record("missing = true").starts_with("records[0].missing: there is a booking \"blue\""));
}

#[test]
fn somebody_else_may_write_while_the_run_waits() {
    let later = "[[given]]\nkind = \"booking\"\nkey = \"blue\"\nvalue = { by = \"Jo\" }\nafter = \"1h\"\n";
    let slow = "[[answer]]\nstep = \"ask\"\noutcome = \"approved\"\nafter = \"2h\"\n";
    let test =
        format!("end = \"cancelled\"\n{later}{slow}{BOOKED}[[answer]]\nstep = \"book\"\nundo = true\n");
    let test = format!("{test}[[expect]]\nstep = \"keep\"\noutcome = \"conflict\"\n");
    assert_eq!(found(&desk(&test)), "it holds");
}

#[test]
fn what_somebody_else_writes_later_is_judged_with_what_is_there() {
    let later = |value: &str| {
        let given =
            format!("[[given]]\nkind = \"booking\"\nkey = \"blue\"\nvalue = {value}\nafter = \"1h\"\n");
        found(&desk(&format!("{YES}{BOOKED}{given}")))
    };
    assert_eq!(later("{ id = \"b-2\" }"), "it holds", "what it lacks is there");
    let nonsense = later("{ nonsense = 1 }");
    assert!(nonsense.starts_with("given[0].value: booking \"blue\" does not fit: "), "{nonsense}");
    assert!(nonsense.contains("nonsense"), "{nonsense}");
}

#[test]
fn an_answer_that_takes_too_long_is_lost_and_somebody_settles_it() {
    let slow = format!("{YES}[[answer]]\nstep = \"book\"\nwith = {{ id = \"b-1\" }}\nafter = \"1m\"\n");
    assert_eq!(found(&desk(&slow)), "answer[1].step: step \"book\" is unknown, and nobody settles it");
    let settled =
        format!("{slow}[[answer]]\nstep = \"book\"\nsettle = \"happened\"\nwith = {{ id = \"b-1\" }}\n");
    assert_eq!(found(&desk(&format!("end = \"done\"\n{settled}"))), "it holds");
    let days = format!("{settled}after = \"2d\"\n[[expect]]\nstep = \"keep\"\nafter = \"2d\"\n");
    assert_eq!(found(&desk(&days)), "it holds", "the operator takes their time");
}

#[test]
fn the_play_stops_where_the_scenario_says() {
    assert_eq!(found(&desk("until = \"ask\"\n[[expect]]\nstep = \"look\"\n")), "it holds");
    let never = found(&desk(&format!("until = \"taken\"\n{YES}{BOOKED}")));
    assert_eq!(never, "until: the run never stood at step \"taken\": it ended as done");
}

#[test]
fn a_cancel_that_comes_too_late_does_not_hold() {
    let test = format!("cancel = \"400d\"\n{YES}{BOOKED}");
    assert_eq!(found(&desk(&test)), "cancel: the run had ended before it could be cancelled");
}

#[test]
fn the_course_is_told_with_its_moments() {
    let (_, played) = play_all(&loaded(&desk(&format!("{YES}{BOOKED}")))).remove(0);
    let lines: Vec<String> = played.course.lines().iter().map(|line| line.trim_start().to_owned()).collect();
    let expected = [
        "+0s  look reads booking -> missing (there is no such record)",
        "+0s  ask -> approved",
        "+0s  book desk.book -> ok",
        "+0s  keep writes booking -> ok",
        "+365d  rest -> ok",
        "+365d  done -> done",
        "+365d  the run ended as done",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_scenario_is_played_again_only_where_what_decides_is_another() {
    let mut known = Known::default();
    let mut judge = |loaded: &Loaded| {
        let plan = loaded.plan.as_ref().expect("it checks");
        let not_held = known.judge(plan, &scenario::all(&loaded.draft)).len();
        (not_held, known.played())
    };
    let agency = example("agency");
    let (all, first) = judge(&loaded(&agency));
    assert!(all == 0 && first >= 4, "{first}");
    assert_eq!(judge(&loaded(&agency)), (0, 0));
    let mut other = agency.clone();
    other.insert("tests/silence.toml", "schema = \"adjutant/v1\"\nplaybook = \"inbound\"\ninput = { message = \"\", sender = \"\", name = \"\" }\n".as_bytes());
    assert_eq!(judge(&loaded(&other)), (1, 1));
    assert_eq!(judge(&loaded(&other)), (1, 0), "what does not hold is known too");
    // A grant that is taken away is a rule of another company.
    other.remove("policies/permissions.toml");
    other.insert("tests/silence.toml", agency.get("tests/silence.toml").expect("there").to_vec());
    let (_, again) = judge(&loaded(&other));
    assert_eq!(again, first);
}

#[test]
fn a_thousand_looks_within_a_year_are_played_in_an_instant() {
    let tick = r#"schema = "adjutant/v1"
title = "Looks three times a day"
deadline = "3650d"

[trigger]
kind = "manual"

[[step]]
id = "rest"
wait = "8h"
visits = 1000

[[step]]
id = "look"
record = { kind = "booking", read = "one", key = "blue" }
visits = 1000
on = { missing = "rest" }
next = "done"

[[step]]
id = "done"
end = "done"
"#;
    let mut files = desk("");
    files.insert("playbooks/desk.toml", tick.as_bytes());
    let given = "[[given]]\nkind = \"booking\"\nkey = \"blue\"\nvalue = { by = \"me\" }\nafter = \"320d\"\n";
    let test = format!(
        "schema = \"adjutant/v1\"\nplaybook = \"desk\"\nend = \"done\"\n{given}[[expect]]\nstep = \"done\"\nafter = \"320d\"\nbefore = \"321d\"\n"
    );
    files.insert("tests/desk.toml", test.as_bytes());
    assert_eq!(found(&files), "it holds");
}

#[test]
fn a_slot_goes_through_the_trigger_and_its_inputs() {
    let weekly = r#"schema = "adjutant/v1"
title = "Every Monday"

[trigger]
kind = "schedule"
cron = "0 0 8 * * MON"
key = "{{ event.slot }}"

[input.slot]
from = "{{ event.slot }}"
type = "string"
trust = "operator"

[[step]]
id = "text"
render = "templates/weekly.md"

[[step]]
id = "done"
end = "done"
"#;
    let test = r#"schema = "adjutant/v1"
playbook = "weekly"
slot = "2026-03-02T07:00:00Z"
end = "done"

[[expect]]
step = "text"
at = "2026-03-02T08:00:00+01:00"
with = { text = "The week of 2026-03-02T08:00:00+01:00" }
"#;
    let files = [
        ("playbooks/weekly.toml", weekly),
        ("templates/weekly.md", "The week of {{ input.slot }}"),
        ("tests/weekly.toml", test),
    ];
    assert_eq!(found(&company(&files)), "it holds");
}

#[test]
fn a_mail_comes_with_all_that_a_mail_has() {
    let drop = "schema = \"adjutant/v1\"\nkind = \"mail_drop\"\nendpoint = \"in\"\n";
    let post = r#"schema = "adjutant/v1"
title = "Looks at a mail"

[trigger]
kind = "event"
connector = "intake"
event = "message"

[input.to]
from = "{{ event.reply_to }} {{ event.subject }}{{ event.attachments | length }}"
type = "string"

[[step]]
id = "text"
render = "templates/to.md"

[[step]]
id = "done"
end = "done"
"#;
    let test = "schema = \"adjutant/v1\"\nplaybook = \"post\"\nevent = { from = \"mia@bakery.example\" }\nend = \"done\"\n\n\
                [[expect]]\nstep = \"text\"\nwith = { text = \"mia@bakery.example 0\" }\n";
    let files = [
        ("connectors/intake.toml", drop),
        ("playbooks/post.toml", post),
        ("templates/to.md", "{{ input.to }}"),
        ("tests/post.toml", test),
    ];
    assert_eq!(found(&company(&files)), "it holds");
}

#[test]
fn a_rule_of_the_company_holds_in_a_play_too() {
    let mut files = desk(&format!("{YES}{BOOKED}[[answer]]\nstep = \"book\"\nundo = true\n"));
    let asks = desk::GRANT.replace("level = \"act\"", "level = \"ask\"");
    files.insert("policies/grants.toml", asks.as_bytes());
    let asked = found(&files);
    assert!(asked.contains("step \"keep\" asks a person (autonomy of playbook:desk"), "{asked}");
}

#[test]
fn each_branch_has_answers_of_its_own_or_takes_the_next() {
    let dig = r#"schema = "adjutant/v1"
title = "Asks about every place"

[trigger]
kind = "manual"

[input.places]
type = "list"
trust = "operator"

[[step]]
id = "dig"
each = "{{ input.places }}"
as = "place"
max_items = 5
on = { some_failed = "close" }
next = "done"

[[step]]
id = "ask"
in = "dig"
gate = "Dig at {{ place.name }}?"
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
id = "close"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;
    let play = |answers: &str| {
        let input = "input = { places = [{ name = \"a\" }, { name = \"b\" }] }\n";
        let test = format!("schema = \"adjutant/v1\"\nplaybook = \"dig\"\n{input}{answers}");
        found(&company(&[("playbooks/dig.toml", dig), ("tests/dig.toml", &test)]))
    };
    let yes = "[[answer]]\nstep = \"ask\"\noutcome = \"approved\"\n";
    let second = "[[answer]]\nstep = \"dig[1].ask\"\noutcome = \"denied\"\n";
    assert_eq!(play(&format!("end = \"done\"\n{yes}times = 2\n")), "it holds");
    assert_eq!(play(&format!("end = \"cancelled\"\n{second}{yes}")), "it holds");
}
