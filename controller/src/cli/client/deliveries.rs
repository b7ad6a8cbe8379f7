//! `deliveries`: what came in and starts nothing yet, and the ways out.

use adjutant_spec::{advice::Advice, shown};

use super::{
    Cx,
    show::{done, when},
};
use crate::{
    cli::{
        args::{DeliveriesArgs, DeliveryAction},
        failure::{Exit, Outcome},
        out::{Paint, Table, Words, words},
    },
    desk::{
        DeliveryFilter, DropWish, PageWish,
        views::{DeliveryLine, DeliveryView},
    },
};

/// The most characters of a reason in the list.
const REASON: usize = 100;

/// Lists open deliveries, shows one, starts one or drops one.
pub(crate) async fn deliveries(cx: &Cx, asked: &DeliveriesArgs) -> Outcome {
    match (&asked.action, &asked.id) {
        (Some(DeliveryAction::Start { id }), _) => {
            done(cx, cx.client.order(&["deliveries", id, "start"]).await?)
        }
        (Some(DeliveryAction::Drop { id, reason }), _) => {
            let wish = DropWish { reason: reason.clone() };
            done(cx, cx.client.post(&["deliveries", id, "drop"], &wish).await?)
        }
        (None, Some(id)) => show(cx, id).await,
        (None, None) => list(cx, asked).await,
    }
}

async fn list(cx: &Cx, asked: &DeliveriesArgs) -> Outcome {
    let PageWish { after, limit } = asked.page.wish();
    let filter = DeliveryFilter { all: asked.all, connector: asked.connector.clone(), after, limit };
    let listed = cx.client.page(&["deliveries"], &filter).await?;
    let Some(lines) = cx.view::<Vec<DeliveryLine>>(listed.items.clone())? else { return Ok(Exit::Done) };
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
    let Some(found) = cx.view::<DeliveryView>(cx.client.get(&["deliveries", id]).await?)? else {
        return Ok(Exit::Done);
    };
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
