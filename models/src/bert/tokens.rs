//! The tokenizer of a model, without what its file says about padding.

use std::path::Path;

use tokenizers::{Tokenizer, TruncationParams};

use super::{config::Config, error::LoadError};

pub(super) const TOKENIZER: &str = "tokenizer.json";

/// Vocabularies are rounded up to these, so that a matrix is easier to multiply.
const ROUNDINGS: [usize; 4] = [1, 8, 64, 128];

/// Turns texts into the numbers of their tokens.
pub(super) struct Tokens(Tokenizer);

impl Tokens {
    /// Reads a tokenizer and checks that it belongs to the model.
    ///
    /// The published file pads every text to 128 tokens and cuts there; both are wrong for single messages.
    pub(super) fn read(path: &Path, bytes: &[u8], config: &Config) -> Result<Self, LoadError> {
        let unusable = |error: tokenizers::Error| LoadError::Tokenizer {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(unusable)?;
        let size = tokenizer.get_vocab_size(true);
        let highest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0) as usize;
        let is_its_own =
            ROUNDINGS.iter().any(|rounding| size.next_multiple_of(*rounding) == config.vocabulary);
        if !is_its_own || highest >= config.vocabulary {
            let (expected, found) = (config.vocabulary, size.max(highest + 1));
            return Err(LoadError::Vocabulary { path: path.to_owned(), expected, found });
        }
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: config.most_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(unusable)?;
        Ok(Self(tokenizer))
    }

    /// Returns the numbers of a text's tokens, or what the tokenizer said.
    pub(super) fn of(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding = self.0.encode_fast(text, true).map_err(|error| error.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }
}
