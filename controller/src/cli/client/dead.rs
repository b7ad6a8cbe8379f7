//! `dead`: what failed for good, or what nobody can tell, and the ways out.

use std::collections::BTreeMap;

use adjutant_spec::advice::Advice;

use super::{
    Cx,
    show::{done, when},
};
use crate::{
    cli::{
        args::{DeadAction, DeadArgs, ForAllArg, PageArgs},
        failure::{Exit, Failure, Outcome},
        out::{Paint, Table, words},
    },
    desk::{
        ForAll, How, Settle, SettleCause,
        views::{CauseView, DeadView, SettledView, Way},
    },
};

/// Lists dead and unknown effects by cause, or settles one.
pub(crate) async fn dead(cx: &Cx, asked: &DeadArgs) -> Outcome {
    let (effect, reason, wish) = match &asked.action {
        None => return list(cx, &asked.page).await,
        Some(DeadAction::Causes) => return causes(cx).await,
        Some(DeadAction::All { cause, how, token, reason }) => {
            let (how, token, reason) = (for_all(*how), token.clone(), reason.clone());
            return settle_all(cx, cause, &SettleCause { how, token, reason }).await;
        }
        Some(DeadAction::Retry { effect, reason }) => (effect, reason, How::DidNotHappen.into()),
        Some(DeadAction::Undo { effect, reason }) => (effect, reason, How::Undo.into()),
        Some(DeadAction::Drop { effect, reason }) => (effect, reason, How::Drop.into()),
        Some(DeadAction::Settle { effect, happened, did_not_happen, reason }) => {
            (effect, reason, settlement(happened.as_deref(), *did_not_happen)?)
        }
    };
    let wish = Settle { reason: reason.clone(), ..wish };
    done(cx, cx.client.post(&["effects", effect, "settle"], &wish).await?)
}

fn for_all(how: ForAllArg) -> ForAll {
    match how {
        ForAllArg::Retry => ForAll::Retry,
        ForAllArg::DidNotHappen => ForAll::DidNotHappen,
        ForAllArg::Undo => ForAll::Undo,
        ForAllArg::Drop => ForAll::Drop,
    }
}

async fn causes(cx: &Cx) -> Outcome {
    let Some(causes) = cx.view::<Vec<CauseView>>(cx.client.get(&["dead", "causes"]).await?)? else {
        return Ok(Exit::Done);
    };
    let Some(first) = causes.first() else {
        cx.out.say("nothing failed for good, and nothing is in doubt");
        return Ok(Exit::Done);
    };
    for cause in &causes {
        let said = format!("{} of {} {}: {}", cause.count, cause.target, cause.phase, cause.error);
        cx.out.data(cx.out.paint(Paint::Bold, &said))?;
        let amounts = cause.amounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
        let mut table = Table::new(&["cause", "since", "playbooks", "for", "about", "token"]);
        table.row([
            cause.id.as_str().into(),
            when(cause.since).into(),
            cause.playbooks.join(", ").into(),
            cause.whom.join(", ").into(),
            amounts.into(),
            cause.token.as_str().into(),
        ]);
        cx.out.table(&table)?;
    }
    // What is in doubt was perhaps done: it is looked at first.
    let is_known = first.ways.contains(&Way::Retry);
    let how = if is_known { "retry" } else { "drop" };
    cx.out
        .say(words!("next: {}", Advice::DeadAll { cause: &first.id, how, token: &first.token }.to_string()));
    if !is_known {
        cx.out.say("      or `did-not-happen`, once you have looked at the other side");
    }
    Ok(Exit::Done)
}

async fn settle_all(cx: &Cx, cause: &str, wish: &SettleCause) -> Outcome {
    let answer = cx.client.post(&["dead", "causes", cause, "settle"], wish).await?;
    let Some(settled) = cx.view::<SettledView>(answer)? else { return Ok(Exit::Done) };
    cx.out.data(words!("settled: {}", settled.settled))?;
    for refused in &settled.refused {
        cx.out.say(words!("{} was not: {}", refused.effect, refused.reason));
    }
    Ok(if settled.refused.is_empty() { Exit::Done } else { Exit::Conflict })
}

fn settlement(happened: Option<&str>, did_not_happen: bool) -> Result<Settle, Failure> {
    match (happened, did_not_happen) {
        (Some(answer), _) => {
            let value = serde_json::from_str(answer)
                .map_err(|error| Failure::invalid("the answer is no JSON").caused_by(&error))?;
            Ok(Settle { how: How::Happened, value: Some(value), reason: None })
        }
        (None, true) => Ok(How::DidNotHappen.into()),
        (None, false) => {
            Err(Failure::new(Exit::Usage, "say what you found on the other side: did it happen?")
                .hint("`--happened [JSON]` or `--did-not-happen`"))
        }
    }
}

async fn list(cx: &Cx, page: &PageArgs) -> Outcome {
    let listed = cx.client.page(&["dead"], &page.wish()).await?;
    let Some(dead) = cx.view::<Vec<DeadView>>(listed.items.clone())? else { return Ok(Exit::Done) };
    if dead.is_empty() {
        cx.out.say("nothing failed for good, and nothing is in doubt");
        return Ok(Exit::Done);
    }
    let mut causes: BTreeMap<String, Vec<&DeadView>> = BTreeMap::new();
    for line in &dead {
        let cause = line.effect.error.clone().unwrap_or_else(|| line.effect.phase.clone());
        causes.entry(format!("{}: {cause}", line.effect.target)).or_default().push(line);
    }
    for (cause, lines) in &causes {
        cx.out.data(cx.out.paint(Paint::Bold, cause))?;
        let mut table = Table::new(&["effect", "phase", "for", "playbook", "step", "attempt"]);
        for line in lines {
            table.row([
                line.effect.id.to_string().into(),
                cx.out.status(&line.effect.phase).into(),
                line.whom.clone().unwrap_or_default().into(),
                line.playbook.as_str().into(),
                line.effect.step.as_str().into(),
                line.effect.attempt.to_string().into(),
            ]);
        }
        cx.out.table(&table)?;
    }
    if causes.len() < dead.len() {
        cx.out.say(words!("`{}` deals with all of one cause at once", Advice::DeadCauses.to_string()));
    }
    listed.say_next(&cx.out, "dead");
    let next = dead[0].actions.first().cloned();
    cx.out
        .say(words!("next: {}", next.unwrap_or_else(|| Advice::Why(&dead[0].effect.id.to_string()).into())));
    Ok(Exit::Done)
}
