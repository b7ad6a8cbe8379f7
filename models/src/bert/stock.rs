//! The forward pass in candle's own operations: for devices other than the CPU, and to check ours against.
//!
//! Texts are padded to the longest of their batch and masked, as everybody does it.

use candle_core::{D, DType, Device, Result, Tensor};

use super::{
    batch::Batch,
    checkpoint::{self, Block, Checkpoint},
    config::Config,
    ops::rows_of,
};
use crate::{embed::Embedding, simd};

/// What a masked score becomes: its share is zero in single precision.
const MASKED: f32 = -1e9;

/// An encoder of plain tensors.
pub(super) struct Forward {
    words: Tensor,
    positions: Tensor,
    kind: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    device: Device,
}

struct Linear {
    weight: Tensor,
    bias: Tensor,
}

struct Norm {
    scale: Tensor,
    shift: Tensor,
    epsilon: f64,
}

struct Layer {
    qkv: Linear,
    attended: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    norm: Norm,
}

/// Padded tokens: `texts x longest`.
struct Padded {
    tokens: Tensor,
    /// One for a token, zero for padding.
    real: Tensor,
    texts: usize,
    longest: usize,
}

impl Forward {
    /// Copies the weights to the device.
    pub(super) fn new(checkpoint: Checkpoint, config: &Config, device: Device) -> Result<Self> {
        let hidden = config.hidden;
        let blocks = checkpoint.blocks.into_iter();
        Ok(Self {
            words: Tensor::from_vec(checkpoint.words, (config.vocabulary, hidden), &device)?,
            positions: Tensor::from_vec(checkpoint.positions, (config.positions, hidden), &device)?,
            kind: Tensor::from_vec(checkpoint.kind, hidden, &device)?,
            norm: Norm::new(checkpoint.norm, &device)?,
            layers: blocks.map(|block| Layer::new(block, &device)).collect::<Result<_>>()?,
            heads: config.heads,
            device,
        })
    }

    /// Returns an embedding for each sequence of the batch.
    pub(super) fn run(&self, batch: &Batch) -> Result<Vec<Embedding>> {
        let padded = self.padded(batch)?;
        let (texts, longest) = (padded.texts, padded.longest);
        let hidden = self.words.dim(1)?;
        let words = self.words.index_select(&padded.tokens, 0)?.reshape((texts, longest, hidden))?;
        let positions = self.positions.narrow(0, 0, longest)?;
        let words = words.broadcast_add(&positions)?.broadcast_add(&self.kind)?;
        let words = self.norm.forward(&words)?;
        let mask = ((padded.real.reshape((texts, 1, 1, longest))? - 1.0)? * f64::from(-MASKED))?;
        let mut state = words.clone();
        for layer in &self.layers {
            state = layer.forward(&state, &mask, self.heads)?;
        }
        let sentences = mean(&state, &padded.real)?;
        let words = mean(&words, &padded.real)?;
        let pairs = rows_of(&sentences)?.into_iter().zip(rows_of(&words)?);
        Ok(pairs.map(|(sentence, words)| Embedding { sentence, words }).collect())
    }

    fn padded(&self, batch: &Batch) -> Result<Padded> {
        let texts = batch.spans.len();
        let longest = batch.spans.iter().map(|span| span.len()).max().unwrap_or(0).max(1);
        let (mut tokens, mut real) = (vec![0u32; texts * longest], vec![0.0f32; texts * longest]);
        for (index, span) in batch.spans.iter().enumerate() {
            tokens[index * longest..][..span.len()].copy_from_slice(&batch.tokens[span.clone()]);
            real[index * longest..][..span.len()].fill(1.0);
        }
        Ok(Padded {
            tokens: Tensor::from_vec(tokens, texts * longest, &self.device)?,
            real: Tensor::from_vec(real, (texts, longest), &self.device)?,
            texts,
            longest,
        })
    }
}

/// The mean of the tokens that are real, of length one.
fn mean(state: &Tensor, real: &Tensor) -> Result<Tensor> {
    let sums = state.broadcast_mul(&real.unsqueeze(2)?)?.sum(1)?;
    let lengths = sums.sqr()?.sum_keepdim(1)?.sqrt()?.clamp(1e-12f32, f32::MAX)?;
    sums.broadcast_div(&lengths)
}

impl Linear {
    fn new(linear: checkpoint::Linear, device: &Device) -> Result<Self> {
        let outputs = linear.bias.len();
        let inputs = linear.weight.len() / outputs;
        let weight = Tensor::from_vec(linear.weight, (outputs, inputs), device)?;
        Ok(Self { weight: weight.t()?.contiguous()?, bias: Tensor::from_vec(linear.bias, outputs, device)? })
    }

    fn forward(&self, state: &Tensor) -> Result<Tensor> {
        let (texts, longest, inputs) = state.dims3()?;
        let rows = state.reshape((texts * longest, inputs))?.matmul(&self.weight)?;
        rows.broadcast_add(&self.bias)?.reshape((texts, longest, ()))
    }
}

impl Norm {
    fn new(norm: simd::Norm, device: &Device) -> Result<Self> {
        let width = norm.scale.len();
        Ok(Self {
            scale: Tensor::from_vec(norm.scale, width, device)?,
            shift: Tensor::from_vec(norm.shift, width, device)?,
            epsilon: f64::from(norm.epsilon),
        })
    }

    fn forward(&self, state: &Tensor) -> Result<Tensor> {
        let distance = state.broadcast_sub(&state.mean_keepdim(D::Minus1)?)?;
        let variance = distance.sqr()?.mean_keepdim(D::Minus1)?;
        let scaled = distance.broadcast_div(&(variance + self.epsilon)?.sqrt()?)?;
        scaled.broadcast_mul(&self.scale)?.broadcast_add(&self.shift)
    }
}

impl Layer {
    fn new(block: Block, device: &Device) -> Result<Self> {
        Ok(Self {
            qkv: Linear::new(block.qkv, device)?,
            attended: Linear::new(block.attended, device)?,
            attention_norm: Norm::new(block.attention_norm, device)?,
            up: Linear::new(block.up, device)?,
            down: Linear::new(block.down, device)?,
            norm: Norm::new(block.norm, device)?,
        })
    }

    fn forward(&self, state: &Tensor, mask: &Tensor, heads: usize) -> Result<Tensor> {
        let (texts, longest, hidden) = state.dims3()?;
        let qkv = self.qkv.forward(state)?.reshape((texts, longest, 3, heads, hidden / heads))?;
        let part = |which: usize| qkv.narrow(2, which, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous();
        let scores = part(0)?.matmul(&part(1)?.t()?.contiguous()?)?.broadcast_add(mask)?;
        let powers = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let shares = powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?;
        let mixed = shares.matmul(&part(2)?)?.transpose(1, 2)?.contiguous()?;
        let attended = self.attended.forward(&mixed.reshape((texts, longest, hidden))?)?;
        let state = self.attention_norm.forward(&(attended + state)?)?;
        let inner = self.up.forward(&state)?.to_dtype(DType::F32)?.gelu_erf()?;
        self.norm.forward(&(self.down.forward(&inner)? + &state)?)
    }
}
