//! Softmax regression: one row of weights for each class, no bias.
//!
//! The loss is the mean cross entropy plus ‖W‖² / (2·C·n). Without a bias a text that is like nothing gets equal logits.

use super::{
    matrix::{Factor, Matrix, count},
    minimise::{Slope, minimise},
};

/// How little the weights are held back; from measurements on three public intent sets.
pub(super) const LOOSENESS: f64 = 30.0;

/// L-BFGS is stopped after so many iterations, and one more for each so many texts: more gained nothing on held-out
/// texts, and with 15,000 of them fewer lost half a point.
const ITERATIONS: usize = 20;
const TEXTS_AN_ITERATION: usize = 1_000;

/// Texts are looked at so many at a time, which keeps what is multiplied inside the processor's caches. No power of two: the
/// errors of each class lie so many numbers apart, and pages apart they would push one another out of the first cache.
const BLOCK: usize = 496;

/// Texts with their classes, in the form that a regression is fitted to.
pub(super) struct Labelled<'a> {
    /// The vectors, a row for each text.
    pub(super) vectors: &'a Matrix,
    /// The class of each text, below `classes`.
    pub(super) labels: &'a [usize],
    /// How much each text counts.
    pub(super) weights: &'a [f32],
    /// How many classes there are.
    pub(super) classes: usize,
}

/// Returns the weights of the classes, a row each.
pub(super) fn fit(texts: &Labelled<'_>, looseness: f64) -> Matrix {
    let start = vec![0.0; texts.classes * texts.vectors.columns()];
    let iterations = ITERATIONS + texts.vectors.rows() / TEXTS_AN_ITERATION;
    let found = minimise(&mut Loss::of(texts, looseness), start, iterations);
    Matrix::of(texts.vectors.columns(), found)
}

/// Turns logits into probabilities, in place; returns the logarithm of what they were divided by.
pub(super) fn softmax(logits: &mut [f32]) -> f32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - most).exp());
    let total: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|power| *power /= total);
    total.ln() + most
}

struct Loss<'a> {
    texts: &'a Labelled<'a>,
    blocks: Vec<Block>,
    total: f64,
    ridge: f64,
}

/// Some texts, as rows and as what errors are multiplied with.
struct Block {
    first: usize,
    texts: Matrix,
    factor: Factor,
}

impl Block {
    fn of(vectors: &Matrix, rows: &[usize]) -> Self {
        let texts = vectors.select(rows);
        let factor = Factor::transposed(&texts.transposed());
        Self { first: rows[0], texts, factor }
    }
}

impl<'a> Loss<'a> {
    fn of(texts: &'a Labelled<'a>, looseness: f64) -> Self {
        let rows: Vec<usize> = (0..texts.vectors.rows()).collect();
        let blocks = rows.chunks(BLOCK).map(|rows| Block::of(texts.vectors, rows)).collect();
        let total = texts.weights.iter().map(|weight| f64::from(*weight)).sum();
        let ridge = 1.0 / (looseness * count(texts.vectors.rows()));
        Self { texts, blocks, total, ridge }
    }

    /// Turns the logits of a block into errors, weighed; returns the block's loss.
    fn errors(&self, first: usize, logits: &mut Matrix) -> f64 {
        let mut loss = 0.0;
        for row in 0..logits.rows() {
            let (label, weight) = (self.texts.labels[first + row], self.texts.weights[first + row]);
            let share = (f64::from(weight) / self.total) as f32;
            let errors = logits.row_mut(row);
            let own = errors[label];
            loss += f64::from(weight) / self.total * f64::from(softmax(errors) - own);
            errors[label] -= 1.0;
            errors.iter_mut().for_each(|error| *error *= share);
        }
        loss
    }
}

impl Slope for Loss<'_> {
    fn at(&mut self, place: &[f32], gradient: &mut [f32]) -> f64 {
        let weights = Factor::transposed(&Matrix::of(self.texts.vectors.columns(), place.to_vec()));
        let squares: f64 = place.iter().map(|weight| f64::from(*weight).powi(2)).sum();
        let mut loss = self.ridge * squares / 2.0;
        gradient.iter_mut().zip(place).for_each(|(out, weight)| *out = self.ridge as f32 * weight);
        for block in &self.blocks {
            let mut errors = weights.after(&block.texts);
            loss += self.errors(block.first, &mut errors);
            let of_block = block.factor.after(&errors.transposed()).into_numbers();
            gradient.iter_mut().zip(of_block).for_each(|(out, one)| *out += one);
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Texts {
        vectors: Matrix,
        labels: Vec<usize>,
        weights: Vec<f32>,
    }

    fn texts() -> Texts {
        let numbers = (0..60_u16).map(|at| (f32::from(at) * 1.7).sin()).collect();
        let labels = (0..12).map(|at| at % 3).collect();
        Texts { vectors: Matrix::of(5, numbers), labels, weights: [1.0, 0.5, 1.0, 2.0].repeat(3) }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let Texts { vectors, labels, weights } = texts();
        let texts = Labelled { vectors: &vectors, labels: &labels, weights: &weights, classes: 3 };
        let mut loss = Loss::of(&texts, 2.0);
        let place: Vec<f32> = (0..15_u16).map(|at| (f32::from(at) * 0.9).cos()).collect();
        let mut gradient = vec![0.0; 15];
        loss.at(&place, &mut gradient);
        for at in 0..15 {
            let mut beside = |step: f32| {
                let mut moved = place.clone();
                moved[at] += step;
                loss.at(&moved, &mut [0.0; 15])
            };
            let slope = (beside(0.01) - beside(-0.01)) / 0.02;
            assert!((slope - f64::from(gradient[at])).abs() < 1e-4, "{at}: {slope} and {}", gradient[at]);
        }
    }

    #[test]
    fn what_can_be_told_apart_is_told_apart() {
        let vectors = Matrix::of(2, vec![1.0, 0.1, 0.9, 0.0, 0.1, 1.0, 0.0, 0.8]);
        let labels = [0, 0, 1, 1];
        let texts = Labelled { vectors: &vectors, labels: &labels, weights: &[1.0; 4], classes: 2 };
        let logits = vectors.times_transposed(&fit(&texts, LOOSENESS));
        for (row, label) in labels.into_iter().enumerate() {
            assert!(logits.row(row)[label] > logits.row(row)[1 - label] + 1.0, "{:?}", logits.row(row));
        }
    }

    #[test]
    fn probabilities_sum_to_one_whatever_the_logits() {
        let mut logits = [900.0, 901.0, -900.0];
        let divisor = softmax(&mut logits);
        assert!((logits.iter().sum::<f32>() - 1.0).abs() < 1e-6 && (divisor - 901.313).abs() < 1e-2);
    }
}
