//! Shares that are known from few cases, and the threshold that a promise needs.

/// A case: how sure the router was, whether it was right, and how much the case counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Case {
    pub(super) probability: f64,
    pub(super) is_right: bool,
    pub(super) weight: f64,
}

/// Above every probability that a router tells: with this threshold it always abstains.
pub(super) const NEVER: f64 = 1.0;

/// Returns Wilson's lower bound of a share that was seen in `cases` cases, `z` standard errors below.
#[must_use]
pub fn wilson_lower(share: f64, cases: f64, z: f64) -> f64 {
    if cases <= 0.0 {
        return 0.0;
    }
    let (squared, doubled) = (z * z, z * z / cases);
    let centre = share + doubled / 2.0;
    let width = z * (share * (1.0 - share) / cases + squared / (4.0 * cases * cases)).sqrt();
    ((centre - width) / (1.0 + doubled)).max(0.0)
}

/// Returns the least threshold above which the cases' precision, `z` standard errors below what was seen, is wanted.
pub(super) fn threshold(cases: &[Case], precision: f64, z: f64) -> f64 {
    let mut cases = cases.to_vec();
    cases.sort_by(|left, right| right.probability.total_cmp(&left.probability));
    let mut lowest = NEVER;
    let (mut total, mut right, mut squares) = (0.0, 0.0, 0.0);
    for (at, case) in cases.iter().enumerate() {
        total += case.weight;
        squares += case.weight * case.weight;
        right += if case.is_right { case.weight } else { 0.0 };
        // Equal probabilities are decided alike.
        if cases.get(at + 1).is_some_and(|next| next.probability >= case.probability) {
            continue;
        }
        if wilson_lower(right / total, total * total / squares, z) >= precision {
            lowest = case.probability;
        }
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_agrees_with_the_table() {
        // Lower 95 % bounds (two-sided), computed by hand from Wilson's formula.
        for (share, cases, expected) in [(1.0, 10.0, 0.7225), (0.9, 100.0, 0.8256), (0.5, 4.0, 0.1500)] {
            let found = wilson_lower(share, cases, 1.96);
            assert!((found - expected).abs() < 5e-4, "{share} of {cases}: {found}");
        }
        assert_eq!(wilson_lower(1.0, 0.0, 1.96), 0.0);
    }

    fn case(probability: f64, is_right: bool) -> Case {
        Case { probability, is_right, weight: 1.0 }
    }

    #[test]
    fn the_threshold_is_the_least_that_keeps_the_precision() {
        let cases = [case(0.9, true), case(0.8, true), case(0.7, false), case(0.6, true), case(0.5, false)];
        assert_eq!(threshold(&cases, 0.99, 0.0), 0.8);
        assert_eq!(threshold(&cases, 0.75, 0.0), 0.6);
        assert_eq!(threshold(&cases, 0.5, 0.0), 0.5);
        assert_eq!(threshold(&[case(0.9, false)], 0.5, 0.0), NEVER);
    }

    #[test]
    fn cases_of_one_probability_are_decided_together() {
        let cases = [case(0.9, true), case(0.8, true), case(0.8, false)];
        assert_eq!(threshold(&cases, 0.9, 0.0), 0.9);
    }

    #[test]
    fn few_cases_prove_less() {
        let few: Vec<Case> = (0..10).map(|_| case(0.9, true)).collect();
        assert_eq!(threshold(&few, 0.95, 1.0), NEVER);
        assert_eq!(threshold(&few.repeat(10), 0.95, 1.0), 0.9);
    }
}
