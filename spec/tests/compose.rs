//! Activation slice by slice, the difference of plans, and checks over mutated companies.

use adjutant_company::{COMPANY, DONE, company as files, example, plan};
use adjutant_spec::{
    Memo,
    compose::compose,
    diff::{ChangeKind, Direction, diff},
    files::{FileSet, slice_of},
    load,
};
use proptest::prelude::*;

const BROKEN: &str = "schema = \"adjutant/v1\"\n\n[[step]]\nid = \"done\"\nnd = \"done\"\n";

fn run(name: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\n\n[[step]]\nid = \"more\"\nrun = \"{name}\"\n\n[[step]]\nid = \"done\"\nend = \"done\"\n"
    )
}

fn held(composite: &adjutant_spec::compose::Composite) -> Vec<&str> {
    composite.held.keys().map(String::as_str).collect()
}

#[test]
fn a_broken_slice_stays_while_another_moves() {
    let old = files(&[("slices/a/playbooks/one.toml", DONE), ("slices/b/playbooks/two.toml", DONE)]);
    let titled = DONE.replace("\n\n", "\ntitle = \"New\"\n\n");
    let new = files(&[("slices/a/playbooks/one.toml", BROKEN), ("slices/b/playbooks/two.toml", &titled)]);
    let composite = compose(&mut Memo::default(), &old, &new);
    assert_eq!(held(&composite), ["a"]);
    let plan = composite.loaded.plan.expect("clean");
    assert_eq!(plan.playbooks["two"].title, "New");
    assert!(plan.playbooks.contains_key("one"));
    assert!(composite.attempted.has_errors());
}

#[test]
fn a_shared_file_that_is_taken_away_holds_the_company_and_nothing_else() {
    let old = files(&[
        ("playbooks/shared.toml", DONE),
        ("slices/a/playbooks/one.toml", &run("shared")),
        ("slices/b/playbooks/two.toml", DONE),
    ]);
    let titled = run("shared").replacen("\n\n", "\ntitle = \"New\"\n\n", 1);
    let new = files(&[("slices/a/playbooks/one.toml", &titled), ("slices/b/playbooks/two.toml", DONE)]);
    let composite = compose(&mut Memo::default(), &old, &new);
    assert_eq!(held(&composite), ["company"]);
    assert_eq!(composite.loaded.plan.expect("clean").playbooks["one"].title, "New");
}

#[test]
fn a_broken_shared_file_holds_what_refers_to_it() {
    let old = files(&[("slices/a/playbooks/one.toml", DONE), ("slices/b/playbooks/two.toml", DONE)]);
    let titled = DONE.replacen("\n\n", "\ntitle = \"New\"\n\n", 1);
    let new = files(&[
        ("playbooks/shared.toml", BROKEN),
        ("slices/a/playbooks/one.toml", &run("shared")),
        ("slices/b/playbooks/two.toml", &titled),
    ]);
    let composite = compose(&mut Memo::default(), &old, &new);
    assert_eq!(held(&composite), ["a", "company"]);
    assert_eq!(composite.loaded.plan.expect("clean").playbooks["two"].title, "New");
}

#[test]
fn a_slice_that_breaks_another_is_the_one_that_stays() {
    let old = files(&[("slices/a/playbooks/one.toml", &run("b/two")), ("slices/b/playbooks/two.toml", DONE)]);
    let new =
        files(&[("slices/a/playbooks/one.toml", &run("b/two")), ("slices/b/playbooks/three.toml", DONE)]);
    let composite = compose(&mut Memo::default(), &old, &new);
    assert_eq!(held(&composite), ["b"]);
    assert_eq!(composite.files, old);
}

#[test]
fn the_first_revision_moves_where_it_can() {
    let new = files(&[("slices/a/playbooks/one.toml", BROKEN), ("slices/b/playbooks/two.toml", DONE)]);
    let composite = compose(&mut Memo::default(), &FileSet::new(), &new);
    assert_eq!(held(&composite), ["a"]);
    assert!(composite.loaded.plan.expect("clean").playbooks.contains_key("two"));
}

