//! What a part is, and what it is called: the parameters of `Content-Type` and `Content-Disposition`.
//!
//! Names of files come as RFC 2231 has it (cut into pieces, percent-encoded, in any charset), as encoded words although
//! that is forbidden, or as raw bytes. A multi-byte character may be cut between two pieces, so the pieces are joined before
//! they are decoded; `mail-parser` decodes each for itself.

use std::collections::BTreeMap;

use super::{charset, head::Head, words};

/// The most parameters of a field, and the most bytes of a type: more are nobody's.
const MOST_PARAMS: usize = 100;
const MOST_OF_TYPE: usize = 100;

/// The most characters of a name.
const MOST_OF_NAME: usize = 200;

/// The media type of a part, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Media {
    name: String,
    params: BTreeMap<String, String>,
    boundary: Option<Vec<u8>>,
}

impl Media {
    /// Returns its type and subtype in lower case.
    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// Returns whether it has this type, or begins with it where that ends in a slash.
    pub(super) fn is(&self, name: &str) -> bool {
        if name.ends_with('/') { self.name.starts_with(name) } else { self.name == name }
    }

    pub(super) fn is_message(&self) -> bool {
        self.is("message/rfc822") || self.is("message/global")
    }

    /// Returns the line that divides a multipart.
    pub(super) fn boundary(&self) -> Option<&[u8]> {
        self.boundary.as_deref().filter(|_| self.is("multipart/"))
    }

    /// Returns a parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }
}

/// Returns what a part is; what cannot be read is what its place makes of it.
pub(super) fn media(head: &Head<'_>, default: &str) -> Media {
    let value = head.raw("content-type").unwrap_or_default();
    let Split { word, params } = split(value);
    let name = word.to_ascii_lowercase();
    let is_type = name.split('/').filter(|half| !half.is_empty()).count() == 2
        && !name.contains(' ')
        && name.len() <= MOST_OF_TYPE;
    let name = if is_type { name } else { default.to_owned() };
    let boundary = params.iter().find(|param| param.name == "boundary").map(|param| param.value.clone());
    let boundary = boundary.map(|value| value.trim_ascii_end().to_vec()).filter(|value| !value.is_empty());
    Media { name, params: joined(params, None), boundary }
}

/// How a part is to be shown.
pub(super) struct Disposition {
    /// The name of its file, without folders.
    pub(super) file_name: Option<String>,
    /// Whether it wants to be shown as a file of its own.
    pub(super) is_attachment: bool,
}

/// Returns how a part is to be shown.
pub(super) fn disposition(head: &Head<'_>, hint: Option<&str>) -> Disposition {
    let Split { word, params } = split(head.raw("content-disposition").unwrap_or_default());
    let name = joined(params, hint).remove("filename");
    let name = name.or_else(|| {
        let Split { params, .. } = split(head.raw("content-type").unwrap_or_default());
        joined(params, hint).remove("name")
    });
    Disposition {
        file_name: name.map(|name| plain(&name)).filter(|name| !name.is_empty()),
        is_attachment: word.eq_ignore_ascii_case("attachment"),
    }
}

/// The name alone, without folders.
fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name).trim();
    let skip = last.chars().count().saturating_sub(MOST_OF_NAME);
    // The end tells what kind of file it is.
    last.chars().skip(skip).collect()
}

/// A field in its parts.
struct Split {
    /// What stands before the first semicolon.
    word: String,
    params: Vec<Param>,
}

struct Param {
    /// In lower case, with the stars of RFC 2231.
    name: String,
    value: Vec<u8>,
}

/// Splits `value; name=text; name="quoted text"`, comments left out.
fn split(value: &[u8]) -> Split {
    let mut pieces = vec![Vec::new()];
    let (mut is_quoted, mut is_escaped, mut comment) = (false, false, 0_u32);
    for &byte in value.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => {
                is_escaped = true;
                continue;
            }
            b'"' if comment == 0 => {
                is_quoted = !is_quoted;
                continue;
            }
            b'(' if !is_quoted => comment += 1,
            b')' if comment > 0 => {
                comment -= 1;
                continue;
            }
            b';' if !is_quoted && comment == 0 && pieces.len() <= MOST_PARAMS => {
                pieces.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if comment == 0
            && let Some(last) = pieces.last_mut()
        {
            last.push(byte);
        }
    }
    let mut pieces = pieces.into_iter();
    let word = pieces.next().map(|word| String::from_utf8_lossy(&word).trim().to_owned()).unwrap_or_default();
    let params = pieces.filter_map(|piece| {
        let equals = piece.iter().position(|byte| *byte == b'=')?;
        let name = String::from_utf8_lossy(&piece[..equals]).trim().to_ascii_lowercase();
        Some(Param { name, value: piece[equals + 1..].trim_ascii().to_vec() })
    });
    Split { word, params: params.collect() }
}

