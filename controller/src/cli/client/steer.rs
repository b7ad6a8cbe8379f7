//! `pause`, `resume`, `cancel`, `kill`, `retry`, `correct`: control of runs, and of more than one.

use serde_json::Value;

use super::{Cx, show::done};
use crate::{
    cli::{
        args::{PauseArgs, ScopeArgs},
        failure::{Failure, Outcome},
        moments,
    },
    desk::{CorrectWish, PauseWish, Reason, RetryWish, views::When},
};

/// The word for "none of the classes", which no class may have.
const NONE: &str = "none";

/// What a pause is about.
enum Scope<'a> {
    Run(&'a str),
    Wider(String),
}

/// Reads `all`, `playbook:ID`, `connector:ID`, or a run.
fn scope(text: &str) -> Scope<'_> {
    match text {
        "all" | "everything" => Scope::Wider("everything".to_owned()),
        _ if text.starts_with("playbook:") || text.starts_with("connector:") => Scope::Wider(text.to_owned()),
        run => Scope::Run(run),
    }
}

/// Starts no further effect.
pub(crate) async fn pause(cx: &Cx, args: &PauseArgs) -> Outcome {
    let Some(period) = args.period else { return held(cx, &args.what, "pause").await };
    let Scope::Wider(scope) = scope(&args.what.scope) else {
        return Err(Failure::invalid("one run is paused until you resume it")
            .hint("`--for` is for `all`, `playbook:ID` and `connector:ID`"));
    };
    let until = Some(When(moments::now().plus(period.millis())));
    let wish = PauseWish { scope, reason: args.what.reason.clone(), until };
    done(cx, cx.client.post(&["pause"], &wish).await?)
}

/// Starts effects again.
pub(crate) async fn resume(cx: &Cx, args: &ScopeArgs) -> Outcome {
    held(cx, args, "resume").await
}

async fn held(cx: &Cx, args: &ScopeArgs, verb: &str) -> Outcome {
    let reason = args.reason.clone();
    let answer = match scope(&args.scope) {
        Scope::Run(run) => cx.client.post(&["runs", run, verb], &Reason { reason }).await?,
        Scope::Wider(scope) => cx.client.post(&[verb], &PauseWish { scope, reason, until: None }).await?,
    };
    done(cx, answer)
}

/// Lets a run take back what it did, and end.
pub(crate) async fn cancel(cx: &Cx, run: &str, reason: &str) -> Outcome {
    let wish = Reason { reason: reason.to_owned() };
    done(cx, cx.client.post(&["runs", run, "cancel"], &wish).await?)
}

/// Ends a run at once.
pub(crate) async fn kill(cx: &Cx, run: &str, reason: &str) -> Outcome {
    let wish = Reason { reason: reason.to_owned() };
    done(cx, cx.client.post(&["runs", run, "kill"], &wish).await?)
}

/// Lets a quarantined run go on.
pub(crate) async fn release(cx: &Cx, run: &str) -> Outcome {
    done(cx, cx.client.order(&["runs", run, "release"]).await?)
}

/// Tries a failed run again.
pub(crate) async fn retry(cx: &Cx, run: &str, step: Option<&str>, edits: &[String]) -> Outcome {
    let edits = edits.iter().map(|edit| pair(edit)).collect::<Result<_, _>>()?;
    let wish = RetryWish { step: step.map(str::to_owned), edits };
    done(cx, cx.client.post(&["runs", run, "retry"], &wish).await?)
}

/// Says what the text of a route step really is.
pub(crate) async fn correct(cx: &Cx, run: &str, step: &str, class: &str) -> Outcome {
    let class = Some(class).filter(|class| *class != NONE).map(str::to_owned);
    let wish = CorrectWish { step: step.to_owned(), class };
    done(cx, cx.client.post(&["runs", run, "correct"], &wish).await?)
}

/// Reads `PATH=JSON`; what is no JSON is a text.
pub(super) fn pair(text: &str) -> Result<(String, Value), Failure> {
    let (path, value) = text.split_once('=').ok_or_else(|| {
        Failure::invalid(format!("\"{text}\" is no correction"))
            .hint("such as `--set steps.qualify.budget=2000`")
    })?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((path.trim().to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_are_json_or_texts() {
        assert_eq!(pair("a.b=2000").unwrap(), ("a.b".to_owned(), Value::from(2000)));
        assert_eq!(pair("a=x=y").unwrap(), ("a".to_owned(), Value::from("x=y")));
        assert!(pair("a").is_err());
    }
}
