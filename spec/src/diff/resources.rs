//! Resources: added, changed, renamed, retired; and what that means for gates, schedules and bundles.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{Change, ChangeKind};
use crate::{
    plan::{Bundle, Id, Plan, Playbook, Step, StepKind, Trigger},
    sides::{Sides, side_by_side},
};

pub(super) fn diff(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    let playbooks = Pair::new("playbook", &old.playbooks, &new.playbooks);
    playbooks.diff(|it| &it.was, out);
    Pair::new("agent", &old.agents, &new.agents).diff(|it| &it.was, out);
    Pair::new("connector", &old.connectors, &new.connectors).diff(|it| &it.was, out);
    Pair::new("route", &old.routes, &new.routes).diff(|it| &it.was, out);
    Pair::new("record", &old.records, &new.records).diff(|_| &[], out);
    Pair::new("slice", &old.slices, &new.slices).diff(|_| &[], out);
    Pair::new("secret", &old.secrets, &new.secrets).diff(|_| &[], out);
    for (was, is) in playbooks.matched(|it| &it.was) {
        details(was, is, out);
    }
    for (id, is) in &new.records {
        if let Some(was) = old.records.get(id).filter(|was| *was != is) {
            record(id, was, is, out);
        }
    }
    for playbook in playbooks.gone(|it| &it.was) {
        if let Some(line) = schedule(playbook) {
            let text = format!("{line} no longer fires");
            out.push(Change::new(ChangeKind::Schedule, subject(&playbook.id), text).tightened());
        }
    }
    for playbook in playbooks.fresh(|it| &it.was) {
        if let Some(line) = schedule(playbook) {
            let text = format!("{line} will fire");
            out.push(Change::new(ChangeKind::Schedule, subject(&playbook.id), text).widened());
        }
    }
    bundles(old, new, out);
    if old.company != new.company {
        out.push(Change::new(ChangeKind::Changed, "company", "the company's own settings change"));
    }
    models(old, new, out);
    if old.prices != new.prices {
        out.push(Change::new(ChangeKind::Changed, "prices", "the prices of models change"));
    }
}

/// A model that is pinned otherwise: every route decides with it.
fn models(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    let routes: Vec<&str> = new.routes.keys().map(String::as_str).collect();
    let names: BTreeSet<&String> = old.models.keys().chain(new.models.keys()).collect();
    for name in names {
        let (was, is) = (old.models.get(name), new.models.get(name));
        let text = match (was, is) {
            (was, is) if was == is => continue,
            (Some(was), Some(is)) => format!("model \"{name}\" is {} instead of {}", brief(is), brief(was)),
            (None, Some(is)) => format!("model \"{name}\" is pinned to {}", brief(is)),
            (_, None) => format!("model \"{name}\" is not pinned any more"),
        };
        let routes = if routes.is_empty() { "no route".to_owned() } else { routes.join(", ") };
        let text = format!("{text}; decides for: {routes}");
        out.push(Change::new(ChangeKind::Changed, format!("model:{name}"), text));
    }
}

/// The head of a digest, which people compare.
fn brief(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}

/// What happens to the fields of a kind of record: what is stored stays as it is, so each of these may leave records that no
/// longer fit.
fn record(id: &str, was: &Value, is: &Value, out: &mut Vec<Change>) {
    let say = |name: &str, what: &str| {
        let text = format!("field \"{name}\" of record \"{id}\" {what}");
        Change::new(ChangeKind::Changed, format!("record:{id}"), text)
    };
    let fields = |schema: &Value| -> BTreeMap<String, Value> {
        let properties = schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().map(|(name, field)| (name.clone(), field.clone())).collect()
    };
    let required = |schema: &Value| -> BTreeSet<String> {
        let names = schema.get("required").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (before, after) = (fields(was), fields(is));
    for (name, field) in &before {
        match after.get(name) {
            None => out.push(say(name, "is gone")),
            Some(now) if now != field => out.push(say(name, "is judged otherwise")),
            Some(_) => {}
        }
    }
    out.extend(after.keys().filter(|name| !before.contains_key(*name)).map(|name| say(name, "is new")));
    out.extend(required(is).difference(&required(was)).map(|name| say(name, "must be there now")));
}

fn subject(id: &str) -> String {
    format!("playbook:{id}")
}

/// The resources of one kind in two plans.
struct Pair<'a, T> {
    word: &'static str,
    old: &'a BTreeMap<Id, T>,
    new: &'a BTreeMap<Id, T>,
    /// Those that are not the same under their id; of the others there is nothing to tell.
    moved: Vec<Sides<'a, Id, T>>,
}

