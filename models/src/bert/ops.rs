//! The operations that candle does not have on the CPU, each one pass over its numbers.
//!
//! They are candle custom operations: what they take and give are candle tensors, on the CPU. Other devices run
//! [`super::stock`] instead.

use std::{ops::Range, sync::Arc};

use candle_core::{CpuStorage, CustomOp1, CustomOp2, DType, Error, Layout, Result, Shape, Tensor};

use super::checkpoint;
use crate::{
    simd::{Activation, Attention, Isa, Norm, Packed, add_norm, attend, norm},
    team::Team,
};

/// Rows that a thread takes at once where an operation goes row by row.
const ROWS_AT_ONCE: usize = 32;

/// The instructions and the threads of a model.
#[derive(Clone)]
pub(super) struct Machine {
    pub(super) isa: Isa,
    pub(super) team: Arc<Team>,
}

/// The rows of each sequence in a packed batch.
pub(super) type Spans = Arc<[Range<usize>]>;

/// The numbers of a tensor that lies row after row.
struct Rows<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
}

/// Reads a tensor for the operation of a name; one that does not lie row after row is refused.
fn numbers<'a>(name: &str, storage: &'a CpuStorage, layout: &Layout) -> Result<Rows<'a>> {
    let (rows, columns) = layout.shape().dims2()?;
    let Some((start, end)) = layout.contiguous_offsets() else {
        return Err(Error::Msg(format!("{name} takes a tensor that lies row after row")));
    };
    Ok(Rows { numbers: &storage.as_slice::<f32>()?[start..end], rows, columns })
}

/// Returns a result in the form that candle takes: the numbers, and their shape.
fn matrix(numbers: Vec<f32>, rows: usize, columns: usize) -> (CpuStorage, Shape) {
    (CpuStorage::F32(numbers), Shape::from((rows, columns)))
}

/// Rows times a weight, plus its bias, then GELU where asked for.
pub(super) struct Linear {
    packed: Packed,
    machine: Machine,
}

impl Linear {
    pub(super) fn new(linear: &checkpoint::Linear, activation: Activation, machine: &Machine) -> Self {
        let packed = Packed::new(machine.isa, &linear.weight, &linear.bias, activation);
        Self { packed, machine: machine.clone() }
    }

    pub(super) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        rows.apply_op1_no_bwd(self)
    }
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "packed linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Rows { numbers: input, rows, columns } = numbers(self.name(), storage, layout)?;
        if columns != self.packed.inputs() {
            let (expected, name) = (self.packed.inputs(), self.name());
            return Err(Error::Msg(format!("{name} takes rows of {expected} numbers, not {columns}")));
        }
        Ok(matrix(self.packed.multiply(&self.machine.team, input), rows, self.packed.outputs()))
    }
}

/// Attention inside each sequence.
pub(super) struct Attend<'a> {
    pub(super) heads: usize,
    pub(super) spans: &'a Spans,
    pub(super) machine: &'a Machine,
}

impl CustomOp1 for Attend<'_> {
    fn name(&self) -> &'static str {
        "packed attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Rows { numbers: input, rows, columns } = numbers(self.name(), storage, layout)?;
        let hidden = columns / 3;
        let attention = Attention { heads: self.heads, width: hidden / self.heads, spans: self.spans };
        let attended = attend(self.machine.isa, &self.machine.team, attention, input);
        Ok(matrix(attended, rows, hidden))
    }
}

/// A sum and its layer norm.
pub(super) struct AddNorm {
    norm: Norm,
    machine: Machine,
}

impl AddNorm {
    pub(super) fn new(norm: Norm, machine: &Machine) -> Self {
        Self { norm, machine: machine.clone() }
    }

    pub(super) fn forward(&self, rows: &Tensor, residual: &Tensor) -> Result<Tensor> {
        rows.apply_op2_no_bwd(residual, self)
    }
}

