//! The whole output of each command that needs no daemon, and the exit codes of the contract.

use adjutant_tests::World;
use insta::assert_snapshot;

/// A company that checks clean without warnings.
fn company() -> World {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    world
}

#[test]
fn init_makes_a_company_that_checks_clean() {
    let world = World::new();
    assert_snapshot!("init", world.adjutant(&["init", "north-pier"]).all());
    assert_snapshot!("check_clean", world.adjutant(&["check", "north-pier"]).all());
    assert!(world.read("north-pier/adjutant.toml").contains("name = \"North Pier\""));
    assert!(world.read("config/adjutant/key.txt").contains("AGE-SECRET-KEY-1"));
}

#[test]
fn init_never_overwrites() {
    let world = company();
    world.write("co/adjutant.toml", "mine");
    assert_snapshot!("init_again", world.adjutant(&["init", "co"]).all());
    assert_eq!(world.read("co/adjutant.toml"), "mine");
}

#[test]
fn examples_check_with_nothing_but_missing_secrets() {
    let world = World::new();
    for name in adjutant_company::examples() {
        let _ = world.adjutant(&["init", &name, "--example", &name]).ok();
        let report = world.adjutant(&["check", &name, "--json"]).json();
        assert_eq!(report["ok"], true);
        let others =
            report["diagnostics"].as_array().expect("a list").iter().filter(|found| found["code"] != "W0201");
        assert_eq!(others.count(), 0, "{report}");
    }
    assert_snapshot!("init_unknown_example", world.adjutant(&["init", "x", "--example", "nothing"]).all());
}

#[test]
fn check_tells_every_mistake_with_place_and_fix() {
    let world = company();
    let text = world.read("co/playbooks/hello.toml").replace("render = ", "rendr = ");
    world.write("co/playbooks/hello.toml", &text);
    world.write("co/routes/x.toml", "schema = \"adjutant/v1\"\n[[class]\n");
    assert_snapshot!("check_mistakes", world.adjutant(&["check", "co"]).all());
    let report = world.adjutant(&["check", "co", "--json"]);
    assert_eq!(report.code, 1);
    let report: serde_json::Value = serde_json::from_str(&report.stdout).expect("JSON");
    for key in ["code", "severity", "file", "line", "column", "message", "help"] {
        assert!(report["diagnostics"][0].get(key).is_some(), "{key}");
    }
}

#[test]
fn check_reads_a_revision_not_the_folder() {
    let world = company();
    world.git("co", &["init", "-q"]);
    world.git("co", &["add", "."]);
    world.git("co", &["commit", "-qm", "begin"]);
    world.write("co/adjutant.toml", "broken");
    assert_eq!(world.adjutant(&["check", "co"]).code, 1);
    assert_eq!(world.adjutant(&["check", "co", "--rev", "HEAD"]).code, 0);
    assert_snapshot!("check_unknown_revision", world.adjutant(&["check", "co", "--rev", "nothing"]).all());
}

#[test]
fn check_of_a_folder_that_is_no_company() {
    let world = World::new();
    world.write("other/readme.md", "x");
    assert_snapshot!("check_no_company", world.adjutant(&["check", "other"]).all());
}

#[test]
fn scenarios_are_played_and_the_first_difference_is_told() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co", "--example", "agency"]).ok();
    let all = world.adjutant(&["test", "--dir", "co", "--json"]).json();
    assert_eq!((&all["ok"], all["scenarios"].as_array().map(Vec::len)), (&true.into(), Some(8)));
    assert_eq!(world.adjutant(&["test", "nowhere", "--dir", "co"]).code, 4);
    assert_eq!(world.adjutant(&["check", "co", "--tests"]).code, 0);
    let text = world.read("co/tests/lead.toml").replace("amount = 1200", "amount = 1300");
    world.write("co/tests/lead.toml", &text);
    assert_eq!(world.adjutant(&["check", "co"]).code, 0, "a plain check plays nothing");
    assert_eq!(world.adjutant(&["check", "co", "--tests"]).code, 1);
    assert_snapshot!("test_failed", world.adjutant(&["test", "tests/lead.toml", "--dir", "co"]).all());
}

