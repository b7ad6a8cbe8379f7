//! Token lists to batches: texts of like length together, the tokens shared out evenly.

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

/// Returns all texts in at most `count` batches, the longest texts first; a batch is over its share by less than one text.
pub(super) fn batches(texts: &[Vec<u32>], count: usize) -> Vec<Batch> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(texts[*index].len()));
    let total = texts.iter().map(Vec::len).sum::<usize>().max(1);
    let mut all = vec![Vec::new(); count];
    let mut before = 0;
    for index in order {
        all[(before * count / total).min(count - 1)].push(index);
        before += texts[index].len();
    }
    all.into_iter().filter(|members| !members.is_empty()).map(|members| batch(texts, members)).collect()
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
    fn every_text_is_in_one_batch_and_no_batch_has_more_than_its_share_and_a_text() {
        let texts: Vec<Vec<u32>> = [3usize, 9, 1, 0, 12, 5, 5].iter().map(|count| vec![7; *count]).collect();
        for count in 1..10 {
            let all = batches(&texts, count);
            let mut seen: Vec<usize> = all.iter().flat_map(|batch| batch.texts.clone()).collect();
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
            assert!(all.len() <= count);
            for batch in &all {
                assert!(batch.tokens.len() <= 35 / count + 12, "{:?} of {count}", batch.texts);
                check(batch, &texts);
            }
        }
    }

    #[test]
    fn texts_without_tokens_are_in_one_batch() {
        assert_eq!(batches(&[vec![], vec![]], 3).len(), 1);
    }

    fn check(batch: &Batch, texts: &[Vec<u32>]) {
        for (text, span) in batch.texts.iter().zip(batch.spans.iter()) {
            assert_eq!(batch.tokens[span.clone()], texts[*text]);
            assert_eq!(batch.positions[span.clone()].first().copied().unwrap_or(0), 0);
        }
    }
}
