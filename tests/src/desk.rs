//! The operator's desk in one process: a runtime on the in-memory store, a scripted world, and the real HTTP server.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use adjutant::{
    desk::{
        Backups, Code, Done, Doors, GitDoor, NewProposal, PageWish, PlanWish, Probes, Received, Refusal,
        doors::DoorAnswer, views::*,
    },
    http::{self, HookRefusal, Hooks, Server},
    reconcile::Company,
    runtime::{
        Activation, Delivery, Handle, ManualClock, NotifyFailure, Performer, Runtime, Settings, StartRun,
        Worst,
    },
};
use adjutant_machine::{
    call::{Call, Notice, Perform, VerbCall},
    event::{ErrorClass, Event},
    id::Stamp,
    memory::MemoryJournal,
    trust::Speaker,
};
use adjutant_spec::plan::{NotifyRule, Plan};
use axum::http::HeaderMap;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::{Value, json};

/// Far above what anything here takes; only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// When the manual clock stands still: 20 November 2026, 13:02 UTC.
const START: Stamp = Stamp(1_795_179_720_000);

/// A call that left the company.
#[derive(Debug, Clone)]
pub struct Left {
    /// The verb's full name.
    pub verb: String,
    /// What the call was made with, rendered.
    pub args: Value,
}

/// What left the company.
pub type Sent = Arc<Mutex<Vec<Left>>>;

/// A running desk.
pub struct Desk {
    /// The server; gone after [`Desk::close`].
    server: Option<Server>,
    /// The runtime behind it.
    pub handle: Handle,
    /// The store of the runtime, in memory.
    pub journal: Arc<MemoryJournal>,
    /// The clock of the runtime, which stands still until a test moves it.
    pub clock: ManualClock,
    /// What left the company.
    pub sent: Sent,
    /// Where the control socket is.
    pub data: PathBuf,
    _folder: tempfile::TempDir,
}

impl Desk {
    /// Opens a desk with the agency example in force.
    pub async fn open() -> Self {
        let desk = Self::empty().await;
        desk.activate().await;
        desk
    }

    /// Opens a desk with nothing in force.
    pub async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        Self::at(folder, data).await
    }

    /// Opens a desk whose data folder has a path that is too long for a socket.
    pub async fn far_away() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a".repeat(120));
        std::fs::create_dir(&data).unwrap();
        let desk = Self::at(folder, data).await;
        desk.activate().await;
        desk
    }

    async fn at(folder: tempfile::TempDir, data: PathBuf) -> Self {
        let journal = Arc::new(MemoryJournal::new());
        let clock = ManualClock::at(START);
        let sent = Sent::default();
        let settings = Settings {
            journal: journal.clone(),
            performer: Arc::new(Scripted { sent: sent.clone() }),
            clock: Arc::new(clock.clone()),
            verbs: 4,
            agents: 2,
            cache_bytes: 1 << 20,
        };
        let handle = Runtime::open(settings).await.unwrap();
        let doors = Doors {
            git: Arc::new(Shelf::default()),
            probes: Arc::new(Gatekeeper),
            backups: Arc::new(Gatekeeper),
        };
        let server = Server::open(http::Settings {
            handle: handle.clone(),
            journal: journal.clone(),
            clock: Arc::new(clock.clone()),
            doors,
            hooks: Arc::new(Gatekeeper),
            data: data.clone(),
            listen: Some(([127, 0, 0, 1], 0).into()),
            public_url: None,
        });
        let server = Some(server.await.unwrap());
        Self { server, handle, journal, clock, sent, data, _folder: folder }
    }

    /// Puts the agency example in force.
    pub async fn activate(&self) {
        let activation = Activation {
            plan: Arc::new(adjutant_company::agency()),
            revision: "4f1c9e2b7a".repeat(4),
            expected: None,
            held: BTreeMap::new(),
            detail: Default::default(),
            story: None,
            by: "operator".to_owned(),
        };
        self.handle.activate(activation).await.unwrap();
    }

    /// Returns the server.
    ///
    /// # Panics
    /// After [`Desk::close`].
    #[must_use]
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the desk is open")
    }

    /// Returns an address of the server.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server().url())
    }

    /// Starts a run of the main job for a message and waits for its gate: high risk for a lead, low for one that is unclear.
    pub async fn gate(&self, message: &str) -> GateView {
        let mut changes = self.handle.subscribe();
        let input = [("message", message), ("sender", "ada@engines.example"), ("name", "Ada Lovelace")];
        let input = input.map(|(name, value)| (name.to_owned(), Value::from(value))).into();
        let wish = StartRun {
            playbook: "inbound".into(),
            input,
            key: Some(message.into()),
            by: "operator".into(),
            speaker: Speaker::Operator,
            ..StartRun::default()
        };
        let run = self.handle.start(wish).await.unwrap().run;
        let waiting = async {
            loop {
                let inbox = self.handle.inbox(PageWish::default()).await.unwrap();
                if let Some(gate) = inbox.items.into_iter().find(|gate| gate.run == run) {
                    return gate;
                }
                drop(changes.recv().await);
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(gate) => gate,
            Err(_) => panic!("no gate: {:#?}", self.handle.run(&run).await),
        }
    }

    /// Waits until a run stands so.
    pub async fn until(&self, run: &str, stands: impl Fn(&RunView) -> bool) {
        let mut changes = self.handle.subscribe();
        let waiting = async {
            while !stands(&self.handle.run(run).await.unwrap()) {
                drop(changes.recv().await);
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("the run does not get there: {:#?}", self.handle.run(run).await);
        }
    }

    /// Returns what left the company by a verb.
    #[must_use]
    pub fn sent(&self, verb: &str) -> Vec<Value> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|left| left.verb == verb).map(|left| left.args.clone()).collect()
    }

    /// Closes the server and the runtime.
    pub async fn close(mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown().await;
        }
        self.handle.shutdown().await;
    }
}

