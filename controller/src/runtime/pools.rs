//! Places of work under way: each connector has its own, each route too, and agents share some by the model they ask. What
//! does not fit waits in memory; its outbox row stays.
//!
//! One side that hangs holds the places of its own lane and no others: whatever goes elsewhere goes on.
//!
//! Behind a backlog a run that has begun goes on before another one begins: so runs end one after the other, and what they are in
//! memory is used while it is there. If all went in the order of their wishes, a thousand runs would do their first steps, then
//! their second ones, and none would end.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use adjutant_machine::{id::EffectId, projection::Lane};

/// What becomes of an effect that got a place.
type Grant = Box<dyn Fn(EffectId, Permit) + Send + Sync>;

/// After so many places in a row for runs that have begun one goes to a run that begins: whoever waits gets a turn.
const IN_A_ROW: u32 = 15;

#[derive(Default)]
struct Pool {
    busy: usize,
    waiting: Queue,
}

/// Those that wait for a place of a lane, each once.
#[derive(Default)]
struct Queue {
    /// Of runs that have done something, in the order in which they came.
    begun: VecDeque<EffectId>,
    /// The first ones of their runs, and whoever tries again: what ends this process each time must not come first each time.
    fresh: VecDeque<EffectId>,
    known: BTreeSet<EffectId>,
    /// How many of `begun` were taken since one of `fresh` was.
    in_a_row: u32,
}

impl Queue {
    fn push(&mut self, effect: EffectId, attempt: u32) {
        if self.known.insert(effect.clone()) {
            // A run's first entry asks for what it begins with.
            if effect.seq > 1 && attempt <= 1 { &mut self.begun } else { &mut self.fresh }.push_back(effect);
        }
    }

    fn pop(&mut self) -> Option<EffectId> {
        let is_fresh = self.begun.is_empty() || (self.in_a_row >= IN_A_ROW && !self.fresh.is_empty());
        let effect = if is_fresh { self.fresh.pop_front() } else { self.begun.pop_front() }?;
        self.in_a_row = if is_fresh { 0 } else { self.in_a_row + 1 };
        self.known.remove(&effect);
        Some(effect)
    }

    fn len(&self) -> usize {
        self.known.len()
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// How many may be under way at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    /// Of each connector and route.
    pub(super) each: usize,
    /// Agents in all.
    pub(super) agents: usize,
    /// Agents of one model endpoint.
    pub(super) share: usize,
}

struct Table {
    most: Most,
    agents: usize,
    lanes: BTreeMap<Lane, Pool>,
}

struct Inner {
    table: Mutex<Table>,
    grant: Grant,
}

/// The pools.
#[derive(Clone)]
pub(super) struct Pools {
    inner: Arc<Inner>,
}

/// A place in a pool; dropping it gives the place to the next one.
pub(super) struct Permit {
    lane: Lane,
    inner: Option<Arc<Inner>>,
}

impl Pools {
    /// Returns pools of a size; `grant` is called for an effect that waited, when its turn comes.
    pub(super) fn new(each: usize, agents: usize, grant: Grant) -> Self {
        let most = Most { each: each.max(1), agents: agents.max(1), share: agents.max(1) };
        let table = Mutex::new(Table { most, agents: 0, lanes: BTreeMap::new() });
        Self { inner: Arc::new(Inner { table, grant }) }
    }

    /// Takes a place at once, if there is one and nobody waits for it.
    pub(super) fn try_take(&self, lane: &Lane) -> Option<Permit> {
        if *lane != Lane::Local {
            let mut table = self.inner.table();
            let is_wanted = table.lanes.get(lane).is_some_and(|pool| !pool.waiting.is_empty());
            if is_wanted || !table.has_room(lane) {
                return None;
            }
            table.take(lane);
        }
        Some(Permit::new(&self.inner, lane.clone()))
    }

    /// Queues an effect for a place; `grant` is called when it has one, perhaps at once.
    pub(super) fn request(&self, lane: &Lane, effect: EffectId, attempt: u32) {
        if *lane == Lane::Local {
            return (self.inner.grant)(effect, Permit::new(&self.inner, Lane::Local));
        }
        {
            let mut table = self.inner.table();
            table.lanes.entry(lane.clone()).or_default().waiting.push(effect, attempt);
        }
        Inner::serve(&self.inner);
    }

    /// Changes the most agents at once, shared by so many model endpoints; what is under way goes on.
    pub(super) fn set_agents(&self, most: usize, endpoints: usize) {
        let agents = most.max(1);
        let share = (agents / endpoints.max(1)).max(1);
        {
            let mut table = self.inner.table();
            table.most = Most { agents, share, ..table.most };
        }
        Inner::serve(&self.inner);
    }

    /// Returns how many effects wait for a place.
    pub(super) fn waiting(&self) -> usize {
        self.inner.table().lanes.values().map(|pool| pool.waiting.len()).sum()
    }

    /// Forgets everything that waits: the runtime closes, the rows stay.
    pub(super) fn clear(&self) {
        for pool in self.inner.table().lanes.values_mut() {
            pool.waiting = Queue::default();
        }
    }
}

impl Table {
    fn has_room(&self, lane: &Lane) -> bool {
        let busy = self.lanes.get(lane).map_or(0, |pool| pool.busy);
        match lane {
            Lane::Connector(_) | Lane::Route(_) => busy < self.most.each,
            Lane::Agent(_) => self.agents < self.most.agents && busy < self.most.share,
            Lane::Local => true,
        }
    }

