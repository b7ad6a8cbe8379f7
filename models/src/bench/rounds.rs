//! The engines take turns: a round measures every cell with every engine.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::plan::{Cell, Length, THREADS};
use super::{error::Error, machine};
use crate::Embedder;

/// Loads our model with a number of threads.
pub(super) type Load<'a> = &'a dyn Fn(usize) -> Result<Box<dyn Embedder>, Error>;

/// Threads of the engine before us still spin for work for a few milliseconds; they must not be measured with the next one.
const SETTLE: Duration = Duration::from_millis(8);

/// Two fp32 engines differ by the order of their sums, which costs far less than this.
const SAME: f32 = 0.9995;

/// What one engine did with the texts of a cell.
pub(super) struct Turn {
    /// Seconds of each call.
    pub(super) batches: Vec<f64>,
    /// How many tokens it counted, where it tells.
    pub(super) tokens: Option<usize>,
    /// What it made of the first text.
    pub(super) vector: Vec<f32>,
}

/// What an engine tells about itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct About {
    /// Its version; ours has the digest of its model instead.
    pub(super) version: String,
    /// From its files to the first question.
    pub(super) load_seconds: f64,
    /// The most memory of its process, with one copy of the weights.
    pub(super) peak_kib: u64,
}

/// Something that embeds and can be timed.
pub(super) trait Engine {
    fn name(&self) -> &str;

    /// Returns whether its vectors must be ours.
    fn is_exact(&self) -> bool;

    fn about(&self) -> Option<About>;

    /// Embeds the texts in batches of the cell's size, shortest first, and says how long each call took.
    fn turn(&mut self, cell: &Cell, texts: &[String]) -> Result<Turn, Error>;
}

/// Our own model, loaded once for each number of threads.
pub(super) struct Ours<'a> {
    load: Load<'a>,
    loaded: BTreeMap<usize, Box<dyn Embedder>>,
    about: Option<About>,
}

impl<'a> Ours<'a> {
    pub(super) fn new(load: Load<'a>) -> Self {
        Ours { load, loaded: BTreeMap::new(), about: None }
    }

    /// Loads the model where it is not; the first one's time and memory are those that are told.
    fn ready(&mut self, threads: usize) -> Result<(), Error> {
        if self.loaded.contains_key(&threads) {
            return Ok(());
        }
        let begun = Instant::now();
        let model = (self.load)(threads)?;
        let load_seconds = begun.elapsed().as_secs_f64();
        self.about.get_or_insert_with(|| About {
            version: model.model().digest.clone(),
            load_seconds,
            peak_kib: 0,
        });
        self.loaded.insert(threads, model);
        Ok(())
    }

    fn note_memory(&mut self) {
        if let (1, Some(about)) = (self.loaded.len(), &mut self.about) {
            about.peak_kib = machine::peak_kib().unwrap_or_default();
        }
    }
}

impl Engine for Ours<'_> {
    fn name(&self) -> &str {
        "ours"
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn about(&self) -> Option<About> {
        self.about.clone()
    }

    fn turn(&mut self, cell: &Cell, texts: &[String]) -> Result<Turn, Error> {
        self.ready(cell.threads)?;
        let model = &self.loaded[&cell.threads];
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|at| texts[*at].len());
        let (mut batches, mut vector) = (Vec::new(), Vec::new());
        for chosen in order.chunks(cell.batch) {
            let batch: Vec<&str> = chosen.iter().map(|at| texts[*at].as_str()).collect();
            let begun = Instant::now();
            let mut made = model.embed(&batch)?;
            batches.push(begun.elapsed().as_secs_f64());
            if let Some(first) = chosen.iter().position(|at| *at == 0) {
                vector = made.swap_remove(first).sentence;
            }
        }
        self.note_memory();
        Ok(Turn { batches, tokens: None, vector })
    }
}

/// Everything measured so far in one cell by one engine.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Sentences a second, for each round.
    pub(super) rates: Vec<f64>,
    /// Seconds of every call of every round.
    pub(super) calls: Vec<f64>,
}

/// The engines, the cells, and what was measured; the first engine is ours.
pub(super) struct Contest<'a> {
    pub(super) engines: Vec<Box<dyn Engine + 'a>>,
    pub(super) cells: Vec<Cell>,
    texts: Vec<Vec<String>>,
    /// By cell, then by engine.
    pub(super) tallies: Vec<Vec<Tally>>,
    rounds: usize,
}

impl<'a> Contest<'a> {
    pub(super) fn new(engines: Vec<Box<dyn Engine + 'a>>, cells: Vec<Cell>) -> Self {
        let texts = cells.iter().map(Cell::texts).collect();
        let tallies = cells.iter().map(|_| engines.iter().map(|_| Tally::default()).collect()).collect();
        Contest { engines, cells, texts, tallies, rounds: 0 }
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds
    }

