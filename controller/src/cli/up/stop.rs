//! Stopping, whatever happens.
//!
//! Signals are heard on a thread of its own, with nothing else on it: a walk that never ends, a core that burns, a call that hangs cannot
//! keep it from hearing. Once the daemon shall stop it has so long to do it well; then the process ends, with the exit code that
//! it would have had. Nothing that was acknowledged is lost by that: it is on disk, and the outbox goes on where it was.

use std::{sync::mpsc, thread, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::cli::{
    failure::{Exit, Failure},
    out::{self, words},
};

/// How long the daemon may take to stop well. Open calls have ten seconds of it.
const GRACE: Duration = Duration::from_secs(15);
/// How long the process may take to end once it was told to: after that it is killed.
const LAST: Duration = Duration::from_secs(2);

/// What wishes the daemon to stop, and sees to it that it does.
pub(super) struct Stop {
    wish: watch::Receiver<Option<&'static str>>,
    leave: tokio::sync::mpsc::UnboundedSender<Exit>,
}

impl Stop {
    /// Begins to listen: from here on a signal is a wish.
    pub(super) fn listen() -> Result<Self, Failure> {
        let (told, wish) = watch::channel(None);
        let (leave, leaving) = tokio::sync::mpsc::unbounded_channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::Builder::new().name("stop".to_owned());
        let listening = thread.spawn(move || watch_over(&told, leaving, &ready));
        listening.map_err(|error| Failure::of(Exit::Bug, &error))?;
        let heard = is_ready.recv().map_err(|error| Failure::of(Exit::Bug, &error))?;
        heard.map_err(|error| Failure::of(Exit::Bug, &error))?;
        Ok(Self { wish, leave })
    }

    /// Returns the signal that came.
    pub(super) async fn wish(&mut self) -> &'static str {
        match self.wish.wait_for(Option::is_some).await.map(|name| *name) {
            Ok(Some(name)) => name,
            // The thread is there as long as the process.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Says that the daemon stops by itself: the grace begins, and this is the exit code.
    pub(super) fn leaves_with(&self, exit: Exit) {
        // The thread is there as long as the process.
        self.leave.send(exit).unwrap_or_default();
    }
}

/// Signals, as they come.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn open() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "terminate",
        }
    }
}

fn watch_over(
    told: &watch::Sender<Option<&'static str>>,
    mut leaving: tokio::sync::mpsc::UnboundedReceiver<Exit>,
    ready: &mpsc::Sender<std::io::Result<()>>,
) {
    let opened = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match opened {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error))),
    };
    runtime.block_on(async {
        let mut signals = match Signals::open() {
            Ok(signals) => signals,
            Err(error) => return drop(ready.send(Err(error))),
        };
        drop(ready.send(Ok(())));
        let exit = tokio::select! {
            name = signals.next() => {
                told.send_replace(Some(name));
                Exit::Done
            }
            Some(exit) = leaving.recv() => exit,
        };
        tokio::select! {
            () = tokio::time::sleep(GRACE) => end(exit, "it took too long to stop"),
            _ = signals.next() => end(exit, "told to stop twice"),
        }
    });
}

/// Ends the process at once.
#[expect(clippy::exit, reason = "whatever else this process does hangs: there is nobody to return to")]
fn end(exit: Exit, why: &'static str) {
    // Even the end may hang: in what libraries do last, or where nobody reads what is said.
    drop(thread::Builder::new().spawn(|| {
        thread::sleep(LAST);
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap_or_default();
    }));
    out::say(words!(
        "{}; ended at once. Nothing that was acknowledged is lost: `adjutant up` goes on where it was",
        why
    ));
    std::process::exit(exit as i32);
}
