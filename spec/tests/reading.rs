//! What the reader accepts, what it refuses, and that it says everything at once.

use adjutant_company::company;
use adjutant_spec::{
    diag::{Code, LineColumn, Report},
    draft::RawKind,
    files::FileProblemKind,
    load,
    plan::StepKind,
    read::read,
};

/// Returns `code line:column message` of each mistake of form.
fn form(files: &adjutant_spec::files::FileSet) -> Vec<String> {
    let mut report = Report::new();
    drop(read(files, &mut report));
    let lines = report.diagnostics().iter().map(|found| {
        let LineColumn { line, column } = report.line_column(found);
        format!("{} {}:{line}:{column} {}", found.code, found.file, found.message)
    });
    lines.collect()
}

#[test]
fn all_mistakes_of_all_files_are_said_at_once() {
    let playbook = "schema = \"adjutant/v1\"\nowner = 3\ndeadline = \"soon\"\n\n[trigger]\nkind = \"event\"\nevent = \"lead\"\noverlap = \"replace\"\n\n\
        [[step]]\nid = \"a\"\nagent = \"b\"\nwith = { text = \"{{ inptu.text }}\" }\nshow = []\ntimeout = 4\n\n[[step]]\nid = \"done\"\nend = \"finished\"\n";
    let files = company(&[
        ("playbooks/p.toml", playbook),
        ("agents/a.toml", "schema = \"adjutant/v1\"\nmodel = []\n"),
    ]);
    let mut report = Report::new();
    drop(read(&files, &mut report));
    insta::assert_snapshot!(report.render());
}

#[test]
fn the_json_form_counts_lines_and_columns_from_one() {
    let files = company(&[(
        "playbooks/p.toml",
        "\u{feff}schema = \"adjutant/v1\"\r\n\"ü\" = 1\r\n\r\n[[step]]\r\nid = \"done\"\r\nend = \"dne\"\r\n",
    )]);
    let mut report = Report::new();
    drop(read(&files, &mut report));
    insta::assert_snapshot!(format!("{:#}", report.to_json()));
}

#[test]
fn bom_crlf_and_tables_over_lines_are_read() {
    let text = "\u{feff}schema = \"adjutant/v1\"\r\nstep = [\r\n  {\r\n    id = \"done\", # last\r\n    end = \"done\",\r\n  },\r\n]\r\n";
    assert_eq!(form(&company(&[("playbooks/p.toml", text)])), Vec::<String>::new());
}

#[test]
fn own_keys_are_ignored_everywhere() {
    let text = "schema = \"adjutant/v1\"\nx-note = 1\n\n[[step]]\nid = \"done\"\nend = \"done\"\nx-color = \"red\"\n";
    assert_eq!(form(&company(&[("playbooks/p.toml", text)])), Vec::<String>::new());
}

#[test]
fn each_step_kind_of_a_later_version_is_understood_and_refused_once() {
    let steps = [
        ("recall", "recall = \"{{ input.text }}\"\nlimit = 3"),
        ("remember", "remember = \"{{ input.text }}\"\nkind = \"fact\""),
        (
            "reconcile",
            "reconcile = { expected = \"{{ steps.a.items }}\", observed = \"{{ steps.b.items }}\", key = \"id\" }",
        ),
        ("tier", "end = \"done\"\ntier = \"batch\""),
        ("tier", "end = \"done\"\ntier = \"realtime\""),
    ];
    for (word, body) in steps {
        let text = format!("schema = \"adjutant/v1\"\n[[step]]\nid = \"a\"\n{body}\n");
        let files = company(&[("playbooks/p.toml", &text)]);
        let found = form(&files);
        assert_eq!(found.len(), 1, "{word}: {found:?}");
        assert!(
            found[0].starts_with("E0900 playbooks/p.toml:4:")
                || found[0].starts_with("E0900 playbooks/p.toml:5:"),
            "{found:?}"
        );
    }
}

#[test]
fn what_else_belongs_to_a_later_version_is_refused_at_its_place() {
    let head = "schema = \"adjutant/v1\"\n";
    let end = "[[step]]\nid = \"done\"\nend = \"done\"\n";
    let cases = [
        ("playbooks/p.toml", format!("{head}on_update = \"upgrade\"\n{end}")),
        (
            "agents/a.toml",
            format!(
                "{head}prompt = \"prompts/a.md\"\noutput = {{ a = \"string\" }}\ntools = [\"web.get\"]\n"
            ),
        ),
        (
            "agents/a.toml",
            format!("{head}prompt = \"prompts/a.md\"\noutput = {{ a = \"string\" }}\nmemory = {{}}\n"),
        ),
        ("connectors/c.toml", format!("{head}kind = \"imap\"\n")),
        ("policies/p.toml", format!("{head}[[retention]]\nclass = \"payloads\"\nkeep = \"365d\"\n")),
        ("policies/p.toml", format!("{head}[[privacy]]\nclass = \"client\"\n")),
        ("policies/p.cedar", "forbid(principal, action, resource);".to_owned()),
        ("models.toml", format!("{head}[[model]]\nid = \"small\"\ntask = \"embed\"\nsource = \"a/b\"\n")),
        ("adjutant.lock", format!("{head}[routes]\ninbound = \"blake3:1\"\n")),
    ];
    for (path, text) in cases {
        let found = form(&company(&[(path, &text)]));
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert!(found[0].starts_with("E0900"), "{found:?}");
    }
}

