//! Which files count, and what is never read: what nobody merged, and what stands where nothing looks.

use adjutant_company::company;
use adjutant_spec::{files::FileSet, load};

const END: &str = "schema = \"adjutant/v1\"\n\n[[step]]\nid = \"done\"\nend = \"done\"\n";
const MONEY: &str = "schema = \"adjutant/v1\"\n\n[[budget]]\nscope = \"company\"\nlimit = \"20.00 EUR\"\nwindow = \"month\"\n";

fn said(files: &FileSet) -> Vec<String> {
    let report = load(files).report;
    let lines = report
        .diagnostics()
        .iter()
        .map(|found| format!("{} {}:{}", found.code, found.file, report.line_column(found).line));
    lines.collect()
}

/// Returns a text with a conflict between its lines, as Git leaves it.
fn torn(text: &str, more: &str) -> String {
    let (first, rest) = text.split_once('\n').expect("more than one line");
    format!("{first}\n<<<<<<< HEAD{more}\n{rest}======={more}\n{rest}>>>>>>> side{more}\n")
}

#[test]
fn a_file_of_any_kind_that_nobody_merged_is_not_read() {
    let record = "{\n  \"type\": \"object\"\n}\n";
    let agent = "schema = \"adjutant/v1\"\nprompt = \"prompts/a.md\"\noutput = { answer = \"string\" }\n";
    let kinds = [
        ("adjutant.toml", adjutant_company::COMPANY),
        ("slices/sales/slice.toml", "schema = \"adjutant/v1\"\nowner = \"founder\"\n"),
        ("playbooks/a.toml", END),
        ("agents/a.toml", agent),
        ("connectors/a.toml", "schema = \"adjutant/v1\"\nkind = \"mail_drop\"\nendpoint = \"in\"\n"),
        ("routes/a.toml", "schema = \"adjutant/v1\"\n[[class]]\nid = \"a\"\nexamples = [\"x\"]\n"),
        ("records/a.json", record),
        ("prompts/a.md", "Read\nthis.\n"),
        ("templates/a.md", "Hello\n{{ run.id }}.\n"),
        ("policies/a.toml", MONEY),
        ("prices.toml", "schema = \"adjutant/v1\"\ncurrency = \"EUR\"\ndefault_cap = \"1.00 EUR\"\n"),
        ("adjutant.lock", "schema = \"adjutant/v1\"\n[models]\n"),
        ("tests/a.toml", "schema = \"adjutant/v1\"\nplaybook = \"a\"\n"),
        ("secrets/a.age", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n"),
    ];
    for (path, text) in kinds {
        for (name, more) in [("LF", ""), ("CRLF", "\r")] {
            let found = said(&company(&[(path, &torn(text, more))]));
            assert!(found.contains(&format!("E0020 {path}:2")), "{path} {name}: {found:?}");
            assert!(
                !found.iter().any(|line| line.starts_with("E0010") || line.starts_with("E0017")),
                "{found:?}"
            );
        }
    }
}

#[test]
fn a_schema_that_another_file_names_is_merged_too() {
    let agent = "schema = \"adjutant/v1\"\nprompt = \"prompts/a.md\"\noutput = \"schemas/answer.json\"\n";
    let files = company(&[
        ("agents/a.toml", agent),
        ("prompts/a.md", "Read.\n"),
        ("schemas/answer.json", &torn("{\n\"type\": \"object\"}\n", "")),
    ]);
    assert!(said(&files).contains(&"E0020 agents/a.toml:3".to_owned()), "{:?}", said(&files));
}

#[test]
fn markers_of_another_length_and_half_settled_conflicts_are_seen() {
    for text in [
        "Hello\n<<<<<<<<<<<<<<<< HEAD\na\n================\nb\n>>>>>>>>>>>>>>>> side\n",
        "Hello\n<<<<<<< HEAD\na\n",
        "Hello\n<<<<<<<\na\n",
        "Hello\n=======\nb\n>>>>>>> side\n",
        "Hello\n<<<<<<< ours\na\n||||||| base\nb\n=======\nc\n>>>>>>> theirs",
    ] {
        let found = said(&company(&[("templates/a.md", text)]));
        assert!(found.contains(&"E0020 templates/a.md:2".to_owned()), "{text}: {found:?}");
    }
}

#[test]
fn headings_quotations_and_tables_are_no_conflict() {
    let text = "Title\n=======\n\n| a | b |\n|||||||\n\n    <<<<<<< shown\n<<<<<< six\n<<<<<<<x\n";
    let files = company(&[("templates/a.md", text)]);
    assert_eq!(said(&files), ["W0202 templates/a.md:1"]);
    let quoted = company(&[("templates/a.md", ">>>>>>> deep\n> reply\n")]);
    assert_eq!(said(&quoted), ["W0202 templates/a.md:1"]);
}

#[test]
fn a_file_of_the_language_where_nothing_reads_it_is_refused() {
    for path in [
        "policy/money.toml",
        "Policies/money.toml",
        "budgets/money.toml",
        "slices/sales/policy/money.toml",
        "company/policies/money.toml",
        "old/policies/deep/money.toml",
    ] {
        assert_eq!(said(&company(&[(path, MONEY)])), [format!("E0021 {path}:1")], "{path}");
    }
    let yaml = "# what may be spent\nschema: adjutant/v1\nbudget: []\n";
    assert_eq!(said(&company(&[("policy/money.yml", yaml)])), ["E0021 policy/money.yml:1"]);
    let json = "{\n  \"schema\": \"adjutant/v1\"\n}\n";
    assert_eq!(said(&company(&[("workflows/a.json", json)])), ["E0021 workflows/a.json:1"]);
}

#[test]
fn what_is_near_a_folder_of_the_language_is_named_once() {
    let one = |path: &str, text: &str| said(&company(&[(path, text)]));
    for (path, code) in [
        ("policies/money.yml", "E0014"),
        ("policies/money.TOML", "E0014"),
        ("policies/deep/money.toml", "E0014"),
        ("playbooks/a.yaml", "E0014"),
        ("records/customer.toml", "E0014"),
        ("secrets/mail.txt", "E0014"),
        ("policies.toml", "E0014"),
        ("runbooks/late.md", "W0001"),
        ("memory/clients.toml", "W0001"),
        ("playbook/notes.md", "W0001"),
        ("Templates/a.md", "W0001"),
        ("prices.yml", "W0001"),
        ("templates/logo.png", "W0001"),
        ("playbooks/notes.txt", "W0001"),
    ] {
        assert_eq!(one(path, "words\n"), [format!("{code} {path}:1")], "{path}");
    }
    for path in [
        "policies/.money.toml.swp",
        "policies/money.toml~",
        "notes/policy.md",
        "README.md",
        "playbooks/README.md",
        ".github/workflows/ci.yml",
    ] {
        assert_eq!(one(path, MONEY), Vec::<String>::new(), "{path}");
    }
}
