//! Long texts: whatever stands between two quotes in a payload and is longer than 1 KiB lies in the family of payloads, under the
//! run that it belongs to and its digest. A mail's body that a run was given, handed to an agent, and quoted in three answers is
//! stored once for the run and all its branches, and what each entry writes grows with what is new in it.
//!
//! The store does not read what an entry says: it looks for quotes alone, so any bytes come back as they were. The digests of chain
//! and checksums cover the whole payload, so a text that is lost or changed is found wherever it stands.

use std::{borrow::Cow, ops::Range};

use adjutant_machine::{chain::Digest, journal::JournalError};

use super::value::Flaw;

/// Texts from this length on are taken out; what is shorter is as well stored where it stands.
pub(super) const LONG: usize = 1 << 10;
/// A place and a digest.
const PLACE: usize = 4 + 32;

/// A payload without its long texts, and these.
pub(super) struct Cut<'a> {
    /// What is left, the quotes of the texts included.
    pub(super) rest: Cow<'a, [u8]>,
    /// The texts in their order.
    pub(super) texts: Vec<Text<'a>>,
}

/// A long text of a payload.
pub(super) struct Text<'a> {
    /// Before which byte of the rest it stands.
    at: u32,
    /// What it says, in its written form.
    pub(super) bytes: &'a [u8],
    /// Its digest: under which it lies.
    pub(super) digest: Digest,
}

/// Takes the long texts out of a payload.
pub(super) fn cut(payload: &[u8]) -> Cut<'_> {
    let ranges = if payload.len() <= LONG || u32::try_from(payload.len()).is_err() {
        Vec::new()
    } else {
        long_ranges(payload)
    };
    if ranges.is_empty() {
        return Cut { rest: Cow::Borrowed(payload), texts: Vec::new() };
    }
    let (mut rest, mut texts, mut from) = (Vec::with_capacity(LONG), Vec::new(), 0);
    for range in ranges {
        rest.extend_from_slice(&payload[from..range.start]);
        from = range.end;
        let at = u32::try_from(rest.len()).expect("a payload whose length fits has places that fit");
        let bytes = &payload[range];
        texts.push(Text { at, bytes, digest: Digest::of(bytes) });
    }
    rest.extend_from_slice(&payload[from..]);
    Cut { rest: Cow::Owned(rest), texts }
}

/// Returns what lies between two quotes and is long enough.
fn long_ranges(payload: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut open) = (Vec::new(), None);
    for quote in memchr::memchr_iter(b'"', payload) {
        match open {
            // A quote inside a text has a backslash before it; two of them are a backslash at its end.
            Some(begin) if is_escaped(&payload[begin..quote]) => {}
            Some(begin) => {
                open = None;
                if quote - begin > LONG {
                    found.push(begin..quote);
                }
            }
            None => open = Some(quote + 1),
        }
    }
    found
}

fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

impl Cut<'_> {
    /// Returns where its texts stand and what they are, as it is stored; nothing where there are none.
    pub(super) fn places(&self) -> Vec<u8> {
        if self.texts.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::with_capacity(4 + PLACE * self.texts.len());
        out.extend_from_slice(&(self.texts.len() as u32).to_be_bytes());
        for text in &self.texts {
            out.extend_from_slice(&text.at.to_be_bytes());
            out.extend_from_slice(&text.digest.0);
        }
        out
    }
}

/// Where the texts of a stored payload stand, and what they are.
pub(super) struct Places<'a>(&'a [u8]);

/// A stored payload, with the places of its long texts apart from the rest of it.
pub(super) struct Parted<'a> {
    /// Where its long texts stand; `None` where it has none.
    pub(super) texts: Option<Places<'a>>,
    /// What follows the places.
    pub(super) rest: &'a [u8],
}

/// Splits what [`Cut::places`] made from what follows it; `has_texts` is what the value's head says.
pub(super) fn part(stored: &[u8], has_texts: bool) -> Result<Parted<'_>, Flaw> {
    if !has_texts {
        return Ok(Parted { texts: None, rest: stored });
    }
    let (count, rest) = stored.split_first_chunk::<4>().ok_or(Flaw::Short)?;
    let length = usize::try_from(u32::from_be_bytes(*count)).ok().and_then(|count| count.checked_mul(PLACE));
    let (places, rest) = rest.split_at_checked(length.ok_or(Flaw::Short)?).ok_or(Flaw::Short)?;
    Ok(Parted { texts: Some(Places(places)), rest })
}