#[test]
fn a_model_that_nothing_decides_with_cannot_be_pinned() {
    let lock = |name: &str| {
        let digest = "0".repeat(64);
        let text = format!("schema = \"adjutant/v1\"\n[models]\n{name} = \"sha256:{digest}\"\n");
        form(&company(&[("adjutant.lock", &text)]))
    };
    assert_eq!(lock("all-MiniLM-L6-v2"), Vec::<String>::new());
    let found = lock("all-MiniLM-L12-v2");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("E0101 adjutant.lock:3:"), "{found:?}");
}

#[test]
fn problems_of_the_tree_count_only_inside_the_language() {
    let mut files = company(&[]);
    files.problem("docs/picture.png", FileProblemKind::LfsPointer);
    files.problem("vendor", FileProblemKind::Gitlink);
    assert_eq!(form(&files), Vec::<String>::new());
    files.problem("playbooks", FileProblemKind::Gitlink);
    assert_eq!(form(&files).len(), 1);
}

#[test]
fn a_broken_file_keeps_its_id_known() {
    let files = company(&[("agents/a.toml", "schema = \"adjutant/v1\"\nprompt = [\n")]);
    let loaded = load(&files);
    assert!(loaded.draft.ids(adjutant_spec::draft::Kind::Agent).contains("a"));
    assert!(loaded.report.diagnostics().iter().all(|found| found.code != Code::E0016));
}

#[test]
fn the_short_form_of_a_schema_means_what_it_says() {
    let agent = "schema = \"adjutant/v1\"\nprompt = \"prompts/a.md\"\n\
        output = { name = \"string\", age = \"integer?\", fit = \"good | no\", tags = [\"string\"], at = { city = \"string\" } }\n";
    let loaded = load(&company(&[("agents/a.toml", agent), ("prompts/a.md", "Hi")]));
    insta::assert_snapshot!(format!("{:#}", loaded.draft.agents["a"].output));
}

#[test]
fn a_schema_file_is_found_in_the_slice_then_in_the_root() {
    let agent = "schema = \"adjutant/v1\"\nprompt = \"prompts/a.md\"\noutput = \"schemas/a.json\"\n";
    let own = "{\"type\":\"object\",\"title\":\"own\"}";
    let shared = "{\"type\":\"object\",\"title\":\"shared\"}";
    let files = company(&[
        ("slices/s/agents/a.toml", agent),
        ("slices/s/schemas/a.json", own),
        ("agents/b.toml", agent),
        ("schemas/a.json", shared),
    ]);
    let loaded = load(&files);
    assert_eq!(loaded.draft.agents["a"].output["title"], "own");
    assert_eq!(loaded.draft.agents["b"].output["title"], "shared");
}

#[test]
fn owners_and_stages_come_from_the_slice_then_from_the_company() {
    let end = "schema = \"adjutant/v1\"\n[[step]]\nid = \"done\"\nend = \"done\"\n";
    let files = company(&[
        ("slices/s/slice.toml", "schema = \"adjutant/v1\"\nowner = \"seller\"\nstage = \"observe\"\n"),
        ("slices/s/playbooks/a.toml", end),
        ("playbooks/b.toml", end),
    ]);
    let draft = load(&files).draft;
    assert_eq!(draft.playbooks["a"].owner, "seller");
    assert_eq!(draft.playbooks["b"].owner, "founder");
    assert_eq!(draft.slices["s"].stage, adjutant_spec::plan::Stage::Observe);
}

#[test]
fn every_supported_step_kind_reaches_the_draft() {
    let mut report = Report::new();
    let draft = read(&adjutant_company::example("agency"), &mut report);
    let steps = &draft.playbooks["inbound"].steps;
    let words: Vec<&str> = steps.iter().map(|step| step.kind.word()).collect();
    for word in ["route", "agent", "choose", "render", "gate", "call", "record", "wait", "run", "end"] {
        assert!(words.contains(&word), "{word}");
    }
    let gate = steps.iter().find(|step| step.id == "approve").expect("there");
    assert!(matches!(&gate.kind, RawKind::Known(StepKind::Gate { show, .. }) if show.len() == 5));
}

