//! Opening and closing the rooms, in their order.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use adjutant_machine::journal::Journal;
use adjutant_spec::plan::Plan;
use futures::{StreamExt, stream::BoxStream};
use tokio::{sync::watch, task::JoinSet};

use super::{
    doors::{Edge, Store},
    error::Error,
    git_door::{self, GitDoor},
    intake, models,
    rehearsal::Rehearsal,
    truth::Truth,
    world::{LiveDoors, World},
};
use crate::{
    desk::Doors,
    effects::{Effects, Options, secrets::Keys},
    http::{self, Server},
    journal::{self, RocksJournal},
    judgement::{Files, Routers},
    reconcile::{self, Reconciler},
    runtime::{self, Clock, Handle, RealClock, Runtime},
    source::{self, Company, Git, HookSetup, Limits, Mirror, Observations, Source},
};

/// How many calls of each connector, agents and bytes of decoded states the daemon works with at once.
const VERBS: usize = 16;
const AGENTS: usize = 4;
const CACHE_BYTES: usize = 8 << 20;

/// Where HTTP is served, and how others reach it.
pub(crate) struct Address {
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
}

/// The daemon: every room, open.
pub(crate) struct Daemon {
    pub(crate) data: PathBuf,
    pub(crate) truth: Truth,
    pub(crate) handle: Handle,
    pub(crate) reconciler: Reconciler,
    pub(crate) server: Option<Server>,
    journal: Arc<RocksJournal>,
    source: Arc<Source>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// The rooms below the source: they are the same with and without a server.
pub(crate) struct Rooms {
    pub(crate) handle: Handle,
    pub(crate) reconciler: Reconciler,
    pub(crate) journal: Arc<RocksJournal>,
    pub(crate) source: Arc<Source>,
    pub(crate) observations: Observations,
    pub(crate) effects: Arc<Effects>,
    routers: Routers,
    git: Arc<git_door::Git>,
    clock: Arc<dyn Clock>,
}

impl Daemon {
    /// Opens every room and begins to follow the source.
    ///
    /// # Errors
    /// The first room that does not open; the others are closed again.
    pub(crate) async fn open(data: &Path, truth: Truth, address: &Address) -> Result<Self, Error> {
        let rooms = Rooms::open(data, &truth).await?;
        let server = match Server::open(settings(data, &rooms, address)).await {
            Ok(server) => server,
            Err(error) => {
                rooms.close().await;
                return Err(error.into());
            }
        };
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let Rooms { handle, reconciler, journal, source, observations, effects, .. } = rooms;
        tasks.spawn(make_ready(Arc::clone(&effects), handle.plans()));
        tasks.spawn(intake::watch_folders(effects, handle.clone(), stopped));
        let following = reconciler.clone();
        tasks.spawn(async move { following.follow(observations, git_door::seen).await });
        let (data, server) = (data.to_owned(), Some(server));
        Ok(Self { data, truth, handle, reconciler, server, journal, source, stop, tasks })
    }

    /// Closes the rooms: no new work comes in, what is under way may finish, the rest waits in the outbox.
    pub(crate) async fn close(mut self) {
        self.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            server.shutdown().await;
        }
        self.tasks.shutdown().await;
        drop(self.reconciler);
        close(self.handle, self.source, self.journal).await;
    }
}

impl Rooms {
    /// Opens the store, the runtime, the effects, Git and reconcile; nothing is served and nothing is followed yet.
    ///
    /// # Errors
    /// The first room that does not open.
    pub(crate) async fn open(data: &Path, truth: &Truth) -> Result<Self, Error> {
        let (folder, clock) = (data.to_owned(), Arc::new(RealClock) as Arc<dyn Clock>);
        let journal = blocking(move || Ok(RocksJournal::open(&folder, journal::Options::default())?)).await?;
        let journal = Arc::new(journal);
        let routers = Routers::new(Files::locate());
        let keep_out = [Some(data), truth.folder()].into_iter().flatten().map(Path::to_owned).collect();
        let options =
            Options { keys: Keys::locate()?, files: data.join("files"), keep_out, routers: routers.clone() };
        let (door, opened) = watch::channel(None);
        let effects = Effects::new(options).behind(Arc::new(LiveDoors(opened)));
        let effects = Arc::new(effects);
        let store = Arc::clone(&journal) as Arc<dyn Journal>;
        let handle = open_runtime(store, (&effects, &door), &clock).await?;
        let (company, mirror) = open_git(data, truth).await?;
        let git = git_door::Git::new(company.clone(), mirror.clone(), truth.folder().map(Path::to_owned));
        let git = Arc::new(git);
        let reconciler = Reconciler::open(reconcile::Settings {
            handle: handle.clone(),
            journal: Arc::clone(&journal) as Arc<dyn Journal>,
            repository: Arc::clone(&git) as Arc<dyn reconcile::Repository>,
            clock: Arc::clone(&clock),
            mode: truth.mode(),
            place: truth.place(),
            company: company.path().display().to_string(),
            rehearsal: Some(Arc::new(Rehearsal::new(Arc::clone(&effects), handle.clone()))),
        });
        let reconciler = reconciler.await?;
        let previous = handle.applied().and_then(|view| view.detail.commit);
        let following = source::Settings { previous, ..source::Settings::new(followed(truth, company)) };
        let (source, observations) = Source::start(following, mirror)?;
        let source = Arc::new(source);
        Ok(Self { handle, reconciler, journal, source, observations, effects, routers, git, clock })
    }

