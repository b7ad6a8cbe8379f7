//! Where connectors lead, what their requests may change, and what comes in through them.

use adjutant_company::company;
use adjutant_spec::{diff::diff, files::FileSet, load};

fn codes(files: &FileSet) -> Vec<String> {
    let report = load(files).report;
    let codes = report.diagnostics().iter().map(|found| found.code.name().to_owned());
    codes.filter(|code| code.starts_with('E')).collect()
}

fn connector(text: &str) -> Vec<String> {
    codes(&company(&[("connectors/edge.toml", &format!("schema = \"adjutant/v1\"\n{text}"))]))
}

const READ: &str = "\n[verbs.list]\npath = \"/x\"\neffect = \"read\"\n";

#[test]
fn no_connector_leads_to_a_hidden_address_or_to_a_clouds_credentials() {
    let hosts = [
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "169.254.169.254",
        "192.0.0.192",
        "168.63.129.16",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[::ffff:169.254.169.254]",
        "metadata.google.internal",
        "0.0.0.0",
    ];
    for host in hosts {
        let http = format!("kind = \"http\"\nendpoint = \"https://{host}/v1\"\n{READ}");
        assert_eq!(connector(&http), ["E0123"], "http {host}");
        let model = format!("kind = \"openai\"\nendpoint = \"https://{host}/v1\"\n");
        assert_eq!(connector(&model), ["E0123"], "openai {host}");
        let mail = format!("kind = \"mail\"\nendpoint = \"smtp://{host}:25\"\nfrom = \"me@example.com\"\n");
        assert_eq!(connector(&mail), ["E0123"], "mail {host}");
        let named = format!(
            "kind = \"http\"\nendpoint = \"https://api.example.com\"\nhosts = [\"api.example.com\", \"{host}\"]\n{READ}"
        );
        assert_eq!(connector(&named), ["E0123"], "hosts {host}");
    }
    for host in ["127.0.0.1", "localhost", "10.0.0.5", "api.example.com", "[::1]"] {
        let http = format!("kind = \"http\"\nendpoint = \"https://{host}/v1\"\n{READ}");
        assert_eq!(connector(&http), Vec::<String>::new(), "{host}");
    }
}

