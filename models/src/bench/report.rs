//! What was measured, beside what was promised: for people, and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Machine;
use super::plan::{Cell, Length};
use super::rounds::{Contest, Tally};

/// What a run measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The machine that it ran on.
    pub machine: Machine,
    /// How many rounds the medians are of.
    pub rounds: usize,
    /// Who took part, ours first.
    pub engines: Vec<Contender>,
    /// Each cell with each engine.
    pub cells: Vec<Measured>,
    /// The built-in table of words: many 12-token texts at once, and one alone.
    pub static_table: Figure,
    /// The promises that this run can check.
    pub targets: Vec<Target>,
}

/// An engine that took part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contender {
    /// `ours`, or the peer's name.
    pub engine: String,
    /// Its version; for ours the digest of the model.
    pub version: String,
    /// How many milliseconds it took to load the model.
    pub load_ms: f64,
    /// The most memory of its process, with one copy of the weights.
    pub peak_mib: f64,
}

/// What was measured of every engine, for one length of texts and size of batches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// What was measured.
    #[serde(flatten)]
    pub cell: Cell,
    /// What came of it, by the name of the engine.
    pub engines: BTreeMap<String, Figure>,
    /// Our sentences a second over each peer's: the median of the ratios within a round.
    pub ratios: BTreeMap<String, f64>,
}

/// What one engine reached in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// Sentences a second, the median of the rounds.
    pub per_second: f64,
    /// Milliseconds of one call, the median of all calls.
    pub p50_ms: f64,
}

/// One promise, and what became of it in this run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// The promise, in words.
    pub name: String,
    /// The number that must be reached.
    pub bound: f64,
    /// The number that was measured.
    pub measured: f64,
    /// Whether the promise is kept.
    pub is_met: bool,
}

impl Report {
    pub(super) fn new(contest: &Contest<'_>, table: &Tally) -> Self {
        let names: Vec<String> = contest.engines.iter().map(|engine| engine.name().to_owned()).collect();
        let engines = contest.engines.iter().filter_map(|engine| {
            let about = engine.about()?;
            let (load_ms, peak_mib) =
                (rounded(about.load_seconds * 1e3), rounded(about.peak_kib as f64 / 1024.0));
            Some(Contender { engine: engine.name().to_owned(), version: about.version, load_ms, peak_mib })
        });
        let cells = contest.cells.iter().zip(&contest.tallies);
        let cells: Vec<Measured> = cells.map(|(cell, tallies)| measured(*cell, &names, tallies)).collect();
        Report {
            machine: Machine::here(),
            rounds: contest.rounds(),
            engines: engines.collect(),
            targets: targets(&cells),
            static_table: figure(table),
            cells,
        }
    }
}

fn figure(tally: &Tally) -> Figure {
    Figure {
        per_second: rounded(median(tally.rates.clone())),
        p50_ms: rounded(median(tally.calls.clone()) * 1e3),
    }
}

fn measured(cell: Cell, names: &[String], tallies: &[Tally]) -> Measured {
    let engines = names.iter().cloned().zip(tallies.iter().map(figure)).collect();
    let ours = &tallies[0].rates;
    let ratio = |peer: &Tally| {
        rounded(median(ours.iter().zip(&peer.rates).map(|(ours, peer)| ours / peer).collect()))
    };
    let ratios = names[1..].iter().cloned().zip(tallies[1..].iter().map(ratio)).collect();
    Measured { cell, engines, ratios }
}

/// The first bar, and the goal beyond it: parity with the fastest fp32 peer.
const BARS: [(&str, f64); 2] =
    [("at least half of onnxruntime fp32", 0.5), ("parity with onnxruntime fp32", 1.0)];

