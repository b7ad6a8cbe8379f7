//! Quantities and permissions: each change says whether more or less can happen without asking.

use std::collections::BTreeMap;

use super::{Change, ChangeKind};
use crate::plan::{
    Autonomy, Budget, Connector, Effect, Freeze, Idempotency, Level, Mode, Plan, RetentionClass, Stage, Verb,
    Window,
};
use crate::value::Period;

pub(super) fn diff(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    budgets(old, new, out);
    autonomy(old, new, out);
    limits(old, new, out);
    freezes(old, new, out);
    stages(old, new, out);
    for (id, is) in &new.connectors {
        let was = old.connectors.get(id);
        if let Some(was) = was {
            connector(was, is, out);
        }
        posted_reads(was, is, out);
    }
    let (was, is) = (old.prices.default_cap, new.prices.default_cap);
    if was != is {
        let text = format!("the default cap a day is {is} instead of {was}");
        out.push(Change::new(ChangeKind::Budget, "prices", text).directed(&was.amount, &is.amount));
    }
    if old.policies.notify != new.policies.notify {
        out.push(Change::new(ChangeKind::Changed, "notify", "who is told of what changes"));
    }
    retention(old, new, out);
}

/// What is kept no longer goes by itself, so a shorter time is more that happens without asking.
fn retention(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    for class in RetentionClass::ALL {
        let (was, is) = (old.policies.keep(class), new.policies.keep(class));
        if was.map(Period::millis) == is.map(Period::millis) {
            continue;
        }
        let long =
            |keep: Option<Period>| keep.map_or_else(|| "for good".to_owned(), |keep| format!("for {keep}"));
        let word = class.word();
        let text =
            format!("{word} that are over are kept {} instead of {}, and then removed", long(is), long(was));
        let change = Change::new(ChangeKind::Permission, "retention", text);
        let millis = |keep: Option<Period>| keep.map_or(u64::MAX, Period::millis);
        out.push(change.directed(&millis(is), &millis(was)));
    }
}

fn window(window: Window) -> &'static str {
    match window {
        Window::Run => "run",
        Window::Day => "day",
        Window::Week => "week",
        Window::Month => "month",
    }
}

fn budgets(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    let keyed = |plan: &Plan| -> BTreeMap<(String, Window), Budget> {
        plan.policies.budgets.iter().map(|row| ((row.scope.clone(), row.window), row.clone())).collect()
    };
    let (was, is) = (keyed(old), keyed(new));
    let say = |(scope, per): &(String, Window), text: String| {
        Change::new(ChangeKind::Budget, scope, format!("budget of {scope} a {}: {text}", window(*per)))
    };
    for (key, row) in &is {
        match was.get(key) {
            None => out.push(say(key, format!("{} is new", row.limit)).tightened()),
            Some(before) if before.limit != row.limit => {
                let text = format!("{} instead of {}", row.limit, before.limit);
                out.push(say(key, text).directed(&before.limit.amount, &row.limit.amount));
            }
            Some(before) if before.on_exceed != row.on_exceed => {
                out.push(say(key, "what happens past it changes".to_owned()));
            }
            Some(_) => {}
        }
    }
    for (key, row) in was.iter().filter(|(key, _)| !is.contains_key(*key)) {
        out.push(say(key, format!("{} is removed", row.limit)).widened());
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Advise => "advise",
        Level::Ask => "ask",
        Level::Notify => "notify",
        Level::Act => "act",
    }
}

fn autonomy(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    let keyed = |plan: &Plan| -> BTreeMap<(String, String), Level> {
        let rows = &plan.policies.autonomy;
        rows.iter()
            .map(|Autonomy { subject, verb, level }| ((subject.clone(), verb.clone()), *level))
            .collect()
    };
    let (was, is) = (keyed(old), keyed(new));
    let say = |(subject, verb): &(String, String), text: String| {
        Change::new(ChangeKind::Permission, subject, format!("{subject} may use \"{verb}\" {text}"))
    };
    for (key, now) in &is {
        match was.get(key) {
            None => out.push(say(key, format!("at level {}, which is new", level(*now))).widened()),
            Some(before) if before != now => {
                let text = format!("at level {} instead of {}", level(*now), level(*before));
                out.push(say(key, text).directed(before, now));
            }
            Some(_) => {}
        }
    }
    for (key, _) in was.iter().filter(|(key, _)| !is.contains_key(*key)) {
        out.push(say(key, "no longer".to_owned()).tightened());
    }
}

fn limits(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    let keyed = |plan: &Plan| -> BTreeMap<String, u64> {
        plan.policies.limits.iter().map(|row| (row.name.clone(), row.max)).collect()
    };
    let (was, is) = (keyed(old), keyed(new));
    let say =
        |name: &str, text: String| Change::new(ChangeKind::Limit, name, format!("limit \"{name}\" {text}"));
    for (name, max) in &is {
        match was.get(name) {
            None => out.push(say(name, format!("of {max} is new")).tightened()),
            Some(before) if before != max => {
                out.push(say(name, format!("is {max} instead of {before}")).directed(before, max));
            }
            Some(_) => {}
        }
    }
    for name in was.keys().filter(|name| !is.contains_key(*name)) {
        out.push(say(name, "is removed".to_owned()).widened());
    }
}

