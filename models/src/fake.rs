//! An embedder for tests: no model file, the same vectors everywhere, and texts that share words are near each other.

use crate::embed::{EmbedError, Embedder, Embedding, Model};

const DIMS: usize = 64;

/// Each word and each pair of neighbours adds one signed unit somewhere, chosen by its digest.
#[derive(Debug, Clone)]
pub struct FakeEmbedder {
    model: Model,
}

impl FakeEmbedder {
    /// Returns an embedder that calls itself so; another name is another model, with other vectors.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let digest = format!("sha256:{}", blake3::hash(name.as_bytes()).to_hex());
        Self { model: Model { name: name.to_owned(), digest } }
    }

    fn sum(&self, parts: impl Iterator<Item = String>) -> Vec<f32> {
        let mut sum = vec![0.0f32; DIMS];
        for part in parts {
            let digest = blake3::hash(format!("{}\0{part}", self.model.digest).as_bytes());
            let bytes = digest.as_bytes();
            sum[usize::from(bytes[0]) % DIMS] += if bytes[1] < 128 { 1.0 } else { -1.0 };
        }
        let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
        if length > 0.0 {
            sum.iter_mut().for_each(|number| *number /= length);
        }
        sum
    }
}

impl Default for FakeEmbedder {
    fn default() -> Self {
        Self::new("fake")
    }
}

impl Embedder for FakeEmbedder {
    fn model(&self) -> &Model {
        &self.model
    }

    fn dims(&self) -> usize {
        DIMS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        let embedding = |text: &&str| {
            let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
            let words: Vec<String> = words.map(str::to_lowercase).collect();
            let pairs = words.windows(2).map(|pair| pair.join(" "));
            Embedding {
                sentence: self.sum(words.iter().cloned().chain(pairs)),
                words: self.sum(words.iter().cloned()),
            }
        };
        Ok(texts.iter().map(embedding).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(left: &str, right: &str) -> f32 {
        let all = FakeEmbedder::default().embed(&[left, right]).unwrap();
        all[0].sentence.iter().zip(&all[1].sentence).map(|(left, right)| left * right).sum()
    }

    #[test]
    fn texts_that_share_words_are_nearer_than_texts_that_do_not() {
        let near = likeness("please send the invoice today", "please send the invoice again");
        let far = likeness("please send the invoice today", "our website shows an error");
        assert!(near > far + 0.3, "{near} {far}");
    }

    #[test]
    fn a_text_without_words_is_all_zero_and_others_have_length_one() {
        let all = FakeEmbedder::default().embed(&["", "one word"]).unwrap();
        assert!(all[0].sentence.iter().chain(&all[0].words).all(|number| *number == 0.0));
        let length: f32 = all[1].sentence.iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-6);
    }

    #[test]
    fn another_name_is_another_model() {
        let (one, two) = (FakeEmbedder::new("one"), FakeEmbedder::new("two"));
        assert_ne!(one.model(), two.model());
        assert_ne!(one.embed(&["a word"]).unwrap(), two.embed(&["a word"]).unwrap());
    }
}