    fn take(&mut self, lane: &Lane) {
        self.agents += usize::from(matches!(lane, Lane::Agent(_)));
        self.lanes.entry(lane.clone()).or_default().busy += 1;
    }

    fn give_back(&mut self, lane: &Lane) {
        self.agents = self.agents.saturating_sub(usize::from(matches!(lane, Lane::Agent(_))));
        let Some(pool) = self.lanes.get_mut(lane) else { return };
        pool.busy = pool.busy.saturating_sub(1);
        if pool.busy == 0 && pool.waiting.is_empty() {
            self.lanes.remove(lane);
        }
    }

    /// Takes a place for whoever waits in a lane that has one; the least busy lane is served first.
    fn next(&mut self) -> Option<(EffectId, Lane)> {
        let waiting =
            self.lanes.iter().filter(|(lane, pool)| !pool.waiting.is_empty() && self.has_room(lane));
        let lane = waiting.min_by_key(|(_, pool)| pool.busy).map(|(lane, _)| lane.clone())?;
        let pool = self.lanes.get_mut(&lane)?;
        let effect = pool.waiting.pop()?;
        self.take(&lane);
        Some((effect, lane))
    }
}

impl Inner {
    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives free places to those that wait, in their order.
    fn serve(this: &Arc<Self>) {
        loop {
            // The lock must be free again before `grant` runs: it may come back here.
            let Some((effect, lane)) = this.table().next() else { return };
            (this.grant)(effect, Permit::new(this, lane));
        }
    }
}

impl Permit {
    fn new(inner: &Arc<Inner>, lane: Lane) -> Self {
        let inner = (lane != Lane::Local).then(|| Arc::clone(inner));
        Self { lane, inner }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        inner.table().give_back(&self.lane);
        Inner::serve(&inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Granted = Arc<Mutex<Vec<(EffectId, Permit)>>>;

    fn effect(seq: u64) -> EffectId {
        EffectId { run: "r".into(), seq, index: 0 }
    }

    fn desk() -> Lane {
        Lane::Connector("desk".into())
    }

    fn pools(each: usize, agents: usize) -> (Pools, Granted) {
        let granted: Granted = Arc::default();
        let seen = Arc::clone(&granted);
        (
            Pools::new(each, agents, Box::new(move |id, permit| seen.lock().unwrap().push((id, permit)))),
            granted,
        )
    }

    #[test]
    fn a_freed_place_goes_to_the_one_that_waited_longest() {
        let (pools, granted) = pools(1, 1);
        let first = pools.try_take(&desk()).expect("a place");
        pools.request(&desk(), effect(2), 1);
        pools.request(&desk(), effect(3), 1);
        pools.request(&desk(), effect(2), 1);
        assert!(granted.lock().unwrap().is_empty());
        drop(first);
        let taken: Vec<_> = granted.lock().unwrap().iter().map(|(id, _)| id.seq).collect();
        assert_eq!(taken, [2]);
        assert_eq!(pools.waiting(), 1);
        assert!(pools.try_take(&desk()).is_none(), "those that wait come first");
    }

    /// Takes every place as it is given, and gives it back.
    fn drained(pools: &Pools, granted: &Granted, first: Option<Permit>) -> Vec<u64> {
        let mut taken = Vec::new();
        drop(first);
        while let Some((id, permit)) = { granted.lock().unwrap().pop() } {
            taken.push(id.seq);
            drop(permit);
        }
        assert_eq!(pools.waiting(), 0);
        taken
    }

    #[test]
    fn a_run_that_has_begun_goes_on_before_another_begins() {
        let (pools, granted) = pools(1, 1);
        let first = pools.try_take(&desk());
        let begins = |run: &str| EffectId { run: run.into(), seq: 1, index: 0 };
        pools.request(&desk(), effect(6), 2);
        for effect in [begins("a"), begins("b"), effect(5), effect(4)] {
            pools.request(&desk(), effect, 1);
        }
        assert_eq!(
            drained(&pools, &granted, first),
            [5, 4, 6, 1, 1],
            "who tries again waits with those that begin"
        );
    }

    #[test]
    fn whoever_begins_gets_a_turn_however_many_go_on() {
        let (pools, granted) = pools(1, 1);
        let first = pools.try_take(&desk());
        pools.request(&desk(), effect(1), 1);
        (2..=60).for_each(|seq| pools.request(&desk(), effect(seq), 1));
        let taken = drained(&pools, &granted, first);
        assert_eq!(taken.len(), 60);
        assert_eq!(taken.iter().position(|seq| *seq == 1), Some(15));
    }

    #[test]
    fn one_side_that_hangs_holds_no_place_of_another() {
        let (pools, granted) = pools(2, 4);
        pools.set_agents(4, 2);
        let lanes =
            |name: &str| [Lane::Connector(name.into()), Lane::Route(name.into()), Lane::Agent(name.into())];
        for (seq, lane) in (0..).zip(lanes("hangs").iter().cycle().take(60)) {
            pools.request(lane, effect(seq), 1);
        }
        assert_eq!(granted.lock().unwrap().len(), 6, "two of each: the rest waits");
        for lane in &lanes("healthy") {
            assert!(pools.try_take(lane).is_some(), "{lane:?}");
        }
    }

    #[test]
    fn agents_are_bounded_in_all() {
        let (pools, _granted) = pools(9, 2);
        pools.set_agents(2, 1);
        let held: Vec<_> = ["a", "b", "c"].map(|name| pools.try_take(&Lane::Agent(name.into()))).into();
        assert_eq!(held.iter().flatten().count(), 2);
    }
}