/// Returns a client that follows no redirects; the TLS provider is a formality of the client, no test speaks TLS.
#[must_use]
pub fn client() -> reqwest::Client {
    builder().build().unwrap()
}

/// Returns a client of a control socket.
#[must_use]
pub fn socket_client(socket: &Path) -> reqwest::Client {
    builder().unix_socket(socket).build().unwrap()
}

fn builder() -> reqwest::ClientBuilder {
    static PROVIDER: Once = Once::new();
    // Another client of the same process may have installed it.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none())
}

/// The world: a lead is a lead unless it is "unclear"; every verb works and is noted.
struct Scripted {
    sent: Sent,
}

impl Performer for Scripted {
    fn perform(&self, _: Arc<Plan>, job: Perform, _: Stamp) -> BoxFuture<'static, Event> {
        let (effect, attempt) = (job.effect, job.attempt);
        let value = match &*job.call {
            Call::Route { text, .. } => {
                let class = if text.contains("unclear") { "unsure" } else { "lead" };
                Some(json!({ "class": class, "probability": 0.97, "margin": 0.9, "stage": "rules" }))
            }
            Call::Agent(call) => Some(qualified(&call.input)),
            Call::Verb(call) => self.act(call.clone()),
            _ => None,
        };
        let event = match value {
            Some(value) => {
                Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null }
            }
            None => {
                let message = "the test's world has no such thing".to_owned();
                Event::EffectFailed {
                    effect,
                    attempt,
                    class: ErrorClass::Unavailable,
                    message,
                    retry_after: None,
                    cost: None,
                }
            }
        };
        Box::pin(async move { event })
    }

    fn worst_case(&self, _: &Plan, _: &Call) -> Worst {
        Worst::Nothing
    }

    fn notify(
        &self,
        _: Arc<Plan>,
        _: Notice,
        _: Option<NotifyRule>,
    ) -> BoxFuture<'static, Result<(), NotifyFailure>> {
        Box::pin(async { Ok(()) })
    }
}

impl Scripted {
    fn act(&self, call: VerbCall) -> Option<Value> {
        let answer = match call.verb.as_str() {
            "mail.send" => {
                json!({ "message_id": format!("<{}@test>", call.key), "accepted": [call.args["to"]], "response": "250 ok" })
            }
            "billing.create_invoice" => json!({ "id": "in_1", "status": "open" }),
            _ => return None,
        };
        self.sent.lock().unwrap().push(Left { verb: call.verb, args: call.args });
        Some(answer)
    }
}

fn qualified(input: &Value) -> Value {
    let lead =
        json!({ "name": input["name"], "email": input["sender"], "company": "Engines", "need": "a website" });
    json!({ "lead": lead, "budget": 4200, "fit": "good", "confidence": 0.93, "reasons": ["names a budget"], "summary": "a website" })
}

/// The most bytes of a delivery to the desk's hook: more than other requests may have.
pub const HOOK_LIMIT: usize = 3 * 1024 * 1024;

/// Webhooks with a signature that is a word, and probes that find everything.
struct Gatekeeper;

impl Hooks for Gatekeeper {
    fn limit(&self, connector: &str) -> Result<usize, HookRefusal> {
        match connector {
            "website" => Ok(HOOK_LIMIT),
            other => Err(HookRefusal::Unknown(other.to_owned())),
        }
    }

    fn verify(
        &self,
        connector: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> BoxFuture<'static, Result<Received, HookRefusal>> {
        let connector = connector.to_owned();
        Box::pin(async move {
            if headers.get("x-signature").is_none_or(|value| value != "right") {
                return Err(HookRefusal::Signature("the signature is wrong".to_owned()));
            }
            let fields: Value = serde_json::from_slice(&body)
                .map_err(|error| HookRefusal::Invalid(vec![error.to_string()]))?;
            let id = headers.get("x-id").and_then(|id| id.to_str().ok()).unwrap_or("1").to_owned();
            let by = "connector:website".to_owned();
            if let Some(event) = headers.get("x-event").and_then(|event| event.to_str().ok()) {
                return Ok(Received::Undeclared { event: event.to_owned(), challenge: None });
            }
            let event = "lead".to_owned();
            Ok(Received::Delivery(Delivery { connector, event, id, fields, by, within: None }))
        })
    }
}

