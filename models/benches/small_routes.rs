//! How well small routes keep their promises: few classes, few examples, and strangers that are near on purpose.
//!
//! `cargo bench --profile dev -p adjutant-models --bench small_routes -- DATA [aside] [DRAWS]`, where DATA is CLINC150's
//! `data_full.json` (github.com/clinc/oos-eval, CC BY 3.0) and the model was pulled. Routes are drawn out of a hundred of
//! its classes; with the word `aside` out of the fifty others, and asked with its test split: those are for looking at,
//! not for choosing by. Without DATA nothing is measured.
//!
//! A route's classes are of one field. Its traffic: 70 % messages of its classes, 15 % of the eight other classes that are
//! nearest to them, 15 % of no class at all; "hard" traffic has near strangers alone. The operator's strangers are of the
//! near classes, and never asked about. A cell of a table is four numbers in percent: the precision of all decisions of
//! all draws, the share of the traffic that was decided, the draws that keep the promise within one standard error, and
//! the share that could be decided if each draw's best threshold were known.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
};

use adjutant_models::{
    Device, EmbedError, Embedder, Embedding, Encoder, Example, Lessons, Model, Options, Outcome, Promise,
    SentenceRouter,
};

const CLASSES: [usize; 5] = [2, 3, 5, 10, 20];
const EXAMPLES: [usize; 3] = [3, 5, 10];
const STRANGERS: [usize; 4] = [0, 5, 10, 20];
const PROMISES: [f64; 3] = [0.90, 0.95, 0.98];

/// So many draws of each size, unless the command line says otherwise.
const DRAWS: usize = 30;

/// Draws begin with this one.
const SEED: usize = 1;

/// So many classes are kept aside: their routes meet strangers of all classes.
const ASIDE: usize = 50;

/// A route's classes are of one field: drawn out of so many times their number, nearest to a first one.
const FIELD: usize = 2;

/// Of each class's training messages so many can become examples or strangers.
const TEACHING: usize = 40;

/// So many classes are near.
const NEAR: usize = 8;

/// Shares of the traffic: of a class, near, far.
const USUAL: [f64; 3] = [0.70, 0.15, 0.15];
const HARD: [f64; 3] = [0.70, 0.30, 0.0];

/// What CLINC150 has, by the name of a split: pairs of a text and its class, as its file has them.
type Splits = BTreeMap<String, Vec<(String, String)>>;

fn key(parts: &[&str]) -> [u8; 32] {
    *blake3::hash(parts.join("\n").as_bytes()).as_bytes()
}

/// Returns the texts in an order of the salt's own.
fn shuffled<T: AsRef<str>>(mut texts: Vec<T>, salt: &str) -> Vec<T> {
    texts.sort_by_cached_key(|text| key(&[salt, text.as_ref()]));
    texts
}

/// Classes with what they are taught and asked.
struct Pool {
    own: Vec<String>,
    teaching: BTreeMap<String, Vec<String>>,
    asked: BTreeMap<String, Vec<String>>,
    far: Vec<String>,
}

impl Pool {
    fn of(splits: &Splits, is_aside: bool) -> Self {
        let classes: BTreeSet<&String> = splits["train"].iter().map(|(_, class)| class).collect();
        let mut classes: Vec<String> = shuffled(classes.into_iter().cloned().collect(), "pools");
        let aside = classes.split_off(classes.len() - ASIDE);
        if is_aside {
            let all: Vec<String> = [classes, aside.clone()].concat();
            return Self::with(splits, aside, &all, [&["test"], &["oos_test"]]);
        }
        Self::with(splits, classes.clone(), &classes, [&["val"], &["oos_train", "oos_val"]])
    }

    fn with(splits: &Splits, own: Vec<String>, classes: &[String], [asked, far]: [&[&str]; 2]) -> Self {
        let of_class = |names: &[&str], class: &str| -> Vec<String> {
            let texts = names.iter().flat_map(|name| &splits[*name]);
            texts.filter(|(_, label)| label == class).map(|(text, _)| text.clone()).collect()
        };
        let teaching = |class: &String| {
            let mut texts = shuffled(of_class(&["train"], class), "teaching");
            texts.truncate(TEACHING);
            (class.clone(), texts)
        };
        Self {
            own,
            teaching: classes.iter().map(teaching).collect(),
            asked: classes.iter().map(|class| (class.clone(), of_class(asked, class))).collect(),
            far: of_class(far, "oos"),
        }
    }

