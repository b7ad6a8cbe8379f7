//! A letter: envelope and bytes, checked before anybody is connected to.

use adjutant_spec::{plan::Connector, shown};
use lettre::{
    Address, Message,
    address::Envelope,
    message::{
        Mailbox,
        header::{ContentType, Header, HeaderName, HeaderValue, MIME_VERSION_1_0},
    },
};
use serde_json::Value;

use crate::effects::outcome::Fault;

/// The most recipients of one letter.
const MAX_RECIPIENTS: usize = 50;

/// The most bytes of a body.
const MAX_BODY: usize = 1024 * 1024;

/// Says that a program wrote the letter (RFC 3834): whoever answers by itself leaves it unanswered, and no two programs
/// write to each other without end.
#[derive(Debug, Clone)]
struct AutoSubmitted(&'static str);

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Err("it is written and never read".into())
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.to_owned())
    }
}

/// What is handed to the server.
pub(super) struct Letter {
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
    /// The Message-ID, without angle brackets.
    pub(super) message_id: String,
}

impl Letter {
    /// Makes a letter from the arguments of `send`; the key becomes its Message-ID.
    pub(super) fn from_args(connector: &Connector, args: &Value, key: &str) -> Result<Self, Fault> {
        let setting = |name: &str| connector.settings.get(name).and_then(Value::as_str);
        let from = setting("from").ok_or_else(|| {
            Fault::unavailable(format!("mail connector \"{}\" has no `from` address", connector.id))
        })?;
        let from = mailbox(from)?;
        let message_id = format!("{key}@{}", from.email.domain());
        let mut builder = Message::builder()
            .message_id(Some(format!("<{message_id}>")))
            .from(from)
            .subject(line("subject", args)?)
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN);
        for to in mailboxes("to", args)? {
            builder = builder.to(to);
        }
        for cc in mailboxes("cc", args)? {
            builder = builder.cc(cc);
        }
        // A person may have approved it; a program wrote it all the same, and answers of programs to it help nobody.
        builder = match answered(args)? {
            Some(id) => {
                let id = format!("<{id}>");
                builder.in_reply_to(id.clone()).references(id).header(AutoSubmitted("auto-replied"))
            }
            None => builder.header(AutoSubmitted("auto-generated")),
        };
        let reply_to = args.get("reply_to").and_then(Value::as_str).or_else(|| setting("reply_to"));
        if let Some(reply_to) = reply_to {
            builder = builder.reply_to(mailbox(reply_to)?);
        }
        let message =
            builder.body(body(args)?).map_err(|error| Fault::invalid(format!("no letter: {error}")))?;
        Ok(Self { envelope: message.envelope().clone(), bytes: message.formatted(), message_id })
    }
}

/// Reads an address as the gate judged it; the host goes out as an A-label.
fn mailbox(text: &str) -> Result<Mailbox, Fault> {
    let judged: adjutant_spec::value::Mailbox =
        text.parse().map_err(|error| Fault::invalid(format!("\"{text}\" is no mail address: {error}")))?;
    let address = Address::new(judged.local(), judged.host())
        .map_err(|error| Fault::invalid(format!("\"{text}\" is no mail address: {error}")))?;
    Ok(Mailbox::new(judged.name().map(str::to_owned), address))
}

fn mailboxes(name: &str, args: &Value) -> Result<Vec<Mailbox>, Fault> {
    let texts: Vec<&str> = match args.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        Some(_) => return Err(Fault::invalid(format!("`{name}` is one address or a list of them"))),
    };
    if texts.len() > MAX_RECIPIENTS {
        return Err(Fault::invalid(format!("`{name}` names more than {MAX_RECIPIENTS} addresses")));
    }
    texts.into_iter().map(mailbox).collect()
}

/// A header's text: a line break in it would begin another header.
fn line(name: &str, args: &Value) -> Result<String, Fault> {
    let text = args.get(name).and_then(Value::as_str).unwrap_or_default();
    if text.chars().any(|one| one.is_control() && one != '\t') {
        return Err(Fault::invalid(format!("`{name}` has line breaks or control characters")));
    }
    Ok(text.to_owned())
}

/// Returns the Message-ID of the mail that is answered, without angle brackets.
fn answered(args: &Value) -> Result<Option<&str>, Fault> {
    let id = args.get("in_reply_to").and_then(Value::as_str).unwrap_or_default();
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    // A mail without an id is known by a digest here, which means nothing to its sender.
    if id.is_empty() || !id.contains('@') {
        return Ok(None);
    }
    let is_odd =
        |one: char| one.is_control() || one.is_whitespace() || matches!(one, '<' | '>') || !one.is_ascii();
    if id.len() > 250 || id.chars().any(is_odd) {
        return Err(Fault::invalid("`in_reply_to` is no Message-ID"));
    }
    Ok(Some(id))
}

fn body(args: &Value) -> Result<String, Fault> {
    let text = plain(args.get("body").and_then(Value::as_str).unwrap_or_default());
    if text.len() > MAX_BODY {
        return Err(Fault::invalid(format!("`body` is larger than {MAX_BODY} bytes")));
    }
    Ok(text)
}

