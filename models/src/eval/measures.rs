//! Measures of probabilities against what was right.

use crate::router::Outcome;

/// Bins of the calibration error.
const BINS: usize = 15;

/// Returns how often an outcome that is right is surer than one that is not, ties half; `None` without both.
pub(super) fn auroc(outcomes: &[Outcome]) -> Option<f64> {
    let mut sorted = outcomes.to_vec();
    sorted.sort_by(|left, right| left.probability.total_cmp(&right.probability));
    let (mut below, mut wins, mut so) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|left, right| left.probability == right.probability) {
        let of_so = tied.iter().filter(|outcome| outcome.is_right).count() as f64;
        let of_not = tied.len() as f64 - of_so;
        wins += of_so * (below + of_not / 2.0);
        below += of_not;
        so += of_so;
    }
    (so > 0.0 && below > 0.0).then(|| wins / (so * below))
}

/// Returns the mean distance between told probability and the share that is right, over bins, by their size.
pub(super) fn calibration_error(outcomes: &[Outcome]) -> f64 {
    // What was told minus what was right, summed.
    let mut bins = [0.0; BINS];
    for Outcome { probability, is_right } in outcomes {
        let at = ((probability * BINS as f64) as usize).min(BINS - 1);
        bins[at] += probability - f64::from(u8::from(*is_right));
    }
    let total = outcomes.len().max(1) as f64;
    bins.iter().map(|bin| bin.abs()).sum::<f64>() / total
}

/// Returns the middle number, 0 of none.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes<const COUNT: usize>(pairs: [(f64, bool); COUNT]) -> [Outcome; COUNT] {
        pairs.map(|(probability, is_right)| Outcome { probability, is_right })
    }

    #[test]
    fn auroc_agrees_with_pairs_counted_by_hand() {
        // Right: 0.9, 0.5, 0.5; not: 0.6, 0.5. Pairs won: 2 + 0.5 + 0.5 of 6.
        let cases = outcomes([(0.9, true), (0.5, true), (0.5, true), (0.6, false), (0.5, false)]);
        assert_eq!(auroc(&cases), Some(3.0 / 6.0));
        assert_eq!(auroc(&outcomes([(0.2, false), (0.7, true)])), Some(1.0));
        assert_eq!(auroc(&outcomes([(0.2, true)])), None);
    }

    #[test]
    fn calibration_error_agrees_with_bins_counted_by_hand() {
        // One bin told 0.9 and 0.92 with one right of two, another told 0.1 with none right.
        let cases = outcomes([(0.9, true), (0.89, false), (0.1, false), (1.0, true)]);
        let expected = ((1.79_f64 - 1.0).abs() + 0.1 + 0.0) / 4.0;
        assert!((calibration_error(&cases) - expected).abs() < 1e-12);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_upper() {
        assert_eq!(median(vec![3.0, 1.0, 2.0, 4.0]), 3.0);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
