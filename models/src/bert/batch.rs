//! Token lists to batches: texts of like length together, no more tokens at once than the budget.

use super::ops::Spans;

/// Some texts, their tokens one after another.
pub(super) struct Batch {
    /// Which texts of the request these are.
    pub(super) texts: Vec<usize>,
    pub(super) tokens: Vec<u32>,
    /// Where each token stands in its text.
    pub(super) positions: Vec<u32>,
    pub(super) spans: Spans,
}

/// Returns all texts in batches, the longest texts first.
pub(super) fn batches(texts: &[Vec<u32>], budget: usize) -> Vec<Batch> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(texts[*index].len()));
    let mut all: Vec<Vec<usize>> = Vec::new();
    let mut tokens = usize::MAX;
    for index in order {
        let length = texts[index].len();
        if tokens.saturating_add(length) > budget {
            all.push(Vec::new());
            tokens = 0;
        }
        tokens += length;
        all.last_mut().expect("the first text opens a batch").push(index);
    }
    all.into_iter().map(|members| batch(texts, members)).collect()
}

fn batch(texts: &[Vec<u32>], members: Vec<usize>) -> Batch {
    let (mut tokens, mut positions, mut spans) = (Vec::new(), Vec::new(), Vec::new());
    for index in &members {
        let start = tokens.len();
        tokens.extend_from_slice(&texts[*index]);
        positions.extend((0u32..).take(texts[*index].len()));
        spans.push(start..tokens.len());
    }
    Batch { texts: members, tokens, positions, spans: spans.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_in_one_batch_and_no_batch_is_over_budget() {
        let texts: Vec<Vec<u32>> = [3usize, 9, 1, 0, 12, 5, 5].iter().map(|count| vec![7; *count]).collect();
        let all = batches(&texts, 10);
        let mut seen: Vec<usize> = all.iter().flat_map(|batch| batch.texts.clone()).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
        for batch in &all {
            assert!(batch.tokens.len() <= 10 || batch.texts.len() == 1, "{:?}", batch.texts);
            for (text, span) in batch.texts.iter().zip(batch.spans.iter()) {
                assert_eq!(batch.tokens[span.clone()], texts[*text]);
                assert_eq!(batch.positions[span.clone()].first().copied().unwrap_or(0), 0);
            }
        }
    }
}
