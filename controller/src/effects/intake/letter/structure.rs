//! The parts of a mail, found in one pass over its lines.
//!
//! ```text
//!   header ──blank line──► multipart: its boundary is pushed │ message: a part of its own begins │ anything else: body
//!      ▲                                                         a line `--boundary` of any that is open ends all inside of it
//!      └──────────────────────────────────────────────────────────────────────────┘
//! ```
//! Nothing here calls itself: how deep a mail is nested decides about the length of a list, not about our stack.
//! What is nested deeper, or has more parts, than any person sends is refused before anything is made of it.

use std::ops::Range;

use super::{
    head::{Head, Refused},
    params::{Media, media},
};

/// The most containers inside of each other.
const MOST_DEEP: usize = 50;

/// The most parts of one mail.
const MOST_PARTS: usize = 2_000;

/// The most header fields of all parts together.
const MOST_FIELDS: usize = 20_000;

/// One part of a mail; the first is the mail itself.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) head: Head<'a>,
    pub(super) media: Media,
    /// Where its body is, in the bytes of the mail.
    pub(super) body: Range<usize>,
    /// What is inside of it.
    pub(super) children: Vec<usize>,
}

/// The parts of a mail.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) parts: Vec<Part<'a>>,
    /// Whether the end of a multipart, or of the header, is missing.
    pub(super) is_cut: bool,
}

/// A container that is open.
struct Open {
    part: usize,
    /// The line that divides it; a message inside of a mail has none.
    boundary: Option<Vec<u8>>,
}

enum State {
    /// In a header that began there.
    Header(usize),
    /// In the body of a part without parts.
    Body(usize),
    /// Before the first or after the last part of a multipart.
    Between,
}

/// A line that divides a container.
struct Border {
    /// Which of the open containers, counted from outside.
    level: usize,
    /// Whether the container ends with this line.
    is_last: bool,
}

struct Walk<'a> {
    bytes: &'a [u8],
    parts: Vec<Part<'a>>,
    open: Vec<Open>,
    state: State,
    fields: usize,
}

/// Finds the parts.
///
/// # Errors
/// What no person sends: nesting, parts or headers without end.
pub(super) fn walk(bytes: &[u8]) -> Result<Tree<'_>, Refused> {
    let start = envelope(bytes);
    let mut walk =
        Walk { bytes, parts: Vec::new(), open: Vec::new(), state: State::Header(start), fields: 0 };
    let mut at = start;
    for line in bytes[start..].split_inclusive(|byte| *byte == b'\n') {
        walk.line(line, at)?;
        at += line.len();
    }
    walk.finish()
}

/// Returns where the header begins: after a byte order mark, blank lines and the line of a mailbox file.
fn envelope(bytes: &[u8]) -> usize {
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    if bytes[at..].starts_with(b"From ") || bytes[at..].starts_with(b">From ") {
        at += bytes[at..].iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    }
    at
}

impl<'a> Walk<'a> {
    fn line(&mut self, line: &[u8], at: usize) -> Result<(), Refused> {
        if line.starts_with(b"--")
            && let Some(border) = self.border(line)
        {
            return self.divide(border, at, at + line.len());
        }
        if let State::Header(from) = self.state
            && line.iter().all(u8::is_ascii_whitespace)
        {
            return self.begin(from..at, at + line.len());
        }
        Ok(())
    }

    /// Reads a line as one that divides an open container, the innermost first.
    fn border(&self, line: &[u8]) -> Option<Border> {
        self.open.iter().enumerate().rev().find_map(|(level, open)| {
            let rest = line[2..].strip_prefix(open.boundary.as_deref()?)?;
            let rest = rest.trim_ascii_end();
            let is_border = rest.is_empty() || rest.starts_with(b"--");
            is_border.then_some(Border { level, is_last: !rest.is_empty() })
        })
    }

    /// A dividing line: what is open inside of its container ends here.
    fn divide(&mut self, border: Border, at: usize, after: usize) -> Result<(), Refused> {
        let Border { level, is_last } = border;
        self.close(level + 1, at)?;
        if is_last {
            self.end_of(self.open[level].part, at);
            self.open.truncate(level);
            self.state = State::Between;
        } else {
            self.state = State::Header(after);
        }
        Ok(())
    }

    /// Ends everything from a level on, before the line break that belongs to the dividing line.
    fn close(&mut self, level: usize, at: usize) -> Result<(), Refused> {
        if let State::Header(from) = self.state {
            self.begin(from..at, at)?;
        }
        if let State::Body(part) = self.state {
            self.end_of(part, at);
        }
        for index in level..self.open.len() {
            self.end_of(self.open[index].part, at);
        }
        self.open.truncate(level);
        self.state = State::Between;
        Ok(())
    }

    fn end_of(&mut self, part: usize, at: usize) {
        let start = self.parts[part].body.start;
        let inside = &self.bytes[start..at.max(start)];
        let inside = inside.strip_suffix(b"\n").unwrap_or(inside);
        let inside = inside.strip_suffix(b"\r").unwrap_or(inside);
        self.parts[part].body.end = start + inside.len();
    }

