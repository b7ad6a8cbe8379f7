//! Makes entries and snapshots dense: their words are always the same, so they are packed with a dictionary of them.
//!
//! An entry of two thousand bytes becomes one of two hundred, which is what the write-ahead log, the memory tables and every
//! compaction then carry. The dictionary is a text of sample entries (`dictionary-1.txt`); it is on disk in every store, so it
//! never changes: a better one gets the next number, and each packed value says which one it needs. Chain and checksums cover
//! what is packed, not how. By hand: `tail -c +N value | zstd -d -D dictionary-1.txt`.

use std::{cell::RefCell, sync::LazyLock};

use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
};

use super::value::Flaw;

/// Sample entries, one for each line: the words that packed values point at.
const WORDS: &[u8] = include_bytes!("dictionary-1.txt");
/// The number that packed values name it by.
const NUMBER: u8 = 1;
/// The quickest level that still finds what the dictionary has.
const LEVEL: i32 = 1;
/// What is shorter is not worth it.
const SHORTEST: usize = 64;
/// What a packed value may say that it unpacks to; nobody stores more in one piece.
const LARGEST: usize = 256 << 20;
/// The dictionary's number and the length that it unpacks to.
const HEAD: usize = 1 + 4;

static PACKS: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(WORDS, LEVEL));
static UNPACKS: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(WORDS));

thread_local! {
    // Their memory is made once for each thread, not once for each entry.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Packs bytes; `None` where they are as well stored as they are.
pub(super) fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < SHORTEST {
        return None;
    }
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= LARGEST)?;
    let packed = PACKER.with_borrow_mut(|packer| {
        if packer.is_none() {
            *packer = Compressor::with_prepared_dictionary(&PACKS).ok();
        }
        packer.as_mut()?.compress(bytes).ok()
    })?;
    if HEAD + packed.len() >= bytes.len() {
        return None;
    }
    let mut out = Vec::with_capacity(HEAD + packed.len());
    out.push(NUMBER);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&packed);
    Some(out)
}

/// Unpacks what was packed.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Flaw> {
    let (head, packed) = bytes.split_at_checked(HEAD).ok_or(Flaw::Short)?;
    if head[0] != NUMBER {
        return Err(Flaw::Dictionary(head[0]));
    }
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST).ok_or(Flaw::Packed)?;
    let unpacked = UNPACKER.with_borrow_mut(|unpacker| {
        if unpacker.is_none() {
            *unpacker = Decompressor::with_prepared_dictionary(&UNPACKS).ok();
        }
        unpacker.as_mut()?.decompress(packed, length).ok()
    });
    unpacked.filter(|bytes| bytes.len() == length).ok_or(Flaw::Packed)
}

#[cfg(test)]
mod tests {
    use adjutant_machine::chain::Digest;
    use proptest::prelude::*;

    use super::*;

    /// Every store of format 2 needs this very text.
    #[test]
    fn the_dictionary_never_changes() {
        assert_eq!(
            Digest::of(WORDS).hex(),
            "46981abd88fabbdb5f852173040bbff04204b673904073f3f0059f77b863db15"
        );
    }

    #[test]
    fn what_looks_like_an_entry_becomes_small() {
        let line = WORDS.split(|byte| *byte == b'\n').next_back().unwrap();
        let other =
            String::from_utf8(line.to_vec()).unwrap().replace("inbound", "invoices").replace("Dear", "Hi");
        let packed = pack(other.as_bytes()).unwrap();
        assert!(packed.len() * 8 < other.len(), "{} of {}", packed.len(), other.len());
        assert_eq!(unpack(&packed).unwrap(), other.as_bytes());
    }

    #[test]
    fn a_value_that_lies_about_itself_is_refused() {
        let packed = pack(&[b'x'; 500]).unwrap();
        let lying = |place: usize, byte: u8| {
            let mut packed = packed.clone();
            packed[place] = byte;
            unpack(&packed)
        };
        assert_eq!(lying(0, 2), Err(Flaw::Dictionary(2)));
        assert_eq!(lying(1, 255), Err(Flaw::Packed), "four thousand million bytes are not made room for");
        assert_eq!(lying(4, 7), Err(Flaw::Packed));
        assert_eq!(unpack(&packed[..packed.len() - 1]), Err(Flaw::Packed));
        assert_eq!(unpack(&packed[..3]), Err(Flaw::Short));
    }

    proptest! {
        #[test]
        fn whatever_is_packed_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..300), times in 1_usize..40) {
            let bytes = bytes.repeat(times);
            if let Some(packed) = pack(&bytes) {
                prop_assert!(packed.len() < bytes.len());
                prop_assert_eq!(unpack(&packed).unwrap(), bytes);
            }
        }

        #[test]
        fn whatever_comes_is_unpacked_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _answered = unpack(&bytes).is_ok();
        }
    }
}
