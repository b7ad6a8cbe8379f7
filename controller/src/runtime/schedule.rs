//! Schedules: civil time becomes slots here, and only here; a run sees the slot as data.
//!
//! Each slot is dealt with in one batch that records it and arms the next one. The run is started before that batch: its key is
//! made of the slot, so a crash in between finds the same run. A slot counts as missed when the one after it is due already, or
//! when it is later than [`LATE`]; `catch_up` says what becomes of missed ones.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    codec,
    id::{InstanceId, InstanceKind, Stamp},
    journal::{self, Append, Batch, Journal, JournalError, RowWrite, Table},
    skeleton::HostEvent,
    trust::Speaker,
};
use adjutant_spec::plan::{OldestId, Overlap, Plan, Playbook, Renamed, Trigger};
use croner::{
    Cron,
    parser::{CronParser, Seconds},
};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Error,
    core::{Core, Live},
    rows,
    rows::timer::Timer,
    start::{self, Begun, Fired},
    views::SlotView,
    wheel::Turns,
};

/// A slot that is later than this was missed, in milliseconds.
const LATE: i64 = 60_000;
/// The most skipped slots that are counted at once: the rest is the next span.
const MOST_COUNTED: u64 = 1_000_000;

/// What is stored of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    cron: String,
    zone: String,
    next: Option<Stamp>,
}

/// Returns the stored schedules by the oldest id of their playbook.
fn schedules(journal: &dyn Journal) -> Result<BTreeMap<String, Stored>, JournalError> {
    let prefix = rows::host::SCHEDULES;
    let mut found = BTreeMap::new();
    for row in journal::rows(journal, Table::Host, prefix) {
        let row = row?;
        let name = String::from_utf8_lossy(row.key.get(prefix.len()..).unwrap_or_default()).into_owned();
        match serde_json::from_slice(&row.value) {
            Ok(stored) => drop(found.insert(name, stored)),
            // One bad row stops no other schedule; the next activation arms this one anew.
            Err(error) => tracing::error!(schedule = name, %error, "the row of a schedule is not readable"),
        }
    }
    Ok(found)
}

/// A schedule, parsed.
struct Slots {
    cron: Cron,
    zone: TimeZone,
}

impl Slots {
    fn parse(cron: &str, zone: &str) -> Result<Self, Error> {
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        let parsed =
            parser.parse(cron).map_err(|error| Error::invalid(format!("cron \"{cron}\": {error}")))?;
        let zone =
            TimeZone::get(zone).map_err(|error| Error::invalid(format!("zone \"{zone}\": {error}")))?;
        Ok(Self { cron: parsed, zone })
    }

    /// Returns the first slot after a moment; `None` where there is none any more.
    fn after(&self, moment: Stamp) -> Option<Stamp> {
        let moment = Timestamp::from_millisecond(moment.0).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&moment, false).ok()?;
        Some(Stamp(next.timestamp().as_millisecond()))
    }

    /// Returns a slot as people and keys write it: civil time with its offset.
    fn text(&self, slot: Stamp) -> String {
        Timestamp::from_millisecond(slot.0).map_or_else(
            |_| slot.0.to_string(),
            |moment| moment.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        )
    }
}

fn instance(oldest: &str) -> InstanceId {
    InstanceId { kind: InstanceKind::Schedule, name: oldest.to_owned() }
}

/// What an activation changes about the schedules.
#[derive(Default)]
pub(super) struct Arming {
    pub(super) writes: Vec<RowWrite>,
}

/// Returns the rows that arm the schedules of a plan; those that stay as they are keep their next slot.
pub(super) fn arm(core: &Core, plan: &Plan) -> Result<Arming, Error> {
    let mut arming = Arming::default();
    let mut known = schedules(core.journal.as_ref())?;
    let now = core.clock.now();
    for playbook in plan.playbooks.values() {
        let Trigger::Schedule { cron, zone, .. } = &playbook.trigger else { continue };
        let oldest = playbook.oldest();
        let oldest = oldest.as_str();
        let old = known.remove(oldest);
        let next = Slots::parse(cron, zone)?.after(now);
        let is_same = |old: &Stored| old.cron == *cron && old.zone == *zone && !is_too_far(old.next, next);
        if old.as_ref().is_some_and(is_same) {
            continue;
        }
        arming.disarm(oldest, old.and_then(|old| old.next));
        arming.arm(oldest, &Stored { cron: cron.clone(), zone: zone.clone(), next });
    }
    for (oldest, stored) in known {
        arming.disarm(&oldest, stored.next);
        arming.writes.push(RowWrite { table: Table::Host, key: rows::host::schedule(&oldest), value: None });
    }
    Ok(arming)
}

