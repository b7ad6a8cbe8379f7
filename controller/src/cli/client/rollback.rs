//! `rollback`: what taking a run back would come to, and doing exactly that.

use adjutant_spec::advice::Advice;

use super::{
    Cx,
    show::{done, full},
};
use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Out, Paint, Words, words},
    },
    desk::{
        RollbackWish,
        views::{BlockedView, DeedView, RollbackView, TakenView},
    },
};

/// Shows what it would come to.
pub(crate) async fn rollback(cx: &Cx, run: &str) -> Outcome {
    let Some(preview) = cx.view::<RollbackView>(cx.client.get(&["runs", run, "rollback"]).await?)? else {
        return Ok(Exit::Done);
    };
    cx.out.data(text_of(&cx.out, &preview))?;
    if preview.blocked.is_empty() {
        let next = Advice::RollbackConfirm { run: &preview.run, token: &preview.token };
        cx.out.say(words!("nothing was changed; next: {}", next.to_string()));
    }
    Ok(Exit::Done)
}

/// Takes a run back as it was shown; where it is otherwise now, shows how, and changes nothing.
pub(crate) async fn roll_back(cx: &Cx, run: &str, (token, reason): (&str, &str)) -> Outcome {
    let wish = RollbackWish { token: token.to_owned(), reason: reason.to_owned() };
    match cx.client.post(&["runs", run, "rollback"], &wish).await {
        Ok(answer) => done(cx, answer),
        Err(failure) if failure.exit == Exit::Conflict => {
            rollback(cx, run).await?;
            Err(Failure {
                hint: Some("nothing was changed; what is shown is how it is now".to_owned()),
                ..failure
            })
        }
        Err(failure) => Err(failure),
    }
}

fn text_of(out: &Out, preview: &RollbackView) -> Words {
    let mut text = words!("{}  {}\n", out.paint(Paint::Bold, &preview.run), out.status(&preview.status));
    stays(out, preview, &mut text);
    taken(out, preview, &mut text);
    if !preview.blocked.is_empty() {
        section(out, "What stands in the way", &mut text);
        preview.blocked.iter().for_each(|one| blocked(one, &mut text));
    }
    runs(out, ("Runs that are taken back with it", &preview.runs), &mut text);
    runs(out, ("Runs that go on by themselves", &preview.detached), &mut text);
    if let Some(hint) = &preview.hint {
        text += words!("\n{}\n", hint);
    }
    text += words!("\ntoken {}\n", preview.token);
    text.trimmed()
}

fn stays(out: &Out, preview: &RollbackView, text: &mut Words) {
    if preview.stays.is_empty() {
        section(out, "Cannot be taken back: nothing", text);
        return;
    }
    section(out, "Cannot be taken back", text);
    for one in &preview.stays {
        *text += words!("  {}\n     {}\n", deed(out, &one.deed), one.reason);
    }
    more(preview.stays.len(), preview.stays_total, text);
}

fn taken(out: &Out, preview: &RollbackView, text: &mut Words) {
    if preview.taken.is_empty() {
        section(out, "Is taken back: nothing", text);
        return;
    }
    section(out, "Is taken back, in this order", text);
    for (number, one) in preview.taken.iter().enumerate() {
        *text += words!("  {}. {}\n", number + 1, deed(out, &one.deed));
        way_back(out, one, text);
    }
    more(preview.taken.len(), preview.taken_total, text);
}

fn way_back(out: &Out, taken: &TakenView, text: &mut Words) {
    let asks = if taken.asks { ", and asks you first" } else { "" };
    *text += words!("     by {}{}\n", taken.undo, asks);
    if let Some(problem) = &taken.problem {
        *text +=
            words!("     it cannot be put together, so it waits for you in `adjutant dead`: {}\n", problem);
    }
    for (name, value) in taken.args.as_ref().and_then(serde_json::Value::as_object).into_iter().flatten() {
        *text += words!("       {}  {}\n", name, full(out, value, 8));
    }
}

/// Returns what was done, to whom and for how much.
fn deed(out: &Out, deed: &DeedView) -> Words {
    let mut text = words!("{}", out.paint(Paint::Bold, &deed.verb));
    if let Some(whom) = &deed.whom {
        text += words!(" to {}", whom);
    }
    if let Some(amount) = &deed.amount {
        text += words!(", {}", amount);
    }
    if !deed.happened {
        text += ", if it happened";
    }
    text += words!("  (step {}, {})", deed.step, deed.effect);
    text
}

fn blocked(one: &BlockedView, text: &mut Words) {
    *text += words!("  {}: {}\n", one.run, one.reason);
    if let Some(next) = &one.next {
        *text += words!("     type: {}\n", next);
    }
}

fn runs(out: &Out, (title, runs): (&'static str, &[String]), text: &mut Words) {
    if runs.is_empty() {
        return;
    }
    section(out, title, text);
    for run in runs {
        *text += words!("  {}\n", run);
    }
}

fn more(shown: usize, total: u64, text: &mut Words) {
    let left = total.saturating_sub(shown as u64);
    if left > 0 {
        *text += words!("  and {} more\n", left);
    }
}

fn section(out: &Out, title: &'static str, text: &mut Words) {
    *text += words!("\n{}\n", out.paint(Paint::Bold, title));
}
