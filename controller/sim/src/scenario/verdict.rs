//! The verdict: the first thing that is not as the scenario says, in words that the operator knows.

use adjutant_spec::scenario::{Answer, Expectation, Finding, RecordWanted, Reply};
use serde_json::Value;

use super::{
    calls::Called,
    course::Visit,
    finding::{finding, our_bug},
    player::Player,
    words::{since, told},
};
use crate::oracle;

/// Returns the first thing that is not as the scenario says, of a play that came to its end.
pub(super) fn first(player: &Player<'_>) -> Option<Finding> {
    unmet(player)
        .or_else(|| forbidden(player))
        .or_else(|| records(player))
        .or_else(|| ending(player))
        .or_else(|| laws(player))
        .or_else(|| unused(player))
}

fn unmet(player: &Player<'_>) -> Option<Finding> {
    let visits = &player.course.visits;
    let mut from = 0;
    for (place, wanted) in player.scenario.expect.iter().enumerate() {
        let met = visits[from..].iter().position(|visit| differs(player, visit, wanted).is_none());
        match met {
            Some(found) => from += found + 1,
            None => return Some(miss(player, &visits[from..], place)),
        }
    }
    None
}

/// How a visit differs from what is expected.
struct Difference {
    /// The key below the expectation.
    key: String,
    message: String,
}

/// Returns how a visit differs from what is expected; `None` where it does not.
fn differs(player: &Player<'_>, visit: &Visit, wanted: &Expectation) -> Option<Difference> {
    if !is_of(visit, wanted) {
        let message = format!("step \"{}\" is another one", visit.step);
        return Some(Difference { key: "step".to_owned(), message });
    }
    outcome_differs(visit, wanted)
        .or_else(|| argument_differs(visit, wanted))
        .or_else(|| moment_differs(player, visit, wanted))
}

fn is_of(visit: &Visit, wanted: &Expectation) -> bool {
    let is_it = visit.playbook == wanted.playbook && visit.step == wanted.step && !visit.undo;
    is_it && wanted.visit.is_none_or(|number| number == visit.visit)
}

fn outcome_differs(visit: &Visit, wanted: &Expectation) -> Option<Difference> {
    let expected = wanted.outcome.as_ref().filter(|word| visit.outcome.as_ref() != Some(word))?;
    let trouble = visit.trouble.as_ref().map_or_else(String::new, |trouble| format!(" ({trouble})"));
    let message = match &visit.outcome {
        Some(found) => {
            format!("step \"{}\" ended with \"{found}\"{trouble}, expected \"{expected}\"", visit.step)
        }
        None => format!("step \"{}\" has not ended, expected \"{expected}\"", visit.step),
    };
    Some(Difference { key: "outcome".to_owned(), message })
}

fn argument_differs(visit: &Visit, wanted: &Expectation) -> Option<Difference> {
    let of = |name: &str| visit.args.get(name).unwrap_or(&Value::Null);
    let other = wanted.with.iter().find(|(name, value)| !covers(of(name), value)).map(|(name, value)| {
        let message =
            format!("\"{name}\" of step \"{}\" is {}, expected {}", visit.step, told(of(name)), told(value));
        Difference { key: format!("with.{name}"), message }
    });
    let lacks = |(name, part): &(&String, &String)| !text_of(of(name)).contains(part.as_str());
    other.or_else(|| {
        let (name, part) = wanted.contains.iter().find(lacks)?;
        let message = format!(
            "\"{name}\" of step \"{}\" is {}, expected to contain \"{part}\"",
            visit.step,
            told(of(name))
        );
        Some(Difference { key: format!("contains.{name}"), message })
    })
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns whether a value is as expected: of a table only the fields count that are named, and numbers count by their worth.
pub(crate) fn covers(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| covers(found.get(name).unwrap_or(&Value::Null), value))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && found.iter().zip(wanted).all(|(found, wanted)| covers(found, wanted))
        }
        (Value::Number(found), Value::Number(wanted)) => found == wanted || found.as_f64() == wanted.as_f64(),
        _ => found == wanted,
    }
}

const MINUTE: i64 = 60_000;

fn moment_differs(player: &Player<'_>, visit: &Visit, wanted: &Expectation) -> Option<Difference> {
    let began = visit.began.0;
    let after = began - player.course.began.0;
    let said = |key: &str, text: String| {
        let message = format!("step \"{}\" began at {}, expected {text}", visit.step, since(after));
        Some(Difference { key: key.to_owned(), message })
    };
    if let Some(at) = wanted.at.filter(|at| at.div_euclid(MINUTE) != began.div_euclid(MINUTE)) {
        return said("at", since(at - player.course.began.0));
    }
    let millis = |period: adjutant_spec::value::Period| i64::try_from(period.millis()).unwrap_or(i64::MAX);
    if let Some(least) = wanted.after.map(millis).filter(|least| after < *least) {
        return said("after", format!("{} or later", since(least)));
    }
    let most = wanted.before.map(millis).filter(|most| after > *most)?;
    said("before", format!("{} or sooner", since(most)))
}

