//! Two sorted maps, walked side by side.

use std::{cmp::Ordering, collections::BTreeMap};

/// What two maps hold under one key: something in one of them, or in both.
pub(crate) struct Sides<'a, K, V> {
    pub(crate) key: &'a K,
    pub(crate) old: Option<&'a V>,
    pub(crate) new: Option<&'a V>,
}

/// Returns what two maps hold under each key that one of them has, in the order of the keys.
pub(crate) fn side_by_side<'a, K: Ord, V>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = Sides<'a, K, V>> {
    let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (olds.peek(), news.peek()) {
            (Some((old, _)), Some((new, _))) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let old = if order.is_le() { olds.next() } else { None };
        let new = if order.is_ge() { news.next() } else { None };
        let (key, _) = old.or(new)?;
        Some(Sides { key, old: old.map(|(_, value)| value), new: new.map(|(_, value)| value) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_of_either_map_comes_once_and_in_order() {
        let old = BTreeMap::from([("a", 1), ("b", 2), ("d", 4)]);
        let new = BTreeMap::from([("b", 3), ("c", 5)]);
        let walked: Vec<_> =
            side_by_side(&old, &new).map(|at| (*at.key, at.old.copied(), at.new.copied())).collect();
        assert_eq!(
            walked,
            [("a", Some(1), None), ("b", Some(2), Some(3)), ("c", None, Some(5)), ("d", Some(4), None)]
        );
    }
}