/// Returns whether a slot lies after the one that comes next: a clock that was ahead has armed it.
fn is_too_far(armed: Option<Stamp>, next: Option<Stamp>) -> bool {
    next.is_some_and(|next| armed.is_none_or(|armed| armed > next))
}

/// Arms again what a clock that was ahead has armed too far, or not at all.
pub(super) async fn arm_again(core: &Arc<Core>) -> Result<(), Error> {
    let _one_at_a_time = core.host.lock().await;
    let now = core.clock.now();
    let known = core.read(|core| Ok(schedules(core.journal.as_ref())?)).await?;
    let mut arming = Arming::default();
    for (oldest, stored) in known {
        let Stored { cron, zone, next } = stored;
        let right = Slots::parse(&cron, &zone)?.after(now);
        if is_too_far(next, right) {
            arming.disarm(&oldest, next);
            arming.arm(&oldest, &Stored { cron, zone, next: right });
        }
    }
    if arming.writes.is_empty() {
        return Ok(());
    }
    let writes = arming.writes.clone();
    let batch = Batch { writes: arming.writes, ..Batch::default() };
    core.commit(batch, move |core| turn(core, &writes)).await?;
    Ok(())
}

impl Arming {
    fn disarm(&mut self, oldest: &str, next: Option<Stamp>) {
        if let Some(at) = next {
            let key = rows::timer::of(at, &instance(oldest), None);
            self.writes.push(RowWrite { table: Table::Timer, key, value: None });
        }
    }

    fn arm(&mut self, oldest: &str, stored: &Stored) {
        let value = serde_json::to_vec(stored).ok();
        self.writes.push(RowWrite { table: Table::Host, key: rows::host::schedule(oldest), value });
        if let Some(at) = stored.next {
            let key = rows::timer::of(at, &instance(oldest), None);
            self.writes.push(RowWrite { table: Table::Timer, key, value: Some(Vec::new()) });
        }
    }
}

/// Tells the wheel about timer rows that are durable.
pub(super) fn turn(core: &Core, writes: &[RowWrite]) {
    let stored = writes.iter().filter(|write| write.table == Table::Timer).cloned().collect();
    core.wheel.turn(Turns { stored, ..Turns::default() });
}

/// Deals with a slot that is due.
pub(super) async fn fire(core: &Arc<Core>, timer: Timer) -> Result<(), Error> {
    let oldest = timer.instance.name.clone();
    let live = core.live();
    let plan = live.plan.as_ref().ok_or_else(|| Error::unavailable("no revision is in force yet"))?;
    let found = plan.playbook_of(&OldestId::never_renamed(&oldest));
    let Some(schedule) = found.map(Schedule::of).transpose()?.flatten() else { return Ok(()) };
    let fate = judge(core, &schedule, timer.at).await?;
    let mut records: Vec<Recorded> = fate.skipped.into_iter().collect();
    let mut next = fate.next;
    if let Some(slot) = fate.fires {
        records.push(begin(core, &live, &schedule, slot).await?);
        next = schedule.slots.after(slot);
    }
    settle(core, &schedule, &timer, Dealt { oldest, records, next }).await
}

/// The schedule of a playbook.
struct Schedule<'a> {
    playbook: &'a Playbook,
    /// When its slots are.
    slots: Arc<Slots>,
    cron: &'a str,
    zone: &'a str,
    catch_up: &'a str,
    overlap: Overlap,
}

impl<'a> Schedule<'a> {
    /// Returns the schedule of a playbook; `None` where something else begins it.
    fn of(playbook: &'a Playbook) -> Result<Option<Self>, Error> {
        match &playbook.trigger {
            Trigger::Schedule { cron, zone, catch_up, overlap, .. } => {
                let slots = Arc::new(Slots::parse(cron, zone)?);
                Ok(Some(Self { playbook, slots, cron, zone, catch_up, overlap: *overlap }))
            }
            Trigger::Manual | Trigger::Event { .. } | Trigger::Signal { .. } | Trigger::Record { .. } => {
                Ok(None)
            }
        }
    }
}

/// Counts what was missed off the async workers: a schedule of seconds misses 86,400 slots a day.
async fn judge(core: &Arc<Core>, schedule: &Schedule<'_>, due: Stamp) -> Result<Fate, Error> {
    let (slots, catch_up) = (Arc::clone(&schedule.slots), schedule.catch_up.to_owned());
    core.read(move |core| Ok(Fate::of(&slots, &catch_up, due, core.clock.now()))).await
}

