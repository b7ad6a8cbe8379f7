//! Checks of civil time: schedules that fire, spans that hold something, moments that are not over.

use croner::parser::{CronParser, Seconds, Year};
use jiff::{Timestamp, civil::date, tz::TimeZone};

use super::cx::Out;
use crate::{
    diag::{Code, Diagnostic},
    draft::{At, Draft, RawKind, RawPlaybook, RawTrigger},
    plan::{StepKind, Until},
    value::{Template, moment},
};

/// Checks what can be told without knowing what time it is.
pub(crate) fn check(draft: &Draft, out: &mut Out) {
    for at in draft.playbooks.values() {
        if let RawTrigger::Schedule { cron, .. } = &at.trigger {
            never_fires(draft, out, at, cron);
        }
        untils(at, |below, until| {
            if let Err(error) = moment(&until.source) {
                out.push(
                    Diagnostic::new(
                        Code::E0118,
                        draft.spot(at, below),
                        format!("\"{}\" is no moment", until.source),
                    )
                    .label("not a moment")
                    .help(error.to_string()),
                );
            }
        });
    }
    for at in &draft.policies.freezes {
        let (Ok(from), Ok(until)) = (moment(&at.from), moment(&at.until)) else { continue };
        if from >= until {
            out.push(
                Diagnostic::new(
                    Code::E0127,
                    draft.spot(at, "until"),
                    format!("the freeze ends at {}, before it begins: it never holds", at.until),
                )
                .label("no time lies in it")
                .related(draft.spot(at, "from"), "its beginning")
                .help("let `until` be later than `from`"),
            );
        }
    }
}

/// Warns of what was written for a time that is over: nothing comes of it any more.
pub(crate) fn check_at(draft: &Draft, now: Timestamp) -> Vec<Diagnostic> {
    let mut out = Out::default();
    let is_over = |text: &str| moment(text).is_ok_and(|moment| moment <= now.as_millisecond());
    for at in draft.policies.freezes.iter().filter(|at| is_over(&at.until)) {
        out.push(
            Diagnostic::new(
                Code::W0604,
                draft.spot(at, "until"),
                format!("the freeze ended at {}: it holds nothing any more", at.until),
            )
            .label("over")
            .help("remove it, or give it a later end"),
        );
    }
    for at in draft.playbooks.values() {
        untils(at, |below, until| {
            if is_over(&until.source) {
                out.push(
                    Diagnostic::new(
                        Code::W0604,
                        draft.spot(at, below),
                        format!("the wait ended at {}: a run does not wait here", until.source),
                    )
                    .label("over")
                    .help("remove the step, or give it a later moment"),
                );
            }
        });
    }
    out.found
}

/// Visits the moments that waits name without holes.
fn untils(at: &At<RawPlaybook>, mut visit: impl FnMut(&str, &Template)) {
    for (index, step) in at.steps.iter().enumerate() {
        if let RawKind::Known(StepKind::Wait { wait: Until::Until(until) }) = &step.kind
            && !["{{", "{%", "{#"].iter().any(|hole| until.source.contains(hole))
        {
            visit(&format!("step[{index}].wait.until"), until);
        }
    }
}

/// Whether a line fires is asked from the beginning of a cycle of the calendar on: whatever repeats does so within 28 years
/// of one that has no century in it.
fn never_fires(draft: &Draft, out: &mut Out, at: &At<RawPlaybook>, cron: &str) {
    let parser =
        CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
    let Ok(slots) = parser.parse(cron) else { return };
    let Ok(begin) = date(2001, 1, 1).to_zoned(TimeZone::UTC) else { return };
    if slots.find_next_occurrence(&begin, true).is_ok() {
        return;
    }
    out.push(
        Diagnostic::new(
            Code::W0602,
            draft.spot(at, "trigger.cron"),
            format!("`{cron}` never fires: no day is like that"),
        )
        .label("no such day")
        .help(
            "second, minute, hour, day of month, month, day of week: days 30 and 31 are not in every month",
        ),
    );
}

/// Returns the first slot of a schedule at or after a moment, both in milliseconds since 1970.
pub(crate) fn slot_from(cron: &str, zone: &str, millis: i64) -> Option<i64> {
    let parser =
        CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
    let zone = TimeZone::get(zone).ok()?;
    let moment = Timestamp::from_millisecond(millis).ok()?.to_zoned(zone);
    let slot = parser.parse(cron).ok()?.find_next_occurrence(&moment, true).ok()?;
    Some(slot.timestamp().as_millisecond())
}
