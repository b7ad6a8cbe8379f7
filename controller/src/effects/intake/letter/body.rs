//! What a mail says, and what is attached to it.
//!
//! The text is every part that a mail program would show as text, in order; of alternatives the plain one where it says
//! anything. A mail inside of a mail is an attachment and is not opened; so is everything that is signed or encrypted
//! beyond what is plain to read. An attachment is known by name, type, size and digest; its bytes stay in the mail, which
//! lies in `done/`.

use std::borrow::Cow;

use mail_parser::decoders::html::html_to_text;
use serde_json::{Value, json};

use super::{
    charset,
    params::disposition,
    structure::{Part, Tree},
    transfer::{Unquoted, base64, quoted},
};

/// The most bytes of one part that are read as text.
const MOST_BYTES: usize = 1024 * 1024;

/// The most bytes of HTML that are made text.
const MOST_HTML: usize = 2 * 1024 * 1024;

/// The most attachments that are listed.
const MOST_LISTED: usize = 200;

/// What a mail says, read out of all of its parts.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) texts: Vec<String>,
    pub(super) attachments: Vec<Value>,
    /// How many there are that are not listed.
    pub(super) unlisted: usize,
    /// What is not certain, or not readable, about it: sentences without their period.
    pub(super) doubts: Vec<String>,
}

/// Reads the body of a mail.
pub(super) fn body(bytes: &[u8], tree: &Tree<'_>) -> Body {
    let reader = Reader { bytes, tree, hint: hint(tree) };
    let mut body = Body::default();
    reader.take(0, &mut body);
    if body.unlisted > 0 {
        body.doubts.push(format!("{} further attachments are not listed", body.unlisted));
    }
    body
}

/// Returns the charset that the first text declares: what raw bytes in a header are most likely in.
pub(super) fn hint(tree: &Tree<'_>) -> Option<String> {
    let text = tree.parts.iter().find(|part| part.media.is("text/") && part.media.param("charset").is_some());
    text.and_then(|part| part.media.param("charset")).map(str::to_owned)
}

/// One of the forms in which a mail says the same.
struct Alternative {
    is_plain: bool,
    body: Body,
}

struct Reader<'a> {
    bytes: &'a [u8],
    tree: &'a Tree<'a>,
    hint: Option<String>,
}

