//! A run is read off its log: as its course, and as a scenario that plays it again.

mod common;

use std::{collections::BTreeMap, sync::Arc};

use adjutant_company::{company, example, loaded};
use adjutant_machine::Definition;
use adjutant_sim::{
    recording::{
        Compared, Mark, Name, Pair, Recorded, Recording, Replay, Replayed, StepChange, Unplayable, redecided,
        redecided_by,
    },
    scenario::{Course, Played, Playhouse, play},
};
use adjutant_spec::{
    files::FileSet,
    plan::{Plan, StepKind},
    scenario::{self, Answer, Begin, Reply},
    value::Path,
};
use serde_json::{Value, json};

use crate::common::desk::{BOOKED, YES, desk};

/// What a course comes to, run by run: what two of them did at the same moment has no order.
fn lines(course: &Course) -> Vec<String> {
    let mut visits: Vec<_> = course.visits.iter().collect();
    visits.sort_by_key(|visit| &visit.run);
    let visits = visits.into_iter();
    visits
        .map(|visit| {
            let run = visit.run.replace(&course.root, "run");
            format!(
                "{run} {} {} {:?} {:?} {}",
                visit.step, visit.visit, visit.outcome, visit.asked, visit.undo
            )
        })
        .collect()
}

fn is_forbidden(reply: &Reply) -> bool {
    matches!(reply, Reply::Outcome { word, .. } if word == "denied")
}

fn asks_person(plan: &Plan, answer: &Answer) -> bool {
    let playbook = &plan.playbooks[&answer.playbook];
    let step = playbook.every_step().into_iter().find(|step| step.id == answer.step);
    step.is_some_and(|step| matches!(step.kind, StepKind::Gate { .. }))
}

/// A replay of what a run pins, with these changes.
fn replay<'a>(plan: &'a Plan, changes: &'a BTreeMap<Path, Value>) -> Replay<'a> {
    Replay { plan, bundle: None, others: Vec::new(), changes, assumes: false }
}

fn name(file: &str) -> Name {
    Name { file: file.to_owned(), title: "Recorded".to_owned() }
}

/// Plays all scenarios of a company, makes scenarios of what happened, and plays these as they are written and read again.
fn again(files: &FileSet) -> usize {
    let before = loaded(files);
    let plan = before.plan.as_ref().expect("it checks");
    let mut house = Playhouse::new(plan);
    let mut rewritten = files.clone();
    let mut played = Vec::new();
    for one in scenario::all(&before.draft) {
        // A play can forbid a call that the rules of the company allow; a real run can't be told so.
        if one.answers.iter().any(|answer| is_forbidden(&answer.reply) && !asks_person(plan, answer)) {
            rewritten.remove(&one.file);
            continue;
        }
        let Played { finding, course, recorded } = play(&mut house, &one);
        assert_eq!(finding, None, "{} holds", one.file);
        let recorded = recorded.expect("a run began");
        assert_eq!(lines(&recorded.course()), lines(&course), "{}: the logs tell of the course", one.file);
        let replayed = recorded.replay(&replay(plan, &BTreeMap::new())).expect("it can be played");
        let compared = Compared::of(&recorded, &replayed);
        assert!(compared.is_same(), "{}: {compared:#?}", one.file);
        for run in std::iter::once(&recorded.root).chain(&recorded.below) {
            let again = redecided(run, 1);
            assert!(again.is_equal(), "{}: {again:?}", run.run.id);
        }
        let Recording { scenario, unplayed, unsaid } = recorded.scenario(name(&one.file));
        assert_eq!(unplayed, Vec::<String>::new(), "{}", one.file);
        assert_eq!(unsaid, Vec::<String>::new(), "{}", one.file);
        let written = scenario::write(plan, &scenario, &unsaid);
        assert_eq!(written.left_out, Vec::<String>::new());
        rewritten.insert(one.file.as_str(), written.text.as_bytes());
        played.push((one.file.clone(), course));
    }
    let after = loaded(&rewritten);
    let mut house = Playhouse::new(plan);
    for one in scenario::all(&after.draft) {
        let found = play(&mut house, &one);
        let (_, course) = played.iter().find(|(file, _)| *file == one.file).expect("it is the same file");
        let text = rewritten
            .get(&one.file)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default();
        assert_eq!(found.finding, None, "{}:\n{text}", one.file);
        assert_eq!(lines(&found.course), lines(course), "{}:\n{text}", one.file);
    }
    played.len()
}

