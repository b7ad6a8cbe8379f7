//! The branches of one round, as their parent keeps them: counters and bits, and never a table with a row for each.
//!
//! A round of 10,000 items costs its parent two bits an item, the items until the round is over, and the results until they are
//! the step's value. A transition copies a few thousand bytes of it and not the lists: items are shared, results lie in parts.

use std::collections::BTreeMap;

use adjutant_spec::value::{Labels, Money};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::Value;

use super::Part;
use crate::labelled::Labelled;

/// The branches of one round of an `each` or a `parallel`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Branches {
    /// How many there are to be.
    pub count: u32,
    /// How many may go on at once.
    pub width: u32,
    /// How many may take back at once what they did.
    pub undo_width: u32,
    /// How many must end well.
    pub need: u32,
    /// The most that all of them may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
    /// Whether the others are not wanted any more once so many have ended well.
    pub is_race: bool,
    /// How many have begun: always the first ones.
    #[serde(default)]
    pub started: u32,
    /// The branches that are over, by index.
    #[serde(default)]
    pub over: Bits,
    /// How many ended well.
    #[serde(default)]
    pub ok: u32,
    /// Which ended well and did something that can be taken back, and have not taken it back yet.
    #[serde(default)]
    pub stands: Bits,
    /// Of those, which were told to take it back: from this one on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<u32>,
    /// Whether those that go on were told to take back what they did, and no other begins.
    #[serde(default)]
    pub is_stopped: bool,
    /// Whether the run was killed, and those that went on with it: each still says how it ended, and nobody waits for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_let_go: bool,
    /// Of which nobody knows yet whether everything that they began has happened.
    #[serde(default, skip_serializing_if = "Bits::is_empty")]
    pub doubts: Bits,
    /// Whether all are over, and what they were given and yielded is gone from here.
    #[serde(default)]
    pub is_closed: bool,
    /// Why the first one that did not end well did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The labels of everything that they yielded.
    pub labels: Labels,
    /// The name under which each is given its item; empty for lanes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// What each is given for itself, by its place; empty for lanes.
    #[serde(default)]
    pub items: Part<Vec<Value>>,
    /// The labels of every item.
    pub item_labels: Labels,
    /// What they are given beside it: the same for all items, and for each lane its own.
    #[serde(default)]
    pub given: Part<Vec<BTreeMap<String, Labelled>>>,
    /// What the branches yielded, by index.
    #[serde(default)]
    pub results: Results,
}

impl Branches {
    /// Returns how many go on, as far as the parent has heard.
    #[must_use]
    pub fn live(&self) -> u32 {
        if self.is_let_go { 0 } else { self.unheard() }
    }

    fn unheard(&self) -> u32 {
        self.started.saturating_sub(self.over.count())
    }

    /// Returns whether one may have begun something of which nobody knows yet whether it happened.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        !self.doubts.is_empty() || (self.is_let_go && self.unheard() > 0)
    }

    /// Returns the first of those.
    #[must_use]
    pub fn doubtful(&self) -> Option<u32> {
        let is_meant =
            |index: &u32| self.doubts.contains(*index) || (self.is_let_go && !self.over.contains(*index));
        (0..self.started).find(is_meant)
    }

    /// Returns those that go on, the last one first.
    pub fn live_ones(&self) -> impl Iterator<Item = u32> {
        let started = if self.is_let_go { 0 } else { self.started };
        (0..started).rev().filter(|index| !self.over.contains(*index))
    }

    /// Returns how many are taking back what they did after they had ended well.
    #[must_use]
    pub fn returning(&self) -> u32 {
        self.told.map_or(0, |from| self.stands.count_from(from))
    }

    /// Returns whether a branch is taking back what it did after it had ended well.
    #[must_use]
    pub fn is_returning(&self, index: u32) -> bool {
        self.told.is_some_and(|from| index >= from) && self.stands.contains(index)
    }

    /// Returns those that are taking back what they did after they had ended well, the last one first.
    pub fn returning_ones(&self) -> impl Iterator<Item = u32> {
        let from = self.told.unwrap_or(self.started);
        (from..self.started).rev().filter(|index| self.stands.contains(*index))
    }

    /// Returns whether what is still to come cannot change how the round ends.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        let left = self.count.saturating_sub(self.over.count());
        let is_lost = self.ok.saturating_add(left) < self.need;
        left > 0 && (is_lost || (self.is_race && self.ok >= self.need))
    }

    /// Returns whether nothing of the round is to come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.live() == 0 && (self.is_stopped || self.over.count() >= self.count)
    }

    /// Returns what a branch is given.
    #[must_use]
    pub fn given_to(&self, index: u32) -> BTreeMap<String, Labelled> {
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let mut given = self.given.get(at).or_else(|| self.given.first()).cloned().unwrap_or_default();
        if let Some(item) = self.items.get(at) {
            let ours = Labels { trust: Labels::OPERATOR.trust, ..self.item_labels };
            given.insert(format!("{}_index", self.item), Labelled { value: index.into(), labels: ours });
            given.insert(self.item.clone(), Labelled { value: item.clone(), labels: self.item_labels });
        }
        given
    }
}

