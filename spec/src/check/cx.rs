//! What the checks of one playbook share.

use std::collections::{BTreeMap, BTreeSet};

use super::{flow::Flow, names, uses::Use};
use crate::{
    compile::{
        homes::{Home, Homes},
        resolve::Resolved,
    },
    diag::{Code, Diagnostic, Spot},
    draft::{At, Draft, RawPlaybook},
    plan::{Effect, Playbook, RecordOp, Step, StepId, StepKind},
};

/// One playbook under check.
pub(crate) struct Cx<'a> {
    /// Everything that was read.
    pub(crate) draft: &'a Draft,
    /// The playbook as read, for places.
    pub(crate) at: &'a At<RawPlaybook>,
    /// The playbook with its names resolved.
    pub(crate) playbook: &'a Playbook,
    /// Every step as written, in the order of the file, whatever it stands in.
    pub(crate) flat: &'a [Step],
    /// What each of them stands in.
    pub(crate) homes: &'a Homes,
    /// The position in the file of each step.
    pub(crate) index: &'a [usize],
    /// The edges between steps.
    pub(crate) flow: Flow,
    /// The position of each step by id.
    pub(crate) ids: BTreeMap<&'a str, usize>,
    /// The positions that a run can come to.
    pub(crate) reachable: BTreeSet<usize>,
}

impl<'a> Cx<'a> {
    /// Prepares the checks of a playbook.
    pub(crate) fn new(draft: &'a Draft, resolved: &'a Resolved) -> Self {
        let Resolved { at, playbook, index, flat, homes, .. } = resolved;
        let flow = Flow::of(draft, flat, homes);
        let ids = flat.iter().enumerate().rev().map(|(place, step)| (step.id.as_str(), place)).collect();
        let reachable = flow.graph().from(flow.start);
        Self { draft, at, playbook, flat, homes, index, flow, ids, reachable }
    }

    /// Returns a step by position.
    pub(crate) fn step(&self, place: usize) -> &'a Step {
        &self.flat[place]
    }

    /// Returns the steps with their positions.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (usize, &'a Step)> + use<'a> {
        self.flat.iter().enumerate()
    }

    /// Returns the id of a step by position.
    pub(crate) fn id(&self, place: usize) -> &'a StepId {
        &self.step(place).id
    }

    /// Returns how a container is called for people: `each "dig"`, `lane "web" of parallel "fan"`.
    pub(crate) fn container(&self, home: Home) -> String {
        let holder = self.step(home.holder);
        match &holder.kind {
            StepKind::Parallel { lanes, .. } => {
                let lane = lanes.get(home.lane).map_or("", |lane| lane.id.as_str());
                format!("lane \"{lane}\" of parallel \"{}\"", holder.id)
            }
            kind => format!("{} \"{}\"", kind.word(), holder.id),
        }
    }

    /// Returns the position of the `each` around a step whose item, or the place of whose item, has a name.
    pub(crate) fn item(&self, place: usize, name: &str) -> Option<usize> {
        self.homes.item(self.flat, self.homes.home(place), name)
    }

    /// Returns the effect of a step on the world, `None` where it has none.
    pub(crate) fn effect_of(&self, step: &Step) -> Option<Effect> {
        match &step.kind {
            StepKind::Call { call, .. } => names::verb(self.draft, call).map(|verb| verb.effect),
            StepKind::Record { op: RecordOp::Write { .. } } => Some(Effect::Write),
            _ => None,
        }
    }

    /// Returns the place of a value of a step in the file.
    pub(crate) fn spot(&self, place: usize, below: &str) -> Spot {
        self.draft.spot(self.at, &self.key(place, below))
    }

    /// Returns the place of a path inside a template of a step; of the whole template where it is not written that way.
    pub(crate) fn spot_in(&self, place: usize, used: &Use, read: &str) -> Spot {
        let key = self.key(place, &used.key);
        let part = used.source.find(read).map(|start| start..start + read.len());
        let span = part.and_then(|part| self.draft.places.inside(&self.at.file, &key, part));
        span.map_or_else(|| self.spot(place, &used.key), |span| Spot::new(&self.at.file, span))
    }

    /// Returns the place of a key of a step in the file.
    pub(crate) fn key_spot(&self, place: usize, below: &str) -> Spot {
        self.draft.key_spot(self.at, &self.key(place, below))
    }

    fn key(&self, place: usize, below: &str) -> String {
        let index = self.index[place];
        if below.is_empty() { format!("step[{index}]") } else { format!("step[{index}].{below}") }
    }

    /// Returns the ids of positions for people: `"a" -> "b"`.
    pub(crate) fn route(&self, path: &[usize]) -> String {
        let ids: Vec<&str> = path.iter().map(|place| self.id(*place).as_str()).collect();
        ids.join(" -> ")
    }
}

/// Collects the diagnostics of a check, in the order in which they are found.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) found: Vec<Diagnostic>,
}

impl Out {
    /// Adds a diagnostic.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Adds a diagnostic from its four texts.
    pub(crate) fn say(&mut self, code: Code, at: Spot, text: Say<'_>) {
        self.push(Diagnostic::new(code, at, text.message).label(text.label).help(text.help));
    }
}

/// The texts of a diagnostic.
pub(crate) struct Say<'a> {
    /// What is wrong.
    pub(crate) message: String,
    /// Beside the caret.
    pub(crate) label: &'a str,
    /// What to type.
    pub(crate) help: String,
}