/// What becomes of a due slot and of those between it and now.
struct Fate {
    /// Everything that is skipped, as one span.
    skipped: Option<Recorded>,
    fires: Option<Stamp>,
    next: Option<Stamp>,
}

/// A slot with what became of it, or a span of slots that were skipped for one reason.
struct Recorded {
    slot: Stamp,
    /// The last slot of the span; of one slot, the slot itself.
    last: Stamp,
    /// How many slots the span has.
    count: u64,
    run: Option<String>,
    reason: Option<String>,
    late: i64,
}

impl Fate {
    fn of(slots: &Slots, catch_up: &str, due: Stamp, now: Stamp) -> Self {
        let mut fate = Self { skipped: None, fires: None, next: Some(due) };
        let mut skipped: Option<Recorded> = None;
        while let Some(slot) = fate.next.filter(|slot| *slot <= now) {
            let after = slots.after(slot);
            let is_last = after.is_none_or(|after| after > now);
            let is_late = now.0 - slot.0 > LATE;
            let fires = match catch_up {
                "all" => true,
                "once" => is_last,
                _ => is_last && !is_late,
            };
            if fires {
                fate.fires = Some(slot);
                break;
            }
            let span = skipped.get_or_insert_with(|| Recorded {
                slot,
                last: slot,
                count: 0,
                run: None,
                reason: Some(format!("missed, and catch_up is \"{catch_up}\"")),
                late: now.0 - slot.0,
            });
            (span.last, span.count) = (slot, span.count + 1);
            fate.next = after;
            if span.count >= MOST_COUNTED {
                break;
            }
        }
        Self { skipped, ..fate }
    }
}

async fn begin(
    core: &Arc<Core>,
    live: &Live,
    schedule: &Schedule<'_>,
    slot: Stamp,
) -> Result<Recorded, Error> {
    let late = core.clock.now().0 - slot.0;
    let event = json!({ "slot": schedule.slots.text(slot), "late_by": late });
    // The event tells how late it is: a repetition after a crash is later, and the same slot all the same.
    let fired = Fired {
        overlap: schedule.overlap,
        event: &event,
        by: "host",
        compares: false,
        speaker: Speaker::Operator,
        chain: 0,
        late_since: None,
        written: None,
    };
    let (run, reason) = match start::triggered(core, live, schedule.playbook, &fired).await? {
        Begun::Run(started) => (Some(started.run), None),
        Begun::Skipped(_) => (None, Some("another run of the playbook is live".to_owned())),
        Begun::Refused(reason) | Begun::Full(reason) => (None, Some(reason)),
    };
    Ok(Recorded { slot, last: slot, count: 1, run, reason, late })
}

/// What a batch says about a schedule.
struct Dealt {
    oldest: String,
    records: Vec<Recorded>,
    next: Option<Stamp>,
}

