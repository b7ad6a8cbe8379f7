//! What takes something away from live runs waits for the operator's yes; everything else goes on meanwhile.

use std::fs;

use super::{Place, World, asks};
use crate::reconcile::{Mode, Status, WaitsView};

/// A followed folder with a live run of a playbook.
async fn with_a_run_of(playbook: &str) -> World {
    let world = Place::new(Mode::Worktree).open().await;
    let head = world.place.git(&["rev-parse", "HEAD"]);
    world.until_live(&head).await;
    world.start(playbook).await;
    world
}

fn waits(status: &Status) -> WaitsView {
    status.waits.clone().unwrap_or_else(|| panic!("nothing waits: {status:#?}"))
}

/// Saves something that has to do with nothing, and waits until it is live.
async fn save_unrelated(world: &World, title: &str) -> Status {
    world.place.write("playbooks/other.toml", &asks(title, ""));
    world.until(|status| status.waits.is_some() && world.title("other").as_deref() == Some(title)).await
}

/// Says yes as the status says it is said, and waits until everything that is wished is in force.
async fn say_yes(world: &World) -> Status {
    let waits = waits(&world.reconciler.status());
    assert_eq!(waits.next, format!("adjutant plan --confirm {}", waits.token));
    let done = world.reconciler.confirm_plan(&waits.token, "operator").await.expect("confirmed");
    assert!(done.applied && done.message.contains("in force"), "{done:?}");
    world.until(|status| status.ready && status.waits.is_none() && status.desired == status.applied).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_that_is_removed_waits_and_other_saves_are_live() {
    let world = with_a_run_of("lead").await;
    fs::remove_dir_all(world.place.folder().join("slices/sales")).expect("removed");
    world.until(|status| status.waits.is_some()).await;
    let status = save_unrelated(&world, "First").await;
    let waiting = waits(&status);
    assert!(waiting.because[0].contains("\"lead\" is retired while 1 of its runs are live"), "{waiting:?}");
    let slice = status.slices.iter().find(|slice| slice.id == "sales").expect("it is in force still");
    assert!(slice.held.as_deref().is_some_and(|held| held.contains(&waiting.next)), "{slice:?}");
    let told = status.conditions.iter().any(|found| found.message.contains(&waiting.next) && found.holds);
    assert!(told && !status.ready && status.desired != status.applied, "{status:#?}");
    let plan = world.reconciler.plan(None).await.expect("planned");
    assert!(plan.text.contains(&waiting.next), "{}", plan.text);
    save_unrelated(&world, "Second").await;
    let stale =
        world.reconciler.confirm_plan(&waiting.token, "operator").await.expect_err("something else by now");
    assert!(stale.has_moved() && stale.help().is_some_and(|help| help.contains("adjutant plan")), "{stale}");
    assert!(world.title("lead").is_some());
    say_yes(&world).await;
    assert_eq!(world.title("lead"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_playbook_that_is_removed_or_gets_another_name_waits_too() {
    let world = with_a_run_of("hello").await;
    fs::remove_file(world.place.folder().join("playbooks/hello.toml")).expect("removed");
    save_unrelated(&world, "First").await;
    world.place.write("slices/sales/playbooks/lead.toml", &asks("Lead moved on", ""));
    world.until(|_| world.title("lead").as_deref() == Some("Lead moved on")).await;
    assert_eq!(world.title("hello").as_deref(), Some("Hello"));
    world.place.write("playbooks/greet.toml", &asks("Greet", ""));
    world.until(|_| world.title("greet").is_some()).await;
    say_yes(&world).await;
    assert_eq!((world.title("hello"), world.title("greet").as_deref()), (None, Some("Greet")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_removals_than_the_limit_wait_and_the_rest_is_live() {
    let world = with_a_run_of("hello").await;
    (0..12).for_each(|number| world.place.write(&format!("playbooks/p{number}.toml"), &asks("Many", "")));
    world.until(|status| status.ready && world.title("p11").is_some()).await;
    (0..12).for_each(|number| {
        fs::remove_file(world.place.folder().join(format!("playbooks/p{number}.toml"))).expect("removed");
    });
    let status = save_unrelated(&world, "First").await;
    assert!(waits(&status).because[0].contains("12 resources are retired"), "{status:#?}");
    say_yes(&world).await;
    assert_eq!(world.title("p11"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_needs_no_yes_and_a_yes_survives_a_restart() {
    let world = with_a_run_of("lead").await;
    fs::remove_dir_all(world.place.folder().join("slices/sales")).expect("removed");
    world.until(|status| status.waits.is_some()).await;
    let none = world.reconciler.confirm_plan("", "operator").await.expect_err("an empty yes is none");
    assert!(none.has_moved(), "{none}");
    world.place.git(&["checkout", "--quiet", "."]);
    world.until(|status| status.ready && status.waits.is_none()).await;
    let nothing = world.reconciler.confirm_plan("0123456789ab", "operator").await.expect_err("nothing waits");
    assert!(nothing.to_string().contains("nothing waits"), "{nothing}");
    fs::remove_dir_all(world.place.folder().join("slices/sales")).expect("removed");
    world.until(|status| status.waits.is_some()).await;
    let world = world.restart().await;
    world.until(|status| status.waits.is_some()).await;
    assert!(world.title("lead").is_some());
    say_yes(&world).await;
}
