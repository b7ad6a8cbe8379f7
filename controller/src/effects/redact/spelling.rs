//! How one character of a text may be spelt: as itself, or in an escape of URLs, JSON, HTML or quoted-printable mail.
//!
//! A secret that comes back has passed through somebody's encoder, maybe through two. To list every spelling of a whole secret is
//! hopeless; to read one character in any of them is easy, and lets spellings mix.

/// The longest run of backslashes, or of `25` after a percent sign, that nested encoders write.
const DEEPEST: usize = 8;

/// The names that HTML writes for signs that stand in secrets.
const NAMED: [(&str, char); 34] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("sol", '/'),
    ("bsol", '\\'),
    ("plus", '+'),
    ("equals", '='),
    ("colon", ':'),
    ("semi", ';'),
    ("comma", ','),
    ("period", '.'),
    ("num", '#'),
    ("percnt", '%'),
    ("commat", '@'),
    ("excl", '!'),
    ("quest", '?'),
    ("dollar", '$'),
    ("ast", '*'),
    ("lowbar", '_'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lsqb", '['),
    ("rsqb", ']'),
    ("lcub", '{'),
    ("rcub", '}'),
    ("vert", '|'),
    ("Hat", '^'),
    ("grave", '`'),
    ("Tab", '\t'),
    ("NewLine", '\n'),
];

/// A character that was read, and where the text that it was read from goes on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spelt {
    pub(super) sign: char,
    pub(super) end: usize,
}

/// Returns what stands at a place as itself, and what it spells as an escape, where it does.
pub(super) fn readings(text: &str, at: usize) -> [Option<Spelt>; 2] {
    let rest = text.get(at..).unwrap_or_default();
    let raw = rest.chars().next().map(|sign| Spelt { sign, end: at + sign.len_utf8() });
    let escaped = match rest.as_bytes().first() {
        Some(b'%') => percent(rest),
        Some(b'\\') => backslash(rest),
        Some(b'&') => entity(rest),
        Some(b'=') => quoted_printable(rest),
        Some(b'+') => Some(Spelt { sign: ' ', end: 1 }),
        _ => None,
    };
    [raw, escaped.map(|spelt| Spelt { end: at + spelt.end, ..spelt })]
}

/// Returns the place after what an encoder puts between two characters: a soft line break; in a wrapped block also white space.
pub(super) fn skip_breaks(text: &str, mut at: usize, is_block: bool) -> usize {
    let breaks = ["=\r\n", "=\n"];
    let wraps = ["\r", "\n", "\t", " ", ":", "\\r", "\\n", "%0D", "%0d", "%0A", "%0a", "&#13;", "&#10;"];
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let wraps = if is_block { &wraps[..] } else { &[] };
        match breaks.iter().chain(wraps).find(|one| rest.starts_with(**one)) {
            Some(found) => at += found.len(),
            None => return at,
        }
    }
}

/// `%2F`, `%2f`, `%252F`, and the two to four groups of a character outside ASCII.
fn percent(rest: &str) -> Option<Spelt> {
    bytes(rest, |rest| {
        let mut inner = rest.strip_prefix('%')?;
        for _ in 0..DEEPEST {
            // `%25` spells the percent sign of an inner layer only where two more digits follow.
            match inner.strip_prefix("25").filter(|deeper| hex_byte(deeper).is_some()) {
                Some(deeper) => inner = deeper,
                None => break,
            }
        }
        Some(Group { byte: hex_byte(inner)?, length: rest.len() - inner.len() + 2 })
    })
}

/// `=2F`, as quoted-printable mails write a byte.
fn quoted_printable(rest: &str) -> Option<Spelt> {
    bytes(rest, |rest| Some(Group { byte: hex_byte(rest.strip_prefix('=')?)?, length: 3 }))
}

/// An escape of one byte, and how long it is written.
struct Group {
    byte: u8,
    length: usize,
}

/// Reads as many groups as the character has bytes.
fn bytes(rest: &str, group: impl Fn(&str) -> Option<Group>) -> Option<Spelt> {
    let Group { byte: first, length: mut end } = group(rest)?;
    let mut all = vec![first];
    let count = match first {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    };
    while all.len() < count {
        let Group { byte, length } = group(rest.get(end..)?)?;
        all.push(byte);
        end += length;
    }
    Some(Spelt { sign: std::str::from_utf8(&all).ok()?.chars().next()?, end })
}