#[test]
fn a_recorded_play_is_played_again_as_it_was() {
    let count: usize =
        ["agency", "hello", "newsletter", "studio"].map(|name| again(&example(name))).iter().sum();
    assert!(count > 4, "there are plays to record");
}

#[test]
fn whatever_happens_at_a_desk_is_played_again_as_it_was() {
    let book = |answer: &str| format!("{YES}[[answer]]\nstep = \"book\"\n{answer}\n");
    let settle =
        |how: &str| book(&format!("error = \"unknown\"\n[[answer]]\nstep = \"book\"\nsettle = \"{how}\""));
    let there = "[[given]]\nkind = \"booking\"\nkey = \"blue\"\nvalue = { by = \"Jo\" }\n";
    let undone = "[[answer]]\nstep = \"book\"\nundo = true\n";
    let plays = [
        format!("{YES}{BOOKED}"),
        "[[answer]]\nstep = \"ask\"\noutcome = \"denied\"\nafter = \"3h\"\n".to_owned(),
        "[[answer]]\nstep = \"ask\"\noutcome = \"expired\"\n".to_owned(),
        format!("{}{BOOKED}", book("error = \"transient\"\nafter = \"5s\"")),
        book("error = \"invalid\""),
        format!("{}\nwith = {{ id = \"b-7\" }}", settle("happened")),
        format!("{}{BOOKED}", settle("did_not_happen")),
        // The id of the booking was lost, so it can't be taken back by itself.
        format!("{}{undone}settle = \"happened\"\n", settle("undo")),
        settle("drop"),
        format!("{}\nwith = {{ id = \"b-7\" }}\nafter = \"2d\"", settle("happened")),
        // It takes longer than its attempt: it is lost.
        format!(
            "{YES}{BOOKED}after = \"1m\"\n[[answer]]\nstep = \"book\"\nsettle = \"happened\"\nwith = {{ id = \"b-1\" }}\n"
        ),
        there.to_owned(),
        format!("{there}version = 12\n"),
        // Somebody else writes while the person thinks.
        format!(
            "{there}after = \"1h\"\n{}{BOOKED}{undone}",
            YES.replace("approved\"", "approved\"\nafter = \"2h\"")
        ),
        format!("cancel = \"40d\"\n{YES}{BOOKED}{undone}"),
        // You give it up while the person still thinks.
        "cancel = \"1d\"\n[[answer]]\nstep = \"ask\"\noutcome = \"expired\"\n".to_owned(),
        "until = \"ask\"\n".to_owned(),
        format!("until = \"rest\"\n{YES}{BOOKED}"),
    ];
    for play in plays {
        assert_eq!(again(&desk(&play)), 1, "{play}");
    }
}

/// A desk that booked a room, and the plan that it did so by.
struct Booked {
    plan: Arc<Plan>,
    recorded: Recorded,
}

fn booked() -> Booked {
    let loaded = loaded(&desk(&format!("{YES}{BOOKED}")));
    let plan = loaded.plan.clone().expect("it checks");
    let scenario = scenario::all(&loaded.draft).remove(0);
    let recorded = play(&mut Playhouse::new(&plan), &scenario).recorded.expect("a run began");
    Booked { plan, recorded }
}

impl Booked {
    fn replayed(&self, changes: &[(&str, Value)], assumes: bool) -> Result<Replayed, Unplayable> {
        let changes = changes.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
        self.recorded.replay(&Replay { assumes, ..replay(&self.plan, &changes) })
    }

    fn compared(&self, changes: &[(&str, Value)]) -> Compared {
        Compared::of(&self.recorded, &self.replayed(changes, false).expect("it can be played"))
    }
}

