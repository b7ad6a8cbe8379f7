//! Lists are pages: each says how long the list is and how it goes on, and together they are the list.

use adjutant_machine::{
    count::{Count, CountChanges},
    event::Settlement,
    journal::{self, Batch, Journal, RowWrite, Table},
    memory::Spoilt,
};

use super::{
    deliveries::{delivery, opened},
    runs::{GATED, remembering, world},
    *,
};
use crate::runtime::{
    DeliveryFilter, Error, rows,
    views::{Paged, PinnedBy},
};

/// Reads a list page by page; returns how many items each page had, and all of them.
async fn pages<T>(limit: usize, read: impl AsyncFn(PageWish) -> Paged<T>) -> (Vec<usize>, Vec<T>) {
    let (mut sizes, mut all, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = read(PageWish { after, limit }).await;
        sizes.push(page.items.len());
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            assert_eq!(page.total, all.len() as u64);
            return (sizes, all);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_read_page_by_page_oldest_first() {
    let world = World::with(&[("playbooks/gated.toml", GATED)]).await;
    let mut asked = Vec::new();
    for key in ["a", "b", "c", "d", "e"] {
        asked.push(world.ran("gated", key).await.gates[0].id.clone());
        world.clock.advance(1_000);
    }
    let (sizes, read) = pages(2, async |wish| world.handle.inbox(wish).await.unwrap()).await;
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(read.into_iter().map(|gate| gate.id).collect::<Vec<_>>(), asked);
    let second = world.handle.gate(&asked[1]).await.unwrap();
    assert!(world.handle.decide(approve(&second), "operator").await.unwrap().applied);
    world.rest().await;
    // A reader who stands at a gate that was decided meanwhile goes on where it stood.
    let page = world.handle.inbox(PageWish { after: Some(asked[1].clone()), limit: 9 }).await.unwrap();
    assert_eq!((page.items[0].id.as_str(), page.next, page.total), (asked[2].as_str(), None, 4));
    for nowhere in ["gated-nope.ask.1", "nope", ""] {
        let wish = PageWish { after: Some(nowhere.to_owned()), limit: 9 };
        assert!(
            matches!(world.handle.inbox(wish).await, Err(Error::NotFound { what: "gate", .. })),
            "{nowhere}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_failed_or_are_in_doubt_are_read_page_by_page() {
    let world = World::with(&[("playbooks/gated.toml", GATED)]).await;
    let mut runs = Vec::new();
    for (key, turn) in [
        ("a", Turn::Fail(ErrorClass::Invalid)),
        ("b", Turn::Unknown),
        ("c", Turn::Fail(ErrorClass::Invalid)),
        ("d", Turn::Unknown),
        ("e", Turn::Fail(ErrorClass::Invalid)),
    ] {
        world.script.will("desk.post", [turn]);
        let run = world.ran("gated", key).await.line.id;
        world.handle.decide(approve(&world.gate().await), "operator").await.unwrap();
        world.rest().await;
        world.handle.kill(&run, "stop", "operator").await.ok();
        runs.push(run);
    }
    let (sizes, read) = pages(2, async |wish| world.handle.dead(wish).await.unwrap()).await;
    assert_eq!(sizes, [2, 2, 1]);
    let mut found: Vec<String> = read.iter().map(|line| line.effect.run.clone()).collect();
    assert!(found.is_sorted(), "{found:?}");
    found.sort();
    runs.sort();
    assert_eq!(found, runs, "each is on one page");
    assert_eq!(world.handle.status().await.unwrap().dead, 5);
    let second = read[1].effect.id.clone();
    world.handle.settle(&second, Settlement::Drop, "operator").await.unwrap();
    world.rest().await;
    // A reader who stands at a call that was settled meanwhile goes on where it stood.
    let wish = PageWish { after: Some(second.to_string()), limit: 9 };
    let page = world.handle.dead(wish).await.unwrap();
    assert_eq!((&page.items[0].effect.id, page.items.len(), page.total), (&read[2].effect.id, 3, 4));
    for nowhere in
        ["gated-nope.3.0".to_owned(), "nope".to_owned(), String::new(), format!("{}.99.0", runs[0])]
    {
        let wish = PageWish { after: Some(nowhere.clone()), limit: 9 };
        let missing = world.handle.dead(wish).await;
        assert!(matches!(missing, Err(Error::NotFound { what: "effect", .. })), "{nowhere}: {missing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_read_page_by_page_by_key() {
    let mut files = remembering();
    files[0].1 = files[0].1.replace("key = \"ada\"", "key = \"{{ input.name }}\"");
    let world = world(&files).await;
    let names = ["Ada", "Björk", "Chloë & Co", "Dora", "Eve/1"];
    for name in names {
        let input = BTreeMap::from([("name".to_owned(), Value::from(name))]);
        let wish = StartRun {
            playbook: "remembers".into(),
            key: Some(name.into()),
            input,
            speaker: Speaker::Operator,
            ..StartRun::default()
        };
        world.handle.start(wish).await.unwrap();
        world.rest().await;
    }
    let (sizes, read) = pages(2, async |wish| world.handle.records("customer", wish).await.unwrap()).await;
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(read.into_iter().map(|record| record.key).collect::<Vec<_>>(), names);
    let none = world.handle.records("nokind", PageWish::default()).await.unwrap();
    assert_eq!((none.items.len(), none.next, none.total), (0, None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_pages_in_the_order_in_which_they_came() {
    let world = opened(&[]).await;
    for number in 0..7 {
        world.takes(delivery(&format!("m-{number}"), "x")).await;
        world.clock.advance(1_000);
    }
    let came: Vec<String> = (0..7).map(|number| format!("m-{number}")).collect();
    for filter in [
        DeliveryFilter::default(),
        DeliveryFilter { connector: Some("form".to_owned()), ..DeliveryFilter::default() },
        DeliveryFilter { all: true, ..DeliveryFilter::default() },
        DeliveryFilter { all: true, connector: Some("form".to_owned()), ..DeliveryFilter::default() },
    ] {
        let read = pages(3, async |wish| {
            let PageWish { after, limit } = wish;
            world.handle.deliveries(DeliveryFilter { after, limit, ..filter.clone() }).await.unwrap()
        });
        let (sizes, mut read) = read.await;
        assert_eq!(sizes, [3, 3, 1], "{filter:?}");
        // All that ever were are listed by their ids.
        if filter.all {
            read.sort_by(|one, other| one.delivery.cmp(&other.delivery));
        }
        assert_eq!(read.into_iter().map(|line| line.delivery).collect::<Vec<_>>(), came, "{filter:?}");
    }
    let of_other = DeliveryFilter { connector: Some("mail".to_owned()), ..DeliveryFilter::default() };
    let none = world.handle.deliveries(of_other).await.unwrap();
    assert_eq!((none.items, none.next, none.total), (Vec::new(), None, 0));
}

#[test]
fn a_page_asks_for_one_item_more_and_for_no_further() {
    for (length, size, shown, next) in
        [(0, 2, 0, None), (1, 2, 1, None), (2, 2, 2, None), (3, 2, 2, Some("1")), (9, 3, 3, Some("2"))]
    {
        let mut asked = 0;
        let list = (0..length).map(|number| {
            asked += 1;
            Ok::<_, Error>((number.to_string(), number))
        });
        let page = Paged::of(list, size, 9).unwrap();
        assert_eq!((page.items.len(), page.next.as_deref()), (shown, next), "{length} {size}");
        assert_eq!(asked, length.min(size + 1));
    }
}

/// Returns the one bundle that live runs pin, with what is told of them.
async fn pinned(world: &World) -> (String, PinnedBy) {
    let mut found = world.handle.live_runs().await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    found.pop_first().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn live_runs_are_counted_and_the_first_hundred_named() {
    let world = World::with(&[("playbooks/gated.toml", GATED)]).await;
    let mut runs = Vec::new();
    for number in 0..=PinnedBy::NAMED {
        runs.push(world.start("gated", &format!("k{number}")).await.run);
    }
    world.rest().await;
    runs.sort();
    let (bundle, before) = pinned(&world).await;
    assert_eq!((before.count, before.first.as_slice()), (101, &runs[..100]));
    // One that is not named counts too: when it ends, what a plan rests on has moved.
    world.handle.kill(&runs[100], "enough", "operator").await.unwrap();
    world.rest().await;
    let (_, after) = pinned(&world).await;
    assert_eq!((after.count, &after.first), (100, &before.first));
    assert_ne!(after.digest, before.digest);
    // A row that cannot be read hides neither its run nor what that pins.
    let row = journal::rows(&*world.journal, Table::Index, rows::index::LIVE).next().unwrap().unwrap();
    world.journal.spoil(Spoilt::Row(Table::Index, row.key.clone()));
    assert_eq!(pinned(&world).await, (bundle.clone(), after.clone()));
    // A count that cannot be read is made of its rows, and the next process writes it anew.
    let group = rows::index::group_of(&row.key).unwrap();
    world.journal.spoil(Spoilt::Count(group.to_vec()));
    assert_eq!(pinned(&world).await, (bundle.clone(), after.clone()));
    // Nor does a run that begins meanwhile make a number of it that only looks right.
    world.ran("gated", "one more").await;
    assert!(world.journal.counts(group).unwrap()[0].count.is_none());
    let (_, more) = pinned(&world).await;
    assert_eq!(more.count, 101);
    let world = world.killed().await;
    assert!(world.journal.counts(group).unwrap()[0].count.is_some());
    assert_eq!(pinned(&world).await, (bundle, more));
}

/// Makes a store what one of format 2 was: without counts, and with the bundle of a live run as the value of its row.
fn of_format_2(journal: &dyn Journal) {
    let mut writes = vec![RowWrite { table: Table::Host, key: rows::host::COUNTED.to_vec(), value: None }];
    for row in journal::rows(journal, Table::Index, rows::index::LIVE) {
        let key = row.unwrap().key;
        let mut parts = key.split(|byte| *byte == 0).skip(1);
        let mut part = || parts.next().unwrap();
        let (playbook, bundle, run) = (part(), part(), part());
        let before = [b"l\0", playbook, b"\0", run].concat();
        writes.push(RowWrite { table: Table::Index, key: before, value: Some(bundle.to_vec()) });
        writes.push(RowWrite { table: Table::Index, key, value: None });
    }
    let mut counts = CountChanges::default();
    for known in journal.counts(b"").unwrap() {
        counts.put_right(&known.group, Count::default());
    }
    journal.append(Batch { writes, counts, ..Batch::default() }).unwrap();
    assert_eq!(journal.counts(b"").unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_counts_is_counted_when_it_is_opened() {
    let world = World::with(&[("playbooks/gated.toml", GATED)]).await;
    for key in ["a", "b", "c"] {
        world.ran("gated", key).await;
    }
    let (before, runs) = (world.handle.status().await.unwrap(), pinned(&world).await);
    assert_eq!((before.inbox, runs.1.count), (3, 3));
    of_format_2(&*world.journal);
    let world = world.killed().await;
    let after = world.handle.status().await.unwrap();
    assert_eq!((after.inbox, after.runs), (before.inbox, before.runs));
    assert_eq!(pinned(&world).await, runs);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_finds_a_count_that_is_not_that_of_its_rows() {
    let world = World::with(&[("playbooks/gated.toml", GATED)]).await;
    world.ran("gated", "a").await;
    world.sound().await;
    let mut counts = CountChanges::default();
    counts.join(rows::index::GATES, b"nobody");
    world.journal.append(Batch { counts, ..Batch::default() }).unwrap();
    let audit = world.handle.audit().await.unwrap();
    assert!(!audit.ok && audit.findings[0].reason.contains("the count of the rows \"g\""), "{audit:?}");
}
