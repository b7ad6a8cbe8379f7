//! The mail drop: a folder into which mails are put, by hand or by a delivery agent.
//!
//! ```text
//!   *.eml, new/* ─► whole? ─► read ─► mark ─► parse ─► unmark ─► deliver (durable) ─► done/
//!                                      │        └──► no mail ──► told (durable) ────► failed/ + <name>.reason.txt
//!                                      └─ the process dies: the next one tells of it and sets it aside, unread
//! ```
//! A file is moved only after it was recorded for good, so a crash repeats a delivery and never loses one; its Message-ID
//! makes the repetition known. One mail is in memory at a time, and no item keeps another from being looked at: what
//! cannot be moved stays, is told, and is tried again ever more rarely.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use adjutant_spec::{plan::Connector, shown};
use serde_json::json;

use super::{
    folder::{DONE, FAILED, Fingerprint, Folder, Found, Name, Whole, plain},
    reader::{NotRead, Reader},
    still::{Now, Sight, Still, Told},
};
use crate::effects::intake::{
    Delivery, DropStanding, Item, Refused, Unread, delivery, letter::Letter, limit,
};

/// The largest mail, unless the connector says otherwise.
const MAX_BODY: usize = 25 * 1024 * 1024;

/// How often a folder is looked at when nothing tells of a change.
pub(super) const ROUND: Duration = Duration::from_secs(60);

/// How soon what is in the way is tried again, at first.
const AGAIN: Duration = Duration::from_secs(2);

/// The most items in the way that are named.
const MOST_NAMED: usize = 20;

/// One drop folder with what is known of the files in it.
#[derive(Debug)]
pub(in crate::effects) struct DropFolder {
    pub(super) path: PathBuf,
    is_ours: bool,
    still: Still,
    reader: Reader,
    stuck: BTreeMap<Name, Stuck>,
    is_begun: bool,
}

/// An item that stays in the folder although it was dealt with, or cannot be.
#[derive(Debug, Clone)]
struct Stuck {
    stamp: Option<Fingerprint>,
    reason: String,
    after: Duration,
    again: Instant,
    /// Whether it is recorded: only the move is left.
    left: Option<Move>,
}

/// Where an item goes that is recorded.
#[derive(Debug, Clone)]
enum Move {
    Done,
    Failed(String),
}

/// What became of one item.
enum Step {
    /// It is not in the folder any more.
    Gone,
    /// It is looked at again after a while.
    Wait(Duration),
    /// It is in the way.
    Stuck(String, Option<Move>),
}

impl DropFolder {
    /// Returns a folder that nothing is known of; one that is ours lies below the data directory, and is made.
    pub(in crate::effects) fn new(path: PathBuf, is_ours: bool) -> Self {
        let (still, reader, stuck) = (Still::default(), Reader::default(), BTreeMap::new());
        Self { path, is_ours, still, reader, stuck, is_begun: false }
    }

    /// One pass over the folder; returns how long to wait for the next one at most.
    ///
    /// # Errors
    /// Nothing in the folder can be looked at.
    pub(in crate::effects) async fn pass<D, F>(
        &mut self,
        connector: &Connector,
        deliver: &D,
    ) -> io::Result<Duration>
    where
        D: Fn(Item) -> F,
        F: Future<Output = Result<(), Refused>>,
    {
        let (path, is_ours) = (self.path.clone(), self.is_ours);
        let folder = Arc::new(blocking(move || Folder::open(&path, is_ours)).await?);
        if !folder.is_writable() {
            return Err(io::Error::other("nothing can be moved in it: it is not writable"));
        }
        let work = Work { connector, folder: &folder, deliver };
        self.begin(&work).await?;
        let names = self.due(&folder).await?;
        let mut wait = ROUND;
        for name in names {
            let step = match self.stuck.get(&name).and_then(|stuck| stuck.left.clone()) {
                Some(left) => move_away(&folder, &name, left).await,
                None => self.take(&work, &name).await,
            };
            wait = wait.min(self.settle(&folder, name, step).await);
        }
        let waits = self.stuck.values().map(|stuck| stuck.again.saturating_duration_since(Instant::now()));
        Ok(waits.min().map_or(wait, |again| wait.min(again)))
    }

