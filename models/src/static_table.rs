//! A table of word vectors inside the binary: it answers where no model was pulled, and embeds in bulk.
//!
//! Each entry of MiniLM's vocabulary went through MiniLM once, alone; a text is the mean of its words' rows. That is the
//! recipe of model2vec (<https://github.com/MinishLab/model2vec>); `examples/distill.rs` is the program that follows it and
//! says what is kept of each row. It knows words, not sentences: it finds duplicates and near duplicates, and is some points
//! worse than MiniLM wherever the order of words matters.

use std::sync::{Arc, LazyLock};

use rayon::prelude::*;
use safetensors::SafeTensors;
use tokenizers::Tokenizer;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

use crate::{EmbedError, Embedder, Embedding, Model};

static TABLE: &[u8] = include_bytes!("../assets/static-minilm-256/table.safetensors");
static VOCABULARY: &[u8] = include_bytes!("../assets/static-minilm-256/vocab.txt");

/// The name under which its vectors are kept.
const NAME: &str = "static-minilm-256";

/// SHA-256 over the lines "<file> <sha256>" of the two files above; a test compares.
const DIGEST: &str = "sha256:726d9b24bacae40b6f57f45534c8c3ce4daa2bd1cdbfa194fd1e370607ef08fe";

/// Fewer texts than this are done before other threads have woken up.
const WORTH_SHARING: usize = 64;

/// Word vectors: one row of small integers and one scale for each entry of the vocabulary.
pub struct StaticTable {
    model: Model,
    tokenizer: Tokenizer,
    /// Of all words, row after row; the bytes are signed.
    rows: &'static [u8],
    /// What one unit of a row is worth; the weight of the word is in it.
    scales: Vec<f32>,
    dims: usize,
}

impl std::fmt::Debug for StaticTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaticTable").field("model", &self.model).field("words", &self.scales.len()).finish()
    }
}

impl StaticTable {
    /// Returns the table that is part of the program; it is unpacked once, at the first call.
    #[must_use]
    pub fn built_in() -> Arc<Self> {
        static BUILT_IN: LazyLock<Arc<StaticTable>> = LazyLock::new(|| {
            Arc::new(StaticTable::unpack().expect("the committed table is whole: a test unpacks it"))
        });
        Arc::clone(&BUILT_IN)
    }

    fn unpack() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let table = SafeTensors::deserialize(TABLE)?;
        let (rows, scales) = (table.tensor("rows")?, table.tensor("scales")?);
        let scales: Vec<f32> = scales
            .data()
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        let dims = rows.data().len() / scales.len();
        let model = Model { name: NAME.to_owned(), digest: DIGEST.to_owned() };
        Ok(StaticTable { model, tokenizer: tokenizer()?, rows: rows.data(), scales, dims })
    }

    fn one(&self, text: &str) -> Result<Embedding, EmbedError> {
        let refused = |error: tokenizers::Error| EmbedError::Tokenize {
            model: self.model.name.clone(),
            bytes: text.len(),
            reason: error.to_string(),
        };
        let words = self.tokenizer.encode_fast(text, false).map_err(refused)?;
        let mut sum = vec![0.0f32; self.dims];
        for id in words.get_ids() {
            self.add_row(*id as usize, &mut sum);
        }
        // The mean and the sum have the same direction, which is all that is kept.
        normalise(&mut sum);
        Ok(Embedding { sentence: sum, words: Vec::new() })
    }

    fn add_row(&self, id: usize, sum: &mut [f32]) {
        let (row, scale) = (&self.rows[id * self.dims..][..self.dims], self.scales[id]);
        for (total, value) in sum.iter_mut().zip(row) {
            *total += f32::from(value.cast_signed()) * scale;
        }
    }
}

impl Embedder for StaticTable {
    fn model(&self) -> &Model {
        &self.model
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        if texts.len() < WORTH_SHARING {
            return texts.iter().map(|text| self.one(text)).collect();
        }
        texts.par_iter().map(|text| self.one(text)).collect()
    }
}

/// Returns MiniLM's own tokenizer without what frames a sentence: lower case, no accents, words cut into known pieces.
fn tokenizer() -> tokenizers::Result<Tokenizer> {
    let pieces = WordPiece::builder().vocab(WordPiece::read_bytes(VOCABULARY)?).build()?;
    let mut tokenizer = Tokenizer::new(pieces);
    tokenizer.with_normalizer(Some(BertNormalizer::default()))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    Ok(tokenizer)
}

fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use sha2::{Digest, Sha256};

    use super::*;

    fn vector(text: &str) -> Vec<f32> {
        StaticTable::built_in().embed(&[text]).expect("a vector").remove(0).sentence
    }

    fn similarity(a: &str, b: &str) -> f32 {
        vector(a).iter().zip(vector(b)).map(|(a, b)| a * b).sum()
    }

    fn sha256(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes it");
            hex
        })
    }

    #[test]
    fn the_committed_table_has_its_pinned_digest() {
        let lines = format!("table.safetensors {}\nvocab.txt {}\n", sha256(TABLE), sha256(VOCABULARY));
        assert_eq!(StaticTable::built_in().model().digest, format!("sha256:{}", sha256(lines.as_bytes())));
    }

    #[test]
    fn a_vector_has_length_one_and_no_words_have_none() {
        let length = |text| vector(text).iter().map(|value| value * value).sum::<f32>();
        assert_eq!(StaticTable::built_in().dims(), 256);
        assert!((length("Please send me the invoice for October again.") - 1.0).abs() < 1e-5);
        assert_eq!([length(""), length(" \n"), length("\u{1f9ff}")], [0.0; 3]);
    }

    #[test]
    fn case_accents_and_spaces_change_nothing() {
        assert_eq!(vector("Café  MENU!"), vector("cafe menu !"));
        assert_ne!(vector("cafe menu"), vector("cafe bill"));
    }

    #[test]
    fn what_means_the_same_is_nearer_than_another_matter() {
        let triples = [
            (
                "send me the invoice again",
                "can i get another copy of the bill",
                "send me the weather forecast",
            ),
            ("cancel my subscription", "i want to unsubscribe", "play my favourite song"),
            ("the delivery is late", "my package has not arrived", "the soup needs more salt"),
            ("how much does it cost", "what is the price", "who wrote this song"),
            ("book a flight to berlin", "plane tickets for germany", "read a book to children"),
        ];
        for (text, same, other) in triples {
            assert!(similarity(text, same) > similarity(text, other) + 0.05, "{text}: {same}, not {other}");
        }
    }

    #[test]
    fn a_text_has_the_same_vector_alone_and_in_a_batch() {
        let texts: Vec<String> = (0..200).map(|at| format!("order {at} came {} days late", at % 9)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let batch = StaticTable::built_in().embed(&texts).expect("vectors");
        for (text, embedding) in texts.iter().zip(batch) {
            assert_eq!(embedding.sentence, vector(text), "{text}");
        }
    }

    #[test]
    fn a_row_belongs_to_each_entry_of_the_vocabulary() {
        let table = StaticTable::built_in();
        let entries = VOCABULARY.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!((table.scales.len(), table.rows.len()), (entries, entries * 256));
    }
}