/// Says what happened in place of what was expected.
fn miss(player: &Player<'_>, left: &[Visit], place: usize) -> Finding {
    let wanted = &player.scenario.expect[place];
    let near = left.iter().find(|visit| is_of(visit, wanted));
    if let Some(found) = near.and_then(|visit| differs(player, visit, wanted)) {
        return finding(&format!("expect[{place}].{}", found.key), found.message);
    }
    let earlier = player.course.visits.iter().any(|visit| is_of(visit, wanted));
    let ended = player.course.ending().map_or_else(
        || "the play stopped".to_owned(),
        |ending| format!("the run ended as {}", ending.status),
    );
    let last = player.course.visits.iter().rfind(|visit| !visit.undo);
    let last = last.map_or_else(String::new, |visit| format!(" after step \"{}\"", visit.step));
    let message = match earlier {
        true => format!(
            "step \"{}\" was not reached in this order: it came before what stands above it",
            wanted.step
        ),
        false => format!("step \"{}\" was expected, and {ended}{last} without it", wanted.step),
    };
    finding(&format!("expect[{place}].step"), message)
}

fn forbidden(player: &Player<'_>) -> Option<Finding> {
    for (place, verb) in player.scenario.never.iter().enumerate() {
        let Some(called) = player.calls.iter().find(|called| called.verb == *verb) else { continue };
        let Called { args, at, step, .. } = called;
        let when = since(at.0 - player.course.began.0);
        let message = format!("\"{verb}\" was called at {when} by step \"{step}\", with {}", told(args));
        return Some(finding(&format!("never[{place}]"), message));
    }
    None
}

fn records(player: &Player<'_>) -> Option<Finding> {
    let wanted = player.scenario.records.iter().enumerate();
    wanted.filter_map(|(place, wanted)| record(player, place, wanted)).next()
}

fn record(player: &Player<'_>, place: usize, wanted: &RecordWanted) -> Option<Finding> {
    let RecordWanted { kind, key, value, version, missing } = wanted;
    let at = |below: &str, message: String| Some(finding(&format!("records[{place}]{below}"), message));
    let found = match (player.store.get(kind, key), *missing) {
        (None, true) => return None,
        (None, false) => return at(".key", format!("there is no {kind} \"{key}\"")),
        (Some(found), true) => {
            return at(".missing", format!("there is a {kind} \"{key}\": {}", told(&found.value)));
        }
        (Some(found), false) => found,
    };
    for (name, value) in value {
        let is = found.value.get(name).unwrap_or(&Value::Null);
        if !covers(is, value) {
            let message = format!("\"{name}\" of {kind} \"{key}\" is {}, expected {}", told(is), told(value));
            return at(&format!(".value.{name}"), message);
        }
    }
    let expected = version.filter(|version| *version != found.version)?;
    at(".version", format!("{kind} \"{key}\" is at version {}, expected {expected}", found.version))
}

fn ending(player: &Player<'_>) -> Option<Finding> {
    if let Some(until) = player.scenario.until.as_ref().filter(|_| !player.has_stopped) {
        let ended = player.course.ending().map_or("nothing", |ending| ending.status.as_str());
        let message = format!("the run never stood at step \"{until}\": it ended as {ended}");
        return Some(finding("until", message));
    }
    let wanted = player.scenario.end.as_ref()?;
    let ending = player.course.ending()?;
    if ending.status == *wanted {
        return None;
    }
    let why = ending.reason.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
    Some(finding("end", format!("the run ended as {}{why}, expected {wanted}", ending.status)))
}

/// What we promise of every run holds of this one too.
fn laws(player: &Player<'_>) -> Option<Finding> {
    if player.has_stopped {
        return None;
    }
    if let Err(broken) = player.host.check_folds() {
        return Some(our_bug(&broken.to_string()));
    }
    let broken = oracle::judge_acts(&player.host, &player.world.acts);
    broken.first().map(|law| our_bug(law))
}

fn unused(player: &Player<'_>) -> Option<Finding> {
    if player.has_stopped {
        return None;
    }
    let taken = player.script.unused()?;
    let Answer { step, times, reply, .. } = &taken.answer;
    let who = match reply {
        Reply::Probe { .. } => "its probe was not asked",
        Reply::Settle { .. } => "nothing was to be settled",
        _ => "it was not asked",
    };
    let often = if *times > 1 { format!(" {times} times") } else { String::new() };
    let message = format!("step \"{step}\" has an answer that is not used{often}: {who}");
    let help =
        "remove it, or say what should happen: a test that says too much hides what it is about".to_owned();
    let label = "is not used".to_owned();
    Some(Finding { help, label, ..finding(&format!("answer[{}]", taken.place), message) })
}
