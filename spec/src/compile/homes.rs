//! Where steps stand: a playbook is written flat, and `in` says which steps belong to which `each`, lane of a `parallel`, or `scope`.
//!
//! What stands in an `each` or a lane runs in a branch; what stands in a `scope` runs where the scope does. So edges ask for the
//! [`Homes::home`] of a step, and what it can read for its [`Homes::branch`].

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    draft::{RawKind, RawStep},
    plan::{DEEPEST_BRANCH, Step, StepKind},
};

/// What a step stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Home {
    /// The position of the step that holds it.
    pub(crate) holder: usize,
    /// Which lane of a `parallel`, in the order in which they are named; 0 for an `each` and a `scope`.
    pub(crate) lane: usize,
}

/// What the steps of a playbook stand in, by their positions; nothing for those of the playbook itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Homes {
    of: Vec<Option<Home>>,
    /// The positions of the scopes.
    scopes: BTreeSet<usize>,
    /// What of it leads nowhere.
    pub(crate) lost: Vec<Lost>,
}

/// A step whose `in` leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The position of the step in the file.
    pub(crate) index: usize,
    /// Why its `in` leads nowhere.
    pub(crate) why: Why,
}

/// Why an `in` leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// There is no such step.
    NoStep,
    /// The step holds nothing.
    HoldsNothing,
    /// The step has lanes, and none is named.
    NeedsLane,
    /// The step has lanes, and none of this name.
    NoLane,
    /// The step has no lanes, and one is named.
    HasNoLanes,
    /// Step and container stand in each other.
    Circle,
    /// It stands in more containers than there may be around a step.
    TooDeep,
}

impl Home {
    /// Returns what a step in it writes as `in`.
    pub(crate) fn written(self, steps: &[Step]) -> String {
        let holder = &steps[self.holder];
        match &holder.kind {
            StepKind::Parallel { lanes, .. } => {
                let lane = lanes.get(self.lane).map_or("", |lane| lane.id.as_str());
                format!("{}.{lane}", holder.id)
            }
            _ => holder.id.clone(),
        }
    }
}

/// Returns what is written in `in` as the step that holds and the lane.
pub(crate) fn container(written: &str) -> (&str, Option<&str>) {
    written.split_once('.').map_or((written, None), |(holder, lane)| (holder, Some(lane)))
}

/// Returns the name under which the steps of an `each` read the place of their item.
pub(crate) fn place_of(item: &str) -> String {
    format!("{item}_index")
}

/// Returns whether a step is an `each` that gives its steps something under a name: the item, or its place.
pub(crate) fn names_item(step: &Step, name: &str) -> bool {
    matches!(&step.kind, StepKind::Each { item, .. } if item == name || place_of(item) == name)
}

impl Homes {
    /// Finds what each step stands in. `index` are the positions in the file of the steps that are known.
    pub(crate) fn of(raw: &[RawStep], index: &[usize]) -> Self {
        let places: BTreeMap<usize, usize> =
            index.iter().enumerate().map(|(place, at)| (*at, place)).collect();
        let is_scope = |at: &usize| matches!(raw[*at].kind, RawKind::Known(StepKind::Scope { .. }));
        let scopes = index.iter().enumerate().filter(|(_, at)| is_scope(at)).map(|(place, _)| place);
        let mut homes = Self { of: vec![None; index.len()], scopes: scopes.collect(), lost: Vec::new() };
        for (at, step) in raw.iter().enumerate() {
            let Some(written) = &step.container else { continue };
            match held(raw, written) {
                Ok(Held { at: holder, lane }) => {
                    if let (Some(place), Some(holder)) = (places.get(&at), places.get(&holder)) {
                        homes.of[*place] = Some(Home { holder: *holder, lane });
                    }
                }
                // A container of a kind that is refused has been reported.
                Err(None) => {}
                Err(Some(why)) => homes.lost.push(Lost { index: at, why }),
            }
        }
        homes.settle(index);
        homes
    }

    /// Takes steps out that stand in themselves or too deep.
    fn settle(&mut self, index: &[usize]) {
        let depths: Vec<Option<usize>> = (0..self.of.len()).map(|place| self.depth(place)).collect();
        let circles: Vec<bool> = (0..self.of.len()).map(|place| self.is_in_itself(place)).collect();
        for (place, depth) in depths.into_iter().enumerate() {
            let why = match depth {
                None if circles[place] => Why::Circle,
                // It stands in one that is in a circle: that one is to be put right.
                None => {
                    self.of[place] = None;
                    continue;
                }
                Some(depth) if depth > DEEPEST_BRANCH => Why::TooDeep,
                Some(_) => continue,
            };
            self.of[place] = None;
            self.lost.push(Lost { index: index[place], why });
        }
    }