fn tree() -> impl Strategy<Value = FileSet> {
    let body = prop_oneof![
        Just(None),
        Just(Some(DONE.to_owned())),
        Just(Some(BROKEN.to_owned())),
        Just(Some(run("one"))),
        Just(Some(run("b/two"))),
        Just(Some(run("company/three"))),
    ];
    let company = prop_oneof![9 => Just(COMPANY), 1 => Just("schema = \"adjutant/v1\"\n")];
    (company, proptest::collection::vec(body, 4)).prop_map(|(company, bodies)| {
        let paths = [
            "slices/a/playbooks/one.toml",
            "slices/b/playbooks/two.toml",
            "playbooks/three.toml",
            "slices/c/playbooks/four.toml",
        ];
        let mut files = FileSet::new();
        files.insert("adjutant.toml", company.as_bytes());
        for (path, body) in paths.iter().zip(bodies) {
            if let Some(body) = body {
                files.insert(*path, body.as_bytes());
            }
        }
        files
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_composite_is_clean_or_the_last_good_tree(old in tree(), new in tree()) {
        let composite = compose(&mut Memo::default(), &old, &new);
        prop_assert!(!composite.loaded.report.has_errors() || composite.files == old);
        for (path, bytes) in composite.files.iter() {
            let from = if composite.held.contains_key(slice_of(path)) { &old } else { &new };
            prop_assert_eq!(from.get(path), Some(bytes));
        }
        prop_assert!(composite.held.values().all(|mistakes| !mistakes.is_empty()));
        if !load(&new).report.has_errors() {
            prop_assert!(composite.held.is_empty());
            prop_assert_eq!(&composite.files, &new);
        }
    }

    #[test]
    fn checks_never_panic_on_mutated_examples(
        cut in any::<prop::sample::Index>(),
        file in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        how in 0..4_u8,
    ) {
        let mut files = example("agency");
        let paths: Vec<String> = files.iter().map(|(path, _)| path.to_owned()).collect();
        let path = file.get(&paths).clone();
        let text = String::from_utf8(files.get(&path).expect("there").to_vec()).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        let line = cut.index(lines.len().max(1));
        let mutated: Vec<&str> = match how {
            // A line goes, a line comes twice, two lines change places, the rest is cut off.
            0 => lines.iter().enumerate().filter(|(at, _)| *at != line).map(|(_, line)| *line).collect(),
            1 => lines[..line].iter().chain(lines.get(line)).chain(&lines[line.min(lines.len())..]).copied().collect(),
            2 => {
                let mut lines = lines.clone();
                if !lines.is_empty() {
                    let to = other.index(lines.len());
                    lines.swap(line, to);
                }
                lines
            }
            _ => lines[..line].to_vec(),
        };
        files.insert(path, mutated.join("\n").as_bytes());
        let loaded = load(&files);
        prop_assert_eq!(loaded.plan.is_some(), !loaded.report.has_errors());
        let rendered = loaded.report.render();
        prop_assert_eq!(rendered.is_empty(), loaded.report.is_empty());
    }
}

#[test]
fn no_change_makes_no_difference() {
    let plan = plan(&example("agency"));
    assert_eq!(diff(&plan, &plan), []);
}

#[test]
fn a_difference_is_told_in_words_with_its_direction() {
    let policy = |limit: &str, level: &str| {
        format!(
            "schema = \"adjutant/v1\"\n\n[[budget]]\nscope = \"company\"\nlimit = \"{limit}\"\nwindow = \"day\"\n\n[[autonomy]]\nsubject = \"playbook:new\"\nverb = \"record.write\"\nlevel = \"{level}\"\n"
        )
    };
    let gated = "schema = \"adjutant/v1\"\n\n[[step]]\nid = \"ask\"\ngate = \"Go on?\"\non = { denied = \"done\", expired = \"done\" }\nnext = \"done\"\n\n[[step]]\nid = \"done\"\nend = \"done\"\n";
    let old = plan(&files(&[
        ("playbooks/old.toml", gated),
        ("playbooks/new.toml", DONE),
        ("policies/all.toml", &policy("5.00 EUR", "ask")),
    ]));
    let clock = DONE.replacen("\n\n", "\n[trigger]\nkind = \"schedule\"\ncron = \"0 0 8 * * MON\"\n\n", 1);
    let renamed = DONE.replacen("\n\n", "\nwas = [\"old\"]\n\n", 1);
    let new = plan(&files(&[
        ("playbooks/renamed.toml", &renamed),
        ("playbooks/new.toml", &clock),
        ("policies/all.toml", &policy("9.00 EUR", "act")),
    ]));
    let changes = diff(&old, &new);
    let has = |kind, direction, part: &str| {
        changes
            .iter()
            .any(|change| change.kind == kind && change.direction == direction && change.text.contains(part))
    };
    assert!(
        has(ChangeKind::Renamed, Direction::Neutral, "\"old\" is now called \"renamed\""),
        "{changes:#?}"
    );
    assert!(has(ChangeKind::Gate, Direction::Widened, "gate \"ask\""), "{changes:#?}");
    assert!(has(ChangeKind::Budget, Direction::Widened, "9.00 EUR instead of 5.00 EUR"), "{changes:#?}");
    assert!(has(ChangeKind::Permission, Direction::Widened, "act instead of ask"), "{changes:#?}");
    assert!(has(ChangeKind::Schedule, Direction::Widened, "will fire"), "{changes:#?}");
    assert!(has(ChangeKind::Bundle, Direction::Neutral, "new runs of playbook \"new\""), "{changes:#?}");
    let back = diff(&new, &old);
    assert!(
        back.iter()
            .any(|change| change.kind == ChangeKind::Budget && change.direction == Direction::Tightened)
    );
    assert!(changes.iter().any(|change| change.to_string().ends_with("(widened)")));
}

#[test]
fn a_message_is_tried_for_hours_where_the_deadline_leaves_them() {
    let attempts = |deadline: &str, retry: &str| {
        let mail = "schema = \"adjutant/v1\"\nkind = \"mail\"\nendpoint = \"smtp://127.0.0.1:25\"\nfrom = \"a@b.example\"\ntls = \"none\"\n";
        let playbook = format!(
            "schema = \"adjutant/v1\"\n{deadline}\n[[step]]\nid = \"ask\"\ngate = \"Send it?\"\nexpires = \"1m\"\non = {{ denied = \"done\", expired = \"done\" }}\n\n\
             [[step]]\nid = \"send\"\ncall = \"mail.send\"\nwith = {{ to = \"c@d.example\", subject = \"s\", body = \"b\" }}\n{retry}\nnext = \"done\"\n\n\
             [[step]]\nid = \"done\"\nend = \"done\"\n"
        );
        let plan = plan(&files(&[("connectors/mail.toml", mail), ("playbooks/p.toml", &playbook)]));
        plan.playbooks["p"].step("send").expect("it is there").retry.attempts
    };
    assert_eq!(attempts("", ""), 10, "a server that puts strangers off is asked for six hours");
    assert_eq!(attempts("deadline = \"14d\"", ""), 10);
    assert_eq!(attempts("deadline = \"2h\"", ""), 8, "as long as the run may take");
    assert_eq!(attempts("deadline = \"10m\"", ""), 3);
    assert_eq!(attempts("deadline = \"14d\"", "retry = { attempts = 2 }"), 2, "what is written counts");
}
