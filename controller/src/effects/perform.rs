//! [`Effects`]: the room's one door. It keeps no plan: whoever asks says under which.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use adjutant_machine::{
    call::{Call, Notice, Perform},
    event::{Event, Finding},
};
use adjutant_spec::plan::{Connector, NotifyRule, Plan, Route};
use futures::{
    StreamExt as _,
    future::{join_all, pending},
    stream::BoxStream,
};
use serde_json::Value;
use tokio::sync::watch;

use super::{
    Doors, IntakeError, NotifyFailure, ProbeError, Received, Redactor, Unwatched,
    attempt::{self, Attempt},
    ground::{Ground, Options},
    hops,
    intake::{DropStanding, Item, Refused, Signed, Standings, Webhook},
    kinds::{self, Deliver, Following, Kind},
    notify::{self, Caps},
    outcome::{self, Fault},
    patience::Patience,
    probe, route,
    secrets::Secret,
};
use crate::judgement::{Standing, pin_of};

/// Performs effects on the world as a plan has it.
///
/// *Flow*: [`Effects::perform`] makes one attempt and answers with its event. *Guarantees*: nothing is retried inside;
/// what definitely failed and what may have happened are told apart; no secret is in an event. *Assumptions*: the caller
/// has leased the effect durably before. *Errors*: are events.
pub struct Effects {
    ground: Arc<Ground>,
    caps: Caps,
    standings: Standings,
}

