//! Playing a run again: nothing of it touches the world, and nothing is kept. And writing it down as a scenario.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::Definition;
use adjutant_sim::recording::{Compared, Name, Recorded, RecordedRun, Recording, Replay, redecided_by};
use adjutant_spec::{
    plan::{Plan, Renamed},
    scenario::{self, Scenario},
    value::Path,
};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    Error, Handle,
    core::Core,
    handle::whole,
    view,
    views::{DecidedView, ReplayView, ScenarioView, StoppedView},
};

type Answered<T> = Result<T, Error>;

/// One is played at a time: each holds its whole tree in memory and works as long as it takes, and every list is read by the same
/// threads.
static SEAT: Semaphore = Semaphore::const_new(1);

/// How a run is played again.
#[derive(Debug, Clone, Default)]
pub struct PlayAgain {
    /// Other values, by path: `input.…`, or `steps.…` for what a step was answered.
    pub changes: BTreeMap<Path, Value>,
    /// The company whose playbook it is played by; what the run pins when absent.
    pub by: Option<Another>,
    /// Whether what was never answered is answered with a value of the right form.
    pub assumes: bool,
}

/// A company as it is at a revision.
#[derive(Debug, Clone)]
pub struct Another {
    /// The revision, as it is shown.
    pub revision: String,
    /// What the company amounts to there.
    pub plan: Arc<Plan>,
}

impl Handle {
    /// Returns a run as the scenario that plays it again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Quarantined`], and [`Error::Invalid`] for a branch and for a run that is too long.
    pub async fn scenario(&self, run: &str) -> Answered<ScenarioView> {
        let run = whole(run, "be written down")?.name;
        let _seat = SEAT.acquire().await.map_err(|_| Error::unavailable("the runtime is closing"))?;
        self.core.read(move |core| written(core, &run)).await
    }

    /// Plays a run again and says how that differs from the run.
    ///
    /// # Errors
    /// As [`Handle::scenario`], and [`Error::Invalid`] for a change that leads nowhere.
    pub async fn replay(&self, run: &str, wish: PlayAgain) -> Answered<ReplayView> {
        let run = whole(run, "be played again")?.name;
        let _seat = SEAT.acquire().await.map_err(|_| Error::unavailable("the runtime is closing"))?;
        self.core.read(move |core| replayed(core, &run, wish)).await
    }
}

fn plan_in_force(core: &Core) -> Answered<Arc<Plan>> {
    core.live().plan.clone().ok_or_else(|| Error::unavailable("no revision is in force yet"))
}

fn written(core: &Core, run: &str) -> Answered<ScenarioView> {
    let plan = plan_in_force(core)?;
    let recorded = view::recorded(core, run)?;
    let playbook = &recorded.root.definition.bundle().playbook;
    let title = playbook.title.clone();
    // The file stands where its playbook stands now: there its names lead where they should.
    let now = plan.playbook_of(&playbook.oldest()).map_or(playbook, |now| now);
    let folder = match now.slice.as_str() {
        "company" => "tests".to_owned(),
        slice => format!("slices/{slice}/tests"),
    };
    let file = format!("{folder}/{}.toml", stem(run));
    let Recording { mut scenario, unplayed, unsaid } = recorded.scenario(Name { file: file.clone(), title });
    named_as_now(&plan, &mut scenario);
    let mut unsaid: Vec<String> = unplayed.into_iter().chain(unsaid).collect();
    let comments = comments(run, &scenario, &unsaid);
    let written = scenario::write(&plan, &scenario, &comments);
    unsaid.extend(written.left_out.into_iter().map(|what| format!("{what}, which the file cannot say")));
    Ok(ScenarioView { run: run.to_owned(), playbook: scenario.playbook, file, text: written.text, unsaid })
}

/// Lets a scenario name playbooks as they are called now.
fn named_as_now(plan: &Plan, scenario: &mut Scenario) {
    let rename = |id: &mut String| {
        if let Some(now) = plan.playbook_of(&plan.oldest_playbook(id)) {
            id.clone_from(&now.id);
        }
    };
    rename(&mut scenario.playbook);
    scenario.answers.iter_mut().for_each(|answer| rename(&mut answer.playbook));
    scenario.expect.iter_mut().for_each(|wanted| rename(&mut wanted.playbook));
}

