//! Makes the table of word vectors that is part of the binary: `cargo run --example distill -- MODEL_FOLDER ASSET_FOLDER`.
//!
//! The recipe is model2vec's (<https://github.com/MinishLab/model2vec>): each entry of the vocabulary goes through the model
//! alone, as `[CLS] entry [SEP]`; principal components keep 256 of its numbers; frequent words are weighed down by
//! a / (a + p), smooth inverse frequency, with p by Zipf's law from the rank in the vocabulary, which is sorted by frequency.
//! Ours differs in three points: a vector has length 1 before the components are taken (it was 0.4 points better on held-out
//! intents), entries that no text can contain take no part, and a row is kept as 256 bytes and one scale.
//!
//! The same model on the same machine gives the same bytes.
#![expect(clippy::print_stderr, reason = "a program for the terminal")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use adjutant_models::{Encoder, Options};
use safetensors::tensor::{Dtype, TensorView};

/// How many components are kept: they hold 95 % of the variance.
const DIMS: usize = 256;

/// What model2vec uses, from the paper of smooth inverse frequency.
const SIF: f64 = 1e-4;

/// How many entries go through the model at once.
const BATCH: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, assets] = arguments.as_slice() else {
        return Err("usage: distill MODEL_FOLDER ASSET_FOLDER".into());
    };
    let vocabulary = fs::read_to_string(Path::new(model).join("vocab.txt"))?;
    let words: Vec<&str> = vocabulary.lines().collect();
    let vectors = vectors(Path::new(model), &words)?;
    let used: Vec<usize> = (0..words.len()).filter(|id| can_occur(words[*id])).collect();
    let Components { mean, axes } = components(&vectors, &used);
    let mut rows = vec![0i8; words.len() * DIMS];
    let mut scales = vec![0.0f32; words.len()];
    let harmonic: f64 = (0..used.len()).map(zipf).sum();
    for (rank, id) in used.iter().enumerate() {
        let weight = SIF / (SIF + zipf(rank) / harmonic);
        let row = projected(&vectors[*id], &mean, &axes, weight);
        scales[*id] = quantise(&row, &mut rows[id * DIMS..][..DIMS]);
    }
    write(Path::new(assets), &vocabulary, &rows, &scales)
}

/// Returns one vector of length 1 for each entry of the vocabulary.
fn vectors(folder: &Path, words: &[&str]) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let encoder = Encoder::load(folder, Options::default())?;
    let id = |name: &str| {
        words.iter().position(|word| *word == name).ok_or(format!("the vocabulary lacks {name}"))
    };
    let (begin, end) = (u32::try_from(id("[CLS]")?)?, u32::try_from(id("[SEP]")?)?);
    let ids: Vec<u32> = (0..u32::try_from(words.len())?).collect();
    let mut vectors = Vec::with_capacity(words.len());
    for some in ids.chunks(BATCH) {
        let framed: Vec<Vec<u32>> = some.iter().map(|id| vec![begin, *id, end]).collect();
        vectors.extend(encoder.embed_tokens(&framed)?.into_iter().map(|embedding| embedding.sentence));
    }
    Ok(vectors)
}

/// Returns whether a tokenizer cuts any text into this entry.
fn can_occur(word: &str) -> bool {
    !(word.starts_with("[unused") || ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].contains(&word))
}

/// Returns how often the word of a rank occurs, up to a factor.
fn zipf(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0)
}

/// Where vectors lie, and how they vary.
struct Components {
    mean: Vec<f64>,
    /// The directions in which they vary most, the widest first.
    axes: Vec<Vec<f64>>,
}

/// Returns the components of the used vectors.
fn components(vectors: &[Vec<f32>], used: &[usize]) -> Components {
    let dims = vectors[0].len();
    let mut mean = vec![0.0; dims];
    for id in used {
        add(&mut mean, &vectors[*id], 1.0 / used.len() as f64);
    }
    let mut covariance = vec![vec![0.0; dims]; dims];
    for id in used {
        let centred: Vec<f64> =
            vectors[*id].iter().zip(&mean).map(|(value, mean)| f64::from(*value) - mean).collect();
        for (row, left) in covariance.iter_mut().zip(&centred) {
            row.iter_mut().zip(&centred).for_each(|(sum, right)| *sum += left * right);
        }
    }
    let mut found = eigen(covariance);
    found.sort_by(|a, b| b.variance.total_cmp(&a.variance));
    let all: f64 = found.iter().map(|one| one.variance).sum();
    let kept: f64 = found.iter().take(DIMS).map(|one| one.variance).sum();
    eprintln!("{DIMS} components hold {:.1} % of the variance", 100.0 * kept / all);
    Components { mean, axes: found.into_iter().take(DIMS).map(|one| one.axis).collect() }
}

