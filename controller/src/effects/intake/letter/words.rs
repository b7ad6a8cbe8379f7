//! Header text: encoded words (RFC 2047) and raw bytes become Unicode, before anything is made of them.
//!
//! Words of one charset that stand side by side are joined before they are decoded: many programs cut them inside of a
//! character. In a structured field they are written anew as UTF-8 words, so that what is inside of a name cannot
//! become a comma or an angle bracket of the field.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    charset,
    transfer::{base64, quoted},
};

/// The longest encoded word that is looked for; the standard allows 75.
const LONGEST: usize = 4_096;

/// Reads an unstructured value: a subject, a file name, a description.
pub(super) fn text(value: &[u8], hint: Option<&str>) -> String {
    let mut out = String::new();
    each(&unfolded(value, hint), |piece| match piece {
        Piece::Plain(text) => out.push_str(text),
        Piece::Word { charset, bytes } => out.push_str(&charset::read(&bytes, Some(charset)).text),
    });
    out.trim().to_owned()
}

/// Rewrites a structured value, such as a list of addresses: every encoded word in it becomes one in UTF-8.
pub(super) fn structured(value: &[u8], hint: Option<&str>) -> String {
    let mut out = String::new();
    each(&unfolded(value, hint), |piece| match piece {
        // What only begins like a word would be searched for its end again and again.
        Piece::Plain(text) => out.push_str(&text.replace("=?", "= ?")),
        Piece::Word { charset, bytes } => {
            let text = charset::read(&bytes, Some(charset)).text;
            out.push_str(&format!("=?utf-8?B?{}?=", STANDARD.encode(text)));
        }
    });
    out
}

/// One line of Unicode: raw bytes beyond ASCII, and shifted ones, are read in the charset of the mail's text.
fn unfolded(value: &[u8], hint: Option<&str>) -> String {
    let flat: Vec<u8> = value.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).copied().collect();
    if flat.is_ascii() && !flat.contains(&0x1b) {
        return String::from_utf8(flat).unwrap_or_default();
    }
    charset::read(&flat, hint).text
}

enum Piece<'a> {
    Plain(&'a str),
    Word { charset: &'a str, bytes: Vec<u8> },
}

fn each<'a>(value: &'a str, mut take: impl FnMut(Piece<'a>)) {
    let mut held: Option<(&str, Vec<u8>)> = None;
    let (mut plain, mut from) = (0, 0);
    while let Some(at) = value[from..].find("=?").map(|at| from + at) {
        let Some(word) = word(&value[at..]) else {
            from = at + 2;
            continue;
        };
        let gap = &value[plain..at];
        let is_beside = held.is_some() && gap.chars().all(char::is_whitespace);
        match held.as_mut().filter(|(charset, _)| is_beside && charset.eq_ignore_ascii_case(word.charset)) {
            Some((_, bytes)) => bytes.extend(word.bytes),
            None => {
                if let Some((charset, bytes)) = held.replace((word.charset, word.bytes)) {
                    take(Piece::Word { charset, bytes });
                }
                // White space between two words is no text.
                if !is_beside {
                    take(Piece::Plain(gap));
                }
            }
        }
        (plain, from) = (at + word.length, at + word.length);
    }
    if let Some((charset, bytes)) = held {
        take(Piece::Word { charset, bytes });
    }
    take(Piece::Plain(&value[plain..]));
}

struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
    length: usize,
}

/// Parses the encoded word that a text begins with: `=?charset*language?B?data?=`.
fn word(text: &str) -> Option<Word<'_>> {
    let (charset, rest) = text[2..]
        .split_once('?')
        .filter(|(charset, _)| (2..=60).contains(&charset.len()) && !charset.contains(char::is_whitespace))?;
    let (encoding, rest) = rest.split_once('?').filter(|(encoding, _)| encoding.len() == 1)?;
    let near = (0..=LONGEST.min(rest.len())).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(0);
    let end = rest[..near].find("?=")?;
    let data = &rest[..end];
    let bytes = match encoding {
        "B" | "b" => base64(data.as_bytes()),
        "Q" | "q" => quoted(data.replace('_', " ").as_bytes()).bytes,
        _ => return None,
    };
    let length = text.len() - rest.len() + end + 2;
    Some(Word { charset: charset.split('*').next().unwrap_or(charset), bytes, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_cut_inside_of_a_character_are_joined() {
        assert_eq!(text(b"=?utf-8?B?R3LD?= =?UTF-8?B?vMOfZQ==?=", None), "Grüße");
        assert_eq!(text(b"=?utf-8?Q?Gr=C3?=\r\n =?utf-8?Q?=BC=C3=9Fe?=", None), "Grüße");
        // Both halves of one ISO-2022-JP text, whose shift is only in the first.
        assert_eq!(
            text(b"=?ISO-2022-JP?B?GyRCJCIkag==?=\r\n\t=?ISO-2022-JP?B?JCwkSBsoQg==?=", None),
            "ありがと"
        );
        assert_eq!(text(b"=?shift_jis?B?gg==?= =?shift_jis?B?oA==?=", None), "あ");
    }

    #[test]
    fn spaces_between_words_are_no_text_and_others_are() {
        assert_eq!(text(b"a =?utf-8?q?b?= =?iso-8859-1?q?c?= d", None), "a bc d");
        assert_eq!(text(b"Re:=?utf-8?q?_x_?=y", None), "Re: x y");
        assert_eq!(text(b"=?us-ascii*en?Q?Keith_Moore?=", None), "Keith Moore");
    }

    #[test]
    fn what_only_looks_like_a_word_stays() {
        for same in ["=?", "=?utf-8?", "=?utf-8?X?abc?=", "a=?b?c", "=?x y?q?z?=", "=?utf-8?q?open"] {
            assert_eq!(text(same.as_bytes(), None), same);
        }
    }

    #[test]
    fn raw_bytes_are_read_by_the_charset_of_the_text() {
        assert_eq!(
            text(&encoding_rs::WINDOWS_1251.encode("Цена сайта").0, Some("windows-1251")),
            "Цена сайта"
        );
        assert_eq!(text("Grüße".as_bytes(), Some("iso-8859-1")), "Grüße");
        assert_eq!(text(b"\x1b$B$\"$j$,$H$&\x1b(B", None), "ありがとう");
        assert_eq!(text(&encoding_rs::GBK.encode("报价").0, Some("gb2312")), "报价");
    }

    #[test]
    fn a_name_cannot_become_syntax() {
        let rewritten = structured(b"=?utf-8?Q?Bob=2C_=3Cevil=40x.example=3E?= <a@x.example>", None);
        assert!(!rewritten.contains("evil") && rewritten.ends_with("<a@x.example>"), "{rewritten}");
    }

    #[test]
    fn endless_words_end_in_time() {
        let started = std::time::Instant::now();
        text(&b"=?utf-8?q?".repeat(20_000), None);
        structured(&b"=?a".repeat(60_000), None);
        text(&b"=?utf-8?q?x?= ".repeat(20_000), None);
        assert!(started.elapsed().as_secs() < 20);
    }
}
