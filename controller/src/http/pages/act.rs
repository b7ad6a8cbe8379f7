//! What the dashboard's forms do: each is a command, then a redirect with what came of it.

use std::collections::BTreeMap;

use adjutant_machine::event::Decision;
use adjutant_spec::shown;
use axum::{
    extract::{Path, State},
    response::Redirect,
};
use serde::Deserialize;
use serde_json::Value;

use super::{Failed, form};
use crate::{
    desk::{
        Answer, ApproveProposal, Because, ConfirmPlan, CorrectWish, Decide, DropWish, PauseWish, Reason,
        RetryWish, RollbackWish, Settle, views::GateView,
    },
    http::{App, Code, Refusal, extract::Form},
};

/// What came of the form before, in the address.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Came {
    /// In words.
    pub(super) notice: Option<String>,
}

type Acted = Result<Redirect, Failed>;

fn back(place: &str, notice: &str) -> Redirect {
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("notice", notice).finish();
    Redirect::to(&format!("{place}?{query}"))
}

fn told(answer: Answer, what: &str) -> String {
    if answer.message.is_empty() { what.to_owned() } else { answer.message }
}

/// Decides a gate.
pub(super) async fn decide(State(app): State<App>, Path(id): Path<String>, form: Form) -> Acted {
    let gate = app.desk.gate(&form.who, &id).await?;
    let decision = decision(&gate, &form)?;
    let digest = Some(form.must("digest")?.to_owned());
    let reason = form.text("reason").map(str::to_owned);
    let wish = Decide { gate: id.clone(), digest, decision, reason };
    let answer = app.desk.decide(&form.who, wish).await?;
    // To the inbox, where the next question waits; the gate's own page tells who decided.
    Ok(back("/", &format!("{id}: {}", told(answer, "decided"))))
}

fn decision(gate: &GateView, form: &Form) -> Result<Decision, Refusal> {
    match form.must("decision")? {
        "approve" => Ok(Decision::Approved { form: None }),
        "deny" => Ok(Decision::Denied),
        "edit" => edited(gate, form),
        "fill" => filled(gate, form),
        other => Err(Refusal::invalid(format!("a gate knows no \"{other}\""))),
    }
}

/// Returns the values that really changed; an edit that changes nothing is an approval.
fn edited(gate: &GateView, form: &Form) -> Result<Decision, Refusal> {
    let mut values = BTreeMap::new();
    for (path, text) in form.group("text:") {
        values.insert(path.to_owned(), Value::String(text.to_owned()));
    }
    for (path, text) in form.group("json:") {
        let value = serde_json::from_str(text)
            .map_err(|error| Refusal::invalid(format!("\"{path}\" is no JSON: {error}")))?;
        values.insert(path.to_owned(), value);
    }
    values.retain(|path, value| gate.card.show.get(path).is_none_or(|before| !is_same(&before.value, value)));
    if values.is_empty() {
        return Ok(Decision::Approved { form: None });
    }
    Ok(Decision::Edited { values })
}

/// Returns whether a field came back as the page showed it: what cannot be seen was written out there, and leaving it
/// alone is no edit.
fn is_same(before: &Value, after: &Value) -> bool {
    let is_as_shown =
        before.as_str().zip(after.as_str()).is_some_and(|(before, after)| shown::text(before) == after);
    before == after || is_as_shown
}

fn filled(gate: &GateView, form: &Form) -> Result<Decision, Refusal> {
    let schema = gate.card.form.as_ref().ok_or_else(|| Refusal::conflict("this gate has no form"))?;
    Ok(Decision::Approved { form: Some(form::read(schema, &form.group("form:"))?) })
}

/// Pauses, resumes, cancels, kills or retries a run.
pub(super) async fn steer(State(app): State<App>, Path(id): Path<String>, form: Form) -> Acted {
    let (desk, who) = (&app.desk, &form.who);
    let reason = Reason { reason: reason(&form) };
    let answer = match form.must("verb")? {
        "pause" => desk.pause(who, &id, reason).await?,
        "resume" => desk.resume(who, &id, reason).await?,
        "cancel" => desk.cancel(who, &id, reason).await?,
        "kill" => desk.kill(who, &id, reason).await?,
        "retry" => {
            let step = form.text("step").map(str::to_owned);
            desk.retry(who, &id, RetryWish { step, ..RetryWish::default() }).await?
        }
        other => return Err(Refusal::invalid(format!("a run knows no \"{other}\"")).into()),
    };
    Ok(back(&format!("/runs/{id}"), &told(answer, "done")))
}

/// Takes a run back, as its preview showed it.
pub(super) async fn roll_back(State(app): State<App>, Path(id): Path<String>, form: Form) -> Acted {
    let (token, reason) = (form.must("token")?.to_owned(), form.must("reason")?.to_owned());
    match app.desk.roll_back(&form.who, &id, RollbackWish { token, reason }).await {
        // It is not as it was shown: the page shows how it is.
        Err(refusal) if refusal.code == Code::Conflict => {
            Ok(back(&format!("/runs/{id}/rollback"), &format!("Nothing was changed: {refusal}")))
        }
        answer => Ok(back(&format!("/runs/{id}"), &told(answer?, "done"))),
    }
}