#[test]
fn a_secret_travels_encrypted_or_stays_on_this_machine() {
    let secret = "secret = \"key\"\n";
    let clear = [
        format!("kind = \"http\"\nendpoint = \"http://api.example.com\"\n{secret}{READ}"),
        format!("kind = \"http\"\nendpoint = \"http://10.0.0.5\"\nauth = \"basic\"\n{secret}{READ}"),
        format!(
            "kind = \"http\"\nendpoint = \"http://localhost.example.com\"\nauth = \"header\"\n{secret}{READ}"
        ),
        format!("kind = \"openai\"\nendpoint = \"http://models.example.com/v1\"\n{secret}"),
        format!(
            "kind = \"mail\"\nendpoint = \"smtp://mail.example.com:25\"\nfrom = \"me@example.com\"\ntls = \"none\"\n{secret}"
        ),
    ];
    for text in clear {
        assert_eq!(connector(&text), ["E0124"], "{text}");
    }
    let fine = [
        format!("kind = \"http\"\nendpoint = \"https://api.example.com\"\n{secret}{READ}"),
        format!("kind = \"http\"\nendpoint = \"http://127.0.0.1:9402\"\n{secret}{READ}"),
        format!("kind = \"http\"\nendpoint = \"http://api.example.com\"\n{READ}"),
        format!("kind = \"http\"\nendpoint = \"http://api.example.com\"\nauth = \"none\"\n{secret}{READ}"),
        format!(
            "kind = \"mail\"\nendpoint = \"smtp://127.0.0.1:25\"\nfrom = \"me@example.com\"\ntls = \"none\"\n{secret}"
        ),
        format!(
            "kind = \"mail\"\nendpoint = \"smtp://mail.example.com:25\"\nfrom = \"me@example.com\"\n{secret}"
        ),
    ];
    for text in fine {
        assert_eq!(connector(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_folder_is_the_connectors_own() {
    for folder in ["/", "..", "../store", ".", "/etc", "out/../..", "~/x", "file:///", "/home"] {
        for kind in ["files", "mail_drop"] {
            let text = format!("kind = \"{kind}\"\nendpoint = \"{folder}\"\n");
            assert_eq!(connector(&text), ["E0125"], "{kind} {folder}");
        }
    }
    let both = |drop: &str, files: &str| {
        codes(&company(&[
            (
                "connectors/drop.toml",
                &format!("schema = \"adjutant/v1\"\nkind = \"mail_drop\"\nendpoint = \"{drop}\"\n"),
            ),
            (
                "connectors/out.toml",
                &format!("schema = \"adjutant/v1\"\nkind = \"files\"\nendpoint = \"{files}\"\n"),
            ),
        ]))
    };
    for (drop, files) in [
        ("in", "in"),
        ("in", "./in/new"),
        ("mails/in", "mails"),
        ("/srv/in", "/srv/in/new"),
        ("/srv/in", "/srv"),
    ] {
        assert_eq!(both(drop, files), ["E0125"], "{drop} {files}");
    }
    for (drop, files) in [("in", "out"), ("in", "inner"), ("/srv/in", "in"), ("/srv/in", "/srv/out")] {
        assert_eq!(both(drop, files), Vec::<String>::new(), "{drop} {files}");
    }
}

fn verb(settings: &str) -> String {
    format!(
        "kind = \"http\"\nendpoint = \"https://api.example.com\"\n\n[verbs.look]\npath = \"/x\"\n{settings}\n"
    )
}

#[test]
fn a_request_that_can_change_something_is_no_read_without_a_word() {
    let disguised = [
        "method = \"POST\"\neffect = \"read\"",
        "method = \"PUT\"\neffect = \"read\"",
        "method = \"PATCH\"\neffect = \"read\"",
        "method = \"DELETE\"\neffect = \"read\"",
        "method = \"POST\"\neffect = \"read\"\nread_by = \"PUT\"",
        "method = \"POST\"\neffect = \"read\"\nread_by = \"POST\"\nheaders = { \"X-HTTP-Method-Override\" = \"DELETE\" }",
        "method = \"GET\"\neffect = \"read\"\nheaders = { \"x-http-method\" = \"DELETE\" }",
        "effect = \"read\"\nquery = [\"_method\"]",
        "effect = \"read\"\nquery = { _method = \"delete\" }",
        "method = \"POST\"\neffect = \"read\"\nread_by = \"POST\"\nbody = { _method = \"delete\" }",
    ];
    for settings in disguised {
        assert_eq!(connector(&verb(settings)), ["E0126"], "{settings}");
    }
    for path in ["/x?_method=delete", "/x?all=1&%5Fmethod=delete", "/x?X-HTTP-Method-Override=PUT"] {
        let within = verb("effect = \"read\"").replace("/x", path);
        assert_eq!(connector(&within), ["E0126"], "{path}");
    }
    assert_eq!(connector(&verb("effect = \"read\"").replace("/x", "/x?method=fast")), Vec::<String>::new());
    let placed = "method = \"POST\"\neffect = \"read\"\nread_by = \"POST\"\ninput = { _method = \"string\" }";
    assert_eq!(connector(&verb(placed)), ["E0126"]);
    let everywhere = verb("effect = \"read\"")
        .replace("endpoint", "headers = { \"X-Method-Override\" = \"DELETE\" }\nendpoint");
    assert_eq!(connector(&everywhere), ["E0126"]);
    for settings in [
        "effect = \"read\"",
        "method = \"GET\"\neffect = \"read\"",
        "method = \"POST\"\neffect = \"read\"\nread_by = \"POST\"",
        "method = \"DELETE\"\neffect = \"delete\"",
        "method = \"POST\"\neffect = \"write\"",
    ] {
        assert_eq!(connector(&verb(settings)), Vec::<String>::new(), "{settings}");
    }
    assert_eq!(
        connector(&verb("method = \"DELETE\"\neffect = \"read\"\nread_by = \"DELETE\"")),
        ["E0126", "E0104"]
    );
    assert_eq!(connector(&verb("effect = \"write\"\nread_by = \"POST\"")), ["E0120"]);
}

#[test]
fn the_plan_names_a_read_that_is_posted_and_what_is_no_longer_guarded() {
    let plan = |settings: &str| {
        let text = format!("schema = \"adjutant/v1\"\n{}", verb(settings));
        load(&company(&[("connectors/edge.toml", &text)])).plan.expect("it checks clean")
    };
    let texts = |old: &str, new: &str| -> Vec<String> {
        diff(&plan(old), &plan(new)).iter().map(ToString::to_string).collect()
    };
    let posted = texts("effect = \"read\"", "method = \"POST\"\neffect = \"read\"\nread_by = \"POST\"");
    assert!(
        posted.iter().any(|text| text.contains("reads with \"look\" by POST") && text.contains("widened")),
        "{posted:?}"
    );
    let empty = load(&company(&[])).plan.expect("clean");
    let new: Vec<String> = diff(&empty, &plan("method = \"PUT\"\neffect = \"read\"\nread_by = \"PUT\""))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(new.iter().any(|text| text.contains("by PUT")), "{new:?}");
    let loosened = texts("effect = \"spend\"", "effect = \"write\"");
    assert!(
        loosened.iter().any(|text| text.contains("as write instead of spend") && text.contains("widened")),
        "{loosened:?}"
    );
    let repeated = texts("effect = \"write\"", "effect = \"write\"\nidempotency = \"native_key\"");
    assert!(repeated.iter().any(|text| text.contains("by its key instead of never")), "{repeated:?}");
}

#[test]
fn the_plan_names_the_fields_of_a_record_that_change() {
    let plan = |schema: &str| load(&company(&[("records/customer.json", schema)])).plan.expect("clean");
    let old = plan(
        r#"{ "type": "object", "properties": { "name": { "type": "string" }, "budget": { "type": "number" }, "old": {} } }"#,
    );
    let new = plan(
        r#"{ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" }, "budget": { "type": "string" }, "amount": {} } }"#,
    );
    let texts: Vec<String> = diff(&old, &new).into_iter().map(|change| change.text).collect();
    for expected in [
        "\"old\" of record \"customer\" is gone",
        "\"budget\" of record \"customer\" is judged otherwise",
        "\"amount\" of record \"customer\" is new",
        "\"name\" of record \"customer\" must be there now",
    ] {
        assert!(texts.iter().any(|text| text.contains(expected)), "{expected}: {texts:?}");
    }
}

const SITE: &str = "schema = \"adjutant/v1\"\nkind = \"webhook\"\nsecret = \"site\"\n\n[events.lead]\nname = \"string\"\namount = \"number?\"\nworth = \"money\"\nfrom = { city = \"string?\", zip = \"string\" }\ncount = \"integer\"\ntags = [\"string\"]\nnote = \"any\"\n";

fn started(key: &str, input: &str) -> Vec<String> {
    let playbook = format!(
        "schema = \"adjutant/v1\"\n[trigger]\nkind = \"event\"\nconnector = \"site\"\nevent = \"lead\"\nkey = \"{key}\"\n\n[input.value]\n{input}\n\n[[step]]\nid = \"done\"\nend = \"done\"\n"
    );
    codes(&company(&[("connectors/site.toml", SITE), ("playbooks/hello.toml", &playbook)]))
}

#[test]
fn an_event_gives_every_input_something_of_its_type() {
    let key = "{{ event.message_id }}";
    let cases = [
        ("from = \"{{ event.amount }}\"\ntype = \"number\"", "E0223"),
        ("from = \"{{ event.from.city }}\"\ntype = \"string\"", "E0223"),
        ("from = \"{{ event.name }} of {{ event.from.city }}\"\ntype = \"string\"", "E0223"),
        ("from = \"{{ event.amount + 1 }}\"\ntype = \"number\"", "E0223"),
        ("from = \"{{ event.name }}\"\ntype = \"number\"", "E0224"),
        ("from = \"{{ event.name }}\"\ntype = \"money\"", "E0224"),
        ("from = \"{{ event.count }}\"\ntype = \"string\"", "E0224"),
        ("from = \"{{ event.tags }}\"\ntype = \"table\"", "E0224"),
        ("from = \"{{ event.from }}\"\ntype = \"list\"", "E0224"),
        ("from = \"{{ event.count }} in all\"\ntype = \"integer\"", "E0224"),
        ("from = \"{{ event.amount }}\"\ntype = \"integer\"\ndefault = 0", "E0224"),
        ("type = \"number\"\ndefault = \"none\"", "E0224"),
        ("type = \"integer\"\ndefault = 1.5", "E0224"),
        ("type = \"money\"\ndefault = \"a lot\"", "E0224"),
        ("from = \"{{ event.nam }}\"\ntype = \"string\"", "E0216"),
    ];
    for (input, code) in cases {
        assert_eq!(started(key, input), [code], "{input}");
    }
    let fine = [
        "from = \"{{ event.amount }}\"\ntype = \"number\"\ndefault = 0",
        "from = \"{{ event.amount | default(0) }}\"\ntype = \"number\"",
        "from = \"{{ event.from.city }}\"\ntype = \"string\"\ndefault = \"\"",
        "from = \"{{ event.count }}\"\ntype = \"number\"",
        "from = \"{{ event.worth }}\"\ntype = \"money\"",
        "from = \"{{ event.worth }}\"\ntype = \"string\"",
        "from = \"{{ event.note }}\"\ntype = \"table\"",
        "from = \"{{ event.tags }}\"\ntype = \"list\"",
        "from = \"{{ event.message_id }}\"\ntype = \"string\"",
        "type = \"money\"\ndefault = \"20.00 EUR\"",
    ];
    for input in fine {
        assert_eq!(started(key, input), Vec::<String>::new(), "{input}");
    }
}

#[test]
fn the_key_of_a_run_is_made_of_what_is_always_there() {
    let input = "type = \"string\"\ndefault = \"\"";
    assert_eq!(started("{{ event.amount }}", input), ["E0223"]);
    assert_eq!(started("{{ event.name }}-{{ event.from.city }}", input), ["E0223"]);
    assert_eq!(started("{{ event.name }}-{{ event.from.zip }}", input), Vec::<String>::new());
}

/// A connector with a verb that looks, and another one that is said in a few lines.
fn said(lines: &str) -> Vec<String> {
    connector(&format!(
        "kind = \"http\"\nendpoint = \"https://api.example.com\"\n\n[verbs.look]\npath = \"/x\"\neffect = \"read\"\n\n\
         [verbs.act]\nmethod = \"POST\"\npath = \"/x\"\n{lines}\n"
    ))
}

#[test]
fn a_change_is_never_declared_as_none() {
    for effect in ["write", "send", "spend", "delete", "publish"] {
        assert_eq!(said(&format!("effect = \"{effect}\"\nidempotency = \"pure\"")), ["E0414"], "{effect}");
        for class in ["native_key", "at_most_once", "probe\"\nprobe = \"look"] {
            let lines = format!("effect = \"{effect}\"\nidempotency = \"{class}\"");
            assert_eq!(said(&lines), Vec::<String>::new(), "{lines}");
        }
        assert_eq!(said(&format!("effect = \"{effect}\"")), Vec::<String>::new(), "{effect}");
    }
}

#[test]
fn what_a_verb_says_of_itself_goes_together() {
    let read = "read_by = \"POST\"\neffect = \"read\"\n";
    let write = "effect = \"write\"\n";
    let cases = [
        (read, "undo = \"act\"", "E0409"),
        (write, "undo = \"look\"", "E0415"),
        (read, "probe = \"look\"", "E0120"),
        (read, "key_header = \"Key\"", "E0120"),
        (write, "key_header = \"Key\"", "E0120"),
        (write, "idempotency = \"probe\"\nprobe = \"look\"\nkey_header = \"Key\"", "E0120"),
        (write, "with = { key = \"{{ effect.key }}\" }", "E0120"),
        (write, "found = \"result.id == 1\"", "E0120"),
        (read, "value = \"result.id\"", "E0120"),
        (write, "idempotency = \"native_key\"\nheaders = { \"idempotency-key\" = \"x\" }", "E0120"),
        (write, "idempotency = \"native_key\"\nkey_header = \"Key\"\nheaders = { KEY = \"x\" }", "E0120"),
    ];
    for (effect, lines, code) in cases {
        assert_eq!(said(&format!("{effect}{lines}")), [code], "{effect}{lines}");
    }
    let fine = [
        (write, "undo = \"act\""),
        (write, "idempotency = \"native_key\"\nprobe = \"look\"\nkey_valid = \"2h\""),
        (write, "idempotency = \"at_most_once\"\nprobe = \"look\""),
        (write, "idempotency = \"native_key\"\nkey_header = \"Key\"\nheaders = { Other = \"x\" }"),
        (write, "headers = { \"Idempotency-Key\" = \"{{ effect.key }}\" }"),
    ];
    for (effect, lines) in fine {
        assert_eq!(said(&format!("{effect}{lines}")), Vec::<String>::new(), "{effect}{lines}");
    }
}

#[test]
fn a_key_does_not_stand_where_the_secret_does() {
    let of = |settings: &str, key: &str| {
        connector(&format!(
            "kind = \"http\"\nendpoint = \"https://api.example.com\"\n{settings}\n[verbs.act]\nmethod = \"POST\"\n\
             path = \"/x\"\neffect = \"write\"\nidempotency = \"native_key\"\nkey_header = \"{key}\"\n"
        ))
    };
    let secret = "secret = \"key\"";
    for (settings, key) in [
        (secret.to_owned(), "authorization"),
        (format!("{secret}\nauth = \"basic\""), "Authorization"),
        (format!("{secret}\nauth = \"header\""), "x-api-key"),
        (format!("{secret}\nauth = \"header\"\nauth_header = \"X-Token\""), "X-Token"),
        ("headers = { \"X-Key\" = \"x\" }".to_owned(), "x-key"),
    ] {
        assert_eq!(of(&settings, key), ["E0120"], "{settings} {key}");
    }
    assert_eq!(of(secret, "X-Api-Key"), Vec::<String>::new());
    assert_eq!(of(&format!("{secret}\nauth = \"none\""), "Authorization"), Vec::<String>::new());
}

#[test]
fn rates_and_fixtures_are_of_verbs_that_there_are_and_said_once() {
    let http = |more: &str| {
        connector(&format!("kind = \"http\"\nendpoint = \"https://api.example.com\"\n{more}\n{READ}"))
    };
    let rate = "{ calls = 1, per = \"1m\" }";
    assert_eq!(http(&format!("rate = {{ lst = {rate} }}")), ["E0206"]);
    assert_eq!(http("fixture = { lst = {} }"), ["E0206"]);
    assert_eq!(http(&format!("rate = {{ list = {rate} }}")), Vec::<String>::new());
    let twice = format!(
        "kind = \"http\"\nendpoint = \"https://api.example.com\"\nrate = {{ list = {rate} }}\n{READ}rate = {rate}\n"
    );
    assert_eq!(connector(&twice), ["E0120"]);
    let mail = |name: &str| {
        connector(&format!(
            "kind = \"mail\"\nendpoint = \"smtp://127.0.0.1:25\"\nfrom = \"me@example.com\"\nrate = {{ {name} = {rate} }}\n"
        ))
    };
    assert_eq!((mail("send"), mail("sent")), (Vec::new(), vec!["E0206".to_owned()]));
    let model = |more: &str| {
        connector(&format!("kind = \"openai\"\nendpoint = \"https://api.example.com\"\n{more}\n"))
    };
    assert_eq!(model(&format!("rate = {{ ask = {rate} }}")), ["E0206"]);
    assert_eq!(model("fixture = { writer = { text = \"x\" } }"), Vec::<String>::new(), "an agent is no verb");
}

#[test]
fn an_undo_of_a_step_changes_something_back() {
    let files = |undo: &str| {
        let text = "schema = \"adjutant/v1\"\nkind = \"http\"\nendpoint = \"https://api.example.com\"\n\n[verbs.look]\npath = \"/x\"\n\
                    effect = \"read\"\n\n[verbs.act]\nmethod = \"POST\"\npath = \"/x\"\neffect = \"write\"\n";
        let playbook = format!(
            "schema = \"adjutant/v1\"\n[[step]]\nid = \"act\"\ncall = \"edge.act\"\nundo = {{ call = \"edge.{undo}\" }}\n\
             [[step]]\nid = \"done\"\nend = \"done\"\n"
        );
        codes(&company(&[("connectors/edge.toml", text), ("playbooks/hello.toml", &playbook)]))
    };
    let told = |codes: Vec<String>| codes.iter().any(|code| code == "E0415");
    assert!(told(files("look")) && !told(files("act")));
}

#[test]
fn what_a_model_answers_in_fixture_mode_is_kept() {
    let text = "schema = \"adjutant/v1\"\nkind = \"openai\"\nendpoint = \"https://api.example.com\"\nmode = \"fixture\"\n\
                fixture = { writer = { text = \"x\" } }\n";
    let plan = load(&company(&[("connectors/edge.toml", text)])).plan.expect("clean");
    assert_eq!(plan.connectors["edge"].settings["fixture"]["writer"]["text"], "x");
}
