//! What must never happen, whatever goes wrong.

use std::collections::BTreeMap;

use adjutant_machine::{
    branch::is_branch,
    run::{Purpose, Run, UndoEntry, UndoState},
};
use adjutant_spec::plan::{Bundle, Effect, Idempotency, StepId};

use crate::{
    oracle,
    scenario::{
        finding::{Stop, Why},
        player::Player,
        words::told,
    },
    world::Act,
};

/// Which sort of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// The same call, with the same arguments, happened more often than without a fault.
    EffectTwice,
    /// The run ended badly, and what it did and could take back still stands.
    MissingUndo,
    /// A run goes on that nothing will end.
    Orphan,
    /// What the scenario answers cannot be answered there: the play stopped, and nobody knows how it would have ended.
    Unanswered,
    /// A promise of ours does not hold.
    OurBug,
}

impl Sort {
    /// Returns the word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::EffectTwice => "effect twice",
            Self::MissingUndo => "missing undo",
            Self::Orphan => "orphan",
            Self::Unanswered => "no fitting answer",
            Self::OurBug => "our own mistake",
        }
    }
}

/// Something that must never happen, and did.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    /// What sort of trouble it is.
    pub sort: Sort,
    /// The step that it is about, where it is about one.
    pub step: Option<StepId>,
    /// What happened, for people.
    pub message: String,
    /// What went wrong before.
    pub faults: Vec<String>,
    /// What happened, a line for each visit of a step.
    pub history: Vec<String>,
}

/// A call that counts as the same, whatever its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Payload {
    verb: String,
    args: String,
}

impl Payload {
    fn of(act: &Act) -> Self {
        Self { verb: act.verb.clone(), args: act.args.to_string() }
    }
}

/// How often each call happens.
pub(super) type Counts = BTreeMap<Payload, usize>;

/// Counts the calls that change the world. What is sent again under a key that the other side knows happens once, and so does what
/// may be repeated as it is, such as writing a file.
pub(super) fn counts(acts: &[Act]) -> Counts {
    let mut keys: BTreeMap<Payload, Vec<String>> = BTreeMap::new();
    for (place, act) in acts.iter().filter(|act| act.class != Effect::Read).enumerate() {
        let payload = Payload::of(act);
        let is_known = matches!(act.idempotency, Idempotency::NativeKey | Idempotency::Pure);
        let key = if is_known { act.key.clone() } else { format!("{}#{place}", act.key) };
        let known = keys.entry(payload).or_default();
        if !known.contains(&key) {
            known.push(key);
        }
    }
    keys.into_iter().map(|(payload, keys)| (payload, keys.len())).collect()
}

/// Returns everything that must not have happened.
pub(super) fn troubles(player: &Player<'_>, usual: &Counts) -> Vec<Trouble> {
    let mut found = twice(player, usual);
    found.extend(missing(player));
    if let Err(broken) = player.host.check_folds() {
        found.push(trouble(player, Sort::OurBug, None, broken.to_string()));
    }
    if found.is_empty() {
        let broken = oracle::judge_acts(&player.host, &player.world.acts);
        found.extend(broken.into_iter().map(|law| trouble(player, Sort::OurBug, None, law)));
    }
    found
}

fn trouble(player: &Player<'_>, sort: Sort, step: Option<StepId>, message: String) -> Trouble {
    let (faults, history) = (player.faults.told.clone(), player.course.lines());
    Trouble { sort, step, message, faults, history }
}

/// Returns the trouble of a play that stopped before its end.
pub(super) fn stopped(player: &Player<'_>, stop: &Stop) -> Trouble {
    let sort = match stop.why {
        Why::Scenario => Sort::Unanswered,
        Why::Endless => Sort::Orphan,
        Why::OurBug => Sort::OurBug,
    };
    trouble(player, sort, None, stop.finding.message.clone())
}

fn twice(player: &Player<'_>, usual: &Counts) -> Vec<Trouble> {
    let standing = player.world.acts.iter().filter(|act| !is_over(player, act)).cloned();
    let acts: Vec<Act> = standing.collect();
    let counted = counts(&acts);
    let more = counted.iter().filter(|(payload, times)| **times > usual.get(payload).copied().unwrap_or(1));
    let told = more.map(|(payload, times)| {
        let act = acts.iter().find(|act| Payload::of(act) == *payload);
        let step = act.and_then(|act| step_of(player, act));
        let args = act.map_or_else(String::new, |act| format!(", with {}", told(&act.args)));
        let message = format!("\"{}\" happened {times} times{args}", payload.verb);
        trouble(player, Sort::EffectTwice, step, message)
    });
    told.collect()
}

/// Returns whether an act was taken back while its run went on, or took back another one: what a scope did and undid may be done once
/// more. An undo that was sent twice under one key is told by the oracle.
fn is_over(player: &Player<'_>, act: &Act) -> bool {
    let Some(run) = player.host.run(&act.effect.run) else { return false };
    let of = match run.effects.get(&act.effect).map(|state| &state.purpose) {
        Some(Purpose::Undo(of)) => of,
        _ => &act.effect,
    };
    // A branch is taken back as a whole, and its run goes on.
    let is_branch_undone = is_branch(&run.id) && run.is_ended() && run.status() != "done";
    let is_undone = |entry: &UndoEntry| {
        entry.effect == *of && entry.state == UndoState::Done && (entry.by_scope || is_branch_undone)
    };
    run.undo.iter().any(|entry| is_undone(entry))
}

fn step_of(player: &Player<'_>, act: &Act) -> Option<StepId> {
    let run = player.host.run(&act.effect.run)?;
    run.effects.get(&act.effect).map(|state| state.step.clone())
}

fn missing(player: &Player<'_>) -> Vec<Trouble> {
    let mut found = Vec::new();
    for act in player.world.acts.iter().filter(|act| act.class != Effect::Read && !act.is_undo) {
        let Some(run) = player.host.run(&act.effect.run) else { continue };
        let ended_badly = run.is_ended() && matches!(run.status(), "failed" | "cancelled");
        let definition = player.host.definitions.get(&run.bundle);
        let (Some(step), Some(definition)) = (step_of(player, act), definition) else { continue };
        if ended_badly && is_reversible(definition.bundle(), &step, act) && !is_taken_back(run, act) {
            let message = format!(
                "\"{}\" of step \"{step}\" still stands, and the run ended as {}",
                act.verb,
                run.status()
            );
            found.push(trouble(player, Sort::MissingUndo, Some(step), message));
        }
    }
    found.dedup_by(|one, other| one.step == other.step);
    found
}

fn is_reversible(bundle: &Bundle, step: &str, act: &Act) -> bool {
    let declared = bundle.playbook.step(step).is_some_and(|step| step.undo.is_some());
    declared || bundle.verbs.get(&act.verb).is_some_and(|verb| verb.undo.is_some())
}

fn is_taken_back(run: &Run, act: &Act) -> bool {
    run.undo.iter().any(|entry| entry.effect == act.effect && entry.state == UndoState::Done)
}