/// One piece of a parameter: `name*2*=…` is its third, and percent-encoded.
struct Piece {
    number: u32,
    is_encoded: bool,
    bytes: Vec<u8>,
}

/// Joins the pieces of each parameter and reads them.
fn joined(params: Vec<Param>, hint: Option<&str>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
    for Param { name, value: bytes } in params {
        let mut stars = name.split('*');
        let base = stars.next().unwrap_or_default().to_owned();
        let is_encoded = name.ends_with('*');
        let number = stars.next().and_then(|number| number.parse().ok());
        let is_extended = is_encoded || number.is_some();
        let pieces = all.entry(base).or_default();
        // The plain form beside the extended one is for old programs: the extended one counts.
        if is_extended && pieces.iter().any(|piece| piece.number == u32::MAX) {
            pieces.clear();
        }
        if !is_extended && !pieces.is_empty() {
            continue;
        }
        pieces.push(Piece {
            number: if is_extended { number.unwrap_or(0) } else { u32::MAX },
            is_encoded,
            bytes,
        });
    }
    all.into_iter().map(|(name, pieces)| (name, read(pieces, hint))).collect()
}

fn read(mut pieces: Vec<Piece>, hint: Option<&str>) -> String {
    if pieces.len() == 1 && !pieces[0].is_encoded {
        return words::text(&pieces[0].bytes, hint);
    }
    pieces.sort_by_key(|piece| piece.number);
    let mut declared = None;
    let mut bytes = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let mut rest = piece.bytes.as_slice();
        if piece.is_encoded && index == 0 {
            // charset'language'text
            let mut halves = rest.splitn(3, |byte| *byte == b'\'');
            if let (Some(charset), Some(_), Some(text)) = (halves.next(), halves.next(), halves.next()) {
                declared = Some(String::from_utf8_lossy(charset).into_owned());
                rest = text;
            }
        }
        if piece.is_encoded { bytes.extend(unescaped(rest)) } else { bytes.extend(rest) }
    }
    charset::read(&bytes, declared.as_deref().or(hint)).text
}

fn unescaped(mut text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    while let Some((&first, rest)) = text.split_first() {
        let pair = rest.get(..2).filter(|pair| first == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        let byte = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        out.push(byte.unwrap_or(first));
        text = if byte.is_some() { &rest[2..] } else { rest };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(params: &[u8]) -> String {
        let header = [b"Content-Disposition: attachment; ".as_slice(), params].concat();
        disposition(&Head::read(&header).unwrap(), None).file_name.unwrap_or_default()
    }

    #[test]
    fn names_of_files_are_read_in_every_form() {
        assert_eq!(name_of(b"filename=contract.pdf"), "contract.pdf");
        assert_eq!(name_of(b"filename=\"a; \\\"b\\\" = (c).pdf\""), "a; \"b\" = (c).pdf");
        assert_eq!(name_of(b"filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf; filename=\"Gr__e.pdf\""), "Grüße.pdf");
        assert_eq!(name_of(b"filename=\"Gr__e.pdf\"; filename*=utf-8'de'Gr%C3%BC%C3%9Fe.pdf"), "Grüße.pdf");
        assert_eq!(name_of(b"filename*1*=%C3%9Fe.pdf; filename*0*=utf-8''Gr%C3%BC"), "Grüße.pdf");
        // A character that is cut between two pieces, and a piece that is not encoded.
        assert_eq!(
            name_of(b"filename*0*=utf-8''Gr%C3; filename*1*=%BC%C3%9Fe; filename*2=.pdf"),
            "Grüße.pdf"
        );
        assert_eq!(name_of(b"filename*0*=iso-2022-jp''%1B$B$%22$j; filename*1*=$,%1B%28B.txt"), "ありが.txt");
        assert_eq!(name_of(b"filename=\"=?shift_jis?B?jKmQz4+RLnBkZg==?=\""), "見積書.pdf");
        assert_eq!(name_of("filename=\"Grüße.pdf\"".as_bytes()), "Grüße.pdf");
        assert_eq!(name_of(b"filename=\"../../etc/passwd\""), "passwd");
        assert_eq!(name_of(b"filename=\"C:\\\\Users\\\\x\\\\offer.doc\""), "offer.doc");
    }

    #[test]
    fn what_a_part_is_has_a_default() {
        let of = |value: &str| {
            media(&Head::read(format!("Content-Type: {value}\r\n").as_bytes()).unwrap(), "text/plain")
        };
        assert_eq!(of("TEXT/HTML; Charset=\"UTF-8\"").param("charset"), Some("UTF-8"));
        assert_eq!(of("text/html").name(), "text/html");
        assert_eq!(of("text").name(), "text/plain");
        assert_eq!(of("multipart/mixed (a comment); boundary=x").boundary(), Some(b"x".as_slice()));
        assert_eq!(of("text/plain; boundary=x").boundary(), None);
    }
}
