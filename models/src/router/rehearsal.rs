//! Plays the future with the examples at hand: some are held out, whole classes are left out and play strangers.
//!
//! ```text
//!   examples ─┬─ kept ──► judge ─┬─► held-out examples of kept classes    right or wrong
//!             ├─ held out        ├─► examples of left-out classes         wrong, whatever it says
//!             └─ left out        ├─► texts of no class                    wrong, whatever it says
//!                                └─► mixtures of both                     wrong, whatever it says
//! ```
//! A judge is shown the operator's strangers, but not those that it is asked about. Few examples are played through in many
//! ways, many examples in few: what is counted is similar, and so is the time.

use super::{
    corpus::Corpus,
    judge::{Glance, Judge},
    matrix::{Matrix, count},
    outside::Outside,
};

/// Examples and classes are dealt out to so many hands.
const HANDS: usize = 5;

/// From so many messages on, examples are held out and classes left out in one and the same fit.
const MANY: usize = 1_000;

/// With few messages classes are dealt out to so many: a class is then missed among most of the others, as a stranger is.
const HANDS_OF_FEW: usize = 10;

/// With few messages the dealing itself is an accident: it is repeated until so many were held out.
const ENOUGH_HELD_OUT: usize = 300;
const MOST_DEALS: usize = 6;

/// Where a played text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// An example held out of its class.
    Own,
    /// An example of a class that was left out.
    LeftOut,
    /// A text of no class, out of the general store.
    Background,
    /// A text that the operator says is of no class.
    Stranger,
    /// A mixture of a held-out example and a text out of the general store.
    Mixed,
}

/// Every origin, to go through them.
pub(super) const ORIGINS: [Origin; 5] =
    [Origin::Own, Origin::LeftOut, Origin::Background, Origin::Stranger, Origin::Mixed];

/// One text that was played, with what a judge that had never seen it made of it.
pub(super) struct Played {
    /// What the judge saw.
    pub(super) glance: Glance,
    /// Where the text comes from.
    pub(super) origin: Origin,
    /// The place of its class among those of the judge.
    pub(super) truth: Option<usize>,
    /// How much more often it would be confused with all classes there than with those that were kept.
    pub(super) crowding: f64,
}

/// One way to divide the examples.
pub(super) struct Deal {
    kept: Vec<usize>,
    own: Vec<usize>,
    left_out: Vec<usize>,
    outside: Vec<usize>,
    deal: usize,
}

/// Returns the ways in which a corpus is divided.
pub(super) fn deals(corpus: &Corpus, outside: &Outside) -> Vec<Deal> {
    let messages = corpus.messages().count();
    let classes = corpus.classes.len();
    let outside_of = |hand: usize| (0..outside.vectors().rows()).filter(|at| at % HANDS == hand).collect();
    if messages >= MANY && classes >= 2 * HANDS {
        let both = |hand| Division { hold: Some(hand), leave: Some(hand), deal: 0 };
        return (0..HANDS).map(|hand| both(hand).deal_out(corpus, outside_of(hand))).collect();
    }
    let mut deals = Vec::new();
    for deal in 0..(ENOUGH_HELD_OUT / messages.max(1)).clamp(1, MOST_DEALS) {
        for hand in 0..HANDS {
            let held = Division { hold: Some(hand), leave: None, deal };
            deals.push(held.deal_out(corpus, outside_of(hand)));
        }
        for hand in 0..hands_left_out(corpus, deal) {
            let left = Division { hold: None, leave: Some(hand), deal };
            deals.push(left.deal_out(corpus, Vec::new()));
        }
    }
    deals.retain(|deal| !(deal.own.is_empty() && deal.left_out.is_empty()));
    deals
}

/// Returns how many hands of classes are left out in turn in a dealing.
fn hands_left_out(corpus: &Corpus, deal: usize) -> usize {
    let (classes, hands) = (corpus.classes.len(), hands_of_classes(corpus));
    // One class alone is no judge's choice; and where each hand is one class, another dealing is the same.
    let says_nothing = classes < 3 || (deal > 0 && hands == classes);
    if says_nothing { 0 } else { hands }
}

fn hands_of_classes(corpus: &Corpus) -> usize {
    let is_few = corpus.messages().count() < ENOUGH_HELD_OUT;
    corpus.classes.len().min(if is_few { HANDS_OF_FEW } else { HANDS })
}