impl Effects {
    /// Returns the room with nothing loaded and nothing watched.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let mut options = options;
        options.keep_out.push(options.keys.path().to_owned());
        let ground = Arc::new(Ground { options, doors: Arc::new(Unwatched) });
        Self { ground, caps: Caps::default(), standings: Standings::default() }
    }

    /// Puts the room behind doors: each is asked whenever something is about to leave.
    #[must_use]
    pub fn behind(self, doors: Arc<dyn Doors>) -> Self {
        let ground = Arc::new(Ground { options: self.ground.options.clone(), doors });
        Self { ground, ..self }
    }

    /// Makes ready what the routes of a plan need, before the first one is asked.
    pub fn prepare(&self, plan: &Plan) {
        self.ground.options.routers.prepare(plan);
    }

    /// Performs one attempt, with the endpoints, secrets, hosts, prices and modes of a plan.
    pub async fn perform(&self, plan: &Plan, job: &Perform) -> Event {
        let redactor = self.ground.redactor(plan, &job.call);
        let deadline = Instant::now() + Duration::from_millis(job.timeout.max(1));
        let attempt = Attempt { ground: &self.ground, plan, job, redactor: &redactor, deadline };
        let answer = match &*job.call {
            Call::Verb(call) => attempt.verb(call).await,
            Call::Probe { of, probe } => {
                return match attempt.probe(of, probe).await {
                    Ok(finding) => Event::EffectProbed {
                        effect: job.effect.clone(),
                        finding: redacted(finding, &redactor),
                    },
                    Err(held) => outcome::event(job, Err(held), &redactor),
                };
            }
            Call::Agent(call) => attempt.agent(call, true).await,
            Call::Route { route, text, context } => {
                let asked = hops::Asked { route, text, context };
                attempt.route(&asked).await
            }
            Call::RecordRead { .. }
            | Call::RecordList { .. }
            | Call::RecordWrite { .. }
            | Call::Signal { .. }
            | Call::FindChild { .. }
            | Call::StartRun { .. } => {
                Err(Fault::invalid("records, signals and runs are the host's own, no effect on the world"))
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
        let Err(fault) = attempt::tell(&self.ground, plan, &call).await else { return Ok(()) };
        self.caps.give_back(rule);
        let message = outcome::told(&self.ground.redactor(plan, &Call::Verb(call)), fault.message());
        notify::failure(&fault, message).map_or(Ok(()), Err)
    }

    /// Returns the most bytes of a delivery to a connector that others send to; nothing is read before that is known.
    ///
    /// # Errors
    /// [`IntakeError::NoConnector`].
    pub fn webhook_limit(plan: &Plan, connector: &str) -> Result<usize, IntakeError> {
        receiver(plan, connector).map(|receiver| receiver.most_bytes)
    }

    /// Watches the places from which items come in, as the newest of some plans has them, until told to stop or no plan comes
    /// any more.
    ///
    /// *Flow*: `deliver` records an item durably, or says why not, before it returns. *Guarantees*: nothing is moved away
    /// before `deliver` has returned. *Assumptions*: repeated ids are dropped by whoever takes deliveries.
    pub async fn watch<D, F>(
        self: Arc<Self>,
        mut plans: BoxStream<'static, Arc<Plan>>,
        deliver: D,
        stop: watch::Receiver<bool>,
    ) where
        D: Fn(Item) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Refused>> + Send + 'static,
    {
        let (hand, newest) = watch::channel(None);
        let deliver: Deliver = Arc::new(move |item| Box::pin(deliver(item)));
        let following = |kind: &dyn Kind| Following {
            kind: kind.word(),
            newest: newest.clone(),
            ground: Arc::clone(&self.ground),
            standings: self.standings.clone(),
            deliver: Arc::clone(&deliver),
            stop: stop.clone(),
        };
        let watching = join_all(kinds::ALL.into_iter().map(|kind| kind.watch(following(kind))));
        let handing = async {
            while let Some(plan) = plans.next().await {
                hand.send_replace(Some(plan));
            }
            // Whoever watches ends at its next look, and not in the middle of an item.
            drop(hand);
            pending::<()>().await;
        };
        tokio::select! {
            _ = watching => {}
            () = handing => {}
        }
    }

    /// Verifies a webhook over its raw bytes and says what it is.
    ///
    /// # Errors
    /// [`IntakeError`], whose status tells the sender.
    pub fn verify_webhook(&self, plan: &Plan, webhook: &Webhook<'_>) -> Result<Received, IntakeError> {
        let Receiver { connector: found, kind, .. } = receiver(plan, webhook.connector)?;
        let no_secret =
            |reason: String| IntakeError::NoSecret { connector: webhook.connector.to_owned(), reason };
        let names = found.secret_names();
        if names.is_empty() {
            return Err(no_secret("it names none".to_owned()));
        }
        let opened: Vec<_> = names.into_iter().map(|name| self.ground.signing_secret(plan, name)).collect();
        // While one secret takes the place of another, the one that can be opened is enough.
        let problem = opened.iter().find_map(|secret| secret.as_ref().err().cloned());
        let secrets: Vec<Secret> = opened.into_iter().flatten().collect();
        if let Some(reason) = problem.filter(|_| secrets.is_empty()) {
            return Err(no_secret(reason));
        }
        kind.receive(&Signed { connector: found, secrets: &secrets, received: webhook })
    }

    /// Looks at a connector without changing anything, for `connectors probe`.
    ///
    /// # Errors
    /// [`ProbeError::NoConnector`]; what is wrong with a connector that exists is in the report.
    pub async fn probe(&self, plan: &Plan, connector: &str) -> Result<Value, ProbeError> {
        let found = plan.connector(connector);
        let found = found.ok_or_else(|| ProbeError::NoConnector(connector.to_owned()))?;
        let secret = self.ground.secret(plan, found);
        let redactor = Redactor::of(secret.as_ref().ok().and_then(Option::as_ref));
        let folders = self.ground.folders(plan);
        let subject = probe::Subject { connector: found, doors: &self.ground.doors, secret, folders };
        Ok(redactor.value(probe::report(&subject).await))
    }

    /// Asks a route, for `adjutant route`: what a step would record, and where that is from. Hops are not asked: nobody
    /// has reserved money for them. Blocks while the model computes.
    #[must_use]
    pub fn try_route(&self, plan: &Plan, route: &str, text: &str) -> Option<Value> {
        let found = plan.route(route)?;
        let context = serde_json::json!({ "input": {}, "steps": {} });
        if let Some(done) = route::by_rule(found, text, &context, &Patience::endless()).ok()? {
            return Some(done.value);
        }
        // What is timed is the decision, not the fit that came before it.
        let fitted = self.ground.options.routers.of(found, pin_of(plan));
        let started = Instant::now();
        let judged = route::Judged::of(fitted, text);
        let decided = route::by_router(found, judged, started);
        Some(route::without_hops(decided).value)
    }

    /// Says again what a route says to texts, each with what its rules may read: by rules and the local router, without
    /// hops, as far as the patience reaches. Blocks while the model computes.
    #[must_use]
    pub fn say_again(&self, of: RouteIn<'_>, asked: &[Inquiry], patience: &Patience) -> Vec<String> {
        let RouteIn { plan, route } = of;
        let fitted = self.ground.options.routers.fit_while(route, pin_of(plan), {
            let patience = patience.clone();
            Arc::new(move || !patience.is_over())
        });
        let say = |Inquiry { text, context }: &Inquiry| match route::by_rule(route, text, context, patience) {
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
        self.ground.options.routers.standing_now(pin)
    }

    /// Returns how each drop folder that is watched stands, by connector.
    #[must_use]
    pub fn drop_folders(&self) -> BTreeMap<String, DropStanding> {
        self.standings.all()
    }

    /// Returns a value without the secrets of a plan.
    #[must_use]
    pub fn masked(&self, plan: &Plan, value: Value) -> Value {
        self.ground.full_redactor(plan).value(value)
    }
}

/// A route as a plan has it.
#[derive(Debug, Clone, Copy)]
pub struct RouteIn<'a> {
    /// The plan, which says by which model.
    pub plan: &'a Plan,
    /// The route, with its rules and classes.
    pub route: &'a Route,
}

/// What a route was asked once.
#[derive(Debug, Clone, PartialEq)]
pub struct Inquiry {
    /// The text that was to be classified.
    pub text: String,
    /// What the conditions of its rules could read beside it.
    pub context: Value,
}

/// A connector to which others send.
struct Receiver<'a> {
    connector: &'a Connector,
    kind: &'static dyn Kind,
    most_bytes: usize,
}

/// Finds the connector to which others send.
fn receiver<'a>(plan: &'a Plan, connector: &str) -> Result<Receiver<'a>, IntakeError> {
    let found = plan.connector(connector).and_then(|connector| {
        let kind = kinds::of(connector).ok()?;
        Some(Receiver { connector, kind, most_bytes: kind.most_bytes(connector)? })
    });
    found.ok_or_else(|| IntakeError::NoConnector(connector.to_owned()))
}

fn redacted(finding: Finding, redactor: &Redactor) -> Finding {
    match finding {
        Finding::Happened(value) => Finding::Happened(redactor.value(value)),
        Finding::DidNotHappen => Finding::DidNotHappen,
        Finding::Unclear(message) => Finding::Unclear(outcome::told(redactor, &message)),
    }
}