/// Which of many, a bit for each; written as hex digits, the lowest eight first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bits(Vec<u8>);

impl Bits {
    /// Returns whether a place is among them.
    #[must_use]
    pub fn contains(&self, place: u32) -> bool {
        let BitAt { byte, bit } = bit_at(place);
        self.0.get(byte).is_some_and(|held| held & bit != 0)
    }

    /// Returns how many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }

    /// Returns how many there are from a place on.
    #[must_use]
    pub fn count_from(&self, place: u32) -> u32 {
        let BitAt { byte: first, bit } = bit_at(place);
        let held = self.0.iter().enumerate().skip(first);
        held.map(|(at, byte)| if at == first { byte & !(bit - 1) } else { *byte }.count_ones()).sum()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the last one before a place.
    #[must_use]
    pub fn last_before(&self, place: u32) -> Option<u32> {
        let held = u32::try_from(self.0.len().saturating_mul(8)).unwrap_or(u32::MAX);
        (0..place.min(held)).rev().find(|at| self.contains(*at))
    }

    pub(crate) fn insert(&mut self, place: u32) {
        let BitAt { byte, bit } = bit_at(place);
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        self.0[byte] |= bit;
    }

    /// Takes one out; equal sets are equal bytes, so nothing is left behind the last one.
    pub(crate) fn remove(&mut self, place: u32) {
        let BitAt { byte, bit } = bit_at(place);
        if let Some(held) = self.0.get_mut(byte) {
            *held &= !bit;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

/// Where a place has its bit.
struct BitAt {
    /// The index of the byte that it is in.
    byte: usize,
    /// The byte with this bit alone.
    bit: u8,
}

fn bit_at(place: u32) -> BitAt {
    BitAt { byte: usize::try_from(place / 8).unwrap_or(usize::MAX), bit: 1 << (place % 8) }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let text: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.map(Self).ok_or_else(|| D::Error::custom("these are no pairs of hex digits"))
    }
}

/// How many results lie in one part.
const PART: usize = 64;

/// What branches yielded, by their places; in parts, so that one more costs a copy of its part alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results(Vec<Part<Vec<Value>>>);

impl Results {
    /// Returns them in order; null where a branch yielded nothing.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().flat_map(|part| part.iter())
    }

    /// Puts one at its place.
    pub(crate) fn put(&mut self, place: u32, value: Value) {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let (part, within) = (place / PART, place % PART);
        while self.0.len() <= part {
            if let Some(last) = self.0.last_mut() {
                last.edit().resize(PART, Value::Null);
            }
            self.0.push(Part::default());
        }
        let values = self.0[part].edit();
        if values.len() <= within {
            values.resize(within + 1, Value::Null);
        }
        values[within] = value;
    }
}

impl Serialize for Results {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Results {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::<Value>::deserialize(deserializer)?;
        Ok(Self(values.chunks(PART).map(|part| part.to_vec().into()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bits_are_counted_found_and_read_as_they_were_written() {
        let mut bits = Bits::default();
        for place in [0, 7, 8, 21, 9_999] {
            bits.insert(place);
        }
        assert_eq!(
            (bits.count(), bits.count_from(8), bits.count_from(9), bits.count_from(9_999)),
            (5, 3, 2, 1)
        );
        assert_eq!(
            (bits.last_before(9_999), bits.last_before(7), bits.last_before(0)),
            (Some(21), Some(0), None)
        );
        let text = serde_json::to_string(&bits).unwrap();
        assert_eq!(text.len(), 2 + 2 * 1_250);
        assert_eq!(serde_json::from_str::<Bits>(&text).unwrap(), bits);
        for place in [0, 7, 8, 21, 9_999] {
            assert!(bits.contains(place));
            bits.remove(place);
            assert!(!bits.contains(place));
        }
        assert_eq!(bits, Bits::default());
        assert!(
            serde_json::from_str::<Bits>("\"0\"").is_err() && serde_json::from_str::<Bits>("\"zz\"").is_err()
        );
    }

    #[test]
    fn results_are_the_same_in_whatever_order_they_come() {
        let (mut up, mut down) = (Results::default(), Results::default());
        (0..200).for_each(|place| up.put(place, json!(place)));
        (0..200).rev().for_each(|place| down.put(place, json!(place)));
        assert_eq!(up, down);
        let read: Results = serde_json::from_value(serde_json::to_value(&up).unwrap()).unwrap();
        assert_eq!(read, up);
        let mut holes = Results::default();
        holes.put(130, json!(1));
        assert_eq!(holes.iter().count(), 131);
        let read: Results = serde_json::from_value(serde_json::to_value(&holes).unwrap()).unwrap();
        assert_eq!(read, holes);
    }
}
