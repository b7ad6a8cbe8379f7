//! `inbox`, `show`, `approve`, `deny`.

use adjutant_spec::advice::Advice;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Cx, card,
    show::{done, json_file, maybe, object, when},
};
use crate::{
    cli::{
        args::{ApproveArgs, PageArgs},
        failure::{Exit, Failure, Outcome},
        out::{Cell, Table, words},
    },
    runtime::views::{GateView, RunView},
};

/// What else waits, as `status` counts it.
#[derive(Debug, Deserialize)]
struct Rest {
    dead: u64,
    deliveries: u64,
    proposals: u64,
}

/// Lists what waits for the operator.
pub(crate) async fn inbox(cx: &Cx, page: &PageArgs) -> Outcome {
    let listed = cx.client.page(&["inbox"], &page.query()).await?;
    if cx.out.json {
        return cx.out.value(&listed.items);
    }
    let gates: Vec<GateView> = super::api::read(listed.items.clone())?;
    let rest: Rest = cx.client.view(&["status"], &[]).await?;
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
    let mut table = Table::new(&["gate", "risk", "expires", "question"]);
    for gate in &gates {
        let risk = serde_json::to_value(gate.risk).ok().and_then(|risk| risk.as_str().map(str::to_owned));
        table.row([
            gate.id.as_str().into(),
            Cell::from(risk.unwrap_or_default()),
            maybe(gate.expires).into(),
            gate.question.as_str().into(),
        ]);
    }
    cx.out.table(&table)?;
    listed.say_next(&cx.out, "inbox");
    cx.out.say(words!("next: adjutant show {}", first.id));
    Ok(Exit::Done)
}

/// Shows the card of a gate.
pub(crate) async fn show(cx: &Cx, gate: &str) -> Outcome {
    let id = resolve(cx, gate).await?;
    let answer = cx.client.get(&["gates", &id], &[]).await?;
    if cx.out.json {
        return cx.out.value(&answer);
    }
    let gate: GateView = super::api::read(answer)?;
    cx.out.data(card::card(&cx.out, &gate))?;
    if let Some(next) = card::next(&gate) {
        cx.out.say(next);
    }
    Ok(Exit::Done)
}

/// Approves a gate as its card showed it.
pub(crate) async fn approve(cx: &Cx, args: &ApproveArgs) -> Outcome {
    let id = resolve(cx, &args.gate).await?;
    let mut body = json!({ "digest": args.digest });
    if let Some(file) = &args.edit {
        body["edits"] = object(json_file(file)?, "the file of edits")?;
    }
    if let Some(file) = &args.form {
        body["form"] = object(json_file(file)?, "the file of the form")?;
    }
    if let Some(reason) = &args.reason {
        body["reason"] = Value::from(reason.as_str());
    }
    let answer = cx.client.post(&["gates", &id, "approve"], &body).await?;
    told(cx, &id, &answer).await
}

/// Refuses a gate.
pub(crate) async fn deny(cx: &Cx, gate: &str, reason: &str) -> Outcome {
    let id = resolve(cx, gate).await?;
    let answer = cx.client.post(&["gates", &id, "deny"], &json!({ "reason": reason })).await?;
    told(cx, &id, &answer).await
}

async fn told(cx: &Cx, id: &str, answer: &Value) -> Outcome {
    done(&cx.out, answer)?;
    if !cx.out.json {
        let gate: GateView = cx.client.view(&["gates", id], &[]).await?;
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
    let run: RunView = cx.client.view(&["runs", name], &[]).await?;
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
