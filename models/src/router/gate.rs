//! The gate: turns what a judge sees into the probability that its class is right.
//!
//! A logistic regression over twelve numbers, fitted to texts whose answer is known: held-out examples, and texts that
//! are of no class, of which every answer is wrong.

use std::collections::BTreeMap;

use super::{
    decision::rounded,
    judge::{Glance, highest},
    regression::softmax,
};

/// How many features there are.
pub(super) const FEATURES: usize = 12;

/// Their names, as they are recorded.
const NAMES: [&str; FEATURES] = [
    "log_odds",
    "max_logit",
    "logit_margin",
    "log_sum_exp",
    "nearest",
    "nearest_of_class",
    "nearest_five",
    "agreement",
    "centroid",
    "centroid_margin",
    "centroid_of_class",
    "nearest_stranger",
];

/// Log-odds beyond this say no more.
const SURE: f64 = 12.0;

/// Holds the weights back, which are of standardised features; in texts.
const RIDGE: f64 = 2.0;

const NEWTON_STEPS: usize = 30;
const SETTLED: f64 = 1e-9;

/// A probability that is never quite one: nothing is certain.
const MOST: f64 = 1.0 - 1e-6;

/// The numbers of one text.
pub(super) type Features = [f64; FEATURES];

/// A text whose answer is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// What the judge saw.
    pub(super) features: Features,
    /// Whether the judge would rather have called it strange.
    pub(super) is_strange: bool,
    /// Whether its class was right.
    pub(super) is_right: bool,
    /// How much it counts among the others.
    pub(super) weight: f64,
}

/// Fitted to texts whose answers are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gate {
    means: Features,
    scales: Features,
    weights: [f64; FEATURES + 1],
}

/// Returns the features of a glance, with logits divided by a temperature.
pub(super) fn features(glance: &Glance, temperature: f32) -> Features {
    let mut powers: Vec<f32> = glance.logits.iter().map(|logit| logit / temperature).collect();
    let top = highest(&powers, 2);
    let most = f64::from(top[0].number);
    let strange = glance.strange.map(|logit| logit / temperature);
    let next = top.get(1).map(|second| second.number).into_iter().chain(strange).reduce(f32::max);
    let margin = next.map_or(0.0, |next| most - f64::from(next));
    let log_sum = f64::from(softmax(&mut powers));
    let strange = strange.map_or(0.0, |logit| (f64::from(logit) - log_sum).exp());
    let others: f64 =
        powers.iter().enumerate().filter(|(at, _)| *at != top[0].place).map(|(_, one)| f64::from(*one)).sum();
    let others = others + strange;
    let log_odds = (f64::from(powers[top[0].place]) / others.max(f64::MIN_POSITIVE)).ln().clamp(-SURE, SURE);
    let nearest = glance.nearest.first().map_or(0.0, |near| f64::from(near.cosine));
    let five: f64 = glance.nearest.iter().map(|near| f64::from(near.cosine)).sum();
    let [centroid, next, of_best] = glance.centroids.map(f64::from);
    let five = five / super::matrix::count(glance.nearest.len().max(1));
    let of_class = f64::from(glance.nearest_of_best);
    [
        log_odds,
        most,
        margin,
        log_sum,
        nearest,
        of_class,
        five,
        glance.agreeing,
        centroid,
        centroid - next,
        of_best,
        f64::from(glance.nearest_stranger),
    ]
}

/// Returns the features by name, rounded.
pub(super) fn named(features: &Features) -> BTreeMap<String, f64> {
    NAMES.into_iter().zip(features).map(|(name, one)| (name.to_owned(), rounded(*one))).collect()
}

impl Gate {
    /// Fits the gate; weights of the texts are brought to their number in sum.
    pub(super) fn fit(texts: &[Known]) -> Self {
        let total: f64 = texts.iter().map(|text| text.weight).sum();
        let mean =
            |of: &dyn Fn(&Known) -> f64| texts.iter().map(|text| text.weight * of(text)).sum::<f64>() / total;
        let means: Features = std::array::from_fn(|at| mean(&|text| text.features[at]));
        let spread = |at: usize| mean(&|text: &Known| (text.features[at] - means[at]).powi(2)).sqrt();
        let scales = std::array::from_fn(|at| if spread(at) > 1e-9 { spread(at) } else { 1.0 });
        let mut gate = Self { means, scales, weights: [0.0; FEATURES + 1] };
        let scale = super::matrix::count(texts.len()) / total;
        let rows: Vec<Row> = texts
            .iter()
            .map(|text| Row {
                inputs: gate.inputs(&text.features),
                is_right: text.is_right,
                weight: text.weight * scale,
            })
            .collect();
        gate.weights = newton(&rows);
        gate
    }

    /// Returns the probability that the class is right: never as much as one half for what is rather strange.
    pub(super) fn probability(&self, features: &Features, is_strange: bool) -> f64 {
        let probability = logistic(product(&self.weights, &self.inputs(features))).min(MOST);
        if is_strange { probability / 2.0 } else { probability }
    }

    fn inputs(&self, features: &Features) -> [f64; FEATURES + 1] {
        let standard = |at: usize| (features[at] - self.means[at]) / self.scales[at];
        std::array::from_fn(|at| if at < FEATURES { standard(at) } else { 1.0 })
    }
}

