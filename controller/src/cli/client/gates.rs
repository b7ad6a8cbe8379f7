//! `inbox`, `show`, `approve`, `deny`.

use adjutant_spec::advice::Advice;
use serde_json::Value;

use super::{
    Cx, card,
    show::{done, json_file, maybe, object, when, word},
};
use crate::{
    cli::{
        args::{ApproveArgs, PageArgs},
        failure::{Exit, Failure, Outcome},
        out::{Cell, Table, words},
    },
    desk::{
        Approve, Deny,
        views::{FullStatus, GateView, RunView},
    },
};

/// Lists what waits for the operator.
pub(crate) async fn inbox(cx: &Cx, page: &PageArgs) -> Outcome {
    let listed = cx.client.page(&["inbox"], &page.wish()).await?;
    let Some(gates) = cx.view::<Vec<GateView>>(listed.items.clone())? else { return Ok(Exit::Done) };
    let rest: FullStatus = cx.client.view(&["status"]).await?;
    let others = [
        (rest.dead, "calls failed for good or are in doubt", Advice::Dead),
        (rest.deliveries, "deliveries start nothing yet", Advice::Deliveries),
        (rest.proposals, "proposals are to be decided", Advice::Proposals),
    ];
    for (count, what, next) in others.iter().filter(|(count, ..)| *count > 0) {
        cx.out.say(words!("{} {}: {}", count, *what, next.to_string()));
    }
    let Some(first) = gates.first() else {
        if others.iter().all(|(count, ..)| *count == 0) {
            cx.out.say("nothing waits for you");
        }
        return Ok(Exit::Done);
    };
    // Only a branch's gate is about a part of its run.
    let has_part = gates.iter().any(|gate| gate.part.is_some());
    let mut head = vec!["gate", "risk", "expires"];
    head.extend(has_part.then_some("about"));
    head.push("question");
    let mut table = Table::new(&head);
    for gate in &gates {
        let mut cells: Vec<Cell> =
            vec![gate.id.as_str().into(), word(&gate.risk).into(), maybe(gate.expires).into()];
        cells.extend(has_part.then(|| Cell::from(gate.part.as_deref().unwrap_or("-"))));
        cells.push(gate.question.as_str().into());
        table.row(cells);
    }
    cx.out.table(&table)?;
    listed.say_next(&cx.out, "inbox");
    cx.out.say(words!("next: adjutant show {}", first.id));
    Ok(Exit::Done)
}

/// Shows the card of a gate.
pub(crate) async fn show(cx: &Cx, gate: &str) -> Outcome {
    let id = resolve(cx, gate).await?;
    let Some(gate) = cx.view::<GateView>(cx.client.get(&["gates", &id]).await?)? else {
        return Ok(Exit::Done);
    };
    cx.out.data(card::card(&cx.out, &gate))?;
    if let Some(next) = card::next(&gate) {
        cx.out.say(next);
    }
    Ok(Exit::Done)
}

/// Approves a gate as its card showed it.
pub(crate) async fn approve(cx: &Cx, args: &ApproveArgs) -> Outcome {
    let id = resolve(cx, &args.gate).await?;
    let edits = args.edit.as_deref().map(|file| object(json_file(file)?, "the file of edits")).transpose()?;
    let form =
        args.form.as_deref().map(|file| object(json_file(file)?, "the file of the form")).transpose()?;
    let wish = Approve {
        digest: args.digest.clone(),
        edits: edits.unwrap_or_default(),
        form: form.map(|form| Value::Object(form.into_iter().collect())),
        reason: args.reason.clone(),
    };
    let answer = cx.client.post(&["gates", &id, "approve"], &wish).await?;
    told(cx, &id, answer).await
}

/// Refuses a gate.
pub(crate) async fn deny(cx: &Cx, gate: &str, reason: &str) -> Outcome {
    let id = resolve(cx, gate).await?;
    let wish = Deny { reason: reason.to_owned(), digest: None };
    told(cx, &id, cx.client.post(&["gates", &id, "deny"], &wish).await?).await
}

async fn told(cx: &Cx, id: &str, answer: Value) -> Outcome {
    done(cx, answer)?;
    if !cx.out.json {
        let gate: GateView = cx.client.view(&["gates", id]).await?;
        cx.out.say(words!("next: adjutant watch {}", gate.run));
    }
    Ok(Exit::Done)
}

/// Returns the id of a gate that is named by itself or by its run.
async fn resolve(cx: &Cx, name: &str) -> Result<String, Failure> {
    // A name without a point is a run's: its gates are in its view, so no list is read for it.
    if name.contains('.') {
        return Ok(name.to_owned());
    }
    let run: RunView = cx.client.view(&["runs", name]).await?;
    let waiting: Vec<&GateView> = run.gates.iter().filter(|gate| gate.state == "open").collect();
    match waiting.as_slice() {
        [gate] => Ok(gate.id.clone()),
        [] => {
            // Nothing waits any more: the last one that was decided says by whom.
            let last = run.gates.last().map(|gate| gate.id.clone());
            last.ok_or_else(|| Failure::new(Exit::NotFound, format!("run \"{name}\" asks nothing")))
        }
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|gate| format!("{} (expires {})", gate.id, gate.expires.map_or_else(String::new, when)))
                .collect();
            Err(Failure::new(Exit::Conflict, format!("several gates of \"{name}\" wait"))
                .hint(format!("name one: {}", names.join(", "))))
        }
    }
}