    fn texts(&self) -> impl Iterator<Item = &String> {
        self.teaching.values().chain(self.asked.values()).flatten().chain(&self.far)
    }
}

/// Answers from memory: every text is embedded once.
struct Remembered {
    model: Model,
    known: HashMap<String, Embedding>,
    encoder: Encoder,
}

impl Remembered {
    fn of(encoder: Encoder, pool: &Pool) -> Self {
        let texts: BTreeSet<&String> = pool.texts().collect();
        let texts: Vec<&str> = texts.into_iter().map(String::as_str).collect();
        let mut known = HashMap::new();
        for part in texts.chunks(64) {
            let embeddings = encoder.embed(part).unwrap();
            known.extend(part.iter().map(|text| (*text).to_owned()).zip(embeddings));
        }
        let model = encoder.model().clone();
        let background = Self { model, known, encoder };
        background.with_background()
    }

    /// A router embeds the general store, which is not public: what it asks for in a fit is remembered.
    fn with_background(mut self) -> Self {
        let texts = include_str!("../assets/background.txt").lines().map(str::trim);
        let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
        let embeddings = self.encoder.embed(&texts).unwrap();
        self.known.extend(texts.into_iter().map(str::to_owned).zip(embeddings));
        self
    }
}

impl Embedder for Remembered {
    fn model(&self) -> &Model {
        &self.model
    }

    fn dims(&self) -> usize {
        self.encoder.dims()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        Ok(texts.iter().map(|text| self.known[*text].clone()).collect())
    }
}

/// One route and its traffic.
struct Draw<'a> {
    examples: Vec<Example>,
    strangers: Vec<String>,
    asked: [Vec<Asked<'a>>; 3],
}

/// A message of the traffic.
struct Asked<'a> {
    text: &'a str,
    /// Absent where it is of no class of the route.
    class: Option<&'a str>,
}

fn cosine(left: &[f32], right: &[f32]) -> f32 {
    let product =
        |left: &[f32], right: &[f32]| left.iter().zip(right).map(|(one, two)| one * two).sum::<f32>();
    product(left, right) / (product(left, left) * product(right, right)).sqrt().max(f32::MIN_POSITIVE)
}

fn centroid(memory: &Remembered, texts: &[String]) -> Vec<f32> {
    let mut sum = vec![0.0; memory.dims()];
    for text in texts {
        sum.iter_mut().zip(&memory.known[text].sentence).for_each(|(sum, one)| *sum += one);
    }
    sum
}

impl<'a> Draw<'a> {
    fn of(memory: &Remembered, pool: &'a Pool, [classes, examples, seed]: [usize; 3]) -> Self {
        let salt = format!("{seed}");
        let centres: BTreeMap<&String, Vec<f32>> =
            pool.teaching.iter().map(|(class, texts)| (class, centroid(memory, texts))).collect();
        let nearest = |to: &[&String], among: Vec<&'a String>, most: usize| -> Vec<&'a String> {
            let nearness = |class: &String| {
                let each = to.iter().map(|own| cosine(&centres[own], &centres[class]));
                each.fold(-1.0, f32::max)
            };
            let mut among: Vec<(f32, &String)> =
                among.into_iter().map(|class| (nearness(class), class)).collect();
            among.sort_by(|left, right| right.0.total_cmp(&left.0));
            among.into_iter().take(most).map(|(_, class)| class).collect()
        };
        let mut own = shuffled(pool.own.iter().collect::<Vec<_>>(), &salt);
        let field = nearest(&[own[0]], own.split_off(1), FIELD * classes);
        own.extend(shuffled(field, &salt).into_iter().take(classes - 1));
        let others = pool.teaching.keys().filter(|class| !own.contains(class)).collect();
        let near = nearest(&own, others, NEAR);
        let taught = |class: &String| {
            let texts = shuffled(pool.teaching[class].clone(), &salt);
            let example = |text| Example { class: class.clone(), text, is_description: false };
            texts.into_iter().take(examples).map(example).collect::<Vec<_>>()
        };
        let strangers = near.iter().flat_map(|class| pool.teaching[*class].clone()).collect();
        let asked = |classes: &[&'a String], is_own: bool| {
            let of_class = |class: &'a String| {
                pool.asked[class]
                    .iter()
                    .map(move |text| Asked { text, class: is_own.then_some(class.as_str()) })
            };
            classes.iter().flat_map(|class| of_class(class)).collect::<Vec<_>>()
        };
        Self {
            examples: own.iter().flat_map(|class| taught(class)).collect(),
            strangers: shuffled(strangers, &salt),
            asked: [
                asked(&own, true),
                asked(&near, false),
                pool.far.iter().map(|text| Asked { text, class: None }).collect(),
            ],
        }
    }
}