    /// A header is over: its part begins.
    fn begin(&mut self, header: Range<usize>, body: usize) -> Result<(), Refused> {
        if self.parts.len() == MOST_PARTS {
            return Err(format!("it has more than {MOST_PARTS} parts"));
        }
        let head = Head::read(&self.bytes[header])?;
        self.fields += head.len();
        if self.fields > MOST_FIELDS {
            return Err(format!("its parts have more than {MOST_FIELDS} header fields"));
        }
        let parent = self.open.last().map(|open| open.part);
        let is_digest = parent.is_some_and(|parent| self.parts[parent].media.is("multipart/digest"));
        let media = media(&head, if is_digest { "message/rfc822" } else { "text/plain" });
        let index = self.parts.len();
        if let Some(parent) = parent {
            self.parts[parent].children.push(index);
        }
        let boundary = media.boundary().map(<[u8]>::to_vec);
        let is_message = media.is_message() && !is_encoded(&head);
        self.parts.push(Part { head, media, body: body..self.bytes.len().max(body), children: Vec::new() });
        if boundary.is_none() && !is_message {
            self.state = State::Body(index);
            return Ok(());
        }
        if self.open.len() == MOST_DEEP {
            return Err(format!("its parts are nested more than {MOST_DEEP} deep"));
        }
        self.state = if is_message { State::Header(body) } else { State::Between };
        self.open.push(Open { part: index, boundary });
        Ok(())
    }

    fn finish(mut self) -> Result<Tree<'a>, Refused> {
        let is_cut =
            matches!(self.state, State::Header(_)) || self.open.iter().any(|open| open.boundary.is_some());
        if let State::Header(from) = self.state {
            self.begin(from..self.bytes.len(), self.bytes.len())?;
        }
        if self.parts[0].head.is_empty() {
            return Err("it is no mail at all".to_owned());
        }
        Ok(Tree { parts: self.parts, is_cut })
    }
}

/// Returns whether a body has to be decoded before anything in it can be found.
fn is_encoded(head: &Head<'_>) -> bool {
    matches!(head.word("content-transfer-encoding").as_str(), "base64" | "quoted-printable")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(mail: &str) -> Vec<(String, &str)> {
        let tree = walk(mail.as_bytes()).unwrap();
        tree.parts.iter().map(|part| (part.media.name(), &mail[part.body.clone()])).collect()
    }

    #[test]
    fn parts_are_found_with_their_own_bytes() {
        let mail = "Content-Type: multipart/mixed; boundary=\"a b\"\r\n\r\npreamble\r\n--a b\r\n\r\none\r\n\r\n--a b \r\nContent-Type: text/html\r\n\r\ntwo\r\n--a b--\r\nepilogue\r\n";
        let found = shape(mail);
        assert_eq!(found[1], ("text/plain".to_owned(), "one\r\n"));
        assert_eq!(found[2], ("text/html".to_owned(), "two"));
        assert_eq!(found.len(), 3);
        assert!(!walk(mail.as_bytes()).unwrap().is_cut);
        assert!(walk(&mail.as_bytes()[..mail.len() - 15]).unwrap().is_cut);
    }

    #[test]
    fn an_outer_boundary_ends_what_is_inside() {
        let mail = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ninner\n--a\nContent-Type: message/rfc822\n\nSubject: s\n\nnested\n--a--\n";
        let names: Vec<String> = shape(mail).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["multipart/mixed", "multipart/mixed", "text/plain", "message/rfc822", "text/plain"]
        );
        assert_eq!(shape(mail)[2].1, "inner");
        assert_eq!(shape(mail)[3].1, "Subject: s\n\nnested");
        assert_eq!(shape(mail)[4].1, "nested");
    }

    #[test]
    fn a_boundary_that_begins_another_is_not_taken_for_it() {
        let mail = "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; boundary=x1\n\n--x1\n\na\n--x1--\n--x\n\nb\n--x--\n";
        let bodies: Vec<&str> =
            shape(mail).into_iter().filter(|(name, _)| name == "text/plain").map(|(_, body)| body).collect();
        assert_eq!(bodies, ["a", "b"]);
    }

    #[test]
    fn a_multipart_without_a_boundary_is_text() {
        assert_eq!(
            shape("Content-Type: multipart/mixed\n\nhello\n"),
            [("multipart/mixed".to_owned(), "hello\n")]
        );
    }

    /// Four ways to nest without end, none of which may cost a stack.
    #[test]
    fn nesting_without_end_is_refused() {
        let deep = 400_000;
        let message = "Content-Type: message/rfc822\n\n".repeat(deep);
        let encoded = "Content-Type: message/global\nContent-Transfer-Encoding: 8bit\n\n".repeat(deep / 4);
        let multipart: String = (0..deep / 8)
            .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"))
            .collect();
        let digest: String = (0..deep / 8)
            .map(|level| format!("Content-Type: multipart/digest; boundary=b{level}\n\n--b{level}\n\n"))
            .collect();
        for mail in [message, encoded, multipart, digest] {
            let refused = walk(mail.as_bytes()).unwrap_err();
            assert!(refused.contains("nested"), "{refused}");
        }
    }

    #[test]
    fn parts_without_end_are_refused() {
        let mail =
            format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(MOST_PARTS + 1));
        assert!(walk(mail.as_bytes()).unwrap_err().contains("parts"));
    }

    #[test]
    fn header_fields_without_end_are_refused() {
        let part = format!("--b\n{}\nx\n", "a: b\n".repeat(1_500));
        let mail = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", part.repeat(20));
        assert!(walk(mail.as_bytes()).unwrap_err().contains("header fields"));
    }

    #[test]
    fn a_mailbox_line_and_a_byte_order_mark_are_passed_over() {
        for mail in [
            "From a@x Fri Nov 20 2026\nSubject: s\n\nt",
            "\u{feff}Subject: s\n\nt",
            "\r\n\r\nSubject: s\n\nt",
        ] {
            assert_eq!(walk(mail.as_bytes()).unwrap().parts[0].head.text("subject", None).unwrap(), "s");
        }
        assert_eq!(walk(b"").unwrap_err(), "it is no mail at all");
        assert_eq!(walk(b"\n\nhello there\n").unwrap_err(), "it is no mail at all");
    }
}