fn freezes(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    let (was, is) = (&old.policies.freezes, &new.policies.freezes);
    let say = |row: &Freeze, what: &str| {
        let text =
            format!("freeze of {} from {} until {} ({}) {what}", row.scope, row.from, row.until, row.reason);
        Change::new(ChangeKind::Limit, row.scope.clone(), text)
    };
    out.extend(is.iter().filter(|row| !was.contains(row)).map(|row| say(row, "is new").tightened()));
    out.extend(was.iter().filter(|row| !is.contains(row)).map(|row| say(row, "is removed").widened()));
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Observe => "observe",
        Stage::Advise => "advise",
        Stage::Act => "act",
    }
}

fn stages(old: &Plan, new: &Plan, out: &mut Vec<Change>) {
    for (id, is) in &new.slices {
        let Some(was) = old.slices.get(id).filter(|was| was.stage != is.stage) else { continue };
        let text = format!("slice \"{id}\" is at stage {} instead of {}", stage(is.stage), stage(was.stage));
        let change = Change::new(ChangeKind::Permission, format!("slice:{id}"), text);
        out.push(change.directed(&was.stage, &is.stage));
    }
}

/// How much of the world a mode touches.
fn reach(mode: Mode) -> u8 {
    match mode {
        Mode::Fixture => 0,
        Mode::Dry => 1,
        Mode::Live => 2,
    }
}

fn connector(was: &Connector, is: &Connector, out: &mut Vec<Change>) {
    let subject = format!("connector:{}", is.id);
    let say = |text: String| {
        Change::new(ChangeKind::Permission, subject.clone(), format!("connector \"{}\" {text}", is.id))
    };
    if was.mode != is.mode {
        let word = |mode: Mode| ["fixture", "dry", "live"][usize::from(reach(mode))];
        let text = format!("is {} instead of {}", word(is.mode), word(was.mode));
        out.push(say(text).directed(&reach(was.mode), &reach(is.mode)));
    }
    if was.endpoint != is.endpoint {
        let shown = |endpoint: &Option<String>| endpoint.clone().unwrap_or_else(|| "nowhere".to_owned());
        out.push(say(format!("talks to {} instead of {}", shown(&is.endpoint), shown(&was.endpoint))));
    }
    out.extend(
        is.hosts
            .iter()
            .filter(|host| !was.hosts.contains(host))
            .map(|host| say(format!("may talk to {host}")).widened()),
    );
    out.extend(
        was.hosts
            .iter()
            .filter(|host| !is.hosts.contains(host))
            .map(|host| say(format!("may no longer talk to {host}")).tightened()),
    );
    for (name, verb) in &is.verbs {
        let Some(before) = was.verbs.get(name) else {
            out.push(say(format!("can \"{name}\", which is new")));
            continue;
        };
        if before.effect != verb.effect {
            let word = |effect: Effect| format!("{effect:?}").to_lowercase();
            let text =
                format!("counts \"{name}\" as {} instead of {}", word(verb.effect), word(before.effect));
            // What is guarded no more asks nobody: more can happen.
            out.push(say(text).directed(&verb.effect.is_guarded(), &before.effect.is_guarded()));
        }
        if before.idempotency != verb.idempotency {
            let word = |idempotency: Idempotency| match idempotency {
                Idempotency::NativeKey => "by its key",
                Idempotency::Probe => "after a look",
                Idempotency::AtMostOnce => "never",
                Idempotency::Pure => "at will",
            };
            let (now, then) = (word(verb.idempotency), word(before.idempotency));
            out.push(say(format!("repeats \"{name}\" {now} instead of {then}")));
        }
    }
}

/// Reads by a method that could change something: nobody is asked before them, so the plan names each one that is new.
fn posted_reads(was: Option<&Connector>, is: &Connector, out: &mut Vec<Change>) {
    let by = |verb: &Verb| {
        let is_posted = verb.effect == Effect::Read && !matches!(verb.method(), "GET" | "HEAD");
        is_posted.then(|| verb.method().to_owned())
    };
    for (name, verb) in &is.verbs {
        let before = was.and_then(|was| was.verbs.get(name)).and_then(by);
        let Some(method) = by(verb).filter(|method| before.as_ref() != Some(method)) else { continue };
        let text = format!(
            "connector \"{}\" reads with \"{name}\" by {method}: it is trusted to change nothing, and nobody is asked",
            is.id
        );
        out.push(Change::new(ChangeKind::Permission, format!("connector:{}", is.id), text).widened());
    }
}
