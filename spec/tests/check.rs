//! The checks over whole companies: the examples are clean, what must be refused is, and nothing that should pass is.

use adjutant_company::{MAIL, example, examples, plan};
use adjutant_spec::{files::FileSet, load};

const CRM: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://crm.example.com"

[verbs.find]
method = "GET"
path = "/notes/{id}"
effect = "read"
input = { id = "string" }
output = { note = "string" }

[verbs.add]
method = "POST"
path = "/notes"
effect = "write"
undo = "remove"
input = { note = "string" }
output = { id = "string" }

[verbs.remove]
method = "DELETE"
path = "/notes/{id}"
effect = "delete"
input = { id = "string" }
"#;

fn company(steps: &str) -> FileSet {
    let text = format!("schema = \"adjutant/v1\"\n\n[input.message]\ntype = \"string\"\n{steps}");
    adjutant_company::company(&[
        ("connectors/mail.toml", MAIL),
        ("connectors/crm.toml", CRM),
        ("templates/text.md", "Hello.\n"),
        ("playbooks/hello.toml", &text),
    ])
}

/// Returns the codes of errors, each once for each place.
fn codes(files: &FileSet) -> Vec<String> {
    let report = load(files).report;
    let errors = report.diagnostics().iter().map(|found| found.code.name().to_owned());
    errors.filter(|code| code.starts_with('E')).collect()
}

fn steps(parts: &[&str]) -> String {
    parts.iter().map(|part| format!("\n[[step]]\n{part}\n")).collect()
}

const ASK: &str = "id = \"ask\"\ngate = \"Send it?\"\non = { denied = \"close\", expired = \"close\" }";
const SEND: &str = "id = \"send\"\ncall = \"mail.send\"\nwith = { to = \"a@example.com\", subject = \"Hi\", body = \"{{ input.message }}\" }";
const DONE: &str = "id = \"done\"\nend = \"done\"";
const CLOSE: &str = "id = \"close\"\nend = \"cancelled\"";

#[test]
fn the_examples_have_no_diagnostics() {
    for name in examples() {
        let mut files = example(&name);
        // The secrets are the operator's: `secrets set` makes them.
        let missing = load(&files).report;
        for found in missing.diagnostics().iter().filter(|found| found.code.name() == "W0201") {
            let path = found.message.split("secrets/").nth(1).and_then(|rest| rest.split(' ').next());
            files.insert(format!("secrets/{}", path.expect("names the file")), b"age".as_slice());
        }
        let report = load(&files).report;
        assert!(report.is_empty(), "{name}:\n{}", report.render());
    }
}

#[test]
fn a_connector_that_answers_from_its_fixtures_needs_no_secret_and_a_hook_does() {
    let missing = |file: &str, kind: &str| {
        let mut files = example("agency");
        let text = String::from_utf8(files.get(file).expect("it is there").to_vec()).expect("a text");
        files.insert(file, text.replace(kind, &format!("{kind}\nmode = \"fixture\"")).into_bytes());
        let report = load(&files).report;
        report.diagnostics().iter().filter(|found| found.file == file).count()
    };
    assert_eq!(missing("connectors/billing.toml", "kind = \"http\""), 0);
    assert_eq!(missing("connectors/website.toml", "kind = \"webhook\""), 1);
}

#[test]
fn a_gate_covers_what_it_dominates_and_the_bundle_says_so() {
    let plan = plan(&company(&steps(&[ASK, SEND, DONE, CLOSE])));
    let covers = &plan.bundles["hello"].covers["ask"];
    assert_eq!(covers.iter().map(|covered| covered.step.as_str()).collect::<Vec<_>>(), ["send"]);
    assert_eq!(plan.playbooks["hello"].step("ask").and_then(|step| step.next.as_deref()), Some("send"));
    assert_eq!(plan.playbooks["hello"].step("done").and_then(|step| step.next.as_deref()), None);
}

