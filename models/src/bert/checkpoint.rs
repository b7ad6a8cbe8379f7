//! `model.safetensors` to plain numbers: presence, kind and shape of every tensor are checked before anything is built.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::{Dtype, SafeTensors};

use super::{config::Config, error::LoadError};
use crate::simd::Norm;

pub(super) const WEIGHTS: &str = "model.safetensors";

/// A layer that multiplies: a row of `inputs` numbers and a bias for each output.
pub(super) struct Linear {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// One block of the encoder.
pub(super) struct Block {
    /// Queries (scaled), keys and values on top of one another.
    pub(super) qkv: Linear,
    pub(super) attended: Linear,
    pub(super) attention_norm: Norm,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) norm: Norm,
}

/// All numbers of an encoder.
pub(super) struct Checkpoint {
    pub(super) words: Vec<f32>,
    pub(super) positions: Vec<f32>,
    /// The vector of the first token type: a text alone has no other.
    pub(super) kind: Vec<f32>,
    pub(super) norm: Norm,
    pub(super) blocks: Vec<Block>,
}

impl Checkpoint {
    /// Reads the weights of a model from the bytes of its file.
    pub(super) fn read(path: &Path, bytes: &[u8], config: &Config) -> Result<Self, LoadError> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| LoadError::Corrupt { path: path.to_owned(), reason: error.to_string() })?;
        let has_prefix = tensors.tensor("bert.embeddings.word_embeddings.weight").is_ok();
        let file = File { path, tensors, prefix: if has_prefix { "bert." } else { "" }, config };
        file.check_all()?;
        let hidden = config.hidden;
        let kinds = file.numbers("embeddings.token_type_embeddings.weight")?;
        Ok(Self {
            words: file.numbers("embeddings.word_embeddings.weight")?,
            positions: file.numbers("embeddings.position_embeddings.weight")?,
            kind: kinds[..hidden].to_vec(),
            norm: file.norm("embeddings.LayerNorm")?,
            blocks: (0..config.layers).map(|layer| file.block(layer)).collect::<Result<_, _>>()?,
        })
    }
}

/// A tensor that a model of this kind has.
struct Expected {
    name: String,
    shape: Vec<usize>,
}

impl Expected {
    fn of(name: impl Into<String>, shape: Vec<usize>) -> Self {
        Self { name: name.into(), shape }
    }
}

struct File<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
    prefix: &'static str,
    config: &'a Config,
}

impl File<'_> {
    /// Every tensor that the forward pass reads.
    fn expected(&self) -> Vec<Expected> {
        let Config { hidden, inner, positions, types, vocabulary, .. } = *self.config;
        let mut all = vec![
            Expected::of("embeddings.word_embeddings.weight", vec![vocabulary, hidden]),
            Expected::of("embeddings.position_embeddings.weight", vec![positions, hidden]),
            Expected::of("embeddings.token_type_embeddings.weight", vec![types, hidden]),
        ];
        let norm = |name: String| {
            ["weight", "bias"].map(|part| Expected::of(format!("{name}.{part}"), vec![hidden]))
        };
        all.extend(norm("embeddings.LayerNorm".to_owned()));
        for layer in 0..self.config.layers {
            let block = format!("encoder.layer.{layer}");
            let linears = [
                ("attention.self.query", hidden, hidden),
                ("attention.self.key", hidden, hidden),
                ("attention.self.value", hidden, hidden),
                ("attention.output.dense", hidden, hidden),
                ("intermediate.dense", inner, hidden),
                ("output.dense", hidden, inner),
            ];
            for (name, outputs, inputs) in linears {
                all.push(Expected::of(format!("{block}.{name}.weight"), vec![outputs, inputs]));
                all.push(Expected::of(format!("{block}.{name}.bias"), vec![outputs]));
            }
            all.extend(norm(format!("{block}.attention.output.LayerNorm")));
            all.extend(norm(format!("{block}.output.LayerNorm")));
        }
        all
    }

    fn check_all(&self) -> Result<(), LoadError> {
        self.expected().into_iter().try_for_each(|expected| self.check(expected))
    }

    fn check(&self, expected: Expected) -> Result<(), LoadError> {
        let Expected { name, shape: expected } = expected;
        let tensor = format!("{}{name}", self.prefix);
        let path = self.path.to_owned();
        let Ok(view) = self.tensors.tensor(&tensor) else {
            return Err(LoadError::MissingTensor { path, tensor, expected });
        };
        if !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Err(LoadError::Numbers { path, tensor, found: format!("{:?}", view.dtype()) });
        }
        if view.shape() != expected {
            return Err(LoadError::Shape { path, tensor, expected, found: view.shape().to_vec() });
        }
        Ok(())
    }

    fn numbers(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        let tensor = format!("{}{name}", self.prefix);
        let corrupt = |reason: String| LoadError::Corrupt { path: self.path.to_owned(), reason };
        let view = self.tensors.tensor(&tensor).map_err(|error| corrupt(error.to_string()))?;
        let kind = match view.dtype() {
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            _ => DType::F32,
        };
        let numbers = Tensor::from_raw_buffer(view.data(), kind, view.shape(), &Device::Cpu)
            .and_then(|stored| stored.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>())
            .map_err(|error| corrupt(format!("tensor \"{tensor}\": {error}")))?;
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(index) => Err(LoadError::NotFinite { path: self.path.to_owned(), tensor, index }),
            None => Ok(numbers),
        }
    }

    fn linear(&self, name: &str) -> Result<Linear, LoadError> {
        let weight = self.numbers(&format!("{name}.weight"))?;
        Ok(Linear { weight, bias: self.numbers(&format!("{name}.bias"))? })
    }

    fn norm(&self, name: &str) -> Result<Norm, LoadError> {
        let scale = self.numbers(&format!("{name}.weight"))?;
        let shift = self.numbers(&format!("{name}.bias"))?;
        Ok(Norm { scale, shift, epsilon: self.config.epsilon })
    }

    fn block(&self, layer: usize) -> Result<Block, LoadError> {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let mut qkv = self.linear(&name("attention.self.query"))?;
        #[expect(clippy::cast_precision_loss, reason = "a head has a few hundred numbers at most")]
        let scale = 1.0 / (self.config.head_width() as f32).sqrt();
        qkv.weight.iter_mut().chain(&mut qkv.bias).for_each(|number| *number *= scale);
        for part in ["attention.self.key", "attention.self.value"] {
            let linear = self.linear(&name(part))?;
            qkv.weight.extend(linear.weight);
            qkv.bias.extend(linear.bias);
        }
        Ok(Block {
            qkv,
            attended: self.linear(&name("attention.output.dense"))?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            up: self.linear(&name("intermediate.dense"))?,
            down: self.linear(&name("output.dense"))?,
            norm: self.norm(&name("output.LayerNorm"))?,
        })
    }
}
