//! The next slot of schedules: what will fire by itself after a change.

use adjutant_machine::id::Stamp;
use adjutant_spec::plan::{Id, Plan, Trigger};
use croner::parser::{CronParser, Seconds};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// The next slot of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextSlot {
    /// The playbook that starts.
    pub playbook: Id,
    /// When it starts, as the playbook writes it in cron's form.
    pub cron: String,
    /// The time zone in which that is read.
    pub zone: String,
    /// The next slot with its offset; absent if there is none any more.
    pub at: Option<String>,
}

/// Returns the next slot of each schedule that is new or differs.
pub(super) fn slots(before: &Plan, after: &Plan, now: Stamp) -> Vec<NextSlot> {
    let schedule =
        |plan: &Plan, id: &str| match plan.playbooks.get(id).map(|playbook| playbook.trigger.clone()) {
            Some(Trigger::Schedule { cron, zone, .. }) => Some((cron, zone)),
            _ => None,
        };
    let fresh = after.playbooks.keys().filter_map(|id| {
        let (cron, zone) = schedule(after, id)?;
        let is_known = schedule(before, id).is_some_and(|known| known == (cron.clone(), zone.clone()));
        (!is_known).then(|| NextSlot { playbook: id.clone(), at: next(&cron, &zone, now), cron, zone })
    });
    fresh.collect()
}

fn next(cron: &str, zone: &str, now: Stamp) -> Option<String> {
    let cron = CronParser::builder().seconds(Seconds::Required).build().parse(cron).ok()?;
    let zone = TimeZone::get(zone).ok()?;
    let now = Timestamp::from_millisecond(now.0).ok()?.to_zoned(zone);
    let slot = cron.find_next_occurrence(&now, false).ok()?;
    Some(slot.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}