/// Records the slots and arms the next one, in one batch.
async fn settle(core: &Arc<Core>, schedule: &Schedule<'_>, timer: &Timer, dealt: Dealt) -> Result<(), Error> {
    let _one_at_a_time = core.host.lock().await;
    let Dealt { oldest, records, next } = dealt;
    let slots = &schedule.slots;
    // An activation may have changed the schedule meanwhile: its slots are armed already.
    let known = core.read(|core| Ok(schedules(core.journal.as_ref())?)).await?;
    if known.get(&oldest).is_none_or(|known| known.next != Some(timer.at)) {
        return Ok(());
    }
    let mut arming = Arming::default();
    arming.disarm(&oldest, Some(timer.at));
    let stored = Stored { cron: schedule.cron.to_owned(), zone: schedule.zone.to_owned(), next };
    arming.arm(&oldest, &stored);
    let views: Vec<(Stamp, SlotView)> = records
        .into_iter()
        .map(|record| {
            let outcome = if record.run.is_some() { "fired" } else { "skipped" }.to_owned();
            let Recorded { slot, last, count, run, reason, late } = record;
            let view = SlotView {
                playbook: oldest.clone(),
                slot: slots.text(slot),
                through: (count > 1).then(|| slots.text(last)),
                count,
                outcome,
                reason,
                late_ms: late,
                run,
            };
            // A span lies where its last slot does: the newest come first in the list.
            (last, view)
        })
        .collect();
    for (slot, view) in &views {
        let value = serde_json::to_vec(view).ok();
        arming.writes.push(RowWrite { table: Table::Host, key: rows::host::slot(&oldest, *slot), value });
    }
    let log = instance(&oldest);
    let place = log.clone();
    let seq = core.read(move |core| Ok(core.journal.last(&place)?)).await?;
    let now = core.clock.now();
    let entry = |view: &SlotView| {
        let word = if view.run.is_some() { HostEvent::SlotFired } else { HostEvent::SlotSkipped };
        codec::encode_host(now, word, view)
    };
    let entries = views.iter().map(|(_, view)| entry(view)).collect::<Result<_, _>>();
    let entries =
        entries.map_err(|error| Error::Bug(format!("a slot of a schedule has no JSON form: {error}")))?;
    let snapshot = serde_json::to_vec(&stored).ok();
    let appends = vec![Append { instance: log, expected: seq, entries, snapshot }];
    let writes = arming.writes;
    let turned = writes.clone();
    core.commit(Batch { appends, writes, ..Batch::default() }, move |core| turn(core, &turned)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Stamp {
        Stamp(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn daily() -> Slots {
        Slots::parse("0 0 8 * * *", "Europe/Berlin").unwrap()
    }

    #[test]
    fn slots_follow_the_clocks_of_their_zone() {
        let slots = daily();
        let first = slots.after(stamp("2026-03-27T12:00:00Z")).unwrap();
        assert_eq!(first, stamp("2026-03-28T07:00:00Z"));
        let summer = slots.after(first).unwrap();
        assert_eq!(summer, stamp("2026-03-29T06:00:00Z"));
        assert_eq!(slots.text(summer), "2026-03-29T08:00:00+02:00");
    }

    /// Returns the next slots of a line in Berlin, as they are written.
    fn next(cron: &str, after: &str, count: usize) -> Vec<String> {
        let slots = Slots::parse(cron, "Europe/Berlin").unwrap();
        let mut last = stamp(after);
        let mut found = Vec::new();
        while found.len() < count {
            last = slots.after(last).unwrap();
            found.push(slots.text(last));
        }
        found
    }

    #[test]
    fn a_time_that_the_clocks_leave_out_fires_once_and_one_that_comes_twice_fires_once() {
        let half_past_two = "0 30 2 * * *";
        assert_eq!(
            next(half_past_two, "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
        );
        assert_eq!(
            next(half_past_two, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
        );
    }

    #[test]
    fn every_hour_is_every_hour_whatever_the_clocks_do() {
        let hourly = "0 0 * * * *";
        assert_eq!(
            next(hourly, "2026-03-29T00:30:00Z", 2),
            ["2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"]
        );
        assert_eq!(
            next(hourly, "2026-10-24T23:30:00Z", 3),
            ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"]
        );
    }

    fn count(fate: &Fate) -> u64 {
        fate.skipped.as_ref().map_or(0, |skipped| skipped.count)
    }

    #[test]
    fn a_week_of_seconds_is_one_span() {
        let seconds = Slots::parse("* * * * * *", "Europe/Berlin").unwrap();
        let (due, now) = (stamp("2026-05-04T06:00:00Z"), stamp("2026-05-04T08:00:00Z"));
        for policy in ["skip", "once"] {
            let fate = Fate::of(&seconds, policy, due, now);
            let skipped = fate.skipped.as_ref().map(|skipped| (skipped.slot, skipped.last, skipped.count));
            assert_eq!(skipped, Some((due, Stamp(now.0 - 1_000), 7_200)), "{policy}");
            assert_eq!(fate.fires, Some(now), "{policy}: the slot of this second is in time");
        }
    }

    #[test]
    fn a_slot_in_time_fires_under_every_policy() {
        for policy in ["skip", "once", "all"] {
            let due = stamp("2026-05-04T06:00:00Z");
            let fate = Fate::of(&daily(), policy, due, due.plus(500));
            assert_eq!((fate.fires, count(&fate)), (Some(due), 0), "{policy}");
        }
    }

    #[test]
    fn missed_slots_are_skipped_caught_up_once_or_all_fired() {
        let due = stamp("2026-05-04T06:00:00Z");
        let now = stamp("2026-05-06T12:00:00Z");
        let skip = Fate::of(&daily(), "skip", due, now);
        assert_eq!((skip.fires, count(&skip), skip.next), (None, 3, Some(stamp("2026-05-07T06:00:00Z"))));
        let once = Fate::of(&daily(), "once", due, now);
        assert_eq!((once.fires, count(&once)), (Some(stamp("2026-05-06T06:00:00Z")), 2));
        let all = Fate::of(&daily(), "all", due, now);
        assert_eq!((all.fires, count(&all)), (Some(due), 0));
    }
}
