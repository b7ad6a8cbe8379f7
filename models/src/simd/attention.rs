//! Attention inside each sequence of a packed batch: no padding, no mask.
//!
//! One task is one head of one sequence: keys are turned into panels, scores of a few rows become shares, shares times
//! values go out. The scratch space belongs to the thread and is kept.

use std::{cell::RefCell, ops::Range};

use super::{
    Isa, Kernel, Sheet, filled,
    gemm::{Activation, Line, Product},
    lanes::{MOST_ROWS, Simd},
    math::softmax_row,
};
use crate::team::Team;

/// Heads and sequences of a batch whose rows are queries, keys and values side by side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub(crate) heads: usize,
    /// The numbers of one head.
    pub(crate) width: usize,
    /// The rows of each sequence: one after another, all of them.
    pub(crate) spans: &'a [Range<usize>],
}

thread_local! {
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Returns the attended values, the heads side by side.
pub(crate) fn attend(isa: Isa, team: &Team, attention: Attention<'_>, input: &[f32]) -> Vec<f32> {
    let Attention { heads, width, spans } = attention;
    let hidden = heads * width;
    let rows = spans.last().map_or(0, |span| span.end);
    let ends = [0].into_iter().chain(spans.iter().map(|span| span.end));
    assert!(spans.iter().map(|span| span.start).eq(ends.take(spans.len())), "sequences follow one another");
    assert_eq!(input.len(), rows * 3 * hidden, "queries, keys and values of all sequences");
    // Safety: the tasks are all heads of all sequences, which have all rows.
    unsafe {
        filled(rows * hidden, |start| {
            let out = Sheet { start, stride: hidden };
            team.each(spans.len() * heads, &|task| {
                let span = spans[task / heads].clone();
                if span.is_empty() {
                    return;
                }
                SCRATCH.with_borrow_mut(|scratch| {
                    let head = Head { attention, input, span, head: task % heads, out };
                    let scratch = Scratch::new(scratch, &head, isa.panel_width());
                    isa.run(Work { head, scratch });
                });
            });
        })
    }
}

/// One head of one sequence; no other task writes its rows of its columns.
struct Head<'a> {
    attention: Attention<'a>,
    input: &'a [f32],
    span: Range<usize>,
    head: usize,
    out: Sheet,
}

/// What a head is computed in.
struct Scratch<'a> {
    /// Panels of keys: for each number of a head, that number of the panel's keys.
    keys: &'a mut [f32],
    /// Panels of values: for each key, the panel's numbers of its value.
    values: &'a mut [f32],
    /// Rows of scores, each as long as all panels of keys are wide.
    scores: &'a mut [f32],
    /// What is added to a product.
    zeroes: &'a mut [f32],
}

impl<'a> Scratch<'a> {
    fn new(lines: &'a mut Vec<Line>, head: &Head<'_>, panel_width: usize) -> Self {
        let (rows, width) = (head.span.len(), head.attention.width);
        let padded = rows.next_multiple_of(panel_width);
        let sizes =
            [padded * width, width.next_multiple_of(panel_width) * rows, MOST_ROWS * padded, panel_width];
        let in_lines = sizes.map(|size| size.next_multiple_of(Line::NUMBERS));
        let count = in_lines.iter().sum::<usize>() / Line::NUMBERS;
        if lines.len() < count {
            lines.resize(count, Line::ZERO);
        }
        // Safety: lines are plain numbers without gaps, and there are at least so many of them.
        let all = unsafe {
            std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<f32>(), count * Line::NUMBERS)
        };
        let (keys, all) = all.split_at_mut(in_lines[0]);
        let (values, all) = all.split_at_mut(in_lines[1]);
        let (scores, zeroes) = all.split_at_mut(in_lines[2]);
        zeroes.fill(0.0);
        Self { keys: &mut keys[..sizes[0]], values: &mut values[..sizes[1]], scores, zeroes }
    }
}

/// A head and the space for it.
struct Work<'a> {
    head: Head<'a>,
    scratch: Scratch<'a>,
}

impl Kernel for Work<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { head, mut scratch } = self;
        head.pack_keys(scratch.keys, 2 * S::LANES);
        head.pack_values(scratch.values, 2 * S::LANES);
        let rows = head.span.len();
        let padded = rows.next_multiple_of(2 * S::LANES);
        let tiles = rows.div_ceil(S::ROWS);
        for tile in 0..tiles {
            let block = tile * rows / tiles..(tile + 1) * rows / tiles;
            // Safety: the panels are packed, and the scores have room for a tile.
            unsafe { head.score(simd, &block, &mut scratch) };
            for row in scratch.scores[..block.len() * padded].chunks_exact_mut(padded) {
                softmax_row(simd, row, rows);
            }
            // Safety: the panels are packed, and this task alone writes these rows of this head's columns.
            unsafe { head.mix(simd, &block, &scratch) };
        }
    }
}

