//! The few places where a character without a shape is part of how a language is written.
//!
//! | what | where it stays |
//! |---|---|
//! | ZWNJ, ZWJ | between two letters of one joining script: Arabic (so Persian and Urdu), Syriac, N'Ko, Mongolian, Adlam |
//! | ZWNJ, ZWJ | beside the sign that takes a vowel away, in the scripts of India and around it (Hindi, Bengali, Sinhala, …) |
//! | ZWJ | between two emoji: a family, a profession, a flag |
//! | zero-width space | between two letters of a script that is written without spaces: Thai, Lao, Myanmar, Khmer |
//! | U+FE0E, U+FE0F | one after a sign that has the form of a text and of a picture |
//! | U+FE00 to U+FE02, U+E0100 to U+E01EF | one after a Han letter: names of people and places are told apart by it |
//! | Mongolian selectors | one after a Mongolian letter |
//! | tags | the flags of England, Scotland and Wales, whole |
//!
//! Two of them never stand one after the other. In Latin, Greek, Cyrillic, Hebrew and every other script they are
//! written out: nothing is misread without them, and words are told apart by them that look the same.

use super::table::within;

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';

/// Scripts whose letters join, so that a joiner changes what is seen.
#[rustfmt::skip]
const JOINING: &[&[(u32, u32)]] = &[
    &[(0x0620, 0x065f), (0x066e, 0x06d3), (0x06d5, 0x06dc), (0x06df, 0x06e8), (0x06ea, 0x06ef), (0x06fa, 0x06ff),
      (0x0750, 0x077f), (0x0870, 0x088e), (0x0897, 0x08e1), (0x08e3, 0x08ff)],
    &[(0x0710, 0x074f), (0x0860, 0x086a)],
    &[(0x07ca, 0x07f5)],
    &[(0x1820, 0x18aa)],
    &[(0x1e900, 0x1e94b)],
];

/// Blocks of the scripts of India and around it, each with the sign that takes a vowel away.
#[rustfmt::skip]
const BRAHMIC: &[(u32, u32, &[u32])] = &[
    (0x0900, 0x097f, &[0x094d]), (0x0980, 0x09ff, &[0x09cd]), (0x0a00, 0x0a7f, &[0x0a4d]),
    (0x0a80, 0x0aff, &[0x0acd]), (0x0b00, 0x0b7f, &[0x0b4d]), (0x0b80, 0x0bff, &[0x0bcd]),
    (0x0c00, 0x0c7f, &[0x0c4d]), (0x0c80, 0x0cff, &[0x0ccd]), (0x0d00, 0x0d7f, &[0x0d3b, 0x0d3c, 0x0d4d]),
    (0x0d80, 0x0dff, &[0x0dca]), (0x1000, 0x109f, &[0x1039, 0x103a]), (0x1780, 0x17ff, &[0x17d2]),
];

/// Scripts without spaces between words: Thai, Lao, Myanmar, Khmer.
const UNSPACED: &[&[(u32, u32)]] =
    &[&[(0x0e01, 0x0e5b)], &[(0x0e81, 0x0edf)], &[(0x1000, 0x109f)], &[(0x1780, 0x17b3), (0x17b6, 0x17f9)]];

/// Han letters.
const HAN: &[(u32, u32)] =
    &[(0x3400, 0x4dbf), (0x4e00, 0x9fff), (0xf900, 0xfaff), (0x20000, 0x2fa1f), (0x30000, 0x323af)];

/// Signs that are pictures, or that become one with U+FE0F.
#[rustfmt::skip]
const PICTURES: &[(u32, u32)] = &[
    (0x00a9, 0x00a9), (0x00ae, 0x00ae), (0x203c, 0x203c), (0x2049, 0x2049), (0x2122, 0x2122), (0x2139, 0x2139),
    (0x2194, 0x21aa), (0x231a, 0x23ff), (0x24c2, 0x24c2), (0x25aa, 0x25fe), (0x2600, 0x27bf), (0x2934, 0x2935),
    (0x2b05, 0x2b55), (0x3030, 0x3030), (0x303d, 0x303d), (0x3297, 0x3299), (0x1f000, 0x1faff),
];

/// Returns whether a hidden character belongs where it stands.
pub(super) fn is_needed(earlier: Option<char>, before: Option<char>, one: char, next: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match one {
        ZWNJ => joins(before, next) || is_beside_virama(before, next),
        ZWJ => joins(before, next) || is_beside_virama(before, next) || is_picture(earlier, before, next),
        '\u{200b}' => share(UNSPACED, before, next),
        '\u{fe0e}' | '\u{fe0f}' => within(PICTURES, before) || is_key(before),
        '\u{fe00}'..='\u{fe02}' | '\u{e0100}'..='\u{e01ef}' => within(HAN, before),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => within(JOINING[3], before),
        '\u{180e}' => share(&JOINING[3..4], before, next),
        _ => false,
    }
}

/// Returns the length of one of the three flags that are written with tags, where a text begins with one.
pub(super) fn flag(text: &str) -> Option<usize> {
    let tags = text.strip_prefix('\u{1f3f4}')?;
    let is_one = |name: &str| {
        let spelled = name.chars().map(tag).chain(['\u{e007f}']);
        let length: usize = spelled.clone().map(char::len_utf8).sum();
        tags.chars().take(name.len() + 1).eq(spelled).then_some(length + '\u{1f3f4}'.len_utf8())
    };
    ["gbeng", "gbsct", "gbwls"].into_iter().find_map(is_one)
}

fn tag(letter: char) -> char {
    char::from_u32(0xe0000 + u32::from(letter)).unwrap_or(letter)
}

fn joins(before: char, next: Option<char>) -> bool {
    share(JOINING, before, next)
}

/// Returns whether both lie in one script of a list.
fn share(scripts: &[&[(u32, u32)]], before: char, next: Option<char>) -> bool {
    next.is_some_and(|next| scripts.iter().any(|script| within(script, before) && within(script, next)))
}

/// Returns whether a joiner stands after such a sign, or before it within one script.
fn is_beside_virama(before: char, next: Option<char>) -> bool {
    let (before, next) = (u32::from(before), next.map(u32::from));
    BRAHMIC.iter().any(|(first, last, viramas)| {
        let is_within = |code: u32| (*first..=*last).contains(&code);
        let is_after = viramas.contains(&before);
        let is_ahead = next.is_some_and(|next| viramas.contains(&next)) && is_within(before);
        is_after || is_ahead
    })
}

/// Returns whether a joiner stands between two pictures, the first perhaps with its selector or its colour of skin.
fn is_picture(earlier: Option<char>, before: char, next: Option<char>) -> bool {
    let is_first = match before {
        '\u{fe0f}' => earlier.is_some_and(|one| within(PICTURES, one)),
        _ => within(PICTURES, before),
    };
    is_first && next.is_some_and(|next| within(PICTURES, next))
}

/// Returns whether a sign is on a telephone: digits become keys with U+FE0F and U+20E3.
fn is_key(one: char) -> bool {
    one.is_ascii_digit() || matches!(one, '#' | '*')
}
