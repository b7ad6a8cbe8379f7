//! Sentence encoders of the BERT family, from a folder as the Hugging Face hub lays it out.
//!
//! ```text
//! config.rs      what the model is; refuses what the forward pass does not do
//! checkpoint.rs  model.safetensors to plain numbers, every tensor checked first
//! tokens.rs      the tokenizer, without its padding
//! batch.rs       texts of like length together, within a token budget
//! forward.rs     the forward pass on a CPU: one page
//! ops.rs         its operations, as candle custom operations over `simd`
//! stock.rs       the same in candle's own operations, for other devices
//! ```
//!
//! Nothing here downloads, and nothing is remembered between calls.

mod batch;
mod checkpoint;
mod config;
mod digest;
mod error;
mod forward;
mod ops;
mod stock;
mod tokens;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use error::LoadError;

use self::{batch::Batch, checkpoint::Checkpoint, config::Config, ops::Machine, tokens::Tokens};
use crate::{
    embed::{EmbedError, Embedder, Embedding, Model},
    simd::Isa,
    team::Team,
};

/// Tokens of one forward pass on a CPU: enough to read each weight once for many rows, few enough that what they become
/// stays in the cache of one core.
const TOKENS_AT_ONCE: usize = 384;

/// The same for candle's own operations, whose devices want many rows.
const TOKENS_AT_ONCE_STOCK: usize = 2_048;

/// With fewer tokens for each thread they compute one pass together, so that each reads half of the weights.
const TOKENS_WORTH_A_PASS: usize = 96;

/// Below this many texts, tokenizing on several threads costs more than it saves.
const TEXTS_WORTH_SHARING: usize = 8;

/// The device on which an encoder computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The CPU, with our own packed forward pass.
    #[default]
    Cpu,
    /// The CPU, with candle's own operations: slow, and there to compare with.
    CpuStock,
    /// A CUDA device by its number; only where the program was built with feature `cuda`.
    Cuda(usize),
    /// A Metal device by its number; only where the program was built with feature `metal`.
    Metal(usize),
}

/// How an encoder is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads of its own; the answers do not depend on it.
    pub threads: usize,
    /// The device on which it computes.
    pub device: Device,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, device: Device::Cpu }
    }
}

/// A sentence encoder in memory.
pub struct Encoder {
    model: Model,
    config: Config,
    tokens: Tokens,
    engine: Engine,
    team: Arc<Team>,
    instructions: &'static str,
}

enum Engine {
    Packed(forward::Forward),
    Stock(stock::Forward),
}

impl Encoder {
    /// Loads the model of a folder; its name is the folder's.
    ///
    /// # Errors
    /// [`LoadError`] names the file, the tensor and the shapes; nothing half-loaded is left.
    pub fn load(folder: &Path, options: Options) -> Result<Self, LoadError> {
        Self::load_checked(folder, options, None)
    }

    /// Loads the model of a folder, if its digest is the pinned one.
    ///
    /// # Errors
    /// [`LoadError::Digest`] where the files are others, before anything is built.
    pub fn load_pinned(folder: &Path, options: Options, digest: &str) -> Result<Self, LoadError> {
        Self::load_checked(folder, options, Some(digest))
    }

