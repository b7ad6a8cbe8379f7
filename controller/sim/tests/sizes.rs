//! How much an `each` of 10,000 items costs its parent: linear bytes in all, and about the same for each item from the first to the last.

use std::sync::Arc;

use adjutant_machine::{
    Definition, Env, Verdict,
    branch::Round,
    codec::{decode_run, encode_entry, encode_run},
    event::{BranchEnded, Envelope, Event, Labelled},
    id::Stamp,
    projection::{self, Message},
    run::Run,
    step,
};
use adjutant_sim::{Company, Many};
use adjutant_spec::value::Labels;
use serde_json::json;

const WIDTH: u32 = 50;

/// A run at its `each`, driven by nothing but ends of branches, and what its entries weigh.
struct Parent {
    def: Arc<Definition>,
    run: Run,
    bytes: Vec<usize>,
    begun: Vec<String>,
}

impl Parent {
    fn of(items: u32) -> Self {
        let places: Vec<_> = (0..items).map(|at| json!({ "name": format!("place {at}") })).collect();
        let company = Company::digs(&places, Many { max_parallel: WIDTH, min_ok: None });
        let def = Arc::new(Definition::new(Arc::clone(&company.plan.bundles["dig"])));
        let started = Event::RunStarted(Box::new(company.started(1)));
        let env = Env { seq: 1, seed: 1 };
        let opened = step(&def, None, &envelope(0, started), &env).next.expect("it begins");
        let mut parent = Self { def, run: opened.run, bytes: Vec::new(), begun: Vec::new() };
        let effect = parent.run.effects.keys().next().expect("its first act").clone();
        let leased =
            Event::EffectLeased { effect: effect.clone(), attempt: 1, until: Stamp(9), reserved: None };
        parent.send(leased);
        let value = json!({ "id": "x" });
        parent.send(Event::EffectSucceeded {
            effect,
            attempt: 1,
            value,
            cost: None,
            provenance: json!(null),
        });
        parent
    }

    fn send(&mut self, event: Event) {
        let env = Env { seq: self.run.seq + 1, seed: 1 };
        let answer = step(&self.def, Some(&self.run), &envelope(env.seq, event), &env);
        assert_eq!(answer.verdict, Verdict::Applied);
        let next = answer.next.expect("it is recorded");
        for (_, message) in projection::messages(&next.entry) {
            if let Message::Post { event: Event::RunStarted(started), .. } = message {
                self.begun.push(started.run.clone());
            }
        }
        let content = encode_entry(&next.entry);
        self.bytes.push(content.payload.len() + content.skeleton.len());
        self.run = next.run;
    }

    fn end(&mut self, index: u32) {
        let round = Round { step: "dig".to_owned(), number: 1 };
        let value = json!({ "status": "done", "dig-mark": { "id": "m" } });
        let output = Labelled { value, labels: Labels::OPERATOR };
        let status = "done".to_owned();
        let ended = BranchEnded { round, index, status, stands: true, doubt: false, reason: None, output };
        self.send(Event::BranchEnded(Box::new(ended)));
    }

    fn state(&self) -> usize {
        encode_run(&self.run).len()
    }
}

fn envelope(seq: u64, event: Event) -> Envelope {
    Envelope { at: Stamp(1), id: format!("e{seq}"), by: "host".to_owned(), event }
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures are quoted")]
fn ten_thousand_items_cost_linear_bytes_and_the_same_each_time() {
    let mut totals = Vec::new();
    for items in [1_000, 10_000] {
        let mut parent = Parent::of(items);
        let opened = *parent.bytes.last().expect("an entry");
        let beginning = parent.state();
        (0..items).for_each(|index| parent.end(index));
        assert_eq!(parent.begun.len(), usize::try_from(items).expect("small"));
        let ends = &parent.bytes[2..];
        let middle = &ends[..ends.len() - 1];
        let (least, most) = (middle.iter().min().expect("many"), middle.iter().max().expect("many"));
        let total: usize = parent.bytes.iter().sum();
        eprintln!(
            "{items} items: entries {total} bytes, {opened} to open, {least} to {most} for each, {} to end; state {beginning} \
             at first, {} at last",
            ends[ends.len() - 1],
            parent.state()
        );
        assert!(most - least < 700, "{least} to {most}: only whether one more begins makes a difference");
        totals.push(total);
        let decoded = decode_run(&encode_run(&parent.run)).expect("it is read");
        assert!(decoded == parent.run);
    }
    assert!(totals[1] < totals[0] * 11, "{totals:?}: ten times as many cost ten times as much");
}

#[test]
fn a_state_keeps_two_bits_for_an_item_whose_result_is_elsewhere() {
    let mut parent = Parent::of(10_000);
    (0..10_000).for_each(|index| parent.end(index));
    let branches = parent.run.branches.values().next().expect("its undo is open");
    let bytes = serde_json::to_vec(&**branches).expect("it has a JSON form").len();
    assert!(bytes < 2 * 2_500 + 600, "{bytes}");
    let items = &parent.run.steps["dig"].value.as_ref().expect("a result").value["items"];
    assert_eq!(items.as_array().map(Vec::len), Some(10_000));
}