fn of<'a>(compared: &'a Compared, step: &str) -> &'a StepChange {
    compared.steps.iter().find(|change| change.step == step && !change.undo).expect("there is such a step")
}

#[test]
fn what_a_person_would_have_decided_otherwise_is_shown_as_a_difference() {
    let compared = booked().compared(&[("steps.ask.outcome", json!("denied"))]);
    let was = |was: &str, is: &str| Pair { was: Some(was.to_owned()), is: Some(is.to_owned()) };
    assert_eq!(of(&compared, "ask").outcome, was("approved", "denied"));
    assert_eq!(of(&compared, "book").mark, Mark::Gone);
    assert_eq!(of(&compared, "taken").mark, Mark::New);
    assert_eq!(compared.ending, was("done", "cancelled"));
    assert_eq!((compared.records.len(), compared.records[0].mark), (1, Mark::Gone));
}

#[test]
fn what_a_changed_input_or_answer_comes_to_is_shown_where_it_arrives() {
    let booked = booked();
    let red = booked.compared(&[("input.room", json!("red"))]);
    let room = Pair { was: json!("blue"), is: json!("red") };
    assert_eq!(of(&red, "book").arguments, BTreeMap::from([("room".to_owned(), room)]));
    let marks: Vec<Mark> = red.records.iter().map(|record| record.mark).collect();
    assert_eq!(marks, [Mark::Gone, Mark::New], "the record has another key");
    let other = booked.compared(&[("steps.book.id", json!("b-2"))]);
    let id = Pair { was: json!("b-1"), is: json!("b-2") };
    assert_eq!(other.records[0].fields, BTreeMap::from([("id".to_owned(), id)]));
}

#[test]
fn what_leads_nowhere_or_does_not_fit_is_refused_before_anything_is_played() {
    let booked = booked();
    let refused = |path: &str, value: Value| {
        booked.replayed(&[(path, value)], false).expect_err("it cannot be played").to_string()
    };
    assert_eq!(
        refused("input.rom", json!("red")),
        "\"input.rom\" cannot be changed: the playbook has no such input"
    );
    assert!(refused("input.room", json!(7)).starts_with("the inputs do not fit: input \"room\" "));
    let nobody = "\"steps.look.value\" cannot be changed: nobody answered this step in the run";
    assert_eq!(refused("steps.look.value", json!(1)), nobody);
    let place = "\"steps.book.id.deep\" cannot be changed: there is no such place in it";
    assert_eq!(refused("steps.book.id.deep", json!(1)), place);
    assert_eq!(
        refused("records", json!(1)),
        "\"records\" cannot be changed: only `input.…` and `steps.…` can be"
    );
}

/// The desk asks for a name as well, before it books.
fn with_another_step() -> FileSet {
    let mut files = desk(&format!("{YES}{BOOKED}"));
    let ask = "[[step]]\nid = \"name\"\ngate = \"In whose name?\"\nrisk = \"low\"\nexpires = \"7d\"\n\
               on = { denied = \"taken\", expired = \"taken\" }\n\n[[step]]\nid = \"book\"";
    let text = common::desk::DESK.replace("[[step]]\nid = \"book\"", ask);
    files.insert("playbooks/desk.toml", text.as_bytes());
    files
}

#[test]
fn a_playbook_that_asks_more_stops_where_nothing_was_answered_or_assumes() {
    let Booked { plan, recorded } = booked();
    let other = adjutant_company::plan(&with_another_step());
    let bundle = Arc::new(Definition::new(Arc::clone(&other.bundles["desk"])));
    let changes = BTreeMap::new();
    let play = |assumes: bool| {
        let bundle = Some(Arc::clone(&bundle));
        recorded.replay(&Replay { bundle, assumes, ..replay(&plan, &changes) }).expect("it can be played")
    };
    let stopped = play(false);
    let why = stopped.stopped.as_ref().map(|found| found.message.clone());
    assert_eq!(why.as_deref(), Some("step \"name\" asks a person, and nothing is answered: In whose name?"));
    assert_eq!(of(&Compared::of(&recorded, &stopped), "book").mark, Mark::Gone);
    let assumed = play(true);
    assert_eq!(
        (assumed.stopped.is_none(), assumed.assumed.as_slice()),
        (true, ["name".to_owned()].as_slice())
    );
    let compared = Compared::of(&recorded, &assumed);
    assert_eq!((of(&compared, "name").mark, of(&compared, "book").mark), (Mark::New, Mark::Same));
    let again = redecided_by(&recorded.root, &bundle, 1);
    assert!(
        again.differs_at.is_some() && again.decided.is_none(),
        "another playbook decides otherwise: {again:?}"
    );
}

