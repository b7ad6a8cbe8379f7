//! Packets of git's protocols: four hex digits of length, then content; `0000` ends a section.

use std::io::{self, Read, Write};

use super::error::Error;

/// The longest content of one packet.
const LIMIT: usize = 65_516;

/// One unit of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// Content, without its line break.
    Data(Vec<u8>),
    /// The end of a section.
    Flush,
}

fn stream(error: io::Error) -> Error {
    Error::file("talk to git over", std::path::Path::new("the hook's pipe"), error)
}

/// Reads one packet; `None` at the end of the stream.
///
/// # Errors
/// [`Error::Protocol`] for a length that cannot be, [`Error::File`] if the stream breaks off.
pub fn read_packet(input: &mut impl Read) -> Result<Option<Packet>, Error> {
    let mut head = [0; 4];
    if input.read(&mut head[..1]).map_err(stream)? == 0 {
        return Ok(None);
    }
    input.read_exact(&mut head[1..]).map_err(stream)?;
    let wrong = || Error::Protocol {
        expected: "a packet length",
        found: format!("\"{}\"", String::from_utf8_lossy(&head).escape_debug()),
    };
    let digits = std::str::from_utf8(&head).map_err(|_| wrong())?;
    match usize::from_str_radix(digits, 16).map_err(|_| wrong())? {
        0 => Ok(Some(Packet::Flush)),
        length if (4..=LIMIT + 4).contains(&length) => {
            let mut content = vec![0; length - 4];
            input.read_exact(&mut content).map_err(stream)?;
            if content.last() == Some(&b'\n') {
                content.pop();
            }
            Ok(Some(Packet::Data(content)))
        }
        _ => Err(wrong()),
    }
}

/// Reads packets up to the next flush, as text.
///
/// # Errors
/// As [`read_packet`]; [`Error::Protocol`] if the stream ends first.
pub(super) fn read_section(input: &mut impl Read) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    loop {
        match read_packet(input)? {
            Some(Packet::Data(content)) => lines.push(String::from_utf8_lossy(&content).into_owned()),
            Some(Packet::Flush) => return Ok(lines),
            None => return Err(Error::Protocol { expected: "a flush packet", found: "the end".to_owned() }),
        }
    }
}

/// Writes one packet with a line break; content over the limit is cut.
///
/// # Errors
/// [`Error::File`].
pub fn write_packet(output: &mut impl Write, content: &[u8]) -> Result<(), Error> {
    let content = &content[..content.len().min(LIMIT - 1)];
    write!(output, "{:04x}", content.len() + 5).map_err(stream)?;
    output.write_all(content).and_then(|()| output.write_all(b"\n")).map_err(stream)
}

/// Ends a section and sends what is buffered.
///
/// # Errors
/// [`Error::File`].
pub fn write_flush(output: &mut impl Write) -> Result<(), Error> {
    output.write_all(b"0000").and_then(|()| output.flush()).map_err(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let mut bytes = Vec::new();
        write_packet(&mut bytes, b"version=1\0push-options").expect("memory takes it");
        write_packet(&mut bytes, b"").expect("memory takes it");
        write_flush(&mut bytes).expect("memory takes it");
        let mut input = bytes.as_slice();
        let mut next = || read_packet(&mut input).expect("well-formed");
        assert_eq!(next(), Some(Packet::Data(b"version=1\0push-options".to_vec())));
        assert_eq!(next(), Some(Packet::Data(Vec::new())));
        assert_eq!(next(), Some(Packet::Flush));
        assert_eq!(next(), None);
    }

    #[test]
    fn broken_lengths_are_refused() {
        for bytes in [&b"0003"[..], b"zzzz", b"fff9", b"00", b"0009ab"] {
            assert!(read_packet(&mut &*bytes).is_err(), "{bytes:?}");
        }
    }
}