impl Places<'_> {
    /// Puts the texts back into the rest of the payload; `read` finds a text by its digest.
    pub(super) fn join(
        &self,
        rest: &[u8],
        mut read: impl FnMut(&Digest) -> Result<Vec<u8>, JournalError>,
        flawed: impl Fn(Flaw) -> JournalError,
    ) -> Result<Vec<u8>, JournalError> {
        let (mut payload, mut from) = (Vec::with_capacity(rest.len() + LONG), 0);
        for place in self.0.as_chunks::<PLACE>().0 {
            let (at, digest) = place.split_at(4);
            let at = u32::from_be_bytes(at.try_into().map_err(|_| flawed(Flaw::Short))?);
            let at = usize::try_from(at).map_err(|_| flawed(Flaw::Short))?;
            let before = rest.get(from..at).ok_or_else(|| flawed(Flaw::Short))?;
            payload.extend_from_slice(before);
            payload.extend(read(&Digest(digest.try_into().map_err(|_| flawed(Flaw::Short))?))?);
            from = at;
        }
        payload.extend_from_slice(&rest[from..]);
        Ok(payload)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Takes a payload apart and puts it together again; returns it with the number of its texts.
    fn there_and_back(payload: &[u8]) -> (Vec<u8>, usize) {
        let cut = cut(payload);
        let kept: BTreeMap<Digest, Vec<u8>> =
            cut.texts.iter().map(|text| (text.digest, text.bytes.to_vec())).collect();
        if cut.texts.is_empty() {
            return (cut.rest.into_owned(), 0);
        }
        let stored = [cut.places(), cut.rest.to_vec()].concat();
        let Parted { texts, rest } = part(&stored, true).unwrap();
        let flawed = |flaw: Flaw| JournalError::Disk(flaw.text());
        let joined = texts.unwrap().join(rest, |digest| Ok(kept[digest].clone()), flawed).unwrap();
        (joined, cut.texts.len())
    }

    #[test]
    fn long_texts_are_taken_out_whatever_quotes_they_hold() {
        let body = format!("{}\\\"quoted\\\"\\\\{}", "a".repeat(700), "b".repeat(700));
        let payload = format!("{{\"short\":\"x\",\"body\":\"{body}\",\"again\":[\"{body}\"],\"end\":1}}");
        let cut = cut(payload.as_bytes());
        assert_eq!(cut.texts.len(), 2);
        assert_eq!(cut.texts[0].bytes, body.as_bytes());
        assert_eq!(cut.texts[0].digest, cut.texts[1].digest, "one text is stored once");
        assert_eq!(&*cut.rest, br#"{"short":"x","body":"","again":[""],"end":1}"#);
        assert_eq!(there_and_back(payload.as_bytes()), (payload.into_bytes(), 2));
    }

    #[test]
    fn what_is_short_stays_where_it_is() {
        let payload = format!("{{\"a\":\"{}\",\"b\":\"{}\"}}", "x".repeat(LONG - 1), "y".repeat(LONG));
        assert!(cut(payload.as_bytes()).texts.is_empty());
    }

    #[test]
    fn cut_places_are_refused() {
        let payload = format!("[\"{}\"]", "x".repeat(2 * LONG));
        let cut = cut(payload.as_bytes());
        let stored = cut.places();
        for length in 0..stored.len() {
            assert!(matches!(part(&stored[..length], true), Err(Flaw::Short)), "{length}");
        }
        let texts = part(&stored, true).unwrap().texts.unwrap();
        let flawed = |flaw: Flaw| JournalError::Disk(flaw.text());
        let joined = texts.join(b"[", |_| Ok(Vec::new()), flawed);
        assert!(joined.is_err(), "a place behind the end of the rest");
    }

    proptest! {
        #[test]
        fn whatever_is_cut_comes_back(parts in prop::collection::vec(("[\"\\\\a{}]{0,6}", 0_usize..3), 0..40)) {
            let payload: String =
                parts.iter().map(|(text, long)| format!("{text}{}", "z".repeat(long * 900))).collect();
            prop_assert_eq!(there_and_back(payload.as_bytes()).0, payload.into_bytes());
        }
    }
}
