//! `run`, `runs`, `log`, `why`.

use serde_json::{Value, json};

use super::{
    Cx,
    api::read,
    show::{compact, json_of, maybe, object, short, when},
    watch,
};
use crate::{
    cli::{
        args::{RunArgs, RunsArgs},
        failure::{Exit, Outcome},
        out::{Cell, Out, Paint, Table, Words, words},
    },
    runtime::{
        Started,
        views::{LogView, RunLine, RunView, WhyView},
    },
};

/// Starts a run.
pub(crate) async fn run(cx: &Cx, args: &RunArgs) -> Outcome {
    let input = object(json_of(&args.input)?, "the input")?;
    let body = json!({ "playbook": args.playbook, "input": input, "key": args.key, "dry": args.dry });
    let answer = cx.client.post(&["runs"], &body).await?;
    let started: Started = read(answer.clone())?;
    if args.wait {
        return watch::until_ended(cx, &started.run).await;
    }
    if cx.out.json {
        return cx.out.value(&answer);
    }
    cx.out.data(words!("{}", started.run))?;
    if !started.created {
        cx.out.say("a run with this key is there already: this is it, nothing new was started");
    }
    cx.out.say(words!("next: adjutant watch {}", started.run));
    Ok(Exit::Done)
}

/// Lists runs, or shows one.
pub(crate) async fn runs(cx: &Cx, args: &RunsArgs) -> Outcome {
    match &args.id {
        Some(id) => one(cx, id).await,
        None => list(cx, args).await,
    }
}

async fn list(cx: &Cx, args: &RunsArgs) -> Outcome {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.status.clone().map(|status| ("status", status)));
    query.extend(args.playbook.clone().map(|playbook| ("playbook", playbook)));
    let answer = cx.client.get(&["runs"], &query).await?;
    if cx.out.json {
        return cx.out.value(&answer);
    }
    let runs: Vec<RunLine> = read(answer)?;
    if runs.is_empty() {
        cx.out.say("no runs; `adjutant run PLAYBOOK` starts one");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["run", "status", "step", "since", "started"]);
    for run in &runs {
        table.row([
            run.id.as_str().into(),
            cx.out.status(&run.status).into(),
            Cell::from(run.step.as_deref().unwrap_or("-")),
            when(run.since).into(),
            when(run.started).into(),
        ]);
    }
    cx.out.table(&table)
}

async fn one(cx: &Cx, id: &str) -> Outcome {
    let answer = cx.client.get(&["runs", id], &[]).await?;
    if cx.out.json {
        return cx.out.value(&answer);
    }
    let run: RunView = read(answer)?;
    cx.out.data(text_of(&cx.out, &run))?;
    let gate = run.gates.iter().find(|gate| gate.state == "open");
    match gate {
        Some(gate) => cx.out.say(words!("next: adjutant show {}", gate.id)),
        None if run.line.status == "failed" => cx.out.say(words!("next: adjutant why {}", run.line.id)),
        None => {}
    }
    Ok(Exit::Done)
}

/// Returns a run as text.
fn text_of(out: &Out, run: &RunView) -> Words {
    let line = &run.line;
    let mut text = words!("{}  {}\n", out.paint(Paint::Bold, &line.id), out.status(&line.status));
    let rows = [
        ("playbook", line.playbook.clone()),
        ("step", line.step.clone().unwrap_or_else(|| "-".to_owned())),
        ("since", when(line.since)),
        ("started", when(line.started)),
        ("ended", maybe(run.ended)),
        ("key", line.key.clone()),
        ("revision", short(&line.revision).to_owned()),
        ("entries", run.seq.to_string()),
    ];
    for (name, value) in rows {
        text += words!("  {:<9} {}\n", name, value);
    }
    for reason in &run.waiting {
        text += words!("  waits     {}\n", reason);
    }
    steps(out, run, &mut text);
    effects(out, run, &mut text);
    text
}

fn steps(out: &Out, run: &RunView, text: &mut Words) {
    let mut table = Table::new(&["step", "kind", "outcome", "ended", "value"]);
    for step in run.steps.iter().filter(|step| step.visits > 0) {
        table.row([
            step.id.as_str().into(),
            step.kind.as_str().into(),
            Cell::from(step.outcome.as_deref().unwrap_or("-")),
            maybe(step.ended).into(),
            step.value.as_ref().map_or_else(|| "-".into(), compact).into(),
        ]);
    }
    if !table.is_empty() {
        *text += words!("\n{}", table.render(out.window));
    }
}

fn effects(out: &Out, run: &RunView, text: &mut Words) {
    let mut table = Table::new(&["effect", "target", "phase", "attempt", "error"]);
    for effect in &run.effects {
        table.row([
            effect.id.to_string().into(),
            effect.target.as_str().into(),
            out.status(&effect.phase).into(),
            effect.attempt.to_string().into(),
            Cell::from(effect.error.as_deref().unwrap_or("-")),
        ]);
    }
    if !table.is_empty() {
        *text += words!("\n{}", table.render(out.window));
    }
}

/// Shows the entries of a run, or of any instance by `kind/name`.
pub(crate) async fn log(cx: &Cx, id: &str, from: u64) -> Outcome {
    let query = [("from", from.to_string())];
    let answer = match id.split_once('/') {
        Some((kind, name)) => cx.client.get(&["log", kind, name], &query).await?,
        None => cx.client.get(&["runs", id, "log"], &query).await?,
    };
    if cx.out.json {
        return cx.out.value(&answer);
    }
    let entries: Vec<LogView> = read(answer)?;
    entries.iter().try_for_each(|entry| cx.out.data(line(&cx.out, entry)).map(drop))?;
    Ok(Exit::Done)
}

/// Returns an entry as one line.
pub(super) fn line(out: &Out, entry: &LogView) -> Words {
    let event = entry.event["event"].as_str().or_else(|| entry.event.as_str()).unwrap_or("event");
    let about = ["step", "effect", "gate", "timer"].iter().find_map(|key| match &entry.event[*key] {
        Value::Null => None,
        found => Some(compact(found)),
    });
    let moment = out.paint(Paint::Dim, &entry.at.to_string());
    let about = about.map_or_else(Words::default, |about| words!("  {}", about));
    words!(
        "{:>4}  {}  {}{}  {}",
        entry.seq,
        moment,
        event,
        about,
        out.paint(Paint::Dim, &format!("by {}", entry.by))
    )
}

/// Explains what something waits for.
pub(crate) async fn why(cx: &Cx, id: &str) -> Outcome {
    let answer = cx.client.get(&["why", id], &[]).await?;
    if cx.out.json {
        return cx.out.value(&answer);
    }
    let why: WhyView = read(answer)?;
    cx.out.data(cx.out.paint(Paint::Bold, &why.subject))?;
    for (depth, cause) in why.chain.iter().enumerate() {
        let moment = cause.at.map_or_else(String::new, |at| format!("  ({})", when(at)));
        cx.out.data(words!("{}because {}: {}{}", "  ".repeat(depth + 1), cause.kind, cause.text, moment))?;
    }
    Ok(Exit::Done)
}