fn targets(cells: &[Measured]) -> Vec<Target> {
    let mut targets = Vec::new();
    let served = |cell: &Cell| cell.length == Length::Short && cell.batch == 1 && cell.threads == 2;
    if let Some(figure) = cells.iter().find(|one| served(&one.cell)).and_then(|one| one.engines.get("ours")) {
        let measured = figure.p50_ms;
        targets.push(Target {
            name: "p50 of one 12-token sentence, ms".to_owned(),
            bound: 5.0,
            measured,
            is_met: measured <= 5.0,
        });
    }
    let ratios = cells.iter().filter_map(|one| Some((one.cell, *one.ratios.get("onnxruntime")?)));
    if let Some((cell, measured)) = ratios.min_by(|a, b| a.1.total_cmp(&b.1)) {
        let worst = format!(
            "worst cell: {} tokens, batch {}, threads {}",
            cell.length.name(),
            cell.batch,
            cell.threads
        );
        let target = |(name, bound)| Target {
            name: format!("{name}, {worst}"),
            bound,
            measured,
            is_met: measured >= bound,
        };
        targets.extend(BARS.map(target));
    }
    targets
}

/// Returns the middle value, or the mean of the two in the middle; zero of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => 0.0,
        even if even % 2 == 0 => f64::midpoint(values[half - 1], values[half]),
        _ => values[half],
    }
}

/// Returns the value with three digits after the point: more would be noise.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; medians of {} rounds, engines in turns", self.machine, self.rounds)?;
        for one in &self.engines {
            let Contender { engine, version, load_ms, peak_mib } = one;
            writeln!(f, "{engine:<18} loads in {load_ms:>5.0} ms, peak {peak_mib:>4.0} MiB, {version}")?;
        }
        writeln!(
            f,
            "\n{:>7} {:>6} {:>6}  {:<18} {:>11} {:>9}  ours/it",
            "threads", "tokens", "batch", "engine", "sentences/s", "p50 ms"
        )?;
        for one in &self.cells {
            one.write(f)?;
        }
        let Figure { per_second, p50_ms } = self.static_table;
        let microseconds = p50_ms * 1e3;
        writeln!(f, "\nstatic table: {per_second:.0} sentences/s, one alone {microseconds:.0} us")?;
        for Target { name, bound, measured, is_met } in &self.targets {
            let met = if *is_met { "met" } else { "MISSED" };
            writeln!(f, "{met:<7} {measured:>7.2}, target {bound:>4.1}: {name}")?;
        }
        Ok(())
    }
}

impl Measured {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cell { length, batch, threads } = self.cell;
        // Ours first, then by name.
        let ours = self.engines.get_key_value("ours");
        let others = self.engines.iter().filter(|(name, _)| *name != "ours");
        for (name, figure) in ours.into_iter().chain(others) {
            let ratio = self.ratios.get(name).map(|ratio| format!("{ratio:.2}x")).unwrap_or_default();
            let (rate, p50) = (figure.per_second, figure.p50_ms);
            writeln!(
                f,
                "{threads:>7} {:>6} {batch:>6}  {name:<18} {rate:>11.1} {p50:>9.2}  {ratio}",
                length.name()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine slowed down threefold between the rounds; ours was twice as fast throughout.
        let tally = |rates: [f64; 3]| Tally { rates: rates.to_vec(), calls: vec![0.001, 0.002] };
        let cell = Cell { length: Length::Short, batch: 1, threads: 2 };
        let names = ["ours".to_owned(), "onnxruntime".to_owned()];
        let one = measured(cell, &names, &[tally([600.0, 400.0, 200.0]), tally([300.0, 200.0, 100.0])]);
        assert_eq!(one.ratios["onnxruntime"], 2.0);
        assert_eq!(one.engines["ours"], Figure { per_second: 400.0, p50_ms: 1.5 });
    }

    #[test]
    fn the_worst_cell_decides_a_target() {
        let cell = |batch, ratio| Measured {
            cell: Cell { length: Length::Long, batch, threads: 2 },
            engines: BTreeMap::new(),
            ratios: BTreeMap::from([("onnxruntime".to_owned(), ratio)]),
        };
        let targets = targets(&[cell(1, 1.4), cell(32, 0.7)]);
        let met: Vec<bool> = targets.iter().map(|target| target.is_met).collect();
        assert_eq!(met, [true, false]);
        assert!(targets.iter().all(|target| target.measured == 0.7 && target.name.contains("batch 32")));
    }
}