#[test]
fn a_gate_that_can_be_skipped_denied_or_passed_by_covers_nothing() {
    let cases = [
        ("skipped", steps(&[&format!("{ASK}\nwhen = \"input.message == 'x'\""), SEND, DONE, CLOSE])),
        (
            "denied",
            steps(&[
                &ASK.replace("denied = \"close\"", "denied = \"send\""),
                "id = \"text\"\nrender = \"templates/text.md\"\nnext = \"send\"",
                SEND,
                DONE,
                CLOSE,
            ]),
        ),
        (
            "expired",
            steps(&[
                &format!("{}\nnext = \"send\"", ASK.replace("expired = \"close\"", "expired = \"send\"")),
                SEND,
                DONE,
                CLOSE,
            ]),
        ),
        (
            "passed by",
            steps(&[
                "id = \"size\"\nchoose = [{ when = \"input.message == 'x'\", to = \"send\" }]\nelse = \"ask\"",
                &format!("{ASK}\nnext = \"send\""),
                SEND,
                DONE,
                CLOSE,
            ]),
        ),
    ];
    for (name, text) in cases {
        assert!(codes(&company(&text)).contains(&"E0402".to_owned()), "{name}: {:?}", codes(&company(&text)));
    }
}

#[test]
fn the_next_gate_takes_over() {
    let second = ASK.replace("\"ask\"", "\"again\"");
    let text = "id = \"text\"\nrender = \"templates/text.md\"";
    let late = SEND.replace("{{ input.message }}", "{{ steps.text.text }}");
    let plan = plan(&company(&steps(&[ASK, text, &second, &late, DONE, CLOSE])));
    assert!(plan.bundles["hello"].covers["ask"].is_empty());
    assert_eq!(plan.bundles["hello"].covers["again"].len(), 1);
    assert_eq!(codes(&company(&steps(&[ASK, text, &late, DONE, CLOSE]))), ["E0403"]);
}

#[test]
fn a_gates_own_answer_is_too_late_for_what_it_covers() {
    let late = SEND.replace("{{ input.message }}", "{{ steps.ask.reason }}");
    assert_eq!(codes(&company(&steps(&[ASK, &late, DONE, CLOSE]))), ["E0403"]);
    let undo = format!(
        "{SEND}\nundo = {{ call = \"mail.send\", with = {{ to = \"a@example.com\", subject = \"Sorry\", body = \"{{{{ steps.send.message_id }}}}\" }} }}"
    );
    assert_eq!(codes(&company(&steps(&[ASK, &undo, DONE, CLOSE]))), Vec::<String>::new());
}

#[test]
fn a_write_needs_a_grant_unless_a_gate_covers_it() {
    let add = "id = \"add\"\ncall = \"crm.add\"\nwith = { note = \"hi\" }";
    let mut files = company(&steps(&[add, DONE]));
    assert_eq!(codes(&files), ["E0406"]);
    files.insert(
        "policies/grants.toml",
        b"schema = \"adjutant/v1\"\n[[autonomy]]\nsubject = \"playbook:hello\"\nverb = \"crm.*\"\nlevel = \"act\"\n"
            .as_slice(),
    );
    assert_eq!(codes(&files), Vec::<String>::new());
    assert_eq!(codes(&company(&steps(&[ASK, add, DONE, CLOSE]))), Vec::<String>::new());
}

#[test]
fn grants_do_not_change_a_bundle() {
    let add = "id = \"add\"\ncall = \"crm.add\"\nwith = { note = \"hi\" }";
    let mut files = company(&steps(&[ASK, add, DONE, CLOSE]));
    let before = plan(&files).bundles["hello"].id();
    files.insert(
        "policies/grants.toml",
        b"schema = \"adjutant/v1\"\n[[autonomy]]\nsubject = \"playbook:hello\"\nverb = \"crm.add\"\nlevel = \"act\"\n"
            .as_slice(),
    );
    assert_eq!(plan(&files).bundles["hello"].id(), before);
}

#[test]
fn what_an_outsider_wrote_cannot_choose_where_a_read_goes() {
    let find = "id = \"find\"\ncall = \"crm.find\"\nwith = { id = \"{{ input.message }}\" }";
    assert_eq!(codes(&company(&steps(&[find, DONE]))), ["E0501"]);
    assert_eq!(codes(&company(&steps(&[ASK, find, DONE, CLOSE]))), Vec::<String>::new());
}

