//! What the log says about a router's probabilities: Platt's line through log-odds, and a threshold that the log proves.

use serde::{Deserialize, Serialize};

use super::{
    gate::logistic,
    statistics::{Case, threshold},
};

/// From so many outcomes on the log sets the threshold itself.
pub const ENOUGH_OUTCOMES: usize = 100;

/// One-sided 90 %: the promise is kept in nine of ten logs.
const BOUND: f64 = 1.2816;

/// Holds the line to "the probabilities are right", which counts like so many outcomes.
const PRIOR: f64 = 10.0;

const STEPS: usize = 50;

/// What was told of one text, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The probability that was told.
    pub probability: f64,
    /// Whether the class was right.
    pub is_right: bool,
}

/// A line through log-odds, fitted to outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// What the log-odds are multiplied with.
    pub slope: f64,
    /// What is added to the product.
    pub offset: f64,
    /// How many outcomes it was fitted to.
    pub outcomes: usize,
}

impl Platt {
    /// Fits the line.
    #[must_use]
    pub fn fit(outcomes: &[Outcome]) -> Self {
        let (mut slope, mut offset) = (1.0, 0.0);
        for _ in 0..STEPS {
            // The prior's pull on both, as in MAP with variance 1 / PRIOR around slope 1 and offset 0.
            let mut gradient = [PRIOR * (slope - 1.0), PRIOR * offset];
            let mut bend = [PRIOR, 0.0, PRIOR];
            for Outcome { probability, is_right } in outcomes {
                let odds = log_odds(*probability);
                let told = logistic(slope * odds + offset);
                let error = told - f64::from(u8::from(*is_right));
                let curve = (told * (1.0 - told)).max(1e-9);
                gradient = [gradient[0] + error * odds, gradient[1] + error];
                bend = [bend[0] + curve * odds * odds, bend[1] + curve * odds, bend[2] + curve];
            }
            let determinant = bend[0] * bend[2] - bend[1] * bend[1];
            let step = [
                (bend[2] * gradient[0] - bend[1] * gradient[1]) / determinant,
                (bend[0] * gradient[1] - bend[1] * gradient[0]) / determinant,
            ];
            // Bounded steps: far from the line the curvature says too little.
            slope -= step[0].clamp(-1.0, 1.0);
            offset -= step[1].clamp(-1.0, 1.0);
        }
        Self { slope: slope.max(0.0), offset, outcomes: outcomes.len() }
    }

    /// Returns the probability that a told one stands for.
    #[must_use]
    pub fn apply(&self, probability: f64) -> f64 {
        logistic(self.slope * log_odds(probability) + self.offset)
    }
}

/// What a log of outcomes teaches about a router.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The line through log-odds.
    pub platt: Platt,
    /// The threshold that the log proves; `None` where there are fewer than [`ENOUGH_OUTCOMES`].
    pub threshold: Option<f64>,
}

impl Calibration {
    /// Fits a calibration for a precision.
    #[must_use]
    pub fn fit(outcomes: &[Outcome], precision: f64) -> Self {
        let platt = Platt::fit(outcomes);
        let case = |outcome: &Outcome| Case {
            probability: platt.apply(outcome.probability),
            is_right: outcome.is_right,
            weight: 1.0,
        };
        let cases: Vec<Case> = outcomes.iter().map(case).collect();
        let proven = outcomes.len() >= ENOUGH_OUTCOMES;
        Self { platt, threshold: proven.then(|| threshold(&cases, precision, BOUND)) }
    }

    pub(super) fn apply(&self, probability: f64) -> f64 {
        self.platt.apply(probability)
    }
}

fn log_odds(probability: f64) -> f64 {
    let probability = probability.clamp(1e-6, 1.0 - 1e-6);
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcomes of a router that tells `told` and is right in `right` of 100 cases.
    fn outcomes(told: f64, right: usize) -> impl Iterator<Item = Outcome> {
        (0..100).map(move |at| Outcome { probability: told, is_right: at < right })
    }

    #[test]
    fn an_overconfident_router_is_brought_down() {
        let log: Vec<_> = outcomes(0.95, 80).chain(outcomes(0.7, 50)).chain(outcomes(0.5, 40)).collect();
        let platt = Platt::fit(&log);
        assert!((platt.apply(0.95) - 0.8).abs() < 0.05, "{platt:?}");
        assert!(platt.apply(0.7) < 0.65 && platt.apply(0.5) < 0.5, "{platt:?}");
    }

    #[test]
    fn no_outcomes_change_nothing() {
        let platt = Platt::fit(&[]);
        assert!((platt.apply(0.8) - 0.8).abs() < 1e-9);
        assert_eq!(Calibration::fit(&[Outcome { probability: 0.9, is_right: true }], 0.9).threshold, None);
    }

    #[test]
    fn the_log_proves_less_than_it_shows() {
        let log: Vec<_> = outcomes(0.99, 100).chain(outcomes(0.9, 95)).chain(outcomes(0.6, 60)).collect();
        let calibration = Calibration::fit(&log, 0.95);
        let threshold = calibration.threshold.unwrap();
        // 195 of 200 are right from 0.9 on, but only about 95.4 % of that is proven; 100 of 100 prove 98.4 %.
        assert!(threshold <= calibration.apply(0.9) + 1e-9 && threshold > calibration.apply(0.6));
        assert_eq!(Calibration::fit(&log, 0.97).threshold, Some(calibration.apply(0.99)));
    }
}
