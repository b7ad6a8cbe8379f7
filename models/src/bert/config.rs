//! What the model's own files say about it, read strictly: a word that would change the arithmetic is refused.

use std::path::Path;

use serde::Deserialize;

use super::error::LoadError;

pub(super) const CONFIG: &str = "config.json";
const POOLING: &str = "1_Pooling/config.json";
const MODULES: &str = "modules.json";
const SENTENCE: &str = "sentence_bert_config.json";

/// `config.json`, as far as the forward pass needs it.
#[derive(Debug, Clone, Deserialize)]
struct RawConfig {
    model_type: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    vocab_size: usize,
    hidden_act: String,
    #[serde(default = "layer_norm_eps")]
    layer_norm_eps: f64,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

fn layer_norm_eps() -> f64 {
    1e-12
}

#[derive(Deserialize)]
struct Pooling {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Sentence {
    max_seq_length: Option<usize>,
}

/// The shape of an encoder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Config {
    pub(super) hidden: usize,
    pub(super) inner: usize,
    pub(super) heads: usize,
    pub(super) layers: usize,
    pub(super) positions: usize,
    pub(super) types: usize,
    pub(super) vocabulary: usize,
    pub(super) epsilon: f32,
    /// Tokens of a text that are read; the rest is cut off.
    pub(super) most_tokens: usize,
}

impl Config {
    /// Reads and checks the files of a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, LoadError> {
        let raw: RawConfig = required(folder, CONFIG)?;
        raw.check()?;
        check_pooling(folder)?;
        check_modules(folder)?;
        let sentence: Option<Sentence> = optional(folder, SENTENCE)?;
        let limit =
            sentence.and_then(|sentence| sentence.max_seq_length).unwrap_or(raw.max_position_embeddings);
        if limit < 2 {
            return Err(refused(SENTENCE, "max_seq_length", "at least 2", limit));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a small number; its last digits do not matter")]
        let epsilon = raw.layer_norm_eps as f32;
        Ok(Self {
            hidden: raw.hidden_size,
            inner: raw.intermediate_size,
            heads: raw.num_attention_heads,
            layers: raw.num_hidden_layers,
            positions: raw.max_position_embeddings,
            types: raw.type_vocab_size,
            vocabulary: raw.vocab_size,
            epsilon,
            most_tokens: limit.min(raw.max_position_embeddings),
        })
    }

    /// Returns the numbers of one head.
    pub(super) fn head_width(&self) -> usize {
        self.hidden / self.heads
    }
}

impl RawConfig {
    fn check(&self) -> Result<(), LoadError> {
        if self.model_type != "bert" {
            return Err(refused(CONFIG, "model_type", "bert", &self.model_type));
        }
        if self.hidden_act != "gelu" {
            return Err(refused(CONFIG, "hidden_act", "gelu", &self.hidden_act));
        }
        if let Some(kind) = self.position_embedding_type.as_deref().filter(|kind| *kind != "absolute") {
            return Err(refused(CONFIG, "position_embedding_type", "absolute", kind));
        }
        if self.is_decoder {
            return Err(refused(CONFIG, "is_decoder", "false", true));
        }
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.num_attention_heads),
            ("num_hidden_layers", self.num_hidden_layers),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
            ("vocab_size", self.vocab_size),
        ];
        if let Some((field, size)) = sizes.into_iter().find(|(_, size)| !(1..=1_000_000).contains(size)) {
            return Err(refused(CONFIG, field, "between 1 and 1,000,000", size));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let expected = format!("a divisor of hidden_size {}", self.hidden_size);
            return Err(refused(CONFIG, "num_attention_heads", expected, self.num_attention_heads));
        }
        if !(self.layer_norm_eps >= 0.0 && self.layer_norm_eps < 1.0) {
            return Err(refused(CONFIG, "layer_norm_eps", "between 0 and 1", self.layer_norm_eps));
        }
        Ok(())
    }
}

/// Sentence vectors are means over the tokens; a model that was trained otherwise would be wrong without a sign of it.
fn check_pooling(folder: &Path) -> Result<(), LoadError> {
    let Some(pooling) = optional::<Pooling>(folder, POOLING)? else { return Ok(()) };
    let others = [
        ("pooling_mode_cls_token", pooling.pooling_mode_cls_token),
        ("pooling_mode_max_tokens", pooling.pooling_mode_max_tokens),
        ("pooling_mode_mean_sqrt_len_tokens", pooling.pooling_mode_mean_sqrt_len_tokens),
        ("pooling_mode_weightedmean_tokens", pooling.pooling_mode_weightedmean_tokens),
        ("pooling_mode_lasttoken", pooling.pooling_mode_lasttoken),
    ];
    if let Some((field, _)) = others.into_iter().find(|(_, is_set)| *is_set) {
        return Err(refused(POOLING, field, "false", true));
    }
    if !pooling.pooling_mode_mean_tokens {
        return Err(refused(POOLING, "pooling_mode_mean_tokens", "true", false));
    }
    Ok(())
}

fn check_modules(folder: &Path) -> Result<(), LoadError> {
    let modules: Vec<Module> = optional(folder, MODULES)?.unwrap_or_default();
    let known = ["Transformer", "Pooling", "Normalize"];
    let stranger =
        modules.iter().find(|module| !known.contains(&module.kind.rsplit('.').next().unwrap_or("")));
    match stranger {
        Some(module) => Err(refused(MODULES, "type", known.join(", "), &module.kind)),
        None => Ok(()),
    }
}

fn refused(file: &str, field: &'static str, expected: impl ToString, found: impl ToString) -> LoadError {
    LoadError::Unsupported {
        file: file.to_owned(),
        field,
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

fn required<T: for<'a> Deserialize<'a>>(folder: &Path, file: &str) -> Result<T, LoadError> {
    optional(folder, file)?.ok_or_else(|| LoadError::Missing { path: folder.join(file) })
}

fn optional<T: for<'a> Deserialize<'a>>(folder: &Path, file: &str) -> Result<Option<T>, LoadError> {
    let path = folder.join(file);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LoadError::Read { path, source }),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| LoadError::Json { path, source })
}
