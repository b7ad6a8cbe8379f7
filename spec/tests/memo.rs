//! A memo gives the answer that a fresh load gives, whatever was loaded before, and does the work of what changed.

use std::sync::Arc;

use adjutant_company::{DONE, company, example};
use adjutant_spec::{
    Loaded, Memo, Work,
    compose::compose,
    draft::{Draft, Kind, Shelf},
    files::{FileProblemKind, FileSet},
    load,
};
use proptest::prelude::*;

fn same(loaded: &Loaded, fresh: &Loaded) {
    assert_eq!(loaded.report.render(), fresh.report.render());
    assert_eq!(loaded.report.diagnostics(), fresh.report.diagnostics());
    assert_eq!(loaded.plan, fresh.plan);
    // Without a plan the draft alone says what is kept.
    same_draft(&loaded.draft, &fresh.draft);
}

fn same_draft(known: &Draft, fresh: &Draft) {
    fn rows<T>(shelf: &Shelf<T>) -> Vec<(&String, &T)> {
        shelf.iter().collect()
    }
    assert_eq!(*known.company, *fresh.company);
    assert_eq!(rows(&known.slices), rows(&fresh.slices));
    assert_eq!(rows(&known.playbooks), rows(&fresh.playbooks));
    assert_eq!(rows(&known.agents), rows(&fresh.agents));
    assert_eq!(rows(&known.connectors), rows(&fresh.connectors));
    assert_eq!(rows(&known.routes), rows(&fresh.routes));
    assert_eq!(rows(&known.records), rows(&fresh.records));
    assert_eq!(rows(&known.texts), rows(&fresh.texts));
    assert_eq!(rows(&known.secrets), rows(&fresh.secrets));
    assert_eq!(*known.policies, *fresh.policies);
    assert_eq!(*known.prices, *fresh.prices);
    assert_eq!(*known.models, *fresh.models);
    for kind in [Kind::Playbook, Kind::Agent, Kind::Connector, Kind::Route, Kind::Record] {
        assert_eq!(known.ids(kind), fresh.ids(kind));
    }
}

/// Loads with a memo, holds it against a fresh load, and returns what was done.
fn loads(memo: &mut Memo, files: &FileSet) -> Work {
    same(&memo.load(files), &load(files));
    memo.work()
}

