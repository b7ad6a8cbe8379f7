//! Whatever is written, what stands in a branch reads nothing but what its branch has.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_spec::{
    load,
    plan::{Bundle, Step, StepKind},
    value::Arg,
};

use super::{DONE, files};

/// Asserts that what stands in branches reads nothing but what its branch has.
pub(crate) fn assert_closed(bundle: &Bundle) {
    fn walk(bundle: &Bundle, steps: &[Step], given: Option<&BTreeSet<String>>) {
        let own: BTreeSet<&str> = steps.iter().map(|step| step.id.as_str()).collect();
        for step in steps {
            for read in reads(bundle, step) {
                let path: Vec<&str> = read.split('.').collect();
                let is_there = match path.as_slice() {
                    ["steps", step, ..] => own.contains(step),
                    ["input", name, ..] => given.is_none_or(|given| given.contains(*name)),
                    ["run" | "company" | "effect", ..] => true,
                    _ => false,
                };
                assert!(is_there, "step {} reads {read}, and is given {given:?}", step.id);
            }
            let item = match &step.kind {
                StepKind::Each { item, .. } => vec![item.clone(), format!("{item}_index")],
                _ => Vec::new(),
            };
            for body in step.kind.fragments() {
                let given = body.inputs.keys().cloned().chain(item.iter().cloned()).collect();
                walk(bundle, &body.steps, Some(&given));
            }
        }
    }
    walk(bundle, &bundle.playbook.steps, None);
}

/// Returns everything that a step reads where it stands, what it gives to its branches among it.
fn reads(bundle: &Bundle, step: &Step) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = step.when.iter().flat_map(|when| when.reads.clone()).collect();
    let args = |with: &BTreeMap<String, Arg>| with.values().flat_map(Arg::reads).collect::<Vec<_>>();
    match &step.kind {
        StepKind::Render { render } => all.extend(bundle.templates[render].reads.clone()),
        StepKind::Call { with, .. } => all.extend(args(with)),
        StepKind::Each { items, .. } => all.extend(items.reads.clone()),
        _ => {}
    }
    all.extend(step.undo.iter().flat_map(|undo| args(&undo.with)));
    all.extend(step.kind.fragments().into_iter().flat_map(|body| args(&body.inputs)));
    all
}

/// Writes playbooks of containers in containers, whose steps read whatever they may.
struct Writer {
    state: u64,
    steps: Vec<String>,
    /// What may be read by now, as expressions.
    seen: Vec<String>,
}

impl Writer {
    fn below(&mut self, bound: usize) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).expect("31 bits") % bound
    }

    fn pick(&mut self) -> String {
        let at = self.below(self.seen.len());
        self.seen[at].clone()
    }

    fn body(&mut self, within: &str, depth: usize) {
        let (line, count) = (
            if within.is_empty() { String::new() } else { format!("in = \"{within}\"\n") },
            1 + self.below(3),
        );
        for _ in 0..count {
            let id = format!("s{}", self.steps.len());
            match self.below(if depth < 4 { 4 } else { 2 }) {
                0 | 1 => {
                    let note = [self.pick(), self.pick()];
                    let guard = if self.below(3) == 0 { " | default('none')" } else { "" };
                    self.steps.push(format!(
                        "id = \"{id}\"\n{line}call = \"crm.add\"\nwith = {{ note = \"{{{{ {} }}}} {{{{ {}{guard} }}}}\" }}\n\
                         undo = {{ call = \"crm.remove\", with = {{ id = \"{{{{ steps.{id}.id }}}} {{{{ {} }}}}\" }} }}",
                        note[0], note[1], note[0]
                    ));
                    self.seen.push(format!("steps.{id}.id"));
                }
                2 => {
                    let list = self.pick();
                    self.steps.push(format!(
                        "id = \"{id}\"\n{line}each = \"{{{{ [{list}] }}}}\"\nas = \"i{id}\"\nmax_items = 3"
                    ));
                    let outside = self.seen.len();
                    self.seen.extend([format!("i{id}.name"), format!("i{id}_index"), format!("i{id}")]);
                    self.body(&id, depth + 1);
                    self.seen.truncate(outside);
                    self.seen.push(format!("steps.{id}.items[0]"));
                }
                _ => {
                    self.steps.push(format!("id = \"{id}\"\n{line}parallel = [\"a\", \"b\"]"));
                    for lane in ["a", "b"] {
                        let outside = self.seen.len();
                        self.body(&format!("{id}.{lane}"), depth + 1);
                        self.seen.truncate(outside);
                    }
                    self.seen.push(format!("steps.{id}.lanes.a.value"));
                }
            }
        }
    }
}

fn written(seed: u64) -> Writer {
    let seen = ["input.note", "input.topics", "run.key", "company.name"].map(str::to_owned).to_vec();
    let mut writer = Writer { state: seed, steps: Vec::new(), seen };
    writer.body("", 0);
    writer.steps.push(DONE.to_owned());
    writer
}

#[test]
fn whatever_is_written_a_branch_reads_only_what_it_is_given() {
    let mut held = 0;
    for seed in 0..150 {
        let writer = written(seed);
        let steps: Vec<&str> = writer.steps.iter().map(String::as_str).collect();
        let loaded = load(&files(&steps));
        let plan = loaded.plan.unwrap_or_else(|| panic!("seed {seed}:\n{}", loaded.report.render()));
        assert_closed(&plan.bundles["hello"]);
        held += plan.playbooks["hello"].every_step().len() - plan.playbooks["hello"].steps.len();
    }
    assert!(held > 500, "{held} steps stood in branches");
}

#[test]
fn wherever_steps_say_that_they_stand_there_is_an_answer() {
    let mut refused = 0;
    for seed in 0..150 {
        let mut writer = written(seed);
        let count = writer.steps.len();
        for _ in 0..3 {
            let (at, to) = (writer.below(count), writer.below(count + 1));
            let lane = ["", ".a", ".c"][writer.below(3)];
            let kept: Vec<&str> =
                writer.steps[at].lines().filter(|line| !line.starts_with("in = ")).collect();
            writer.steps[at] = format!("{}\nin = \"s{to}{lane}\"", kept.join("\n"));
        }
        let steps: Vec<&str> = writer.steps.iter().map(String::as_str).collect();
        let loaded = load(&files(&steps));
        refused += usize::from(loaded.plan.is_none());
        if let Some(plan) = loaded.plan {
            assert_closed(&plan.bundles["hello"]);
        }
    }
    assert!(refused > 100, "{refused} of them were refused");
}
