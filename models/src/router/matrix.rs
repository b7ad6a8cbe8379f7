//! Rows of numbers, and the few products that fitting needs.

use crate::{
    simd::{Activation, Isa, Packed},
    team::Team,
};

/// Rows of equal length, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    columns: usize,
    numbers: Vec<f32>,
}

impl Matrix {
    /// Returns rows of zeros.
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        Self { columns, numbers: vec![0.0; rows * columns] }
    }

    /// Returns a matrix of numbers that lie row after row.
    pub(super) fn of(columns: usize, numbers: Vec<f32>) -> Self {
        assert!(columns > 0 && numbers.len().is_multiple_of(columns), "whole rows only");
        Self { columns, numbers }
    }

    /// Returns how many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.numbers.len() / self.columns
    }

    /// Returns how long a row is.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Returns one row.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.numbers[row * self.columns..(row + 1) * self.columns]
    }

    /// Returns one row, to write.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.numbers[row * self.columns..(row + 1) * self.columns]
    }

    /// Returns the chosen rows, in that order.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        let numbers = rows.iter().flat_map(|row| self.row(*row)).copied().collect();
        Self { columns: self.columns, numbers }
    }

    /// Returns these rows above those of another.
    pub(super) fn above(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.columns, "rows of one length");
        Self { columns: self.columns, numbers: [self.numbers.as_slice(), &other.numbers].concat() }
    }

    /// Returns this × the transpose of `right`, of whose columns this has perhaps more: the further ones are not read.
    pub(super) fn times_transposed(&self, right: &Self) -> Self {
        let cell =
            |at: usize| dot(&self.row(at / right.rows())[..right.columns], right.row(at % right.rows()));
        Self::of(right.rows().max(1), (0..self.rows() * right.rows()).map(cell).collect())
    }

    /// Returns the transpose.
    pub(super) fn transposed(&self) -> Self {
        let (rows, columns) = (self.rows(), self.columns);
        let mut numbers = vec![0.0; self.numbers.len()];
        // Square tiles: neither side then walks through memory a page at a time.
        for Tile { row: first_row, column: first_column } in tiles(rows, columns) {
            for row in first_row..rows.min(first_row + TILE) {
                for column in first_column..columns.min(first_column + TILE) {
                    numbers[column * rows + row] = self.numbers[row * columns + column];
                }
            }
        }
        Self::of(rows.max(1), numbers)
    }

    /// Returns the numbers, row after row.
    pub(super) fn into_numbers(self) -> Vec<f32> {
        self.numbers
    }
}

/// The side of the tiles of a transpose.
const TILE: usize = 32;

/// Where a tile begins.
struct Tile {
    row: usize,
    column: usize,
}

fn tiles(rows: usize, columns: usize) -> impl Iterator<Item = Tile> {
    let of_row = move |row| (0..columns).step_by(TILE).map(move |column| Tile { row, column });
    (0..rows).step_by(TILE).flat_map(of_row)
}

/// A matrix that many rows are multiplied with: packed once. Everything runs on the caller's thread, and each number is
/// summed in one order, so its bits depend on nothing else.
pub(super) struct Factor {
    packed: Packed,
    team: Team,
}

impl Factor {
    /// Packs the transpose of a matrix.
    pub(super) fn transposed(matrix: &Matrix) -> Self {
        let bias = vec![0.0; matrix.rows()];
        let packed = Packed::new(Isa::detect(), &matrix.numbers, &bias, Activation::None);
        Self { packed, team: Team::alone() }
    }

    /// Returns rows × the factor.
    pub(super) fn after(&self, rows: &Matrix) -> Matrix {
        Matrix::of(self.packed.outputs(), self.packed.multiply(&self.team, &rows.numbers))
    }
}

/// Returns the inner product; of two unit vectors that is their cosine.
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (left_chunks, right_chunks) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest: f32 =
        left_chunks.remainder().iter().zip(right_chunks.remainder()).map(|(one, other)| one * other).sum();
    // Independent sums, so that the compiler may use wide registers; their order is fixed.
    let mut sums = [0.0_f32; LANES];
    for (one, other) in left_chunks.zip(right_chunks) {
        for lane in 0..LANES {
            sums[lane] += one[lane] * other[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Brings a vector to length one; a vector of zeros stays.
pub(super) fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number /= length);
    }
}

/// Returns a count as a number to compute with.
pub(super) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}
