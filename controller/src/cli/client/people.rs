//! `token new`, `login`: who may come in by HTTP.

use serde_json::json;

use super::Cx;
use crate::cli::{
    args::TokenAction,
    failure::{Exit, Failure, Outcome},
    out::{Words, words},
};

/// Makes a token; its secret is printed this once.
pub(crate) async fn token(cx: &Cx, action: &TokenAction) -> Outcome {
    let TokenAction::New { name, agent, scopes, days } = action;
    let name = name.as_deref().or(agent.as_deref()).unwrap_or("operator's script");
    let body = json!({ "name": name, "agent": agent, "scopes": scopes, "days": days });
    let answer = cx.client.post(&["tokens"], &body).await?;
    if cx.out.json {
        return cx.out.value(&answer);
    }
    cx.out.data(Words::line(answer["token"].as_str().unwrap_or_default()))?;
    cx.out.say(words!(
        "it is shown this once, and lapses in {} days; it is sent as `Authorization: Bearer …`",
        days
    ));
    Ok(Exit::Done)
}

/// Makes a one-time link to the dashboard.
pub(crate) async fn login(cx: &Cx) -> Outcome {
    let answer = cx.client.post(&["login"], &json!({})).await?;
    if cx.out.json {
        return cx.out.value(&answer);
    }
    match answer["url"].as_str() {
        Some(url) => {
            cx.out.data(words!("{}", url))?;
            cx.out.say("it works once, within ten minutes");
            Ok(Exit::Done)
        }
        None => Err(Failure::new(Exit::NotFound, "the daemon serves no dashboard")
            .hint("start it with `adjutant up --listen 127.0.0.1:7717`")),
    }
}
