//! A worker that dies is a failure like any other: its step takes the edge that a step takes whose call failed.

mod common;

use adjutant_machine::{
    Verdict,
    event::{ErrorClass, Event},
    run::Status,
};
use adjutant_sim::companies::small;
use common::World;

const LOOK: &str = r#"schema = "adjutant/v1"
deadline = "30d"

[[step]]
id = "look"
call = "desk.look"
retry = { attempts = 2, backoff = "1s..4s" }
on = { error = "close" }
next = "done"

[[step]]
id = "close"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

const DESK: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.look]
method = "GET"
path = "/look"
effect = "read"
idempotency = "pure"
"#;

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The other side says no.
    Refused,
    /// Its worker falls silent, and the lease runs out.
    Silent,
    /// Its host dies.
    HostDies,
}

/// Ends every attempt of a run in one way until its step is over, and returns how many there were.
fn ended(end: End) -> (World, u32) {
    let plan = small(&[("playbooks/look.toml", LOOK), ("connectors/desk.toml", DESK)]);
    let mut world = World::start(&plan, "look", &[]);
    let mut attempts = 0;
    while world.at() == "look" {
        if world.host.outbox.is_empty() {
            // The pause before the next attempt.
            world.fire();
            continue;
        }
        attempts += 1;
        assert!(attempts < 40, "{end:?}: it never ends");
        let perform = world.lease();
        match end {
            End::Refused => drop(world.fail(&perform, ErrorClass::Transient)),
            End::Silent => world.fire(),
            End::HostDies => {
                let (effect, attempt) = (perform.effect, perform.attempt);
                let (message, host_died) = ("it died".to_owned(), true);
                let died = Event::EffectUnknown { effect, attempt, message, host_died };
                assert_eq!(world.send("host", died), Verdict::Applied);
            }
        }
    }
    (world, attempts)
}

#[test]
fn a_step_whose_worker_died_takes_the_edge_of_one_that_failed() {
    // Our own deaths use up no attempts; what dies under the same one again and again is given up all the same.
    for (end, expected) in [(End::Refused, 2), (End::Silent, 2), (End::HostDies, 21)] {
        let (world, attempts) = ended(end);
        assert_eq!(attempts, expected, "{end:?}");
        assert_eq!(world.host.ended(&world.run), Some(Status::Cancelled), "{end:?}: it took the edge");
        assert!(world.host.outbox.is_empty() && world.host.timers.is_empty(), "{end:?}: nothing is left");
    }
}
