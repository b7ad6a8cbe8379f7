//! The forward pass on a CPU: one page.
//!
//! The tokens of all texts of a batch lie one after another in one matrix of `tokens x hidden`, so nothing is padded
//! and nothing is masked; only attention looks at where a text begins and ends.
//!
//! ```text
//! tokens ─ embed ─┬─ qkv ─ attend ─ dense ─ add + norm ─┬─ up + GELU ─ down ─ add + norm ─┐ x layers ─ mean ─ sentence
//!                 ├───────────────────────── residual ──┘ └──────────────── residual ─────┘
//!                 └─ mean ─ words
//! ```

use candle_core::{Device, Result, Tensor};

use super::{
    batch::Batch,
    checkpoint::{Block, Checkpoint},
    config::Config,
    ops::{AddNorm, Attend, Embed, Linear, Machine, MeanPool, Spans, rows_of},
};
use crate::{embed::Embedding, simd::Activation};

/// An encoder whose weights lie packed for this CPU.
pub(super) struct Forward {
    embed: Embed,
    layers: Vec<Layer>,
    heads: usize,
    machine: Machine,
}

struct Layer {
    qkv: Linear,
    attended: Linear,
    attention_norm: AddNorm,
    up: Linear,
    down: Linear,
    norm: AddNorm,
}

impl Forward {
    /// Packs the weights.
    pub(super) fn new(mut checkpoint: Checkpoint, config: &Config, machine: Machine) -> Self {
        let embed = Embed::new(&mut checkpoint, &machine);
        let layers = checkpoint.blocks.into_iter().map(|block| Layer::new(block, &machine)).collect();
        Self { embed, layers, heads: config.heads, machine }
    }

    /// Returns an embedding for each sequence of the batch.
    pub(super) fn run(&self, batch: &Batch) -> Result<Vec<Embedding>> {
        let tokens = Tensor::new(batch.tokens.as_slice(), &Device::Cpu)?;
        let positions = Tensor::new(batch.positions.as_slice(), &Device::Cpu)?;
        let words = self.embed.forward(&tokens, &positions)?;
        let mut state = words.clone();
        for layer in &self.layers {
            state = self.layer(layer, &state, &batch.spans)?;
        }
        let pool = MeanPool(&batch.spans);
        let sentences = rows_of(&state.apply_op1_no_bwd(&pool)?)?;
        let words = rows_of(&words.apply_op1_no_bwd(&pool)?)?;
        Ok(sentences.into_iter().zip(words).map(|(sentence, words)| Embedding { sentence, words }).collect())
    }

    fn layer(&self, layer: &Layer, state: &Tensor, spans: &Spans) -> Result<Tensor> {
        let attend = Attend { heads: self.heads, spans, machine: &self.machine };
        let attended = layer.qkv.forward(state)?.apply_op1_no_bwd(&attend)?;
        let state = layer.attention_norm.forward(&layer.attended.forward(&attended)?, state)?;
        let inner = layer.up.forward(&state)?;
        layer.norm.forward(&layer.down.forward(&inner)?, &state)
    }
}

impl Layer {
    fn new(block: Block, machine: &Machine) -> Self {
        Self {
            qkv: Linear::new(&block.qkv, Activation::None, machine),
            attended: Linear::new(&block.attended, Activation::None, machine),
            attention_norm: AddNorm::new(block.attention_norm, machine),
            up: Linear::new(&block.up, Activation::Gelu, machine),
            down: Linear::new(&block.down, Activation::None, machine),
            norm: AddNorm::new(block.norm, machine),
        }
    }
}