#[test]
fn a_cycle_needs_a_bound_and_its_steps_get_the_visits_that_it_allows() {
    let text = "id = \"text\"\nrender = \"templates/text.md\"\nnext = \"ask\"";
    let ask = "id = \"ask\"\ngate = \"Good?\"\nvisits = 3\non = { denied = \"text\", expired = \"close\" }\nnext = \"done\"";
    let plan = plan(&company(&steps(&[text, ask, DONE, CLOSE])));
    let visits = |id: &str| plan.playbooks["hello"].step(id).map(|step| step.visits);
    assert_eq!((visits("text"), visits("ask"), visits("done")), (Some(4), Some(3), Some(1)));
    assert_eq!(codes(&company(&steps(&[text, &ask.replace("visits = 3\n", ""), DONE, CLOSE]))), ["E0310"]);
}

#[test]
fn a_guarded_reference_may_be_missing() {
    let skipped = "id = \"text\"\nrender = \"templates/text.md\"\nwhen = \"input.message == 'x'\"";
    let gate = |text: &str| ASK.replace("Send it?", text);
    let with = |text: &str| codes(&company(&steps(&[skipped, &gate(text), DONE, CLOSE])));
    assert_eq!(with("{{ steps.text.text }}?"), ["E0214"]);
    assert_eq!(with("{{ steps.text.text | default('nothing') }}?"), Vec::<String>::new());
    assert_eq!(with("{% if steps.text is defined %}{{ steps.text.text }}{% endif %}?"), Vec::<String>::new());
}

#[test]
fn what_a_gate_shows_is_a_path_so_the_advice_is_a_text_that_is_rendered() {
    let skipped = "id = \"text\"\nrender = \"templates/text.md\"\nwhen = \"input.message == 'x'\"";
    let shows = ASK.replace("gate = \"Send it?\"", "gate = \"Send it?\"\nshow = [\"steps.text.text\"]");
    let report = load(&company(&steps(&[skipped, &shows, DONE, CLOSE]))).report.render();
    assert!(report.contains("or show a text that a `render` step makes of it"), "{report}");
}

#[test]
fn a_bare_name_looks_in_its_own_slice_and_then_in_the_company() {
    let mut files = company(&steps(&[DONE]));
    let run = |name: &str| {
        format!("schema = \"adjutant/v1\"\n{}", steps(&[&format!("id = \"more\"\nrun = \"{name}\""), DONE]))
    };
    let end = format!("schema = \"adjutant/v1\"\n{}", steps(&[DONE]));
    files.insert("slices/sales/playbooks/offer.toml", run("price").as_bytes());
    files.insert("slices/sales/playbooks/price.toml", end.as_bytes());
    files.insert("slices/press/playbooks/note.toml", run("hello").as_bytes());
    assert_eq!(codes(&files), ["E0411"]);
    files.insert("slices/press/playbooks/note.toml", run("price").as_bytes());
    assert_eq!(codes(&files), ["E0205"]);
    files.insert("slices/press/playbooks/note.toml", run("sales/price").as_bytes());
    assert_eq!(codes(&files), Vec::<String>::new());
}

#[test]
fn prompts_and_records_are_checked_against_their_schemas() {
    let think = "id = \"think\"\nagent = \"helper\"\nwith = { text = \"hi\" }";
    let mut files = company(&steps(&[think, DONE]));
    let agent = "schema = \"adjutant/v1\"\nprompt = \"prompts/help.md\"\ninput = { text = \"string\" }\noutput = { answer = \"string\" }\n";
    files.insert("agents/helper.toml", agent.as_bytes());
    files.insert("prompts/help.md", b"Answer {{ input.txt }}.\n".as_slice());
    assert_eq!(codes(&files), ["E0213"]);
    let write = "id = \"keep\"\nrecord = { kind = \"note\", key = \"1\", write = { txt = \"hi\", stars = \"five\" } }";
    let mut files = company(&steps(&[ASK, write, DONE, CLOSE]));
    let schema = r#"{ "type": "object", "properties": { "text": { "type": "string" }, "stars": { "type": "integer" } }, "required": ["text"] }"#;
    files.insert("records/note.json", schema.as_bytes());
    assert_eq!(codes(&files), ["E0410", "E0412"]);
}

#[test]
fn a_function_that_prints_the_context_is_refused() {
    assert_eq!(codes(&company(&steps(&[&ASK.replace("Send it?", "{{ debug() }}"), DONE, CLOSE]))), ["E0114"]);
}

