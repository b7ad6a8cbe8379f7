//! Starting runs: by hand, by a connector's event, by a schedule's slot, by a parent run. The same key is the same run. What a
//! value is trusted is the lower of what its input declares and of who gives it.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    call::{Call, Perform},
    eval,
    event::{Envelope, Event, Labelled, RunStarted},
    given::{self, Giver},
    id::{InstanceId, Stamp},
    journal::Table,
    trust::Speaker,
};
use adjutant_spec::{
    plan::{Overlap, Playbook, Renamed, Stage},
    value::Currency,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    Error,
    begin::begin_run,
    core::{Core, Live},
    identity::{Meant, NewRun, Started},
    mailbox::Job,
    places::{self, Placed},
    request::StartRun,
    rows,
};

/// Starts a run by hand.
pub(super) async fn manual(core: &Arc<Core>, wish: StartRun) -> Result<Started, Error> {
    let live = core.live();
    let playbook = known(&live, &wish.playbook)?;
    let speaker = wish.speaker;
    let giver = Giver { speaker, currency: currency(&live) };
    let input = given::given(playbook, wish.input.clone(), giver).map_err(invalid)?;
    let meant = wish.key.as_ref().map(|_| Meant::of(&wish.input, &input, wish.dry));
    let key = match wish.key {
        Some(key) if key.trim().is_empty() => return Err(Error::invalid("the key is empty")),
        Some(key) => key,
        None => unique_key(core),
    };
    let by = if wish.by.is_empty() { "operator".to_owned() } else { wish.by };
    let begin = Begin { key, input, meant, trigger: wish.trigger, dry: wish.dry, by, speaker, chain: 0 };
    let run = new_run(&live, playbook, begin)?;
    // A dry run does nothing that anybody could be in the way of.
    let queues = playbook.trigger.overlap() == Overlap::Queue && !run.started.dry;
    if !queues {
        return begin_run(core, run).await;
    }
    places::begin(core, run).await?.or_refused()
}

fn unique_key(core: &Core) -> String {
    let moment = core.unique("manual");
    let salt = blake3::hash(format!("{moment} {}", core.seed).as_bytes()).to_hex();
    format!("{moment}-{}", &salt[..8])
}

fn known<'a>(live: &'a Live, id: &str) -> Result<&'a Playbook, Error> {
    if live.plan.is_none() {
        return Err(Error::unavailable("no revision is in force yet"));
    }
    // `slice/id` is the full form of a name; ids are unique in a company.
    let found = match id.split_once('/') {
        Some((slice, id)) => live.playbook(id).filter(|playbook| playbook.slice == slice),
        None => live.playbook(id),
    };
    found.ok_or_else(|| Error::NotFound { what: "playbook", id: id.to_owned() })
}

/// What a run begins with, beside its playbook.
struct Begin {
    key: String,
    input: BTreeMap<String, Labelled>,
    meant: Option<Meant>,
    trigger: Value,
    dry: bool,
    by: String,
    speaker: Speaker,
    /// How many runs in a row led to it.
    chain: u32,
}

fn new_run(live: &Live, playbook: &Playbook, begin: Begin) -> Result<NewRun, Error> {
    let missing = || Error::Bug(format!("the plan in force has no bundle for playbook \"{}\"", playbook.id));
    let plan = live.plan.as_ref().ok_or_else(missing)?;
    let bundle = live.bundles.get(&playbook.id).cloned().ok_or_else(missing)?;
    let revision = live.applied.as_ref().map_or_else(String::new, |applied| applied.revision.clone());
    let about = plan.bundles.get(&playbook.id).and_then(|bundle| eval::about(bundle, &begin.input));
    let started = RunStarted {
        run: String::new(),
        about,
        playbook: playbook.id.clone(),
        oldest: Some(playbook.oldest()),
        bundle,
        key: begin.key,
        revision,
        stage: plan.slice_of(&playbook.oldest()).map_or(plan.company.stage, |slice| slice.stage),
        input: begin.input,
        trigger: begin.trigger,
        parent: None,
        dry: begin.dry,
        speaker: Some(begin.speaker),
        hearing: None,
        queue: None,
        chain: begin.chain,
        purses: Vec::new(),
    };
    Ok(NewRun { started, oldest: playbook.oldest(), by: begin.by, meant: begin.meant })
}

