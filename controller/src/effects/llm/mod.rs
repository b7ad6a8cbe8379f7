//! Questions to models: a question with a contract, an answer that keeps it.
//!
//! ```text
//!   AgentCall ─► prompt (untrusted text fenced) ─► its kind's wire ─► JSON ─► the agent's own schema ─► done
//!                                                      ▲                        │ complaints
//!                                                      └──── one repair ◄───────┘
//! ```
//! The provider's strict mode takes a part of JSON Schema only: it gets a lowered form, the answer is checked against the
//! original. A model that breaks its contract twice has failed; an answer can never be anything else than its schema says,
//! whatever the text it read told it to do.

mod answerer;
mod conversation;
mod extract;
mod job;
pub(super) mod price;
mod prompt;
mod strict;

use adjutant_machine::event::ErrorClass;
use adjutant_spec::{plan::Mode, value::Money};
use serde_json::{Value, json};

use super::{
    doors::Door,
    kinds::{self, Kind},
    outcome::{Done, Ending, Fault, Held},
    schema,
};

pub(super) use answerer::{Answerer, reads_input, resolve};
pub(super) use conversation::{Completion, Conversation};
pub(super) use job::AgentJob;
pub(super) use price::{Bill, Usage};
pub(super) use strict::Lowered;

/// Asks once, and a second time where the first answer breaks the contract.
pub(super) async fn ask(job: &AgentJob<'_>) -> Ending {
    if job.connector.mode == Mode::Fixture {
        return fixture(job);
    }
    let kind = kinds::of(job.connector)?;
    let door = Door::to(job.doors, job.connector);
    if !job.is_counted {
        door.take(None).await?;
    }
    let mut bill = Bill::new(job.tariff.clone());
    let mut conversation = Conversation::begin(job, kind.sends_schema(job.connector));
    let complaints = match turn(kind, job, &mut conversation, &mut bill).await? {
        Ok(value) => return Ok(done(job, value, &conversation, &bill)),
        Err(complaints) => complaints,
    };
    if !can_repair(job, &conversation, &bill) {
        return Err(broken(job, &complaints, &bill));
    }
    conversation.complain(job, &complaints);
    // The second question is one more that leaves.
    door.take(None).await.map_err(|fault| broken_off(fault, &bill))?;
    let second = turn(kind, job, &mut conversation, &mut bill).await;
    match second.map_err(|fault| broken_off(fault, &bill))? {
        Ok(value) => Ok(done(job, value, &conversation, &bill)),
        Err(complaints) => Err(broken(job, &complaints, &bill)),
    }
}

/// The first question has left and was paid for: the attempt as a whole is tried again once the door is open, or there is room.
fn broken_off(fault: Fault, bill: &Bill) -> Fault {
    let fault = match fault {
        Fault::Held(Held { why, after: None }) => Fault::transient(why),
        Fault::Held(Held { why, after }) => Fault::new(ErrorClass::RateLimited, why).after(after),
        other => return other,
    };
    fault.costing(Some(bill.total()))
}

/// One request and its answer: a value that keeps the contract, or what is wrong with it.
async fn turn(
    kind: &dyn Kind,
    job: &AgentJob<'_>,
    conversation: &mut Conversation,
    bill: &mut Bill,
) -> Result<Result<Value, Vec<String>>, Fault> {
    let completion = kind.complete(job, conversation, bill).await?;
    conversation.heard(&completion);
    if let Some(refusal) = completion.refusal {
        let fault = Fault::new(ErrorClass::Refused, format!("the model declined: {refusal}"));
        return Err(fault.costing(Some(bill.total())));
    }
    if completion.is_cut {
        return Ok(Err(vec![format!("the answer is longer than {} tokens", job.call.max_tokens)]));
    }
    Ok(extract::the_one(&completion.content, |value| {
        let value = strict::without_nulls(value, &job.call.output);
        let length = value.to_string().len();
        if length > longest(job) {
            return Err(vec![format!("the answer is {length} bytes long, more than {}", longest(job))]);
        }
        schema::check(&job.call.output, &value).map(|()| value)
    }))
}

/// The most bytes of an answer: far above what its tokens write, far below what a page could not show.
fn longest(job: &AgentJob<'_>) -> usize {
    const BYTES_PER_TOKEN: usize = 16;
    const LONGEST: usize = 256 * 1024;
    usize::try_from(job.call.max_tokens)
        .unwrap_or(LONGEST)
        .saturating_mul(BYTES_PER_TOKEN)
        .clamp(4_096, LONGEST)
}

/// The contract's cap holds for both turns together.
fn can_repair(job: &AgentJob<'_>, conversation: &Conversation, bill: &Bill) -> bool {
    let Some(cap) = job.call.max_cost else { return true };
    let next = bill.worst_turn(conversation.bytes(), job.call.max_tokens);
    bill.total().plus(next).and_then(|total| total.exceeds(cap)).is_ok_and(|exceeds| !exceeds)
}

fn broken(job: &AgentJob<'_>, complaints: &[String], bill: &Bill) -> Fault {
    let message = format!("agent \"{}\" broke its contract: {}", job.call.agent, complaints.join("; "));
    Fault::invalid(message).costing(Some(bill.total()))
}

fn done(job: &AgentJob<'_>, value: Value, conversation: &Conversation, bill: &Bill) -> Done {
    let provenance = json!({
        "agent": job.call.agent,
        "connector": job.connector.id,
        "model": job.model,
        "turns": conversation.turns(),
        "usage": bill.usage(),
        "price": job.tariff.price,
    });
    Done { value, cost: Some(bill.total()), provenance }
}

fn fixture(job: &AgentJob<'_>) -> Ending {
    let fixtures = job.connector.settings.get("fixture");
    let value = fixtures.and_then(|all| all.get(&job.call.agent)).cloned().ok_or_else(|| {
        Fault::unavailable(format!(
            "connector \"{}\" has no `fixture` for agent \"{}\"",
            job.connector.id, job.call.agent
        ))
    })?;
    schema::check(&job.call.output, &value).map_err(|complaints| {
        Fault::invalid(format!("the fixture breaks its schema: {}", complaints.join("; ")))
    })?;
    let zero = Money::zero(job.tariff.currency);
    Ok(Done { value, cost: Some(zero), provenance: json!({ "mode": "fixture" }) })
}
