//! `each` and `parallel`: begins branches, hears how they ended, and says when it is enough.
//!
//! ```text
//!            RunStarted, RunPaused, RunResumed, RunCancelled, RunRolledBack, RunKilled
//!  parent ───────────────────────────────────────────────────────────────────────────► branch
//!         ◄───────────────────────────────────────────────────────────────────────────
//!                      BranchEnded: once at its end, once more where it took back what it did
//! ```
//! What one instance tells another arrives in the order in which it was told: a branch is never stopped before it began. Branches
//! begin in the order of their places, so how many have begun says which. A branch that does not end well has taken back what it
//! did before it says so; one that ended well is told to when its run unwinds.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{DEEPEST_BRANCH, Fragment, Join, Lane, Step, StepKind},
    value::Labels,
};
use serde_json::{Map, Value, json};

use super::{Decider, Decision, flow::Then};
use crate::{
    branch::{BranchId, Round, depth},
    eval,
    event::{BranchEnded, Event, Hearing, Labelled, RunStarted},
    fact::{BranchEnd, Fact},
    id::InstanceId,
    labels,
    output::branch_output,
    purse::Purse,
    run::{Bits, Branches, Part, Results, UndoEntry, UndoState, Wait},
    verdict::{Refusal, Verdict},
};

/// The most branches of one round that go on at once: what one transition may have to tell.
const WIDEST: u32 = 1_000;

/// What the branches of a step are given, by the place in its list, else the same for all.
type Given = Vec<BTreeMap<String, Labelled>>;

impl<'a> Decider<'a> {
    /// Enters an `each` or a `parallel`.
    pub(super) fn branches(&mut self, step: &Step) -> Then {
        if depth(&self.draft.run.id) >= DEEPEST_BRANCH {
            let message = format!("branches nest at most {DEEPEST_BRANCH} deep");
            return self.trouble(step, "error", message);
        }
        let wanted = match &step.kind {
            StepKind::Each { .. } => self.each(step),
            StepKind::Parallel { lanes, join } => self.lanes(lanes, *join),
            _ => Err("it has no branches".to_owned()),
        };
        match wanted {
            // Where it is known before that too few can end well, none begins.
            Ok(branches) if branches.count == 0 || branches.need > branches.count => {
                self.conclude(step, &branches)
            }
            Ok(branches) => self.open_branches(step, branches),
            Err(message) => self.trouble(step, "error", message),
        }
    }

    fn each(&self, step: &Step) -> Result<Branches, String> {
        let StepKind::Each { items, item, max_items, max_parallel, min_ok, budget, body } = &step.kind else {
            return Err("it has no items".to_owned());
        };
        let list = self.scope().render(items).map_err(|error| error.to_string())?;
        let Value::Array(list) = list else { return Err(format!("`{}` is no list", items.source)) };
        let count = u32::try_from(list.len()).unwrap_or(u32::MAX);
        if count > *max_items {
            return Err(format!("there are {count} items, and at most {max_items} may be"));
        }
        let width = (*max_parallel).clamp(1, WIDEST);
        Ok(Branches {
            need: min_ok.unwrap_or(count),
            width,
            undo_width: width,
            item_labels: labels::of_reads(&self.draft.run, &items.reads),
            item: item.clone(),
            budget: *budget,
            items: list.into(),
            ..blank(count, vec![self.given(body)?])
        })
    }

    fn lanes(&self, lanes: &[Lane], join: Join) -> Result<Branches, String> {
        let count = u32::try_from(lanes.len()).unwrap_or(u32::MAX);
        if count > WIDEST {
            return Err(format!("there are {count} lanes, and at most {WIDEST} may be"));
        }
        let given: Result<Given, String> = lanes.iter().map(|lane| self.given(&lane.body)).collect();
        let is_race = !matches!(join, Join::All);
        Ok(Branches { need: join.need(count), width: count, is_race, ..blank(count, given?) })
    }