/// Starts the child run of an effect, on the bundle that the parent pins.
pub(super) async fn child(core: &Arc<Core>, perform: &Perform) -> Result<Started, Error> {
    let Call::StartRun { playbook, bundle: id, input } = &*perform.call else {
        return Err(Error::Bug("the effect starts no run".to_owned()));
    };
    let digest = id.clone();
    let bundle = core.read(move |core| Ok(core.bundle(&digest)?)).await?;
    let bundle = bundle.ok_or_else(|| Error::NotFound { what: "bundle", id: id.clone() })?;
    let live = core.live();
    let input = given::handed(&bundle.playbook, input, currency(&live)).map_err(invalid)?;
    let revision = live.applied.as_ref().map_or_else(String::new, |applied| applied.revision.clone());
    let oldest = bundle.playbook.oldest();
    let slice = live.plan.as_ref().and_then(|plan| plan.slice_of(&oldest));
    let started = RunStarted {
        run: String::new(),
        about: eval::about(&bundle, &input),
        playbook: playbook.clone(),
        oldest: Some(oldest.clone()),
        bundle: id.clone(),
        key: perform.effect.key(),
        revision,
        stage: slice.map_or(Stage::Act, |slice| slice.stage),
        input,
        trigger: json!({ "parent": perform.effect }),
        parent: Some(perform.effect.clone()),
        dry: perform.dry,
        speaker: None,
        hearing: None,
        // Its parent waits for it: it goes beside the queue, since one that stood behind its own parent would stand for ever.
        queue: None,
        chain: perform.chain,
        purses: Vec::new(),
    };
    let by = format!("run:{}", perform.effect.run);
    begin_run(core, NewRun { started, oldest, by, meant: None }).await
}

/// What fires a playbook.
pub(super) struct Fired<'a> {
    pub(super) overlap: Overlap,
    pub(super) event: &'a Value,
    pub(super) by: &'a str,
    /// Whether the same key with other inputs is a conflict: not where the key says all that is meant.
    pub(super) compares: bool,
    /// Who gave the event's values.
    pub(super) speaker: Speaker,
    /// How many runs in a row led to it, each begun by a record that the one before it wrote.
    pub(super) chain: u32,
    /// When the event came, where it could not begin then and is tried again: it takes nothing's place that began since.
    pub(super) late_since: Option<Stamp>,
    /// The version of the record that was written, where that is the event: two writes may come in the other order, and a run of a
    /// later one began since the record was written, or before that was known. So the versions tell, and not the moments.
    pub(super) written: Option<u64>,
}

/// What became of a playbook that was fired.
pub(super) enum Begun {
    /// It has a run: a new one, or the one that its key had before.
    Run(Started),
    /// Another run is live, and its `overlap` says that this one does not begin.
    Skipped(String),
    /// It cannot begin with this event, or not now: why, for people.
    Refused(String),
    /// As that, and it can once there is room in its queue.
    Full(String),
}

/// Starts a playbook for an event. What is wrong with the event or with this one playbook is no error: others may begin with it.
pub(super) async fn triggered(
    core: &Arc<Core>,
    live: &Live,
    playbook: &Playbook,
    fired: &Fired<'_>,
) -> Result<Begun, Error> {
    match try_begin(core, live, playbook, fired).await {
        Err(Error::Invalid { problems }) => Ok(Begun::Refused(problems.join("; "))),
        // Its key is another event's: it starts nothing, and nobody loses it without a word.
        Err(Error::Conflict { reason }) => Ok(Begun::Refused(reason)),
        Err(Error::Quarantined { reason, .. }) => {
            Ok(Begun::Refused(format!("its run is set aside: {reason}")))
        }
        other => other,
    }
}

