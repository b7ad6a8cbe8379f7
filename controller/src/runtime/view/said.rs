//! What an entry of a log tells, as one line for people.

use adjutant_machine::{event::Event, id::Stamp};
use serde_json::Value;

use crate::runtime::views::When;

/// How many characters of a revision are enough for people.
const SHORT: usize = 12;

/// Says what an entry of a run tells.
pub(super) fn run(event: &Event) -> String {
    let word = event.word().replace('_', " ");
    match why(event) {
        Some(why) => with_reason(&word, Some(why)),
        None => with_reason(&word, about(event).as_deref()),
    }
}

/// Returns why somebody steered a run, in their words.
fn why(event: &Event) -> Option<&str> {
    match event {
        Event::RunPaused { reason }
        | Event::RunResumed { reason }
        | Event::RunCancelled { reason }
        | Event::RunRolledBack { reason, .. }
        | Event::RunKilled { reason } => Some(reason),
        Event::EffectSettled { reason, .. } | Event::RunRetried { reason, .. } => reason.as_deref(),
        _ => None,
    }
}

/// Returns what an event is about, as a log names it.
pub(super) fn about(event: &Event) -> Option<String> {
    match event {
        Event::GateDecided(decided) => Some(decided.gate.clone()),
        Event::TimerFired { timer } => Some(format!("{timer:?}")),
        Event::RunRetried { step, .. } => step.clone(),
        Event::SignalCame(came) => Some(came.mailbox.in_words()),
        Event::ClassCorrected { step, .. } => Some(step.clone()),
        other => other.effect().map(ToString::to_string),
    }
}

/// Says what an entry of the host tells: of a revision, a schedule, a pause, a delivery.
pub(super) fn host(entry: &Value) -> String {
    let text = |key: &str| entry[key].as_str().filter(|text| !text.is_empty());
    if let Some(Tagged { word, told }) = named(&entry["what"]) {
        return source(word, told);
    }
    if entry.get("mailbox").is_some() {
        return mailbox(entry);
    }
    if let Some(outcome) = text("outcome") {
        return slot(entry, outcome);
    }
    if let Some(revision) = text("revision") {
        return in_force(entry, revision);
    }
    let tagged = named(&entry["event"]).unwrap_or(Tagged { word: "changed", told: entry });
    let Tagged { word, told } = tagged;
    let reason = told["reason"].as_str().or_else(|| text("reason"));
    let end = text("until").map_or_else(String::new, |until| format!(" until {until}"));
    with_reason(&format!("{}{end}", word.replace('_', " ")), reason)
}

/// An entry of the host in two parts.
struct Tagged<'a> {
    /// The word for what happened.
    word: &'a str,
    /// The fields that say more of it; null where there are none.
    told: &'a Value,
}

/// Splits an externally tagged value: `"released"`, or `{"held": {…}}`.
fn named(value: &Value) -> Option<Tagged<'_>> {
    match value {
        Value::String(word) => Some(Tagged { word, told: &Value::Null }),
        Value::Object(fields) if fields.len() == 1 => {
            fields.iter().next().map(|(word, told)| Tagged { word, told })
        }
        // Internally tagged: the word lies beside what it tells.
        Value::Object(fields) => fields.get("event")?.as_str().map(|word| Tagged { word, told: value }),
        _ => None,
    }
}

/// The story of the source: what was tried, held and released.
fn source(what: &str, told: &Value) -> String {
    let (title, revision) = (told["title"].as_str(), short(&told["revision"]));
    match what {
        "attempted" => with_reason(&format!("revision {revision} was read"), title),
        "life" => life(told),
        "good" => format!("revision {revision} works: it is what `adjutant revert` goes back to"),
        "held" => with_reason("the source is not followed", told["reason"].as_str()),
        "released" => "the source is followed again".to_owned(),
        "confirmed" => format!("the operator said yes to plan {}", short(told)),
        other => other.replace('_', " "),
    }
}

/// What happened to the revision that is being tried.
fn life(told: &Value) -> String {
    let reason = told["reason"].as_str();
    match told["event"].as_str().or(told.as_str()).unwrap_or_default() {
        "check_passed" => "it was checked, and may go on".to_owned(),
        "check_failed" => with_reason("its mistakes keep it out", reason),
        "planned" => format!("what it changes is known: plan {}", short(&told["plan"])),
        "withheld" => with_reason("it is kept out", reason),
        "begun" => "it is being put in force".to_owned(),
        "activated" => "it is in force".to_owned(),
        "moved" => "something else came into force meanwhile: it is looked at again".to_owned(),
        "again" => "it is looked at again".to_owned(),
        "newer" => format!("a newer one was read: {}", short(&told["by"])),
        other => other.replace('_', " "),
    }
}