    /// Returns what a fragment reads from outside, as it is now.
    fn given(&self, body: &Fragment) -> Result<BTreeMap<String, Labelled>, String> {
        let scope = self.scope();
        let mut given = BTreeMap::new();
        for (name, arg) in &body.inputs {
            let reads = arg.reads();
            match scope.arg(arg) {
                Ok(value) => {
                    let labels = labels::of_reads(&self.draft.run, &reads);
                    given.insert(name.clone(), Labelled { value, labels });
                }
                // What is not there is not given: the branch asks `is defined`, or falls back, as it would outside.
                Err(_) if reads.iter().any(|read| eval::at_path(&self.draft.run, read).is_none()) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(given)
    }

    fn open_branches(&mut self, step: &Step, branches: Branches) -> Then {
        let number = self.draft.run.steps.get(&step.id).map_or(0, |state| state.rounds) + 1;
        let round = Round { step: step.id.clone(), number };
        self.fact(Fact::BranchesOpened { round: round.clone(), state: Box::new(branches) });
        let entry = UndoEntry {
            step: step.id.clone(),
            effect: self.draft.next_effect(),
            undo: None,
            verb: step.kind.word().to_owned(),
            covered: None,
            state: UndoState::Registered,
            round: Some(number),
            by_scope: false,
        };
        self.fact(Fact::UndoRegistered { entry: entry.into() });
        let then = self.stop_at(step, Wait::Branches(round.clone()));
        self.begin_branches(&round);
        then
    }

    /// Begins as many branches as may go on beside those that do; none while the run is paused.
    fn begin_branches(&mut self, round: &Round) {
        let Some(branches) = self.round(round).filter(|branches| !branches.is_stopped) else { return };
        let room = branches.width.saturating_sub(branches.live());
        let through = branches.count.min(branches.started.saturating_add(room));
        if !self.is_active() || through == branches.started {
            return;
        }
        self.fact(Fact::BranchesStarted { round: round.clone(), through });
        for index in branches.started..through {
            let mut started = self.started(round, index, branches.given_to(index));
            started.purses.extend(branches.budget.map(|limit| {
                let (run, round) = (self.draft.run.id.clone(), round.clone());
                Purse { run, round, limit }
            }));
            self.tell_branch(round, index, Event::RunStarted(Box::new(started)));
        }
    }

    fn started(&self, round: &Round, index: u32, input: BTreeMap<String, Labelled>) -> RunStarted {
        let run = &self.draft.run;
        RunStarted {
            run: name(&run.id, round, index),
            playbook: run.playbook.clone(),
            oldest: run.began_as.clone(),
            bundle: run.bundle.clone(),
            key: run.key.clone(),
            revision: run.revision.clone(),
            stage: run.stage,
            input,
            trigger: Value::Null,
            parent: None,
            dry: run.dry,
            about: None,
            speaker: None,
            // A signal to the run is heard by its branches, whatever came first.
            hearing: Some(Hearing {
                since: run.hears_since.unwrap_or(run.started_at),
                heard: run.heard.clone(),
            }),
            // A branch is a part of its run, which has the place.
            queue: None,
            chain: run.chain,
            purses: run.purses().collect(),
        }
    }

    fn tell_branch(&mut self, round: &Round, index: u32, event: Event) {
        let to = InstanceId::run(name(&self.draft.run.id, round, index));
        self.draft.post(to, event);
    }

    fn round(&self, round: &Round) -> Option<Part<Branches>> {
        self.draft.run.branches.get(round).cloned()
    }

    /// Returns the rounds of which something is left, in the order of their names.
    fn rounds(&self) -> Vec<(Round, Part<Branches>)> {
        let all = self.draft.run.branches.iter();
        let open = all.filter(|(_, branches)| !branches.is_closed);
        open.map(|(round, branches)| (round.clone(), branches.clone())).collect()
    }

    /// A branch says how it ended, or that it has taken back what it did.
    pub(super) fn branch_ended(&mut self, ended: &BranchEnded) -> Decision {
        let (round, index) = (&ended.round, ended.index);
        let began = self.draft.run.steps.get(&round.step).map_or(0, |state| state.rounds);
        let Some(branches) = self.round(round) else {
            // A round that the state has let go was over.
            let was_over = (1..=began).contains(&round.number);
            return if was_over { Ok(Verdict::Stale) } else { Err(self.no_branch(round, index)) };
        };
        if index >= branches.started {
            return Err(self.no_branch(round, index));
        }
        if !branches.over.contains(index) {
            self.fact(Fact::BranchEnded { round: round.clone(), index, end: Box::new(end_of(ended)) });
            self.go_on_with(round);
            return Ok(Verdict::Applied);
        }
        // It ended well once: only another end says that nothing of it stands any more.
        if branches.is_returning(index) && ended.status != "done" {
            self.fact(Fact::BranchTakenBack { round: round.clone(), index, doubt: ended.doubt });
            return Ok(Verdict::Applied);
        }
        if branches.doubts.contains(index) && !ended.doubt && ended.status != "done" {
            self.fact(Fact::BranchCleared { round: round.clone(), index });
            return Ok(Verdict::Applied);
        }
        Ok(if self.draft.run.is_ended() { Verdict::Stale } else { Verdict::Duplicate { first: None } })
    }

    fn no_branch(&self, round: &Round, index: u32) -> Refusal {
        Refusal::NoSuchBranch { branch: name(&self.draft.run.id, round, index) }
    }

    /// Goes on after a branch ended, or after a pause: stops the others, begins more, or ends the step.
    fn go_on_with(&mut self, round: &Round) {
        let Some(branches) = self.round(round) else { return };
        if !self.waits_for(round) {
            self.close_round(round);
            return;
        }
        if branches.is_decided() && !branches.is_stopped {
            let enough = branches.ok >= branches.need;
            let reason = if enough { "enough others ended well" } else { "too many others did not end well" };
            self.stop_round(round, reason);
        }
        if self.round(round).is_some_and(|branches| !branches.is_over()) {
            self.begin_branches(round);
            return;
        }
        let Some(branches) = self.round(round) else { return };
        let Some(step) = self.step(&round.step) else { return };
        self.close_round(round);
        let then = self.conclude(step, &branches);
        self.follow(then);
    }

    fn waits_for(&self, round: &Round) -> bool {
        let position = self.draft.run.position.as_ref();
        position.is_some_and(|position| position.wait == Wait::Branches(round.clone()))
    }

    fn close_round(&mut self, round: &Round) {
        if self.round(round).is_some_and(|branches| branches.is_over() && !branches.is_closed) {
            self.fact(Fact::BranchesClosed { round: round.clone() });
        }
    }

    /// Ends the step with what its branches yielded.
    fn conclude(&mut self, step: &Step, branches: &Branches) -> Then {
        let failed = branches.count.saturating_sub(branches.ok);
        let is_ok = branches.ok >= branches.need;
        let why = branches.trouble.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let (ok, need) = (branches.ok, branches.need);
        let message = format!("{ok} of {} ended well, and {need} must{why}", branches.count);
        let mut value = Map::from_iter([("ok".to_owned(), json!(ok)), ("failed".to_owned(), json!(failed))]);
        value.extend(results(step, branches));
        if !is_ok {
            value.insert("error".to_owned(), json!(message));
        }
        let outcome = match &step.kind {
            _ if is_ok => "ok",
            StepKind::Each { .. } => "some_failed",
            _ => "failed",
        };
        let labels = branches.labels.join(branches.item_labels);
        self.close_step(step, outcome, Some(Labelled { value: Value::Object(value), labels }));
        self.take_edge(step, outcome, message)
    }

    /// Tells the branches of a round that go on to take back what they did, the last one first: all at once, so that none begins
    /// anything while another one takes back.
    fn stop_round(&mut self, round: &Round, reason: &str) {
        let Some(branches) = self.round(round).filter(|branches| !branches.is_stopped) else { return };
        self.fact(Fact::BranchesStopped { round: round.clone() });
        for index in branches.live_ones() {
            self.tell_branch(round, index, Event::RunCancelled { reason: reason.to_owned() });
        }
    }

    /// Tells every branch that goes on that the run unwinds.
    pub(super) fn stop_branches(&mut self) {
        for (round, _) in self.rounds() {
            self.stop_round(&round, "its run unwinds");
            self.close_round(&round);
        }
    }

    /// Tells every branch that goes on that the run is paused.
    pub(super) fn hold_branches(&mut self) {
        for (round, branches) in self.rounds() {
            for index in branches.live_ones() {
                self.tell_branch(&round, index, Event::RunPaused { reason: "its run is paused".to_owned() });
            }
        }
    }

    /// Tells every branch that goes on that the pause is over, and begins those that it kept back.
    pub(super) fn release_branches(&mut self) {
        for (round, branches) in self.rounds() {
            for index in branches.live_ones() {
                let reason = "its run goes on".to_owned();
                self.tell_branch(&round, index, Event::RunResumed { reason });
            }
            self.go_on_with(&round);
        }
    }

    /// Returns whether no branch goes on; what has ended well and is taken back is not meant.
    pub(super) fn no_branch_goes_on(&self) -> bool {
        self.draft.run.branches.values().all(|branches| branches.live() == 0)
    }

    /// Goes on taking back a round, the last branch first and so many at once; tells whether nothing of it is left.
    pub(super) fn take_branches_back(&mut self, entry: &UndoEntry, number: u32) -> bool {
        let round = Round { step: entry.step.clone(), number };
        let branches = self.round(&round).filter(|branches| !branches.stands.is_empty());
        let has_begun = matches!(entry.state, UndoState::Running(_));
        let effect = entry.effect.clone();
        let Some(branches) = branches else {
            let state = if has_begun { UndoState::Done } else { UndoState::NotNeeded };
            self.fact(Fact::UndoMoved { effect, state });
            return true;
        };
        if !has_begun {
            self.fact(Fact::UndoMoved { effect: effect.clone(), state: UndoState::Running(effect) });
        }
        let room = branches.undo_width.saturating_sub(branches.returning());
        let mut from = branches.told.unwrap_or(branches.started);
        let mut told = Vec::new();
        while let Some(next) = branches.stands.last_before(from).filter(|_| told.len() < room as usize) {
            from = next;
            told.push(next);
        }
        if !told.is_empty() {
            self.fact(Fact::BranchesTold { round: round.clone(), from });
        }
        for index in told {
            self.tell_branch(
                &round,
                index,
                Event::RunRolledBack { reason: "its run unwinds".to_owned(), seen: None },
            );
        }
        false
    }
}

/// Returns a round that has not begun, of lanes or of items.
fn blank(count: u32, given: Given) -> Branches {
    Branches {
        count,
        width: 1,
        undo_width: 1,
        need: count,
        budget: None,
        is_race: false,
        started: 0,
        over: Bits::default(),
        ok: 0,
        stands: Bits::default(),
        told: None,
        is_stopped: false,
        is_let_go: false,
        doubts: Bits::default(),
        is_closed: false,
        trouble: None,
        labels: Labels::OPERATOR,
        item: String::new(),
        items: Default::default(),
        item_labels: Labels::OPERATOR,
        given: given.into(),
        results: Results::default(),
    }
}

/// Returns what branches yielded: a list by the items' places, or a table by the lanes' names.
fn results(step: &Step, branches: &Branches) -> Map<String, Value> {
    let yielded = branches.results.iter().cloned().map(|value| if value.is_null() { never() } else { value });
    let mut all = yielded.chain(std::iter::repeat_with(never));
    let (name, value) = match &step.kind {
        StepKind::Parallel { lanes, .. } => {
            let lane = |lane: &Lane| (lane.id.clone(), all.next().unwrap_or(Value::Null));
            ("lanes", lanes.iter().map(lane).collect())
        }
        _ => ("items", all.take(usize::try_from(branches.count).unwrap_or(usize::MAX)).collect()),
    };
    Map::from_iter([(name.to_owned(), value)])
}

/// Returns what stands in place of a branch that was not begun: it was known before that it would change nothing.
fn never() -> Value {
    branch_output("not_begun", Value::Null, Some("it was not begun".to_owned()))
}

fn end_of(ended: &BranchEnded) -> BranchEnd {
    let ok = ended.status == "done";
    let trouble = ended.reason.clone().filter(|_| !ok);
    let (stands, doubt) = (ok && ended.stands, ended.doubt);
    BranchEnd { ok, stands, doubt, trouble, output: ended.output.clone() }
}

fn name(parent: &str, round: &Round, index: u32) -> String {
    BranchId { parent: parent.to_owned(), round: round.clone(), index }.to_string()
}
