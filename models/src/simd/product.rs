//! Matrix products on one thread, so that a product's bits never depend on how many threads there are.

use gemm::Parallelism;

/// A matrix in a slice, read with steps: its transpose is the same numbers with the steps exchanged.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a> Strided<'a> {
    /// Returns the first `columns` of each row of a matrix that lies row after row, `row_step` apart.
    ///
    /// # Panics
    /// Where the slice is too short for that.
    pub(crate) fn rows_of(numbers: &'a [f32], rows: usize, columns: usize, row_step: usize) -> Self {
        let end = if rows == 0 { 0 } else { (rows - 1) * row_step + columns };
        assert!(columns <= row_step && end <= numbers.len(), "the matrix lies inside its slice");
        Self { numbers, rows, columns, row_step, column_step: 1 }
    }

    /// Returns the transpose.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }
}

/// Writes `left` × `right` into `out`, row after row.
///
/// # Panics
/// Where the shapes do not fit together.
#[expect(unsafe_code, reason = "the matrix product takes raw pointers")]
pub(crate) fn product(left: Strided<'_>, right: Strided<'_>, out: &mut [f32]) {
    assert_eq!(left.columns, right.rows, "a row of the left meets a column of the right");
    assert_eq!(out.len(), left.rows * right.columns, "the product fits its place");
    if out.is_empty() {
        return;
    }
    if left.columns == 0 {
        out.fill(0.0);
        return;
    }
    let step = |step: usize| isize::try_from(step).expect("a slice's length fits `isize`");
    // SAFETY: both `Strided` lie inside their slices (checked where they are made; a transpose has the same numbers),
    // `out` has room for rows × columns with these steps and is borrowed mutably, so nothing else reads or writes it.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            out.as_mut_ptr(),
            1,
            step(right.columns),
            false,
            left.numbers.as_ptr(),
            step(left.column_step),
            step(left.row_step),
            right.numbers.as_ptr(),
            step(right.column_step),
            step(right.row_step),
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(left: &[f32], right: &[f32], shape: (usize, usize, usize)) -> Vec<f32> {
        let (rows, inner, columns) = shape;
        let cell = |row: usize, column: usize| -> f32 {
            (0..inner).map(|at| left[row * inner + at] * right[at * columns + column]).sum()
        };
        (0..rows * columns).map(|at| cell(at / columns, at % columns)).collect()
    }

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let next = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*state >> 8) as f32 / 16_777_216.0 - 0.5)
        };
        std::iter::repeat_n((), count).scan(seed, |state, ()| next(state)).collect()
    }

    proptest::proptest! {
        #[test]
        fn the_product_agrees_with_three_loops(rows in 1_usize..20, inner in 0_usize..40, columns in 1_usize..20, seed in 0_u32..1000) {
            let (left, right) = (numbers(rows * inner, seed), numbers(inner * columns, seed + 1));
            let expected = plain(&left, &right, (rows, inner, columns));
            let mut found = vec![f32::NAN; rows * columns];
            product(
                Strided::rows_of(&left, rows, inner, inner),
                Strided::rows_of(&right, inner, columns, columns),
                &mut found,
            );
            for (one, other) in found.iter().zip(&expected) {
                proptest::prop_assert!((one - other).abs() < 1e-4, "{one} {other}");
            }
            // The same product, of the transposes, transposed.
            let mut mirrored = vec![f32::NAN; rows * columns];
            product(
                Strided::rows_of(&right, inner, columns, columns).transposed(),
                Strided::rows_of(&left, rows, inner, inner).transposed(),
                &mut mirrored,
            );
            for row in 0..rows {
                for column in 0..columns {
                    let (one, other) = (mirrored[column * rows + row], expected[row * columns + column]);
                    proptest::prop_assert!((one - other).abs() < 1e-4, "{one} {other}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "inside its slice")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let _none = Strided::rows_of(&[0.0; 5], 2, 3, 3);
    }
}
