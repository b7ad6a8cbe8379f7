//! What the checks prove, tried out: random playbooks that check clean are walked at random.
//!
//! The walk knows nothing of the checks. It takes any outcome of each step and keeps what really happened: which values are
//! there, and which gate was approved last. Whatever it meets must be what the checks promised.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_company::MAIL;
use adjutant_spec::{
    files::FileSet,
    load,
    plan::{Bundle, Step, StepKind},
};
use proptest::prelude::*;

/// One generated step; numbers name other steps.
#[derive(Debug, Clone)]
struct Made {
    kind: u8,
    reads: Option<usize>,
    next: Option<usize>,
    denied: usize,
    expired: usize,
    skippable: bool,
    visits: u32,
}

/// Mostly forward and to the end, as people write; sometimes anywhere, so that cycles and short cuts come up.
fn made(place: usize, count: usize) -> impl Strategy<Value = Made> {
    let last = count - 1;
    let away = prop_oneof![6 => Just(last), 2 => 0..count];
    let next = prop_oneof![9 => Just(Some(place + 1)), 2 => (0..count).prop_map(Some)];
    let reads = proptest::option::weighted(0.3, 0..place.max(1));
    let visits = prop_oneof![2 => Just(1_u32), 1 => Just(2_u32)];
    (0..6_u8, reads, next, away.clone(), away, prop::bool::weighted(0.1), visits).prop_map(
        |(kind, reads, next, denied, expired, skippable, visits)| Made {
            kind,
            reads,
            next,
            denied,
            expired,
            skippable,
            visits,
        },
    )
}

fn playbook() -> impl Strategy<Value = Vec<Made>> {
    (3..7_usize).prop_flat_map(|count| {
        let steps: Vec<_> = (0..count - 1).map(|place| made(place, count)).collect();
        steps.prop_map(move |mut steps| {
            let end =
                Made { kind: 6, reads: None, next: None, denied: 0, expired: 0, skippable: false, visits: 1 };
            steps.push(end);
            steps
        })
    })
}

fn written(steps: &[Made]) -> String {
    let mut text = "schema = \"adjutant/v1\"\n\n[input.message]\ntype = \"string\"\n".to_owned();
    for (place, made) in steps.iter().enumerate() {
        let read = made
            .reads
            .map_or("input.message".to_owned(), |of| format!("steps.s{of}.{}", field(steps[of].kind)));
        let body = match made.kind {
            0 | 1 => format!(
                "gate = \"Go on with {{{{ {read} }}}}?\"\non = {{ denied = \"s{}\", expired = \"s{}\" }}",
                made.denied, made.expired
            ),
            2 | 3 => format!(
                "call = \"mail.send\"\nwith = {{ to = \"a@example.com\", subject = \"Hi\", body = \"{{{{ {read} }}}}\" }}\non = {{ error = \"s{}\" }}",
                made.denied
            ),
            4 => format!(
                "choose = [{{ when = \"input.message == 'x'\", to = \"s{}\" }}]\nelse = \"s{}\"",
                made.denied, made.expired
            ),
            5 => "render = \"templates/text.md\"".to_owned(),
            _ => "end = \"done\"".to_owned(),
        };
        text.push_str(&format!("\n[[step]]\nid = \"s{place}\"\n{body}\n"));
        let ends = made.kind >= 6;
        if let Some(next) = made.next.filter(|_| !ends && made.kind != 4) {
            text.push_str(&format!("next = \"s{next}\"\n"));
        }
        if made.skippable && !ends {
            text.push_str("when = \"input.message != 'y'\"\n");
        }
        if made.visits > 1 && !ends {
            text.push_str(&format!("visits = {}\n", made.visits));
        }
    }
    text
}

fn field(kind: u8) -> &'static str {
    match kind {
        0 | 1 => "decision",
        2 | 3 => "message_id",
        _ => "text",
    }
}

fn company(playbook: &str) -> FileSet {
    adjutant_company::company(&[
        ("connectors/mail.toml", MAIL),
        ("templates/text.md", "Hello.\n"),
        ("playbooks/random.toml", playbook),
    ])
}

/// What has happened in a walk.
#[derive(Default)]
struct Walk {
    there: BTreeSet<String>,
    visits: BTreeMap<String, u32>,
    approved: Option<String>,
    sent: BTreeSet<String>,
}