/// Returns a name for a file: ids are lower case letters, digits and `-`.
fn stem(run: &str) -> String {
    run.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .collect()
}

fn comments(run: &str, scenario: &Scenario, unsaid: &[String]) -> Vec<String> {
    let mut lines = vec![
        format!("What run {run} was asked and answered."),
        "It holds what people wrote: change what does not belong into a repository before you commit it."
            .to_owned(),
    ];
    if scenario.end.is_none() && scenario.until.is_some() {
        lines.push("The run was not over: the play stops where it stood.".to_owned());
    }
    lines.extend(unsaid.iter().map(|what| format!("Not in here: {what}.")));
    lines
}

fn replayed(core: &Core, run: &str, wish: PlayAgain) -> Answered<ReplayView> {
    let in_force = plan_in_force(core)?;
    let recorded = view::recorded(core, run)?;
    let PlayAgain { changes, by, assumes } = wish;
    let bundle = by.as_ref().map(|another| definition_of(another, &recorded)).transpose()?;
    let plan = by.as_ref().map_or(&in_force, |another| &another.plan);
    let decided = changes.is_empty().then(|| decided(core, &recorded, bundle.as_deref())).flatten();
    let others = others(core, &recorded, by.as_ref())?;
    let replay = Replay { plan, bundle, others, changes: &changes, assumes };
    let played = recorded.replay(&replay).map_err(|problem| Error::invalid(problem.to_string()))?;
    let stopped = played.stopped.as_ref().map(|found| StoppedView {
        reason: found.message.clone(),
        help: match assumes {
            false => "`--assume` goes on with a value of the right form, and people agree".to_owned(),
            true => found.help.clone(),
        },
    });
    let mut view = ReplayView {
        run: run.to_owned(),
        to: by.map(|another| another.revision),
        same: false,
        decided,
        stopped,
        assumed: played.assumed.clone(),
        unplayed: played.unplayed.clone(),
        reused: Vec::new(),
        steps: Vec::new(),
        records: Vec::new(),
        ended_was: None,
        ended: None,
    };
    view.compare(Compared::of(&recorded, &played));
    Ok(view)
}

/// Returns what another revision has in place of what the run pins.
fn definition_of(another: &Another, recorded: &Recorded) -> Answered<Arc<Definition>> {
    let oldest = recorded.root.definition.bundle().playbook.oldest();
    let playbook = another.plan.playbook_of(&oldest);
    let bundle = playbook.and_then(|playbook| another.plan.bundles.get(&playbook.id));
    let bundle = bundle.ok_or_else(|| {
        Error::invalid(format!(
            "revision {} has no playbook \"{}\"",
            another.revision, recorded.root.run.playbook
        ))
    })?;
    Ok(Arc::new(Definition::new(Arc::clone(bundle))))
}

/// Returns what those are decided by that the run may start and has not: each pins its children, and these theirs.
fn others(core: &Core, recorded: &Recorded, by: Option<&Another>) -> Answered<Vec<Arc<Definition>>> {
    if let Some(another) = by {
        let all = another.plan.bundles.values();
        return Ok(all.map(|bundle| Arc::new(Definition::new(Arc::clone(bundle)))).collect());
    }
    let mut found: BTreeMap<String, Arc<Definition>> = BTreeMap::new();
    let mut open: Vec<String> = recorded.root.definition.bundle().children.values().cloned().collect();
    while let Some(id) = open.pop() {
        if found.contains_key(&id) {
            continue;
        }
        if let Some(definition) = core.definition(&id)? {
            open.extend(definition.bundle().children.values().cloned());
            found.insert(id, definition);
        }
    }
    Ok(found.into_values().collect())
}

/// Decides every event again: of the run and its branches by what they are played by, of its child runs by what they pin.
fn decided(core: &Core, recorded: &Recorded, by: Option<&Definition>) -> Option<DecidedView> {
    let root = &recorded.root.run.id;
    let own = |run: &RecordedRun| adjutant_machine::branch::root_of(&run.run.id) == root;
    let all = std::iter::once(&recorded.root).chain(&recorded.below);
    all.fold(None, |so_far, run| {
        let by = by.filter(|_| own(run)).unwrap_or(&run.definition);
        Some(DecidedView::add(so_far, &redecided_by(run, by, core.seed)))
    })
}
