//! Whole stories of the example agency: the real daemon, the doubles' real wire formats, the operator's commands.

#![expect(clippy::unwrap_used, reason = "a story that breaks off has failed")]

use adjutant_doubles::Books;
use adjutant_tests::{Agency, BUDGET, Daemon, LEAD, Stage, World, lead, letter, quote_form};
use serde_json::{Value, json};

const CLIENT: &str = "tom@harbour-books.example";

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_lead_gets_one_quote_and_one_invoice() {
    let agency = Agency::open().await;
    let run = agency.webhook("msg_1", &lead()).await;
    assert_eq!(agency.webhook("msg_1", &lead()).await, run, "the same delivery is the same run");
    let gate = agency.gate(&run).await;
    let id = gate["id"].as_str().unwrap();
    let card = agency.operator(&["show", &run]).await;
    assert!(
        card.ok().contains("mail.send") && card.stdout.contains("billing.create_invoice"),
        "{}",
        card.all()
    );
    assert_eq!(
        agency.operator(&["approve", id, "--digest", "0123456789abcdef"]).await.code,
        5,
        "another card"
    );
    let digest = &gate["digest"].as_str().unwrap()[..12];
    let approved = agency.operator(&["approve", id, "--digest", digest]).await;
    assert_eq!(approved.code, 0, "{}", approved.all());
    let view = agency.at(&run, "patience").await;
    let again = agency.operator(&["approve", id, "--digest", digest]).await;
    assert!(again.ok().contains("already approved"), "{}", again.all());
    assert_eq!(agency.operator(&["deny", id, "-m", "no"]).await.code, 5, "an opposite decision");

    assert_eq!(agency.stage.mails_to(LEAD).len(), 1);
    let invoices = agency.stage.doubles.billing().invoices();
    assert_eq!(invoices.len(), 1);
    assert_eq!(invoices[0].fields["customer_email"], LEAD);
    assert_eq!(invoices[0].fields["amount"].as_f64(), Some(f64::from(BUDGET) * 0.3));
    let customers = agency.operator(&["records", "customer", "--json"]).await.json();
    assert_eq!(customers[0]["key"], LEAD);
    assert_eq!(customers[0]["run"], view["id"], "a record says where it comes from");
    assert_eq!(agency.operator(&["audit", "verify", "--json"]).await.json()["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_recorded_whole_and_never_made_again() {
    let agency = Agency::open().await;
    let body = json!({
        "name": "Ada", "email": "ada@example.com", "company": "Ada",
        "message": "How much would a redesign of our pottery shop cost?",
    });
    let run = agency.webhook("msg_route", &body).await;
    drop(agency.gate(&run).await);
    let shown = agency.operator(&["runs", &run, "--json"]).await.json();
    let sorted = |run: &Value| {
        let steps = run["steps"].as_array().unwrap();
        steps.iter().find(|step| step["id"] == "sort").unwrap()["value"].clone()
    };
    let decided = sorted(&shown);
    assert_eq!(decided["model"], "static-minilm-256", "nothing was pulled in this world: {decided}");
    assert_eq!(decided["neighbours"].as_array().map(Vec::len), Some(3), "{decided}");
    let log = agency.operator(&["log", &run, "--json"]).await.json();
    let entries = log.as_array().unwrap();
    let judged: Vec<&Value> = entries
        .iter()
        .map(|entry| &entry["event"]["provenance"]["judged"])
        .filter(|it| it.is_object())
        .collect();
    assert_eq!(judged.len(), 1, "one question, one answer: {log}");
    assert!(judged[0]["model"]["digest"].as_str().unwrap().starts_with("sha256:"), "{judged:?}");
    assert!(judged[0]["features"].is_object() && judged[0]["router"].is_string(), "{judged:?}");
    let folded = agency.operator(&["runs", &format!("{run}@{}", shown["seq"]), "--json"]).await.json();
    assert_eq!(sorted(&folded), decided, "the log alone says what was decided");
    let why = agency.operator(&["why", &run]).await;
    assert!(why.ok().contains("model static-minilm-256"), "{}", why.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_mail_says_who_let_it_and_what_it_was_made_of() {
    let agency = Agency::open().await;
    let run = agency.webhook("msg_1", &lead()).await;
    let gate = agency.gate(&run).await;
    drop(agency.approve(&gate).await);
    let view = agency.at(&run, "patience").await;
    let effects = view["effects"].as_array().unwrap();
    let sent = effects.iter().find(|effect| effect["step"] == "send").unwrap()["id"].as_str().unwrap();
    let why = agency.operator(&["why", sent, "--json"]).await.json();
    let of = |kind: &str| {
        let lines = why["chain"].as_array().unwrap().iter().filter(|line| line["kind"] == kind);
        lines.filter_map(|line| line["text"].as_str()).collect::<Vec<_>>().join("\n")
    };
    assert!(of("effect").contains(&format!("Send to {LEAD}: done")), "{why}");
    assert!(of("gate").contains("said yes to"), "{why}");
    assert!(of("policy").contains("a person approved this payload"), "{why}");
    assert!(of("model").contains("agents/qualifier") || of("model").contains("prompts/"), "{why}");
    assert!(of("input").contains("from outside: "), "{why}");
    assert_eq!(of("waits"), "", "what the run waits for now did not make the mail: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_edited_is_what_goes_out() {
    let agency = Agency::open().await;
    let run = agency.webhook("msg_1", &lead()).await;
    let gate = agency.gate(&run).await;
    agency.stage.world.write("edit.json", r#"{ "steps.quote.text": "Dear Maya, 4000 EUR. North Pier" }"#);
    let digest = gate["digest"].as_str().unwrap();
    let edited = agency.operator(&["approve", &run, "--digest", digest, "--edit", "edit.json"]).await;
    assert_eq!(edited.code, 0, "{}", edited.all());
    let view = agency.at(&run, "patience").await;
    let mails = agency.stage.mails_to(LEAD);
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].text.as_deref().map(str::trim), Some("Dear Maya, 4000 EUR. North Pier"));
    let quote = view["steps"].as_array().unwrap().iter().find(|step| step["id"] == "quote").unwrap();
    assert!(!quote["original"].is_null(), "the original stays: {quote}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_quote_never_leaves() {
    let agency = Agency::open().await;
    let run = agency.webhook("msg_1", &lead()).await;
    drop(agency.gate(&run).await);
    let denied = agency.operator(&["deny", &run, "-m", "we are booked out"]).await;
    assert_eq!(denied.code, 0, "{}", denied.all());
    drop(agency.is(&run, "cancelled").await);
    assert!(agency.stage.mails_to(LEAD).is_empty());
    assert!(agency.stage.doubles.billing().invoices().is_empty());
    let log = agency.operator(&["log", &run, "--json"]).await;
    assert!(log.ok().contains("we are booked out"), "the reason is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_quote_lapses() {
    let stage = Stage::agency().await;
    stage.replace(
        "playbooks/inbound.toml",
        "risk = \"high\"\nexpires = \"72h\"",
        "risk = \"high\"\nexpires = \"1s\"",
    );
    let agency = Agency::on(stage).await;
    let run = agency.webhook("msg_1", &lead()).await;
    let view = agency.is(&run, "cancelled").await;
    let gate = &view["gates"][0];
    assert_eq!(gate["state"], "expired", "{gate}");
    assert!(agency.stage.mails_to(LEAD).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn support_by_mail_is_acknowledged_once_you_agree() {
    let agency = Agency::open().await;
    let mail = letter(
        CLIENT,
        "trouble@harbour-books.example",
        "I cannot log in to the editor, I forgot my password.",
    );
    agency.stage.world.write("data/files/intake/one.eml", &mail);
    let gate = agency.gate_of("support").await;
    drop(agency.approve(&gate).await);
    let run = gate["run"].as_str().unwrap();
    drop(agency.is(run, "done").await);
    assert_eq!(agency.stage.mails_to(CLIENT).len(), 1);
    let parents = agency
        .daemon
        .api
        .until("runs?status=done", |runs| runs.as_array().is_some_and(|runs| runs.len() == 3))
        .await;
    assert_eq!(parents.as_array().map(Vec::len), Some(3), "the runs above it end too");
    assert!(agency.stage.world.path("data/files/intake/done/one.eml").exists());
    agency.stage.world.write("data/files/intake/again.eml", &mail);
    drop(
        agency
            .daemon
            .api
            .until("status", |_| agency.stage.world.path("data/files/intake/done/again.eml").exists())
            .await,
    );
    let runs = agency.daemon.api.get("runs").await;
    assert_eq!(runs.as_array().map(Vec::len), Some(3), "the same Message-ID starts nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclear_message_waits_for_a_person_and_costs_nothing() {
    let agency = Agency::open().await;
    let body = json!({ "name": "Jo", "email": "jo@northlight.example", "message": "Hi! Coffee some time?" });
    let run = agency.webhook("msg_1", &body).await;
    let gate = agency.gate(&run).await;
    assert_eq!(gate["step"], "triage");
    drop(agency.approve(&gate).await);
    drop(agency.is(&run, "done").await);
    assert!(agency.stage.mails_to("jo@northlight.example").is_empty());
    assert!(agency.stage.doubles.model().requests().is_empty(), "no model was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_the_operator_fills_in_the_form() {
    let stage = Stage::agency().await;
    std::fs::remove_file(stage.world.path("co/connectors/llm.toml")).unwrap();
    std::fs::remove_file(stage.world.path("co/secrets/llm.age")).unwrap();
    stage.replace("agents/qualifier.toml", "connector = \"llm\"\n", "");
    let agency = Agency::on(stage).await;
    let run = agency.webhook("msg_1", &lead()).await;
    let gate = agency.gate(&run).await;
    assert_eq!(gate["step"], "qualify");
    agency.stage.world.write("wrong.json", r#"{ "budget": "much" }"#);
    agency.stage.world.write("form.json", &quote_form().to_string());
    let digest = gate["digest"].as_str().unwrap();
    let wrong = agency.operator(&["approve", &run, "--digest", digest, "--form", "wrong.json"]).await;
    assert_ne!(wrong.code, 0, "the form has a schema: {}", wrong.all());
    let filled = agency.operator(&["approve", &run, "--digest", digest, "--form", "form.json"]).await;
    assert_eq!(filled.code, 0, "{}", filled.all());
    let gate = agency.daemon.api.until("inbox", |inbox| inbox[0]["step"] == "approve").await;
    drop(agency.approve(&gate[0]).await);
    drop(agency.at(&run, "patience").await);
    assert_eq!(agency.stage.mails_to(LEAD).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_daemon_goes_on_where_it_was() {
    let agency = Agency::open().await;
    let run = agency.webhook("msg_1", &lead()).await;
    let before = agency.gate(&run).await;
    let Agency { stage, daemon } = agency;
    assert!(daemon.stop().success(), "a wish to stop is no failure");
    let agency = Agency::on(stage).await;
    assert_eq!(agency.gate(&run).await["digest"], before["digest"]);
    let second = agency.operator(&["up", "--repo", "co", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(second.code, 75, "one daemon serves one data folder: {}", second.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_reads_is_what_programs_read() {
    let agency = Agency::open().await;
    let run = agency.webhook("msg_1", &lead()).await;
    drop(agency.gate(&run).await);
    let status = agency.operator(&["status", "--json"]).await.json();
    for key in
        ["revision", "ready", "conditions", "runs", "inbox", "spend_today", "diagnostics", "slices", "url"]
    {
        assert!(status.get(key).is_some(), "status lacks `{key}`");
    }
    assert_eq!((&status["inbox"], &status["ready"]), (&json!(1), &json!(true)));
    let runs = agency.operator(&["runs", "--json"]).await.json();
    for key in ["id", "playbook", "status", "step", "since", "key", "revision", "bundle"] {
        assert!(runs[0].get(key).is_some(), "runs lack `{key}`");
    }
    let then = agency.operator(&["runs", &format!("{run}@1"), "--json"]).await.json();
    assert_eq!((&then["seq"], &then["step"]), (&json!(1), &json!("sort")));
    for command in [
        &["status"][..],
        &["runs"],
        &["inbox"],
        &["cost"],
        &["connectors"],
        &["dead"],
        &["why", &run],
        &["log", &run],
    ] {
        let ran = agency.operator(command).await;
        assert_eq!(ran.code, 0, "{command:?}: {}", ran.all());
    }
    assert!(
        agency.operator(&["why", &run]).await.stdout.contains("playbooks/inbound.toml"),
        "down to the file"
    );
    assert_eq!(agency.operator(&["runs", "nothing-aaaaaaaa"]).await.code, 4);
    assert_eq!(agency.operator(&["run", "nothing"]).await.code, 4);
    let probe = agency.operator(&["connectors", "probe", "billing"]).await;
    assert_eq!(probe.code, 0, "{}", probe.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn once_brings_a_company_in_force_or_says_why_not() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let once = || world.adjutant(&["up", "--once", "--repo", "co", "--json"]);
    assert_eq!(once().json()["source"]["ready"], true);
    let text = world.read("co/playbooks/hello.toml");
    world.write("co/playbooks/hello.toml", &text.replace("render = ", "rendr = "));
    let refused = once();
    assert_eq!(refused.code, 1, "{}", refused.all());
    assert!(refused.stderr.contains("playbooks/hello.toml:"), "{}", refused.all());
    std::fs::remove_file(world.path("co/adjutant.toml")).unwrap();
    assert_eq!(world.adjutant(&["up", "--once", "--repo", "nowhere"]).code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_file_is_live_and_a_broken_one_changes_nothing() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let daemon = Daemon::start(&world, "co", &[]);
    let applied = |status: &Value| status["revision"]["applied"].clone();
    let before = applied(&daemon.api.until("status", |status| status["ready"] == true).await);
    let text = world.read("co/templates/hello.md");
    world.write("co/templates/hello.md", &format!("{text}\nSee you.\n"));
    let after = applied(&daemon.api.until("status", |status| applied(status) != before).await);
    let playbook = world.read("co/playbooks/hello.toml");
    world.write("co/playbooks/hello.toml", &playbook.replace("render = ", "rendr = "));
    let told = daemon
        .api
        .until("status", |status| status["diagnostics"].as_array().is_some_and(|all| !all.is_empty()))
        .await;
    assert_eq!(applied(&told), after, "what is in force stays");
    let run = world.asked(&["run", "hello", "--input", r#"{"name": "Ada"}"#]).await;
    assert_eq!(run.code, 0, "{}", run.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_live_or_refused_in_the_terminal_that_pushed() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let daemon = Daemon::takes_pushes(&world);
    let applied = |status: &Value| status["revision"]["applied"].clone();
    let before = applied(&daemon.api.until("status", |status| applied(status).is_string()).await);
    let push = |reference: &str| {
        let mut git = world.command(std::path::Path::new("git"));
        git.current_dir(world.path("co")).arg("push").arg(world.path("data/company.git"));
        tokio::task::block_in_place(|| world.finish(git.arg(format!("HEAD:{reference}")), ""))
    };
    let change = |file: &str, from: &str, to: &str| {
        world.write(&format!("co/{file}"), &world.read(&format!("co/{file}")).replace(from, to));
        world.git("co", &["commit", "-qam", "change"]);
    };
    change("templates/hello.md", "Hello", "Good day");
    let good = push("main");
    assert_eq!(good.code, 0, "{}", good.all());
    assert!(good.stderr.contains("plan "), "the pusher reads the plan: {}", good.all());
    let after = applied(&daemon.api.until("status", |status| applied(status) != before).await);
    change("playbooks/hello.toml", "render = ", "rendr = ");
    let bad = push("main");
    assert_ne!(bad.code, 0);
    assert!(bad.stderr.contains("playbooks/hello.toml:"), "with its place: {}", bad.all());
    assert_eq!(applied(&daemon.api.get("status").await), after);
    world.git("co", &["reset", "-q", "--hard", "HEAD~1"]);
    change("templates/hello.md", "Good day", "Hi");
    assert_eq!(push("refs/for/main").code, 0);
    let proposals = world.asked(&["proposals", "--json"]).await.json();
    let (id, digest) = (proposals[0]["id"].as_str().unwrap(), proposals[0]["digest"].as_str().unwrap());
    assert_eq!(world.asked(&["proposals", id, "approve", "--digest", "stale"]).await.code, 5);
    let approved = world.asked(&["proposals", id, "approve", "--digest", digest]).await;
    assert_eq!(approved.code, 0, "{}", approved.all());
    drop(daemon.api.until("status", |status| applied(status) != after).await);
    daemon.kill();
    change("templates/hello.md", "Hi", "Hey");
    let down = push("main");
    assert!(down.code != 0 && down.stderr.contains("start `adjutant up`"), "{}", down.all());
}

const ROUTE: &str = r#"schema = "adjutant/v1"
title = "What it is"

[[class]]
id = "lead"
description = "Somebody wants to buy a website."
examples = ["How much is a new website?", "Could you send us an offer for a shop?"]

[[class]]
id = "support"
description = "Something that we built is broken."
examples = ["The contact form shows an error.", "Our site is down."]
"#;

const SORT: &str = r#"schema = "adjutant/v1"
title = "Sorts a message"

[input.text]
type = "string"

[[step]]
id = "sort"
route = "inbound"
text = "{{ input.text }}"
on = { lead = "done", support = "done", unsure = "done" }

[[step]]
id = "done"
end = "done"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_corrects_is_proposed_and_then_known() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    world.write("co/routes/inbound.toml", ROUTE);
    world.write("co/playbooks/sort.toml", SORT);
    let daemon = Daemon::takes_pushes(&world);
    let applied = |status: &Value| status["revision"]["applied"].clone();
    let before = applied(&daemon.api.until("status", |status| applied(status).is_string()).await);
    let ran = async |key: &str, text: &str| {
        let input = json!({ "text": text }).to_string();
        let run = world.asked(&["run", "sort", "--input", &input, "--key", key, "--wait", "--json"]).await;
        assert_eq!(run.code, 0, "{}", run.all());
        let runs = world.asked(&["runs", "--playbook", "sort", "--json"]).await.json();
        runs[0]["id"].as_str().unwrap().to_owned()
    };
    let nothing = world.asked(&["models", "refit", "inbound"]).await;
    assert!(nothing.code == 5 && nothing.stderr.contains("adjutant correct"), "{}", nothing.all());

    let (broken, links) = ("The checkout loses the cart.", "We sell links, cheap.");
    let run = ran("a", broken).await;
    let wrong = world.asked(&["correct", &run, "sort", "spam"]).await;
    assert!(wrong.code == 1 && wrong.stderr.contains("lead, support"), "{}", wrong.all());
    let noted = world.asked(&["correct", &run, "sort", "support"]).await;
    assert_eq!(noted.code, 0, "{}", noted.all());
    let run = ran("b", links).await;
    assert_eq!(world.asked(&["correct", &run, "sort", "none"]).await.code, 0);

    let opened = world.asked(&["models", "refit", "inbound"]).await;
    assert_eq!(opened.code, 0, "{}", opened.all());
    let id = opened.stdout.trim().to_owned();
    assert_eq!(world.asked(&["models", "refit", "inbound"]).await.stdout.trim(), id, "the same one again");
    let proposal = world.asked(&["proposals", &id, "--json"]).await.json();
    let diff = proposal["diff"].as_str().unwrap();
    assert!(
        diff.contains(&format!("+    \"{broken}\"")) && diff.contains(&format!("+    \"{links}\"")),
        "{diff}"
    );
    let digest = proposal["digest"].as_str().unwrap();
    let approved = world.asked(&["proposals", &id, "approve", "--digest", digest]).await;
    assert_eq!(approved.code, 0, "{}", approved.all());
    drop(daemon.api.until("status", |status| applied(status) != before).await);
    let known = world.asked(&["models", "refit", "inbound"]).await;
    assert!(known.code == 5 && known.stderr.contains("knows everything"), "{}", known.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_under_load_is_a_data_folder_that_verifies() {
    let stage = Stage::load().await;
    let daemon = Daemon::start(&stage.world, "co", &[]);
    daemon.api.until("status", |status| status["ready"] == true).await;
    let order = |number: u64| {
        let api = daemon.api.clone();
        let wish = json!({ "playbook": "order", "input": { "n": number }, "key": format!("order-{number}") });
        async move { api.post("runs", &wish).await["run"].as_str().unwrap().to_owned() }
    };
    let mut acknowledged = Vec::new();
    for number in 0..20 {
        acknowledged.push(order(number).await);
    }
    let copying = {
        let mut command = stage.world.command(&adjutant_tests::adjutant());
        command.args(["backup", "copy", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap()
    };
    // The copy is taken while these come in.
    for number in 20..60 {
        drop(order(number).await);
    }
    let copied = tokio::task::spawn_blocking(|| copying.wait_with_output()).await.unwrap().unwrap();
    assert!(copied.status.success(), "{copied:?}");
    let copied: Value = serde_json::from_slice(&copied.stdout).unwrap();
    assert_eq!(copied["chain"]["broken_at"], Value::Null, "{copied:#}");
    let again = stage.world.adjutant(&["backup", "copy"]);
    assert_eq!(again.code, 5, "a copy is never overwritten: {}", again.all());
    daemon.kill();

    let data = stage.world.path("copy");
    let restored = Daemon::start(&stage.world, "co", &[("ADJUTANT_DATA", data.to_str().unwrap())]);
    let audit = restored.api.get("audit").await;
    assert_eq!(audit["ok"], true, "{audit:#}");
    for run in &acknowledged {
        assert_eq!(restored.api.get(&format!("runs/{run}")).await["id"], run.as_str());
    }
}

#[test]
fn the_demo_proves_one_mail_and_one_invoice() {
    for arguments in [&["demo", "--script"][..], &["demo", "--script", "--no-model"]] {
        let world = World::new();
        let mut command = world.command(&adjutant_tests::adjutant());
        command.args(arguments).args(["--dir", "stage"]);
        let told = world.finish(&mut command, "");
        assert_eq!(told.code, 0, "{}", told.all());
        assert!(told.stdout.contains("signal: 9"), "the daemon was killed: {}", told.all());
        let books = Books::read(&world.path("stage/ledger.jsonl")).expect("the ledger is there");
        let to_lead = books.mails.iter().filter(|mail| mail.envelope_to.iter().any(|to| to == LEAD));
        assert_eq!((to_lead.count(), books.invoices.len()), (1, 1));
    }
}
