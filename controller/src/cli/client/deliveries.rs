//! `deliveries`: what came in and starts nothing yet, and the ways out.

use adjutant_spec::{advice::Advice, shown};
use serde_json::json;

use super::{
    Cx,
    api::read,
    show::{done, when},
};
use crate::{
    cli::{
        args::{DeliveriesArgs, DeliveryAction},
        failure::{Exit, Outcome},
        out::{Paint, Table, Words, words},
    },
    runtime::views::{DeliveryLine, DeliveryView},
};

/// The most characters of a reason in the list.
const REASON: usize = 100;

/// Lists open deliveries, shows one, starts one or drops one.
pub(crate) async fn deliveries(cx: &Cx, asked: &DeliveriesArgs) -> Outcome {
    match (&asked.action, &asked.id) {
        (Some(DeliveryAction::Start { id }), _) => {
            done(&cx.out, &cx.client.post(&["deliveries", id, "start"], &json!({})).await?)
        }
        (Some(DeliveryAction::Drop { id, reason }), _) => {
            done(&cx.out, &cx.client.post(&["deliveries", id, "drop"], &json!({ "reason": reason })).await?)
        }
        (None, Some(id)) => show(cx, id).await,
        (None, None) => list(cx, asked).await,
    }
}

async fn list(cx: &Cx, asked: &DeliveriesArgs) -> Outcome {
    let mut query = asked.page.query();
    query.push(("all", asked.all.to_string()));
    query.extend(asked.connector.clone().map(|connector| ("connector", connector)));
    let listed = cx.client.page(&["deliveries"], &query).await?;
    if cx.out.json {
        return cx.out.value(&listed.items);
    }
    let lines: Vec<DeliveryLine> = read(listed.items.clone())?;
    if lines.is_empty() {
        cx.out.say("nothing waits: every delivery has its run, or was dropped");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["delivery", "event", "came", "state", "why"]);
    for line in &lines {
        table.row([
            line.id.as_str().into(),
            format!("{}.{}", line.connector, line.event).into(),
            when(line.at).into(),
            line.state.as_str().into(),
            shown::excerpt(&line.reason, REASON).into(),
        ]);
    }
    cx.out.table(&table)?;
    let all = if asked.all { " --all" } else { "" };
    let of =
        asked.connector.as_ref().map_or_else(String::new, |connector| format!(" --connector {connector}"));
    listed.say_next(&cx.out, &format!("deliveries{all}{of}"));
    match lines.iter().find(|line| line.state == "open") {
        Some(line) => cx.out.say(words!("next: {}", Advice::Delivery(&line.id).to_string())),
        None => cx.out.say("nothing of this is open"),
    }
    Ok(Exit::Done)
}

async fn show(cx: &Cx, id: &str) -> Outcome {
    let answer = cx.client.get(&["deliveries", id], &[]).await?;
    if cx.out.json {
        return cx.out.value(&answer);
    }
    let found: DeliveryView = read(answer)?;
    let line = &found.line;
    let mut rows = vec![
        ("event", format!("{}.{}", line.connector, line.event)),
        ("id", line.delivery.clone()),
        ("came", when(line.at)),
        ("by", found.by.clone()),
    ];
    if !line.runs.is_empty() {
        rows.push(("runs", line.runs.join(", ")));
    }
    if line.state == "dropped" {
        rows.push(("dropped", format!("{} by {}: {}", when(found.changed), found.changed_by, line.reason)));
    }
    for unmet in &found.reasons {
        let playbook = unmet.playbook.as_deref().map(|id| format!("playbook \"{id}\": ")).unwrap_or_default();
        rows.push(("waits", format!("{playbook}{}", unmet.reason)));
    }
    let mut text = words!("{}  {}\n", cx.out.paint(Paint::Bold, &line.id), line.state);
    for (name, value) in rows {
        text += words!("  {:<10} {}\n", name, value);
    }
    let content = serde_json::to_string_pretty(&found.content).unwrap_or_default();
    text += Words::document(&content);
    cx.out.data(text)?;
    if let Some(next) = found.actions.first() {
        cx.out.say(words!("next: {}", next));
    }
    Ok(Exit::Done)
}
