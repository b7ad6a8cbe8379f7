//! How long an effect waits before it is tried again: drawn from the recorded seed, and as long as the other side asks for.

use adjutant_machine::{
    event::ErrorClass,
    id::{EffectId, Stamp},
    life::{
        Lifecycle,
        effect::{EffectEvent, Failing, Moment, jitter},
    },
    run::{EffectPhase, Life, Traits},
};
use adjutant_spec::plan::{Backoff, Effect, Idempotency, Retry};

const AT: Stamp = Stamp(1_000);
const DAY: u64 = 86_400_000;

fn traits(run: &str) -> Traits {
    let period = |text: &str| text.parse().expect("a period");
    let backoff = Backoff { first: period("1s"), longest: period("10s") };
    Traits {
        id: EffectId { run: run.to_owned(), seq: 1, index: 0 },
        effect: Effect::Write,
        idempotency: Idempotency::NativeKey,
        has_probe: false,
        retry: Retry { attempts: 3, backoff },
        key_valid: None,
    }
}

#[test]
fn the_recorded_seed_says_how_long_a_pause_is() {
    let drawn = |run: &str, seed| -> Vec<u64> {
        (1..=8).map(|attempt| jitter(&traits(run), attempt, seed)).collect()
    };
    assert_eq!(drawn("a", 7), drawn("a", 7), "a replay waits as long");
    assert_ne!(drawn("a", 7), drawn("a", 8), "another store has its own pauses");
    assert_ne!(drawn("a", 7), drawn("b", 7), "what failed together does not come back together");
}

/// Full jitter: a crowd that failed at one moment is spread over the whole pause, not over its end.
#[test]
fn a_pause_lies_anywhere_up_to_the_doubled_one_and_none_is_beyond_the_longest() {
    for (attempt, most) in [(1, 1_000), (2, 2_000), (4, 8_000), (5, 10_000), (70, 10_000), (u32::MAX, 10_000)]
    {
        let drawn: Vec<u64> = (0..2_000).map(|seed| jitter(&traits("r"), attempt, seed)).collect();
        assert!(drawn.iter().all(|pause| (1..=most).contains(pause)), "attempt {attempt}");
        for tenth in 0..10 {
            let part = most * tenth / 10 + 1..=most * (tenth + 1) / 10;
            let count = drawn.iter().filter(|pause| part.contains(*pause)).count();
            assert!((120..=280).contains(&count), "attempt {attempt}: {count} of 2,000 lie in {part:?}");
        }
    }
}

/// Returns how long the pause is after a first attempt that failed, where the other side asks for so much.
fn pause(asked: Option<u64>, seed: u64) -> u64 {
    let life = Life::new(3, EffectPhase::Leased { until: AT.plus(60_000) });
    let (class, message) = (ErrorClass::RateLimited, "slow down".to_owned());
    let failure = Failing { class, message, retry_after: asked, moment: Moment { at: AT, seed } };
    let next = traits("r").drive(&life, &EffectEvent::Fail { attempt: 1, failure }).state;
    let EffectPhase::BackingOff { until } = next.phase else { panic!("it waits: {next:?}") };
    u64::try_from(until.0 - AT.0).expect("it waits for something that comes")
}

#[test]
fn the_other_side_may_ask_for_a_longer_pause_and_for_none_beyond_a_day() {
    for seed in 0..100 {
        let own = pause(None, seed);
        assert_eq!(own, jitter(&traits("r"), 1, seed));
        let asked = [(0, own), (own - 1, own), (own + 1, own + 1), (7_000, 7_000)];
        let hostile = [(DAY, DAY), (DAY + 1, DAY), (u64::MAX / 1_000, DAY), (u64::MAX, DAY)];
        for (asked, waits) in asked.into_iter().chain(hostile) {
            assert_eq!(pause(Some(asked), seed), waits, "asked for {asked} ms, where {own} ms were drawn");
        }
    }
}
