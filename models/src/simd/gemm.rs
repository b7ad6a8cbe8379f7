//! Rows times a packed weight, plus bias, then an activation.
//!
//! A weight is cut into panels of two vectors' width, each stored depth by depth, so that it streams from memory. A
//! tile of rows keeps its sums in registers over the whole depth: that is the one order in which a number is summed.
//!
//! ```text
//!        panel (depth x 2 vectors)          task = some rows x some panels
//!        ┌──┬──┐
//! rows ──┤  │  │  sums stay in registers
//!        └──┴──┘
//! ```

use std::ops::Range;

use super::{
    Isa, Kernel, Kind, Sheet, filled,
    lanes::{MOST_ROWS, Simd},
    math::gelu,
};
use crate::team::Team;

/// Rows that share a panel while it lies in the cache.
const ROWS_TOGETHER: usize = 384;

/// Parts for each thread, so that a thread which the machine delays leaves its last part to another.
const PARTS_PER_THREAD: usize = 2;

/// How far ahead of the arithmetic a panel is asked for, in numbers: 16 steps of AVX-512 hide the way from the second cache,
/// and beyond the end of one panel lies the next.
const FETCHED_AHEAD: usize = 512;

/// What is done to a number once it is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Gelu,
}

/// A cache line: panels start at one, so that no vector lies across two.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([f32; 16]);

impl Line {
    pub(super) const ZERO: Self = Self([0.0; 16]);
    pub(super) const NUMBERS: usize = 16;
}

/// A weight as the kernel reads it.
pub(crate) struct Packed {
    isa: Isa,
    panels: Vec<Line>,
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
    activation: Activation,
}

impl Packed {
    /// Packs a weight of one row for each output; `bias` has one number for each.
    pub(crate) fn new(isa: Isa, weight: &[f32], bias: &[f32], activation: Activation) -> Self {
        let outputs = bias.len();
        assert!(outputs > 0 && weight.len().is_multiple_of(outputs), "a weight has a row for each output");
        let inputs = weight.len() / outputs;
        let width = isa.panel_width();
        let count = outputs.div_ceil(width);
        let mut panels = vec![Line::ZERO; (count * width * inputs).div_ceil(Line::NUMBERS)];
        for (output, row) in weight.chunks_exact(inputs).enumerate() {
            let (panel, column) = (output / width, output % width);
            for (depth, number) in row.iter().enumerate() {
                let index = (panel * inputs + depth) * width + column;
                panels[index / Line::NUMBERS].0[index % Line::NUMBERS] = *number;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(count * width, 0.0);
        Self { isa, panels, bias, inputs, outputs, activation }
    }

    /// Returns how many numbers a row has that can be multiplied.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns how many numbers a row of the result has.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns the product of the rows with the weight.
    pub(crate) fn multiply(&self, team: &Team, rows: &[f32]) -> Vec<f32> {
        assert!(rows.len().is_multiple_of(self.inputs), "whole rows");
        let count = rows.len() / self.inputs;
        let panels = self.outputs.div_ceil(self.isa.panel_width());
        let blocks = count.div_ceil(ROWS_TOGETHER);
        let parts = (team.threads() * PARTS_PER_THREAD).div_ceil(blocks.max(1)).min(panels);
        let parts = if team.threads() == 1 { 1 } else { parts };
        // Safety: the tasks cover all rows and all columns.
        unsafe {
            filled(count * self.outputs, |start| {
                let out = Sheet { start, stride: self.outputs };
                team.each(blocks * parts, &|task| {
                    let (block, part) = (task / parts, task % parts);
                    let first = block * ROWS_TOGETHER;
                    let task = Task {
                        packed: self,
                        input: rows,
                        rows: first..count.min(first + ROWS_TOGETHER),
                        panels: part * panels / parts..(part + 1) * panels / parts,
                        out,
                    };
                    self.isa.run(task);
                });
            })
        }
    }
}

impl Isa {
    /// Returns the columns of a panel: two vectors.
    pub(super) fn panel_width(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => 2 * super::lanes::Avx512::LANES,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => 2 * super::lanes::Avx2::LANES,
            Kind::Portable => 2 * super::Portable::LANES,
        }
    }
}

/// Some rows times some panels; no other task has both.
struct Task<'a> {
    packed: &'a Packed,
    input: &'a [f32],
    rows: Range<usize>,
    panels: Range<usize>,
    out: Sheet,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = 2 * S::LANES;
        let Packed { inputs, outputs, activation, .. } = *self.packed;
        // Equal tiles: thirteen rows are 7 + 6 instead of 12 + 1, which would leave most of the arithmetic waiting.
        let tiles = self.rows.len().div_ceil(S::ROWS);
        for panel in self.panels {
            for tile in 0..tiles {
                let first = self.rows.start + tile * self.rows.len() / tiles;
                let last = self.rows.start + (tile + 1) * self.rows.len() / tiles;
                // Safety: rows and panels lie inside their slices; the task alone writes these rows of these columns.
                unsafe {
                    let product = Product {
                        left: self.input.as_ptr().add(first * inputs),
                        left_stride: inputs,
                        panel: self.packed.panels.as_ptr().cast::<f32>().add(panel * width * inputs),
                        depth: inputs,
                        start: self.packed.bias.as_ptr().add(panel * width),
                        out: self.out.at(first, panel * width),
                        out_stride: outputs,
                        columns: width.min(outputs - panel * width),
                    };
                    product.run(simd, last - first, activation);
                }
            }
        }
    }
}