impl Reader<'_> {
    /// Takes in a part with everything inside of it. The walk that made the tree bounds how deep this goes.
    fn take(&self, index: usize, body: &mut Body) {
        let part = &self.tree.parts[index];
        if part.media.is_message() {
            return self.attach(index, body);
        }
        if part.media.boundary().is_none() {
            return self.leaf(index, body);
        }
        let media = &part.media;
        if media.is("multipart/alternative") {
            return self.alternatives(&part.children, body);
        }
        if media.is("multipart/encrypted") {
            body.doubts.push("it is encrypted, and nobody here can read it".to_owned());
            part.children.iter().for_each(|child| self.attach(*child, body));
            return;
        }
        // Beside the first part there is what belongs to it: pictures of a page, a signature, a report for machines.
        let is_led =
            ["multipart/related", "multipart/signed", "multipart/report"].iter().any(|name| media.is(name));
        for (place, child) in part.children.iter().enumerate() {
            if is_led && place > 0 && self.tree.parts[*child].media.boundary().is_none() {
                self.attach(*child, body);
            } else {
                self.take(*child, body);
            }
        }
    }

    /// The first that is plain and says something; else the last that says anything.
    fn alternatives(&self, children: &[usize], body: &mut Body) {
        let mut read: Vec<Alternative> = Vec::new();
        for child in children {
            let mut one = Body::default();
            self.take(*child, &mut one);
            let is_plain = !self.tree.parts[*child].media.is("text/html");
            read.push(Alternative { is_plain, body: one });
        }
        let says = |one: &Alternative| !one.body.texts.is_empty();
        let plain = read.iter().position(|one| one.is_plain && says(one));
        let chosen = plain.or_else(|| read.iter().rposition(says));
        for (index, Alternative { body: one, .. }) in read.into_iter().enumerate() {
            body.unlisted += one.unlisted;
            one.attachments.into_iter().for_each(|attachment| body.list(attachment));
            if Some(index) == chosen {
                body.texts.extend(one.texts);
                body.doubts.extend(one.doubts);
            }
        }
    }

    fn leaf(&self, index: usize, body: &mut Body) {
        let part = &self.tree.parts[index];
        let shown = disposition(&part.head, self.hint.as_deref());
        let media = &part.media;
        // A multipart without its dividing lines is what it looks like: text.
        let is_shown = ["text/plain", "text/html", "text/enriched", "text/richtext", "multipart/"]
            .iter()
            .any(|shown| media.is(shown));
        if shown.is_attachment || shown.file_name.is_some() || !is_shown {
            return self.attach(index, body);
        }
        let text = self.text(part, body);
        if text.trim_start().starts_with("-----BEGIN PGP MESSAGE-----") {
            body.doubts.push("its text is encrypted, and nobody here can read it".to_owned());
        }
        if !text.is_empty() {
            body.texts.push(text);
        }
    }

    fn text(&self, part: &Part<'_>, body: &mut Body) -> String {
        let bytes = self.decoded(part, body);
        let bytes = beginning(&bytes, body);
        let declared = part.media.param("charset").or_else(|| meta_charset(part, bytes));
        let read = charset::read(bytes, declared);
        body.doubts.extend(read.doubt.map(|doubt| format!("the text is {doubt}")));
        let text = if part.media.is("text/html") { shown(&read.text, body) } else { read.text };
        text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
    }

    fn decoded(&self, part: &Part<'_>, body: &mut Body) -> Cow<'_, [u8]> {
        let raw = &self.bytes[part.body.clone()];
        match part.head.word("content-transfer-encoding").as_str() {
            "base64" => base64(raw).into(),
            "quoted-printable" => {
                let Unquoted { bytes, is_broken } = quoted(raw);
                if is_broken {
                    body.doubts.push("its quoted-printable encoding is broken in places".to_owned());
                }
                bytes.into()
            }
            "" | "7bit" | "8bit" | "binary" => raw.into(),
            other => {
                body.doubts.push(format!("it is encoded as \"{other}\", which nobody here can read"));
                raw.into()
            }
        }
    }

    /// Lists a part as an attachment.
    fn attach(&self, index: usize, body: &mut Body) {
        let part = &self.tree.parts[index];
        let media = part.media.name();
        let name = disposition(&part.head, self.hint.as_deref()).file_name;
        let name = name.unwrap_or_else(|| self.unnamed(index));
        let mut doubts = Body::default();
        let bytes = self.decoded(part, &mut doubts);
        let sealed = match media.as_str() {
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => match part.media.param("smime-type") {
                Some("signed-data") => {
                    Some("its text is inside of a signature (S/MIME), which is not opened")
                }
                _ => Some("it is encrypted (S/MIME), and nobody here can read it"),
            },
            "application/ms-tnef" | "application/vnd.ms-tnef" => {
                Some("what it says may be in winmail.dat, which only Outlook reads")
            }
            _ => None,
        };
        body.doubts.extend(sealed.map(str::to_owned));
        body.list(json!({
            "name": name,
            "type": media,
            "bytes": bytes.len(),
            "digest": blake3::hash(&bytes).to_hex().to_string(),
        }));
    }

    /// A name for what has none, by its type.
    fn unnamed(&self, index: usize) -> String {
        let part = &self.tree.parts[index];
        let name = match part.media.name().as_str() {
            "text/calendar" => "invite.ics",
            "text/html" => "text.html",
            "text/plain" => "text.txt",
            "application/ms-tnef" | "application/vnd.ms-tnef" => "winmail.dat",
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => "smime.p7m",
            "application/pgp-signature" => "signature.asc",
            name if name.starts_with("message/") => {
                let inner = part.children.first().map(|child| &self.tree.parts[*child].head);
                let subject = inner.and_then(|head| head.text("subject", self.hint.as_deref()));
                let subject: Option<String> = subject.map(|subject| subject.chars().take(100).collect());
                return subject.filter(|subject| !subject.is_empty()).unwrap_or_else(|| "message".to_owned())
                    + ".eml";
            }
            _ => "unnamed",
        };
        name.to_owned()
    }
}

impl Body {
    fn list(&mut self, attachment: Value) {
        if self.attachments.len() < MOST_LISTED {
            self.attachments.push(attachment);
        } else {
            self.unlisted += 1;
        }
    }
}

/// As much of a text as anybody reads, in whole lines: a character must not be cut.
fn beginning<'a>(bytes: &'a [u8], body: &mut Body) -> &'a [u8] {
    let Some(head) = bytes.get(..MOST_BYTES).filter(|_| bytes.len() > MOST_BYTES) else { return bytes };
    body.doubts.push(format!("{} further bytes of its text are not read", bytes.len() - MOST_BYTES));
    let end = head.iter().rposition(|byte| *byte == b'\n').unwrap_or(MOST_BYTES);
    &head[..end]
}

/// HTML says its charset inside of itself where the mail does not.
fn meta_charset<'a>(part: &Part<'_>, bytes: &'a [u8]) -> Option<&'a str> {
    let head = bytes.get(..bytes.len().min(2_048)).filter(|_| part.media.is("text/html"))?;
    let text = head.utf8_chunks().next()?.valid();
    let at = text.to_ascii_lowercase().find("charset=")?;
    let label = text.get(at + 8..)?.trim_start_matches(['"', '\'']);
    label.split(|one: char| !(one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | ':'))).next()
}

/// HTML as text: every block on lines of its own.
fn shown(html: &str, body: &mut Body) -> String {
    let end = (0..=html.len().min(MOST_HTML)).rev().find(|end| html.is_char_boundary(*end)).unwrap_or(0);
    if end < html.len() {
        body.doubts.push(format!("{} further bytes of its page are not read", html.len() - end));
    }
    let mut page = html[..end].to_owned();
    for block in
        ["</div>", "</tr>", "</li>", "</h1>", "</h2>", "</h3>", "</blockquote>", "</DIV>", "</TR>", "</LI>"]
    {
        page = page.replace(block, &format!("{block}<br>"));
    }
    page = page.replace("</td>", "</td> ").replace("</TD>", "</TD> ");
    let text = html_to_text(&page);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut out = String::with_capacity(text.len());
    let mut blank = 0;
    for line in lines {
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank < 2 {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}