/// Returns 1 / (1 + e^-x).
pub(super) fn logistic(number: f64) -> f64 {
    1.0 / (1.0 + (-number).exp())
}

struct Row<const N: usize = { FEATURES + 1 }> {
    inputs: [f64; N],
    is_right: bool,
    weight: f64,
}

fn product<const N: usize>(left: &[f64; N], right: &[f64; N]) -> f64 {
    left.iter().zip(right).map(|(one, other)| one * other).sum()
}

/// Newton's steps on the log-loss plus a ridge on everything but the last input.
fn newton<const N: usize>(rows: &[Row<N>]) -> [f64; N] {
    let mut weights = [0.0; N];
    let mut loss = loss_of(rows, &weights);
    for _ in 0..NEWTON_STEPS {
        let (slope, bend) = slope_and_bend(rows, &weights);
        let step = solve(bend, slope);
        // A full step can overshoot where nearly everything is told apart.
        let mut share = 1.0;
        let (next, next_loss) = loop {
            let next: [f64; N] = std::array::from_fn(|at| weights[at] - share * step[at]);
            let next_loss = loss_of(rows, &next);
            if next_loss <= loss || share < 1e-3 {
                break (next, next_loss);
            }
            share /= 2.0;
        };
        let gained = loss - next_loss;
        if gained <= 0.0 {
            break;
        }
        (weights, loss) = (next, next_loss);
        if gained < SETTLED * loss.abs() {
            break;
        }
    }
    weights
}

fn ridge<const N: usize>(at: usize) -> f64 {
    if at + 1 < N { RIDGE } else { 1e-6 }
}

fn loss_of<const N: usize>(rows: &[Row<N>], weights: &[f64; N]) -> f64 {
    let held: f64 = (0..N).map(|at| ridge::<N>(at) * weights[at].powi(2) / 2.0).sum();
    let of = |row: &Row<N>| {
        let odds = product(weights, &row.inputs);
        let against = if row.is_right { -odds } else { odds };
        row.weight * (against.max(0.0) + (-against.abs()).exp().ln_1p())
    };
    held + rows.iter().map(of).sum::<f64>()
}

fn slope_and_bend<const N: usize>(rows: &[Row<N>], weights: &[f64; N]) -> ([f64; N], [[f64; N]; N]) {
    let mut slope: [f64; N] = std::array::from_fn(|at| ridge::<N>(at) * weights[at]);
    let mut bend = [[0.0; N]; N];
    (0..N).for_each(|at| bend[at][at] = ridge::<N>(at));
    for row in rows {
        let probability = logistic(product(weights, &row.inputs));
        let error = row.weight * (probability - f64::from(u8::from(row.is_right)));
        let curve = row.weight * (probability * (1.0 - probability)).max(1e-9);
        for (at, input) in row.inputs.iter().enumerate() {
            slope[at] += error * input;
            for (sum, other) in bend[at].iter_mut().zip(&row.inputs) {
                *sum += curve * input * other;
            }
        }
    }
    (slope, bend)
}

/// Gaussian elimination with pivots; the ridge keeps the matrix far from singular.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for column in 0..N {
        let rows = column..N;
        let pivot =
            rows.max_by(|one, other| matrix[*one][column].abs().total_cmp(&matrix[*other][column].abs()));
        let pivot = pivot.unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..N {
            let share = matrix[row][column] / matrix[column][column];
            let upper = matrix[column];
            matrix[row].iter_mut().zip(upper).for_each(|(cell, above)| *cell -= share * above);
            right[row] -= share * right[column];
        }
    }
    let mut solution = [0.0; N];
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|at| matrix[row][at] * solution[at]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(at: usize) -> Known {
        let mut features = [0.0; FEATURES];
        features[0] = at as f64 / 50.0;
        features[3] = 7.0;
        // Right more often the higher the first feature.
        Known { features, is_strange: false, is_right: (at * 37) % 100 < at, weight: 1.0 }
    }

    #[test]
    fn probabilities_are_those_of_the_texts_it_was_fitted_to() {
        let texts: Vec<Known> = (0..100).map(known).collect();
        let gate = Gate::fit(&texts);
        for (from, to) in [(10, 40), (40, 70), (70, 100)] {
            let part = &texts[from..to];
            let expected = part.iter().filter(|text| text.is_right).count() as f64 / part.len() as f64;
            let told: f64 = part.iter().map(|text| gate.probability(&text.features, false)).sum::<f64>()
                / part.len() as f64;
            assert!((expected - told).abs() < 0.12, "{from}: {expected} {told}");
        }
    }

    #[test]
    fn texts_that_are_told_apart_wholly_keep_weights_finite() {
        let texts: Vec<Known> = (0..100).map(|at| Known { is_right: at >= 50, ..known(at) }).collect();
        let gate = Gate::fit(&texts);
        let probability = |at: usize| gate.probability(&known(at).features, false);
        let (low, high) = (probability(10), probability(90));
        assert!(low < 0.1 && high > 0.9 && high < 1.0, "{low} {high}");
        assert!(gate.probability(&known(90).features, true) < 0.5);
    }

    #[test]
    fn linear_equations_are_solved() {
        let solution = solve([[0.0, 2.0, 1.0], [1.0, 1.0, 0.0], [3.0, 0.0, 1.0]], [7.0, 3.0, 6.0]);
        for (found, expected) in solution.into_iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{solution:?}");
        }
    }
}