/// Returns why something is paused or ended, where the form has no field for it too.
fn reason(form: &Form) -> String {
    form.text("reason").unwrap_or("from the dashboard").to_owned()
}

/// Notes what the text of a route step really is; an empty class is none of them.
pub(super) async fn correct(State(app): State<App>, Path(id): Path<String>, form: Form) -> Acted {
    let (step, class) = (form.must("step")?, form.text("class").map(str::to_owned));
    let answer = app.desk.correct(&form.who, &id, CorrectWish { step: step.to_owned(), class }).await?;
    Ok(back(&format!("/runs/{id}"), &format!("{step}: {}", answer.message)))
}

/// Proposes what people said of a route's decisions as its lessons.
pub(super) async fn refit(State(app): State<App>, Path(route): Path<String>, form: Form) -> Acted {
    let opened = app.desk.refit(&form.who, &route).await?;
    Ok(back(&format!("/proposals/{}", opened.id), &opened.title))
}

/// Settles an effect.
pub(super) async fn settle(State(app): State<App>, Path(id): Path<String>, form: Form) -> Acted {
    let how = serde_json::from_value(Value::String(form.must("how")?.to_owned()))
        .map_err(|_| Refusal::invalid("an effect is settled by happened, did_not_happen, undo or drop"))?;
    let value = form.text("value").map(serde_json::from_str).transpose();
    let value = value.map_err(|error| Refusal::invalid(format!("the answer is no JSON: {error}")))?;
    let answer = app.desk.settle(&form.who, &id, Settle { how, value, reason: None }).await?;
    // Only to pages of ours: an address elsewhere would be somebody else's wish.
    let own = form.text("back").filter(|place| place.starts_with("/runs/")).unwrap_or("/connectors");
    Ok(back(own, &told(answer, "settled")))
}

/// Starts or drops an open delivery.
pub(super) async fn delivery(State(app): State<App>, Path(id): Path<String>, form: Form) -> Acted {
    let answer = match form.must("verb")? {
        "start" => app.desk.start_delivery(&form.who, &id).await?,
        "drop" => {
            let wish = DropWish { reason: form.must("reason")?.to_owned() };
            app.desk.drop_delivery(&form.who, &id, wish).await?
        }
        other => return Err(Refusal::invalid(format!("a delivery knows no \"{other}\"")).into()),
    };
    Ok(back("/connectors", &told(answer, "done")))
}

/// Approves or refuses a proposal.
pub(super) async fn proposal(State(app): State<App>, Path(id): Path<String>, form: Form) -> Acted {
    let done = match form.must("decision")? {
        "approve" => {
            let wish = ApproveProposal { digest: form.must("digest")?.to_owned() };
            app.desk.approve_proposal(&form.who, &id, wish).await?
        }
        "refuse" => {
            let wish = Because { reason: form.must("reason")?.to_owned() };
            app.desk.refuse_proposal(&form.who, &id, wish).await?
        }
        other => return Err(Refusal::invalid(format!("a proposal knows no \"{other}\"")).into()),
    };
    let notice =
        done.next.map_or_else(|| done.message.clone(), |next| format!("{} Next: {next}", done.message));
    Ok(back(&format!("/proposals/{id}"), &notice))
}

/// Says yes to the plan that waits for it.
pub(super) async fn confirm(State(app): State<App>, form: Form) -> Acted {
    let wish = ConfirmPlan { token: form.must("token")?.to_owned() };
    let done = app.desk.confirm(&form.who, wish).await?;
    Ok(back("/", &done.message))
}

/// Probes a connector.
pub(super) async fn probe(State(app): State<App>, Path(id): Path<String>, form: Form) -> Acted {
    let found = app.desk.probe(&form.who, &id).await?;
    let word = if found.ok { "answers" } else { "does not answer" };
    Ok(back("/connectors", &format!("{id} {word} ({} ms): {}", found.millis, found.message)))
}

/// Pauses everything, a playbook or a connector, or ends such a pause.
pub(super) async fn pause(State(app): State<App>, form: Form) -> Acted {
    let scope = form.must("scope")?;
    let wish = |reason| PauseWish { scope: scope.to_owned(), reason, until: None };
    let answer = match form.must("verb")? {
        "pause" => app.desk.pause_scope(&form.who, wish(reason(&form))).await?,
        "resume" => app.desk.resume_scope(&form.who, wish(String::new())).await?,
        other => return Err(Refusal::invalid(format!("a pause knows no \"{other}\"")).into()),
    };
    Ok(back("/connectors", &told(answer, "done")))
}