    fn load_checked(folder: &Path, options: Options, pinned: Option<&str>) -> Result<Self, LoadError> {
        let config_bytes = read(&folder.join(config::CONFIG))?;
        let weights_path = folder.join(checkpoint::WEIGHTS);
        let weights = read(&weights_path)?;
        let tokenizer_path = folder.join(tokens::TOKENIZER);
        let tokenizer = read(&tokenizer_path)?;
        let digest = digest::digest(&[
            (config::CONFIG, &config_bytes),
            (checkpoint::WEIGHTS, &weights),
            (tokens::TOKENIZER, &tokenizer),
        ]);
        if let Some(expected) = pinned.filter(|pinned| *pinned != digest) {
            let (folder, expected) = (folder.to_owned(), expected.to_owned());
            return Err(LoadError::Digest { folder, expected, found: digest });
        }
        let config = Config::read(folder)?;
        let tokens = Tokens::read(&tokenizer_path, &tokenizer, &config)?;
        let checkpoint = Checkpoint::read(&weights_path, &weights, &config)?;
        drop(weights);
        let team = Team::new(options.threads)
            .map_err(|error| LoadError::Device { device: "threads".to_owned(), reason: error.to_string() })?;
        let machine = Machine { isa: Isa::detect(), team: Arc::new(team) };
        let (team, instructions) = (machine.team.clone(), machine.isa.name());
        let engine = Engine::new(checkpoint, &config, machine, options.device)?;
        let name = folder.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy());
        let model = Model { name: name.into_owned(), digest };
        Ok(Self { model, config, tokens, engine, team, instructions })
    }

    /// Returns the tokens of a text that are read at most; the rest is cut off.
    #[must_use]
    pub fn most_tokens(&self) -> usize {
        self.config.most_tokens
    }

    /// Returns how many tokens a text has, up to that limit.
    ///
    /// # Errors
    /// [`EmbedError::Tokenize`].
    pub fn count_tokens(&self, text: &str) -> Result<usize, EmbedError> {
        self.tokens_of(text).map(|tokens| tokens.len())
    }

    /// Returns the vector instructions in use, for people.
    #[must_use]
    pub fn instructions(&self) -> &'static str {
        self.instructions
    }

    fn tokens_of(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        self.tokens.of(text).map_err(|reason| EmbedError::Tokenize {
            model: self.model.name.clone(),
            bytes: text.len(),
            reason,
        })
    }

    fn tokenize(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EmbedError> {
        if texts.len() < TEXTS_WORTH_SHARING {
            return texts.iter().map(|text| self.tokens_of(text)).collect();
        }
        self.team.map(texts, |text| self.tokens_of(text)).into_iter().collect()
    }

    /// Returns one embedding for each list of tokens, which begins and ends with what frames a sentence.
    ///
    /// # Errors
    /// [`EmbedError::Forward`], for all of them: also where a list is too long or a token is not in the vocabulary.
    pub fn embed_tokens(&self, tokens: &[Vec<u32>]) -> Result<Vec<Embedding>, EmbedError> {
        let Config { most_tokens, vocabulary, .. } = self.config;
        let unknown = |id: &u32| *id as usize >= vocabulary;
        if tokens.iter().any(|list| list.len() > most_tokens || list.iter().any(unknown)) {
            let reason = format!("more than {most_tokens} tokens, or one that is not among {vocabulary}");
            return Err(EmbedError::Forward { model: self.model.name.clone(), reason });
        }
        self.embed_all(tokens)
    }

    fn embed_all(&self, tokens: &[Vec<u32>]) -> Result<Vec<Embedding>, EmbedError> {
        let batches = batch::batches(tokens, self.passes(tokens.iter().map(Vec::len).sum()));
        let forward = |batch: &Batch| match &self.engine {
            Engine::Packed(forward) => forward.run(batch),
            Engine::Stock(forward) => forward.run(batch),
        };
        let made: Vec<_> = match &self.engine {
            Engine::Packed(_) => self.team.map(&batches, forward),
            Engine::Stock(_) => batches.iter().map(forward).collect(),
        };
        let mut all = vec![Embedding { sentence: Vec::new(), words: Vec::new() }; tokens.len()];
        for (batch, made) in batches.iter().zip(made) {
            let made = made.map_err(|error| EmbedError::Forward {
                model: self.model.name.clone(),
                reason: error.to_string(),
            })?;
            for (text, embedding) in batch.texts.iter().zip(made) {
                all[*text] = embedding;
            }
        }
        Ok(all)
    }

    /// Returns in how many forward passes so many tokens are computed.
    ///
    /// Threads with a pass each do not wait for one another between its operations; the last pass is shared by all.
    fn passes(&self, tokens: usize) -> usize {
        let threads = self.team.threads();
        match &self.engine {
            Engine::Stock(_) => tokens.div_ceil(TOKENS_AT_ONCE_STOCK).max(1),
            Engine::Packed(_) if tokens < threads * TOKENS_WORTH_A_PASS => 1,
            Engine::Packed(_) => tokens.div_ceil(TOKENS_AT_ONCE).next_multiple_of(threads),
        }
    }
}

impl Embedder for Encoder {
    fn model(&self) -> &Model {
        &self.model
    }

    fn dims(&self) -> usize {
        self.config.hidden
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        self.embed_all(&self.tokenize(texts)?)
    }
}

impl Engine {
    fn new(
        checkpoint: Checkpoint,
        config: &Config,
        machine: Machine,
        device: Device,
    ) -> Result<Self, LoadError> {
        let refused = |error: candle_core::Error| LoadError::Device {
            device: format!("{device:?}"),
            reason: error.to_string(),
        };
        let device = match device {
            Device::Cpu => return Ok(Self::Packed(forward::Forward::new(checkpoint, config, machine))),
            Device::CpuStock => candle_core::Device::Cpu,
            Device::Cuda(number) => candle_core::Device::new_cuda(number).map_err(refused)?,
            Device::Metal(number) => candle_core::Device::new_metal(number).map_err(refused)?,
        };
        stock::Forward::new(checkpoint, config, device).map(Self::Stock).map_err(refused)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let path: PathBuf = path.to_owned();
    match std::fs::read(&path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(LoadError::Missing { path }),
        Err(source) => Err(LoadError::Read { path, source }),
    }
}
