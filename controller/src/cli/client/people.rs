//! `token`, `login`: who may come in by HTTP.

use serde_json::json;

use super::{Cx, show::when};
use crate::{
    cli::{
        args::{PageArgs, TokenAction},
        failure::{Exit, Failure, Outcome},
        out::{Table, Words, words},
    },
    desk::{
        NewToken, Scope,
        views::{Issued, LoginLink, TokenView},
    },
};

/// Makes, lists or takes back tokens.
pub(crate) async fn token(cx: &Cx, action: &TokenAction) -> Outcome {
    match action {
        TokenAction::New { name, agent, scopes, days } => {
            let name = name.as_deref().or(agent.as_deref()).unwrap_or("operators-script");
            let wish = NewToken {
                name: name.to_owned(),
                agent: agent.clone(),
                scopes: scopes.iter().map(|scope| scope_of(scope)).collect::<Result<_, _>>()?,
                days: Some(*days),
            };
            issue(cx, &wish, *days).await
        }
        TokenAction::List(page) => list(cx, page).await,
        TokenAction::Revoke { id } => revoke(cx, id).await,
    }
}

fn scope_of(word: &str) -> Result<Scope, Failure> {
    let words: Vec<&str> = Scope::ALL.iter().map(|scope| scope.word()).collect();
    let found = Scope::ALL.into_iter().find(|scope| scope.word() == word);
    found.ok_or_else(|| {
        Failure::invalid(format!("\"{word}\" is nothing that a token may do"))
            .hint(format!("say any of {}", words.join(", ")))
    })
}

/// Makes a token; its secret is printed this once.
async fn issue(cx: &Cx, wish: &NewToken, days: u32) -> Outcome {
    let answer = cx.client.post(&["tokens"], wish).await?;
    let Some(issued) = cx.view::<Issued>(answer)? else { return Ok(Exit::Done) };
    cx.out.data(Words::line(&issued.token))?;
    cx.out.say(words!(
        "it is shown this once, and lapses in {} days; it is sent as `Authorization: Bearer TOKEN`",
        days
    ));
    Ok(Exit::Done)
}

async fn list(cx: &Cx, page: &PageArgs) -> Outcome {
    let listed = cx.client.page(&["tokens"], &page.wish()).await?;
    let Some(tokens) = cx.view::<Vec<TokenView>>(listed.items.clone())? else { return Ok(Exit::Done) };
    if tokens.is_empty() {
        cx.out.say("no tokens; `adjutant token new --name NAME` makes one");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["token", "name", "agent", "may", "made", "lapses"]);
    for token in &tokens {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.word()).collect();
        table.row([
            token.id.as_str().into(),
            token.name.as_str().into(),
            token.agent.as_deref().unwrap_or("-").into(),
            scopes.join(", ").into(),
            when(token.created).into(),
            when(token.expires).into(),
        ]);
    }
    cx.out.table(&table)?;
    listed.say_next(&cx.out, "token list");
    cx.out.say("next: adjutant token revoke TOKEN");
    Ok(Exit::Done)
}

async fn revoke(cx: &Cx, id: &str) -> Outcome {
    cx.client.delete(&["tokens", id]).await?;
    if cx.out.json {
        return cx.out.value(&json!({ "revoked": id }));
    }
    cx.out.data(words!("token {} works no longer", id))
}

/// Makes a one-time link to the dashboard.
pub(crate) async fn login(cx: &Cx) -> Outcome {
    let answer = cx.client.order(&["login"]).await?;
    let Some(link) = cx.view::<LoginLink>(answer)? else { return Ok(Exit::Done) };
    match link.url {
        Some(url) => {
            cx.out.data(words!("{}", url))?;
            cx.out.say("it works once, within ten minutes");
            Ok(Exit::Done)
        }
        None => Err(Failure::new(Exit::NotFound, "the daemon serves no dashboard")
            .hint("start it with `adjutant up --listen 127.0.0.1:7717`")),
    }
}
