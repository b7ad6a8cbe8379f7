//! How fast a folder's model embeds: `cargo bench -p adjutant-models --bench embed [-- FOLDER]`.
//!
//! Texts have exactly so many tokens. Each figure is the median of several rounds.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use adjutant_models::{Device, Embedder, Encoder, Options};

const ROUNDS: usize = 9;
const WORDS: [&str; 8] = ["company", "meeting", "please", "tomorrow", "house", "water", "green", "report"];

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("a home folder"))
            .join(".cache/adjutant/models/all-MiniLM-L6-v2")
    });
    for threads in [1, 2] {
        let start = Instant::now();
        let encoder = Encoder::load(&folder, Options { threads, device: Device::Cpu }).expect("a model");
        let load = start.elapsed();
        println!("{} threads, {}, loaded in {load:.0?}", threads, encoder.instructions());
        for tokens in [12, 128] {
            let texts: Vec<String> = (0..32).map(|index| text(tokens, index)).collect();
            assert_eq!(encoder.count_tokens(&texts[0]).expect("tokens"), tokens);
            alone(&encoder, &texts, tokens);
            together(&encoder, &texts, &format!("{tokens} tokens"));
        }
        let mixed: Vec<String> = (0..32).map(|index| text([12, 12, 64, 128][index % 4], index)).collect();
        together(&encoder, &mixed, "mixed");
    }
}

/// A text of so many tokens, with the two that the tokenizer puts around it.
fn text(tokens: usize, seed: usize) -> String {
    (0..tokens - 2).map(|index| WORDS[(index * 3 + index / 8 + seed) % 8]).collect::<Vec<_>>().join(" ")
}

fn alone(encoder: &Encoder, texts: &[String], tokens: usize) {
    let once = |text: &String| time(|| drop(encoder.embed(&[text.as_str()]).expect("a vector")));
    texts.iter().for_each(|text| _ = once(text));
    let mut times: Vec<Duration> = (0..ROUNDS).flat_map(|_| texts.iter().map(once)).collect();
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100];
    println!(
        "  {tokens:>4} tokens alone      p50 {:>8.3?}  p10 {:>8.3?}  p95 {:>8.3?}",
        at(50),
        at(10),
        at(95)
    );
}

fn together(encoder: &Encoder, texts: &[String], name: &str) {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut times: Vec<Duration> =
        (0..ROUNDS).map(|_| time(|| drop(encoder.embed(&texts).expect("vectors")))).collect();
    times.sort_unstable();
    let rate = |time: Duration| f64::from(u32::try_from(texts.len()).expect("few")) / time.as_secs_f64();
    println!("  {name:>11} batch 32  {:>7.0}/s  best {:>7.0}/s", rate(times[ROUNDS / 2]), rate(times[0]));
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