impl<'a, T: PartialEq> Pair<'a, T> {
    fn new(word: &'static str, old: &'a BTreeMap<Id, T>, new: &'a BTreeMap<Id, T>) -> Self {
        let moved = side_by_side(old, new).filter(|at| at.old != at.new).collect();
        Self { word, old, new, moved }
    }

    fn diff(&self, was: impl Fn(&T) -> &[Id] + Copy, out: &mut Vec<Change>) {
        for Sides { key: id, new, .. } in &self.moved {
            let subject = format!("{}:{id}", self.word);
            let change = match new.map(|is| self.ancestor(id, is, was)) {
                None if self.heir(id, was).is_some() => continue,
                None => {
                    Change::new(ChangeKind::Retired, subject, format!("{} \"{id}\" is retired", self.word))
                }
                Some(None) => {
                    Change::new(ChangeKind::Added, subject, format!("{} \"{id}\" is new", self.word))
                }
                Some(Some((former, _))) if former != *id => Change::new(
                    ChangeKind::Renamed,
                    subject,
                    format!("{} \"{former}\" is now called \"{id}\"", self.word),
                ),
                Some(Some(_)) => {
                    Change::new(ChangeKind::Changed, subject, format!("{} \"{id}\" changes", self.word))
                }
            };
            out.push(change);
        }
    }

    /// Returns what a resource was before, under its id or a former one.
    fn ancestor(&self, id: &'a Id, is: &'a T, was: impl Fn(&T) -> &[Id]) -> Option<(&'a Id, &'a T)> {
        self.old
            .get_key_value(id)
            .or_else(|| was(is).iter().find_map(|former| self.old.get_key_value(former)))
    }

    /// Returns what became of a resource.
    fn heir(&self, id: &str, was: impl Fn(&T) -> &[Id]) -> Option<&'a T> {
        let renamed = || self.new.values().find(|is| was(is).iter().any(|former| former == id));
        self.new.get(id).or_else(renamed)
    }

    /// Returns the resources that are others, each with what it was.
    fn matched(&self, was: impl Fn(&T) -> &[Id] + Copy) -> Vec<(&'a T, &'a T)> {
        let present = self.moved.iter().filter_map(|at| Some((at.key, at.new?)));
        let rows = present.filter_map(|(id, is)| Some((self.ancestor(id, is, was)?.1, is)));
        rows.filter(|(before, is)| before != is).collect()
    }

    /// Returns the resources that nothing became of.
    fn gone(&self, was: impl Fn(&T) -> &[Id] + Copy) -> impl Iterator<Item = &'a T> {
        let absent = self.moved.iter().filter(|at| at.new.is_none());
        absent.filter(move |at| self.heir(at.key, was).is_none()).filter_map(|at| at.old)
    }

    /// Returns the resources that were nothing before.
    fn fresh(&self, was: impl Fn(&T) -> &[Id] + Copy) -> impl Iterator<Item = &'a T> {
        let present = self.moved.iter().filter_map(|at| Some((at.key, at.new?)));
        present.filter(move |(id, is)| self.ancestor(id, is, was).is_none()).map(|(_, is)| is)
    }
}

fn schedule(playbook: &Playbook) -> Option<String> {
    match &playbook.trigger {
        Trigger::Schedule { cron, zone, .. } => {
            Some(format!("schedule of playbook \"{}\", `{cron}` in {zone},", playbook.id))
        }
        Trigger::Manual | Trigger::Event { .. } | Trigger::Signal { .. } | Trigger::Record { .. } => None,
    }
}

