//! Waits end, schedules fire, spans hold something, and every moment can be printed.

use adjutant_company::company;
use adjutant_spec::{files::FileSet, load, load_at};
use jiff::Timestamp;

fn said(files: &FileSet) -> Vec<String> {
    load(files).report.diagnostics().iter().map(|found| found.code.name().to_owned()).collect()
}

fn playbook(head: &str, steps: &[&str]) -> FileSet {
    let steps: String = steps.iter().map(|step| format!("\n[[step]]\n{step}\n")).collect();
    let playbook = format!("schema = \"adjutant/v1\"\n{head}{steps}");
    let mut files = vec![("playbooks/p.toml", playbook.as_str())];
    // A template that nothing renders is told, too.
    files.extend(steps.contains("text.md").then_some(("templates/text.md", "Hello.\n")));
    company(&files)
}

const DONE: &str = "id = \"done\"\nend = \"done\"";

fn schedule(cron: &str) -> Vec<String> {
    let trigger = format!("[trigger]\nkind = \"schedule\"\ncron = \"{cron}\"\n");
    let render = "id = \"text\"\nrender = \"templates/text.md\"";
    said(&playbook(&trigger, &[render, DONE]))
}

#[test]
fn a_schedule_that_never_fires_is_told() {
    for cron in ["0 0 9 31 2 *", "0 0 9 30 2 *", "0 0 9 31 4 *", "0 0 9 31 2,4,6,9,11 *", "0 0 9 30-31 FEB *"]
    {
        assert_eq!(schedule(cron), ["W0602"], "{cron}");
    }
    for cron in [
        "0 0 9 29 2 *",
        "0 0 9 31 * *",
        "0 0 9 30 4 *",
        "0 0 9 31 2,3 *",
        "0 0 9 29 2 MON",
        "0 30 2 29 3 *",
        "0 0 8 * * MON",
        "0 0 9 L 2 *",
    ] {
        assert_eq!(schedule(cron), Vec::<String>::new(), "{cron}");
    }
}

fn budget(limit: &str, window: &str, on_exceed: &str) -> Vec<String> {
    let text = format!(
        "schema = \"adjutant/v1\"\n[[budget]]\nscope = \"company\"\nlimit = \"{limit}\"\nwindow = \"{window}\"\non_exceed = \"{on_exceed}\"\n"
    );
    said(&company(&[("policies/money.toml", &text)]))
}

#[test]
fn what_waits_for_a_budget_waits_for_a_window_with_room() {
    assert_eq!(budget("1.00 EUR", "run", "wait"), ["E0607"]);
    assert_eq!(budget("0.00 EUR", "run", "wait"), ["E0607"]);
    for window in ["day", "week", "month"] {
        assert_eq!(budget("0.00 EUR", window, "wait"), ["E0607"], "{window}");
        assert_eq!(budget("1.00 EUR", window, "wait"), Vec::<String>::new(), "{window}");
        assert_eq!(budget("0.00 EUR", window, "refuse"), Vec::<String>::new(), "{window}");
    }
    assert_eq!(budget("1.00 EUR", "run", "refuse"), Vec::<String>::new());
}

fn freeze(from: &str, until: &str) -> FileSet {
    let text = format!(
        "schema = \"adjutant/v1\"\n[[freeze]]\nfrom = \"{from}\"\nuntil = \"{until}\"\nreason = \"holidays\"\n"
    );
    company(&[("policies/freeze.toml", &text)])
}

#[test]
fn a_freeze_holds_some_time() {
    assert_eq!(said(&freeze("2026-12-24T00:00:00Z", "2027-01-02T00:00:00Z")), Vec::<String>::new());
    for (from, until) in [
        ("2027-01-02T00:00:00Z", "2026-12-24T00:00:00Z"),
        ("2026-12-24T00:00:00Z", "2026-12-24T00:00:00Z"),
        ("2026-12-24T00:00:00+01:00", "2026-12-23T23:00:00Z"),
    ] {
        assert_eq!(said(&freeze(from, until)), ["E0127"], "{from} {until}");
    }
}

#[test]
fn a_moment_lies_in_years_that_everything_can_print() {
    for moment in
        ["9999-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T00:00:00Z"]
    {
        assert!(said(&freeze("2026-01-01T00:00:00Z", moment)).contains(&"E0118".to_owned()), "{moment}");
        let wait = format!("id = \"wait\"\nwait = {{ until = \"{moment}\" }}");
        assert_eq!(said(&playbook("", &[&wait, DONE])), ["E0118"], "{moment}");
    }
    let soon = "id = \"wait\"\nwait = { until = \"soon\" }";
    assert_eq!(said(&playbook("", &[soon, DONE])), ["E0118"]);
    let fine = "id = \"wait\"\nwait = { until = \"2027-01-01T00:00:00Z\" }";
    assert_eq!(said(&playbook("", &[fine, DONE])), Vec::<String>::new());
}