#[test]
fn faults_are_explored_on_what_holds() {
    let world = company();
    let disturbed = |more: &[&str]| {
        world.adjutant(&[&["test", "hello", "--chaos", "--seed", "5", "--dir", "co"], more].concat())
    };
    // However short the time is, every fault is tried by itself.
    let calm = disturbed(&["--for", "1ms", "--json"]).json();
    let scenarios = calm["scenarios"].as_array().expect("a list");
    assert_eq!((&calm["ok"], scenarios.len()), (&true.into(), 2));
    for one in scenarios {
        let faults = &one["faults"];
        assert!(faults["of"].as_u64() > Some(0) && faults["tried"] == faults["of"], "{faults}");
    }
    let told = disturbed(&["--for", "1ms"]);
    let told = told.ok();
    assert!(told.contains(" faults by themselves, ") && told.contains(" with --seed 5"), "{told}");
    let text = world.read("co/tests/hello.toml").replace("end = \"done\"", "end = \"failed\"");
    world.write("co/tests/hello.toml", &text);
    let refused = disturbed(&["--for", "2s"]);
    assert!(refused.code == 1 && refused.stderr.contains("does not hold"), "{}", refused.all());
    assert_eq!(refused.stdout, "", "nothing is disturbed before all hold");
}

#[test]
fn new_objects_check_clean() {
    let world = company();
    assert_snapshot!("new", world.adjutant(&["new", "playbook", "follow-up", "--dir", "co"]).all());
    for kind in ["record", "policy", "slice"] {
        let _ = world.adjutant(&["new", kind, "fresh", "--dir", "co"]).ok();
    }
    let _ = world.adjutant(&["check", "co"]).ok();
    assert_snapshot!("new_again", world.adjutant(&["new", "playbook", "follow-up", "--dir", "co"]).all());
    assert_snapshot!("new_unknown_kind", world.adjutant(&["new", "thing", "x", "--dir", "co"]).all());
}

#[test]
fn fmt_changes_form_and_nothing_else() {
    let world = company();
    assert_eq!(world.adjutant(&["fmt", "co", "--check"]).code, 0, "what init makes is canonical");
    let text = world.read("co/playbooks/hello.toml");
    world.write("co/playbooks/hello.toml", &text.replace("schema = ", "schema="));
    assert_snapshot!("fmt_check", world.adjutant(&["fmt", "co", "--check"]).all());
    let _ = world.adjutant(&["fmt", "co"]).ok();
    assert_eq!(world.read("co/playbooks/hello.toml"), text);
}

#[test]
fn explain_and_schema_print_what_the_binary_knows() {
    let world = World::new();
    assert!(world.adjutant(&["explain", "e0203"]).ok().starts_with("# E0203: an agent that does not exist"));
    assert!(world.adjutant(&["explain", "--json"]).json().as_array().expect("a list").len() >= 40);
    assert_snapshot!("explain_unknown", world.adjutant(&["explain", "E9999"]).all());
    let schema = world.adjutant(&["schema", "playbook"]).json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_snapshot!("schema_unknown", world.adjutant(&["schema", "poem"]).all());
}

#[test]
fn secrets_are_sealed_and_never_printed() {
    let world = company();
    let set = world.adjutant_with(&["secrets", "set", "billing", "--dir", "co"], "hunter2-canary\n");
    assert_snapshot!("secrets_set", set.all());
    assert!(!world.read("co/secrets/billing.age").contains("hunter2"));
    assert_snapshot!("secrets_list", world.adjutant(&["secrets", "list", "--dir", "co"]).all());
    assert_eq!(world.adjutant_with(&["secrets", "set", "empty", "--dir", "co"], "").code, 1);
    assert_eq!(world.adjutant_with(&["secrets", "set", "../x", "--dir", "co"], "y").code, 1);
}

#[test]
fn a_route_answers_by_rules_and_abstains() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co", "--example", "agency"]).ok();
    let ask = |text: &str| world.adjutant(&["route", "inbound", text, "--dir", "co", "--json"]).json();
    assert_eq!(ask("Please send us a quote for a website")["class"], "lead");
    assert_eq!(ask("zzz qqq")["class"], "unsure");
    assert_eq!(world.adjutant(&["route", "nowhere", "x", "--dir", "co"]).code, 4);
}