/// One edit of a company.
#[derive(Debug, Clone)]
enum Edit {
    /// Cuts some characters out of a file and puts others there.
    Write {
        file: usize,
        at: usize,
        cut: usize,
        text: &'static str,
    },
    Remove(usize),
    /// Gives a file the name of another place.
    Move(usize, &'static str),
    /// Gives a file the bytes of another.
    Copy(usize, usize),
    /// Takes away everything of a slice, as far as it is named `slices/<slice>/`.
    Drop(&'static str),
    /// Says that a path of the tree is no file.
    Odd(&'static str),
    /// Goes back to how it all was at the beginning.
    Begin,
}

fn edit() -> impl Strategy<Value = Edit> {
    let text = prop_oneof![
        Just(""),
        Just("title = \"New\"\n"),
        Just("# a comment that moves what comes after it\n"),
        Just("x"),
        Just("\""),
        Just("next = \"done\"\n"),
        Just("{{ input.subject }}"),
        Just("5.00 EUR"),
    ];
    let place = prop_oneof![
        Just("playbooks/other.toml"),
        Just("slices/sales/playbooks/inbound.toml"),
        Just("connectors/other.toml"),
        Just("agents/other.toml"),
        Just("templates/other.md"),
        Just("records/other.json"),
        Just("policies/other.toml"),
        Just("slices/other/connectors/mail.toml"),
        Just("slices/other/secrets/mail.age"),
        Just("slices/other/slice.toml"),
        Just("secrets/mail.age"),
        Just("schemas/other.json"),
        Just("Templates/other.md"),
        Just("prices.toml"),
        Just("adjutant.lock"),
    ];
    prop_oneof![
        6 => (any::<usize>(), any::<usize>(), 0..30usize, text)
            .prop_map(|(file, at, cut, text)| Edit::Write { file, at, cut, text }),
        1 => any::<usize>().prop_map(Edit::Remove),
        1 => (any::<usize>(), place).prop_map(|(file, place)| Edit::Move(file, place)),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Edit::Copy(from, to)),
        1 => prop_oneof![Just("support"), Just("other"), Just("sales")].prop_map(Edit::Drop),
        1 => prop_oneof![Just("playbooks/odd.toml"), Just("slices/other/agents/odd.toml")].prop_map(Edit::Odd),
        1 => Just(Edit::Begin),
    ]
}

fn path(files: &FileSet, at: usize) -> String {
    let paths: Vec<&str> = files.iter().map(|(path, _)| path).collect();
    paths.get(at % paths.len().max(1)).map_or_else(|| "adjutant.toml".to_owned(), |path| (*path).to_owned())
}

fn apply(files: &mut FileSet, edit: &Edit) {
    match edit {
        Edit::Write { file, at, cut, text } => {
            let path = path(files, *file);
            let bytes = files.get(&path).map(|bytes| bytes.to_vec()).unwrap_or_default();
            // At the beginning of a line, so that many edits leave something that can be read.
            let lines: Vec<usize> =
                (0..=bytes.len()).filter(|at| *at == 0 || bytes[at - 1] == b'\n').collect();
            let start = lines[at % lines.len()];
            let end = if cut % 3 == 0 { start } else { (start + cut).min(bytes.len()) };
            let new = [&bytes[..start], text.as_bytes(), &bytes[end..]].concat();
            files.insert(path, new);
        }
        Edit::Remove(file) => drop(files.remove(&path(files, *file))),
        Edit::Move(file, place) => {
            if let Some(bytes) = files.remove(&path(files, *file)) {
                files.insert(*place, bytes);
            }
        }
        Edit::Copy(from, to) => {
            let bytes = files.get(&path(files, *from)).cloned().unwrap_or_else(|| (*b"").into());
            files.insert(path(files, *to), bytes);
        }
        Edit::Drop(slice) => {
            let below = format!("slices/{slice}/");
            let paths = files.iter().map(|(path, _)| path.to_owned());
            let paths: Vec<String> = paths.filter(|path| path.starts_with(&below)).collect();
            paths.iter().for_each(|path| drop(files.remove(path)));
        }
        Edit::Odd(path) => files.problem(*path, FileProblemKind::SymlinkLeavesTree),
        Edit::Begin => *files = example("agency"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_edit_of_a_company_is_answered_as_a_fresh_load_answers(edits in proptest::collection::vec(edit(), 1..12)) {
        let mut memo = Memo::default();
        let mut files = example("agency");
        let base = files.clone();
        loads(&mut memo, &files);
        for edit in &edits {
            apply(&mut files, edit);
            loads(&mut memo, &files);
        }
        // The same from another base, with what all of that has left in memory.
        let (known, fresh) = (compose(&mut memo, &base, &files), compose(&mut Memo::default(), &base, &files));
        prop_assert_eq!(&known.files, &fresh.files);
        prop_assert_eq!(&known.held, &fresh.held);
        same(&known.loaded, &fresh.loaded);
        loads(&mut memo, &base);
    }
}

fn runs(child: &str, with: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\n\n[[step]]\nid = \"more\"\nrun = \"{child}\"\nwith = {{ {with} }}\n\n\
         [[step]]\nid = \"done\"\nend = \"done\"\n"
    )
}

fn renders(template: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\n\n[[step]]\nid = \"text\"\nrender = \"{template}\"\n\n\
         [[step]]\nid = \"done\"\nend = \"done\"\n"
    )
}

#[test]
fn one_changed_file_is_the_work_of_one() {
    let mut files = company(&[]);
    for number in 0..60 {
        files.insert(format!("slices/s{}/playbooks/p{number}.toml", number % 6), DONE.as_bytes());
    }
    let mut memo = Memo::default();
    assert_eq!(loads(&mut memo, &files), Work { read: 61, checked: 60, built: 60 });
    assert_eq!(loads(&mut memo, &files), Work::default());
    files.insert("slices/s1/playbooks/p7.toml", DONE.replace("\n\n", "\ntitle = \"New\"\n\n").into_bytes());
    assert_eq!(loads(&mut memo, &files), Work { read: 1, checked: 1, built: 1 });
    // A comment says nothing: the file is read, and nothing follows from it.
    files.insert("slices/s2/playbooks/p8.toml", format!("# why\n{DONE}").into_bytes());
    let work = loads(&mut memo, &files);
    assert!(work.read == 1 && work.checked <= 1 && work.built == 0, "{work:?}");
    files.insert("slices/s2/playbooks/p60.toml", DONE.as_bytes());
    assert_eq!(loads(&mut memo, &files), Work { read: 1, checked: 1, built: 1 });
    files.remove("slices/s2/playbooks/p60.toml");
    assert_eq!(loads(&mut memo, &files), Work::default());
}

#[test]
fn what_is_the_same_is_the_same_in_memory() {
    let mut files = example("agency");
    let mut memo = Memo::default();
    let plan = |memo: &mut Memo, files: &FileSet| memo.load(files).plan.expect("clean");
    let first = plan(&mut memo, &files);
    let mut again = FileSet::new();
    files.iter().for_each(|(path, bytes)| again.insert(path, bytes.to_vec()));
    assert!(Arc::ptr_eq(&first, &plan(&mut memo, &again)), "the same bytes, read once more");
    let (path, bytes) = files.iter().find(|(path, _)| path.contains("playbooks/")).expect("there is one");
    let (path, text) = (path.to_owned(), [b"# why\n", &bytes[..]].concat());
    files.insert(path, text);
    assert!(Arc::ptr_eq(&first, &plan(&mut memo, &files)), "a comment says nothing");
    let text = files.get("adjutant.toml").expect("it is there").to_vec();
    files.insert(
        "adjutant.toml",
        String::from_utf8(text).expect("UTF-8").replace("Europe/Berlin", "UTC").into_bytes(),
    );
    let other = plan(&mut memo, &files);
    assert!(other.company != first.company && other.records == first.records);
    files.insert("templates/unused.md", b"Hello.\n".as_slice());
    let more = plan(&mut memo, &files);
    for (id, playbook) in &other.playbooks {
        assert!(Arc::ptr_eq(playbook, &more.playbooks[id]), "{id}");
    }
}

#[test]
fn a_file_that_names_another_is_read_again_when_that_one_is_another() {
    let mut files = example("agency");
    let agent = files.get("agents/qualifier.toml").expect("it is there").to_vec();
    let agent = String::from_utf8(agent).expect("UTF-8");
    let input = "input = { message = \"string\", sender = \"string\", name = \"string\" }";
    assert!(agent.contains(input));
    files.insert("agents/qualifier.toml", agent.replace(input, "input = \"schemas/lead.json\"").into_bytes());
    let mut memo = Memo::default();
    assert!(memo.load(&files).report.has_errors(), "there is no such file");
    loads(&mut memo, &files);
    let fields = |type_word: &str| {
        format!(
            "{{ \"type\": \"object\", \"properties\": {{ \"message\": {{ \"type\": \"{type_word}\" }}, \"sender\": {{}}, \"name\": {{}} }} }}"
        )
    };
    for text in [fields("string"), fields("number"), "{ \"type\": ".to_owned(), fields("string")] {
        files.insert("schemas/lead.json", text.into_bytes());
        let work = loads(&mut memo, &files);
        assert!(work.read <= 2, "the schema, and who names it: {work:?}");
    }
    files.remove("schemas/lead.json");
    loads(&mut memo, &files);
}

#[test]
fn two_files_that_define_one_object_take_turns() {
    let other = DONE.replace("\n\n", "\ntitle = \"Other\"\n\n");
    let mut files = company(&[("playbooks/one.toml", DONE)]);
    let mut memo = Memo::default();
    let title = |loaded: &Loaded| loaded.draft.playbooks.get("one").map(|at| at.title.clone());
    let mut turns = Vec::new();
    let mut turn = |files: &FileSet| {
        let loaded = memo.load(files);
        same(&loaded, &load(files));
        turns.push((title(&loaded), loaded.report.diagnostics().len()));
    };
    turn(&files);
    files.insert("slices/a/playbooks/one.toml", other.as_bytes());
    turn(&files);
    let first = files.remove("playbooks/one.toml").expect("it is there");
    turn(&files);
    files.insert("playbooks/one.toml", first);
    turn(&files);
    let (old, new) = (Some("one".to_owned()), Some("Other".to_owned()));
    assert_eq!(turns, [(old.clone(), 0), (old.clone(), 1), (new, 0), (old, 1)]);
}

#[test]
fn a_mistake_and_its_mending_cost_what_they_touch() {
    let mut files = company(&[("playbooks/parent.toml", &runs("child", "")), ("playbooks/child.toml", DONE)]);
    (0..20).for_each(|number| files.insert(format!("playbooks/p{number}.toml"), DONE.as_bytes()));
    let mut memo = Memo::default();
    loads(&mut memo, &files);
    files.insert("playbooks/child.toml", "title = ".as_bytes());
    let broken = loads(&mut memo, &files);
    assert_eq!((broken.read, broken.built), (1, 0));
    assert!(broken.checked <= 1, "the parent alone: {broken:?}");
    files.insert("playbooks/child.toml", DONE.as_bytes());
    let mended = loads(&mut memo, &files);
    assert_eq!(mended.read, 0, "the version before is in memory: {mended:?}");
    assert!(mended.checked <= 2 && mended.built <= 2, "{mended:?}");
}

#[test]
fn what_another_slice_reads_is_found_anew_where_it_is_read() {
    let mut files = company(&[
        ("templates/shared.md", "Hello.\n"),
        ("slices/a/playbooks/one.toml", &renders("templates/shared.md")),
        ("slices/b/playbooks/two.toml", DONE),
        (
            "records/thing.json",
            "{ \"type\": \"object\", \"properties\": { \"name\": { \"type\": \"string\" } } }",
        ),
    ]);
    let mut memo = Memo::default();
    loads(&mut memo, &files);
    files.insert("templates/shared.md", "Hello, {{ input.nobody }}.\n".as_bytes());
    assert_eq!(loads(&mut memo, &files).checked, 1);
    files.insert("templates/shared.md", "Hello.\n".as_bytes());
    loads(&mut memo, &files);
    // A child gets an input that its parent does not give.
    files.insert("slices/b/playbooks/three.toml", runs("b/two", "").as_bytes());
    loads(&mut memo, &files);
    let asks = DONE.replace("\n\n", "\n\n[input.name]\ntype = \"string\"\ntrust = \"operator\"\n\n");
    files.insert("slices/b/playbooks/two.toml", asks.into_bytes());
    loads(&mut memo, &files);
    // What it renders moves to another name: nothing else can say so.
    let bytes = files.remove("templates/shared.md").expect("it is there");
    files.insert("templates/renamed.md", bytes);
    loads(&mut memo, &files);
    // A nearer one of the same name goes before the shared one.
    files.insert("templates/shared.md", "Shared.\n".as_bytes());
    files.insert("slices/a/templates/shared.md", "Own.\n".as_bytes());
    loads(&mut memo, &files);
}

#[test]
fn company_and_slice_reach_every_file_below_them() {
    let mut files = example("agency");
    let mut memo = Memo::default();
    loads(&mut memo, &files);
    let company =
        String::from_utf8(files.get("adjutant.toml").expect("it is there").to_vec()).expect("UTF-8");
    for (from, to) in [("EUR", "USD"), ("Europe/Berlin", "UTC"), ("founder", "seller"), ("EUR", "EUR")] {
        files.insert("adjutant.toml", company.replace(from, to).into_bytes());
        loads(&mut memo, &files);
    }
    files.remove("adjutant.toml");
    loads(&mut memo, &files);
    files.insert("slices/sales/slice.toml", "schema = \"adjutant/v1\"\nowner = \"seller\"\n".as_bytes());
    loads(&mut memo, &files);
}
