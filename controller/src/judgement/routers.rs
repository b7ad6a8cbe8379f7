//! Fitted routers: one for each route, fitted in the background when the plan changes, swapped in one step.
//!
//! ```text
//!   plan ──prepare──► wanted ──(one thread, one fit per key)──► fitted ──of──► decisions
//! ```
//! While a new fit is made the old one answers, unless it could name a class that the route does not have any more. At the
//! first start a decision waits for the fit: it is wanted more than it is wanted at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use adjutant_models::{
    Calibration, EmbedError, Embedder, Embedding, Example, FitError, Lessons, Model, Platt, Promise, Router,
    SentenceRouter,
};
use adjutant_spec::plan::{Class, Id, Plan, Route, RouteCalibration};
use serde_json::json;

use super::{
    catalogue::MINILM,
    engine::{Engines, Loader, StandIn, Standing},
};

/// Nobody can promise to be always right.
pub(super) const MOST_PRECISE: f64 = 0.999;

/// Asked between two batches whether somebody still waits.
pub(super) type GoOn = Arc<dyn Fn() -> bool + Send + Sync>;

/// So many texts are embedded before it is asked again.
const BATCH: usize = 8;

/// An embedder that stops when nobody waits any more.
struct Patient {
    inner: Arc<dyn Embedder>,
    go_on: GoOn,
}

impl Embedder for Patient {
    fn model(&self) -> &Model {
        self.inner.model()
    }

    fn dims(&self) -> usize {
        self.inner.dims()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        let mut found = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            if !(self.go_on)() {
                return Err(EmbedError::GaveUp { model: self.inner.model().name.clone() });
            }
            found.extend(self.inner.embed(batch)?);
        }
        Ok(found)
    }
}

/// The routers of a company. Clones share them.
#[derive(Clone)]
pub struct Routers {
    shared: Arc<Shared>,
}

struct Shared {
    engines: Engines,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    slots: BTreeMap<Id, Slot>,
    is_fitting: bool,
    /// Another plan came: what stands in is looked at again, by the pin of that plan.
    look_again: Option<Option<String>>,
}

struct Slot {
    wanted: Wanted,
    fitted: Option<Arc<Fitted>>,
    /// A stand-in fitted it, and the wanted model may be there by now.
    is_stale: bool,
}

/// A route that waits for its router.
struct Due {
    id: Id,
    wanted: Wanted,
}

/// What a router is fitted to.
#[derive(Clone)]
struct Wanted {
    key: String,
    pin: Option<String>,
    lessons: Lessons,
    precision: f64,
    calibration: Option<RouteCalibration>,
}

/// A router that is fitted, or why there is none.
pub struct Fitted {
    key: String,
    classes: BTreeSet<String>,
    /// The router; absent where the examples leave nothing to choose between.
    pub router: Option<Arc<dyn Router>>,
    /// Why the wanted model does not answer.
    pub stand_in: Option<StandIn>,
    /// Why there is no router although there are examples.
    pub fault: Option<String>,
}

impl fmt::Debug for Routers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.state().slots.values().map(|slot| slot.wanted.key.clone()).collect();
        f.debug_tuple("Routers").field(&keys).finish()
    }
}

impl Routers {
    /// Returns routers over a loader of models; nothing is loaded yet.
    #[must_use]
    pub fn new(loader: impl Loader + 'static) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { engines: Engines::new(loader), state, changed }) }
    }

    /// Wants a router for each route of a plan and begins to fit what is new; forgets what no route needs.
    pub fn prepare(&self, plan: &Plan) {
        let pin = pin_of(plan);
        let mut state = self.state();
        state.slots.retain(|id, _| plan.routes.contains_key(id));
        state.look_again = (!plan.routes.is_empty()).then(|| pin.map(str::to_owned));
        for route in plan.routes.values() {
            state.want(route, pin);
        }
        for slot in state.slots.values_mut() {
            slot.is_stale = slot.fitted.as_ref().is_some_and(|fitted| fitted.stand_in.is_some());
        }
        self.begin(state);
    }