/// `\/`, `\n`, `\u002f`, `\u{2f}`, `\x2f`, with as many backslashes as layers of JSON or source code.
fn backslash(rest: &str) -> Option<Spelt> {
    let inner = rest.trim_start_matches('\\');
    let slashes = rest.len() - inner.len();
    if slashes > DEEPEST {
        return None;
    }
    let (sign, length) = match inner.chars().next()? {
        'u' => return unicode(rest, slashes),
        'x' => (char::from(hex_byte(&inner[1..])?), 3),
        'n' => ('\n', 1),
        'r' => ('\r', 1),
        't' => ('\t', 1),
        sign @ ('/' | '"' | '\'' | '&' | '=' | '+' | '-' | '.' | '_' | ':' | '$' | '@' | '!' | '%') => {
            (sign, 1)
        }
        // Two backslashes are one.
        _ if slashes >= 2 => return Some(Spelt { sign: '\\', end: 2 }),
        _ => return None,
    };
    Some(Spelt { sign, end: slashes + length })
}

fn unicode(rest: &str, slashes: usize) -> Option<Spelt> {
    let digits = &rest[slashes + 1..];
    if let Some(braced) = digits.strip_prefix('{') {
        let (code, _) = braced.split_once('}')?;
        let sign = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
        return Some(Spelt { sign, end: slashes + 3 + code.len() });
    }
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let first = unit(digits)?;
    let end = slashes + 5;
    if let Some(sign) = char::from_u32(u32::from(first)) {
        return Some(Spelt { sign, end });
    }
    let second = rest.get(end..)?;
    let low = second.trim_start_matches('\\');
    let pair = [first, unit(low.strip_prefix('u')?)?];
    let sign = char::decode_utf16(pair).next()?.ok()?;
    Some(Spelt { sign, end: end + (second.len() - low.len()) + 5 })
}

/// `&#47;`, `&#x2f;`, `&sol;`, and the same with its ampersand written as `&amp;`.
fn entity(rest: &str) -> Option<Spelt> {
    let mut inner = rest.strip_prefix('&')?;
    while let Some(deeper) = inner.strip_prefix("amp;").filter(|deeper| name_of(deeper).is_some()) {
        inner = deeper;
    }
    let name = name_of(inner)?;
    let sign = match name.strip_prefix('#') {
        Some(code) => {
            let code = match code.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => code.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => NAMED.iter().find(|(known, _)| *known == name).map(|(_, sign)| *sign)?,
    };
    Some(Spelt { sign, end: rest.len() - inner.len() + name.len() + 1 })
}

/// Returns the name before the semicolon; none is long.
fn name_of(text: &str) -> Option<&str> {
    let end = text.bytes().take(10).position(|one| one == b';')?;
    let name = text.get(..end)?;
    (!name.is_empty() && name.bytes().all(|one| one.is_ascii_alphanumeric() || one == b'#')).then_some(name)
}

fn hex_byte(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|two| two.bytes().all(|one| one.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(text: &str) -> Vec<char> {
        readings(text, 0)
            .into_iter()
            .flatten()
            .filter(|one| one.end == text.len())
            .map(|one| one.sign)
            .collect()
    }

    #[test]
    fn one_sign_is_read_in_every_spelling() {
        let slashes = [
            "/",
            "%2F",
            "%2f",
            "%252f",
            "%25252F",
            "\\/",
            "\\\\/",
            "\\u002f",
            "\\u002F",
            "\\\\u002f",
            "\\x2f",
            "\\u{2f}",
            "&#47;",
            "&#x2F;",
            "&#x2f;",
            "&sol;",
            "&amp;#47;",
            "&amp;sol;",
            "=2F",
        ];
        for text in slashes {
            assert!(spelt(text).contains(&'/'), "{text}: {:?}", spelt(text));
        }
        for text in ["ä", "%C3%A4", "%c3%a4", "\\u00e4", "&#228;", "&#xe4;", "=C3=A4"] {
            assert!(spelt(text).contains(&'ä'), "{text}: {:?}", spelt(text));
        }
        for text in ["🔑", "\\ud83d\\udd11", "%F0%9F%94%91", "&#128273;"] {
            assert!(spelt(text).contains(&'🔑'), "{text}: {:?}", spelt(text));
        }
    }

    #[test]
    fn half_an_escape_is_itself() {
        for text in
            ["%", "%2", "%zz", "\\", "\\u12", "&", "&#;", "&nosuch;", "=", "=Z1", "%C3", "\\ud83d", "&amp;"]
        {
            let first = text.chars().next();
            assert_eq!(readings(text, 0)[0].map(|one| one.sign), first, "{text}");
        }
        assert_eq!(spelt("&amp;"), ['&']);
    }
}