fn details(was: &Playbook, is: &Playbook, out: &mut Vec<Change>) {
    match (schedule(was), schedule(is)) {
        (Some(before), Some(after)) if before != after && was.id == is.id => {
            out.push(Change::new(
                ChangeKind::Schedule,
                subject(&is.id),
                format!("{after} will fire; before: {before}"),
            ));
        }
        (Some(before), None) => {
            let text = format!("{before} no longer fires");
            out.push(Change::new(ChangeKind::Schedule, subject(&is.id), text).tightened());
        }
        (None, Some(after)) => {
            out.push(
                Change::new(ChangeKind::Schedule, subject(&is.id), format!("{after} will fire")).widened(),
            );
        }
        _ => {}
    }
    gates(was, is, out);
    let steps = |playbook: &Playbook| {
        playbook.every_step().into_iter().map(|step| step.id.clone()).collect::<Vec<_>>()
    };
    let (before, after) = (steps(was), steps(is));
    let text = |id: &str, what: &str| format!("step \"{id}\" of playbook \"{}\" {what}", is.id);
    let step = |id: &str, what: &str| Change::new(ChangeKind::Changed, subject(&is.id), text(id, what));
    out.extend(after.iter().filter(|id| !before.contains(id)).map(|id| step(id, "is new")));
    out.extend(before.iter().filter(|id| !after.contains(id)).map(|id| step(id, "is removed")));
    let moved = is.every_step().into_iter();
    let moved = moved.filter(|step| was.step(&step.id).is_some_and(|before| own(before) != own(step)));
    out.extend(moved.map(|moved| step(&moved.id, "changes")));
}

/// Returns a step without the steps that stand in it: those are told of by themselves.
fn own(step: &Step) -> Cow<'_, Step> {
    if !step.kind.holds_steps() {
        return Cow::Borrowed(step);
    }
    let mut own = step.clone();
    match &mut own.kind {
        StepKind::Each { body, .. } => body.steps.clear(),
        StepKind::Parallel { lanes, .. } => lanes.iter_mut().for_each(|lane| lane.body.steps.clear()),
        _ => {}
    }
    Cow::Owned(own)
}

fn gates(was: &Playbook, is: &Playbook, out: &mut Vec<Change>) {
    let gate = |step: &&Step| matches!(step.kind, StepKind::Gate { .. });
    let say = |id: &str, what: &str| {
        Change::new(
            ChangeKind::Gate,
            subject(&is.id),
            format!("gate \"{id}\" of playbook \"{}\" {what}", is.id),
        )
    };
    for step in is.every_step().into_iter().filter(gate) {
        match was.step(&step.id).filter(gate) {
            None => out.push(say(&step.id, "is new").tightened()),
            Some(before) => match (has_auto(before), has_auto(step)) {
                (false, true) => out.push(say(&step.id, "can pass without you").widened()),
                (true, false) => out.push(say(&step.id, "always asks you").tightened()),
                _ => {}
            },
        }
    }
    let before = was.every_step().into_iter().filter(gate);
    for step in before.filter(|before| is.step(&before.id).filter(gate).is_none()) {
        out.push(say(&step.id, "is removed").widened());
    }
}

fn has_auto(step: &Step) -> bool {
    matches!(&step.kind, StepKind::Gate { auto: Some(_), .. })
}

fn bundles(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    for Sides { key: id, old, new } in side_by_side(&old.bundles, &new.bundles) {
        let (Some(was), Some(is)) = (old, new) else { continue };
        if Arc::ptr_eq(was, is) || was == is {
            continue;
        }
        out.push(Change::new(
            ChangeKind::Bundle,
            subject(id),
            format!("new runs of playbook \"{id}\" pin {} instead of {}", short(is), short(was)),
        ));
        uncovered(id, was, is, out);
    }
}

/// What a gate covered and no gate covers any more.
fn uncovered(id: &str, was: &Bundle, is: &Bundle, out: &mut Vec<Change>) {
    let covered = |bundle: &Bundle| -> Vec<String> {
        bundle.covers.values().flatten().map(|covered| covered.step.clone()).collect()
    };
    let now = covered(is);
    for step in
        covered(was).into_iter().filter(|step| !now.contains(step) && is.playbook.step(step).is_some())
    {
        let text = format!("no gate covers step \"{step}\" of playbook \"{id}\" any more");
        out.push(Change::new(ChangeKind::Gate, subject(id), text).widened());
    }
}

fn short(bundle: &Bundle) -> String {
    bundle.id().chars().take(8).collect()
}
