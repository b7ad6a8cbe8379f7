//! Functions of vectors and rows: exp, GELU, softmax, layer norm.

use super::{
    Isa, Kernel,
    lanes::{MOST_LANES, Simd},
};

/// Adding and taking away 1.5 * 2^23 rounds to a whole number.
const ROUNDER: f32 = 12_582_912.0;

/// Below this `exp` is 1.2e-38, the least normal number.
const LEAST_POWER: f32 = -87.0;

/// Cephes' `expf`: the error is below two units in the last place.
const EXP: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// ln 2 in two parts; the first has few bits, so that its multiples are exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// erfc(x) is t * P(t) * exp(-x²) with t = 1 / (1 + ERFC_T * x), for x from zero: the error is below 1.5e-7, and it
/// vanishes with the function, so that large numbers come out exact. (Abramowitz and Stegun, 7.1.26.)
const ERFC_T: f32 = 0.327_591_1;
const ERFC_P: [f32; 5] = [1.061_405_4, -1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6];

#[inline(always)]
fn horner<S: Simd>(simd: S, coefficients: &[f32], at: S::Vector) -> S::Vector {
    let mut sum = simd.splat(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add(sum, at, simd.splat(*coefficient));
    }
    sum
}

/// Returns e to the power of each number, for numbers up to zero.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, power: S::Vector) -> S::Vector {
    let power = simd.max(power, simd.splat(LEAST_POWER));
    let rounder = simd.splat(ROUNDER);
    let whole = simd.sub(simd.mul_add(power, simd.splat(std::f32::consts::LOG2_E), rounder), rounder);
    let rest = simd.mul_add(whole, simd.splat(-LN_2_HIGH), power);
    let rest = simd.mul_add(whole, simd.splat(-LN_2_LOW), rest);
    let curve = horner(simd, &EXP, rest);
    let fraction = simd.mul_add(curve, simd.mul(rest, rest), simd.add(rest, simd.splat(1.0)));
    simd.mul(fraction, simd.exp2_of_whole(whole))
}

/// Returns x * (1 + erf(x / √2)) / 2, as what is left of max(x, 0) after |x| * erfc(|x| / √2) / 2.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, numbers: S::Vector) -> S::Vector {
    let zero = simd.splat(0.0);
    let size = simd.max(numbers, simd.sub(zero, numbers));
    let scaled = simd.mul(size, simd.splat(std::f32::consts::FRAC_1_SQRT_2));
    let one = simd.splat(1.0);
    let t = simd.div(one, simd.mul_add(scaled, simd.splat(ERFC_T), one));
    let curve = simd.mul(t, horner(simd, &ERFC_P, t));
    let power = exp(simd, simd.sub(zero, simd.mul(scaled, scaled)));
    let lost = simd.mul(simd.mul(size, simd.splat(0.5)), simd.mul(curve, power));
    simd.sub(simd.max(numbers, zero), lost)
}

/// Turns a row of scores into shares; its length is a multiple of the lanes, and what is beyond `length` is ignored.
#[inline(always)]
pub(super) fn softmax_row<S: Simd>(simd: S, row: &mut [f32], length: usize) {
    row[length..].fill(f32::NEG_INFINITY);
    let mut greatest = simd.splat(f32::NEG_INFINITY);
    for part in row.chunks_exact(S::LANES) {
        // Safety: the part has `LANES` numbers.
        greatest = simd.max(greatest, unsafe { simd.load(part.as_ptr()) });
    }
    let greatest = simd.splat(simd.greatest(greatest));
    let mut sum = simd.splat(0.0);
    for part in row.chunks_exact_mut(S::LANES) {
        // Safety: the part has `LANES` numbers.
        unsafe {
            let power = exp(simd, simd.sub(simd.load(part.as_ptr()), greatest));
            sum = simd.add(sum, power);
            simd.store(part.as_mut_ptr(), power);
        }
    }
    let share = simd.splat(1.0 / simd.sum(sum));
    for part in row.chunks_exact_mut(S::LANES) {
        // Safety: the part has `LANES` numbers.
        unsafe { simd.store(part.as_mut_ptr(), simd.mul(simd.load(part.as_ptr()), share)) };
    }
}

/// Scale, shift and least variance of a layer norm.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
    pub(crate) epsilon: f32,
}