/// What became of one promise over one draw's traffic.
#[derive(Clone, Copy, Default)]
struct Kept {
    right: f64,
    decided: f64,
    squares: f64,
}

impl Kept {
    fn precision(self) -> f64 {
        if self.decided > 0.0 { self.right / self.decided } else { 1.0 }
    }

    /// Within one standard error, of as many decisions as there were.
    fn keeps(self, promise: f64) -> bool {
        let cases = (self.decided * self.decided / self.squares).max(1.0);
        self.decided == 0.0 || self.precision() >= promise - (promise * (1.0 - promise) / cases).sqrt()
    }
}

/// What became of what a router said, for each kind of text.
type Said = [Vec<Outcome>; 3];

fn said(memory: &Remembered, router: &SentenceRouter, draw: &Draw<'_>) -> Said {
    let one = |Asked { text, class }: &Asked<'_>| {
        let decision = router.decide_embedding(&memory.known[*text]);
        let is_right = class.is_some() && decision.class.as_deref() == *class;
        Outcome { probability: decision.probability, is_right }
    };
    [0, 1, 2].map(|kind: usize| draw.asked[kind].iter().map(one).collect())
}

fn kept(said: &Said, threshold: f64, shares: [f64; 3]) -> Kept {
    let mut kept = Kept::default();
    for (kind, share) in said.iter().zip(shares) {
        let weight = share / kind.len() as f64;
        for Outcome { probability, is_right } in kind {
            if *probability >= threshold {
                kept.decided += weight;
                kept.squares += weight * weight;
                kept.right += if *is_right { weight } else { 0.0 };
            }
        }
    }
    kept
}

/// Returns the share that the best threshold of this very draw would decide.
fn hindsight(said: &Said, promise: f64, shares: [f64; 3]) -> f64 {
    let mut cases: Vec<(f64, bool, f64)> = said
        .iter()
        .zip(shares)
        .flat_map(|(kind, share)| {
            kind.iter().map(move |told| (told.probability, told.is_right, share / kind.len() as f64))
        })
        .collect();
    cases.sort_by(|left, right| right.0.total_cmp(&left.0));
    let (mut right, mut decided, mut best) = (0.0, 0.0, 0.0);
    for (_, is_right, weight) in cases {
        decided += weight;
        right += if is_right { weight } else { 0.0 };
        if right >= promise * decided {
            best = decided;
        }
    }
    best
}

/// Many draws together.
#[derive(Clone, Copy, Default)]
struct Sum {
    draws: f64,
    right: f64,
    decided: f64,
    keeping: f64,
    hindsight: f64,
}

impl Sum {
    fn add(&mut self, kept: Kept, hindsight: f64, promise: f64) {
        self.hindsight += hindsight;
        self.draws += 1.0;
        self.right += kept.right;
        self.decided += kept.decided;
        self.keeping += f64::from(u8::from(kept.keeps(promise)));
    }

