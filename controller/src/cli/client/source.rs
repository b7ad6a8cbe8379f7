//! `plan`, `revert`, `hold`, `proposals`: what would change, and who says yes.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Cx,
    api::read,
    show::{done, full, short},
};
use crate::{
    cli::{
        args::{PlanArgs, ProposalAction},
        failure::{Exit, Failure, Outcome},
        out::{Out, Paint, Table, Words, words},
    },
    http::doors::ProposalView,
    source::{Git, Invocation},
};

/// Tells what would change.
pub(crate) async fn plan(cx: &Cx, args: &PlanArgs) -> Outcome {
    let answer = cx.client.post(&["plan"], &json!({ "to": args.to, "simulate": args.simulate })).await?;
    if cx.out.json {
        cx.out.value(&answer)?;
    } else {
        cx.out.data(plan_text(&cx.out, &answer))?;
    }
    if answer["ok"] == false {
        return Ok(Exit::Invalid);
    }
    Ok(if args.exit_code && changes(&answer) { Exit::Changes } else { Exit::Done })
}

/// A plan says its own text; one without is shown as it is.
fn plan_text(out: &Out, plan: &Value) -> Words {
    match plan["text"].as_str() {
        Some(text) => Words::document(text),
        None => full(out, plan, 0),
    }
}

fn changes(plan: &Value) -> bool {
    plan["has_changes"] == true
}

/// Goes back to a stored revision.
pub(crate) async fn revert(cx: &Cx, to: Option<&str>) -> Outcome {
    done(&cx.out, &cx.client.post(&["revert"], &json!({ "to": to })).await?)
}

/// Keeps the revision in force, or follows the source again.
pub(crate) async fn hold(cx: &Cx, release: bool, reason: &str) -> Outcome {
    let answer = if release {
        cx.client.post(&["release"], &json!({})).await?
    } else {
        cx.client.post(&["hold"], &json!({ "reason": reason })).await?
    };
    done(&cx.out, &answer)
}

/// Lists, shows and decides proposals.
pub(crate) async fn proposals(cx: &Cx, id: Option<&str>, action: Option<&ProposalAction>) -> Outcome {
    match (id, action) {
        (None, None) => list(cx).await,
        (None, Some(ProposalAction::New { repo, head, topic, title })) => {
            let wish = Wish { repo, head, topic, title: title.as_deref() };
            propose(cx, &wish).await
        }
        (Some(id), None) => show(cx, id).await,
        (Some(id), Some(ProposalAction::Diff)) => diff(cx, id).await,
        (Some(id), Some(ProposalAction::Approve { digest })) => {
            done(&cx.out, &cx.client.post(&["proposals", id, "approve"], &json!({ "digest": digest })).await?)
        }
        (Some(id), Some(ProposalAction::Refuse { reason })) => {
            done(&cx.out, &cx.client.post(&["proposals", id, "refuse"], &json!({ "reason": reason })).await?)
        }
        _ => Err(Failure::new(Exit::Usage, "no proposal is named")
            .hint("`adjutant proposals` lists them; then `adjutant proposals ID diff`")),
    }
}

async fn list(cx: &Cx) -> Outcome {
    let answer = cx.client.get(&["proposals"], &[]).await?;
    if cx.out.json {
        return cx.out.value(&answer);
    }
    let proposals: Vec<ProposalView> = read(answer)?;
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
    if let Some(open) = proposals.iter().find(|found| ["open", "changed"].contains(&found.state.as_str())) {
        cx.out.say(words!("next: adjutant proposals {}", open.id));
    }
    Ok(Exit::Done)
}

async fn show(cx: &Cx, id: &str) -> Outcome {
    let answer = cx.client.get(&["proposals", id], &[]).await?;
    if cx.out.json {
        return cx.out.value(&answer);
    }
    let found: ProposalView = read(answer)?;
    cx.out.data(words!(
        "{}  {}\n  by {}, from {} to {}\n\n{}\ndigest {}",
        cx.out.paint(Paint::Bold, &found.title),
        cx.out.status(&found.state),
        found.author,
        short(&found.base),
        short(&found.head),
        plan_text(&cx.out, &found.plan),
        found.digest
    ))?;
    if let Some(reason) = &found.reason {
        cx.out.data(words!("reason: {}", reason))?;
    }
    if ["open", "changed"].contains(&found.state.as_str()) {
        cx.out.say(words!(
            "next: adjutant proposals {} diff\n      adjutant proposals {} approve --digest {}\n      adjutant proposals {} refuse -m WHY",
            id,
            id,
            found.digest,
            id
        ));
    }
    Ok(Exit::Done)
}

async fn diff(cx: &Cx, id: &str) -> Outcome {
    let found: ProposalView = cx.client.view(&["proposals", id], &[]).await?;
    let diff = found.diff.unwrap_or_default();
    if cx.out.json {
        return cx.out.value(&json!({ "id": found.id, "diff": diff }));
    }
    let colour = |line: &str| match line.as_bytes().first() {
        Some(b'+') => cx.out.paint(Paint::Green, line),
        Some(b'-') => cx.out.paint(Paint::Red, line),
        Some(b'@') => cx.out.paint(Paint::Dim, line),
        _ => Words::line(line),
    };
    // By the break alone: a line of a file may hold other ends of lines, and those are to be seen.
    cx.out.data(diff.split_terminator('\n').map(|line| words!("{}\n", colour(line))).sum::<Words>())
}

/// What to propose.
struct Wish<'a> {
    repo: &'a Path,
    head: &'a str,
    topic: &'a str,
    title: Option<&'a str>,
}

/// Opens a proposal from a commit of a repository: the daemon gets it as a patch against what it has.
async fn propose(cx: &Cx, wish: &Wish<'_>) -> Outcome {
    let git = Git::default();
    let read_git = |command: &str, args: &[&str]| -> Result<String, Failure> {
        let invocation = Invocation::reading(wish.repo, command).args(args.iter().copied());
        Ok(git.run(&invocation)?.text())
    };
    let head =
        read_git("rev-parse", &["--verify", "--end-of-options", &format!("{}^{{commit}}", wish.head)])?;
    let title = match wish.title {
        Some(title) => title.to_owned(),
        None => read_git("log", &["-1", "--format=%s", &head])?,
    };
    let patch = git.run(&Invocation::reading(wish.repo, "format-patch").args([
        "--stdout",
        "--no-signature",
        "--binary",
        "-1",
        &head,
    ]))?;
    let patch = String::from_utf8_lossy(&patch.stdout).into_owned();
    let body = json!({ "title": title, "topic": wish.topic, "head": head, "patch": patch });
    opened(cx, cx.client.post(&["proposals"], &body).await?)
}

/// Proposes what people said of a route's decisions.
pub(crate) async fn refit(cx: &Cx, route: &str) -> Outcome {
    opened(cx, cx.client.post(&["routes", route, "refit"], &Value::Null).await?)
}

fn opened(cx: &Cx, answer: Value) -> Outcome {
    if cx.out.json {
        return cx.out.value(&answer);
    }
    let opened: ProposalView = read(answer)?;
    cx.out.data(words!("{}", opened.id))?;
    cx.out.say(words!("next: adjutant proposals {}", opened.id));
    Ok(Exit::Done)
}