struct NormRows<'a> {
    norm: &'a Norm,
    rows: &'a mut [f32],
    residual: Option<&'a [f32]>,
}

/// Returns a part of a slice as a vector, filled up where the slice ends.
#[inline(always)]
fn part<S: Simd>(simd: S, all: &[f32], start: usize) -> S::Vector {
    let rest = &all[start..];
    // Safety: as many numbers are read as the slice has.
    unsafe {
        if rest.len() >= S::LANES {
            simd.load(rest.as_ptr())
        } else {
            simd.load_some(rest.as_ptr(), rest.len(), 0.0)
        }
    }
}

#[inline(always)]
fn put<S: Simd>(simd: S, all: &mut [f32], start: usize, vector: S::Vector) {
    let rest = &mut all[start..];
    // Safety: as many numbers are written as the slice has.
    unsafe {
        if rest.len() >= S::LANES {
            simd.store(rest.as_mut_ptr(), vector);
        } else {
            simd.store_some(rest.as_mut_ptr(), vector, rest.len());
        }
    }
}

impl Kernel for NormRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.norm.scale.len();
        for (index, row) in self.rows.chunks_exact_mut(width).enumerate() {
            let residual = self.residual.map(|all| &all[index * width..][..width]);
            norm_row(simd, self.norm, row, residual);
        }
    }
}

#[inline(always)]
fn norm_row<S: Simd>(simd: S, norm: &Norm, row: &mut [f32], residual: Option<&[f32]>) {
    let width = row.len();
    #[expect(clippy::cast_precision_loss, reason = "a row has a few thousand numbers at most")]
    let share = 1.0 / width as f32;
    let mut sum = simd.splat(0.0);
    for start in (0..width).step_by(S::LANES) {
        let mut numbers = part(simd, row, start);
        if let Some(residual) = residual {
            numbers = simd.add(numbers, part(simd, residual, start));
            put(simd, row, start, numbers);
        }
        sum = simd.add(sum, numbers);
    }
    let mean = simd.splat(simd.sum(sum) * share);
    let mut squares = simd.splat(0.0);
    for start in (0..width).step_by(S::LANES) {
        let distance = simd.sub(part(simd, row, start), mean);
        let distance = keep(simd, distance, width - start);
        squares = simd.mul_add(distance, distance, squares);
    }
    let factor = simd.splat(1.0 / (simd.sum(squares) * share + norm.epsilon).sqrt());
    for start in (0..width).step_by(S::LANES) {
        let distance = simd.mul(simd.sub(part(simd, row, start), mean), factor);
        let scaled = simd.mul_add(distance, part(simd, &norm.scale, start), part(simd, &norm.shift, start));
        put(simd, row, start, scaled);
    }
}

/// Sets what lies beyond the end of a row to zero.
#[inline(always)]
fn keep<S: Simd>(simd: S, vector: S::Vector, count: usize) -> S::Vector {
    if count >= S::LANES {
        return vector;
    }
    let mut numbers: [f32; MOST_LANES] = simd.numbers(vector);
    numbers[count..].fill(0.0);
    // Safety: the array holds `MOST_LANES`.
    unsafe { simd.load(numbers.as_ptr()) }
}

/// Normalises each row.
pub(crate) fn norm(isa: Isa, norm: &Norm, rows: &mut [f32]) {
    isa.run(NormRows { norm, rows, residual: None });
}

