//! The published model: its golden vectors, alone and in batches.
//!
//! The weights are not in the repository: where they have not been pulled these tests fail and say how, unless
//! `ADJUTANT_SKIP_MODELS` is set.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::PathBuf;

use adjutant_models::{Device, Embedder, Encoder, Options};

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