#[test]
fn what_was_written_for_a_time_that_is_over_is_told_to_whoever_knows_the_time() {
    let at = |files: &FileSet, now: &str| -> Vec<String> {
        let now: Timestamp = now.parse().expect("a moment");
        load_at(files, now).report.diagnostics().iter().map(|found| found.code.name().to_owned()).collect()
    };
    let holidays = freeze("2026-12-24T00:00:00Z", "2027-01-02T00:00:00Z");
    assert_eq!(at(&holidays, "2026-12-30T00:00:00Z"), Vec::<String>::new());
    assert_eq!(at(&holidays, "2027-01-02T00:00:00Z"), ["W0604"]);
    let wait = playbook("", &["id = \"wait\"\nwait = { until = \"2027-01-01T00:00:00Z\" }", DONE]);
    assert_eq!(at(&wait, "2026-12-30T00:00:00Z"), Vec::<String>::new());
    assert_eq!(at(&wait, "2028-01-01T00:00:00Z"), ["W0604"]);
    assert!(
        load_at(&holidays, "2030-01-01T00:00:00Z".parse().expect("a moment")).plan.is_some(),
        "a warning holds nothing back"
    );
}

#[test]
fn a_wait_of_more_than_a_year_is_told_where_nothing_ends_the_run_before() {
    let wait = |period: &str| format!("id = \"wait\"\nwait = \"{period}\"");
    assert_eq!(said(&playbook("", &[&wait("400d"), DONE])), ["W0603"]);
    let second = wait("200d").replace("\"wait\"", "\"again\"");
    assert_eq!(said(&playbook("", &[&wait("200d"), &second, DONE])), ["W0603"]);
    let gate = "id = \"ask\"\ngate = \"Good?\"\nexpires = \"400d\"\non = { denied = \"done\", expired = \"done\" }\nnext = \"done\"";
    assert_eq!(said(&playbook("", &[gate, DONE])), ["W0603"]);
    assert_eq!(said(&playbook("deadline = \"500d\"\n", &[&wait("400d"), DONE])), Vec::<String>::new());
    assert_eq!(said(&playbook("deadline = \"30d\"\n", &[&wait("400d"), DONE])), ["E0602"]);
    assert_eq!(
        said(&playbook(
            "",
            &[
                &format!(
                    "{}\ntimeout = \"30d\"\non = {{ expired = \"done\" }}\nnext = \"done\"",
                    wait("400d")
                ),
                DONE
            ]
        )),
        Vec::<String>::new()
    );
    assert_eq!(said(&playbook("", &[&wait("300d"), DONE])), Vec::<String>::new());
}

#[test]
fn no_run_is_let_into_more_steps_than_the_machine_takes_in_one_go() {
    let text = |visits: u32| format!("id = \"text\"\nrender = \"templates/text.md\"\nvisits = {visits}");
    let more = "id = \"more\"\nchoose = [{ when = \"run.id == 'x'\", to = \"done\" }]\nelse = \"text\"";
    assert_eq!(said(&playbook("", &[&text(498), more, DONE])), Vec::<String>::new());
    assert_eq!(said(&playbook("", &[&text(501), more, DONE])), ["E0608"]);
    assert_eq!(said(&playbook("", &[&text(1000), more, DONE])), ["E0608"]);
    let pause = "id = \"pause\"\nwait = \"1s\"\nnext = \"text\"";
    let paused = more.replace("else = \"text\"", "else = \"pause\"");
    assert_eq!(
        said(&playbook("deadline = \"1d\"\n", &[&text(1000), &paused, pause, DONE])),
        Vec::<String>::new()
    );
    // A moment that is over, a gate that passes and a step that is skipped are no pause.
    for step in [
        "id = \"pause\"\nwait = { until = \"{{ run.key }}\" }\nnext = \"text\"",
        "id = \"pause\"\nwait = \"1s\"\nwhen = \"run.id == 'y'\"\nnext = \"text\"",
    ] {
        assert_eq!(
            said(&playbook("deadline = \"1d\"\n", &[&text(400), &paused, step, DONE])),
            ["E0608"],
            "{step}"
        );
    }
    let line = |steps: u32| {
        let line: Vec<String> =
            (0..steps).map(|step| format!("id = \"s{step}\"\nrender = \"templates/text.md\"")).collect();
        let steps: Vec<&str> = line.iter().map(String::as_str).chain([DONE]).collect();
        said(&playbook("", &steps))
    };
    assert_eq!(line(1_000), Vec::<String>::new());
    assert_eq!(line(1_001), ["E0608"]);
}
