//! A mail as fields: whoever wrote it, in whatever it was written, and however it was put together.
//!
//! Everything here is a stranger's. One pass finds the parts without calling itself; sizes, counts and depths are bounded
//! before anything is decoded; the caller gives it a thread of its own and a time to end. What is not certain is told in
//! the field `doubt`; nothing is left out without a word.

mod auto;
mod body;
mod charset;
mod head;
mod params;
mod structure;
#[cfg(test)]
mod tests;
mod transfer;
mod words;

use serde_json::{Value, json};

use auto::Origin;
use head::{Head, Mailbox};
use structure::Tree;

pub(in crate::effects) use head::Refused;

/// The most characters of text that go on.
const MOST_TEXT: usize = 100_000;

/// The most characters of a subject, and of a list of addresses.
const MOST_LINE: usize = 2_000;
const MOST_ADDRESSES: usize = 20_000;

/// The most bytes of an address, and characters of a name.
const MOST_OF_ADDRESS: usize = 320;
const MOST_OF_NAME: usize = 200;

/// The most ids of earlier mails; the newest are kept.
const MOST_REFERENCES: usize = 50;

/// The longest Message-ID that is taken for one.
const MOST_ID: usize = 250;

/// A mail that was read.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::effects) struct Letter {
    /// Its Message-ID, else the digest of its bytes.
    pub(in crate::effects) id: String,
    pub(in crate::effects) fields: Value,
    /// Whether it looks as if its end were missing.
    pub(in crate::effects) is_cut: bool,
}

/// Reads a mail.
///
/// # Errors
/// A sentence for the person who dropped it.
pub(in crate::effects) fn read(bytes: &[u8]) -> Result<Letter, Refused> {
    let tree = structure::walk(bytes)?;
    let head = &tree.parts[0].head;
    let hint = body::hint(&tree);
    let hint = hint.as_deref();
    let mut doubts = Vec::new();
    let subject = cut(head.text("subject", hint).unwrap_or_default(), MOST_LINE, "its subject", &mut doubts);
    let origin = auto::origin(bytes, &tree, &subject);
    let Mailbox { address: from, name } = sender(head, hint, &origin)?;
    let from_name = cut(name, MOST_OF_NAME, "its sender's name", &mut doubts);
    let body = body::body(bytes, &tree);
    doubts.extend(body.doubts);
    let text = cut(body.texts.join("\n\n"), MOST_TEXT, "its text", &mut doubts);
    if tree.is_cut {
        doubts.push("its end is missing".to_owned());
    }
    if head.count("from") > 1 || head.addresses("from", hint).len() > 1 {
        doubts.push("it names more than one sender".to_owned());
    }
    let mut addresses = |name: &str| cut(recipients(head, name, hint), MOST_ADDRESSES, name, &mut doubts);
    let (to, cc) = (addresses("to"), addresses("cc"));
    let id = id(head).unwrap_or_else(|| format!("blake3-{}", blake3::hash(bytes).to_hex()));
    let answer_to = head.addresses("reply-to", hint).into_iter().map(|mailbox| mailbox.address);
    let reply_to = answer_to.into_iter().find(|address| is_address(address)).unwrap_or_else(|| from.clone());
    let fields = json!({
        "message_id": id,
        "from": from,
        "from_name": from_name,
        "reply_to": reply_to,
        "to": to,
        "cc": cc,
        "subject": subject,
        "text": text,
        "date": head.moment("date").unwrap_or_default(),
        "in_reply_to": origin.bounced.clone().or_else(|| head.ids("in-reply-to").into_iter().next()).unwrap_or_default(),
        "references": references(head),
        "auto": origin.auto,
        "list": origin.list,
        "bounce": origin.bounce,
        "bounce_of": origin.bounce_of,
        "attachments": body.attachments,
        "doubt": doubts.join("; "),
    });
    Ok(Letter { id, fields, is_cut: is_unfinished(bytes, &tree) })
}

/// Cuts a text that has more characters than `most`, and says so of `what` it is.
fn cut(text: String, most: usize, what: &str, doubts: &mut Vec<String>) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text };
    doubts.push(format!("{what} is cut: {} further characters are left out", text[end..].chars().count()));
    text[..end].to_owned()
}

fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && text.len() <= MOST_OF_ADDRESS
        && !text.chars().any(|one| one.is_whitespace() || one.is_control())
}

/// Who wrote it: `From`, else `Sender`. A report of a mail server may come from a name without an address.
fn sender(head: &Head<'_>, hint: Option<&str>, origin: &Origin) -> Result<Mailbox, Refused> {
    let named = ["from", "sender"].into_iter().flat_map(|name| head.addresses(name, hint));
    let mut named: Vec<Mailbox> = named.collect();
    if let Some(first) = named.iter().position(|mailbox| is_address(&mailbox.address)) {
        return Ok(named.swap_remove(first));
    }
    match named.into_iter().next() {
        Some(Mailbox { address, name }) if !origin.bounce.is_empty() => {
            Ok(Mailbox { address: if address.is_empty() { name.clone() } else { address }, name })
        }
        _ => Err("it has no `From` address".to_owned()),
    }
}

/// All of them in one text, as a header has them.
fn recipients(head: &Head<'_>, name: &str, hint: Option<&str>) -> String {
    let all = head.addresses(name, hint).into_iter().map(|mailbox| mailbox.address);
    all.filter(|address| !address.is_empty()).collect::<Vec<_>>().join(", ")
}

fn references(head: &Head<'_>) -> Vec<String> {
    let mut ids = head.ids("references");
    ids.drain(..ids.len().saturating_sub(MOST_REFERENCES));
    ids
}

/// The Message-ID, where it is one: what a run's key is made from must not be of any length or hold anything.
fn id(head: &Head<'_>) -> Option<String> {
    let id = head.ids("message-id").into_iter().next()?;
    let is_sound = id.len() <= MOST_ID && !id.chars().any(|one| one.is_control() || one.is_whitespace());
    is_sound.then_some(id)
}

/// Returns whether more of it may come: a multipart without its end, or a last line without a line break.
fn is_unfinished(bytes: &[u8], tree: &Tree<'_>) -> bool {
    tree.is_cut || !bytes.ends_with(b"\n")
}