impl Walk {
    /// Takes one step with the given dice and returns where it leads.
    fn take(&mut self, bundle: &Bundle, step: &Step, dice: u8) -> Option<String> {
        let visits = self.visits.entry(step.id.clone()).or_default();
        *visits += 1;
        if *visits > step.visits {
            return None;
        }
        if step.when.is_some() && dice.is_multiple_of(5) {
            return step.next.clone();
        }
        for read in reads(step) {
            assert!(self.there.contains(&read), "step {} reads {read}, which is not there", step.id);
        }
        let edge = |outcome: &str| step.on.get(outcome).cloned();
        match &step.kind {
            StepKind::Gate { .. } => {
                self.there.insert(step.id.clone());
                let outcome = ["approved", "approved", "denied", "expired"][usize::from(dice % 4)];
                self.answer(step, outcome);
                edge(outcome).or_else(|| step.next.clone().filter(|_| outcome == "approved"))
            }
            StepKind::Call { .. } => {
                self.send(bundle, step);
                if dice.is_multiple_of(3) {
                    return edge("error");
                }
                self.there.insert(step.id.clone());
                step.next.clone()
            }
            StepKind::Choose { arms, otherwise } if dice.is_multiple_of(2) => {
                arms.first().map(|arm| arm.to.clone()).or(otherwise.clone())
            }
            StepKind::Choose { otherwise, .. } => otherwise.clone().or_else(|| step.next.clone()),
            StepKind::End { .. } => None,
            _ => {
                self.there.insert(step.id.clone());
                step.next.clone()
            }
        }
    }

    fn answer(&mut self, step: &Step, outcome: &str) {
        match outcome {
            "approved" if step.when.is_none() => {
                self.approved = Some(step.id.clone());
                self.sent.clear();
            }
            "approved" => {}
            _ => self.approved = None,
        }
    }

    fn send(&mut self, bundle: &Bundle, step: &Step) {
        let gate =
            self.approved.as_ref().unwrap_or_else(|| panic!("step {} acts without an approval", step.id));
        let covered = bundle.covers[gate].iter().any(|covered| covered.step == step.id);
        assert!(covered, "step {} acts under gate {gate}, which does not cover it", step.id);
        assert!(self.sent.insert(step.id.clone()), "step {} acts twice under one approval", step.id);
    }
}

/// The steps whose results a step reads.
fn reads(step: &Step) -> Vec<String> {
    let paths = match &step.kind {
        StepKind::Gate { gate, .. } => gate.reads.clone(),
        StepKind::Call { with, .. } => with.values().flat_map(adjutant_spec::value::Arg::reads).collect(),
        _ => BTreeSet::new(),
    };
    paths.iter().filter_map(|path| Some(path.strip_prefix("steps.")?.split('.').next()?.to_owned())).collect()
}

fn walk(bundle: &Bundle, dice: &[u8]) {
    let mut walk = Walk::default();
    let mut here = bundle.playbook.steps.first().map(|step| step.id.clone());
    for dice in dice {
        let Some(step) = here.as_ref().and_then(|id| bundle.playbook.step(id)) else { return };
        here = walk.take(bundle, step, *dice);
    }
    assert!(here.is_none(), "no end after {} steps: the visits bound nothing", dice.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn what_checks_clean_keeps_its_promises_on_every_walk(
        steps in playbook(),
        walks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 120), 12),
    ) {
        let loaded = load(&company(&written(&steps)));
        if let Some(plan) = loaded.plan {
            walks.iter().for_each(|dice| walk(&plan.bundles["random"], dice));
        }
    }
}

#[test]
fn enough_random_playbooks_check_clean_to_mean_something() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut clean, mut sending) = (0, 0);
    for _ in 0..1_500 {
        let steps = playbook().new_tree(&mut runner).expect("a playbook").current();
        if let Some(plan) = load(&company(&written(&steps))).plan {
            clean += 1;
            sending += usize::from(plan.bundles["random"].covers.values().any(|covered| !covered.is_empty()));
        }
    }
    assert!(clean >= 100 && sending >= 25, "{clean} clean, {sending} of them send");
}