#[test]
fn a_thousand_playbooks_are_checked_in_one_go() {
    let body = steps(&[ASK, SEND, DONE, CLOSE]);
    let mut files = company(&body);
    let text = String::from_utf8(files.get("playbooks/hello.toml").expect("there").to_vec()).expect("text");
    for index in 0..1_000 {
        files.insert(format!("playbooks/p{index}.toml"), text.as_bytes());
    }
    assert_eq!(plan(&files).bundles.len(), 1_001);
}

#[test]
fn the_agencys_approval_covers_the_whole_offer_in_flow_order() {
    let plan = plan(&example("agency"));
    let covered = plan.bundles["inbound"].covers["approve"].iter().map(|covered| covered.step.as_str());
    assert_eq!(covered.collect::<Vec<_>>(), ["send", "customer", "invoice", "follow_up"]);
    assert!(plan.bundles["inbound"].verbs.contains_key("billing.find_invoice"), "probes are pinned");
    assert!(plan.bundles["inbound"].children.contains_key("support"));
}

#[test]
fn whom_a_run_is_about_reads_inputs_that_are_there_and_no_secrets() {
    let with = |about: &str| {
        let body = format!("{}\n[input.card]\ntype = \"string\"\nprivacy = \"secret\"\n", steps(&[DONE]));
        let mut files = company(&body);
        let text =
            String::from_utf8(files.get("playbooks/hello.toml").expect("there").to_vec()).expect("text");
        let head =
            format!("schema = \"adjutant/v1\"\nabout = {{ kind = \"customer\", key = \"{about}\" }}\n");
        files
            .insert("playbooks/hello.toml", text.replacen("schema = \"adjutant/v1\"\n", &head, 1).as_bytes());
        codes(&files)
    };
    assert_eq!(with("{{ input.message }}"), Vec::<String>::new());
    assert_eq!(with("{{ input.messag }}"), ["E0215"]);
    assert_eq!(with("{{ steps.done.at }}"), ["E0114"]);
    assert_eq!(with("{{ run.key }}"), ["E0114"]);
    assert_eq!(with("{{ input.card | upper }}"), ["E0502"]);
}

fn hooked(settings: &str) -> FileSet {
    let text = format!(
        "schema = \"adjutant/v1\"\nkind = \"webhook\"\n{settings}\n[events]\norder = {{ item = \"string\" }}\n"
    );
    adjutant_company::company(&[("connectors/shop.toml", &text)])
}

#[test]
fn a_hook_whose_sender_gives_no_id_says_what_one_delivery_is() {
    let simple = "secret = \"shop\"\nsignature = \"sha256\"";
    assert_eq!(codes(&hooked(simple)), ["E0128"]);
    for id in ["id_field = \"order.id\"", "id_header = \"X-Id\"", "dedupe = \"10m\""] {
        assert_eq!(codes(&hooked(&format!("{simple}\n{id}"))), [""; 0], "{id}");
    }
    for scheme in ["standard", "stripe", "slack", "github", "shopify"] {
        let built_in = format!("secret = \"shop\"\nsignature = \"{scheme}\"");
        assert_eq!(codes(&hooked(&built_in)), [""; 0], "{scheme}");
    }
}

#[test]
fn a_setting_of_a_hook_that_nothing_reads_is_refused() {
    let hook = |scheme: &str, setting: &str| {
        hooked(&format!("secret = \"shop\"\nsignature = \"{scheme}\"\n{setting}"))
    };
    for (scheme, setting) in [
        ("standard", "header = \"X-A\""),
        ("standard", "id_field = \"id\""),
        ("github", "tolerance = \"5m\""),
        ("github", "dedupe = \"5m\""),
        ("shopify", "encoding = \"hex\""),
        ("stripe", "prefix = \"v1=\""),
        ("slack", "id_header = \"X-A\""),
        ("sha256", "tolerance = \"5m\"\nid_field = \"id\""),
        ("standard", "event_field = \"type\"\nevent_header = \"X-A\""),
    ] {
        assert_eq!(codes(&hook(scheme, setting)), ["E0120"], "{scheme} {setting}");
    }
    assert_eq!(codes(&hooked("secret = \"a\"\nsecrets = [\"a\", \"b\"]")), ["E0120"]);
    assert_eq!(codes(&hooked("secrets = [\"new\", \"old\"]")), [""; 0]);
    assert_eq!(codes(&hooked("title = \"No secret\"")), ["E0102"]);
    assert_eq!(codes(&hooked("secrets = []")), ["E0102"]);
}
