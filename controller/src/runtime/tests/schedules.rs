use super::*;
use crate::runtime::tests::runs::world;

fn scheduled(catch_up: &str, overlap: &str) -> Vec<(&'static str, String)> {
    let trigger = format!(
        "[trigger]\nkind = \"schedule\"\ncron = \"0 0 9 * * *\"\nzone = \"Europe/Berlin\"\ncatch_up = \"{catch_up}\"\n\
         key = \"{{{{ event.slot }}}}\"\noverlap = \"{overlap}\"\n[input.text]"
    );
    let playbook = calls("put").replace("[input.text]", &trigger);
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"P\"\n{}", grants("daily", &["desk.put"]));
    vec![("playbooks/daily.toml", playbook), ("policies/daily.toml", policy)]
}

const HOUR: u64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_fires_in_civil_time_and_is_recorded() {
    let world = world(&scheduled("once", "allow")).await;
    world.pass(HOUR - 1).await;
    assert_eq!(world.script.calls("desk.put"), []);
    world.pass(1).await;
    assert_eq!(world.script.calls("desk.put").len(), 1);
    let slots = world.handle.slots("daily", 10).await.unwrap();
    assert_eq!((slots.len(), slots[0].slot.as_str()), (1, "2026-05-04T09:00:00+02:00"));
    assert_eq!((slots[0].outcome.as_str(), slots[0].late_ms), ("fired", 0));
    world.pass(24 * HOUR).await;
    assert_eq!(world.script.calls("desk.put").len(), 2);
    world.sound().await;
}

async fn after_three_days(catch_up: &str) -> (usize, Vec<(String, u64)>) {
    let world = world(&scheduled(catch_up, "allow")).await;
    world.clock.advance(3 * 24 * HOUR);
    let world = world.killed().await;
    world.rest().await;
    world.sound().await;
    let slots = world.handle.slots("daily", 10).await.unwrap();
    (world.script.calls("desk.put").len(), slots.into_iter().map(|slot| (slot.outcome, slot.count)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_passed_while_nothing_ran_are_dealt_with_as_told() {
    let (fired, skipped) = ("fired".to_owned(), "skipped".to_owned());
    assert_eq!(after_three_days("skip").await, (0, vec![(skipped.clone(), 3)]));
    assert_eq!(after_three_days("once").await, (1, vec![(fired.clone(), 1), (skipped, 2)]));
    assert_eq!(after_three_days("all").await, (3, vec![(fired, 1); 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_does_not_overlap_where_it_must_not() {
    let world = world(&scheduled("once", "skip")).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let all = crate::runtime::PauseScope::Everything;
    world.handle.pause_scope(pause(all.clone(), "test", "operator")).await.unwrap();
    world.pass(HOUR).await;
    world.pass(24 * HOUR).await;
    let slots = world.handle.slots("daily", 10).await.unwrap();
    assert_eq!(slots[0].reason.as_deref(), Some("another run of the playbook is live"), "{slots:?}");
    assert_eq!(slots[1].outcome, "fired");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_one_row_however_many_slots_it_was() {
    for (cron, missed) in [("* * * * * *", 7 * 86_400), ("0 * * * * *", 7 * 1_440), ("0 0 * * * *", 7 * 24)] {
        let files: Vec<_> = scheduled("skip", "allow")
            .into_iter()
            .map(|(path, text)| (path, text.replace("0 0 9 * * *", cron)))
            .collect();
        let world = world(&files).await;
        world
            .handle
            .pause_scope(pause(crate::runtime::PauseScope::Everything, "test", "operator"))
            .await
            .unwrap();
        world.handle.shutdown().await;
        let before = world.journal.verify().unwrap().entries;
        // Half a slot late, so that the last one is not in time.
        world.clock.advance(7 * 24 * HOUR + 90_000);
        let world = world.killed().await;
        world.rest().await;
        let slots = world.handle.slots("daily", 10).await.unwrap();
        let skipped = slots.iter().find(|slot| slot.outcome == "skipped").expect("a span");
        assert!(skipped.count >= missed - 1 && skipped.through.is_some(), "{cron}: {skipped:?}");
        assert!(slots.len() <= 3, "{cron}: {slots:?}");
        assert!(world.journal.verify().unwrap().entries - before < 20, "{cron}: one row tells of all");
        world.sound().await;
    }
}

/// A year of nine o'clocks, with both changes of the clocks in it.
#[tokio::test(flavor = "multi_thread")]
async fn each_slot_of_a_year_fires_once_by_the_clock_of_its_zone() {
    const DAYS: usize = 366;
    let world = world(&scheduled("skip", "skip")).await;
    let first = jiff::civil::date(2026, 5, 4).at(9, 0, 0, 0).in_tz("Europe/Berlin").unwrap();
    for day in 0..DAYS {
        let slot = first.checked_add(jiff::Span::new().days(i64::try_from(day).unwrap())).unwrap();
        let now = world.handle.core.clock.now();
        world.pass(u64::try_from(slot.timestamp().as_millisecond() - now.0).unwrap()).await;
        assert_eq!(world.script.calls("desk.put").len(), day + 1, "{slot}");
    }
    let slots = world.handle.slots("daily", 2 * DAYS).await.unwrap();
    assert_eq!(slots.len(), DAYS);
    for slot in &slots {
        assert_eq!((slot.outcome.as_str(), slot.late_ms, slot.count), ("fired", 0, 1), "{slot:?}");
        assert!(slot.slot.contains("T09:00:00+0"), "{slot:?}");
    }
    let winter = slots.iter().filter(|slot| slot.slot.ends_with("+01:00")).count();
    assert_eq!(winter, 154, "from the end of October to the end of March");
    world.sound().await;
}