impl Deal {
    /// Fits a judge to what was kept, and shows it the others.
    pub(super) fn play(&self, corpus: &Corpus, outside: &Outside) -> Vec<Played> {
        let judge = Judge::fit(corpus, &self.kept, outside.strangers_without(&self.outside));
        let crowding = count(corpus.classes.len() - 1) / count(judge.classes.len().max(2) - 1);
        let show = |rows: &[usize], vectors: &Matrix| judge.glance(corpus, &vectors.select(rows));
        let mut played = Vec::new();
        for (row, glance) in self.own.iter().zip(show(&self.own, &corpus.vectors)) {
            let truth = judge.classes.iter().position(|class| *class == corpus.labels[*row]);
            played.push(Played { glance, origin: Origin::Own, truth, crowding });
        }
        for glance in show(&self.left_out, &corpus.vectors) {
            played.push(Played { glance, origin: Origin::LeftOut, truth: None, crowding });
        }
        for glance in judge.glance(corpus, &outside.mixtures(corpus, &self.own, self.deal)) {
            played.push(Played { glance, origin: Origin::Mixed, truth: None, crowding });
        }
        for (row, glance) in self.outside.iter().zip(show(&self.outside, outside.vectors())) {
            let is_known = outside.is_the_operators(*row);
            let origin = if is_known { Origin::Stranger } else { Origin::Background };
            played.push(Played { glance, origin, truth: None, crowding });
        }
        played
    }
}

/// Which hand is held out, and which is left out, in which dealing.
struct Division {
    hold: Option<usize>,
    leave: Option<usize>,
    deal: usize,
}

/// The examples of one class, by their rows in the corpus.
struct OfClass {
    class: usize,
    rows: Vec<usize>,
    is_left_out: bool,
}

impl Division {
    fn deal_out(&self, corpus: &Corpus, outside: Vec<usize>) -> Deal {
        let (kept, own, left_out) = (Vec::new(), Vec::new(), Vec::new());
        let mut deal = Deal { kept, own, left_out, outside, deal: self.deal };
        let classes = hands(corpus.classes.len(), hands_of_classes(corpus), [self.deal, 1]);
        let mut first = 0;
        for (class, hand) in classes.into_iter().enumerate() {
            let rows: Vec<usize> = (first..corpus.labels.partition_point(|label| *label <= class)).collect();
            first += rows.len();
            let is_left_out = self.leave == Some(hand);
            self.deal_class(corpus, &OfClass { class, rows, is_left_out }, &mut deal);
        }
        deal
    }

    fn deal_class(&self, corpus: &Corpus, of: &OfClass, deal: &mut Deal) {
        let OfClass { class, ref rows, is_left_out } = *of;
        let is_message = |row: &usize| !corpus.examples[*row].is_description;
        let messages: Vec<usize> = rows.iter().copied().filter(is_message).collect();
        if is_left_out {
            deal.left_out.extend(messages);
            return;
        }
        // A class is never emptied: who holds its only message keeps it.
        let hands = hands(messages.len(), HANDS.min(messages.len()), [self.deal, class]);
        let mut at = 0;
        for row in rows {
            let hand = is_message(row).then(|| hands[at]);
            at += usize::from(hand.is_some());
            let is_held = hand.is_some() && hand == self.hold && messages.len() > 1;
            if is_held { deal.own.push(*row) } else { deal.kept.push(*row) }
        }
    }
}

/// Deals `count` cards to hands in turn, in an order of the dealing's own.
fn hands(count: usize, hands: usize, [deal, salt]: [usize; 2]) -> Vec<usize> {
    let key = |card: usize| {
        let seed =
            [card, deal, salt].map(|part| u64::try_from(part).unwrap_or(u64::MAX).to_le_bytes()).concat();
        (*blake3::hash(&seed).as_bytes(), card)
    };
    let mut cards: Vec<usize> = (0..count).collect();
    cards.sort_by_cached_key(|card| key(*card));
    let mut dealt = vec![0; count];
    for (turn, card) in cards.into_iter().enumerate() {
        // The first hand differs by class, so that classes smaller than the number of hands fill all of them.
        dealt[card] = (turn + salt) % hands.max(1);
    }
    dealt
}