impl Backups for Gatekeeper {
    fn backup(&self, folder: &std::path::Path) -> DoorAnswer<BackupView> {
        let refused = Refusal::conflict(format!("there is a store in \"{}\"", folder.display()));
        Box::pin(std::future::ready(Err(refused)))
    }
}

impl Probes for Gatekeeper {
    fn probe(&self, connector: &str) -> DoorAnswer<ProbeView> {
        let found = match connector {
            "mail" => Ok(ProbeView { ok: true, message: "220 ready".to_owned(), millis: 3 }),
            other => Err(Refusal::not_found("connector", other)),
        };
        Box::pin(async move { found })
    }
}

/// One proposal on a shelf.
struct Shelf(Arc<Mutex<ProposalView>>);

impl Default for Shelf {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(ProposalView {
            id: "p-1".to_owned(),
            state: "open".to_owned(),
            title: "Let the qualifier spend more".to_owned(),
            author: "agent:ratchet".to_owned(),
            base: "aaaa".to_owned(),
            head: "bbbb".to_owned(),
            digest: "feedbeef".to_owned(),
            plan: Some(PlanView { ok: true, text: "1 policy changes".to_owned(), ..PlanView::default() }),
            diff: Some("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+two\n".to_owned()),
            ..ProposalView::default()
        })))
    }
}

fn done(message: &str) -> Done {
    Done { applied: true, message: message.to_owned(), next: None }
}

fn ready<T: Send + 'static>(answer: Result<T, Refusal>) -> DoorAnswer<T> {
    Box::pin(async move { answer })
}

impl GitDoor for Shelf {
    fn source(&self) -> DoorAnswer<Status> {
        ready(Ok(Status { ready: true, ..Status::default() }))
    }

    fn plan(&self, wish: PlanWish) -> DoorAnswer<PlanView> {
        let text = wish.to.unwrap_or_default();
        ready(Ok(PlanView { ok: true, text, ..PlanView::default() }))
    }

    fn company_at(&self, revision: &str) -> DoorAnswer<Company> {
        ready(Err(Refusal::not_found("revision", revision)))
    }

    fn proposals(&self, wish: PageWish) -> DoorAnswer<Paged<ProposalView>> {
        let only = ProposalView { diff: None, ..self.0.lock().unwrap().clone() };
        let list = (wish.after.as_ref() != Some(&only.id)).then(|| Ok((only.id.clone(), only)));
        ready(Paged::of(list, wish.size(), 1))
    }

    fn open_proposals(&self) -> u64 {
        u64::from(self.0.lock().unwrap().state == "open")
    }

    fn proposal(&self, id: &str, _: bool) -> DoorAnswer<ProposalView> {
        let proposal = self.0.lock().unwrap().clone();
        ready(if proposal.id == id { Ok(proposal) } else { Err(Refusal::not_found("proposal", id)) })
    }

    fn propose(&self, wish: NewProposal, by: &str) -> DoorAnswer<ProposalView> {
        ready(Ok(ProposalView { title: wish.title, author: by.to_owned(), ..self.0.lock().unwrap().clone() }))
    }

    fn refit(&self, route: &str, said: Vec<CorrectionView>, by: &str) -> DoorAnswer<ProposalView> {
        let title = format!("teach {route} {} corrections", said.len());
        ready(Ok(ProposalView { title, author: by.to_owned(), ..self.0.lock().unwrap().clone() }))
    }

    fn approve(&self, _: &str, digest: &str, _: &str) -> DoorAnswer<Done> {
        let mut proposal = self.0.lock().unwrap();
        if proposal.digest != digest {
            return ready(Err(Refusal::new(Code::Conflict, "the proposal has changed")));
        }
        "approved".clone_into(&mut proposal.state);
        ready(Ok(done("approved")))
    }

    fn refuse(&self, _: &str, reason: &str, _: &str) -> DoorAnswer<Done> {
        "refused".clone_into(&mut self.0.lock().unwrap().state);
        ready(Ok(done(reason)))
    }

    fn revert(&self, _: Option<&str>, _: &str) -> DoorAnswer<Done> {
        ready(Ok(done("reverted")))
    }

    fn hold(&self, reason: &str, _: &str) -> DoorAnswer<Done> {
        ready(Ok(done(reason)))
    }

    fn release(&self, _: &str) -> DoorAnswer<Done> {
        ready(Ok(done("released")))
    }

    fn confirm(&self, token: &str, _: &str) -> DoorAnswer<Done> {
        ready(Ok(done(token)))
    }

    fn pushed(&self, push: Push) -> DoorAnswer<PushAnswer> {
        ready(Ok(PushAnswer { ok: true, text: push.hook, ..PushAnswer::default() }))
    }
}
