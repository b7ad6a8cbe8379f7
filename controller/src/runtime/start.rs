//! Starting runs: by hand, by a connector's event, by a schedule's slot, by a parent run. The same key is the same run. What a
//! value is trusted is the lower of what its input declares and of who gives it.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    command::{Call, Perform},
    eval::Scope,
    event::{Labelled, RunStarted},
    journal::{Scan, Table},
    trust::Speaker,
};
use adjutant_spec::{
    plan::{Input, Overlap, Playbook, Stage, ValueType},
    value::{Currency, Labels, Money, Template},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    Error,
    core::{Core, Job, Live},
    identity::NewRun,
    request::{StartRun, Started},
    rows,
};

/// Starts a run by hand.
pub(super) async fn manual(core: &Arc<Core>, wish: StartRun) -> Result<Started, Error> {
    let live = core.live();
    let playbook = known(&live, &wish.playbook)?;
    let input = given(playbook, wish.input, (wish.speaker, currency(&live)))?;
    let key = match wish.key {
        Some(key) if key.trim().is_empty() => return Err(Error::invalid("the key is empty")),
        Some(key) => key,
        None => unique_key(core),
    };
    let by = if wish.by.is_empty() { "operator".to_owned() } else { wish.by };
    let speaker = wish.speaker;
    let begin = Begin { key, input, trigger: wish.trigger, dry: wish.dry, by, speaker };
    begin_run(core, new_run(&live, playbook, begin)?).await
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
    live.playbook(id).ok_or_else(|| Error::NotFound { what: "playbook", id: id.to_owned() })
}

/// What a run begins with, beside its playbook.
struct Begin {
    key: String,
    input: BTreeMap<String, Labelled>,
    trigger: Value,
    dry: bool,
    by: String,
    speaker: Speaker,
}

fn new_run(live: &Live, playbook: &Playbook, begin: Begin) -> Result<NewRun, Error> {
    let missing = || Error::Bug(format!("the plan in force has no bundle for playbook \"{}\"", playbook.id));
    let plan = live.plan.as_ref().ok_or_else(missing)?;
    let bundle = live.bundles.get(&playbook.id).cloned().ok_or_else(missing)?;
    let revision = live.applied.as_ref().map_or_else(String::new, |applied| applied.revision.clone());
    let started = RunStarted {
        run: String::new(),
        playbook: playbook.id.clone(),
        bundle,
        key: begin.key,
        revision,
        stage: plan.slice_of_playbook(&playbook.id).map_or(plan.company.stage, |slice| slice.stage),
        input: begin.input,
        trigger: begin.trigger,
        parent: None,
        dry: begin.dry,
        speaker: Some(begin.speaker),
    };
    Ok(NewRun { started, oldest: playbook.oldest_id().to_owned(), by: begin.by })
}

/// Sends the wish to the run's shard and waits until it is durable.
pub(super) async fn begin_run(core: &Arc<Core>, run: NewRun) -> Result<Started, Error> {
    core.check_open()?;
    let (sender, receiver) = oneshot::channel();
    core.send(run.instance(), Job::Start { wish: Arc::new(run), reply: Some(sender) });
    receiver.await.map_err(|_| Error::unavailable("the runtime is closing"))?
}

/// Starts the child run of an effect, on the bundle that the parent pins.
pub(super) async fn child(core: &Arc<Core>, perform: &Perform) -> Result<Started, Error> {
    let Call::StartRun { playbook, bundle: id, input } = &perform.call else {
        return Err(Error::Bug("the effect starts no run".to_owned()));
    };
    let digest = id.clone();
    let bundle = core.read(move |core| Ok(core.bundle(&digest)?)).await?;
    let bundle = bundle.ok_or_else(|| Error::NotFound { what: "bundle", id: id.clone() })?;
    let live = core.live();
    let revision = live.applied.as_ref().map_or_else(String::new, |applied| applied.revision.clone());
    let slice = live.plan.as_ref().and_then(|plan| plan.slice_of_playbook(playbook));
    let started = RunStarted {
        run: String::new(),
        playbook: playbook.clone(),
        bundle: id.clone(),
        key: perform.effect.key(),
        revision,
        stage: slice.map_or(Stage::Act, |slice| slice.stage),
        input: declared(&bundle.playbook, input),
        trigger: json!({ "parent": perform.effect }),
        parent: Some(perform.effect.clone()),
        dry: perform.dry,
        speaker: None,
    };
    let by = format!("run:{}", perform.effect.run);
    let oldest = bundle.playbook.oldest_id().to_owned();
    begin_run(core, NewRun { started, oldest, by }).await
}

/// Returns what a parent hands on with its own labels, at most as trusted and at least as private as the child declares.
fn declared(playbook: &Playbook, input: &BTreeMap<String, Labelled>) -> BTreeMap<String, Labelled> {
    let capped = |(name, given): (&String, &Labelled)| {
        let declared = playbook.inputs.get(name);
        let ceiling = declared.map(|input| Labels { trust: input.trust, privacy: input.privacy });
        let labels = ceiling.map_or(given.labels, |ceiling| given.labels.join(ceiling));
        (name.clone(), Labelled { value: given.value.clone(), labels })
    };
    input.iter().map(capped).collect()
}

