//! A world for tests: a company folder, real git, the store on disk, the control socket, and hooks that are processes of their own.

mod folders;
mod names;
mod plug;
mod proposals;
mod pushes;
mod yes;

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use adjutant_machine::{
    call::{Call, Notice, Perform},
    event::Event,
    id::Stamp,
    journal::Journal,
};
use adjutant_spec::plan::{NotifyRule, Plan};
use axum::http::HeaderMap;
use bytes::Bytes;
use futures::future::BoxFuture;
use plug::Plug;
use serde_json::json;
use tempfile::TempDir;

use super::{Git, GitDoor, seen};
use crate::{
    daemon::hook::{self, Between, Unanswered},
    desk::{
        Backups, Doors, Probes, Received, Refusal,
        doors::DoorAnswer,
        views::{BackupView, ProbeView, Push, PushAnswer},
    },
    http::{self, HookRefusal, Hooks, Server, find_control},
    journal::{Options, RocksJournal},
    judgement::tests::unpulled,
    reconcile::{Mode, Reconciler, Settings, Status},
    runtime::{self, Handle, NotifyFailure, Performer, RealClock, Runtime, StartRun, Worst},
    source::{self, Company, HookSetup, Limits, Mirror, Source},
};

const SLICE: &str = "schema = \"adjutant/v1\"\nowner = \"founder\"\n";

/// A playbook that asks and ends; a run of it waits at its gate.
fn asks(title: &str, more: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\ntitle = \"{title}\"\ndeadline = \"14d\"\n[trigger]\nkind = \"manual\"\n\
         [[step]]\nid = \"ask\"\ngate = \"Go on?\"\nrisk = \"low\"\nexpires = \"72h\"\n\
         on = {{ denied = \"close\", expired = \"close\" }}\nnext = \"done\"\n{more}\
         [[step]]\nid = \"close\"\nend = \"cancelled\"\n[[step]]\nid = \"done\"\nend = \"done\"\n"
    )
}

/// The outside of these tests is never asked.
struct Nobody;

impl Performer for Nobody {
    fn perform(&self, _: Arc<Plan>, _: Perform, _: Stamp) -> BoxFuture<'static, Event> {
        Box::pin(std::future::pending())
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
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Hooks for Nobody {
    fn limit(&self, name: &str) -> Result<usize, HookRefusal> {
        Err(HookRefusal::Unknown(name.to_owned()))
    }

    fn verify(
        &self,
        name: &str,
        _: HeaderMap,
        _: Bytes,
    ) -> BoxFuture<'static, Result<Received, HookRefusal>> {
        Box::pin(std::future::ready(Err(HookRefusal::Unknown(name.to_owned()))))
    }
}

impl Backups for Nobody {
    fn backup(&self, folder: &Path) -> DoorAnswer<BackupView> {
        let refused = Refusal::not_found("store", &folder.display().to_string());
        Box::pin(std::future::ready(Err(refused)))
    }
}

impl Probes for Nobody {
    fn probe(&self, name: &str) -> DoorAnswer<ProbeView> {
        Box::pin(std::future::ready(Err(Refusal::not_found("connector", name))))
    }
}

/// A company folder with its repository, and a data directory.
struct Place {
    root: TempDir,
    mode: Mode,
}

/// A daemon over a place, as far as these tests need one.
struct World {
    place: Place,
    reconciler: Reconciler,
    handle: Handle,
    company: Company,
    door: GitDoor,
    plug: Arc<Plug>,
    server: Option<Server>,
}