#[test]
fn deep_nesting_is_refused_and_nothing_overflows() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(50_000), close.repeat(50_000));
    let files = company(&[
        ("playbooks/a.toml", &format!("schema = \"adjutant/v1\"\nstep = {}\n", deep("[", "]"))),
        ("playbooks/b.toml", &format!("schema = \"adjutant/v1\"\ninput = {}\n", deep("{ a = ", "}"))),
        ("records/c.json", &deep("[", "]")),
        ("templates/d.md", &format!("{{{{ {} }}}}", deep("(", ")"))),
        ("playbooks/e.toml", &format!("schema = \"adjutant/v1\"\n[{}]\n", "a.".repeat(20_000) + "a")),
    ]);
    let report = load(&files).report;
    let refused: std::collections::BTreeSet<&str> =
        report.diagnostics().iter().map(|found| found.file.as_str()).collect();
    for path in
        ["playbooks/a.toml", "playbooks/b.toml", "records/c.json", "templates/d.md", "playbooks/e.toml"]
    {
        assert!(refused.contains(path), "{path} is not refused");
    }
}

#[test]
fn a_template_that_ends_too_early_is_marked_at_its_end() {
    let text = "Hello {{ \"";
    let report = load(&company(&[("templates/a.md", text)])).report;
    let found = report.diagnostics().iter().find(|found| found.code == Code::E0111).expect("refused");
    assert!(found.span.as_ref().is_some_and(|span| span.end <= text.len()), "{found:?}");
}

#[test]
fn a_character_that_cannot_stand_there_is_named() {
    for (text, named) in [
        ("Hello {{ input.name ; }}", "`;`"),
        ("Hello {{ input.name § }}", "`§`"),
        ("Hello {{ input.name \u{200b} }}", "`\\u{200b}`"),
        ("Hello {{ input.name # }}", "`#`"),
    ] {
        let report = load(&company(&[("templates/a.md", text)])).report;
        let found = report.diagnostics().iter().find(|found| found.code == Code::E0111).expect("refused");
        assert!(found.message.contains(named), "{text}: {}", found.message);
    }
}

/// What the language has and nothing would act on, with the line that would say it.
const UNREAD: [(&str, &str, &str); 12] = [
    ("playbooks/a.toml", "on_update = \"upgrade\"\n[[step]]\nid = \"a\"\nend = \"done\"", "E0900"),
    ("playbooks/a.toml", "on_update = \"ask\"\n[[step]]\nid = \"a\"\nend = \"done\"", "E0900"),
    (
        "agents/a.toml",
        "prompt = \"prompts/a.md\"\noutput = { a = \"string\" }\nsla = { p95 = \"20s\" }",
        "E0900",
    ),
    (
        "agents/a.toml",
        "prompt = \"prompts/a.md\"\noutput = { a = \"string\" }\nsla = { min_accept = 0.9 }",
        "E0900",
    ),
    (
        "playbooks/a.toml",
        "[[step]]\nid = \"a\"\ngate = \"So?\"\nauto = { when = \"true\", limit = \"1.00 EUR/day\" }\non = { denied = \"z\", expired = \"z\" }\n[[step]]\nid = \"z\"\nend = \"done\"",
        "E0900",
    ),
    ("slices/a/slice.toml", "metrics = [\"revenue\"]", "E0900"),
    ("policies/a.toml", "[[notify]]\non = \"budget\"\nvia = \"mail.send\"", "E0900"),
    ("policies/a.toml", "[[notify]]\non = \"hold\"\nvia = \"mail.send\"", "E0900"),
    (
        "policies/a.toml",
        "[[autonomy]]\nsubject = \"agent:a\"\nverb = \"record.write\"\nlevel = \"act\"",
        "E0900",
    ),
    (
        "policies/a.toml",
        "[[autonomy]]\nsubject = \"company\"\nverb = \"record.write\"\nlevel = \"act\"",
        "E0218",
    ),
    ("playbooks/a.toml", "[[step]]\nid = \"a\"\nend = \"done\"\nretry = { attempts = 3 }", "E0101"),
    (
        "playbooks/a.toml",
        "[[step]]\nid = \"a\"\nrender = \"templates/a.md\"\nmax_cost = \"1.00 EUR\"\n[[step]]\nid = \"z\"\nend = \"done\"",
        "E0101",
    ),
];

#[test]
fn what_nothing_would_act_on_is_refused() {
    for (path, text, code) in UNREAD {
        let file = format!("schema = \"adjutant/v1\"\n{text}\n");
        let files = company(&[(path, &file), ("prompts/a.md", "Hi."), ("templates/a.md", "Hi.")]);
        let report = load(&files).report;
        let found = report.diagnostics().iter().any(|found| found.code.name() == code);
        assert!(found, "{path}:\n{text}\n\n{}", report.render());
    }
}
