//! The real daemon, killed with signal 9 at random moments under load.
//!
//! The oracle: what was acknowledged is there after every death; a verb with a key happens once for each run; a verb without
//! one never happens twice, and where nobody can tell whether it happened, the daemon says so; and every instance's state
//! is the fold of its entries. The seed is printed: `ADJUTANT_SEED=N ADJUTANT_ROUNDS=M` plays it again.

#![expect(clippy::print_stdout, reason = "the seed and the shares are what somebody looks for")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use adjutant_tests::{Api, Daemon, Dice, Stage};
use serde_json::{Value, json};

/// Clients that start runs at the same time.
const CLIENTS: u64 = 8;

/// What clients were told: the key of each acknowledged run, and its id.
type Told = Arc<Mutex<BTreeMap<u64, String>>>;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_happens_twice() {
    let rounds: u64 = std::env::var("ADJUTANT_ROUNDS").map_or(10, |text| text.parse().expect("a number"));
    let mut dice = Dice::from_env();
    let seed = dice.seed;
    println!("seed {seed}, {rounds} rounds");
    let stage = Stage::load().await;
    let (told, next) = (Told::default(), Arc::new(AtomicU64::new(0)));
    for round in 0..rounds {
        let daemon = Daemon::start(&stage.world, "co", &[]);
        let life = Duration::from_micros(dice.between(20_000, 450_000));
        load(&daemon.api, life, &told, &next).await;
        daemon.kill();
        let known = told.lock().expect("no client panicked").len();
        println!("round {round}: killed after {} ms, {known} runs acknowledged so far", life.as_millis());
    }
    judge(&stage, &told, seed).await;
}

/// Starts runs from several clients for a while; the daemon is killed while they are at it.
async fn load(api: &Api, life: Duration, told: &Told, next: &Arc<AtomicU64>) {
    let over = Arc::new(AtomicBool::new(false));
    let clients = (0..CLIENTS).map(|_| {
        let (api, over) = (api.clone(), Arc::clone(&over));
        let (told, next) = (Arc::clone(told), Arc::clone(next));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                start(&api, number, &told).await;
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    // The moment of the kill is what is random here: nothing is waited for.
    tokio::time::sleep(life).await;
    over.store(true, Ordering::Relaxed);
    clients.iter().for_each(tokio::task::JoinHandle::abort);
}

async fn start(api: &Api, number: u64, told: &Told) {
    let wish = json!({ "playbook": "order", "input": { "n": number }, "key": format!("order-{number}") });
    let Some(answer) = api.try_post("runs", &wish).await else { return };
    if [200, 201].contains(&answer.status) {
        let run = answer.body["run"].as_str().expect("a started run has an id").to_owned();
        told.lock().expect("no client panicked").insert(number, run);
    }
}

/// Lets the last daemon finish everything, and holds the world against the oracle.
async fn judge(stage: &Stage, told: &Told, seed: u64) {
    let daemon = Daemon::start(&stage.world, "co", &[]);
    let told = told.lock().expect("no client panicked").clone();
    assert!(!told.is_empty(), "no run was acknowledged: the load is too light (seed {seed})");
    let unknown = settle(stage, &daemon.api).await;
    for (number, run) in &told {
        let view = daemon.api.until(&format!("runs/{run}"), |view| !view["ended"].is_null()).await;
        assert_eq!(view["status"], "done", "order {number} (seed {seed}): {view:#}");
        assert_eq!(view["key"], format!("order-{number}"), "seed {seed}");
    }
    let audit = daemon.api.get("audit").await;
    assert_eq!(audit["ok"], true, "state = fold(log) for every instance (seed {seed}): {audit:#}");
    let runs = audit["instances"].as_u64().unwrap_or_default();
    let tally = world_of(stage, seed);
    for number in told.keys() {
        assert_eq!(tally.invoices.get(number), Some(&1), "order {number} is invoiced once (seed {seed})");
        assert_eq!(tally.mails.get(number), Some(&1), "order {number} is confirmed once (seed {seed})");
    }
    println!(
        "acknowledged {} runs, lost 0; {runs} instances fold; {} invoices, {} mails, none twice; {unknown} of {} mails ({:.2} %) were unknown and settled by the books",
        told.len(),
        tally.invoices.len(),
        tally.mails.len(),
        tally.mails.len(),
        100.0 * unknown as f64 / tally.mails.len().max(1) as f64,
    );
}

/// Waits until every run has ended; what nobody can tell is settled by the doubles' books, as an operator would.
async fn settle(stage: &Stage, api: &Api) -> usize {
    let mut settled = 0;
    let (mut fewest, mut since) = (u64::MAX, Instant::now());
    loop {
        let dead = api.get("dead").await;
        for effect in dead.as_array().into_iter().flatten() {
            by_the_books(stage, api, effect).await;
            settled += 1;
        }
        let status = api.get("status").await;
        let live = ["running", "waiting", "paused", "unwinding"];
        let live = live.iter().filter_map(|word| status["runs"]["by_status"][*word].as_u64());
        let live = live.sum::<u64>();
        if live == 0 {
            return settled;
        }
        if live < fewest {
            (fewest, since) = (live, Instant::now());
        }
        // However long the torture was: it is stuck when nothing ends, not when there is much to do.
        assert!(since.elapsed() < Duration::from_secs(60), "runs do not end: {status:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Settles one mail that nobody can tell of: the books know whether it came. A keyed call goes again by itself, however often
/// it died with its process: it is never here.
async fn by_the_books(stage: &Stage, api: &Api, effect: &Value) {
    assert_eq!(effect["phase"], "unknown", "only a lost outcome may be here: {effect:#}");
    assert_eq!(effect["step"], "confirm", "a verb with a key is never unknown: {effect:#}");
    let (id, run) = (effect["id"].as_str().expect("an id"), effect["run"].as_str().expect("a run"));
    let order = api.get(&format!("runs/{run}")).await["input"]["n"].clone();
    let how = if stage.mails_to(&format!("order-{order}@load.example")).is_empty() {
        json!({ "how": "did_not_happen" })
    } else {
        json!({ "how": "happened", "value": { "message_id": "m", "accepted": [], "response": "it is in the books" } })
    };
    drop(api.post(&format!("effects/{id}/settle"), &how).await);
}

/// How often each order was invoiced and confirmed.
struct Tally {
    invoices: BTreeMap<u64, usize>,
    mails: BTreeMap<u64, usize>,
}

fn world_of(stage: &Stage, seed: u64) -> Tally {
    let mut tally = Tally { invoices: BTreeMap::new(), mails: BTreeMap::new() };
    for invoice in stage.doubles.billing().invoices() {
        let text = invoice.fields["description"].as_str().expect("an order's invoice says so");
        let number = text.strip_prefix("order ").and_then(|number| number.parse().ok()).expect("a number");
        *tally.invoices.entry(number).or_default() += 1;
    }
    for mail in stage.doubles.smtp().mails() {
        let to = mail.envelope_to.first().expect("a mail has a recipient");
        let Some(number) = to.strip_prefix("order-").and_then(|rest| rest.strip_suffix("@load.example"))
        else {
            continue;
        };
        *tally.mails.entry(number.parse().expect("a number")).or_default() += 1;
    }
    for (what, counts) in [("invoiced", &tally.invoices), ("confirmed", &tally.mails)] {
        let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "{what} more than once (seed {seed}): {twice:?}");
    }
    tally
}