    /// Sets aside the mail in the middle of which a process died, before it is read a second time.
    async fn begin<D, F>(&mut self, work: &Work<'_, D>) -> io::Result<()>
    where
        D: Fn(Item) -> F,
        F: Future<Output = Result<(), Refused>>,
    {
        if self.is_begun {
            return Ok(());
        }
        let marked = on(work.folder, |folder| {
            let marked = folder.marked()?;
            Ok(match marked {
                Some(name) if folder.stamp(&name)?.is_some() => Some(name),
                _ => None,
            })
        });
        if let Some(name) = marked.await? {
            let reason = "the program ended while it was reading it; move it back to have it read once more";
            // Until it is out of the way nothing else is read: the mark of another mail would take the place of its own.
            if let Step::Stuck(reason, _) = self.refuse(work, &name, reason.to_owned()).await {
                let name = name.shown();
                return Err(io::Error::other(format!(
                    "\"{name}\" has to be set aside first, and cannot be: {reason}"
                )));
            }
        }
        on(work.folder, Folder::unmark).await?;
        self.is_begun = true;
        Ok(())
    }

    /// Returns what is to be looked at now.
    async fn due(&mut self, folder: &Arc<Folder>) -> io::Result<Vec<Name>> {
        let now = Instant::now();
        let stuck = self.stuck.clone();
        let (names, stuck) = on(folder, move |folder| {
            let mut kept = BTreeMap::new();
            for (name, stuck) in stuck {
                // Gone, or another file under its name: it is in nobody's way any more.
                if folder.stamp(&name)? == stuck.stamp {
                    kept.insert(name, stuck);
                }
            }
            let names = folder.names(|name| kept.get(name).is_some_and(|stuck| stuck.again > now))?;
            Ok((names, kept))
        })
        .await?;
        self.stuck = stuck;
        self.still.keep(&names);
        Ok(names)
    }

    /// Takes one item: waits for it, reads it, records it, moves it.
    async fn take<D, F>(&mut self, work: &Work<'_, D>, name: &Name) -> Step
    where
        D: Fn(Item) -> F,
        F: Future<Output = Result<(), Refused>>,
    {
        let (found, limit) = (name.clone(), limit(work.connector, MAX_BODY));
        let stamp = match on(work.folder, move |folder| folder.stamp(&found)).await {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return Step::Gone,
            Err(error) => return Step::Stuck(plain(&error), None),
        };
        if stamp.is_file
            && let Some(wait) = self.still.wait(name, stamp, now())
        {
            return Step::Wait(wait);
        }
        let found = name.clone();
        match on(work.folder, move |folder| Ok(folder.read(&found, limit))).await {
            Ok(Found::Whole(file)) => self.read(work, name, file).await,
            Ok(Found::Moving) => Step::Wait(AGAIN),
            Ok(Found::Never(reason)) => self.refuse(work, name, reason).await,
            Err(error) => Step::Stuck(plain(&error), None),
        }
    }

    async fn read<D, F>(&mut self, work: &Work<'_, D>, name: &Name, file: Whole) -> Step
    where
        D: Fn(Item) -> F,
        F: Future<Output = Result<(), Refused>>,
    {
        let Whole { bytes, stamp } = file;
        let marked = name.clone();
        if let Err(error) = on(work.folder, move |folder| folder.mark(&marked)).await {
            return Step::Stuck(format!("it cannot be marked as being read: {}", plain(&error)), None);
        }
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let read = self.reader.read(bytes).await;
        if let Err(error) = on(work.folder, Folder::unmark).await {
            return Step::Stuck(format!("its mark cannot be taken away: {}", plain(&error)), None);
        }
        let looks_unfinished = read.as_ref().map_or(true, |letter| letter.is_cut);
        if looks_unfinished && self.still.unfinished(name, stamp, now()) {
            return Step::Wait(AGAIN);
        }
        match read.map(|letter| mail(work.connector, letter)) {
            Ok(Ok(mail)) => self.deliver(work, name, TakenMail { mail, stamp }).await,
            Ok(Err(reason)) | Err(NotRead::Never(reason)) => {
                self.refuse_as(work, name, BadMail { reason, digest }).await
            }
            Err(NotRead::Later(reason)) => Step::Stuck(reason, None),
        }
    }

    async fn deliver<D, F>(&mut self, work: &Work<'_, D>, name: &Name, taken: TakenMail) -> Step
    where
        D: Fn(Item) -> F,
        F: Future<Output = Result<(), Refused>>,
    {
        let TakenMail { mail, stamp } = taken;
        let id = mail.id.clone();
        match (work.deliver)(Item::Mail(mail)).await {
            Ok(()) => {}
            Err(Refused::Never(reason)) => return self.refuse(work, name, reason).await,
            Err(Refused::Later(reason)) => return Step::Stuck(reason, None),
        }
        // Whoever still writes to it after all must not do so unseen.
        let found = name.clone();
        match on(work.folder, move |folder| folder.stamp(&found)).await {
            Ok(Some(then)) if then != stamp => {
                let reason = format!(
                    "it grew after it was taken as \"{}\": what came later was not read",
                    shown::excerpt(&id, 80)
                );
                self.refuse(work, name, reason).await
            }
            Ok(None) => Step::Gone,
            _ => move_away(work.folder, name, Move::Done).await,
        }
    }

    async fn refuse<D, F>(&self, work: &Work<'_, D>, name: &Name, reason: String) -> Step
    where
        D: Fn(Item) -> F,
        F: Future<Output = Result<(), Refused>>,
    {
        let stamp = self.still.stamp(name);
        let digest = blake3::hash(format!("{name:?} {stamp:?}").as_bytes()).to_hex().to_string();
        self.refuse_as(work, name, BadMail { reason, digest }).await
    }

    /// Tells of an item that is not taken, and then sets it aside.
    async fn refuse_as<D, F>(&self, work: &Work<'_, D>, name: &Name, bad: BadMail) -> Step
    where
        D: Fn(Item) -> F,
        F: Future<Output = Result<(), Refused>>,
    {
        let BadMail { reason, digest } = bad;
        let reason = shown::excerpt(&reason, 400);
        tracing::warn!(
            connector = work.connector.id,
            name = name.shown(),
            reason,
            "a dropped mail is not taken"
        );
        let item = Unread {
            connector: work.connector.id.clone(),
            event: "message".to_owned(),
            id: format!("file-{digest}"),
            by: format!("connector:{}", work.connector.id),
            content: json!({ "name": name.shown(), "folder": self.path.join(FAILED) }),
            reason: reason.clone(),
        };
        match (work.deliver)(Item::Bad(item)).await {
            Ok(()) | Err(Refused::Never(_)) => move_away(work.folder, name, Move::Failed(reason)).await,
            Err(Refused::Later(later)) => Step::Stuck(later, None),
        }
    }

    /// Keeps what became of an item; returns how long to wait for the next look at it.
    async fn settle(&mut self, folder: &Arc<Folder>, name: Name, step: Step) -> Duration {
        match step {
            Step::Gone => {
                self.still.forget(&name);
                self.stuck.remove(&name);
                ROUND
            }
            Step::Wait(wait) => wait,
            Step::Stuck(reason, left) => {
                let before = self.stuck.get(&name).map(|stuck| stuck.after);
                if before.is_none() {
                    tracing::warn!(name = name.shown(), reason, "a dropped mail stays where it is");
                }
                let after = before.map_or(AGAIN, |after| (after * 2).min(ROUND));
                let found = name.clone();
                let stamp = on(folder, move |folder| folder.stamp(&found)).await.ok().flatten();
                self.stuck.insert(name, Stuck { stamp, reason, after, again: Instant::now() + after, left });
                after
            }
        }
    }

    /// Takes in what the system told of files of the folder.
    pub(super) async fn hear(&mut self, news: BTreeMap<Name, Told>) {
        if news.is_empty() {
            return;
        }
        let (path, is_ours) = (self.path.clone(), self.is_ours);
        let stamped = blocking(move || {
            let folder = Folder::open(&path, is_ours)?;
            Ok(news
                .into_iter()
                .map(|(name, told)| (folder.stamp(&name).ok().flatten(), name, told))
                .collect::<Vec<_>>())
        });
        for (stamp, name, told) in stamped.await.unwrap_or_default() {
            match stamp {
                Some(stamp) => self.still.tell(name, told, Sight { stamp, now: now() }),
                None => self.still.forget(&name),
            }
        }
    }

    /// Returns what is to be told of the folder.
    pub(super) fn standing(&self, problem: Option<String>) -> DropStanding {
        let named =
            self.stuck.iter().take(MOST_NAMED).map(|(name, stuck)| (name.shown(), stuck.reason.clone()));
        DropStanding { folder: self.path.clone(), problem, stuck: named.collect() }
    }
}

/// A mail that was read out of a file, and what that file was then.
struct TakenMail {
    mail: Delivery,
    stamp: Fingerprint,
}

/// An item that is no mail that we take.
struct BadMail {
    /// Why not, for people.
    reason: String,
    /// What it is known by: the same item, put there again, is the same one.
    digest: String,
}

/// What one pass works with.
struct Work<'a, D> {
    connector: &'a Connector,
    folder: &'a Arc<Folder>,
    deliver: &'a D,
}

fn mail(connector: &Connector, letter: Letter) -> Result<Delivery, String> {
    delivery(connector, "message", letter.id, letter.fields).map_err(|error| error.to_string())
}

async fn move_away(folder: &Arc<Folder>, name: &Name, to: Move) -> Step {
    let (found, wish) = (name.clone(), to.clone());
    let moved = on(folder, move |folder| match &wish {
        Move::Done => folder.put_away(&found, DONE),
        Move::Failed(reason) => folder.put_aside(&found, reason),
    });
    match moved.await {
        Ok(_) => Step::Gone,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Step::Gone,
        Err(error) => {
            Step::Stuck(format!("it is dealt with but cannot be moved: {}", plain(&error)), Some(to))
        }
    }
}

fn now() -> Now {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let wall = wall.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_default();
    Now { wall, steady: Instant::now() }
}

/// Does something with the folder off the async threads.
async fn on<T: Send + 'static>(
    folder: &Arc<Folder>,
    work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let folder = Arc::clone(folder);
    blocking(move || work(&folder)).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
