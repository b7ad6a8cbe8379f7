//! What every stored value begins with: version byte, flags, batch, number and checksum.
//!
//! The checksum is the head of the digest that the batch's link holds, so writing computes each digest once. It covers the
//! value's place too: a value copied to another key does not pass.

use adjutant_machine::chain::Digest;

/// The version byte of this form.
const FORM: u8 = 2;
/// Set where the content lies in the family of payloads.
const SPILLED: u8 = 1;
/// Set where the content is packed with a dictionary.
const PACKED: u8 = 2;
/// Set where long texts of the content lie in the family of payloads.
const PARTED: u8 = 4;
/// How long the head is.
const LENGTH: usize = 22;

/// The head of a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ValueHead {
    /// The batch that wrote it: a row's version.
    pub(super) batch: u64,
    /// A chained row's place among those of its batch; 0 for whatever else has its number in its key.
    pub(super) number: u32,
    /// The first bytes of the content's digest.
    pub(super) check: [u8; 8],
    /// Whether the content lies elsewhere.
    pub(super) spilled: bool,
    /// Whether the content is packed.
    pub(super) packed: bool,
    /// Whether long texts of the content lie elsewhere.
    pub(super) parted: bool,
}

/// A stored value, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SplitValue<'a> {
    /// What it begins with.
    pub(super) head: ValueHead,
    /// What follows: all of the content, or what does not lie elsewhere.
    pub(super) content: &'a [u8],
}

/// What is wrong with a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Shorter than what it must begin with.
    Short,
    /// A version byte that this build does not know.
    Version(u8),
    /// The checksum does not follow from the content.
    Checksum,
    /// The content that lies elsewhere is not there.
    Missing,
    /// A key that cannot be read.
    Key,
    /// A dictionary that this build does not have.
    Dictionary(u8),
    /// Packed bytes that do not unpack to what they say.
    Packed,
}

impl Flaw {
    /// Returns what to tell.
    pub(super) fn text(self) -> String {
        match self {
            Self::Short => "the value is cut".to_owned(),
            Self::Version(found) => format!("the value has form {found}, this build reads {FORM}"),
            Self::Checksum => "the checksum does not follow from the content".to_owned(),
            Self::Missing => "the payload is not there".to_owned(),
            Self::Key => "the key cannot be read".to_owned(),
            Self::Dictionary(found) => {
                format!("it is packed with dictionary {found}, which this build does not have")
            }
            Self::Packed => "it cannot be unpacked".to_owned(),
        }
    }
}

impl ValueHead {
    /// Returns the head of content with this digest.
    pub(super) fn of(batch: u64, number: u32, digest: &Digest) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = digest.0;
        Self { batch, number, check: [a, b, c, d, e, f, g, h], spilled: false, packed: false, parted: false }
    }

    /// Returns the value with these parts of its content in it.
    pub(super) fn with(&self, content: &[&[u8]]) -> Vec<u8> {
        let length: usize = content.iter().map(|part| part.len()).sum();
        let mut out = Vec::with_capacity(LENGTH + length);
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(self.spilled, SPILLED) | flag(self.packed, PACKED) | flag(self.parted, PARTED);
        out.extend_from_slice(&[FORM, flags]);
        out.extend_from_slice(&self.batch.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.check);
        content.iter().for_each(|part| out.extend_from_slice(part));
        out
    }

    /// Returns whether content with this digest belongs to it.
    pub(super) fn fits(&self, digest: &Digest) -> bool {
        digest.0.starts_with(&self.check)
    }
}

/// Splits a stored value into its head and what follows.
pub(super) fn split(value: &[u8]) -> Result<SplitValue<'_>, Flaw> {
    let form = *value.first().ok_or(Flaw::Short)?;
    if form != FORM {
        return Err(Flaw::Version(form));
    }
    let (head, rest) = value.split_at_checked(LENGTH).ok_or(Flaw::Short)?;
    let eight = |at: usize| head[at..at + 8].try_into().map_err(|_| Flaw::Short);
    let head = ValueHead {
        batch: u64::from_be_bytes(eight(2)?),
        number: u32::from_be_bytes(head[10..14].try_into().map_err(|_| Flaw::Short)?),
        check: eight(14)?,
        spilled: head[1] & SPILLED != 0,
        packed: head[1] & PACKED != 0,
        parted: head[1] & PARTED != 0,
    };
    Ok(SplitValue { head, content: rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value() -> Vec<u8> {
        ValueHead::of(7, 3, &Digest::of(b"content")).with(&[b"con", b"tent"])
    }

    #[test]
    fn a_value_splits_as_it_was_made() {
        let value = value();
        let SplitValue { head, content } = split(&value).unwrap();
        assert_eq!((head.batch, head.number, head.spilled, content), (7, 3, false, &b"content"[..]));
        assert!(head.fits(&Digest::of(content)));
        assert!(!head.fits(&Digest::of(b"contenT")));
    }

    #[test]
    fn a_cut_or_newer_value_is_refused_or_does_not_fit() {
        let value = value();
        for length in 0..value.len() {
            match split(&value[..length]) {
                Ok(SplitValue { head, content }) => assert!(!head.fits(&Digest::of(content)), "{length}"),
                Err(flaw) => assert_eq!(flaw, Flaw::Short),
            }
        }
        let newer = [&[9], &value[1..]].concat();
        assert_eq!(split(&newer), Err(Flaw::Version(9)));
    }
}