/// What fires a playbook.
pub(super) struct Fired<'a> {
    pub(super) key: &'a Template,
    pub(super) overlap: Overlap,
    pub(super) event: &'a Value,
    pub(super) by: &'a str,
    /// Who gave the event's values.
    pub(super) speaker: Speaker,
}

/// Starts a playbook for an event; `None` where another run is live and must not be overlapped.
pub(super) async fn triggered(
    core: &Arc<Core>,
    live: &Live,
    playbook: &Playbook,
    fired: &Fired<'_>,
) -> Result<Option<Started>, Error> {
    let missing = || Error::Bug(format!("the plan in force has no bundle for playbook \"{}\"", playbook.id));
    let bundle = live.plan.as_ref().and_then(|plan| plan.bundles.get(&playbook.id)).ok_or_else(missing)?;
    let scope = Scope::of_event(bundle, fired.event);
    let key = scope.text(fired.key).map_err(|error| Error::invalid(error.to_string()))?;
    if key.trim().is_empty() {
        return Err(Error::invalid(format!("the key of playbook \"{}\" is empty", playbook.id)));
    }
    let mut values = BTreeMap::new();
    for (name, input) in &playbook.inputs {
        let Some(from) = &input.from else { continue };
        let value =
            scope.render(from).map_err(|error| Error::invalid(format!("input \"{name}\": {error}")))?;
        values.insert(name.clone(), value);
    }
    let input = given(playbook, values, (fired.speaker, currency(live)))?;
    let trigger = json!({ "event": fired.event });
    let begin = Begin {
        key,
        input,
        trigger: trigger["event"].clone(),
        dry: false,
        by: fired.by.to_owned(),
        speaker: fired.speaker,
    };
    let run = new_run(live, playbook, begin)?;
    if fired.overlap == Overlap::Allow {
        return begin_run(core, run).await.map(Some);
    }
    // One at a time: between the look and the start nothing else may begin.
    let _one_at_a_time = core.host.lock().await;
    if is_live(core, &run).await? { Ok(None) } else { begin_run(core, run).await.map(Some) }
}

/// Returns whether another run of the playbook is live; the run of the same key is not another one.
async fn is_live(core: &Arc<Core>, run: &NewRun) -> Result<bool, Error> {
    let prefix = rows::index::live_of(&run.started.playbook);
    let known = rows::dedupe::run(&run.oldest, &run.started.key);
    core.read(move |core| {
        if core.journal.row(Table::Dedupe, &known)?.is_some() {
            return Ok(false);
        }
        let scan = Scan { prefix, limit: 1, ..Scan::default() };
        Ok(!core.journal.scan(Table::Index, &scan)?.is_empty())
    })
    .await
}

/// The currency of amounts that name none.
fn currency(live: &Live) -> Option<Currency> {
    live.plan.as_ref().map(|plan| plan.company.currency)
}

/// Returns the inputs with their labels: all mistakes at once.
fn given(
    playbook: &Playbook,
    mut values: BTreeMap<String, Value>,
    (speaker, currency): (Speaker, Option<Currency>),
) -> Result<BTreeMap<String, Labelled>, Error> {
    let (mut input, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, wanted) in &playbook.inputs {
        let declared = Labels { trust: wanted.trust, privacy: wanted.privacy };
        // A default is the committed playbook's own word: it is trusted as declared, whoever starts the run.
        let said = values.remove(name).map(|value| (value, speaker.cap(declared)));
        let given = said.or_else(|| wanted.default.clone().map(|value| (value, declared)));
        match given.map(|(value, labels)| (typed(wanted, value, currency), labels)) {
            Some((Ok(value), labels)) => {
                input.insert(name.clone(), Labelled { value, labels });
            }
            Some((Err(problem), _)) => problems.push(format!("input \"{name}\" {problem}")),
            None => {
                problems.push(format!("input \"{name}\" is missing: playbook \"{}\" needs it", playbook.id));
            }
        }
    }
    problems
        .extend(values.keys().map(|name| format!("playbook \"{}\" has no input \"{name}\"", playbook.id)));
    if problems.is_empty() { Ok(input) } else { Err(Error::Invalid { problems }) }
}

/// Returns the value where it has the type; money gets the currency that it does not name.
fn typed(input: &Input, value: Value, currency: Option<Currency>) -> Result<Value, String> {
    if let (ValueType::Money, Value::String(text)) = (input.type_, &value) {
        let money = Money::parse(text, currency);
        return money
            .map(|money| Value::String(money.to_string()))
            .map_err(|error| format!("must be money, such as \"20.00 EUR\": {error}"));
    }
    let fits = match input.type_ {
        ValueType::String => value.is_string(),
        ValueType::Number => value.is_number(),
        ValueType::Integer => value.is_i64() || value.is_u64(),
        ValueType::Boolean => value.is_boolean(),
        ValueType::List => value.is_array(),
        ValueType::Table => value.is_object(),
        ValueType::Money => false,
    };
    if fits {
        return Ok(value);
    }
    let wanted = match input.type_ {
        ValueType::String => "a text",
        ValueType::Number => "a number",
        ValueType::Integer => "a whole number",
        ValueType::Boolean => "true or false",
        ValueType::List => "a list",
        ValueType::Table => "a table",
        ValueType::Money => "money, such as \"20.00 EUR\"",
    };
    let found = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    };
    Err(format!("must be {wanted}, it is {found}"))
}
