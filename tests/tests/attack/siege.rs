//! A daemon under attack, with an operator beside it who goes on asking.

use std::{
    fs,
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use adjutant_tests::{Agency, Daemon};

/// A daemon whose operator waits longer than this has fallen.
const HUNG: Duration = Duration::from_secs(30);
/// Memory beyond this is out of all proportion to what was sent.
const SWOLLEN_MIB: u64 = 700;
/// How often the operator asks.
const PAUSE: Duration = Duration::from_millis(25);

/// How long those waited who have a right to an answer.
#[derive(Debug, Default)]
struct Waits {
    operator: Vec<Duration>,
    probe: Vec<Duration>,
}

/// Carries out an attack while the operator asks over the control socket and a probe over TCP; prints what it cost.
///
/// # Panics
/// Where the daemon dies, does not answer, or takes memory out of all proportion.
pub(crate) async fn under<T>(daemon: &Daemon, name: &str, attack: impl Future<Output = T>) -> T {
    forget_peak(daemon.pid());
    let mut waits = Waits::default();
    let mut attack = pin!(attack);
    let outcome = loop {
        tokio::select! {
            outcome = &mut attack => break outcome,
            () = ask(daemon, &mut waits) => tokio::time::sleep(PAUSE).await,
        }
    };
    // Once more when all is sent: what was swallowed may still be digested.
    ask(daemon, &mut waits).await;
    let peak = peak_mib(daemon.pid());
    println!(
        "{name:<44} peak {peak:>4} MiB | operator {} | probe {}",
        summary(&mut waits.operator),
        summary(&mut waits.probe)
    );
    assert!(peak < SWOLLEN_MIB, "{name}: the daemon took {peak} MiB");
    outcome
}

/// Asks as the operator and as a probe.
async fn ask(daemon: &Daemon, waits: &mut Waits) {
    let began = Instant::now();
    let asked = tokio::time::timeout(HUNG, daemon.api.get("status"));
    assert!(asked.await.is_ok(), "the operator waits for longer than {HUNG:?}");
    waits.operator.push(began.elapsed());
    let began = Instant::now();
    let probed = reqwest::Client::builder().no_proxy().timeout(HUNG).build().unwrap();
    let probed = probed.get(format!("{}/healthz", daemon.url)).send().await;
    let status = probed.map(|answer| answer.status().as_u16());
    assert_eq!(status.ok(), Some(200), "the health probe is answered");
    waits.probe.push(began.elapsed());
}

fn summary(waits: &mut [Duration]) -> String {
    waits.sort_unstable();
    let middle = waits.get(waits.len() / 2).copied().unwrap_or_default();
    let worst = waits.last().copied().unwrap_or_default();
    format!("p50 {:>4} ms, worst {:>5} ms of {}", middle.as_millis(), worst.as_millis(), waits.len())
}

/// Makes the kernel measure the peak from here on.
fn forget_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

fn peak_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the daemon lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the daemon lives");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Returns the daemon's resident memory without what it has not taken yet: work that everybody may do goes on.
pub(crate) async fn works(agency: &Agency, id: &str) {
    let run = agency.webhook(id, &adjutant_tests::lead()).await;
    drop(agency.gate(&run).await);
}