impl CustomOp2 for AddNorm {
    fn name(&self) -> &'static str {
        "sum and layer norm"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Rows { numbers: input, rows, columns } = numbers(self.name(), storage, layout)?;
        let residual = numbers(self.name(), residual, residual_layout)?.numbers;
        let mut sums = input.to_vec();
        let size = ROWS_AT_ONCE * columns;
        self.machine.team.each_part(&mut sums, size, &|part, sums: &mut [f32]| {
            add_norm(self.machine.isa, &self.norm, sums, &residual[part * size..][..sums.len()]);
        });
        Ok(matrix(sums, rows, columns))
    }
}

/// Word, position and kind of each token, added and normalised.
pub(super) struct Embed {
    words: Vec<f32>,
    /// The kind is added already: it is the same for every token of a text alone.
    positions: Vec<f32>,
    norm: Norm,
    machine: Machine,
}

impl Embed {
    pub(super) fn new(checkpoint: &mut checkpoint::Checkpoint, machine: &Machine) -> Self {
        let mut positions = std::mem::take(&mut checkpoint.positions);
        for position in positions.chunks_exact_mut(checkpoint.kind.len()) {
            position.iter_mut().zip(&checkpoint.kind).for_each(|(number, kind)| *number += kind);
        }
        let words = std::mem::take(&mut checkpoint.words);
        Self { words, positions, norm: checkpoint.norm.clone(), machine: machine.clone() }
    }

    /// Returns a row for each token; tokens and positions were checked to lie inside the tables.
    pub(super) fn forward(&self, tokens: &Tensor, positions: &Tensor) -> Result<Tensor> {
        tokens.apply_op2_no_bwd(positions, self)
    }
}

impl CustomOp2 for Embed {
    fn name(&self) -> &'static str {
        "token embedding"
    }

    fn cpu_fwd(
        &self,
        tokens: &CpuStorage,
        layout: &Layout,
        positions: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let hidden = self.norm.scale.len();
        let (tokens, positions) = (tokens.as_slice::<u32>()?, positions.as_slice::<u32>()?);
        let row = |table: &'_ [f32], index: u32| -> Result<Range<usize>> {
            let start = index as usize * hidden;
            let is_inside = start + hidden <= table.len();
            is_inside.then_some(start..start + hidden).ok_or_else(|| Error::Msg(format!("no row {index}")))
        };
        let mut rows = Vec::with_capacity(tokens.len() * hidden);
        for (token, position) in tokens.iter().zip(positions) {
            let word = &self.words[row(&self.words, *token)?];
            let position = &self.positions[row(&self.positions, *position)?];
            rows.extend(word.iter().zip(position).map(|(word, position)| word + position));
        }
        norm(self.machine.isa, &self.norm, &mut rows);
        Ok(matrix(rows, layout.shape().elem_count(), hidden))
    }
}

/// The mean row of each sequence, of length one.
pub(super) struct MeanPool<'a>(pub(super) &'a Spans);

impl CustomOp1 for MeanPool<'_> {
    fn name(&self) -> &'static str {
        "mean of a sequence"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Rows { numbers: input, columns, .. } = numbers(self.name(), storage, layout)?;
        let mut means = vec![0.0f32; self.0.len() * columns];
        for (span, mean) in self.0.iter().zip(means.chunks_exact_mut(columns)) {
            for row in input[span.start * columns..span.end * columns].chunks_exact(columns) {
                mean.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
            }
            // The length of the sum is the length of the mean times the count: dividing by it gives the same vector.
            let length = mean.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
            #[expect(clippy::cast_possible_truncation, reason = "a vector is stored in single precision")]
            let scale = if length > 0.0 { (1.0 / length) as f32 } else { 0.0 };
            mean.iter_mut().for_each(|number| *number *= scale);
        }
        Ok(matrix(means, self.0.len(), columns))
    }
}

/// Returns the rows of a tensor on any device.
pub(super) fn rows_of(tensor: &Tensor) -> Result<Vec<Vec<f32>>> {
    tensor.to_dtype(DType::F32)?.to_vec2::<f32>()
}