#[test]
fn a_model_is_pulled_from_a_folder_and_verified() {
    let world = company();
    for (file, text) in [("config.json", "{}"), ("model.safetensors", "weights"), ("tokenizer.json", "[]")] {
        world.write(&format!("source/{file}"), text);
    }
    let missing = world.adjutant(&["models", "verify"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (4, ""));
    let pinned = world.adjutant(&["models", "pull", "mine", "--from", "source", "--lock", "co"]);
    assert!(pinned.code == 1 && pinned.stderr.contains("routes decide with"), "{}", pinned.all());
    let pulled = world.adjutant(&["models", "pull", "mine", "--from", "source", "--json"]).json();
    let digest = pulled["digest"].as_str().expect("a digest");
    let listed = world.adjutant(&["models", "list", "--json"]).json();
    assert_eq!(listed[0]["state"], "absent", "{listed}");
    assert_eq!((&listed[1]["name"], &listed[1]["digest"]), (&"mine".into(), &digest.into()), "{listed}");
    let _ = world.adjutant(&["models", "verify", "mine"]).ok();
    std::fs::remove_file(world.path(".cache/adjutant/models/mine/tokenizer.json")).expect("it is there");
    let damaged = world.adjutant(&["models", "verify", "mine"]);
    assert_eq!(damaged.code, 1, "{}", damaged.all());
    assert!(damaged.all().contains("missing"), "{}", damaged.all());
    let other = world.adjutant(&["models", "pull", "all-MiniLM-L6-v2", "--from", "source"]);
    assert_eq!(other.code, 1, "{}", other.all());
    assert!(other.stderr.contains("should have 612 bytes"), "{}", other.all());
    assert_eq!(world.adjutant(&["models", "pull", "mine", "--from", "nowhere"]).code, 4);
}

#[test]
fn shells_and_systemd_get_their_files() {
    let world = World::new();
    assert!(world.adjutant(&["completions", "bash"]).ok().contains("_adjutant"));
    let man = world.adjutant(&["man"]);
    assert!(man.ok().contains(".TH adjutant 1"));
    assert!(!man.stdout.contains("demo-doubles"), "hidden commands stay hidden");
    let unit = world.adjutant(&["service", "--repo", "co"]);
    assert!(unit.ok().contains("RestartPreventExitStatus=65 74"));
}

#[test]
fn doctor_says_what_is_missing_and_what_to_do() {
    let world = World::new();
    let ran = world.adjutant(&["doctor"]);
    assert_eq!(ran.code, 1, "there is no key yet: {}", ran.all());
    assert!(ran.stderr.contains("key: `adjutant init` makes a key"), "{}", ran.all());
    let _ = world.adjutant(&["init", "co"]).ok();
    let findings: serde_json::Value =
        serde_json::from_str(&world.adjutant(&["doctor", "--json"]).stdout).expect("JSON");
    let bad = findings
        .as_array()
        .expect("a list")
        .iter()
        .filter(|found| found["ok"] == false && found["check"] != "port");
    assert_eq!(bad.count(), 0, "{findings}");
}

#[test]
fn commands_of_later_versions_refuse_and_say_what_helps() {
    let world = World::new();
    assert_snapshot!("later", world.adjutant(&["backtest", "HEAD", "--last", "10"]).all());
    for command in [&["fork", "x"][..], &["mcp"], &["freeze"], &["budget"], &["memory", "search", "x"]] {
        let ran = world.adjutant(command);
        assert_eq!(ran.code, 2, "{}", ran.all());
        assert!(
            ran.stderr.contains("is not in this version") && ran.stderr.contains("hint: "),
            "{}",
            ran.all()
        );
    }
}

#[test]
fn a_daemon_that_is_not_there_is_69() {
    let world = World::new();
    for command in [&["status"][..], &["runs"], &["inbox"], &["run", "hello"], &["dead"]] {
        let ran = world.adjutant(command);
        assert_eq!(ran.code, 69, "{}", ran.all());
        assert!(ran.stdout.is_empty() && ran.stderr.contains("`adjutant up"), "{}", ran.all());
    }
    assert_eq!(world.adjutant(&["status", "--server", "ftp://x"]).code, 2);
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    let world = World::new();
    assert_eq!(world.adjutant(&["statsu"]).code, 2);
    assert_eq!(world.adjutant(&["approve", "g"]).code, 2, "an approval needs the digest that was shown");
    let help = world.adjutant(&["--help"]);
    assert_snapshot!("help", help.ok());
}