    fn line(self) -> String {
        let percent = |part: f64, whole: f64| if whole > 0.0 { 100.0 * part / whole } else { 100.0 };
        format!(
            "{:5.1} / {:4.1} / {:3.0} / {:4.1}",
            percent(self.right, self.decided),
            percent(self.decided, self.draws),
            percent(self.keeping, self.draws),
            percent(self.hindsight, self.draws)
        )
    }
}

/// Sums over usual and hard traffic.
type Table = BTreeMap<Setting, [Sum; 2]>;

/// What a route has, and what it promises.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Setting {
    classes: usize,
    examples: usize,
    strangers: usize,
    /// The place of the promise in `PROMISES`.
    promise: usize,
}

fn measure(memory: &Arc<Remembered>, pool: &Pool, draws: usize) -> Table {
    let mut table = Table::new();
    let sizes = CLASSES.iter().flat_map(|classes| EXAMPLES.map(|examples| (*classes, examples)));
    for (classes, examples) in sizes {
        for seed in SEED..SEED + draws {
            let draw = Draw::of(memory, pool, [classes, examples, seed]);
            for strangers in STRANGERS {
                let lessons = Lessons {
                    examples: draw.examples.clone(),
                    strangers: draw.strangers[..strangers].to_vec(),
                };
                let embedder: Arc<dyn Embedder> = Arc::<Remembered>::clone(memory);
                let router = SentenceRouter::fit(embedder, lessons, Promise::of(0.9)).unwrap();
                let said = said(memory, &router, &draw);
                for (at, promise) in PROMISES.into_iter().enumerate() {
                    let setting = Setting { classes, examples, strangers, promise: at };
                    let sums = table.entry(setting).or_default();
                    let threshold = router.threshold_for(promise);
                    for (sum, shares) in sums.iter_mut().zip([USUAL, HARD]) {
                        sum.add(kept(&said, threshold, shares), hindsight(&said, promise, shares), promise);
                    }
                }
            }
        }
    }
    table
}

fn print(table: &Table, of: &str, part: impl Fn(&Setting) -> usize) {
    for (traffic, name) in ["usual", "hard"].into_iter().enumerate() {
        println!(
            "\n{name} traffic, by {of} and strangers given: precision / share decided / draws that keep it / share in hindsight"
        );
        let parts: BTreeSet<usize> = table.keys().map(&part).collect();
        for (one, strangers) in parts.iter().flat_map(|one| STRANGERS.map(|strangers| (*one, strangers))) {
            let cell = |promise: usize| {
                let rows = table.iter().filter(|(key, _)| {
                    part(key) == one && key.strangers == strangers && key.promise == promise
                });
                let add = |sum: Sum, one: Sum| Sum {
                    draws: sum.draws + one.draws,
                    right: sum.right + one.right,
                    decided: sum.decided + one.decided,
                    keeping: sum.keeping + one.keeping,
                    hindsight: sum.hindsight + one.hindsight,
                };
                rows.map(|(_, sums)| sums[traffic]).fold(Sum::default(), add).line()
            };
            println!("{one:>4} {strangers:>3} | {} | {} | {}", cell(0), cell(1), cell(2));
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| !one.starts_with('-')).collect();
    let Some(data) = arguments.iter().find(|one| one.ends_with(".json")) else {
        println!("nothing measured: name CLINC150's data_full.json");
        return;
    };
    let draws = arguments.iter().find_map(|one| one.parse().ok()).unwrap_or(DRAWS);
    let is_aside = arguments.iter().any(|one| one == "aside");
    let splits: Splits = serde_json::from_slice(&std::fs::read(data).unwrap()).unwrap();
    let folder =
        PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/adjutant/models/all-MiniLM-L6-v2");
    let encoder = Encoder::load(&folder, Options { threads: 2, device: Device::Cpu }).unwrap();
    let pool = Pool::of(&splits, is_aside);
    let memory = Arc::new(Remembered::of(encoder, &pool));
    println!(
        "classes {}, draws {SEED} to {}",
        if is_aside { "kept aside" } else { "to choose by" },
        SEED + draws - 1
    );
    let table = measure(&memory, &pool, draws);
    print(&table, "all", |_| 0);
    print(&table, "classes", |setting| setting.classes);
    print(&table, "examples", |setting| setting.examples);
}
