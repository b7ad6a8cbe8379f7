//! Chance that can be had again: a seed, printed by whoever uses it.

/// A small generator (xorshift64*); good enough to choose moments.
#[derive(Debug, Clone)]
pub struct Dice {
    /// What the same dice can be had by again.
    pub seed: u64,
    state: u64,
}

impl Dice {
    /// Takes the seed from `ADJUTANT_SEED`, else from the moment.
    ///
    /// # Panics
    /// On a seed that is no number.
    #[must_use]
    pub fn from_env() -> Self {
        let seed = match std::env::var("ADJUTANT_SEED") {
            Ok(text) => text.parse().expect("ADJUTANT_SEED is a number"),
            Err(_) => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                now.map_or(1, |now| now.as_secs() * 1_000_003 + u64::from(now.subsec_nanos()))
            }
        };
        Self::new(seed)
    }

    /// Returns the dice of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, state: seed.wrapping_mul(2_685_821_657_736_338_717) | 1 }
    }

    /// Returns a number of a range, without the end.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        from + self.state.wrapping_mul(2_685_821_657_736_338_717) % (to - from)
    }
}