/// Adds the residual to each row, then normalises it.
pub(crate) fn add_norm(isa: Isa, norm: &Norm, rows: &mut [f32], residual: &[f32]) {
    assert_eq!(rows.len(), residual.len(), "a residual has the shape of what it is added to");
    isa.run(NormRows { norm, rows, residual: Some(residual) });
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Applies a function to every number of a slice, for the tests.
    struct Map<'a, const GELU: bool>(&'a mut [f32]);

    impl<const GELU: bool> Kernel for Map<'_, GELU> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for start in (0..self.0.len()).step_by(S::LANES) {
                let numbers = part(simd, self.0, start);
                let mapped = if GELU { gelu(simd, numbers) } else { exp(simd, numbers) };
                put(simd, self.0, start, mapped);
            }
        }
    }

    /// erf by its series, and by its continued fraction beyond three.
    fn erf(x: f64) -> f64 {
        if x.abs() > 3.0 {
            let mut fraction = 0.0;
            for step in (1..200).rev() {
                fraction = f64::from(step) / 2.0 / (x.abs() + fraction);
            }
            let tail = (-x * x).exp() / std::f64::consts::PI.sqrt() / (x.abs() + fraction);
            return (1.0 - tail).copysign(x);
        }
        let (mut term, mut sum) = (x, x);
        for step in 1..200 {
            term *= -x * x / f64::from(step);
            sum += term / f64::from(2 * step + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn gelu_is_within_a_millionth_of_the_definition() {
        let inputs: Vec<f32> = (-12_000i16..=12_000).map(|step| f32::from(step) / 1_000.0).collect();
        for isa in Isa::all() {
            let mut found = inputs.clone();
            isa.run(Map::<true>(&mut found));
            for (input, found) in inputs.iter().zip(&found) {
                let x = f64::from(*input);
                let expected = x * (1.0 + erf(x / std::f64::consts::SQRT_2)) / 2.0;
                let error = (f64::from(*found) - expected).abs();
                assert!(error <= 1e-6, "{} gelu({x}) = {found}, expected {expected}", isa.name());
            }
        }
    }

    #[test]
    fn gelu_of_large_numbers_is_exact() {
        for isa in Isa::all() {
            let mut found = vec![-1e4, -100.0, -9.0, 9.0, 100.0, 1e4];
            isa.run(Map::<true>(&mut found));
            assert!(found[..3].iter().all(|found| found.abs() < 1e-16), "{} {found:?}", isa.name());
            assert_eq!(found[3..], [9.0, 100.0, 1e4], "{}", isa.name());
        }
    }

    #[test]
    fn exp_is_right_to_a_few_units() {
        let inputs: Vec<f32> = (0..8_600i16).map(|step| -f32::from(step) / 100.0).collect();
        for isa in Isa::all() {
            let mut found = inputs.clone();
            isa.run(Map::<false>(&mut found));
            for (input, found) in inputs.iter().zip(&found) {
                let expected = f64::from(*input).exp();
                assert!((f64::from(*found) / expected - 1.0).abs() < 3e-7, "{} exp({input})", isa.name());
            }
        }
    }

    struct Softmax<'a>(&'a mut [f32], usize);

    impl Kernel for Softmax<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            softmax_row(simd, self.0, self.1);
        }
    }

    proptest! {
        #[test]
        fn softmax_is_the_definition(scores in prop::collection::vec(-30.0f32..30.0, 1..70)) {
            let powers: Vec<f64> = scores.iter().map(|score| f64::from(*score).exp()).collect();
            let total: f64 = powers.iter().sum();
            for isa in Isa::all() {
                let mut row = scores.clone();
                row.resize(scores.len().next_multiple_of(MOST_LANES), 7.0);
                isa.run(Softmax(&mut row, scores.len()));
                for (found, power) in row.iter().zip(&powers) {
                    prop_assert!((f64::from(*found) - power / total).abs() < 1e-6, "{}", isa.name());
                }
            }
        }

        #[test]
        fn layer_norm_is_the_definition(
            width in 1usize..70,
            seed in prop::collection::vec(-8.0f32..8.0, 70 * 4),
        ) {
            let mut parts = seed.chunks_exact(70).map(|part| part[..width].to_vec());
            let (row, residual) = (parts.next().unwrap(), parts.next().unwrap());
            let (scale, shift) = (parts.next().unwrap(), parts.next().unwrap());
            let sums: Vec<f64> = row.iter().zip(&residual).map(|(a, b)| f64::from(a + b)).collect();
            let share = 1.0 / f64::from(u32::try_from(width).unwrap());
            let mean = sums.iter().sum::<f64>() * share;
            let variance = sums.iter().map(|sum| (sum - mean) * (sum - mean)).sum::<f64>() * share;
            let layer = Norm { scale, shift, epsilon: 1e-3 };
            for isa in Isa::all() {
                let mut found = row.clone();
                add_norm(isa, &layer, &mut found, &residual);
                for index in 0..width {
                    let expected = (sums[index] - mean) / (variance + 1e-3).sqrt()
                        * f64::from(layer.scale[index]) + f64::from(layer.shift[index]);
                    let error = (f64::from(found[index]) - expected).abs();
                    prop_assert!(error < 1e-3, "{} {} {}", isa.name(), found[index], expected);
                }
            }
        }
    }
}
