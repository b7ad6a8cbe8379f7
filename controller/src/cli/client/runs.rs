//! `run`, `runs`, `log`, `why`.

use serde_json::Value;

use super::{
    Cx,
    api::read,
    show::{self, compact, json_of, maybe, object, short, when},
    watch,
};
use crate::{
    cli::{
        args::{RunArgs, RunsArgs, SignalArgs},
        failure::{Exit, Failure, Outcome},
        out::{Cell, Out, Paint, Table, Words, words},
    },
    desk::{
        LogWish, PageWish, RunFilter, SendSignal, StartWish, Started,
        views::{LogView, RoundView, RunLine, RunView, ScopeView, WhyView},
    },
};

/// How much of a list is asked for at once where all of it is wanted.
const PAGE: usize = 1_000;

/// Starts a run.
pub(crate) async fn run(cx: &Cx, args: &RunArgs) -> Outcome {
    let wish = StartWish {
        playbook: args.playbook.clone(),
        input: object(json_of(&args.input)?, "the input")?,
        key: args.key.clone(),
        dry: args.dry,
    };
    let answer = cx.client.post(&["runs"], &wish).await?;
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

/// Sends a signal.
pub(crate) async fn signal(cx: &Cx, args: &SignalArgs) -> Outcome {
    let wish = SendSignal {
        signal: args.signal.clone(),
        to: args.to.clone(),
        key: args.key.clone(),
        data: object(json_of(&args.with)?, "what is sent")?,
        id: args.id.clone(),
    };
    show::done(cx, cx.client.post(&["signals"], &wish).await?)
}

/// Lists runs, or shows one.
pub(crate) async fn runs(cx: &Cx, args: &RunsArgs) -> Outcome {
    match &args.id {
        Some(id) => one(cx, id).await,
        None => list(cx, args).await,
    }
}

async fn list(cx: &Cx, args: &RunsArgs) -> Outcome {
    let PageWish { after, limit } = args.page.wish();
    let filter = RunFilter {
        status: args.status.clone(),
        playbook: args.playbook.clone(),
        about: args.about.clone(),
        text: args.search.clone(),
        after,
        limit,
    };
    let is_narrowed = filter != RunFilter { limit, ..RunFilter::default() };
    let answer = cx.client.find(&["runs"], &filter).await?;
    let Some(runs) = cx.view::<Vec<RunLine>>(answer)? else { return Ok(Exit::Done) };
    if runs.is_empty() {
        let none = if is_narrowed {
            "no such runs; `adjutant runs` lists all of them"
        } else {
            "no runs; `adjutant run PLAYBOOK` starts one"
        };
        cx.out.say(none);
        return Ok(Exit::Done);
    }
    cx.out.table(&table_of(&cx.out, &runs))?;
    if let Some(last) = runs.last().filter(|_| runs.len() == args.page.size()) {
        cx.out.say(words!("older ones: adjutant runs --after {}", last.id));
    }
    Ok(Exit::Done)
}

/// Returns the list; whom runs are about and how much they hold have columns where any run says so.
fn table_of(out: &Out, runs: &[RunLine]) -> Table {
    let has_about = runs.iter().any(|run| run.about.is_some());
    let has_amount = runs.iter().any(|run| run.amount.is_some());
    let mut head = vec!["run", "title"];
    head.extend(has_about.then_some("about"));
    head.extend(has_amount.then_some("amount"));
    head.extend(["status", "step", "since", "started"]);
    let mut table = Table::new(&head);
    for run in runs {
        let title = if run.title.is_empty() { "-" } else { &run.title };
        let mut cells: Vec<Cell> = vec![run.id.as_str().into(), title.into()];
        cells.extend(has_about.then(|| Cell::from(about(run))));
        cells.extend(has_amount.then(|| Cell::from(run.amount.as_deref().unwrap_or("-"))));
        cells.extend([
            marked(out, run).into(),
            Cell::from(run.step.as_deref().unwrap_or("-")),
            when(run.since).into(),
            when(run.started).into(),
        ]);
        table.row(cells);
    }
    table
}

/// Returns a run's status; one that does not simply act never looks like one that does.
fn marked(out: &Out, run: &RunLine) -> Words {
    let status = out.status(&run.status);
    match run.mark() {
        Some(mark) => words!("{} ({})", status, mark),
        None => status,
    }
}

/// Returns whom a run is about, as `--about` takes it.
fn about(run: &RunLine) -> String {
    run.about.as_ref().map_or_else(|| "-".to_owned(), |about| format!("{}/{}", about.kind, about.key))
}

async fn one(cx: &Cx, id: &str) -> Outcome {
    let Some(run) = cx.view::<RunView>(cx.client.get(&["runs", id]).await?)? else { return Ok(Exit::Done) };
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
    let mut text = words!("{}  {}\n", out.paint(Paint::Bold, &line.id), marked(out, line));
    let rows = [
        ("title", line.title.clone()),
        ("part", line.part.clone().unwrap_or_else(|| "-".to_owned())),
        ("about", about(line)),
        ("amount", line.amount.clone().unwrap_or_else(|| "-".to_owned())),
        ("playbook", line.playbook.clone()),
        ("step", line.step.clone().unwrap_or_else(|| "-".to_owned())),
        ("since", when(line.since)),
        ("started", when(line.started)),
        ("ended", maybe(run.ended)),
        ("key", line.key.clone()),
        ("revision", short(&line.revision).to_owned()),
        ("entries", run.seq.to_string()),
    ];
    // Only a branch is a part of something.
    for (name, value) in rows.into_iter().filter(|(name, _)| *name != "part" || line.part.is_some()) {
        text += words!("  {:<9} {}\n", name, value);
    }
    run.scopes.iter().for_each(|scope| self::scope(scope, &mut text));
    for reason in &run.waiting {
        text += words!("  waits     {}\n", reason);
    }
    steps(out, run, &mut text);
    run.rounds.iter().for_each(|round| branches(out, round, &mut text));
    effects(out, run, &mut text);
    text
}

/// Says which scope a run is in, and until when; or that the scope takes back what it did.
fn scope(scope: &ScopeView, text: &mut Words) {
    let ScopeView { step, ends, failing, .. } = scope;
    *text += match (failing, ends) {
        (Some(why), _) => words!("  scope     {}, takes back what it did: {}\n", step, why),
        (None, Some(ends)) => words!("  scope     {}, until {}\n", step, when(*ends)),
        (None, None) => words!("  scope     {}\n", step),
    };
}

/// Says how far the branches of a step are, and lists the first that are not over.
fn branches(out: &Out, round: &RoundView, text: &mut Words) {
    let RoundView { step, number, count, begun, ok, failed, open, unfinished } = round;
    let again = if *number > 1 { format!(", round {number}") } else { String::new() };
    *text += words!(
        "\n{}: {} of {} begun, {} ok, {} failed, {} open\n",
        format!("branches of \"{step}\"{again}"),
        begun.to_string(),
        count.to_string(),
        ok.to_string(),
        failed.to_string(),
        open.to_string()
    );
    let mut table = Table::new(&["branch", "about", "status", "step", "since"]);
    for branch in unfinished {
        table.row([
            branch.id.as_str().into(),
            Cell::from(branch.part.as_deref().unwrap_or("-")),
            marked(out, branch).into(),
            Cell::from(branch.step.as_deref().unwrap_or("-")),
            when(branch.since).into(),
        ]);
    }
    if !table.is_empty() {
        *text += table.render(out.window);
    }
    let more = usize::try_from(*open).unwrap_or(usize::MAX).saturating_sub(unfinished.len());
    if more > 0 && !unfinished.is_empty() {
        *text += words!("and {} more\n", more.to_string());
    }
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

/// Shows the entries of a run and of all its branches, each behind its name.
pub(crate) async fn log_tree(cx: &Cx, id: &str) -> Outcome {
    let mut wish = PageWish { after: None, limit: PAGE };
    let mut names = vec![id.to_owned()];
    loop {
        let page = cx.client.page(&["runs", id, "branches"], &wish).await?;
        let lines: Vec<RunLine> = read(page.items)?;
        names.extend(lines.into_iter().map(|line| line.id));
        match page.next {
            Some(next) => wish.after = Some(next),
            None => break,
        }
    }
    let mut all = Vec::new();
    for name in names {
        let entries = whole_log(cx, &name).await?;
        if cx.out.json {
            all.push(serde_json::json!({ "run": name, "entries": entries }));
            continue;
        }
        cx.out.data(cx.out.paint(Paint::Bold, &name))?;
        let entries: Vec<LogView> = read(entries.into())?;
        entries.iter().try_for_each(|entry| cx.out.data(show::entry(&cx.out, entry)).map(drop))?;
    }
    if cx.out.json {
        return cx.out.value(&all);
    }
    Ok(Exit::Done)
}

/// Reads all entries of a run, page by page.
async fn whole_log(cx: &Cx, id: &str) -> Result<Vec<Value>, Failure> {
    let mut entries: Vec<Value> = Vec::new();
    loop {
        let from = entries.last().and_then(|last| last["seq"].as_u64()).map_or(1, |seq| seq + 1);
        let wish = LogWish { from: Some(from), limit: Some(PAGE) };
        let page: Vec<Value> = read(cx.client.find(&["runs", id, "log"], &wish).await?)?;
        let is_last = page.len() < PAGE;
        entries.extend(page);
        if is_last {
            return Ok(entries);
        }
    }
}

/// Shows the entries of a run, or of any instance by `kind/name`.
pub(crate) async fn log(cx: &Cx, id: &str, from: u64) -> Outcome {
    let wish = LogWish { from: Some(from), limit: None };
    let answer = match id.split_once('/') {
        Some((kind, name)) => cx.client.find(&["log", kind, name], &wish).await?,
        None => cx.client.find(&["runs", id, "log"], &wish).await?,
    };
    let Some(entries) = cx.view::<Vec<LogView>>(answer)? else { return Ok(Exit::Done) };
    entries.iter().try_for_each(|entry| cx.out.data(show::entry(&cx.out, entry)).map(drop))?;
    Ok(Exit::Done)
}

/// Explains what something waits for.
pub(crate) async fn why(cx: &Cx, id: &str) -> Outcome {
    let Some(why) = cx.view::<WhyView>(cx.client.get(&["why", id]).await?)? else { return Ok(Exit::Done) };
    cx.out.data(cx.out.paint(Paint::Bold, &why.subject))?;
    for (depth, cause) in why.chain.iter().enumerate() {
        let moment = cause.at.map_or_else(String::new, |at| format!("  ({})", when(at)));
        cx.out.data(words!("{}because {}: {}{}", "  ".repeat(depth + 1), cause.kind, cause.text, moment))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(more: &Value) -> RunLine {
        let mut line = json!({
            "id": "put-aaaa", "playbook": "put", "key": "k", "status": "done", "step": null,
            "since": "2026-01-01T00:00:00Z", "revision": "r1", "bundle": "b1", "started": "2026-01-01T00:00:00Z",
            "title": "Put it there", "stage": "act", "dry": false
        });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(line).unwrap()
    }

    fn shown(runs: &[RunLine]) -> String {
        let out = Out { json: false, colour: false, window: None };
        table_of(&out, runs).render(None).render(false)
    }

    #[test]
    fn a_list_says_what_a_run_is_and_has_columns_for_what_any_of_them_knows() {
        let bare = shown(&[run(&json!({}))]);
        assert!(bare.starts_with("RUN       TITLE         STATUS  STEP"), "{bare}");
        assert!(bare.contains("Put it there"), "{bare}");
        let about = json!({ "about": { "kind": "customer", "key": "ada@example.com" } });
        let both = shown(&[run(&about), run(&json!({ "amount": "12.50 EUR" }))]);
        let line = |number: usize| both.lines().nth(number).unwrap_or_default();
        assert!(line(0).contains("ABOUT") && line(0).contains("AMOUNT"), "{both}");
        assert!(line(1).contains("customer/ada@example.com  -"), "{both}");
        assert!(line(2).contains("12.50 EUR") && !line(2).contains("ada"), "{both}");
    }

    #[test]
    fn a_damaged_run_has_a_line_without_a_title() {
        let text = shown(&[run(&json!({ "title": "", "status": "quarantined" }))]);
        assert!(text.contains("put-aaaa  -"), "{text}");
    }
}
