//! The published model: its golden vectors, alone and in batches.
//!
//! The weights are not in the repository: where they have not been pulled these tests fail and say how, unless
//! `ADJUTANT_SKIP_MODELS` is set.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::PathBuf;

use adjutant_models::{Device, Embedder, Encoder, Options};
use sha2::Digest;

const NAME: &str = "all-MiniLM-L6-v2";

fn folder() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home folder"));
    let models = std::env::var_os("ADJUTANT_MODELS").map(PathBuf::from);
    let models =
        models.unwrap_or_else(|| cache.unwrap_or_else(|| home().join(".cache")).join("adjutant/models"));
    let folder = models.join(NAME);
    if folder.is_dir() {
        return Some(folder);
    }
    let is_skipped = std::env::var_os("ADJUTANT_SKIP_MODELS").is_some();
    assert!(is_skipped, "\"{}\" is missing: run `adjutant models pull {NAME}`", folder.display());
    println!("skipped: no model at \"{}\"", folder.display());
    None
}

fn encoder(threads: usize, device: Device) -> Option<Encoder> {
    Some(Encoder::load(&folder()?, Options { threads, device }).expect("the model loads"))
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let product = |left: &[f32], right: &[f32]| -> f64 {
        left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
    };
    product(left, right) / (product(left, left) * product(right, right)).sqrt()
}

#[test]
fn first_numbers_are_the_published_ones() {
    let Some(encoder) = encoder(2, Device::Cpu) else { return };
    let all =
        encoder.embed(&["This is an example sentence", "Each sentence is converted"]).expect("two vectors");
    let expected = [0.067_656_91, 0.063_495_94, 0.048_713_14, 0.079_305_05, 0.037_448_03];
    for (found, expected) in all[0].sentence.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    assert!((cosine(&all[0].sentence, &all[1].sentence) - 0.404_56).abs() < 1e-5);
}

/// One line of the golden file: what PyTorch in single precision, summed in double, makes of a text; the numbers are
/// in ten thousandths.
#[derive(serde::Deserialize)]
struct Golden {
    text: String,
    tokens: usize,
    sentence: Vec<f32>,
    words: Vec<f32>,
}

fn golden() -> Vec<Golden> {
    let lines = include_str!("golden/minilm.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).expect("a golden line")).collect()
}

#[test]
fn vectors_are_those_of_an_independent_implementation() {
    let Some(encoder) = encoder(2, Device::Cpu) else { return };
    let golden = golden();
    assert!(golden.len() >= 20);
    let texts: Vec<&str> = golden.iter().map(|line| line.text.as_str()).collect();
    for (line, found) in golden.iter().zip(encoder.embed(&texts).expect("vectors")) {
        let text: String = line.text.chars().take(40).collect();
        assert_eq!(encoder.count_tokens(&line.text).expect("tokens"), line.tokens, "tokens of \"{text}\"");
        assert!(cosine(&found.sentence, &line.sentence) >= 0.999_99, "sentence of \"{text}\"");
        assert!(cosine(&found.words, &line.words) >= 0.999_99, "words of \"{text}\"");
    }
}

#[test]
fn published_model_gives_the_same_bits_in_a_batch_and_agrees_with_candles_own_operations() {
    let Some(ours) = encoder(2, Device::Cpu) else { return };
    let Some(stock) = encoder(2, Device::CpuStock) else { return };
    // candle's operations pad to the longest: a few long texts would make this a test of patience.
    let golden: Vec<Golden> = golden().into_iter().filter(|line| line.tokens < 64).collect();
    let texts: Vec<&str> = golden.iter().map(|line| line.text.as_str()).collect();
    let together = ours.embed(&texts).expect("vectors");
    let expected = stock.embed(&texts).expect("vectors");
    for ((text, together), expected) in texts.iter().zip(&together).zip(&expected) {
        assert!(ours.embed(&[text]).expect("a vector")[0] == *together, "alone and together: \"{text}\"");
        assert!(cosine(&together.sentence, &expected.sentence) >= 0.999_99, "\"{text}\"");
    }
}

#[test]
fn digest_is_the_pinned_one() {
    let Some(encoder) = encoder(1, Device::Cpu) else { return };
    // Over the files of revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41 as the hub publishes them.
    let lines = "config.json 953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41\n\
        model.safetensors 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db\n\
        tokenizer.json be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037\n";
    let digest: String = sha2::Sha256::digest(lines).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(encoder.model().digest, format!("sha256:{digest}"));
    assert_eq!(encoder.model().name, NAME);
}