    /// Returns the router of a route. Blocks while the first one is fitted.
    #[must_use]
    pub fn of(&self, route: &Route, pin: Option<&str>) -> Arc<Fitted> {
        let wanted = Wanted::of(route, pin);
        let mut state = self.state();
        state.slots.entry(route.id.clone()).or_insert_with(|| Slot::of(wanted.clone()));
        while let Some(slot) = state.slots.get(&route.id) {
            if let Some(fitted) = slot.fitted.as_ref().filter(|fitted| wanted.takes(fitted)) {
                return Arc::clone(fitted);
            }
            if slot.wanted.key != wanted.key {
                break;
            }
            self.begin(state);
            state = self.state();
            if state.is_fitting {
                state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(state);
        // Another plan came meanwhile, and its router cannot stand in: who asks by the old plan fits for itself.
        Arc::new(self.shared.fit(&wanted))
    }

    /// Returns which model answers, loading it where nobody has asked yet. Blocks meanwhile.
    #[must_use]
    pub fn standing(&self, pin: Option<&str>) -> Standing {
        self.shared.engines.get(pin).standing()
    }

    /// Returns which model answers, where it is loaded already.
    #[must_use]
    pub fn standing_now(&self, pin: Option<&str>) -> Option<Standing> {
        self.shared.engines.peek(pin).map(|engine| engine.standing())
    }

    /// Fits a router that nobody keeps, for comparisons. Blocks meanwhile.
    #[must_use]
    pub fn fit(&self, route: &Route, pin: Option<&str>) -> Arc<Fitted> {
        self.fit_while(route, pin, Arc::new(|| true))
    }

    /// Fits a router that nobody keeps, as long as somebody waits for it: neither the fit nor a decision of it outlives that.
    #[must_use]
    pub fn fit_while(&self, route: &Route, pin: Option<&str>, go_on: GoOn) -> Arc<Fitted> {
        let wanted = Wanted::of(route, pin);
        let kept = self.state().slots.get(&route.id).and_then(|slot| slot.fitted.clone());
        match kept.filter(|fitted| fitted.key == wanted.key) {
            Some(fitted) => fitted,
            None => Arc::new(self.shared.fit_with(&wanted, |inner| Arc::new(Patient { inner, go_on }))),
        }
    }

    /// Waits until nothing is left to fit.
    #[cfg(test)]
    pub(super) fn settle(&self) {
        let is_busy = |state: &mut State| state.is_fitting;
        drop(self.shared.changed.wait_while(self.state(), is_busy).unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Starts the thread that fits, where there is work and none runs.
    fn begin(&self, mut state: MutexGuard<'_, State>) {
        if state.is_fitting || state.look_again.is_none() && state.next().is_none() {
            return;
        }
        state.is_fitting = true;
        drop(state);
        let shared = Arc::clone(&self.shared);
        let started = thread::Builder::new().name("adjutant-fit".to_owned()).spawn(move || shared.work());
        if let Err(error) = started {
            tracing::warn!(%error, "no thread to fit routers: fitted where it is asked");
            self.shared.work();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fits one router after the other until none is wanted.
    fn work(&self) {
        loop {
            let mut state = self.state();
            if let Some(pin) = state.look_again.take() {
                drop(state);
                self.engines.retain(pin.as_deref());
                continue;
            }
            let Some(Due { id, wanted }) = state.next() else {
                state.is_fitting = false;
                self.changed.notify_all();
                return;
            };
            drop(state);
            let fitted = Arc::new(self.try_fit(&wanted));
            if let Some(slot) = self.state().slots.get_mut(&id).filter(|slot| slot.wanted.key == fitted.key) {
                (slot.fitted, slot.is_stale) = (Some(fitted), false);
            }
            self.changed.notify_all();
        }
    }

    /// Who waits for a fit must not wait for ever: one that panics is told as a fault.
    fn try_fit(&self, wanted: &Wanted) -> Fitted {
        let fitted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.fit(wanted)));
        fitted.unwrap_or_else(|_| Fitted {
            key: wanted.key.clone(),
            classes: BTreeSet::new(),
            router: None,
            stand_in: None,
            fault: Some("the fit was broken off by a mistake of this program".to_owned()),
        })
    }

    fn fit(&self, wanted: &Wanted) -> Fitted {
        self.fit_with(wanted, |embedder| embedder)
    }

    fn fit_with(&self, wanted: &Wanted, wrap: impl FnOnce(Arc<dyn Embedder>) -> Arc<dyn Embedder>) -> Fitted {
        let started = Instant::now();
        let engine = self.engines.get(wanted.pin.as_deref());
        let promise = Promise::of(wanted.precision.min(MOST_PRECISE));
        let embedder = wrap(Arc::clone(&engine.embedder));
        let fitted = SentenceRouter::fit(embedder, wanted.lessons.clone(), promise);
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (router, fault) = match fitted {
            Ok(router) => (Some(Arc::new(wanted.calibrated(router)) as Arc<dyn Router>), None),
            Err(FitError::TooFewClasses(_)) => (None, None),
            Err(error) => (None, Some(error.to_string())),
        };
        match (&router, &fault) {
            (_, Some(fault)) => tracing::warn!(key = wanted.key, fault, "route decides by rules only"),
            (Some(router), _) => {
                tracing::info!(key = wanted.key, router = router.digest(), millis, "router is fitted");
            }
            (None, None) => tracing::info!(key = wanted.key, "route has rules only"),
        }
        let classes = wanted.lessons.examples.iter().map(|example| example.class.clone()).collect();
        Fitted { key: wanted.key.clone(), classes, router, stand_in: engine.stand_in, fault }
    }
}

impl State {
    fn want(&mut self, route: &Route, pin: Option<&str>) {
        let wanted = Wanted::of(route, pin);
        match self.slots.get_mut(&route.id) {
            Some(slot) if slot.wanted.key == wanted.key => {}
            Some(slot) => slot.wanted = wanted,
            None => drop(self.slots.insert(route.id.clone(), Slot::of(wanted))),
        }
    }

    /// Returns the first route whose router is not the wanted one.
    fn next(&self) -> Option<Due> {
        let (id, slot) = self.slots.iter().find(|(_, slot)| slot.is_due())?;
        Some(Due { id: id.clone(), wanted: slot.wanted.clone() })
    }
}

impl Slot {
    fn of(wanted: Wanted) -> Self {
        Self { wanted, fitted: None, is_stale: false }
    }

    fn is_due(&self) -> bool {
        self.is_stale || self.fitted.as_ref().is_none_or(|fitted| fitted.key != self.wanted.key)
    }
}

impl Wanted {
    fn of(route: &Route, pin: Option<&str>) -> Self {
        let taught =
            json!([route.classes, route.strangers, route.precision, route.calibration, pin]).to_string();
        Self {
            key: format!("{}:{}", route.id, blake3::hash(taught.as_bytes()).to_hex()),
            pin: pin.map(str::to_owned),
            lessons: lessons(route),
            precision: route.precision,
            calibration: route.calibration.clone(),
        }
    }

    /// Applies what corrections said of the probabilities, where they were said of this model's.
    fn calibrated(&self, router: SentenceRouter) -> SentenceRouter {
        let Some(said) = &self.calibration else { return router };
        if said.model != router.model().digest {
            tracing::warn!(
                key = self.key,
                judged = said.model,
                model = router.model().digest,
                "the calibration of a route is of another model and does not count"
            );
            return router;
        }
        let outcomes = usize::try_from(said.outcomes).unwrap_or(usize::MAX);
        let platt = Platt { slope: said.slope, offset: said.offset, outcomes };
        router.with_calibration(Calibration { platt, threshold: said.threshold })
    }

    /// Returns whether a router may answer: the wanted one, or an older one that names no class which is gone.
    fn takes(&self, fitted: &Fitted) -> bool {
        let has = |class: &String| self.lessons.examples.iter().any(|example| example.class == *class);
        fitted.key == self.key || fitted.router.is_some() && fitted.classes.iter().all(has)
    }
}

/// Returns the digest that a plan pins the working embedder to.
#[must_use]
pub fn pin_of(plan: &Plan) -> Option<&str> {
    plan.models.get(MINILM).map(String::as_str)
}

/// Returns what a route teaches: examples, descriptions, and texts of no class.
#[must_use]
pub fn lessons(route: &Route) -> Lessons {
    let of_class = |class: &Class| {
        let example = |text: &String, is_description| Example {
            class: class.id.clone(),
            text: text.clone(),
            is_description,
        };
        let mut all: Vec<Example> = class.examples.iter().map(|text| example(text, false)).collect();
        if !class.description.trim().is_empty() {
            all.push(example(&class.description, true));
        }
        all
    };
    let examples = route.classes.iter().flat_map(of_class).collect();
    Lessons { examples, strangers: route.strangers.clone() }
}
