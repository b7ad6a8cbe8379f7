//! The loop around a source: wait for a reason to look, let things come to rest, look, tell.
//!
//! It runs on a thread of its own, because everything in it blocks (git, files). All reasons are equal and carry nothing:
//! file events, [`Source::wake`], the timer. File events wait for a quiet period, so a burst is one revision; a wake-up by
//! hand or by a hook is looked at at once. Readers see the latest observation; what came between is lost on purpose.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    company::Company,
    error::Error,
    git::Git,
    mirror::Mirror,
    observe::{Lookout, Observer},
    revision::{Observation, Unreadable},
    stderr::GitCode,
    walk::Limits,
    watch::{Hints, no_events_on},
};

/// Looks that end in "a file changes while it is read" before that is told.
const PATIENCE: u32 = 15;
/// The first pause after a failed look at a remote, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Which place is the truth.
#[derive(Debug, Clone)]
pub enum Mode {
    /// What is saved in a folder.
    Worktree {
        /// The company's folder.
        folder: PathBuf,
    },
    /// `HEAD` of a folder's repository.
    Commit {
        /// The company's folder.
        folder: PathBuf,
    },
    /// One fully qualified reference of a repository elsewhere.
    Remote {
        /// The address, as for `git fetch`.
        url: String,
        /// For example `refs/heads/main`.
        reference: String,
    },
    /// `main` of the daemon's own repository.
    Push {
        /// The daemon's own repository of the company.
        company: Company,
    },
}

/// How a source is followed; [`Settings::new`] gives the usual figures.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which place is the truth.
    pub mode: Mode,
    /// How git is run.
    pub git: Git,
    /// How much a revision may hold.
    pub limits: Limits,
    /// How long events must be silent before a look.
    pub quiet: Duration,
    /// How long a stream of events can put a look off.
    pub cap: Duration,
    /// The pause between looks without a hint where events arrive.
    pub rescan: Duration,
    /// The pause between looks where they do not.
    pub poll: Duration,
    /// Whether to do without file events, for file systems that send none.
    pub without_events: bool,
    /// The commit that was in force before, to see rewritten history across a restart.
    pub previous: Option<String>,
}

impl Settings {
    /// Returns the usual settings: 300 ms of quiet, at most 2 s, a look every 30 s (a remote: every 60 s).
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let rescan = if matches!(mode, Mode::Remote { .. }) { 60 } else { 30 };
        Self {
            mode,
            git: Git::default(),
            limits: Limits::default(),
            quiet: Duration::from_millis(300),
            cap: Duration::from_secs(2),
            rescan: Duration::from_secs(rescan),
            poll: Duration::from_secs(2),
            without_events: false,
            previous: None,
        }
    }
}

/// How a source finds out that something may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watching {
    /// By file events, with a periodic look as a net.
    Events,
    /// By looking often, because events cannot be had.
    Polling(String),
    /// By hooks, wake-ups and the timer; there is no folder to watch.
    Hints,
}

/// A source that is being followed. Dropping it ends the thread.
#[derive(Debug)]
pub struct Source {
    signals: Sender<Signal>,
    watching: Arc<Mutex<Watching>>,
    thread: Option<JoinHandle<()>>,
}

enum Signal {
    Hint,
    Wake,
    Stop,
}

/// The latest observation; `None` before the first look has ended.
pub type Observations = watch::Receiver<Option<Observation>>;

impl Source {
    /// Starts to follow a source with a mirror; the first look begins at once. Returns the source and what is seen of it, as a
    /// channel does its two ends.
    ///
    /// # Errors
    /// If the thread cannot be started. What is wrong with the source itself is an observation.
    pub fn start(settings: Settings, mirror: Mirror) -> Result<(Self, Observations), Error> {
        let (signals, inbox) = channel();
        let (tell, observations) = watch::channel(None);
        let watching = Arc::new(Mutex::new(Watching::Hints));
        let follower = Follower::new(settings, mirror, Wires { signals: signals.clone(), inbox, tell });
        let shared = watching.clone();
        let thread =
            thread::Builder::new().name("source".to_owned()).spawn(move || follower.run(&shared)).map_err(
                |error| Error::File { doing: "start the thread of", path: "source".into(), source: error },
            )?;
        Ok((Self { signals, watching, thread: Some(thread) }, observations))
    }

    /// Says that something may have changed; the look follows at once.
    pub fn wake(&self) {
        // The thread only ends before its source if it panicked, which the closed channel of observations tells.
        self.signals.send(Signal::Wake).ok();
    }

    /// Returns how changes are noticed at present.
    #[must_use]
    pub fn watching(&self) -> Watching {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the thread and waits for it, at most for one git command.
    pub fn stop(mut self) {
        self.signals.send(Signal::Stop).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.signals.send(Signal::Stop).ok();
    }
}

/// The ends of the channels that the thread holds.
struct Wires {
    signals: Sender<Signal>,
    inbox: Receiver<Signal>,
    tell: watch::Sender<Option<Observation>>,
}

/// What a wait ended with.
#[derive(PartialEq, Eq)]
enum Next {
    Look,
    Stop,
}

struct Follower {
    observer: Observer,
    hints: Option<Hints>,
    folder: Option<PathBuf>,
    settings: Settings,
    wires: Wires,
    failures: u32,
    unsettled: u32,
}

impl Follower {
    fn new(settings: Settings, mirror: Mirror, wires: Wires) -> Self {
        let (place, folder) = match settings.mode.clone() {
            Mode::Worktree { folder } => {
                let folder = absolute(folder);
                (Observer::worktree(folder.clone(), settings.git.clone(), settings.limits), Some(folder))
            }
            Mode::Commit { folder } => {
                let folder = absolute(folder);
                (Lookout::Commit { folder: folder.clone() }, Some(folder))
            }
            Mode::Remote { url, reference } => (Lookout::Remote { url, reference }, None),
            Mode::Push { company } => (Lookout::Push { company }, None),
        };
        let observer = Observer::new(place, settings.git.clone(), mirror, settings.previous.clone());
        Self { observer, hints: None, folder, settings, wires, failures: 0, unsettled: 0 }
    }

