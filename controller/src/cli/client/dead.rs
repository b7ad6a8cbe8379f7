//! `dead`: what failed for good, or what nobody can tell, and the ways out.

use std::collections::BTreeMap;

use adjutant_spec::advice::Advice;

use super::{Cx, show::done};
use crate::{
    cli::{
        args::{DeadAction, DeadArgs, PageArgs},
        failure::{Exit, Failure, Outcome},
        out::{Paint, Table, words},
    },
    desk::{How, Settle, views::DeadView},
};

/// Lists dead and unknown effects by cause, or settles one.
pub(crate) async fn dead(cx: &Cx, asked: &DeadArgs) -> Outcome {
    let (effect, wish) = match &asked.action {
        None => return list(cx, &asked.page).await,
        Some(DeadAction::Retry { effect }) => (effect, How::DidNotHappen.into()),
        Some(DeadAction::Undo { effect }) => (effect, How::Undo.into()),
        Some(DeadAction::Drop { effect }) => (effect, How::Drop.into()),
        Some(DeadAction::Settle { effect, happened, did_not_happen }) => {
            (effect, settlement(happened.as_deref(), *did_not_happen)?)
        }
    };
    done(cx, cx.client.post(&["effects", effect, "settle"], &wish).await?)
}

fn settlement(happened: Option<&str>, did_not_happen: bool) -> Result<Settle, Failure> {
    match (happened, did_not_happen) {
        (Some(answer), _) => {
            let value = serde_json::from_str(answer)
                .map_err(|error| Failure::invalid("the answer is no JSON").caused_by(&error))?;
            Ok(Settle { how: How::Happened, value: Some(value) })
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
    listed.say_next(&cx.out, "dead");
    let next = dead[0].actions.first().cloned();
    cx.out
        .say(words!("next: {}", next.unwrap_or_else(|| Advice::Why(&dead[0].effect.id.to_string()).into())));
    Ok(Exit::Done)
}