impl Place {
    fn new(mode: Mode) -> Self {
        let place = Self { root: tempfile::tempdir().expect("a scratch folder"), mode };
        fs::create_dir_all(place.data()).expect("a data directory");
        place.write("adjutant.toml", adjutant_company::COMPANY);
        place.write("playbooks/hello.toml", &asks("Hello", ""));
        place.write("slices/sales/slice.toml", SLICE);
        place.write("slices/sales/playbooks/lead.toml", &asks("Lead", ""));
        place.git(&["init", "--quiet", "--initial-branch=main"]);
        place.commit("first");
        place
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("company")
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn bare(&self) -> String {
        self.data().join("company.git").display().to_string()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn git(&self, arguments: &[&str]) -> String {
        let (is_done, text) = run_git(&self.folder(), arguments);
        assert!(is_done, "git {arguments:?}: {text}");
        text
    }

    /// Pushes to the company's own repository; returns whether it was taken, and what the pusher read.
    async fn push(&self, arguments: &[&str]) -> (bool, String) {
        let (folder, bare) = (self.folder(), self.bare());
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let work = move || {
            let (reference, options) = arguments.split_last().expect("something to push");
            let mut line = vec!["push".to_owned()];
            line.extend(options.iter().cloned());
            line.extend([bare, reference.clone()]);
            let words: Vec<&str> = line.iter().map(String::as_str).collect();
            run_git(&folder, &words)
        };
        tokio::task::spawn_blocking(work).await.expect("git runs")
    }

    async fn open(self) -> World {
        let journal = RocksJournal::open(&self.data(), Options::default()).expect("the store opens");
        let plug = Arc::new(Plug::new(journal));
        let journal: Arc<dyn Journal> = Arc::clone(&plug) as Arc<dyn Journal>;
        let settings = runtime::Settings {
            journal: Arc::clone(&journal),
            performer: Arc::new(Nobody),
            clock: Arc::new(RealClock),
            verbs: 4,
            agents: 4,
            cache_bytes: 1 << 20,
        };
        let handle = Runtime::open(settings).await.expect("the runtime opens");
        let git = source::Git::default;
        let company =
            Company::open(&self.data(), git(), Limits::default()).expect("the company's repository");
        let mirror = Mirror::open(&self.data(), git(), Limits::default()).expect("the mirror");
        install_hooks(&company, &self);
        let folder = (self.mode != Mode::Push).then(|| self.folder());
        let repository = Arc::new(Git::new(company.clone(), mirror.clone(), folder));
        let reconciler = Reconciler::open(Settings {
            handle: handle.clone(),
            journal: Arc::clone(&journal),
            repository: Arc::clone(&repository) as Arc<dyn crate::reconcile::Repository>,
            clock: Arc::new(RealClock),
            mode: self.mode,
            place: "the folder".to_owned(),
            company: self.bare(),
            rehearsal: None,
        })
        .await
        .expect("reconcile opens");
        let door = follow(&self, (&reconciler, repository), (&company, mirror));
        let server = serve(&self, &handle, journal, door.clone()).await;
        World { place: self, reconciler, handle, company, door, plug, server: Some(server) }
    }
}

/// Follows the source as the composition root does.
fn follow(
    place: &Place,
    (reconciler, repository): (&Reconciler, Arc<Git>),
    (company, mirror): (&Company, Mirror),
) -> GitDoor {
    let mode = match place.mode {
        Mode::Push => source::Mode::Push { company: company.clone() },
        _ => source::Mode::Worktree { folder: place.folder() },
    };
    let settings = source::Settings { quiet: Duration::from_millis(30), ..source::Settings::new(mode) };
    let (source, observations) = Source::start(settings, mirror).expect("the source is followed");
    let follower = reconciler.clone();
    tokio::spawn(async move {
        follower.follow(observations, seen).await;
    });
    let source = std::sync::Mutex::new(source);
    let wake = move || source.lock().expect("no panic").wake();
    GitDoor::new((reconciler.clone(), unpulled()), repository, Arc::new(wake))
}

async fn serve(place: &Place, handle: &Handle, journal: Arc<dyn Journal>, door: GitDoor) -> Server {
    let doors = Doors { git: Arc::new(door), probes: Arc::new(Nobody), backups: Arc::new(Nobody) };
    let settings = http::Settings {
        handle: handle.clone(),
        journal,
        clock: Arc::new(RealClock),
        doors,
        hooks: Arc::new(Nobody),
        data: place.data(),
        listen: None,
        public_url: None,
    };
    Server::open(settings).await.expect("the control socket opens")
}

/// Installs hooks that call this test program, which then plays the binary.
fn install_hooks(company: &Company, place: &Place) {
    let program = std::env::current_exe().expect("this program");
    let relay = place.root.path().join("relay");
    let test = module_path!().split_once("::").expect("a module of a crate").1;
    // Standard output is the protocol of `proc-receive`, and the test runner writes to it too.
    let call = format!("exec '{}' --exact {test}::hook_child --ignored --nocapture", program.display());
    fs::write(&relay, format!("#!/bin/sh\nHOOK=$2 export HOOK\n{call} 3>&1 1>/dev/null\n"))
        .expect("a script");
    fs::set_permissions(&relay, fs::Permissions::from_mode(0o755)).expect("executable");
    company.install_hooks(&HookSetup { binary: relay, data: place.data() }).expect("hooks");
}

#[test]
#[ignore = "plays the hook inside a push of the other tests"]
fn hook_child() {
    let Ok(hook) = std::env::var("HOOK") else { return };
    let mut output = fs::File::options().write(true).open("/dev/fd/3").expect("the protocol's pipe");
    let tell = |text: &str| {
        let told = std::io::stderr().write_all(format!("{}\n", text.trim_end()).as_bytes());
        told.expect("the pusher reads");
    };
    let between = Between { ask: &ask, tell: &tell };
    assert_eq!(hook::run(&hook, between, &mut output), 0, "the hook refuses");
}

/// Asks the daemon over the control socket, in the plainest HTTP.
fn ask(push: &Push) -> Result<PushAnswer, Unanswered> {
    let data = std::env::var_os("ADJUTANT_DATA").expect("the script names it");
    let mut socket =
        UnixStream::connect(find_control(Path::new(&data))).map_err(|_| Unanswered::Unreachable)?;
    let mut sent = json!(push);
    for set_by_server in ["hook", "by"] {
        sent.as_object_mut().expect("a push is an object").remove(set_by_server);
    }
    let body = sent.to_string();
    let head = format!(
        "POST /api/v1/hook/{} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        push.hook,
        body.len()
    );
    let mut answer = String::new();
    socket
        .write_all((head + &body).as_bytes())
        .and_then(|()| socket.read_to_string(&mut answer))
        .map_err(|_| Unanswered::Unreachable)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(Unanswered::Unreachable)?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(Unanswered::Refused(body.to_owned()));
    }
    serde_json::from_str(body).map_err(|error| Unanswered::Refused(format!("{error}: {body}")))
}

impl World {
    /// Waits until the status is as wished; the last one is told if it never is.
    async fn until(&self, wished: impl Fn(&Status) -> bool) -> Status {
        let mut statuses = self.reconciler.statuses();
        let found =
            tokio::time::timeout(Duration::from_secs(60), statuses.wait_for(|status| wished(status))).await;
        match found {
            Ok(status) => status.expect("the reconciler lives").clone(),
            Err(_) => panic!("never came true: {:#?}", self.reconciler.status()),
        }
    }

    /// Waits until a revision of the source is in force.
    async fn until_live(&self, revision: &str) -> Status {
        self.until(|status| {
            status.revision.as_deref() == Some(revision) && status.phase.as_deref() == Some("live")
        })
        .await
    }

    fn title(&self, playbook: &str) -> Option<String> {
        self.handle.plan()?.playbooks.get(playbook).map(|found| found.title.clone())
    }

    async fn start(&self, playbook: &str) -> String {
        let wish =
            StartRun { playbook: playbook.to_owned(), by: "operator".to_owned(), ..StartRun::default() };
        let started = self.handle.start(wish).await.expect("a run starts");
        started.run
    }

    /// Ends the process, as far as a test can, and begins another one on the same folders.
    async fn restart(mut self) -> Self {
        if let Some(server) = self.server.take() {
            server.shutdown().await;
        }
        self.plug.pull();
        self.handle.shutdown().await;
        self.place.open().await
    }
}

/// Runs git with an identity and without the configuration of the machine.
fn run_git(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.version=2"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is installed");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}
