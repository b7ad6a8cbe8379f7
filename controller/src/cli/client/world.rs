//! `connectors`, `records`: the edges of the company, and what it knows.

use adjutant_spec::advice::Advice;

use super::{
    Cx,
    api::read,
    show::{compact, when, word},
};
use crate::{
    cli::{
        args::{ConnectorAction, PageArgs},
        failure::{Exit, Failure, Outcome},
        out::{Cell, Paint, Table, Words, words},
    },
    desk::views::{ConnectorView, HookView, PlaybookView, ProbeView, RecordView},
};

/// Lists the connectors, or probes one.
pub(crate) async fn connectors(cx: &Cx, action: Option<&ConnectorAction>) -> Outcome {
    match action {
        None => list(cx).await,
        Some(ConnectorAction::Probe { name }) => probe(cx, name).await,
        Some(ConnectorAction::Drift) => Err(later("connectors drift", "`adjutant connectors probe NAME`")),
        Some(ConnectorAction::SafeMode) => {
            Err(later("connectors safe-mode", "`adjutant pause connector:NAME`"))
        }
    }
}

fn later(command: &str, help: &str) -> Failure {
    Failure::new(Exit::Usage, format!("`{command}` is not in this version")).hint(help)
}

async fn list(cx: &Cx) -> Outcome {
    let answer = cx.client.get(&["connectors"]).await?;
    let Some(lines) = cx.view::<Vec<ConnectorView>>(answer)? else { return Ok(Exit::Done) };
    let mut table = Table::new(&["connector", "kind", "mode", "secret", "does", "at"]);
    for line in &lines {
        let secret = line.has_secret.map_or("-", |has| if has { "set" } else { "missing" });
        let does: Vec<&str> = line.verbs.iter().map(|verb| verb.name.as_str()).collect();
        let does = if does.is_empty() { line.events.join(", ") } else { does.join(", ") };
        table.row([
            line.id.as_str().into(),
            line.kind.as_str().into(),
            word(&line.mode).into(),
            Cell::from(secret),
            does.into(),
            Cell::from(line.hook.as_deref().or(line.endpoint.as_deref()).unwrap_or("-")),
        ]);
    }
    cx.out.table(&table)?;
    for hook in lines.iter().filter_map(|line| line.told.as_ref()) {
        cx.out.data(told(cx, hook))?;
    }
    match lines.iter().find(|line| line.has_secret == Some(false)) {
        Some(line) => {
            let name = line.secret.as_deref().unwrap_or("NAME");
            cx.out.say(words!("next: {}", Advice::SecretsSet(name).to_string()));
        }
        None => cx.out.say("next: adjutant connectors probe NAME"),
    }
    Ok(Exit::Done)
}

/// What a hook was told, in one line.
fn told(cx: &Cx, hook: &HookView) -> Words {
    let mut text = words!("{}: {} taken, {} refused", hook.connector, hook.taken, hook.refused);
    if let (Some(reason), Some(at)) = (&hook.last_reason, hook.last_refused) {
        text += words!(", the last one {}: {}", when(at), reason);
    }
    if let Some(event) = &hook.last_undeclared {
        text += words!("; {} of events that are not declared, such as \"{}\"", hook.undeclared, event);
    }
    if hook.failing { cx.out.paint(Paint::Red, &text) } else { text }
}

async fn probe(cx: &Cx, name: &str) -> Outcome {
    let answer = cx.client.order(&["connectors", name, "probe"]).await?;
    let found: ProbeView = read(answer.clone())?;
    if cx.out.json {
        cx.out.value(&answer)?;
    } else {
        let word = if found.ok { "answers" } else { "does not answer" };
        cx.out.data(words!("{} {}: {} ({} ms)", name, word, found.message, found.millis))?;
    }
    Ok(if found.ok { Exit::Done } else { Exit::Again })
}

/// Lists the playbooks in force.
pub(crate) async fn playbooks(cx: &Cx) -> Outcome {
    let answer = cx.client.get(&["playbooks"]).await?;
    let Some(lines) = cx.view::<Vec<PlaybookView>>(answer)? else { return Ok(Exit::Done) };
    if lines.is_empty() {
        cx.out.say("no playbook is in force; `adjutant status` tells what stands in the way");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["playbook", "slice", "started by", "inputs", "title"]);
    for line in &lines {
        let inputs: Vec<String> = line.inputs.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
        table.row([
            line.id.as_str().into(),
            line.slice.as_str().into(),
            line.trigger.as_str().into(),
            Cell::from(if inputs.is_empty() { "-".to_owned() } else { inputs.join(", ") }),
            line.title.as_str().into(),
        ]);
    }
    cx.out.table(&table)?;
    cx.out.say(words!("next: adjutant run {}", lines[0].id));
    Ok(Exit::Done)
}

/// Lists kinds of records, or the records of one.
pub(crate) async fn records(cx: &Cx, kind: Option<&str>, page: &PageArgs) -> Outcome {
    let Some(kind) = kind else {
        if page.is_given() {
            return Err(Failure::new(
                Exit::Usage,
                "`--limit` and `--after` need a kind: which records shall be listed?",
            )
            .hint("`adjutant records` names the kinds"));
        }
        let answer = cx.client.get(&["records"]).await?;
        let Some(kinds) = cx.view::<Vec<String>>(answer)? else { return Ok(Exit::Done) };
        return cx.out.data(kinds.iter().map(|kind| words!("{}\n", kind)).sum::<Words>());
    };
    let listed = cx.client.page(&["records", kind], &page.wish()).await?;
    let Some(records) = cx.view::<Vec<RecordView>>(listed.items.clone())? else { return Ok(Exit::Done) };
    let mut table = Table::new(&["key", "version", "written", "by", "value"]);
    for record in &records {
        let by = record.run.as_deref().zip(record.step.as_deref());
        table.row([
            record.key.as_str().into(),
            record.version.to_string().into(),
            when(record.at).into(),
            by.map_or_else(|| "-".to_owned(), |(run, step)| format!("{run} {step}")).into(),
            Cell::from(compact(&record.value)),
        ]);
    }
    if table.is_empty() {
        cx.out.say(words!("no records of kind \"{}\"", kind));
        return Ok(Exit::Done);
    }
    cx.out.table(&table)?;
    listed.say_next(&cx.out, &format!("records {kind}"));
    Ok(Exit::Done)
}
