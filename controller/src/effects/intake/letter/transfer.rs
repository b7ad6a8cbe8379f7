//! Transfer encodings, undone as far as they can be: what is broken in the middle still gives the rest.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Mails pad, do not pad, and leave bits behind.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How many characters are decoded at once: whole groups of four.
const GROUP: usize = 4_096;

/// Decodes base64; whatever is not of its alphabet is passed over, and each padded piece stands for itself.
pub(super) fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let mut held = Vec::with_capacity(GROUP);
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => held.push(byte),
            b'=' => flush(&mut held, &mut out),
            _ => {}
        }
        if held.len() == GROUP {
            flush(&mut held, &mut out);
        }
    }
    flush(&mut held, &mut out);
    out
}

fn flush(held: &mut Vec<u8>, out: &mut Vec<u8>) {
    // One character alone is six bits: no byte.
    if held.len() % 4 == 1 {
        held.pop();
    }
    out.extend(LENIENT.decode(&*held).unwrap_or_default());
    held.clear();
}

/// What was encoded as quoted-printable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unquoted {
    pub(super) bytes: Vec<u8>,
    /// Whether something in it was no quoted-printable, and stands as it came.
    pub(super) is_broken: bool,
}

/// Decodes quoted-printable bytes, and says whether they were whole.
pub(super) fn quoted(bytes: &[u8]) -> Unquoted {
    let (mut out, mut is_broken) = (Vec::with_capacity(bytes.len()), false);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        // White space at the end of a line is no text, unless it is encoded; a word in a header has no line end.
        let has_end = text.len() < line.len() && line.ends_with(b"\n");
        let (text, is_soft) = match text.strip_suffix(b"=") {
            Some(text) if has_end => (text, true),
            _ => (if has_end { text } else { line }, false),
        };
        is_broken |= hex_into(&mut out, text);
        if has_end && !is_soft {
            out.extend(if line.ends_with(b"\r\n") { b"\r\n".as_slice() } else { b"\n" });
        }
    }
    Unquoted { bytes: out, is_broken }
}

fn hex_into(out: &mut Vec<u8>, mut text: &[u8]) -> bool {
    let mut is_broken = false;
    while let Some((&first, rest)) = text.split_first() {
        text = rest;
        let pair = rest.get(..2).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        let pair = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match (first, pair) {
            (b'=', Some(byte)) => {
                out.push(byte);
                text = &rest[2..];
            }
            _ => {
                is_broken |= first == b'=';
                out.push(first);
            }
        }
    }
    is_broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_encodings_give_what_is_there() {
        assert_eq!(base64(b"SGVs\r\nbG8="), b"Hello");
        assert_eq!(base64(b"SGVs!bG8"), b"Hello");
        assert_eq!(base64(b"SGVsbG8=SGVsbG8="), b"HelloHello");
        assert_eq!(base64(b"S"), b"");
        assert_eq!(
            quoted(b"Gr=C3=BC=C3=9Fe"),
            Unquoted { bytes: "Grüße".as_bytes().to_vec(), is_broken: false }
        );
        assert_eq!(quoted(b"a=\r\nb \r\nc=3D"), Unquoted { bytes: b"ab\r\nc=".to_vec(), is_broken: false });
        assert_eq!(quoted(b"100 = 50"), Unquoted { bytes: b"100 = 50".to_vec(), is_broken: true });
        assert_eq!(quoted(b"caf=e9 "), Unquoted { bytes: b"caf\xe9 ".to_vec(), is_broken: false });
    }
}
