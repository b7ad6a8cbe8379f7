//! Which characters nobody sees, or that act on what shows them.

use std::cmp::Ordering;

/// Closed ranges in order. Unicode's `Cc`, `Default_Ignorable_Code_Point`, `Bidi_Control`, the line and paragraph ends,
/// private use, noncharacters, the format characters that have no shape, and the letters whose glyph is blank.
///
/// Left out on purpose: the number signs of Arabic, Syriac and Kaithi (U+0600 and others), which are format characters
/// and drawn, and the spaces of other widths, which are seen as spaces.
#[rustfmt::skip]
const HIDDEN: &[(u32, u32)] = &[
    (0x0000, 0x001f), (0x007f, 0x009f),   // C0, DEL, C1
    (0x00ad, 0x00ad),                     // soft hyphen
    (0x034f, 0x034f),                     // grapheme joiner
    (0x061c, 0x061c),                     // Arabic letter mark
    (0x070f, 0x070f),                     // Syriac abbreviation mark
    (0x115f, 0x1160),                     // Hangul fillers
    (0x17b4, 0x17b5),                     // Khmer inherent vowels
    (0x180b, 0x180f),                     // Mongolian selectors and vowel separator
    (0x200b, 0x200f),                     // zero-width space, joiners, marks of direction
    (0x2028, 0x202e),                     // line and paragraph ends, embeddings, overrides
    (0x2060, 0x206f),                     // word joiner, invisible operators, isolates, old format controls
    (0x2800, 0x2800),                     // Braille blank
    (0x3164, 0x3164),                     // Hangul filler
    (0xe000, 0xf8ff),                     // private use
    (0xfdd0, 0xfdef),                     // no characters
    (0xfe00, 0xfe0f),                     // variation selectors
    (0xfeff, 0xfeff),                     // byte order mark
    (0xffa0, 0xffa0),                     // halfwidth Hangul filler
    (0xfff0, 0xfffb),                     // annotations, and what is reserved beside them
    (0x13430, 0x1343f),                   // Egyptian format controls
    (0x16fe4, 0x16fe4),                   // Khitan filler
    (0x1bca0, 0x1bca3),                   // shorthand format controls
    (0x1d159, 0x1d159),                   // null notehead
    (0x1d173, 0x1d17a),                   // musical format controls
    (0xe0000, 0xe0fff),                   // tags, selectors 17 to 256, and what is reserved beside them
    (0xf0000, 0x10ffff),                  // private use
];

/// Marks that pile up on the letter before them, whatever its script.
#[rustfmt::skip]
const MARKS: &[(u32, u32)] = &[
    (0x0300, 0x034e), (0x0350, 0x036f), (0x0483, 0x0489), (0x1ab0, 0x1aff), (0x1dc0, 0x1dff),
    (0x20d0, 0x20ff), (0x3099, 0x309a), (0xfe20, 0xfe2f),
];

/// Returns whether a character is not seen by itself, or acts on what shows it; line breaks and tabs are.
#[must_use]
pub fn is_hidden(one: char) -> bool {
    // Nearly every character is one of these, and answers of many megabytes pass here.
    if matches!(one, ' '..='~') {
        return false;
    }
    // The last two code points of each plane are no characters.
    within(HIDDEN, one) || u32::from(one) & 0xfffe == 0xfffe
}

/// Returns whether a character piles up on the one before.
pub(super) fn is_mark(one: char) -> bool {
    within(MARKS, one)
}

/// Returns whether a character lies in one of some ordered, closed ranges.
pub(super) fn within(ranges: &[(u32, u32)], one: char) -> bool {
    let code = u32::from(one);
    let found = ranges.binary_search_by(|(first, last)| {
        if *last < code {
            return Ordering::Less;
        }
        if code < *first { Ordering::Greater } else { Ordering::Equal }
    });
    found.is_ok()
}
