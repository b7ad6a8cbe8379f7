//! The one embedder of this process: MiniLM where it lies and is what it should be, else the table in the binary.
//!
//! ```text
//!   pin of adjutant.lock, else the catalogue's digest ─► folder matches? ─► MiniLM on its own threads
//!                                                            └─ no ──────► static table, marked as a stand-in
//! ```
//! Loading reads some 90 MB: it happens once, when it is first needed, on the thread that asks; async code asks from a
//! blocking thread. A stand-in is looked at again when another plan comes into force.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use adjutant_models::{Cached, Embedder, Encoder, Limits, LoadError, Model, Options, StaticTable, Worker};
use serde::Serialize;

use super::{
    catalogue::{self, MINILM},
    store::Store,
};

/// So many texts are not embedded again: a refit and a rehearsal read mostly the same ones.
const REMEMBERED: usize = 4_096;

/// An embedder, and whether it is the one that was wanted.
#[derive(Clone)]
pub struct Engine {
    /// What turns texts into vectors.
    pub embedder: Arc<dyn Embedder>,
    /// Why the wanted model does not answer; absent where it does.
    pub stand_in: Option<StandIn>,
}

/// Why another model answers than the one that was wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandIn {
    /// The model that was wanted.
    pub wanted: String,
    /// Why it does not answer.
    pub reason: String,
    /// The command that brings the wanted model.
    pub hint: String,
}

/// Which model answers, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The model that answers.
    pub model: Model,
    /// Why it is not the wanted one.
    pub stand_in: Option<StandIn>,
}

/// Opens embedders; tests put their own in the place of the files.
pub trait Loader: Send + Sync {
    /// Returns the embedder for a pin.
    fn load(&self, pin: Option<&str>) -> Engine;
}

/// Loads each pin's embedder once.
pub struct Engines {
    loader: Box<dyn Loader>,
    loaded: Mutex<BTreeMap<Option<String>, Engine>>,
}

impl Engine {
    /// Returns which model answers.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing { model: self.embedder.model().clone(), stand_in: self.stand_in.clone() }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.standing().fmt(f)
    }
}

impl Engines {
    /// Returns engines that load on first use.
    #[must_use]
    pub fn new(loader: impl Loader + 'static) -> Self {
        Self { loader: Box::new(loader), loaded: Mutex::default() }
    }

    /// Returns the embedder for a pin; loads it where it is not loaded yet. Blocks meanwhile.
    #[must_use]
    pub fn get(&self, pin: Option<&str>) -> Engine {
        // Held while a model is loaded, on purpose: who asks meanwhile would load it a second time.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let pin = pin.map(str::to_owned);
        let engine = loaded.entry(pin).or_insert_with_key(|pin| {
            let engine = self.loader.load(pin.as_deref());
            told(&engine);
            engine
        });
        engine.clone()
    }

    /// Returns the embedder for a pin if it is loaded; never waits.
    #[must_use]
    pub fn peek(&self, pin: Option<&str>) -> Option<Engine> {
        let loaded = self.loaded.try_lock().ok()?;
        loaded.get(&pin.map(str::to_owned)).cloned()
    }

    /// Keeps what the pin in force needs; a stand-in is given up, so that the next question looks again.
    pub fn retain(&self, pin: Option<&str>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|one, engine| one.as_deref() == pin && engine.stand_in.is_none());
    }
}

fn told(engine: &Engine) {
    let model = &engine.embedder.model().name;
    match &engine.stand_in {
        None => tracing::info!(model, "local model is loaded"),
        Some(stand_in) => {
            tracing::warn!(
                model,
                wanted = stand_in.wanted,
                reason = stand_in.reason,
                hint = stand_in.hint,
                "the local model is not usable, another one answers in its place"
            );
        }
    }
}

/// Loads from the folder of models.
#[derive(Debug, Clone)]
pub struct Files {
    store: Option<Store>,
    threads: usize,
}

impl Files {
    /// Returns the loader of this user's folder, with as many threads as the machine has, up to eight.
    #[must_use]
    pub fn locate() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        Self { store: Store::locate().ok(), threads }
    }

    /// Returns the loader of a folder of models.
    #[must_use]
    pub fn at(store: Store) -> Self {
        Self { store: Some(store), threads: 1 }
    }

    fn encoder(&self, pin: Option<&str>) -> Result<Arc<dyn Embedder>, StandIn> {
        const PULL: &str = "`adjutant models pull` fetches it; `adjutant models verify` looks at each file";
        let stand_in =
            |reason: String, hint: &str| StandIn { wanted: MINILM.to_owned(), reason, hint: hint.to_owned() };
        let Some(store) = &self.store else {
            return Err(stand_in("no place for models".to_owned(), "set `ADJUTANT_MODELS`"));
        };
        let folder = store.folder(MINILM).map_err(|error| stand_in(error.to_string(), PULL))?;
        if !folder.is_dir() {
            return Err(stand_in(
                format!("the model {MINILM} is not in \"{}\"", store.root().display()),
                PULL,
            ));
        }
        let known = catalogue::find(MINILM).and_then(|known| known.digest());
        let digest = pin.map(str::to_owned).or(known).unwrap_or_default();
        let options = Options { threads: self.threads, ..Options::default() };
        let encoder =
            Encoder::load_pinned(&folder, options, &digest).map_err(|error| refused(&error, pin))?;
        let worker = Worker::start(encoder, Limits::default());
        let worker = worker.map_err(|error| stand_in(error.to_string(), "start again"))?;
        Ok(Arc::new(Cached::new(worker, REMEMBERED)))
    }
}

fn refused(error: &LoadError, pin: Option<&str>) -> StandIn {
    let hint = match (error, pin) {
        (LoadError::Digest { .. }, Some(_)) => {
            "the pin in `adjutant.lock` and the folder differ: `adjutant models pull --lock`, or put the old pin back"
        }
        _ => "`adjutant models verify`, then `adjutant models pull`",
    };
    StandIn { wanted: MINILM.to_owned(), reason: error.to_string(), hint: hint.to_owned() }
}

impl Loader for Files {
    fn load(&self, pin: Option<&str>) -> Engine {
        match self.encoder(pin) {
            Ok(embedder) => Engine { embedder, stand_in: None },
            Err(stand_in) => Engine { embedder: StaticTable::built_in(), stand_in: Some(stand_in) },
        }
    }
}