/// A playbook that looks for a booking twice, with two hours in between.
const LOOKS: &str = r#"schema = "adjutant/v1"
title = "Looks twice"

[[step]]
id = "first"
record = { kind = "booking", read = "list", where = { by = "Jo" } }

[[step]]
id = "any"
choose = [{ when = "steps.first.items | length > 0", to = "none" }]
else = "rest"

[[step]]
id = "rest"
wait = "2h"

[[step]]
id = "second"
record = { kind = "booking", read = "one", key = "blue" }
on = { missing = "none" }
next = "done"

[[step]]
id = "none"
end = "failed"

[[step]]
id = "done"
end = "done"
"#;

#[test]
fn a_record_that_a_list_did_not_name_came_after_the_list() {
    let later = "[[given]]\nkind = \"booking\"\nkey = \"blue\"\nvalue = { by = \"Jo\" }\nafter = \"1h\"\n";
    let test = format!("schema = \"adjutant/v1\"\nplaybook = \"looks\"\nend = \"done\"\n{later}");
    let files = company(&[
        ("playbooks/looks.toml", LOOKS),
        ("records/booking.json", common::desk::BOOKING),
        ("tests/looks.toml", &test),
    ]);
    assert_eq!(again(&files), 1);
}

/// One lane waits twice for what the other one says twice.
const SAYS: &str = r#"schema = "adjutant/v1"
title = "Says it to itself"
deadline = "9d"

[[step]]
id = "fan"
parallel = ["say", "hear"]
join = "all"
on = { failed = "none" }
next = "done"

[[step]]
id = "one"
in = "fan.say"
emit = "go"
key = "x"
with = { number = 1 }

[[step]]
id = "rest"
in = "fan.say"
wait = "1h"

[[step]]
id = "two"
in = "fan.say"
emit = "go"
key = "x"
with = { number = 2 }

[[step]]
id = "hear-one"
in = "fan.hear"
wait = { signal = "go", key = "x", expires = "3d" }

[[step]]
id = "hear-two"
in = "fan.hear"
wait = { signal = "go", key = "x", expires = "3d" }

[[step]]
id = "none"
end = "failed"

[[step]]
id = "done"
end = "done"
"#;

#[test]
fn what_a_run_says_to_itself_is_said_once_when_it_is_played_again() {
    let test = "schema = \"adjutant/v1\"\nplaybook = \"says\"\nend = \"done\"\n";
    assert_eq!(again(&company(&[("playbooks/says.toml", SAYS), ("tests/says.toml", test)])), 1);
}

#[test]
fn what_comes_from_outside_does_not_say_how_a_run_began() {
    let files = example("agency");
    let before = loaded(&files);
    let plan = before.plan.as_ref().expect("it checks");
    let one = scenario::all(&before.draft).into_iter().find(|one| matches!(one.begin, Begin::Event(_)));
    let played = play(&mut Playhouse::new(plan), &one.expect("an event begins one"));
    let mut recorded = played.recorded.expect("a run began");
    for pretended in [json!({ "kind": "manual", "by": "operator" }), json!({ "parent": "inbound-1.2.0" })] {
        let mut run = (*recorded.root.run).clone();
        run.trigger = pretended.clone().into();
        recorded.root.run = Arc::new(run);
        let Recording { scenario, .. } = recorded.scenario(name("tests/one.toml"));
        assert_eq!(scenario.begin, Begin::Event(pretended));
    }
}
