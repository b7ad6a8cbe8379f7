//! Texts that hardly any route is about: with few classes they play the strangers that no left-out class can play.

use super::{
    corpus::Corpus,
    matrix::{Matrix, dot},
};

/// One text a line; empty lines and lines that begin with `#` are skipped.
const TEXTS: &str = include_str!("../../assets/background.txt");

/// A background text nearer to an example than this may well be of its class.
const TOO_NEAR: f32 = 0.6;

/// Returns the background texts.
pub(super) fn texts() -> Vec<&'static str> {
    TEXTS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Returns those that are like no example.
pub(super) fn unlike(corpus: &Corpus, background: &Matrix) -> Matrix {
    let is_unlike = |at: &usize| {
        let sentence = &background.row(*at)[..corpus.dims];
        (0..corpus.examples.len()).all(|row| dot(sentence, corpus.sentence(row)) < TOO_NEAR)
    };
    let rows: Vec<usize> = (0..background.rows()).filter(is_unlike).collect();
    background.select(&rows)
}