    fn run(mut self, watching: &Mutex<Watching>) {
        self.hints = self.folder.as_deref().map(|folder| self.start_hints(folder));
        loop {
            let is_settled = self.look();
            let has_new = self.arm(watching);
            let pause = match (is_settled, has_new) {
                (false, _) => self.settings.quiet,
                // What happened in a directory before its watch began was not seen.
                (true, true) => Duration::ZERO,
                (true, false) => self.pause(),
            };
            if self.wait(pause) == Next::Stop {
                return;
            }
        }
    }

    fn start_hints(&self, folder: &std::path::Path) -> Hints {
        if self.settings.without_events {
            return Hints::without_events("switched off");
        }
        if let Some(kind) = no_events_on(folder) {
            return Hints::without_events(kind);
        }
        let signals = self.wires.signals.clone();
        Hints::start(folder, move || {
            signals.send(Signal::Hint).ok();
        })
    }

    /// Looks once and tells; returns false if the files did not hold still and it is too early to say so.
    fn look(&mut self) -> bool {
        let observation = match self.observer.look() {
            Ok(observed) => Observation::Observed(observed),
            Err(Error::Unsettled { .. }) if self.unsettled < PATIENCE => {
                self.unsettled += 1;
                return false;
            }
            Err(error) => {
                tracing::debug!(%error, "source unreadable");
                self.failures = if is_permanent(&error) { u32::MAX } else { self.failures.saturating_add(1) };
                self.tell(Observation::Unreadable(Unreadable::from(&error)));
                return true;
            }
        };
        (self.failures, self.unsettled) = (0, 0);
        self.tell(observation);
        true
    }

    /// Tells an observation unless it is the one that was told last.
    fn tell(&self, observation: Observation) {
        self.wires.tell.send_if_modified(|last| {
            let is_news = last.as_ref().is_none_or(|last| !is_same(last, &observation));
            if is_news {
                *last = Some(observation);
            }
            is_news
        });
    }

    fn arm(&mut self, watching: &Mutex<Watching>) -> bool {
        let Some(hints) = &mut self.hints else { return false };
        let has_new = hints.arm(self.observer.wanted());
        let state = match hints.why_not() {
            None => Watching::Events,
            Some(why) => Watching::Polling(why.to_owned()),
        };
        *watching.lock().unwrap_or_else(PoisonError::into_inner) = state;
        has_new
    }

    /// Returns how long to wait without a hint.
    fn pause(&self) -> Duration {
        let is_blind = self.hints.as_ref().is_some_and(|hints| !hints.is_watching());
        if is_blind {
            return self.settings.poll;
        }
        if self.failures == 0 || self.folder.is_some() {
            // A folder costs nothing to look at again; it comes back when its mount does.
            let failing = self.failures > 0 && self.folder.is_some();
            return if failing { self.settings.poll } else { jittered(self.settings.rescan) };
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.failures - 1).min(10));
        jittered(doubled.min(LONGEST_PAUSE))
    }

    /// Waits for a reason to look. A hint is followed by silence or by the cap.
    fn wait(&self, pause: Duration) -> Next {
        match self.wires.inbox.recv_timeout(pause) {
            Ok(Signal::Hint) => self.wait_for_quiet(),
            Ok(Signal::Wake) | Err(RecvTimeoutError::Timeout) => Next::Look,
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => Next::Stop,
        }
    }

    fn wait_for_quiet(&self) -> Next {
        let end = Instant::now() + self.settings.cap;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Look;
            }
            match self.wires.inbox.recv_timeout(self.settings.quiet.min(left)) {
                Ok(Signal::Hint) => {}
                Ok(Signal::Wake) | Err(RecvTimeoutError::Timeout) => return Next::Look,
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return Next::Stop,
            }
        }
    }
}

/// Returns whether a look has nothing new to say: the rewind is told once, with the revision that it led to.
fn is_same(last: &Observation, next: &Observation) -> bool {
    match (last, next) {
        (Observation::Observed(last), Observation::Observed(next)) => {
            last.revision.id == next.revision.id && last.files == next.files && next.rewound_from.is_none()
        }
        (last, next) => last == next,
    }
}

/// Returns whether trying again soon is useless and may lock an account.
fn is_permanent(error: &Error) -> bool {
    matches!(
        error,
        Error::Git { code: GitCode::Auth | GitCode::HostKey | GitCode::NotFound | GitCode::ObjectFormat, .. }
    )
}

fn absolute(folder: PathBuf) -> PathBuf {
    std::path::absolute(&folder).unwrap_or(folder)
}

/// Spreads a pause by a tenth, so that many daemons do not ask a server at the same moment.
fn jittered(pause: Duration) -> Duration {
    let mut bytes = [0; 2];
    // Without randomness there is no spread, which harms nobody alone.
    getrandom::fill(&mut bytes).ok();
    let share = f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX);
    pause.mul_f64(0.9 + share / 5.0)
}
