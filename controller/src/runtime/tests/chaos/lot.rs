//! A world in which every attempt waits until the driver says what becomes of it: it parks, and parked it is no work under way.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use adjutant_machine::{
    call::{Call, Notice, Perform},
    codec,
    event::Event,
    id::{EffectId, Stamp},
    run::EffectPhase,
};
use adjutant_spec::plan::{NotifyRule, Plan};
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::runtime::{NotifyFailure, Performer, Worst, core::Core};

/// What every answer of an agent may cost at most.
const WORST: &str = "0.01 EUR";

/// Where an attempt is parked: an attempt that was held back goes again under its own number.
type Place = (EffectId, u32, u64);

/// The attempts of one process.
#[derive(Default)]
pub(super) struct Lot {
    core: OnceLock<Weak<Core>>,
    parked: Mutex<BTreeMap<Place, Parked>>,
    count: AtomicU64,
    broken: Mutex<Vec<String>>,
}

struct Parked {
    perform: Perform,
    until: Stamp,
    is_taken: bool,
    answer: oneshot::Sender<Event>,
}

impl Lot {
    /// Parks for this process from now on.
    pub(super) fn serve(&self, core: &Arc<Core>) {
        self.core.set(Arc::downgrade(core)).expect("a lot serves one process");
    }

    fn parked(&self) -> MutexGuard<'_, BTreeMap<Place, Parked>> {
        self.parked.lock().expect("nobody panics with it")
    }

    fn core(&self) -> Option<Arc<Core>> {
        self.core.get().and_then(Weak::upgrade)
    }

    /// Returns the effects whose attempts nobody has taken up.
    pub(super) fn ready(&self) -> Vec<EffectId> {
        let parked = self.parked();
        let free = parked.iter().filter(|(_, parked)| !parked.is_taken);
        let mut ready: Vec<EffectId> = free.map(|((effect, ..), _)| effect.clone()).collect();
        ready.dedup();
        ready
    }

    /// Takes up an attempt of an effect; it stays until it is answered, or its lease runs out.
    pub(super) fn take(&self, effect: &EffectId) -> Option<Perform> {
        let mut parked = self.parked();
        let free = parked.iter_mut().find(|((of, ..), parked)| of == effect && !parked.is_taken);
        free.map(|(_, parked)| {
            parked.is_taken = true;
            parked.perform.clone()
        })
    }

    /// Answers an attempt that was taken up; tells whether it was still there.
    pub(super) fn answer(&self, perform: &Perform, event: Event) -> bool {
        let place = {
            let parked = self.parked();
            let mut taken = parked.iter().filter(|(_, parked)| parked.is_taken);
            let own = taken
                .find(|((effect, attempt, _), _)| (effect, attempt) == (&perform.effect, &perform.attempt));
            own.map(|(place, _)| place.clone())
        };
        let left = place.and_then(|place| self.leave(&place));
        left.is_some_and(|parked| parked.answer.send(event).is_ok())
    }

    /// Returns when the first lease of an attempt that is parked here runs out.
    pub(super) fn next_lapse(&self) -> Option<Stamp> {
        self.parked().values().map(|parked| parked.until).min()
    }

    /// Returns what the runtime should not have sent.
    pub(super) fn broken(&self) -> Option<String> {
        self.broken.lock().expect("nobody panics with it").pop()
    }

    fn park(&self, place: &Place, parked: Parked) {
        self.parked().insert(place.clone(), parked);
        if let Some(core) = self.core() {
            core.end();
        }
    }

    /// Takes an attempt out; from now on it is work under way again.
    fn leave(&self, place: &Place) -> Option<Parked> {
        let mut parked = self.parked();
        let left = parked.remove(place)?;
        if let Some(core) = self.core() {
            core.begin();
        }
        Some(left)
    }

    /// Nothing is sent whose lease is not durable.
    fn check(&self, perform: &Perform) {
        let Some(core) = self.core() else { return };
        let stored = core.journal.load(&perform.effect.instance()).expect("the store is readable");
        let run = stored.map(|stored| codec::read_run(&stored).expect("a run"));
        let life = run.as_ref().and_then(|run| run.effects.get(&perform.effect)).map(|state| &state.life);
        let is_durable = life
            .is_some_and(|life| life.attempt > perform.attempt || !matches!(life.phase, EffectPhase::Queued));
        if !is_durable {
            let problem =
                format!("{}#{} was sent before its lease was durable", perform.effect, perform.attempt);
            self.broken.lock().expect("nobody panics with it").push(problem);
        }
    }
}

/// An attempt under way: when it is given up, it leaves its place.
struct Stay {
    lot: Arc<Lot>,
    place: Place,
}

impl Drop for Stay {
    fn drop(&mut self) {
        drop(self.lot.leave(&self.place));
    }
}

/// Parks what the runtime performs.
pub(super) struct Parking(pub(super) Arc<Lot>);

impl Performer for Parking {
    fn perform(&self, _plan: Arc<Plan>, job: Perform, until: Stamp) -> BoxFuture<'static, Event> {
        let lot = Arc::clone(&self.0);
        lot.check(&job);
        let place = (job.effect.clone(), job.attempt, lot.count.fetch_add(1, Ordering::SeqCst));
        let (answer, answered) = oneshot::channel();
        lot.park(&place, Parked { perform: job, until, is_taken: false, answer });
        let stay = Stay { lot, place };
        Box::pin(async move {
            let event = answered.await.expect("a place is left with an answer, or with the whole attempt");
            drop(stay);
            event
        })
    }

    fn worst_case(&self, _plan: &Plan, call: &Call) -> Worst {
        match call {
            Call::Agent(_) => Worst::AtMost(WORST.parse().expect("money")),
            _ => Worst::Nothing,
        }
    }

    fn notify(
        &self,
        _plan: Arc<Plan>,
        _notice: Notice,
        _rule: Option<NotifyRule>,
    ) -> BoxFuture<'static, Result<(), NotifyFailure>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
