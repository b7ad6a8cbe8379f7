//! The header of a mail or of a part: its fields, as they came.

use mail_parser::{Addr, HeaderValue, parsers::MessageStream};

use super::words;

/// Why a mail is not taken: a sentence for the person who dropped it, without its period.
pub(in crate::effects) type Refused = String;

/// The most bytes of one header.
const MOST_BYTES: usize = 512 * 1024;

/// The most fields of one header.
const MOST_FIELDS: usize = 2_000;

/// The most characters of an id of a mail: the longest line that the standard allows.
const MOST_OF_ID: usize = 998;

/// The most bytes of one field that are read: long lists of recipients are cut here.
const MOST_OF_FIELD: usize = 128 * 1024;

/// The fields of a header in their order.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    fields: Vec<Field<'a>>,
}

#[derive(Debug)]
struct Field<'a> {
    /// In lower case.
    name: String,
    value: &'a [u8],
}

/// Somebody that a mail names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mailbox {
    /// As it came: it may be none.
    pub(super) address: String,
    /// What stands before the address; often empty.
    pub(super) name: String,
}

impl<'a> Head<'a> {
    /// Reads the bytes of a header; lines that are no fields are passed over.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        if bytes.len() > MOST_BYTES {
            return Err(format!("its header has more than {MOST_BYTES} bytes"));
        }
        let mut fields = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (field, after) = rest.split_at(end_of_field(rest));
            rest = after;
            let Some(colon) = field.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (field[..colon].trim_ascii(), &field[colon + 1..]);
            if name.is_empty() || name.iter().any(|byte| !byte.is_ascii_graphic()) {
                continue;
            }
            if fields.len() == MOST_FIELDS {
                return Err(format!("its header has more than {MOST_FIELDS} fields"));
            }
            let value = &value[..value.len().min(MOST_OF_FIELD)];
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            fields.push(Field { name, value: value.trim_ascii() });
        }
        Ok(Self { fields })
    }

    /// Returns how many fields it has.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Returns whether nothing in it is a field.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns the bytes of the first field of a name.
    pub(super) fn raw(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value)
    }

    /// Returns whether there is a field of the name, or of a name that begins so where it ends in `*`.
    pub(super) fn has(&self, name: &str) -> bool {
        match name.strip_suffix('*') {
            Some(begin) => self.fields.iter().any(|field| field.name.starts_with(begin)),
            None => self.raw(name).is_some(),
        }
    }

    /// Returns how often a field is there.
    pub(super) fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|field| field.name == name).count()
    }

    /// Returns the first word of a field in lower case: without comments and parameters.
    pub(super) fn word(&self, name: &str) -> String {
        let value = self.raw(name).map(String::from_utf8_lossy).unwrap_or_default();
        let word = value.split([';', '(', ',']).next().unwrap_or_default().trim();
        word.to_ascii_lowercase()
    }

    /// Returns the text of an unstructured field.
    pub(super) fn text(&self, name: &str, hint: Option<&str>) -> Option<String> {
        self.raw(name).map(|value| words::text(value, hint))
    }

    /// Returns the addresses of a field, in their order, groups resolved.
    pub(super) fn addresses(&self, name: &str, hint: Option<&str>) -> Vec<Mailbox> {
        let Some(value) = self.raw(name) else { return Vec::new() };
        let line = format!("{}\n", words::structured(value, hint));
        let HeaderValue::Address(found) = MessageStream::new(line.as_bytes()).parse_address() else {
            return Vec::new();
        };
        let trimmed = |text: Option<&str>| text.unwrap_or_default().trim().to_owned();
        let mailbox = |one: &Addr<'_>| Mailbox { address: trimmed(one.address()), name: trimmed(one.name()) };
        found.iter().map(mailbox).collect()
    }

    /// Returns the message ids of a field, without angle brackets.
    pub(super) fn ids(&self, name: &str) -> Vec<String> {
        let Some(value) = self.raw(name) else { return Vec::new() };
        let line = [&words::structured(value, None).into_bytes(), b"\n".as_slice()].concat();
        let ids = match MessageStream::new(&line).parse_id() {
            HeaderValue::Text(one) => vec![one.into_owned()],
            HeaderValue::TextList(many) => many.into_iter().map(std::borrow::Cow::into_owned).collect(),
            _ => Vec::new(),
        };
        ids.into_iter()
            .map(|id| id.trim().to_owned())
            .filter(|id| !id.is_empty() && id.len() <= MOST_OF_ID)
            .collect()
    }

    /// Returns the moment of a date field, as RFC 3339 has it.
    pub(super) fn moment(&self, name: &str) -> Option<String> {
        let line = [self.raw(name)?, b"\n".as_slice()].concat();
        match MessageStream::new(&line).parse_date() {
            HeaderValue::DateTime(date) if date.is_valid() => Some(date.to_rfc3339()),
            _ => None,
        }
    }
}

/// Returns where a field ends: at a line end that no white space follows.
fn end_of_field(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let Some(line) = bytes[at..].iter().position(|byte| *byte == b'\n') else { return bytes.len() };
        at += line + 1;
        match bytes.get(at) {
            Some(b' ' | b'\t') => {}
            _ => return at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_folded_and_whatever_their_case() {
        let head =
            Head::read(b"FROM: a@x.example\r\nno field\r\nSubject : folded\r\n\tonce\r\nList-Id: <l>\r\n")
                .unwrap();
        assert_eq!(head.text("subject", None).unwrap(), "folded\tonce");
        let from = Mailbox { address: "a@x.example".to_owned(), name: String::new() };
        assert_eq!(head.addresses("from", None), [from]);
        assert!(head.has("list-*") && !head.has("list"));
    }

    #[test]
    fn addresses_keep_their_names_and_groups_open() {
        let head = "To: =?utf-8?Q?J=C3=B6rg,_X?= <j@x.example>, \"A, B\" <a@x.example>, friends: c@x.example, d@x.example;\r\n";
        let found = Head::read(head.as_bytes()).unwrap().addresses("to", None);
        let addresses: Vec<&str> = found.iter().map(|mailbox| mailbox.address.as_str()).collect();
        assert_eq!(addresses, ["j@x.example", "a@x.example", "c@x.example", "d@x.example"]);
        assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("Jörg, X", "A, B"));
    }

    #[test]
    fn a_header_has_an_end() {
        assert!(Head::read(&b"x: y\n".repeat(MOST_FIELDS + 1)).unwrap_err().contains("fields"));
        assert!(Head::read(&b"a".repeat(MOST_BYTES + 1)).unwrap_err().contains("bytes"));
        let long = [b"To: ".as_slice(), &b"a@x.example, ".repeat(30_000)].concat();
        assert!(Head::read(&long).unwrap().addresses("to", None).len() < 12_000);
    }

    #[test]
    fn ids_and_dates_are_read() {
        let head = Head::read(b"References: <a@x> <b@x>\r\n <c@x>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0100\r\nIn-Reply-To: c@x\r\n").unwrap();
        assert_eq!(head.ids("references"), ["a@x", "b@x", "c@x"]);
        assert_eq!(head.ids("in-reply-to"), ["c@x"]);
        assert_eq!(head.moment("date").unwrap(), "2026-11-20T10:00:00+01:00");
        assert_eq!(head.moment("references"), None);
    }
}