    /// Returns in how many containers a step stands; nothing where there is no end of them.
    fn depth(&self, place: usize) -> Option<usize> {
        let mut here = self.of[place];
        for depth in 0..=self.of.len() {
            let Some(home) = here else { return Some(depth) };
            here = self.of[home.holder];
        }
        None
    }

    fn is_in_itself(&self, place: usize) -> bool {
        let mut here = self.of[place];
        for _ in 0..self.of.len() {
            match here {
                Some(home) if home.holder == place => return true,
                Some(home) => here = self.of[home.holder],
                None => return false,
            }
        }
        false
    }

    /// Returns what a step stands in.
    pub(crate) fn home(&self, place: usize) -> Option<Home> {
        self.of.get(place).copied().flatten()
    }

    /// Returns what a step stands in, the innermost first.
    pub(crate) fn around(&self, place: usize) -> impl Iterator<Item = Home> + '_ {
        self.outward(self.home(place))
    }

    /// Returns a container and what it stands in, the innermost first.
    fn outward(&self, home: Option<Home>) -> impl Iterator<Item = Home> + '_ {
        std::iter::successors(home, |home| self.home(home.holder))
    }

    /// Returns whether a container is a scope: what stands in it stays in the run that it stands in.
    pub(crate) fn is_scope(&self, home: Home) -> bool {
        self.scopes.contains(&home.holder)
    }

    /// Returns what a step stands in that has branches, the innermost: among whose steps it runs.
    pub(crate) fn branch(&self, place: usize) -> Option<Home> {
        self.around(place).find(|home| !self.is_scope(*home))
    }

    /// Returns the positions of the scopes of the same run that a step stands in, the innermost first.
    pub(crate) fn scopes(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        self.around(place).take_while(|home| self.is_scope(*home)).map(|home| home.holder)
    }

    /// Returns the positions of the steps that run together, as members of a container or of scopes in it: each scope before what
    /// stands in it.
    pub(crate) fn in_run(&self, home: Option<Home>) -> Vec<usize> {
        let mut all = Vec::new();
        for place in self.members(home) {
            all.push(place);
            if self.scopes.contains(&place) {
                all.extend(self.in_run(Some(Home { holder: place, lane: 0 })));
            }
        }
        all
    }

    /// Returns the position of the `each` whose item, or the place of whose item, is called so in a container.
    pub(crate) fn item(&self, steps: &[Step], home: Option<Home>, name: &str) -> Option<usize> {
        self.outward(home).map(|home| home.holder).find(|holder| names_item(&steps[*holder], name))
    }

    /// Returns the positions of the steps that stand in the same, in the order of the file.
    pub(crate) fn members(&self, home: Option<Home>) -> impl Iterator<Item = usize> + '_ {
        self.of.iter().enumerate().filter(move |(_, own)| **own == home).map(|(place, _)| place)
    }

    /// Returns whether everything leads somewhere.
    pub(crate) fn is_whole(&self) -> bool {
        self.lost.is_empty()
    }
}

/// The step that holds another, by its place in the file.
struct Held {
    at: usize,
    lane: usize,
}

fn held(raw: &[RawStep], written: &str) -> Result<Held, Option<Why>> {
    let (id, lane) = container(written);
    let at = raw.iter().position(|step| step.id == id).ok_or(Some(Why::NoStep))?;
    match (&raw[at].kind, lane) {
        (RawKind::Known(StepKind::Each { .. } | StepKind::Scope { .. }), None) => Ok(Held { at, lane: 0 }),
        (RawKind::Known(StepKind::Each { .. } | StepKind::Scope { .. }), Some(_)) => {
            Err(Some(Why::HasNoLanes))
        }
        (RawKind::Known(StepKind::Parallel { .. }), None) => Err(Some(Why::NeedsLane)),
        (RawKind::Known(StepKind::Parallel { lanes, .. }), Some(lane)) => {
            let found = lanes.iter().position(|one| one.id == lane);
            found.map(|lane| Held { at, lane }).ok_or(Some(Why::NoLane))
        }
        (RawKind::Known(_), _) => Err(Some(Why::HoldsNothing)),
        (RawKind::Unsupported { .. }, _) => Err(None),
    }
}
