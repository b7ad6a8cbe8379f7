//! Pools of work under way: verbs and agents, each with a most. What does not fit waits in memory; its outbox row stays.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use adjutant_machine::{command::Call, id::EffectId};

/// Which pool an effect belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Connectors and routes.
    Verb,
    /// Agents.
    Agent,
    /// What the runtime does itself: no pool.
    Local,
}

impl Class {
    /// Returns the class of a call.
    pub(super) fn of(call: &Call) -> Self {
        match call {
            Call::Verb(_) | Call::Probe { .. } | Call::Route { .. } => Self::Verb,
            Call::Agent(_) => Self::Agent,
            Call::RecordRead { .. }
            | Call::RecordList { .. }
            | Call::RecordWrite { .. }
            | Call::FindChild { .. }
            | Call::StartRun { .. } => Self::Local,
        }
    }
}

/// What becomes of an effect that got a place.
type Grant = Box<dyn Fn(EffectId, Permit) + Send + Sync>;

struct Pool {
    most: usize,
    busy: usize,
    waiting: VecDeque<EffectId>,
    known: BTreeSet<EffectId>,
}

struct Inner {
    verbs: Mutex<Pool>,
    agents: Mutex<Pool>,
    grant: Grant,
}

/// The pools.
#[derive(Clone)]
pub(super) struct Pools {
    inner: Arc<Inner>,
}

/// A place in a pool; dropping it gives the place to the next one.
pub(super) struct Permit {
    class: Class,
    inner: Option<Arc<Inner>>,
}

impl Pools {
    /// Returns pools of a size; `grant` is called for an effect that waited, when its turn comes.
    pub(super) fn new(verbs: usize, agents: usize, grant: Grant) -> Self {
        let pool = |most: usize| {
            let (waiting, known) = (VecDeque::new(), BTreeSet::new());
            Mutex::new(Pool { most: most.max(1), busy: 0, waiting, known })
        };
        Self { inner: Arc::new(Inner { verbs: pool(verbs), agents: pool(agents), grant }) }
    }

    /// Takes a place at once, if there is one and nobody waits for it.
    pub(super) fn try_take(&self, class: Class) -> Option<Permit> {
        let Some(pool) = self.inner.pool(class) else { return Some(Permit { class, inner: None }) };
        let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.busy >= pool.most || !pool.waiting.is_empty() {
            return None;
        }
        pool.busy += 1;
        Some(Permit { class, inner: Some(Arc::clone(&self.inner)) })
    }

    /// Queues an effect for a place; `grant` is called when it has one, perhaps at once.
    pub(super) fn request(&self, class: Class, effect: EffectId) {
        let Some(pool) = self.inner.pool(class) else {
            (self.inner.grant)(effect, Permit { class, inner: None });
            return;
        };
        {
            let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
            if pool.known.insert(effect.clone()) {
                pool.waiting.push_back(effect);
            }
        }
        Inner::serve(&self.inner, class);
    }

    /// Changes the most agents at once; what is under way goes on.
    pub(super) fn set_agents(&self, most: usize) {
        self.inner.agents.lock().unwrap_or_else(PoisonError::into_inner).most = most.max(1);
        Inner::serve(&self.inner, Class::Agent);
    }

    /// Returns how many effects wait for a place.
    pub(super) fn waiting(&self) -> usize {
        [&self.inner.verbs, &self.inner.agents]
            .into_iter()
            .map(|pool| pool.lock().unwrap_or_else(PoisonError::into_inner).waiting.len())
            .sum()
    }

    /// Forgets everything that waits: the runtime closes, the rows stay.
    pub(super) fn clear(&self) {
        for pool in [&self.inner.verbs, &self.inner.agents] {
            let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
            pool.waiting.clear();
            pool.known.clear();
        }
    }
}

impl Inner {
    fn pool(&self, class: Class) -> Option<&Mutex<Pool>> {
        match class {
            Class::Verb => Some(&self.verbs),
            Class::Agent => Some(&self.agents),
            Class::Local => None,
        }
    }

    /// Gives free places to those that wait, in their order.
    fn serve(this: &Arc<Self>, class: Class) {
        let Some(pool) = this.pool(class) else { return };
        loop {
            let effect = {
                let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
                if pool.busy >= pool.most {
                    return;
                }
                let Some(effect) = pool.waiting.pop_front() else { return };
                pool.known.remove(&effect);
                pool.busy += 1;
                effect
            };
            (this.grant)(effect, Permit { class, inner: Some(Arc::clone(this)) });
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        if let Some(pool) = inner.pool(self.class) {
            let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
            pool.busy = pool.busy.saturating_sub(1);
        }
        Inner::serve(&inner, self.class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(seq: u64) -> EffectId {
        EffectId { run: "r".into(), seq, index: 0 }
    }

    #[test]
    fn a_freed_place_goes_to_the_one_that_waited_longest() {
        let granted = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&granted);
        let pools = Pools::new(1, 1, Box::new(move |id, permit| seen.lock().unwrap().push((id, permit))));
        let first = pools.try_take(Class::Verb).expect("a place");
        pools.request(Class::Verb, effect(1));
        pools.request(Class::Verb, effect(2));
        pools.request(Class::Verb, effect(1));
        assert!(granted.lock().unwrap().is_empty());
        drop(first);
        let taken: Vec<_> = granted.lock().unwrap().iter().map(|(id, _)| id.seq).collect();
        assert_eq!(taken, [1]);
        assert_eq!(pools.waiting(), 1);
        assert!(pools.try_take(Class::Verb).is_none(), "those that wait come first");
    }
}
