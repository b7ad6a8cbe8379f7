//! The runtime on the store on disk: what a restart finds.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use adjutant::{
    journal::{Options, RocksJournal},
    runtime::{Activation, Handle, NotifyFailure, Performer, RealClock, Runtime, Settings, StartRun, Worst},
};
use adjutant_machine::{
    command::{Call, Notice, Perform},
    event::Event,
    id::Stamp,
    journal::Journal,
};
use adjutant_spec::{
    files::FileSet,
    plan::{NotifyRule, Plan},
};
use futures::future::BoxFuture;
use serde_json::{Value, json};

/// Answers at once, and counts.
#[derive(Default)]
struct Counting {
    calls: AtomicUsize,
}

impl Performer for Counting {
    fn perform(&self, job: Perform, _until: Stamp) -> BoxFuture<'static, Event> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (effect, attempt, value) = (job.effect, job.attempt, json!({ "id": "1" }));
        let event = Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null };
        Box::pin(std::future::ready(event))
    }

    fn worst_case(&self, _plan: &Plan, _call: &Call) -> Worst {
        Worst::Nothing
    }

    fn notify(
        &self,
        _notice: Notice,
        _: Option<NotifyRule>,
    ) -> BoxFuture<'static, Result<(), NotifyFailure>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

const COMPANY: &str = r#"schema = "adjutant/v1"
name = "Disk"
owner = "founder"
zone = "Europe/Berlin"
currency = "EUR"

[[persona]]
id = "founder"
"#;

const DESK: &str = r#"schema = "adjutant/v1"
title = "The desk"
kind = "http"
endpoint = "http://127.0.0.1:9"

[verbs.put]
method = "PUT"
path = "/put"
effect = "write"
idempotency = "native_key"
input = { text = "string" }
output = { id = "string" }

[verbs.cancel]
method = "POST"
path = "/cancel"
effect = "write"
idempotency = "native_key"
input = { id = "string" }
"#;

const GRANT: &str = r#"schema = "adjutant/v1"
title = "Grants"
[[autonomy]]
subject = "playbook:steps"
verb = "desk.put"
level = "act"
"#;

/// Three keyed calls, one after the other.
fn playbook() -> String {
    let mut text = "schema = \"adjutant/v1\"\ntitle = \"Three steps\"\ndeadline = \"30d\"\n".to_owned();
    for step in ["one", "two", "three"] {
        text += &format!(
            "[[step]]\nid = \"{step}\"\ncall = \"desk.put\"\nwith = {{ text = \"hello\" }}\n\
             undo = {{ call = \"desk.cancel\", with = {{ id = \"{{{{ steps.{step}.id }}}}\" }} }}\n"
        );
    }
    text + "[[step]]\nid = \"done\"\nend = \"done\"\n"
}

fn plan() -> Arc<Plan> {
    let mut files = FileSet::new();
    for (path, text) in [
        ("adjutant.toml", COMPANY),
        ("connectors/desk.toml", DESK),
        ("policies/grant.toml", GRANT),
        ("playbooks/steps.toml", &playbook()),
    ] {
        files.insert(path, text.as_bytes().to_vec());
    }
    let loaded = adjutant_spec::load(&files);
    Arc::new(loaded.plan.unwrap_or_else(|| panic!("{}", loaded.report.render())))
}

struct Open {
    journal: Arc<RocksJournal>,
    performer: Arc<Counting>,
    handle: Handle,
}

async fn open(folder: &Path) -> Open {
    let journal = Arc::new(RocksJournal::open(folder, Options::default()).expect("the store opens"));
    let performer = Arc::new(Counting::default());
    let settings = Settings {
        journal: Arc::clone(&journal) as Arc<dyn Journal>,
        performer: Arc::clone(&performer) as Arc<dyn Performer>,
        clock: Arc::new(RealClock),
        verbs: 256,
        agents: 16,
        cache_bytes: 16 << 20,
    };
    let handle = Runtime::open(settings).await.expect("the runtime opens");
    Open { journal, performer, handle }
}

impl Open {
    async fn activate(&self) {
        let activation = Activation {
            plan: plan(),
            revision: "r1".to_owned(),
            expected: None,
            held: BTreeMap::new(),
            detail: Value::Null,
            by: "operator".to_owned(),
        };
        self.handle.activate(activation).await.expect("the revision is activated");
    }

    async fn start(&self, key: usize) -> bool {
        let wish =
            StartRun { playbook: "steps".to_owned(), key: Some(key.to_string()), ..StartRun::default() };
        self.handle.start(wish).await.expect("the run starts").created
    }

    async fn rest(&self) {
        tokio::time::timeout(Duration::from_secs(60), self.handle.settled()).await.expect("it comes to rest");
    }

    async fn close(self) {
        self.handle.shutdown().await;
        let Self { journal, handle, performer } = self;
        drop((handle, performer));
        let journal = Arc::into_inner(journal).expect("nothing holds the store any more");
        tokio::task::spawn_blocking(move || drop(journal)).await.expect("the store closes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_and_the_revision_are_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path()).await;
    first.activate().await;
    futures::future::join_all((0..50).map(|key| first.start(key))).await;
    first.rest().await;
    assert_eq!(first.performer.calls.load(Ordering::SeqCst), 150);
    first.close().await;
    let second = open(folder.path()).await;
    assert_eq!(second.handle.applied().map(|applied| applied.revision).as_deref(), Some("r1"));
    assert!(!second.start(7).await, "the key is known");
    second.rest().await;
    assert_eq!(second.performer.calls.load(Ordering::SeqCst), 0);
    let audit = second.handle.audit().await.expect("the audit runs");
    assert!(audit.ok, "{audit:?}");
    assert_eq!(
        second.handle.status().await.expect("a status").runs,
        BTreeMap::from([("done".to_owned(), 50)])
    );
    second.close().await;
}