/// Returns a text as a mail can carry it: line breaks of one kind, and control characters as the card showed them, written out.
/// A bare CR ends a header for some servers, NUL ends a mail, and ESC is obeyed by the reader's terminal.
fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut plain = String::with_capacity(text.len());
    for sign in text.chars() {
        if sign.is_control() && sign != '\n' && sign != '\t' {
            plain.push_str(&shown::line(sign.encode_utf8(&mut [0; 4])));
        } else {
            plain.push(sign);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::tests::plans;
    use serde_json::json;

    fn letter(args: &Value) -> Result<Letter, Fault> {
        Letter::from_args(&plans::mail("smtp://127.0.0.1:1"), args, "adjutant-run.3.0")
    }

    #[test]
    fn the_message_id_is_the_effects_key() {
        let letter =
            letter(&json!({ "to": "Ana <ana@x.example>", "subject": "Grüße", "body": "." })).unwrap();
        assert_eq!(letter.message_id, "adjutant-run.3.0@studio.example");
        let text = String::from_utf8(letter.bytes).unwrap();
        assert!(text.contains("Message-ID: <adjutant-run.3.0@studio.example>"), "{text}");
        assert!(text.contains("Reply-To: hello@studio.example"), "{text}");
    }

    #[test]
    fn every_letter_says_that_a_program_wrote_it() {
        let table = [
            (None, "auto-generated", None),
            (Some("m@client.example"), "auto-replied", Some("<m@client.example>")),
            (Some("<m@client.example>"), "auto-replied", Some("<m@client.example>")),
            (Some("blake3-00"), "auto-generated", None),
            (Some(""), "auto-generated", None),
        ];
        for (id, word, thread) in table {
            let args = json!({ "to": "a@b.example", "subject": "s", "body": "b", "in_reply_to": id });
            let text = String::from_utf8(letter(&args).unwrap().bytes).unwrap();
            assert!(text.contains(&format!("Auto-Submitted: {word}\r\n")), "{text}");
            assert_eq!(thread.is_some(), text.contains("In-Reply-To:"), "{text}");
            for name in ["In-Reply-To", "References"].iter().filter(|_| thread.is_some()) {
                assert!(text.contains(&format!("{name}: {}\r\n", thread.unwrap())), "{text}");
            }
        }
    }

    #[test]
    fn a_letter_is_mime_whatever_it_says() {
        for body in ["plain", "Grüße", "漢字", &"long ".repeat(400), "tab\there"] {
            let letter = letter(&json!({ "to": "a@b.example", "subject": "s", "body": body })).unwrap();
            let text = String::from_utf8(letter.bytes).unwrap();
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("MIME-Version: 1.0"), "{head}");
            assert!(head.contains("Content-Transfer-Encoding: "), "{head}");
            assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 998), "{text}");
        }
    }

    #[test]
    fn no_control_character_reaches_the_wire() {
        let body = "a\rb\r\nc\u{0}d\u{1b}[2Je\u{9b}f\u{7f}g\u{8}h\nend";
        let letter = letter(&json!({ "to": "a@b.example", "subject": "s", "body": body })).unwrap();
        let bytes = &letter.bytes;
        for (at, byte) in bytes.iter().enumerate() {
            let is_break = match byte {
                b'\r' => bytes.get(at + 1) == Some(&b'\n'),
                b'\n' => at > 0 && bytes[at - 1] == b'\r',
                _ => true,
            };
            assert!(is_break, "a bare line break at {at}: {:?}", String::from_utf8_lossy(bytes));
            assert!(*byte >= 0x20 || b"\r\n\t".contains(byte), "{byte:#x} at {at}");
        }
        let text = String::from_utf8_lossy(bytes);
        assert!(
            text.contains("\\u{1b}[2J") && text.contains("\\u{0}") && text.ends_with("h\r\nend"),
            "{text}"
        );
    }

    #[test]
    fn a_host_outside_ascii_goes_out_as_servers_know_it() {
        let letter = letter(&json!({ "to": "Info <info@bücher.example>", "cc": ["a@faß.example"], "subject": "s", "body": "b" })).unwrap();
        let to: Vec<String> = letter.envelope.to().iter().map(ToString::to_string).collect();
        assert_eq!(to, ["info@xn--bcher-kva.example", "a@xn--fa-hia.example"]);
        assert!(letter.bytes.is_ascii());
    }

    #[test]
    fn a_value_cannot_begin_a_header_of_its_own() {
        let table = [
            json!({ "to": "a@b.example\r\nBcc: c@d.example", "subject": "s", "body": "b" }),
            json!({ "to": "a@b.example", "subject": "s\r\nBcc: c@d.example", "body": "b" }),
            json!({ "to": "a@b.example", "subject": "s", "body": "b", "reply_to": "x\n@y" }),
            json!({ "to": "nobody", "subject": "s", "body": "b" }),
            json!({ "to": [], "subject": "s", "body": "b" }),
            json!({ "to": "a@b.example", "subject": "s", "body": "b", "in_reply_to": "x@y>\r\nBcc: c@d.example" }),
            json!({ "to": "a@b.example", "subject": "s", "body": "b", "in_reply_to": "x@y <z@y>" }),
        ];
        for args in table {
            assert!(letter(&args).is_err(), "{args}");
        }
    }
}