/// A tile of a product: `rows` x `depth` times one panel.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub(super) left: *const f32,
    pub(super) left_stride: usize,
    pub(super) panel: *const f32,
    pub(super) depth: usize,
    /// What is added at the end: as many numbers as the panel is wide.
    pub(super) start: *const f32,
    pub(super) out: *mut f32,
    pub(super) out_stride: usize,
    /// Columns that are written: all of the panel, or fewer at the end of a matrix.
    pub(super) columns: usize,
}

impl Product {
    /// # Safety
    /// `left` has `rows` rows of `depth` numbers, `panel` has `depth` rows of two vectors, `start` two vectors, and
    /// `out` has room for `rows` rows of `columns`, which nobody else touches. `rows` is between 1 and `S::ROWS`.
    #[inline(always)]
    pub(super) unsafe fn run<S: Simd>(self, simd: S, rows: usize, activation: Activation) {
        macro_rules! tiles {
            ($($count:literal)*) => {
                match rows {
                    // Safety: the caller's promise.
                    $($count if $count <= S::ROWS => unsafe { self.tile::<S, $count>(simd, activation) },)*
                    _ => unreachable!("a tile has between 1 and {} rows, not {rows}", S::ROWS),
                }
            };
        }
        tiles!(1 2 3 4 5 6 7 8 9 10 11 12);
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize>(self, simd: S, activation: Activation) {
        // Safety: the caller of `run` promises that all this can be read and written.
        unsafe {
            let sums = self.sums::<S, ROWS>(simd);
            let bias = [simd.load(self.start), simd.load(self.start.add(S::LANES))];
            for (row, sums) in sums.into_iter().enumerate() {
                let out = self.out.add(row * self.out_stride);
                for half in 0..2 {
                    let sum = simd.add(sums[half], bias[half]);
                    let done = if activation == Activation::Gelu { gelu(simd, sum) } else { sum };
                    let rest = self.columns.saturating_sub(half * S::LANES);
                    if rest >= S::LANES {
                        simd.store(out.add(half * S::LANES), done);
                    } else if rest > 0 {
                        simd.store_some(out.add(half * S::LANES), done, rest);
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn sums<S: Simd, const ROWS: usize>(self, simd: S) -> [[S::Vector; 2]; ROWS] {
        let mut sums = [[simd.splat(0.0); 2]; ROWS];
        // Safety: the caller of `run` promises that all this can be read.
        unsafe {
            let mut panel = self.panel;
            let mut lefts = self.lefts();
            for _ in 0..self.depth {
                let columns = [simd.load(panel), simd.load(panel.add(S::LANES))];
                for line in (0..2 * S::LANES).step_by(Line::NUMBERS) {
                    simd.fetch(panel.wrapping_add(FETCHED_AHEAD + line));
                }
                panel = panel.add(2 * S::LANES);
                for (row, sums) in sums.iter_mut().enumerate() {
                    let number = simd.splat(*lefts[row / 3].add(row % 3 * self.left_stride));
                    sums[0] = simd.mul_add(number, columns[0], sums[0]);
                    sums[1] = simd.mul_add(number, columns[1], sums[1]);
                }
                for left in &mut lefts {
                    *left = left.wrapping_add(1);
                }
            }
        }
        sums
    }

    /// Returns where every third row of a tile begins: the two behind it are one and two strides away, which a load adds by
    /// itself.
    ///
    /// What they have in common is hidden from the compiler, which would find each row from the one before it, in every
    /// step: those sums take turns with the arithmetic.
    #[inline(always)]
    fn lefts(&self) -> [*const f32; MOST_ROWS / 3] {
        std::array::from_fn(|third| {
            std::hint::black_box(self.left.wrapping_add(3 * third * self.left_stride))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn product_is_the_definition(rows in 0usize..40, inputs in 1usize..50, outputs in 1usize..80, seed: u32) {
            let input = numbers(rows * inputs, seed);
            let weight = numbers(inputs * outputs, seed ^ 1);
            let bias = numbers(outputs, seed ^ 2);
            for isa in Isa::all() {
                let packed = Packed::new(isa, &weight, &bias, Activation::None);
                let found = packed.multiply(&Team::new(1).unwrap(), &input);
                prop_assert_eq!(found.len(), rows * outputs);
                for (index, found) in found.iter().enumerate() {
                    let (row, output) = (index / outputs, index % outputs);
                    let left = &input[row * inputs..][..inputs];
                    let right = &weight[output * inputs..][..inputs];
                    let product: f64 = left.iter().zip(right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let expected = product + f64::from(bias[output]);
                    prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "{} {row} {output}", isa.name());
                }
            }
        }
    }

    #[test]
    fn rows_are_summed_alike_alone_and_together_by_any_number_of_threads() {
        let (inputs, outputs, rows) = (96, 200, 450);
        let input = numbers(rows * inputs, 7);
        let weight = numbers(inputs * outputs, 8);
        for isa in Isa::all() {
            let packed = Packed::new(isa, &weight, &numbers(outputs, 9), Activation::Gelu);
            let together = packed.multiply(&Team::new(1).unwrap(), &input);
            for threads in [2, 3, 5] {
                let shared = packed.multiply(&Team::new(threads).unwrap(), &input);
                assert!(shared == together, "{} with {threads} threads", isa.name());
            }
            for (row, expected) in input.chunks_exact(inputs).zip(together.chunks_exact(outputs)) {
                assert!(packed.multiply(&Team::new(1).unwrap(), row) == expected, "{}", isa.name());
            }
        }
    }
}
