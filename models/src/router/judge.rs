//! What the examples say about a text, before anybody asks whether it can be believed.
//!
//! A judge is fitted to some of the examples: weights of a softmax regression, a centroid for each class, and the
//! examples themselves as neighbours. Texts that the operator calls strange are a class of the regression too, whose name
//! nobody ever hears.

use super::{
    corpus::Corpus,
    matrix::{Matrix, count, dot, normalise},
    regression::{self, Labelled},
};

/// Descriptions are about a class instead of in it.
const DESCRIPTION_WEIGHT: f32 = 0.5;

/// Logits of centroids: cosines, stretched to the width that a regression gives.
const CENTROID_SCALE: f32 = 10.0;

/// So many neighbours are looked at.
pub(super) const NEAREST: usize = 5;

/// Neighbours are looked for in so many of the likeliest classes, which bounds what a decision costs.
const NEARBY_CLASSES: usize = 5;

/// Fitted to some examples of a corpus; classes are counted among those that it knows.
pub(super) struct Judge {
    /// The classes that it knows, by their number in the corpus.
    pub(super) classes: Vec<usize>,
    weights: Matrix,
    centroids: Matrix,
    members: Vec<Vec<usize>>,
    strangers: Matrix,
}

/// What a judge sees in one text.
pub(super) struct Glance {
    /// One for each class of the judge.
    pub(super) logits: Vec<f32>,
    /// That of being of no class, where the judge has learnt what is strange.
    pub(super) strange: Option<f32>,
    /// The class with the highest logit.
    pub(super) best: usize,
    /// The nearest examples, nearest first.
    pub(super) nearest: Vec<NearRow>,
    /// The share of the nearest that are of the best class.
    pub(super) agreeing: f64,
    /// The cosine to the nearest example of the best class.
    pub(super) nearest_of_best: f32,
    /// The cosine to the nearest centroid, the next, and that of the best class.
    pub(super) centroids: [f32; 3],
    /// The cosine to the nearest text that is known to be strange, 0 without any.
    pub(super) nearest_stranger: f32,
}

/// An example that is near.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NearRow {
    /// Its row in the corpus.
    pub(super) row: usize,
    pub(super) cosine: f32,
}

/// One number of a list, with its place there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed {
    pub(super) place: usize,
    pub(super) number: f32,
}

impl Glance {
    /// Returns whether no class is as likely as none.
    pub(super) fn is_strange(&self) -> bool {
        self.strange.is_some_and(|strange| strange > self.logits[self.best])
    }
}

impl Judge {
    /// Fits a judge to rows of a corpus, and to texts of no class.
    pub(super) fn fit(corpus: &Corpus, rows: &[usize], strangers: Matrix) -> Self {
        let mut classes: Vec<usize> = rows.iter().map(|row| corpus.labels[*row]).collect();
        classes.sort_unstable();
        classes.dedup();
        let of_class =
            |class: &usize| rows.iter().copied().filter(|row| corpus.labels[*row] == *class).collect();
        let members: Vec<Vec<usize>> = classes.iter().map(of_class).collect();
        let centroids = centroids(corpus, &members);
        let weights = if corpus.can_be_learnt() {
            learn(corpus, rows, &classes, &strangers)
        } else {
            stretched(&centroids, corpus.vectors.columns())
        };
        let members = members.into_iter().map(|rows| neighbours_of_class(corpus, rows)).collect();
        Self { classes, weights, centroids, members, strangers }
    }

    /// Looks at texts, a row of `texts` each.
    pub(super) fn glance(&self, corpus: &Corpus, texts: &Matrix) -> Vec<Glance> {
        let logits = texts.times_transposed(&self.weights);
        let cosines = texts.times_transposed(&self.centroids);
        let rows = 0..texts.rows();
        let sentence = |row: usize| &texts.row(row)[..corpus.dims];
        rows.map(|row| self.glance_at(corpus, sentence(row), [logits.row(row), cosines.row(row)])).collect()
    }

    fn glance_at(&self, corpus: &Corpus, sentence: &[f32], products: [&[f32]; 2]) -> Glance {
        let [logits, cosines] = products;
        let (logits, strange) = logits.split_at(self.classes.len());
        let nearby = highest(logits, NEARBY_CLASSES);
        let best = nearby.first().map_or(0, |class| class.place);
        let mut nearest: Vec<NearRow> = Vec::with_capacity(NEAREST + 1);
        let (mut nearest_of_best, mut agreeing) = (-1.0_f32, 0_usize);
        for Placed { place: class, .. } in &nearby {
            for row in &self.members[*class] {
                let cosine = dot(sentence, corpus.sentence(*row));
                keep_nearest(&mut nearest, NearRow { row: *row, cosine });
                if *class == best {
                    nearest_of_best = nearest_of_best.max(cosine);
                }
            }
        }
        for near in &nearest {
            agreeing += usize::from(corpus.labels[near.row] == self.classes[best]);
        }
        let agreeing = count(agreeing) / count(nearest.len().max(1));
        let centroids = highest(cosines, 2);
        let centroid = |at: usize| centroids.get(at).map_or(0.0, |centroid| centroid.number);
        let centroids = [centroid(0), centroid(1), cosines[best]];
        Glance {
            logits: logits.to_vec(),
            strange: strange.first().copied(),
            best,
            nearest,
            agreeing,
            nearest_of_best,
            centroids,
            nearest_stranger: self.nearest_stranger(sentence),
        }
    }

