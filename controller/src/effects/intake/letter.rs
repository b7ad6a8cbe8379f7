//! A mail as fields: text first, HTML as text where there is nothing else, no attachment.

use mail_parser::{Address, Message, MessageParser, decoders::html::html_to_text};
use serde_json::{Value, json};

/// The most characters of text that go on.
const MAX_TEXT: usize = 100_000;

/// A mail that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Letter {
    /// Its Message-ID, else the digest of its bytes.
    pub(super) id: String,
    pub(super) fields: Value,
}

/// Reads a mail.
///
/// # Errors
/// A sentence for the person who dropped it.
pub(super) fn read(bytes: &[u8]) -> Result<Letter, String> {
    let message = MessageParser::default().parse(bytes).ok_or("it is no mail at all")?;
    let (from, from_name) = sender(&message).ok_or("it has no `From` address")?;
    let text = text(&message).ok_or("it has no text")?;
    let digest = || format!("blake3-{}", blake3::hash(bytes).to_hex());
    let id =
        message.message_id().map(str::trim).filter(|id| !id.is_empty()).map_or_else(digest, str::to_owned);
    let fields = json!({
        "message_id": id,
        "from": from,
        "from_name": from_name,
        "to": recipients(&message),
        "subject": message.subject().unwrap_or_default(),
        "text": text,
        "date": message.date().map(mail_parser::DateTime::to_rfc3339).unwrap_or_default(),
    });
    Ok(Letter { id, fields })
}

fn sender(message: &Message<'_>) -> Option<(String, String)> {
    let first = message.from().and_then(Address::first)?;
    let address = first.address().filter(|address| address.contains('@'))?;
    Some((address.to_owned(), first.name().unwrap_or_default().to_owned()))
}

/// All of them in one text, as a header has them.
fn recipients(message: &Message<'_>) -> String {
    let all = message.to().into_iter().flat_map(Address::iter);
    all.filter_map(|one| one.address()).collect::<Vec<_>>().join(", ")
}

fn text(message: &Message<'_>) -> Option<String> {
    let text = match message.text_part(0).is_some_and(|part| part.is_text_html()) {
        // The parser offers the HTML part as the text body where there is no other.
        true => message.body_html(0).map(|html| html_to_text(&html)),
        false => message.body_text(0).map(std::borrow::Cow::into_owned),
    };
    let text: String = text?.trim().replace("\r\n", "\n").chars().take(MAX_TEXT).collect();
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_preferred_and_encodings_are_undone() {
        let mail = "From: =?utf-8?q?J=C3=B6rg?= <j@x.example>\r\nTo: hello@studio.example\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\
            Message-ID: <42@x.example>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>HTML</p>\r\n--b--\r\n";
        let letter = read(mail.as_bytes()).unwrap();
        assert_eq!(letter.id, "42@x.example");
        let expected = json!({ "message_id": "42@x.example", "from": "j@x.example", "from_name": "Jörg", "to": "hello@studio.example",
            "subject": "Grüße", "text": "Grüße", "date": "2026-11-20T10:00:00+01:00" });
        assert_eq!(letter.fields, expected);
    }

    #[test]
    fn html_alone_becomes_text() {
        let mail = "From: a@x.example\r\nContent-Type: text/html\r\n\r\n<html><style>p{}</style><p>We need a <b>quote</b></p></html>";
        let letter = read(mail.as_bytes()).unwrap();
        assert_eq!(letter.fields["text"], "We need a quote");
        assert!(letter.id.starts_with("blake3-"));
        assert_eq!(letter, read(mail.as_bytes()).unwrap());
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_a_reason() {
        assert_eq!(read(b"").unwrap_err(), "it is no mail at all");
        assert_eq!(read(b"Subject: x\r\n\r\nbody").unwrap_err(), "it has no `From` address");
        assert_eq!(read(b"From: a@x.example\r\n\r\n").unwrap_err(), "it has no text");
    }
}