fn add(sum: &mut [f64], vector: &[f32], factor: f64) {
    sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += factor * f64::from(*value));
}

/// A direction, and how much varies along it.
struct Eigen {
    variance: f64,
    axis: Vec<f64>,
}

/// Returns eigenvalues and eigenvectors of a symmetric matrix by Jacobi's rotations: slow, short and exact enough.
fn eigen(mut matrix: Vec<Vec<f64>>) -> Vec<Eigen> {
    let size = matrix.len();
    let mut axes: Vec<Vec<f64>> =
        (0..size).map(|at| (0..size).map(|to| f64::from(u8::from(at == to))).collect()).collect();
    let trace: f64 = (0..size).map(|at| matrix[at][at]).sum();
    loop {
        let mut rest = 0.0;
        for p in 0..size {
            for q in p + 1..size {
                rest += matrix[p][q] * matrix[p][q];
                rotate(&mut matrix, &mut axes, p, q);
            }
        }
        if rest.sqrt() < 1e-12 * trace {
            break;
        }
    }
    let found = axes.into_iter().map(pointing_up).enumerate();
    found.map(|(at, axis)| Eigen { variance: matrix[at][at], axis }).collect()
}

/// Makes the element at (p, q) zero; row k of `axes` becomes the k-th eigenvector.
fn rotate(matrix: &mut [Vec<f64>], axes: &mut [Vec<f64>], p: usize, q: usize) {
    let off = matrix[p][q];
    if off == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    }
    let turn = Turn { p, q, cosine, sine };
    turn.rows(matrix);
    turn.rows(axes);
}

/// A rotation in the plane of two axes.
struct Turn {
    p: usize,
    q: usize,
    cosine: f64,
    sine: f64,
}

impl Turn {
    fn rows(&self, rows: &mut [Vec<f64>]) {
        let Self { p, q, cosine, sine } = *self;
        let (head, tail) = rows.split_at_mut(q);
        for (left, right) in head[p].iter_mut().zip(&mut tail[0]) {
            (*left, *right) = (cosine * *left - sine * *right, sine * *left + cosine * *right);
        }
    }
}

/// Returns the axis or its opposite, whichever has its largest number positive: both are eigenvectors, one must be chosen.
fn pointing_up(axis: Vec<f64>) -> Vec<f64> {
    let largest = axis.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
    axis.into_iter().map(|value| value * largest.signum()).collect()
}

fn projected(vector: &[f32], mean: &[f64], axes: &[Vec<f64>], weight: f64) -> Vec<f64> {
    let centred: Vec<f64> = vector.iter().zip(mean).map(|(value, mean)| f64::from(*value) - mean).collect();
    axes.iter().map(|axis| weight * axis.iter().zip(&centred).map(|(a, b)| a * b).sum::<f64>()).collect()
}

/// Writes the row as bytes and returns what one unit is worth.
fn quantise(row: &[f64], bytes: &mut [i8]) -> f32 {
    let largest = row.iter().fold(0.0f64, |most, value| most.max(value.abs()));
    let scale = (largest / 127.0).max(f64::MIN_POSITIVE);
    for (byte, value) in bytes.iter_mut().zip(row) {
        *byte = (value / scale).round() as i8;
    }
    scale as f32
}

fn write(assets: &Path, vocabulary: &str, rows: &[i8], scales: &[f32]) -> Result<(), Box<dyn Error>> {
    let rows: Vec<u8> = rows.iter().map(|value| value.cast_unsigned()).collect();
    let worth: Vec<u8> = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
    let tensors = BTreeMap::from([
        ("rows", TensorView::new(Dtype::I8, vec![scales.len(), DIMS], &rows)?),
        ("scales", TensorView::new(Dtype::F32, vec![scales.len()], &worth)?),
    ]);
    fs::create_dir_all(assets)?;
    fs::write(assets.join("vocab.txt"), vocabulary)?;
    fs::write(assets.join("table.safetensors"), safetensors::serialize(tensors, None)?)?;
    Ok(())
}