    /// Loads every engine, lets each see every shape once, and checks that they compute the same; nothing of this is timed.
    pub(super) fn warm_up(&mut self, say: &mut dyn FnMut(&str)) -> Result<(), Error> {
        for (cell, texts) in self.cells.iter().zip(&self.texts) {
            say(&format!(
                "warming up, {} tokens, batch {}, {} threads",
                cell.length.name(),
                cell.batch,
                cell.threads
            ));
            let texts = &texts[..cell.batch];
            let mut ours = Vec::new();
            for engine in &mut self.engines {
                let turn = engine.turn(cell, texts)?;
                if ours.is_empty() {
                    ours.clone_from(&turn.vector);
                }
                check(engine.as_ref(), &turn, &ours, cell.tokens_of(texts.len()))?;
            }
        }
        Ok(())
    }

    /// Measures every cell once with every engine; who begins changes from round to round.
    pub(super) fn round(&mut self) -> Result<(), Error> {
        for (at, cell) in self.cells.iter().enumerate() {
            for turn in 0..self.engines.len() {
                let whose = (turn + self.rounds) % self.engines.len();
                thread::sleep(SETTLE);
                let took = self.engines[whose].turn(cell, &self.texts[at])?;
                let tally = &mut self.tallies[at][whose];
                tally.rates.push(self.texts[at].len() as f64 / took.batches.iter().sum::<f64>());
                tally.calls.extend(took.batches);
            }
        }
        self.rounds += 1;
        Ok(())
    }
}

/// Returns how fast a table of words embeds short texts: in bulk, and one alone.
pub(super) fn bulk(table: &dyn Embedder) -> Result<Tally, Error> {
    let cell = Cell { length: Length::Short, batch: 32, threads: THREADS[0] };
    let texts = cell.texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let many = texts.repeat(16);
    let mut tally = Tally::default();
    for _ in 0..5 {
        let begun = Instant::now();
        table.embed(&many)?;
        tally.rates.push(many.len() as f64 / begun.elapsed().as_secs_f64());
        for text in &texts {
            let begun = Instant::now();
            table.embed(&[text])?;
            tally.calls.push(begun.elapsed().as_secs_f64());
        }
    }
    Ok(tally)
}

fn check(engine: &dyn Engine, turn: &Turn, ours: &[f32], expected: usize) -> Result<(), Error> {
    let name = || engine.name().to_owned();
    if let Some(found) = turn.tokens.filter(|found| *found != expected) {
        return Err(Error::Tokens { engine: name(), expected, found });
    }
    let cosine = cosine(ours, &turn.vector);
    // A cosine that is not a number disagrees too.
    if engine.is_exact() && (cosine.is_nan() || cosine < SAME) {
        return Err(Error::Disagrees { engine: name(), cosine });
    }
    Ok(())
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::NAN;
    }
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed {
        name: &'static str,
        vector: Vec<f32>,
        tokens: Option<usize>,
        asked: usize,
    }

    impl Fixed {
        fn engine(name: &'static str, vector: [f32; 2]) -> Box<Self> {
            Box::new(Fixed { name, vector: vector.to_vec(), tokens: None, asked: 0 })
        }
    }

    impl Engine for Fixed {
        fn name(&self) -> &str {
            self.name
        }

        fn is_exact(&self) -> bool {
            true
        }

        fn about(&self) -> Option<About> {
            None
        }

        fn turn(&mut self, cell: &Cell, texts: &[String]) -> Result<Turn, Error> {
            self.asked += 1;
            let batches = vec![0.001; texts.len().div_ceil(cell.batch)];
            Ok(Turn { batches, tokens: self.tokens, vector: self.vector.clone() })
        }
    }

    fn contest(peer: Box<Fixed>) -> Contest<'static> {
        Contest::new(vec![Fixed::engine("ours", [0.6, 0.8]), peer], Cell::all())
    }

    #[test]
    fn an_engine_with_another_vector_is_not_compared() {
        let error =
            contest(Fixed::engine("peer", [0.8, 0.6])).warm_up(&mut |_| ()).expect_err("cosine is 0.96");
        assert_eq!(
            error.to_string(),
            "\"peer\" gives another vector than ours for the same text, cosine 0.96000"
        );
    }

    #[test]
    fn an_engine_that_pads_or_truncates_is_not_compared() {
        let mut peer = Fixed::engine("peer", [0.6, 0.8]);
        peer.tokens = Some(128);
        let error = contest(peer).warm_up(&mut |_| ()).expect_err("12 tokens are expected");
        assert_eq!(error.to_string(), "\"peer\" counts 128 tokens, expected 12");
    }

    #[test]
    fn a_round_measures_every_cell_with_every_engine() {
        let mut contest = contest(Fixed::engine("peer", [0.6, 0.8]));
        contest.round().expect("a round");
        contest.round().expect("a round");
        assert!(
            contest.tallies.iter().flatten().all(|tally| tally.rates.len() == 2 && !tally.calls.is_empty())
        );
        assert_eq!(contest.tallies.len(), 12);
    }
}
