//! [`Effects`]: the room's one door. It keeps no plan: whoever asks says under which.

mod hops;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use adjutant_machine::{
    command::{AgentCall, Call, Notice, Perform, VerbCall},
    event::{Event, Finding},
};
use adjutant_spec::plan::{Connector, NotifyRule, Plan, Route};
use serde_json::Value;

use super::{
    Doors, IntakeError, NotifyFailure, ProbeError, Received, Redactor, Unwatched,
    connectors::{self, VerbJob},
    folders::Folders,
    http,
    intake::{self, DropStanding, Standings, Webhook},
    llm::{self, AgentJob, price},
    notify::{self, Caps},
    outcome::{self, Answer, Fault},
    patience::Patience,
    probe, route,
    secrets::{Keys, Secret},
};
use crate::judgement::{Routers, Standing, pin_of};

/// What the room stands on.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the key of the secrets is.
    pub keys: Keys,
    /// Where the relative folders of connectors begin.
    pub files: PathBuf,
    /// Places that no connector's folder may be, lie in, or hold: the data folder, the repository. What lies below `files` is
    /// excepted, and the key is always one of them.
    pub keep_out: Vec<PathBuf>,
    /// What classifies.
    pub routers: Routers,
}

/// Performs effects on the world as a plan has it.
///
/// *Flow*: [`Effects::perform`] makes one attempt and answers with its event. *Guarantees*: nothing is retried inside;
/// what definitely failed and what may have happened are told apart; no secret is in an event. *Assumptions*: the caller
/// has leased the effect durably before. *Errors*: are events.
pub struct Effects {
    options: Options,
    caps: Caps,
    standings: Standings,
    doors: Arc<dyn Doors>,
}