/// What happened to a mailbox.
fn mailbox(entry: &Value) -> String {
    let name = entry["mailbox"]["signal"].as_str().unwrap_or_default();
    match entry["waiter"]["run"].as_str() {
        Some(run) => format!("run {run} waits for the signal \"{name}\""),
        None if entry["happened"] == "went_on" => format!("more who wait for the signal \"{name}\" are told"),
        None => with_reason(&format!("the signal \"{name}\" was sent"), entry["signal"]["by"].as_str()),
    }
}

/// What became of a slot of a schedule.
fn slot(entry: &Value, outcome: &str) -> String {
    let slot = entry["slot"].as_str().unwrap_or("a slot");
    match entry["run"].as_str() {
        Some(run) => format!("slot {slot} {outcome}: run {run}"),
        None => with_reason(&format!("slot {slot} {outcome}"), entry["reason"].as_str()),
    }
}

/// A revision that came into force, and the slices that it could not move.
fn in_force(entry: &Value, revision: &str) -> String {
    let title = entry["detail"]["title"].as_str();
    let mut said = with_reason(&format!("revision {} came into force", cut(revision)), title);
    if let Some(held) = entry["held"].as_object().filter(|held| !held.is_empty()) {
        let slices: Vec<&str> = held.keys().map(String::as_str).collect();
        said.push_str(&format!("; kept back: {}", slices.join(", ")));
    }
    said
}

fn with_reason(what: &str, reason: Option<&str>) -> String {
    reason
        .filter(|reason| !reason.is_empty())
        .map_or_else(|| what.to_owned(), |reason| format!("{what}: {reason}"))
}

fn short(value: &Value) -> &str {
    value.as_str().map_or("?", cut)
}

fn cut(text: &str) -> &str {
    text.get(..SHORT).unwrap_or(text)
}

/// Reads the moment of an entry of the host: a text, or milliseconds since 1970.
pub(super) fn moment(entry: &Value) -> When {
    let at = &entry["at"];
    let number = || at.as_i64().map(|millis| When(Stamp(millis)));
    serde_json::from_value(at.clone()).ok().or_else(number).unwrap_or(When(Stamp::default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn why_somebody_steered_a_run_is_told() {
        let reason = || "the client called".to_owned();
        for (event, said) in [
            (Event::RunPaused { reason: reason() }, "run paused: the client called"),
            (Event::RunResumed { reason: reason() }, "run resumed: the client called"),
            (Event::RunCancelled { reason: reason() }, "run cancelled: the client called"),
            (Event::RunKilled { reason: reason() }, "run killed: the client called"),
            (Event::RunRolledBack { reason: reason(), seen: None }, "run rolled back: the client called"),
            (Event::RunResumed { reason: String::new() }, "run resumed"),
            (Event::ClockSetBack, "clock set back"),
        ] {
            assert_eq!(run(&event), said);
        }
    }

    #[test]
    fn every_entry_of_the_host_says_something() {
        let cases = [
            (
                json!({"what": {"attempted": {"revision": "a204a86d637a62967b", "title": "dearer"}}}),
                "revision a204a86d637a was read: dearer",
            ),
            (
                json!({"what": {"life": {"event": "check_failed", "reason": "E0001"}}}),
                "its mistakes keep it out: E0001",
            ),
            (
                json!({"what": {"life": {"event": "newer", "by": "b204a86d637a62967b"}}}),
                "a newer one was read: b204a86d637a",
            ),
            (json!({"what": {"held": {"reason": "rolled back"}}}), "the source is not followed: rolled back"),
            (json!({"what": "released"}), "the source is followed again"),
            (
                json!({"what": {"confirmed": "c204a86d637a62967b"}}),
                "the operator said yes to plan c204a86d637a",
            ),
            (
                json!({"revision": "a204a86d637a62967b", "held": {}, "detail": {"title": "dearer"}}),
                "revision a204a86d637a came into force: dearer",
            ),
            (
                json!({"revision": "a2", "held": {"sales": []}}),
                "revision a2 came into force; kept back: sales",
            ),
            (
                json!({"slot": "2026-03-29T02:30", "outcome": "skipped", "reason": "that time is not there"}),
                "slot 2026-03-29T02:30 skipped: that time is not there",
            ),
            (
                json!({"slot": "2026-03-29T08:00", "outcome": "fired", "run": "daily-x"}),
                "slot 2026-03-29T08:00 fired: run daily-x",
            ),
            (json!({"event": "paused", "reason": "holiday"}), "paused: holiday"),
            (
                json!({"event": "paused", "reason": "holiday", "until": "2026-11-27T04:00:00.000Z"}),
                "paused until 2026-11-27T04:00:00.000Z: holiday",
            ),
            (json!({"event": {"dropped": {"reason": "spam"}}}), "dropped: spam"),
        ];
        for (entry, said) in cases {
            assert_eq!(host(&entry), said);
        }
    }

    #[test]
    fn a_moment_is_read_in_both_forms() {
        let text = json!({"at": "2026-11-27T00:14:07.446Z"});
        assert_eq!(moment(&text), moment(&json!({"at": 1_795_738_447_446_i64})));
        assert_eq!(moment(&text).0, Stamp(1_795_738_447_446));
    }
}
