//! The whole story, unattended: three messages, three decisions, one death at the worst moment, and the proof.

use std::{process::ExitStatus, time::Instant};

use serde_json::{Value, json};

use super::{
    letters::{BUDGET, CLIENT, LEAD, Letters, SOMEBODY},
    proof,
    stage::{Daemon, PATIENCE, Stage},
};
use crate::{
    cli::{
        failure::{Exit, Failure, Outcome},
        out::{Out, Paint, Say, words},
    },
    desk::{
        Approve,
        views::{AuditView, GateView, RunView},
    },
};

/// The decision is on disk; the mail has not been leased.
const WORST_MOMENT: &str = "after_approval";

/// Tells the story as it happens.
struct Teller<'a> {
    out: &'a Out,
    begun: Instant,
}

impl Teller<'_> {
    fn tell(&self, text: &(impl Say + ?Sized)) {
        let clock = format!("{:6.2} s", self.begun.elapsed().as_secs_f64());
        // The story is the data of this command.
        drop(self.out.data(words!("{}  {}", self.out.paint(Paint::Dim, &clock), *text)));
    }
}

/// Plays the story and proves its end.
pub(super) async fn play(out: &Out, stage: Stage, begun: Instant) -> Outcome {
    let teller = Teller { out, begun };
    teller.tell("North Pier opens. Mail, billing and model are doubles; the daemon is the real one.");
    let daemon = stage.start_daemon(Some(WORST_MOMENT)).await?;
    let letters = Letters::new(&stage, &daemon)?;
    letters.send_all().await?;
    teller
        .tell(&format!("three messages: {LEAD} by webhook (twice), {CLIENT} by mail, {SOMEBODY} by webhook"));
    let waiting = stage.wait_for_gates(&daemon, 3, PATIENCE).await?;
    for gate in &waiting {
        teller.tell(&format!("asks: {}", gate.question));
    }
    let (daemon, lead) = kill_after_approval(&teller, &stage, daemon).await?;
    the_rest(&teller, &stage, &daemon).await?;
    let run = stage.wait_for_run(&daemon, &lead.run, ("the follow-up's pause", is_at("patience"))).await?;
    teller.tell(&format!("{} waits three days for an answer; waiting costs nothing", run.line.id));
    audit(&teller, &daemon).await?;
    daemon.stop().await?;
    let (ledger, has_model) = (stage.ledger(), stage.has_model);
    let lines = proof::prove(&ledger, has_model)?;
    teller.tell("the daemon has stopped. The books of the outside world:");
    lines.iter().for_each(|line| teller.tell(&format!("  {line}")));
    stage.clear().await?;
    teller.tell(&out.paint(Paint::Green, "one mail, one invoice: proven"));
    Ok(Exit::Done)
}

/// Approves the lead's quote; the daemon dies between the decision and the mail, and comes back.
async fn kill_after_approval(
    teller: &Teller<'_>,
    stage: &Stage,
    daemon: Daemon,
) -> Result<(Daemon, GateView), Failure> {
    let mut daemon = daemon;
    if !stage.has_model {
        // Each decision is a worst moment; the first one is the form's.
        daemon = form(teller, stage, daemon).await?;
    }
    let gate = of_lead(stage, &daemon).await?;
    teller.tell(&format!("approving {} by its digest {}", gate.id, &gate.digest[..12]));
    let status = decide_and_die(daemon, &gate, Approve::default()).await?;
    teller.tell(&format!("the daemon is dead ({status}): the decision is on disk, the mail has not left"));
    let daemon = stage.start_daemon(None).await?;
    let again: GateView = daemon.client.view(&["gates", &gate.id]).await?;
    if again.state != "approved" {
        return Err(Failure::new(Exit::Bug, format!("after the restart the gate is {}", again.state)));
    }
    teller.tell("started again: the gate is approved, and the run goes on");
    Ok((daemon, gate))
}

/// Approves a gate with a daemon that dies right after: the answer is lost, the gate tells what became of it.
async fn decide_and_die(daemon: Daemon, gate: &GateView, wish: Approve) -> Result<ExitStatus, Failure> {
    match approve(&daemon, gate, wish).await {
        Err(failure) if failure.exit != Exit::Unreachable => Err(failure),
        _ => daemon.died().await,
    }
}

/// Without a model the operator fills in the agent's form; the daemon dies after that decision too.
async fn form(teller: &Teller<'_>, stage: &Stage, daemon: Daemon) -> Result<Daemon, Failure> {
    let gate = of_lead(stage, &daemon).await?;
    let form = json!({
        "lead": { "name": "Maya Okafor", "email": LEAD, "company": "Okafor Ceramics", "need": "a new website" },
        "budget": BUDGET,
        "fit": "good",
        "confidence": 1,
        "reasons": ["asks for a website and names a budget"],
        "summary": "Maya Okafor asks for a quote.",
    });
    teller.tell("no model is configured: the operator fills in what the agent would have answered");
    decide_and_die(daemon, &gate, Approve { form: Some(form), ..Approve::default() }).await?;
    let daemon = stage.start_daemon(Some(WORST_MOMENT)).await?;
    teller.tell("the daemon died after that decision and is back");
    stage.wait_for_gates(&daemon, 3, PATIENCE).await?;
    Ok(daemon)
}

/// The open gate of the run that the lead's webhook started.
async fn of_lead(stage: &Stage, daemon: &Daemon) -> Result<GateView, Failure> {
    let gates = stage.wait_for_gates(daemon, 3, PATIENCE).await?;
    let is_lead = |gate: &&GateView| {
        ["approve", "qualify"].contains(&gate.step.as_str()) && gate.run.starts_with("inbound-")
    };
    let found = gates.iter().find(is_lead).cloned();
    found.ok_or_else(|| Failure::new(Exit::Bug, "the lead's question is not in the inbox"))
}

/// The client's answer goes out, and the unclear message is dealt with.
async fn the_rest(teller: &Teller<'_>, stage: &Stage, daemon: &Daemon) -> Result<(), Failure> {
    let gates = stage.wait_for_gates(daemon, 2, PATIENCE).await?;
    for gate in &gates {
        approve(daemon, gate, Approve::default()).await?;
        teller.tell(&format!("approved: {}", gate.question));
    }
    for gate in &gates {
        stage.wait_for_run(daemon, &gate.run, ("its end", is_done)).await?;
    }
    Ok(())
}

async fn approve(daemon: &Daemon, gate: &GateView, wish: Approve) -> Result<Value, Failure> {
    let wish = Approve { digest: gate.digest.clone(), ..wish };
    daemon.client.post(&["gates", &gate.id, "approve"], &wish).await
}

fn is_at(step: &str) -> impl Fn(&RunView) -> bool + '_ {
    move |run| run.line.step.as_deref() == Some(step)
}

fn is_done(run: &RunView) -> bool {
    run.line.status == "done"
}

async fn audit(teller: &Teller<'_>, daemon: &Daemon) -> Result<(), Failure> {
    let audit: AuditView = daemon.client.view(&["audit"]).await?;
    if !audit.ok {
        let found: Vec<String> = audit.findings.iter().map(|found| found.reason.clone()).collect();
        return Err(Failure { causes: found, ..Failure::new(Exit::Damaged, "the audit found something") });
    }
    teller.tell(&format!(
        "audit: {} batches chain, {} instances fold to what is stored",
        audit.batches, audit.instances
    ));
    Ok(())
}