    /// Closes the rooms again.
    pub(crate) async fn close(self) {
        let Self { handle, reconciler, journal, source, git, effects, .. } = self;
        drop((reconciler, git, effects));
        close(handle, source, journal).await;
    }
}

async fn open_runtime(
    journal: Arc<dyn Journal>,
    (effects, door): (&Arc<Effects>, &watch::Sender<Option<Handle>>),
    clock: &Arc<dyn Clock>,
) -> Result<Handle, Error> {
    let world = World::new(Arc::clone(effects), door.subscribe());
    let handle = Runtime::open(runtime::Settings {
        journal,
        performer: Arc::new(world),
        clock: Arc::clone(clock),
        verbs: VERBS,
        agents: AGENTS,
        cache_bytes: CACHE_BYTES,
    })
    .await?;
    // What the outbox has left asks routes at once.
    handle.plan().iter().for_each(|plan| effects.prepare(plan));
    door.send_replace(Some(handle.clone()));
    Ok(handle)
}

/// Opens the mirror and the company's own repository, which in push mode a folder may fill once.
async fn open_git(data: &Path, truth: &Truth) -> Result<(Company, Mirror), Error> {
    let (data, truth) = (data.to_owned(), truth.clone());
    blocking(move || {
        let git = Git::default();
        let company = Company::open(&data, git.clone(), Limits::default())?;
        let binary = std::env::current_exe().map_err(Error::Program)?;
        company.install_hooks(&HookSetup { binary, data: data.clone() })?;
        if let Truth::Push { seed: Some(folder) } = &truth {
            let seeded = company.seed(folder)?;
            tracing::info!(?seeded, folder = %folder.display(), "company.git has its first commit");
        }
        Ok((company, Mirror::open(&data, git, Limits::default())?))
    })
    .await
}

fn followed(truth: &Truth, company: Company) -> source::Mode {
    match truth.clone() {
        Truth::Worktree(folder) => source::Mode::Worktree { folder },
        Truth::Commit(folder) => source::Mode::Commit { folder },
        Truth::Remote { url, branch } => {
            let is_full = branch.starts_with("refs/");
            let reference = if is_full { branch } else { format!("refs/heads/{branch}") };
            source::Mode::Remote { url, reference }
        }
        Truth::Push { .. } => source::Mode::Push { company },
    }
}

fn settings(data: &Path, rooms: &Rooms, address: &Address) -> http::Settings {
    let source = Arc::clone(&rooms.source);
    let wake = Arc::new(move || source.wake());
    let door = GitDoor::new((rooms.reconciler.clone(), rooms.routers.clone()), Arc::clone(&rooms.git), wake);
    let tokio = tokio::runtime::Handle::current();
    let edge = Edge { effects: Arc::clone(&rooms.effects), handle: rooms.handle.clone(), tokio };
    http::Settings {
        handle: rooms.handle.clone(),
        journal: Arc::clone(&rooms.journal) as Arc<dyn Journal>,
        clock: Arc::clone(&rooms.clock),
        doors: Doors {
            git: Arc::new(door.with_conditions(conditions(&rooms.effects, &rooms.handle))),
            probes: Arc::new(edge.clone()),
            backups: Arc::new(Store(Arc::clone(&rooms.journal))),
        },
        hooks: Arc::new(edge),
        data: data.to_owned(),
        listen: Some(address.listen),
        public_url: address.public_url.clone(),
    }
}

/// What the status tells of the edge: which model answers, and which drop folders do not.
fn conditions(effects: &Arc<Effects>, handle: &Handle) -> git_door::Conditions {
    let (models, folders) =
        (models::conditions(Arc::clone(effects), handle.clone()), intake::conditions(Arc::clone(effects)));
    Arc::new(move || models().into_iter().chain(folders()).collect())
}

/// Routers take a while to be fitted: that begins with the plan, and not with the first message.
async fn make_ready(effects: Arc<Effects>, mut plans: BoxStream<'static, Arc<Plan>>) {
    while let Some(plan) = plans.next().await {
        effects.prepare(&plan);
    }
}

async fn close(handle: Handle, source: Arc<Source>, journal: Arc<RocksJournal>) {
    handle.shutdown().await;
    drop(handle);
    let closed = blocking(move || {
        // Hooks and the door to Git hold the source too until their last answer is out: then the last one drops it.
        if let Ok(source) = Arc::try_unwrap(source) {
            source.stop();
        }
        journal.close();
        Ok(())
    });
    if let Err(error) = closed.await {
        tracing::warn!(%error, "not everything closed");
    }
}

/// Does work that waits for the disk off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::Panicked(error)))
}