impl Effects {
    /// Opens the room.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let mut options = options;
        options.keep_out.push(options.keys.path().to_owned());
        Self { options, caps: Caps::default(), standings: Standings::default(), doors: Arc::new(Unwatched) }
    }

    /// Puts the room behind doors: each is asked whenever something is about to leave.
    #[must_use]
    pub fn behind(self, doors: Arc<dyn Doors>) -> Self {
        Self { doors, ..self }
    }

    /// Makes ready what the routes of a plan need, before the first one is asked.
    pub fn prepare(&self, plan: &Plan) {
        self.options.routers.prepare(plan);
    }

    /// Performs one attempt, with the endpoints, secrets, hosts, prices and modes of a plan.
    pub async fn perform(&self, plan: &Plan, job: &Perform) -> Event {
        let redactor = self.redactor(plan, &job.call);
        let deadline = Instant::now() + Duration::from_millis(job.timeout.max(1));
        let attempt = Attempt { plan, job, redactor: &redactor, deadline };
        let answer = match &job.call {
            Call::Verb(call) => self.verb(&attempt, call).await,
            Call::Probe { of, probe } => {
                return match self.probe_call(&attempt, of, probe).await {
                    Ok(finding) => Event::EffectProbed {
                        effect: job.effect.clone(),
                        finding: redacted(finding, &redactor),
                    },
                    Err(held) => outcome::event(job, Err(held), &redactor),
                };
            }
            Call::Agent(call) => self.agent(&attempt, call, true).await,
            Call::Route { route, text, context } => {
                let asked = hops::Asked { route, text, context };
                self.route(&attempt, &asked).await
            }
            Call::RecordRead { .. }
            | Call::RecordList { .. }
            | Call::RecordWrite { .. }
            | Call::FindChild { .. }
            | Call::StartRun { .. } => {
                Err(Fault::invalid("records and runs are the host's own, no effect on the world"))
            }
        };
        outcome::event(job, answer, &redactor)
    }

    /// Tells the operator by one rule; without a rule, or an address, it is logged. Every rule is a delivery of its own: what
    /// becomes of this one says nothing about another.
    ///
    /// # Errors
    /// [`NotifyFailure`], which says whether to try again.
    pub async fn notify(
        &self,
        plan: &Plan,
        notice: &Notice,
        rule: Option<&NotifyRule>,
    ) -> Result<(), NotifyFailure> {
        let Some(rule) = rule else {
            tracing::info!(notice = %notify::logged(notice), "no rule carries the notice");
            return Ok(());
        };
        let Some(to) = notify::address(plan, rule) else {
            tracing::info!(notice = %notify::logged(notice), "no address for the notice");
            return Ok(());
        };
        if !self.caps.take(rule, &notify::today(plan)) {
            tracing::info!(notice = %notify::logged(notice), per_day = rule.per_day, "the day's notices are used up");
            return Ok(());
        }
        let call = notify::call(plan, rule, notice, &to);
        let Err(fault) = self.tell(plan, &call).await else { return Ok(()) };
        self.caps.give_back(rule);
        let message = outcome::told(&self.redactor(plan, &Call::Verb(call)), fault.message());
        notify::failure(&fault, message).map_or(Ok(()), Err)
    }

    /// Verifies a webhook over its raw bytes and says what it is.
    ///
    /// # Errors
    /// [`IntakeError`], whose status tells the sender.
    pub fn verify_webhook(&self, plan: &Plan, webhook: &Webhook<'_>) -> Result<Received, IntakeError> {
        let found = intake::receiver(plan, webhook.connector)?;
        let no_secret =
            |reason: String| IntakeError::NoSecret { connector: webhook.connector.to_owned(), reason };
        let names = found.secret_names();
        if names.is_empty() {
            return Err(no_secret("it names none".to_owned()));
        }
        let opened: Vec<_> = names.into_iter().map(|name| self.signing_secret(plan, name)).collect();
        // While one secret takes the place of another, the one that can be opened is enough.
        let problem = opened.iter().find_map(|secret| secret.as_ref().err().cloned());
        let secrets: Vec<Secret> = opened.into_iter().flatten().collect();
        if let Some(reason) = problem.filter(|_| secrets.is_empty()) {
            return Err(no_secret(reason));
        }
        intake::verify(found, &secrets, webhook)
    }

    /// Looks at a connector without changing anything, for `connectors probe`.
    ///
    /// # Errors
    /// [`ProbeError::NoConnector`]; what is wrong with a connector that exists is in the report.
    pub async fn probe(&self, plan: &Plan, connector: &str) -> Result<Value, ProbeError> {
        let found = plan.connector(connector);
        let found = found.ok_or_else(|| ProbeError::NoConnector(connector.to_owned()))?;
        let secret = self.secret(plan, found);
        let redactor = Redactor::of(secret.as_ref().ok().and_then(Option::as_ref));
        let folders = self.folders(plan);
        let subject = probe::Subject { connector: found, doors: &self.doors, secret, folders };
        Ok(redactor.value(probe::report(&subject).await))
    }

    /// Asks a route, for `adjutant route`: what a step would record, and where that is from. Hops are not asked: nobody
    /// has reserved money for them. Blocks while the model computes.
    #[must_use]
    pub fn try_route(&self, plan: &Plan, route: &str, text: &str) -> Option<Value> {
        let found = plan.route(route)?;
        let context = serde_json::json!({ "input": {}, "steps": {} });
        if let Some(done) = route::by_rule(found, (text, &context), &Patience::endless()).ok()? {
            return Some(done.value);
        }
        // What is timed is the decision, not the fit that came before it.
        let fitted = self.options.routers.of(found, pin_of(plan));
        let started = Instant::now();
        let judged = route::Judged::of(fitted, text);
        let decided = route::by_router(found, judged, started);
        Some(route::without_hops(decided).value)
    }

    /// Says again what a route says to texts, each with what its rules may read: by rules and the local router, without
    /// hops, as far as the patience reaches. Blocks while the model computes.
    #[must_use]
    pub fn say_again(
        &self,
        (plan, route): (&Plan, &Route),
        asked: &[(String, Value)],
        patience: &Patience,
    ) -> Vec<String> {
        let fitted = self.options.routers.fit_while(route, pin_of(plan), {
            let patience = patience.clone();
            Arc::new(move || !patience.is_over())
        });
        let say = |(text, context): &(String, Value)| match route::by_rule(route, (text, context), patience) {
            Ok(Some(done)) => route::class_of(&done),
            Ok(None) => {
                let judged = route::Judged::of(Arc::clone(&fitted), text);
                let decided = route::by_router(route, judged, Instant::now());
                route::class_of(&route::without_hops(decided))
            }
            Err(_) => route::UNSURE.to_owned(),
        };
        let said = asked.iter().map(say);
        // The last one may have been cut off in the middle: it does not count.
        said.take_while(|_| !patience.is_over()).collect()
    }

    /// Returns which model answers, where it is loaded already.
    #[must_use]
    pub fn standing(&self, pin: Option<&str>) -> Option<Standing> {
        self.options.routers.standing_now(pin)
    }

    /// Returns how each drop folder that is watched stands, by connector.
    #[must_use]
    pub fn drop_folders(&self) -> BTreeMap<String, DropStanding> {
        self.standings.all()
    }

    /// Where the drop folders say how they stand.
    pub(super) fn standings(&self) -> &Standings {
        &self.standings
    }

    /// Returns the folder of a connector, or why it is not used.
    pub(super) fn folder_of(&self, plan: &Plan, connector: &Connector) -> Result<PathBuf, String> {
        self.folders(plan).own(connector)
    }

    fn folders(&self, plan: &Plan) -> Folders {
        Folders::new(&self.options.files, &self.options.keep_out, plan)
    }

    async fn verb(&self, attempt: &Attempt<'_>, call: &VerbCall) -> Answer {
        let Attempt { plan, job, .. } = *attempt;
        let (connector, verb) = connectors::resolve(plan, &call.verb)?;
        let secret = self.secret_of_call(plan, connector)?;
        let timeout = Duration::from_millis(job.timeout.min(verb.timeout.millis()).max(1));
        let (doors, folders) = (&self.doors, self.folders(plan));
        let work = VerbJob { connector, doors, is_counted: true, verb, call, secret, timeout, folders };
        connectors::perform(&work, job.dry).await
    }

    async fn probe_call(&self, attempt: &Attempt<'_>, of: &VerbCall, probe: &str) -> Result<Finding, Fault> {
        let verb = match connectors::resolve(attempt.plan, probe) {
            Ok((_, verb)) => verb,
            Err(fault) => return Ok(Finding::Unclear(fault.message().to_owned())),
        };
        let probed = http::Probed { verb, of };
        let answer = match http::probe_arguments(&probed) {
            Ok(args) => self.verb(attempt, &looking(probe, args, of)).await,
            Err(fault) => Err(fault),
        };
        match answer {
            // A door that is shut says nothing about the call in doubt: the probe asks again.
            Err(held @ Fault::Held(_)) => Err(held),
            answer => Ok(http::find(&probed, answer)),
        }
    }

    async fn agent(&self, attempt: &Attempt<'_>, call: &AgentCall, is_counted: bool) -> Answer {
        let Attempt { plan, job, redactor, deadline } = *attempt;
        let (connector, model) = llm::resolve(plan, call)?;
        let tariff = price::Tariff::of(&plan.prices, &model)
            .map_err(|unpriced| Fault::unavailable(unpriced.to_string()))?;
        let secret = self.secret_of_call(plan, connector)?;
        let work = AgentJob {
            connector,
            doors: &self.doors,
            is_counted,
            model,
            tariff,
            call,
            reads_input: llm::reads_input(plan, &call.agent),
            labels: job.labels,
            key: job.effect.key(),
            secret,
            redactor,
            deadline,
        };
        llm::ask(&work).await
    }

    async fn tell(&self, plan: &Plan, call: &VerbCall) -> Result<(), Fault> {
        let (connector, verb) = connectors::resolve(plan, &call.verb)?;
        let secret = self.secret_of_call(plan, connector)?;
        let timeout = Duration::from_millis(verb.timeout.millis());
        let (doors, folders) = (&self.doors, self.folders(plan));
        let work = VerbJob { connector, doors, is_counted: false, verb, call, secret, timeout, folders };
        connectors::perform(&work, false).await.map(drop)
    }

    fn secret_of_call(&self, plan: &Plan, connector: &Connector) -> Result<Option<Secret>, Fault> {
        self.secret(plan, connector).map_err(|reason| {
            Fault::new(
                adjutant_machine::event::ErrorClass::Auth,
                format!("the secret of connector \"{}\" cannot be used: {reason}", connector.id),
            )
        })
    }

    fn secret(&self, plan: &Plan, connector: &Connector) -> Result<Option<Secret>, String> {
        connector.secret.as_ref().map(|name| self.open_secret(plan, name)).transpose()
    }

    fn signing_secret(&self, plan: &Plan, name: &str) -> Result<Secret, String> {
        let secret = self.open_secret(plan, name)?;
        // A key that can be guessed verifies nothing: whoever guesses it would be taken for the sender.
        match intake::weakness(secret.expose()) {
            Some(why) => Err(format!("its secret \"{name}\" {why}")),
            None => Ok(secret),
        }
    }

    fn open_secret(&self, plan: &Plan, name: &str) -> Result<Secret, String> {
        let sealed = plan.secrets.get(name).ok_or_else(|| format!("there is no \"secrets/{name}.age\""))?;
        self.options.keys.decrypt(sealed).map_err(|error| error.to_string())
    }

    /// Every secret of the company that opens: one may come back through another's answer, or stand in a prompt. What
    /// never leaves the machine needs none.
    fn redactor(&self, plan: &Plan, call: &Call) -> Redactor {
        let leaves = match call {
            Call::Verb(_) | Call::Probe { .. } | Call::Agent(_) => true,
            Call::Route { route, .. } => plan.route(route).is_some_and(|route| !route.escalate.is_empty()),
            _ => false,
        };
        if leaves { self.full_redactor(plan) } else { Redactor::default() }
    }

    /// Returns a value without the secrets of a plan.
    #[must_use]
    pub fn masked(&self, plan: &Plan, value: Value) -> Value {
        self.full_redactor(plan).value(value)
    }

    fn full_redactor(&self, plan: &Plan) -> Redactor {
        let opened: Vec<Secret> =
            plan.secrets.values().filter_map(|sealed| self.options.keys.decrypt(sealed).ok()).collect();
        Redactor::of(&opened)
    }
}

/// One attempt under the plan that let it go.
struct Attempt<'a> {
    plan: &'a Plan,
    job: &'a Perform,
    redactor: &'a Redactor,
    deadline: Instant,
}

/// The call of a probing verb: it looks, whatever the call in doubt did.
fn looking(probe: &str, args: Value, of: &VerbCall) -> VerbCall {
    VerbCall {
        verb: probe.to_owned(),
        args,
        key: of.key.clone(),
        effect: adjutant_spec::plan::Effect::Read,
        idempotency: adjutant_spec::plan::Idempotency::Pure,
        undo_of: None,
    }
}

fn redacted(finding: Finding, redactor: &Redactor) -> Finding {
    match finding {
        Finding::Happened(value) => Finding::Happened(redactor.value(value)),
        Finding::DidNotHappen => Finding::DidNotHappen,
        Finding::Unclear(message) => Finding::Unclear(outcome::told(redactor, &message)),
    }
}