async fn try_begin(
    core: &Arc<Core>,
    live: &Live,
    playbook: &Playbook,
    fired: &Fired<'_>,
) -> Result<Begun, Error> {
    let missing = || Error::Bug(format!("the plan in force has no bundle for playbook \"{}\"", playbook.id));
    let bundle = live.plan.as_ref().and_then(|plan| plan.bundles.get(&playbook.id)).ok_or_else(missing)?;
    let giver = Giver { speaker: fired.speaker, currency: currency(live) };
    let given::Fired { key, values, input } = given::fired(bundle, fired.event, giver).map_err(invalid)?;
    let meant = fired.compares.then(|| Meant::of(&values, &input, false));
    let trigger = json!({ "event": fired.event });
    let begin = Begin {
        key,
        input,
        meant,
        trigger: trigger["event"].clone(),
        dry: false,
        by: fired.by.to_owned(),
        speaker: fired.speaker,
        chain: fired.chain,
    };
    let run = new_run(live, playbook, begin)?;
    match fired.overlap {
        Overlap::Allow => return begin_run(core, run).await.map(Begun::Run),
        Overlap::Queue => {
            return Ok(match places::begin(core, run).await? {
                Placed::Begun(started) => Begun::Run(started),
                Placed::Full(reason) => Begun::Full(reason),
            });
        }
        Overlap::Skip | Overlap::Replace => {}
    }
    // One at a time: between the look and the start nothing else may begin.
    let _one_at_a_time = core.host.lock().await;
    let most = if fired.overlap == Overlap::Skip { 1 } else { usize::MAX };
    let others = others(core, &run, most).await?;
    if fired.overlap == Overlap::Skip && !others.is_empty() {
        return Ok(Begun::Skipped("another run of it is live, and its `overlap` is \"skip\"".to_owned()));
    }
    for other in &others {
        if let Some(reason) = is_newer(core, other, fired).await? {
            return Ok(Begun::Skipped(reason));
        }
    }
    // First those that are there: a process that dies in between is told of the event again, and starts this one then.
    for other in others {
        replace(core, &other, &run).await?;
    }
    begin_run(core, run).await.map(Begun::Run)
}

/// Says why a run is of something newer than what fires its playbook now: it is of a later version of the same record, or it began
/// after something came that could not begin then.
async fn is_newer(core: &Arc<Core>, run: &str, fired: &Fired<'_>) -> Result<Option<String>, Error> {
    let (id, came, version) = (run.to_owned(), fired.late_since, fired.written);
    if came.is_none() && version.is_none() {
        return Ok(None);
    }
    let other = core.read(move |core| super::reads::load(core, &id)).await?;
    let of = |name: &str| other.trigger[name] == fired.event[name];
    let later = other.trigger["version"].as_u64().filter(|_| of("record") && of("key"));
    if let Some(later) = later.zip(version).and_then(|(later, version)| (later > version).then_some(later)) {
        return Ok(Some(format!("run \"{run}\" is of version {later} of this record, which is newer")));
    }
    let is_late = came.is_some_and(|came| other.started_at > came);
    let reason =
        || format!("run \"{run}\" is of something newer: this came before it, and is only now tried again");
    Ok(is_late.then(reason))
}

/// Cancels a run in whose place another begins; one that has ended meanwhile needs nothing.
async fn replace(core: &Arc<Core>, other: &str, by: &NewRun) -> Result<(), Error> {
    let reason = format!("a newer run of playbook \"{}\" takes its place", by.started.playbook);
    let (sender, receiver) = oneshot::channel();
    let event = Event::RunCancelled { reason };
    let id = core.unique("replaced");
    let envelope = Box::new(Envelope { at: core.clock.now(), id, by: by.by.clone(), event });
    core.send(InstanceId::run(other), Job::Event { envelope, consume: None, reply: Some(sender) });
    receiver.await.map_err(|_| Error::unavailable("the runtime is closing"))?.map(drop)
}

/// Returns the other live runs of the playbook, at most so many; the run of the same key is not another one.
async fn others(core: &Arc<Core>, run: &NewRun, most: usize) -> Result<Vec<String>, Error> {
    let prefix = rows::index::live_of(&run.oldest);
    let known = rows::dedupe::run(&run.oldest, &run.started.key);
    core.read(move |core| {
        if core.journal.row(Table::Dedupe, &known)?.is_some() {
            return Ok(Vec::new());
        }
        // A run that is set aside does nothing any more: it does not hold its playbook up.
        super::reads::live(core, &prefix).take(most).collect()
    })
    .await
}

/// The currency of amounts that name none.
fn currency(live: &Live) -> Option<Currency> {
    live.plan.as_ref().map(|plan| plan.company.currency)
}

/// Says what is wrong with what a run is given.
fn invalid(problems: Vec<String>) -> Error {
    Error::Invalid { problems }
}