impl Head<'_> {
    /// Returns a row of queries (0), keys (1) or values (2) of this head.
    #[inline(always)]
    fn row(&self, row: usize, which: usize) -> &[f32] {
        let Attention { heads, width, .. } = self.attention;
        let start = ((self.span.start + row) * 3 + which) * heads * width + self.head * width;
        &self.input[start..][..width]
    }

    #[inline(always)]
    fn pack_keys(&self, keys: &mut [f32], panel_width: usize) {
        for (index, panel) in keys.chunks_exact_mut(panel_width * self.attention.width).enumerate() {
            let first = index * panel_width;
            let count = panel_width.min(self.span.len() - first);
            if count < panel_width {
                panel.fill(0.0);
            }
            for column in 0..count {
                for (depth, number) in self.row(first + column, 1).iter().enumerate() {
                    panel[depth * panel_width + column] = *number;
                }
            }
        }
    }

    #[inline(always)]
    fn pack_values(&self, values: &mut [f32], panel_width: usize) {
        for (index, panel) in values.chunks_exact_mut(panel_width * self.span.len()).enumerate() {
            for (row, part) in panel.chunks_exact_mut(panel_width).enumerate() {
                let value = &self.row(row, 2)[index * panel_width..];
                let count = value.len().min(panel_width);
                part[..count].copy_from_slice(&value[..count]);
                part[count..].fill(0.0);
            }
        }
    }

    /// # Safety
    /// The keys are packed and the scores have room for the block's rows.
    #[inline(always)]
    unsafe fn score<S: Simd>(&self, simd: S, block: &Range<usize>, scratch: &mut Scratch<'_>) {
        let Attention { heads, width, .. } = self.attention;
        let panel_width = 2 * S::LANES;
        for (index, panel) in scratch.keys.chunks_exact(panel_width * width).enumerate() {
            let product = Product {
                left: self.row(block.start, 0).as_ptr(),
                left_stride: 3 * heads * width,
                panel: panel.as_ptr(),
                depth: width,
                start: scratch.zeroes.as_ptr(),
                out: scratch.scores[index * panel_width..].as_mut_ptr(),
                out_stride: self.span.len().next_multiple_of(panel_width),
                columns: panel_width,
            };
            // Safety: the caller's promise, and a block has at most `S::ROWS` rows.
            unsafe { product.run(simd, block.len(), Activation::None) };
        }
    }

    /// # Safety
    /// The values are packed, the scores are shares, and nobody else writes this head's columns of the block.
    #[inline(always)]
    unsafe fn mix<S: Simd>(&self, simd: S, block: &Range<usize>, scratch: &Scratch<'_>) {
        let (rows, width) = (self.span.len(), self.attention.width);
        let panel_width = 2 * S::LANES;
        for (index, panel) in scratch.values.chunks_exact(panel_width * rows).enumerate() {
            let column = index * panel_width;
            // Safety: the caller's promise, and a block has at most `S::ROWS` rows.
            unsafe {
                let product = Product {
                    left: scratch.scores.as_ptr(),
                    left_stride: rows.next_multiple_of(panel_width),
                    panel: panel.as_ptr(),
                    depth: rows,
                    start: scratch.zeroes.as_ptr(),
                    out: self.out.at(self.span.start + block.start, self.head * width + column),
                    out_stride: self.out.stride,
                    columns: panel_width.min(width - column),
                };
                product.run(simd, block.len(), Activation::None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expected(attention: Attention<'_>, input: &[f32]) -> Vec<f64> {
        let hidden = attention.heads * attention.width;
        let mut all = Vec::new();
        for span in attention.spans {
            for row in span.clone() {
                for head in 0..attention.heads {
                    let part = |row: usize, which: usize| {
                        &input[(row * 3 + which) * hidden + head * attention.width..][..attention.width]
                    };
                    let score = |key: usize| -> f64 {
                        let pairs = part(row, 0).iter().zip(part(key, 1));
                        pairs.map(|(query, key)| f64::from(*query) * f64::from(*key)).sum::<f64>().exp()
                    };
                    let total: f64 = span.clone().map(score).sum();
                    for column in 0..attention.width {
                        let value = |key: usize| score(key) / total * f64::from(part(key, 2)[column]);
                        all.push(span.clone().map(value).sum());
                    }
                }
            }
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn attention_is_the_definition(
            lengths in prop::collection::vec(1usize..40, 1..4),
            heads in 1usize..4,
            width in 1usize..40,
            seed in prop::collection::vec(-1.0f32..1.0, 997),
        ) {
            let mut end = 0;
            let spans: Vec<Range<usize>> = lengths.iter().map(|length| { end += length; end - length..end }).collect();
            let input: Vec<f32> = (0..end * 3 * heads * width).map(|index| seed[index * 31 % 997]).collect();
            let attention = Attention { heads, width, spans: &spans };
            let expected = expected(attention, &input);
            for isa in Isa::all() {
                for threads in [1, 2] {
                    let found = attend(isa, &Team::new(threads).unwrap(), attention, &input);
                    prop_assert_eq!(found.len(), expected.len());
                    for (found, expected) in found.iter().zip(&expected) {
                        prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "{}", isa.name());
                    }
                }
            }
        }
    }
}
