//! The example agency with its daemon running.

use serde_json::{Value, json};

use crate::{Answer, Daemon, Ran, Stage, company::webhook};

/// The agency, open for business.
#[derive(Debug)]
pub struct Agency {
    /// The company and the outside.
    pub stage: Stage,
    /// The daemon.
    pub daemon: Daemon,
}

impl Agency {
    /// Opens the example as it is.
    pub async fn open() -> Self {
        Self::on(Stage::agency().await).await
    }

    /// Opens a company that was changed before.
    pub async fn on(stage: Stage) -> Self {
        let daemon = Daemon::start(&stage.world, "co", &[]);
        let agency = Self { stage, daemon };
        // A webhook needs a company that is in force.
        drop(agency.daemon.api.until("status", |status| status["revision"]["applied"].is_string()).await);
        agency
    }

    /// Sends a message through the website's form; returns the run that it started.
    ///
    /// # Panics
    /// Where it is not taken.
    pub async fn webhook(&self, id: &str, body: &Value) -> String {
        let Answer { status, body: answer } = self.told(id, body).await;
        assert!([200, 202].contains(&status), "{status}: {answer}");
        let runs = answer["runs"].as_array().expect("it names its runs");
        let run = runs.first().expect("one playbook wants it");
        run.as_str().or_else(|| run["run"].as_str()).expect("a run has an id").to_owned()
    }

    /// Sends a message through the website's form; returns what the website is told.
    ///
    /// # Panics
    /// Where nobody answers.
    pub async fn told(&self, id: &str, body: &Value) -> Answer {
        webhook(&self.daemon.url, id, body).await
    }

    /// Waits for the gate of a run.
    pub async fn gate(&self, run: &str) -> Value {
        let of_run = |gate: &&Value| gate["run"] == run;
        let find = move |inbox: &Value| inbox.as_array().and_then(|gates| gates.iter().find(of_run).cloned());
        let inbox = self.daemon.api.until("inbox", |inbox| find(inbox).is_some()).await;
        find(&inbox).expect("it was found")
    }

    /// Waits for a gate by the playbook that asks.
    pub async fn gate_of(&self, playbook: &str) -> Value {
        let prefix = format!("{playbook}-");
        let is_its = |gate: &&Value| gate["run"].as_str().is_some_and(|run| run.starts_with(&prefix));
        let find = |inbox: &Value| inbox.as_array().and_then(|gates| gates.iter().find(is_its).cloned());
        let inbox = self.daemon.api.until("inbox", |inbox| find(inbox).is_some()).await;
        find(&inbox).expect("it was found")
    }

    /// Approves a gate by its digest.
    pub async fn approve(&self, gate: &Value) -> Value {
        self.decide(gate, json!({})).await
    }

    /// Approves a gate with edits or a form.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn decide(&self, gate: &Value, mut body: Value) -> Value {
        body["digest"] = gate["digest"].clone();
        let id = gate["id"].as_str().expect("a gate has an id");
        self.daemon.api.post(&format!("gates/{id}/approve"), &body).await
    }

    /// Waits until a run stands at a step.
    pub async fn at(&self, run: &str, step: &str) -> Value {
        self.daemon.api.until(&format!("runs/{run}"), |view| view["step"] == step).await
    }

    /// Waits until a run has a status.
    pub async fn is(&self, run: &str, status: &str) -> Value {
        self.daemon.api.until(&format!("runs/{run}"), |view| view["status"] == status).await
    }

    /// Runs a command of the operator.
    pub async fn operator(&self, arguments: &[&str]) -> Ran {
        self.stage.world.asked(arguments).await
    }
}