    fn nearest_stranger(&self, sentence: &[f32]) -> f32 {
        let rows = 0..self.strangers.rows();
        let cosines = rows.map(|row| dot(sentence, &self.strangers.row(row)[..sentence.len()]));
        cosines.fold(0.0, f32::max)
    }
}

/// Inserts a neighbour where it belongs; equally near ones stay in the order of the corpus.
fn keep_nearest(nearest: &mut Vec<NearRow>, found: NearRow) {
    if nearest.len() == NEAREST && nearest.last().is_some_and(|last| !comes_before(found, *last)) {
        return;
    }
    let place = nearest.partition_point(|one| comes_before(*one, found));
    nearest.insert(place, found);
    nearest.truncate(NEAREST);
}

fn comes_before(one: NearRow, other: NearRow) -> bool {
    other.cosine.total_cmp(&one.cosine).then(one.row.cmp(&other.row)).is_lt()
}

/// Returns the highest numbers, highest first, equal ones by place.
pub(super) fn highest(numbers: &[f32], most: usize) -> Vec<Placed> {
    let mut highest: Vec<Placed> = Vec::with_capacity(most + 1);
    for (place, number) in numbers.iter().enumerate() {
        if highest.len() == most && highest.last().is_some_and(|last| *number <= last.number) {
            continue;
        }
        let at = highest.partition_point(|one| one.number >= *number);
        highest.insert(at, Placed { place, number: *number });
        highest.truncate(most);
    }
    highest
}

/// Messages are neighbours; descriptions only where a class has nothing else.
fn neighbours_of_class(corpus: &Corpus, rows: Vec<usize>) -> Vec<usize> {
    let messages: Vec<usize> =
        rows.iter().copied().filter(|row| !corpus.examples[*row].is_description).collect();
    if messages.is_empty() { rows } else { messages }
}

fn weight(corpus: &Corpus, row: usize) -> f32 {
    if corpus.examples[row].is_description { DESCRIPTION_WEIGHT } else { 1.0 }
}

fn centroids(corpus: &Corpus, members: &[Vec<usize>]) -> Matrix {
    let mut centroids = Matrix::zeros(members.len(), corpus.dims);
    for (class, rows) in members.iter().enumerate() {
        let centroid = centroids.row_mut(class);
        for row in rows {
            let weight = weight(corpus, *row);
            centroid.iter_mut().zip(corpus.sentence(*row)).for_each(|(sum, one)| *sum += weight * one);
        }
        normalise(centroid);
    }
    centroids
}

/// Centroids as the weights of a linear judge that reads the sentence vector only.
fn stretched(centroids: &Matrix, columns: usize) -> Matrix {
    let mut weights = Matrix::zeros(centroids.rows(), columns);
    for class in 0..centroids.rows() {
        let row = weights.row_mut(class);
        row.iter_mut().zip(centroids.row(class)).for_each(|(weight, one)| *weight = CENTROID_SCALE * one);
    }
    weights
}

/// Learns the weights of the classes and, in the last row, of being strange, if there are strangers.
fn learn(corpus: &Corpus, rows: &[usize], classes: &[usize], strangers: &Matrix) -> Matrix {
    let examples = corpus.vectors.select(rows);
    let label = |row: &usize| classes.partition_point(|class| *class < corpus.labels[*row]);
    let some = strangers.rows();
    // Together they weigh no more than a class does: corrections pile up, and would push the classes aside.
    let strange_weight = (count(rows.len()) / count(classes.len()) / count(some.max(1))).min(1.0) as f32;
    let vectors = if some == 0 { examples } else { examples.above(strangers) };
    let strange = std::iter::repeat_n(classes.len(), some);
    let labels: Vec<usize> = rows.iter().map(label).chain(strange).collect();
    let weight = |row: &usize| weight(corpus, *row);
    let weights: Vec<f32> =
        rows.iter().map(weight).chain(std::iter::repeat_n(strange_weight, some)).collect();
    let classes = classes.len() + usize::from(some > 0);
    let texts = Labelled { vectors: &vectors, labels: &labels, weights: &weights, classes };
    regression::fit(&texts, regression::LOOSENESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_come_first_and_equal_ones_by_place() {
        let placed = |place, number| Placed { place, number };
        assert_eq!(highest(&[1.0, 3.0, 3.0, 2.0], 3), [placed(1, 3.0), placed(2, 3.0), placed(3, 2.0)]);
        assert_eq!(highest(&[1.0], 3), [placed(0, 1.0)]);
    }

    #[test]
    fn only_the_nearest_are_kept_in_any_order_of_arrival() {
        let near = |(row, cosine)| NearRow { row, cosine };
        let all = [(0, 0.1), (1, 0.9), (2, 0.5), (3, 0.9), (4, -0.2), (5, 0.3), (6, 0.4)].map(near);
        let kept = |order: &[NearRow]| {
            let mut nearest = Vec::new();
            order.iter().for_each(|one| keep_nearest(&mut nearest, *one));
            nearest
        };
        let expected = [(1, 0.9), (3, 0.9), (2, 0.5), (6, 0.4), (5, 0.3)].map(near);
        assert_eq!(kept(&all), expected);
        assert_eq!(kept(&all.into_iter().rev().collect::<Vec<_>>()), expected);
    }
}
