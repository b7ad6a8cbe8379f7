//! `plan`, `revert`, `hold`, `proposals`: what would change, and who says yes.

use adjutant_spec::advice::Advice;
use serde_json::{Value, json};

use super::{
    Cx,
    api::read,
    propose,
    show::{done, short},
};
use crate::{
    cli::{
        args::{PageArgs, PlanArgs, ProposalAction, ProposalsArgs},
        failure::{Exit, Failure, Outcome},
        out::{Paint, Table, Words, words},
    },
    desk::{
        ApproveProposal, Because, ConfirmPlan, PlanWish, RevertWish,
        views::{PlanView, ProposalView},
    },
};

/// Tells what would change.
pub(crate) async fn plan(cx: &Cx, args: &PlanArgs) -> Outcome {
    if let Some(token) = &args.confirm {
        let wish = ConfirmPlan { token: token.clone() };
        return done(cx, cx.client.post(&["plan", "confirm"], &wish).await?);
    }
    let wish = PlanWish { to: args.to.clone(), simulate: args.simulate };
    let answer = cx.client.post(&["plan"], &wish).await?;
    let plan: PlanView = read(answer.clone())?;
    if cx.out.json {
        cx.out.value(&answer)?;
    } else {
        cx.out.data(Words::document(&plan.text))?;
    }
    if !plan.ok {
        return Ok(Exit::Invalid);
    }
    Ok(if args.exit_code && plan.has_changes { Exit::Changes } else { Exit::Done })
}

/// Goes back to a stored revision.
pub(crate) async fn revert(cx: &Cx, to: Option<&str>) -> Outcome {
    let wish = RevertWish { to: to.map(str::to_owned) };
    done(cx, cx.client.post(&["revert"], &wish).await?)
}

/// Keeps the revision in force, or follows the source again.
pub(crate) async fn hold(cx: &Cx, release: bool, reason: &str) -> Outcome {
    if release {
        return done(cx, cx.client.order(&["release"]).await?);
    }
    let wish = Because { reason: reason.to_owned() };
    done(cx, cx.client.post(&["hold"], &wish).await?)
}

/// Lists, shows and decides proposals.
pub(crate) async fn proposals(cx: &Cx, asked: &ProposalsArgs) -> Outcome {
    match (asked.id.as_deref(), &asked.action) {
        (None, None) => list(cx, &asked.page).await,
        (None, Some(ProposalAction::New(wish))) => {
            let wish = propose::wish(cx, wish).await?;
            opened(cx, cx.client.post(&["proposals"], &wish).await?)
        }
        (Some(id), None) => show(cx, id).await,
        (Some(id), Some(ProposalAction::Diff { full })) => diff(cx, id, *full).await,
        (Some(id), Some(ProposalAction::Approve { digest })) => {
            let wish = ApproveProposal { digest: digest.clone() };
            done(cx, cx.client.post(&["proposals", id, "approve"], &wish).await?)
        }
        (Some(id), Some(ProposalAction::Refuse { reason })) => {
            let wish = Because { reason: reason.clone() };
            done(cx, cx.client.post(&["proposals", id, "refuse"], &wish).await?)
        }
        _ => Err(Failure::new(Exit::Usage, "no proposal is named")
            .hint("`adjutant proposals` lists them; then `adjutant proposals ID diff`")),
    }
}

async fn list(cx: &Cx, page: &PageArgs) -> Outcome {
    let listed = cx.client.page(&["proposals"], &page.wish()).await?;
    let Some(proposals) = cx.view::<Vec<ProposalView>>(listed.items.clone())? else { return Ok(Exit::Done) };
    let mut table = Table::new(&["proposal", "state", "author", "title"]);
    for found in &proposals {
        table.row([
            found.id.as_str().into(),
            cx.out.status(&found.state).into(),
            found.author.as_str().into(),
            found.title.as_str().into(),
        ]);
    }
    if table.is_empty() {
        cx.out.say("no proposals; `adjutant proposals new` opens one");
        return Ok(Exit::Done);
    }
    cx.out.table(&table)?;
    listed.say_next(&cx.out, "proposals");
    if let Some(open) = proposals.iter().find(|found| is_open(&found.state)) {
        cx.out.say(words!("next: adjutant proposals {}", open.id));
    }
    Ok(Exit::Done)
}

async fn show(cx: &Cx, id: &str) -> Outcome {
    let Some(found) = cx.view::<ProposalView>(cx.client.get(&["proposals", id]).await?)? else {
        return Ok(Exit::Done);
    };
    cx.out.data(words!(
        "{}  {}\n  by {}, from {} to {}\n\n{}\ndigest {}",
        cx.out.paint(Paint::Bold, &found.title),
        cx.out.status(&found.state),
        found.author,
        short(&found.base),
        short(&found.head),
        Words::document(found.plan.as_ref().map_or("", |plan| &plan.text)),
        found.digest
    ))?;
    if let Some(reason) = &found.reason {
        cx.out.data(words!("reason: {}", reason))?;
    }
    for path in &found.protected {
        cx.out.data(words!("protected: {}", path))?;
    }
    for line in &found.hidden {
        cx.out.data(words!("not shown: {}", line))?;
    }
    if is_open(&found.state) {
        cx.out.say(words!("next: {}", Advice::DiffProposal(id).to_string()));
        if let Some(more) = found.next.as_deref().filter(|next| next.starts_with("adjutant ")) {
            cx.out.say(words!("      {}", more));
        }
        cx.out.say(words!("      {}", Advice::RefuseProposal(id).to_string()));
    }
    Ok(Exit::Done)
}

async fn diff(cx: &Cx, id: &str, full: bool) -> Outcome {
    let found: ProposalView = read(cx.client.find(&["proposals", id], &[("full", full)]).await?)?;
    let diff = found.diff.unwrap_or_default();
    if cx.out.json {
        return cx.out.value(&json!({
            "id": found.id, "diff": diff, "digest": found.digest, "hidden": found.hidden, "protected": found.protected,
        }));
    }
    let colour = |line: &str| match line.as_bytes().first() {
        Some(b'+') => cx.out.paint(Paint::Green, line),
        Some(b'-') => cx.out.paint(Paint::Red, line),
        Some(b'@') => cx.out.paint(Paint::Dim, line),
        _ => Words::line(line),
    };
    // By the break alone: a line of a file may hold other ends of lines, and those are to be seen.
    cx.out.data(diff.split_terminator('\n').map(|line| words!("{}\n", colour(line))).sum::<Words>())?;
    if is_open(&found.state)
        && let Some(next) = &found.next
    {
        cx.out.say(words!("next: {}", next));
    }
    Ok(Exit::Done)
}

fn is_open(state: &str) -> bool {
    ["open", "changed"].contains(&state)
}

/// Proposes what people said of a route's decisions.
pub(crate) async fn refit(cx: &Cx, route: &str) -> Outcome {
    opened(cx, cx.client.order(&["routes", route, "refit"]).await?)
}

fn opened(cx: &Cx, answer: Value) -> Outcome {
    let Some(opened) = cx.view::<ProposalView>(answer)? else { return Ok(Exit::Done) };
    cx.out.data(words!("{}", opened.id))?;
    cx.out.say(words!("next: adjutant proposals {}", opened.id));
    Ok(Exit::Done)
}
